//! Which file of a module uses which other file of it.
//!
//! A path is followed through modules and re-exports to the file that declares its item, so a name that `mod.rs` hands on
//! is not the use of `mod.rs`. Methods are not followed: an `impl` block may stand in any file.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::text::{bracketed, identifier, words};

/// A module's path, `["ops", "cpu", "gemm"]`; the file `x/mod.rs` or `x.rs` is the module `x`.
pub type Module = Vec<String>;

struct File {
    uses: Vec<Use>,
    /// Without `use` and `mod` declarations.
    code: String,
}

/// One name that a `use` declaration brings into scope.
#[derive(Debug, PartialEq)]
struct Use {
    path: Vec<String>,
    name: String,
    public: bool,
}

/// All files of the crate, by their modules.
pub struct Files(BTreeMap<Module, File>);

impl Files {
    /// `sources`: each file's module and code, without literals and tests.
    pub fn new(sources: impl IntoIterator<Item = (Module, String)>) -> Self {
        Self(sources.into_iter().map(|(module, code)| (module, read(&code))).collect())
    }

    /// Every file that uses itself through others of its top-level module: the shortest such chain, one for each group of
    /// files.
    pub fn cycles(&self) -> Vec<String> {
        let edges: BTreeMap<&Module, BTreeSet<Module>> = self.0.keys().map(|m| (m, self.uses_of(m))).collect();
        let mut seen = BTreeSet::new();
        let mut cycles = Vec::new();
        for module in self.0.keys() {
            if seen.contains(module) {
                continue;
            }
            if let Some(cycle) = shortest_cycle(module, &edges) {
                cycles.push(cycle.iter().map(|m| m.join("::")).collect::<Vec<_>>().join(" -> "));
                seen.extend(cycle);
            }
        }
        cycles
    }

    /// The files of the same top-level module that a file uses.
    fn uses_of(&self, module: &Module) -> BTreeSet<Module> {
        let file = &self.0[module];
        let mut used = BTreeSet::new();
        let mut modules: BTreeMap<&str, Module> = BTreeMap::new();
        for u in &file.uses {
            match self.declared(module, &u.path, 0) {
                Some(Declared::Module(declared)) => drop(modules.insert(&u.name, declared)),
                Some(Declared::In(file_of)) if !u.public || is_used(&file.code, &u.name) => drop(used.insert(file_of)),
                _ => {}
            }
        }
        for path in paths(&file.code) {
            let declared = match modules.get(path[0].as_str()) {
                Some(imported) => self.declared_below(imported, &path[1..], 0),
                None => self.declared(module, &path, 0),
            };
            if let Some(Declared::In(file) | Declared::Module(file)) = declared {
                used.insert(file);
            }
        }
        used.retain(|u| u != module && u.first() == module.first());
        used
    }

    /// What a path that is written in `module` leads to; None: out of the crate.
    fn declared(&self, module: &Module, path: &[String], depth: usize) -> Option<Declared> {
        let first = path[0].as_str();
        let is_inner = ["crate", "self", "super"].contains(&first) || self.0.contains_key(&child(module, first));
        is_inner.then(|| self.declared_below(module, path, depth))?
    }

    /// What a path leads to that begins in `module`.
    fn declared_below(&self, module: &Module, path: &[String], depth: usize) -> Option<Declared> {
        let mut at = module.clone();
        for (i, segment) in path.iter().enumerate() {
            match segment.as_str() {
                "crate" => at.clear(),
                "super" => drop(at.pop()),
                "self" => {}
                name if self.0.contains_key(&child(&at, name)) => at.push(name.to_owned()),
                name => {
                    let handed_on = self.0.get(&at)?.uses.iter().find(|u| u.name == name && depth < MAX_DEPTH);
                    let Some(u) = handed_on else { return Some(Declared::In(at)) };
                    let whole: Vec<String> = u.path.iter().chain(&path[i + 1..]).cloned().collect();
                    return self.declared(&at, &whole, depth + 1);
                }
            }
        }
        Some(Declared::Module(at))
    }
}

/// Re-exports of re-exports that are followed.
const MAX_DEPTH: usize = 8;

enum Declared {
    /// An item, in the file of this module.
    In(Module),
    Module(Module),
}

