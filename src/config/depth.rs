//! How deeply a YAML text is nested, found before it is parsed: the parser takes time that grows with the square of the
//! depth, long before it refuses.

/// Levels that are read.
const MAX_DEPTH: usize = 64;

/// Refuses a text whose lists and mappings are nested more deeply than [`MAX_DEPTH`].
pub(super) fn check(text: &str) -> Result<(), String> {
    let mut scan = Scan::default();
    for (i, line) in text.lines().enumerate() {
        if scan.line(line) > MAX_DEPTH {
            return Err(format!("line {} is nested more than {MAX_DEPTH} levels deep", i + 1));
        }
    }
    Ok(())
}

#[derive(Default)]
struct Scan {
    /// Indentations of the block collections that are open.
    blocks: Vec<usize>,
    /// Open `[` and `{`.
    flow: usize,
    /// The quotation mark that is open.
    quote: Option<char>,
    /// A block text (`|`, `>`) goes on while lines are indented by more than this.
    text_above: Option<usize>,
}

impl Scan {
    /// The greatest depth within the line.
    fn line(&mut self, line: &str) -> usize {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let rest = &line[indent..];
        if let Some(above) = self.text_above {
            if rest.is_empty() || indent > above {
                return 0;
            }
            self.text_above = None;
        }
        if rest.is_empty() {
            return 0;
        }
        let mut at = 0;
        if self.flow == 0 && self.quote.is_none() {
            self.blocks.retain(|b| *b < indent);
            self.blocks.push(indent);
            // `- - - x` and `? ? x` open one collection each.
            while let Some(next) = rest[at..].strip_prefix(['-', '?']).filter(|r| r.starts_with(' ')) {
                at = rest.len() - next.trim_start_matches(' ').len();
                self.blocks.push(indent + at);
            }
        }
        let deepest = self.characters(&rest[at..]);
        let last = rest.trim_end().rsplit(' ').next().unwrap_or_default();
        if self.flow == 0 && self.quote.is_none() && last.starts_with(['|', '>']) && last.len() <= 3 {
            self.text_above = Some(indent);
        }
        deepest + self.blocks.len()
    }

    /// The greatest flow depth within the characters.
    fn characters(&mut self, text: &str) -> usize {
        let mut deepest = self.flow;
        let mut before = ' ';
        // Nothing but tags and anchors since the value's beginning.
        let mut fresh = true;
        let mut characters = text.chars();
        while let Some(c) = characters.next() {
            let blank = matches!(c, ' ' | '\t');
            fresh |= blank && before == ':';
            let starts = match self.flow {
                0 => fresh,
                _ => matches!(before, ' ' | '\t' | '[' | '{' | ',' | ':'),
            };
            match (self.quote, c) {
                (Some('"'), '\\') => drop(characters.next()),
                (Some(open), c) if c == open => self.quote = None,
                (Some(_), _) => {}
                (None, '&' | '!') if starts => {
                    before = characters.by_ref().find(|c| matches!(c, ' ' | '\t')).unwrap_or(' ');
                    continue;
                }
                (None, '#') if matches!(before, ' ' | '\t') => break,
                (None, '"' | '\'') if starts => self.quote = Some(c),
                // Within a plain text a bracket is a letter.
                (None, '[' | '{') if starts || self.flow > 0 => self.flow += 1,
                (None, ']' | '}') => self.flow = self.flow.saturating_sub(1),
                _ => {}
            }
            deepest = deepest.max(self.flow);
            fresh &= blank;
            before = c;
        }
        deepest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_texts_are_refused_at_once() {
        let blocks: String = (0..400).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
        for text in [
            "[".repeat(30_000),
            format!("a: {}", "{a: ".repeat(30_000)),
            "- ".repeat(30_000),
            "? ".repeat(30_000),
            "[\n".repeat(30_000),
            format!("a: \"x\n y\"\nb: {}", "[".repeat(100)),
            blocks,
        ] {
            let e = super::super::value::parse(&text).unwrap_err();
            assert!(e.contains("nested more than 64 levels"), "{e}");
        }
    }

    #[test]
    fn brackets_in_texts_are_no_levels() {
        let open = "[".repeat(100);
        for text in [
            format!("a: \"{open}\"\n"),
            format!("a: '{open} it''s'\nb: \"\\\"{open}\"\n"),
            format!("a: x {open}\n"),
            format!("a: 1 # {open}\n"),
            format!("a: |\n  {open}\n  {open}\nb: >-\n  {open}\n"),
            format!("a:\n  - b: 1\n    c: 2\n{}", "  - b: [1, {x: 2}]\n".repeat(200)),
        ] {
            check(&text).unwrap();
            super::super::value::parse(&text).unwrap();
        }
        check(super::super::DEFAULTS_YAML).unwrap();
    }
}
