//! The parameters of functions.

use super::text::{bracketed, generics, identifier, list, words};

/// A function, as its signature says.
#[derive(Debug, PartialEq)]
pub struct Function {
    pub line: usize,
    pub name: String,
    /// Without `self`.
    pub parameters: Vec<Parameter>,
}

#[derive(Debug, PartialEq)]
pub struct Parameter {
    pub pattern: String,
    pub ty: String,
}

/// Every function with a body or in a trait; those that macros make of their own arguments are left out.
pub fn functions(code: &str) -> Vec<Function> {
    words(code, "fn").filter_map(|at| function(code, at)).collect()
}

fn function(code: &str, at: usize) -> Option<Function> {
    let mut rest = code[at + "fn".len()..].trim_start();
    let name = identifier(rest);
    rest = rest[name.len()..].trim_start();
    if rest.starts_with('<') {
        rest = rest[generics(rest)..].trim_start();
    }
    if name.is_empty() || !rest.starts_with('(') {
        return None;
    }
    let inside = &rest[1..bracketed(rest) - 1];
    let parameters = list(inside).into_iter().filter_map(parameter).collect();
    let line = code[..at].matches('\n').count() + 1;
    (!inside.contains('$')).then(|| Function { line, name: name.to_owned(), parameters })
}

/// None: `self`.
fn parameter(text: &str) -> Option<Parameter> {
    let mut text = text;
    while text.starts_with("#[") {
        text = text[1 + bracketed(&text[1..])..].trim_start();
    }
    // At the first colon that belongs to no path.
    let colon = text.replace("::", "  ").find(':');
    let (pattern, ty) = colon.map_or((text, ""), |at| (&text[..at], text[at + 1..].trim()));
    let words: Vec<_> = pattern.split_whitespace().flat_map(|w| w.split('&')).collect();
    (!words.contains(&"self")).then(|| Parameter { pattern: pattern.trim().to_owned(), ty: ty.to_owned() })
}

impl Parameter {
    /// Whether it bundles several values: a tuple, by its pattern or by its type, also behind a reference or in an
    /// `Option`. (Slices, lists and iterators of pairs are data.) `aliases`: names that stand for tuples.
    pub fn is_tuple(&self, aliases: &[String]) -> bool {
        self.pattern.trim_start_matches(['&', ' ']).starts_with('(') || is_tuple(&self.ty, aliases)
    }
}

fn is_tuple(ty: &str, aliases: &[String]) -> bool {
    let mut ty = ty.trim();
    while let Some(behind) = ty.strip_prefix('&') {
        let behind = behind.trim_start();
        let behind = behind.strip_prefix('\'').map_or(behind, |l| &l[identifier(l).len()..]);
        ty = behind.trim_start().trim_start_matches("mut ").trim_start();
    }
    if ty.starts_with('(') {
        return list(&ty[1..bracketed(ty) - 1]).len() > 1;
    }
    let name = identifier(ty);
    if ["Option", "Result", "Box", "Rc", "Arc"].contains(&name) && ty[name.len()..].starts_with('<') {
        let inside = &ty[name.len() + 1..name.len() + generics(&ty[name.len()..]) - 1];
        return list(inside).first().is_some_and(|first| is_tuple(first, aliases));
    }
    aliases.iter().any(|alias| alias == name)
}

/// Names that a `type` declares for a tuple.
pub fn tuple_aliases(code: &str) -> Vec<String> {
    words(code, "type")
        .filter_map(|at| {
            let rest = code[at + "type".len()..].trim_start();
            let name = identifier(rest);
            let mut value = rest[name.len()..].trim_start();
            if value.starts_with('<') {
                value = value[generics(value)..].trim_start();
            }
            is_tuple(value.strip_prefix('=')?, &[]).then(|| name.to_owned())
        })
        .collect()
}

#[test]
fn signatures_are_read() {
    let code = "
        pub(super) async unsafe fn one<'a, F: Fn(u8) -> (u8, u8), const N: usize>(
            &'a mut self,
            #[cfg(unix)] mut x: Vec<(String, f64)>,
            f: &dyn Fn(usize, &[f32]) -> bool,
            p: crate::a::B<N>,
        ) -> (u8, u8)
        where
            F: Clone,
        {
            let g = |(a, b): (u8, u8)| a + b;
            let h: fn(u8, (u8, u8)) = two;
        }
    ";
    let [one] = &functions(code)[..] else { panic!("{:?}", functions(code)) };
    assert_eq!((one.line, one.name.as_str()), (2, "one"));
    let patterns: Vec<_> = one.parameters.iter().map(|p| p.pattern.as_str()).collect();
    assert_eq!(patterns, ["mut x", "f", "p"]);
    assert!(one.parameters.iter().all(|p| !p.is_tuple(&[])));
}

#[test]
fn tuples_are_found() {
    let aliases = tuple_aliases("type Pair<'a> = (&'a str, u8); type Names = Vec<(String, u8)>; type Unit = ();");
    assert_eq!(aliases, ["Pair"]);
    for bundle in [
        "(a, b): (u8, u8)",
        "&(a, b): &(u8, u8)",
        "x: (u8, Vec<u8>)",
        "mut x: Option<(&mut Vec<u8>, bool)>",
        "x: &'a mut (u8, u8)",
        "x: Result<(u8, u8), Error<'_>>",
        "x: &Pair<'_>",
        "(text, logprobs): Piece",
    ] {
        let code = format!("fn f(first: u8, {bundle}) {{}}");
        assert!(functions(&code)[0].parameters[1].is_tuple(&aliases), "{bundle}");
    }
    for fine in ["x: &[(u8, u8)]", "x: impl Iterator<Item = (u8, u8)>", "x: (u8)", "x: &(dyn Any + Send)", "x: ()"] {
        let code = format!("fn f({fine}) {{}}");
        assert!(!functions(&code)[0].parameters[0].is_tuple(&aliases), "{fine}");
    }
}