fn child(module: &Module, name: &str) -> Module {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

/// The shortest chain of uses from a file back to itself.
fn shortest_cycle(start: &Module, edges: &BTreeMap<&Module, BTreeSet<Module>>) -> Option<Vec<Module>> {
    let mut chains = VecDeque::from([vec![start.clone()]]);
    let mut seen = BTreeSet::new();
    while let Some(chain) = chains.pop_front() {
        for next in edges.get(chain.last()?).into_iter().flatten() {
            let longer: Vec<_> = chain.iter().chain([next]).cloned().collect();
            if next == start {
                return Some(longer);
            }
            if seen.insert(next.clone()) {
                chains.push_back(longer);
            }
        }
    }
    None
}

fn read(code: &str) -> File {
    let mut file = File { uses: Vec::new(), code: String::with_capacity(code.len()) };
    let mut statements: Vec<usize> = words(code, "use").chain(words(code, "mod")).collect();
    statements.sort_unstable();
    let mut done = 0;
    for start in statements.into_iter().filter(|s| is_statement(code, *s)) {
        let Some(end) = code[start..].find([';', '{']).map(|end| start + end) else { continue };
        // The braces of `use a::{b, c};` belong to the statement, those of `mod a {` do not.
        let end = match (code[start..].starts_with("use"), &code[end..=end]) {
            (true, "{") => end + bracketed(&code[end..]),
            (_, ";") => end,
            _ => continue,
        };
        if start < done {
            continue;
        }
        if let Some(tree) = code[start..end].strip_prefix("use") {
            let public = code[..start].trim_end().ends_with(')') || code[..start].trim_end().ends_with("pub");
            expand(&[], tree, public, &mut file.uses);
        }
        file.code.push_str(&code[done..start]);
        done = end;
    }
    file.code.push_str(&code[done..]);
    file
}

/// Whether the word at `at` begins a declaration: only an attribute, a brace, a semicolon or `pub` stands before it.
fn is_statement(code: &str, at: usize) -> bool {
    let before = code[..at].trim_end();
    before.is_empty() || before.ends_with(['}', '{', ';', ']', ')']) || before.ends_with("pub")
}

/// The names of a tree, `a::{b, c as d, e::{self, f}}`.
fn expand(prefix: &[String], tree: &str, public: bool, out: &mut Vec<Use>) {
    let tree = tree.trim().trim_end_matches(';');
    let (head, inner) = match tree.find('{') {
        Some(brace) => (&tree[..brace], Some(&tree[brace + 1..brace + bracketed(&tree[brace..]) - 1])),
        None => (tree, None),
    };
    let (head, alias) = head.split_once(" as ").map_or((head, None), |(head, alias)| (head, Some(alias.trim())));
    let segments = head.split("::").map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned);
    let mut path: Vec<String> = prefix.iter().cloned().chain(segments).collect();
    match inner {
        Some(inner) => super::text::list(inner).into_iter().for_each(|part| expand(&path, part, public, out)),
        None => {
            if path.last().is_some_and(|last| last == "self") {
                path.pop();
            }
            let name = alias.map(str::to_owned).or_else(|| path.last().cloned()).unwrap_or_default();
            out.push(Use { path, name, public });
        }
    }
}

/// Every path of two segments or more, `a::b::C`.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("::") {
        let before = rest[..at].trim_end();
        let start = before.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |i| i + 1);
        let mut path = vec![before[start..].to_owned()];
        rest = &rest[at..];
        while let Some(next) = rest.strip_prefix("::") {
            let segment = identifier(next);
            if segment.is_empty() {
                rest = next;
                break;
            }
            path.push(segment.to_owned());
            rest = &next[segment.len()..];
        }
        found.push(path);
    }
    found.retain(|path| path.len() > 1 && !path[0].is_empty());
    found
}

/// Whether a name that is handed on is used by the file itself, and not only as the name of a field or a method.
fn is_used(code: &str, name: &str) -> bool {
    words(code, name).any(|at| {
        let after = code[at + name.len()..].trim_start();
        let declares = after.starts_with(':') && !after.starts_with("::");
        !code[..at].trim_end().ends_with(['.', ':']) && !declares
    })
}

#[test]
fn planted_cycles_are_found() {
    let files = |sources: &[(&str, &str)]| {
        let module = |path: &str| path.split("::").map(str::to_owned).collect::<Module>();
        Files::new(sources.iter().map(|(path, code)| (module(path), (*code).to_owned()))).cycles()
    };
    let clean = [
        ("m", "mod a; mod b; pub use a::A; pub use b::{B, Error as Fault};"),
        ("m::a", "use super::B; use crate::other::X; pub struct A(B); fn f() -> super::Fault { b() }"),
        ("m::b", "pub struct B; pub enum Error {} impl B { fn a(&self) {} }"),
        ("other", "use crate::m::A; pub struct X;"),
    ];
    assert_eq!(files(&clean), Vec::<String>::new());
    for (code, why) in [
        ("use super::A; pub struct B(A);", "through a re-export"),
        ("use crate::m::{a::A as C}; pub struct B(C);", "directly, by another name"),
        ("pub struct B; fn f() { super::a::g() }", "by a path within the code"),
        ("use super::a; pub struct B; fn f() { a::g() }", "by a module's name"),
    ] {
        let mut sources = clean;
        sources[2].1 = code;
        assert_eq!(files(&sources), ["m::a -> m::b -> m::a"], "{why}");
    }
    // By way of a third file, and of items that mod.rs declares itself.
    let mut sources = clean;
    sources[0].1 = "mod a; mod b; pub use a::A; pub use b::{B, Error as Fault}; pub struct Own(A);";
    sources[2].1 = "use super::Own; pub struct B;";
    assert_eq!(files(&sources), ["m -> m::a -> m::b -> m"]);
}
