//! Numbers in a text in one notation each, so that they are compared as numbers: `1,000` is `1000`, `3.0` is `3`, `-5` is
//! not `5`, and `10³` is not `103`. What can be read in two ways stays as it is written (docs/reference/suite-format.md, "Numbers").

/// Around a number; [`END_JOINED`] where a letter follows at once (`5km`). No text holds them (see [`super::text`]).
pub(super) const START: char = '\u{1}';
pub(super) const END: char = '\u{2}';
pub(super) const END_JOINED: char = '\u{3}';

/// Spaces that only typography puts between digits: thousands separators without doubt.
const THIN_SPACES: [char; 3] = ['\u{a0}', '\u{202f}', '\u{2009}'];
const DASHES: [char; 2] = ['-', '–'];
const CURRENCIES: [char; 6] = ['$', '€', '£', '¥', '₹', '₩'];

/// `text` with every number between [`START`] and [`END`]; `join_spaces`: read `10 000` as one number.
pub(super) fn mark(text: &str, join_spaces: bool) -> String {
    let mut scanner =
        Scanner { chars: text.chars().collect(), at: 0, join_spaces, out: String::with_capacity(text.len()) };
    while scanner.at < scanner.chars.len() {
        scanner.step();
    }
    scanner.out
}

/// A letter of a script that puts spaces between words (Chinese, Japanese, Thai … have no boundaries to demand).
pub(super) fn spaced(c: char) -> bool {
    let unspaced = matches!(c as u32, 0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x3040..=0x30FF | 0x3400..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF);
    (c.is_alphanumeric() || c == '_' || c == END_JOINED) && !unspaced
}

struct Scanner {
    chars: Vec<char>,
    at: usize,
    join_spaces: bool,
    out: String,
}

impl Scanner {
    fn get(&self, at: usize) -> Option<char> {
        self.chars.get(at).copied()
    }

    fn digit(&self, at: usize) -> bool {
        self.get(at).is_some_and(|c| c.is_ascii_digit())
    }

    /// Where a number may begin: a digit, or a point before one.
    fn begins(&self, at: usize) -> bool {
        self.digit(at) || (self.get(at) == Some('.') && self.digit(at + 1))
    }

    fn before(&self, at: usize) -> Option<char> {
        at.checked_sub(1).and_then(|at| self.get(at))
    }

    fn step(&mut self) {
        let Some(c) = self.get(self.at) else { return };
        let after_word = self.before(self.at).is_some_and(spaced);
        if self.digit(self.at) && after_word {
            self.copy_run();
        } else if self.begins(self.at) && !after_word && (c != '.' || self.before(self.at) != Some('.')) {
            self.number(false);
        } else if let Some(skipped) = self.sign(c) {
            if skipped == 2 {
                self.out.extend(self.get(self.at + 1));
            }
            self.at += skipped;
            self.number(c != '+');
        } else {
            self.out.push(c);
            self.at += 1;
        }
    }

    /// Digits of a word (`h2o`, `v2.5`) are no number.
    fn copy_run(&mut self) {
        while self.digit(self.at) || (matches!(self.get(self.at), Some('.' | ',')) && self.digit(self.at + 1)) {
            self.out.extend(self.get(self.at));
            self.at += 1;
        }
    }

    /// How many characters a sign takes here (two with a currency: `-$5`); None: it is a hyphen, a range, a bullet.
    fn sign(&self, c: char) -> Option<usize> {
        if c != '+' && !DASHES.contains(&c) {
            return None;
        }
        let free = self.before(self.at).is_none_or(|b| {
            !(b.is_alphanumeric() || matches!(b, '_' | ')' | ']' | '+' | '.' | '%') || DASHES.contains(&b))
        });
        let currency = self.get(self.at + 1).is_some_and(|c| CURRENCIES.contains(&c));
        let length = if currency { 2 } else { 1 };
        (free && self.begins(self.at + length)).then_some(length)
    }

    fn number(&mut self, negative: bool) {
        let (groups, separators) = self.groups();
        let mut number = canonical(&groups, &separators);
        self.power(&mut number);
        self.out.push(START);
        if negative && number != "0" {
            self.out.push('-');
        }
        self.out.push_str(&number);
        let joined = self.get(self.at).is_some_and(spaced);
        self.out.push(if joined { END_JOINED } else { END });
        // `50 %` is `50%`.
        let space = self.get(self.at).is_some_and(char::is_whitespace);
        if space && matches!(self.get(self.at + 1), Some('%' | '‰')) {
            self.at += 1;
        }
    }

    /// Groups of digits and what stands between them.
    fn groups(&mut self) -> (Vec<String>, Vec<char>) {
        let (mut groups, mut separators) = (Vec::new(), Vec::new());
        if self.get(self.at) == Some('.') {
            groups.push(String::new());
        } else {
            groups.push(self.run());
        }
        while let Some(separator) = self.get(self.at).filter(|_| self.digit(self.at + 1)) {
            let thousands = groups[0].len() <= 3
                && (1..=3).all(|i| self.digit(self.at + i))
                && !self.digit(self.at + 4)
                && separators.iter().all(|s| *s == separator);
            let joins = match separator {
                '.' | ',' => true,
                '\'' => thousands,
                ' ' => self.join_spaces && thousands,
                c => THIN_SPACES.contains(&c) && thousands,
            };
            if !joins {
                break;
            }
            self.at += 1;
            separators.push(separator);
            groups.push(self.run());
        }
        (groups, separators)
    }

    fn run(&mut self) -> String {
        let run: String = self.chars[self.at..].iter().take_while(|c| c.is_ascii_digit()).collect();
        self.at += run.len();
        run
    }

    /// `^3` (a superscript too), `e-3`: parts of the number.
    fn power(&mut self, number: &mut String) {
        let signed = |at: usize| if matches!(self.get(at), Some('-' | '+')) { at + 1 } else { at };
        let end_of = |from: usize| (from..).find(|i| !self.digit(*i)).unwrap_or(from);
        let (from, is_power) = match self.get(self.at) {
            Some('^') => (signed(self.at + 1), true),
            Some('_') => (self.at + 1, true),
            Some('e' | 'E') => (signed(self.at + 1), false),
            _ => return,
        };
        let end = end_of(from);
        if end > from && (is_power || !self.get(end).is_some_and(spaced)) {
            number.extend(self.chars[self.at..end].iter().map(char::to_ascii_lowercase));
            self.at = end;
        }
    }
}

/// One notation for one number; what has two readings stays as it is written.
fn canonical(groups: &[String], separators: &[char]) -> String {
    let literal = || {
        let rest = groups.iter().skip(1).zip(separators).map(|(group, separator)| format!("{separator}{group}"));
        groups.first().cloned().into_iter().chain(rest).collect::<String>()
    };
    let whole = groups.iter().map(String::as_str).collect::<Vec<_>>();
    let Some((last, before)) = whole.split_last() else { return String::new() };
    // `007` is a code, `.5` is `0.5`.
    if whole[0].len() > 1 && whole[0].starts_with('0') {
        return literal();
    }
    let point = separators.last().filter(|s| matches!(s, '.' | ','));
    match (separators, point) {
        ([], _) => whole[0].to_owned(),
        (['.'], _) if is_thousands(&whole) => literal(),
        ([','], _) if is_thousands(&whole) => whole.concat(),
        (['.' | ','], _) => decimal(whole[0], last),
        (all, _)
            if all.iter().all(|s| *s == all[0]) && (is_thousands(&whole) || (all[0] == ',' && is_lakh(&whole))) =>
        {
            whole.concat()
        }
        ([first, .., _], Some(point))
            if first != point && separators[..before.len() - 1].iter().all(|s| s == first) && is_thousands(before) =>
        {
            decimal(&before.concat(), last)
        }
        _ => literal(),
    }
}

fn is_thousands(groups: &[&str]) -> bool {
    (1..=3).contains(&groups[0].len()) && groups[0] != "0" && groups[1..].iter().all(|g| g.len() == 3)
}

/// `12,34,567`.
fn is_lakh(groups: &[&str]) -> bool {
    let [first, middle @ .., last] = groups else { return false };
    (1..=2).contains(&first.len()) && first != &"0" && middle.iter().all(|g| g.len() == 2) && last.len() == 3
}

fn decimal(whole: &str, fraction: &str) -> String {
    let whole = if whole.is_empty() { "0" } else { whole };
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(text: &str) -> String {
        let shown = |c| match c {
            START => '[',
            END => ']',
            END_JOINED => '~',
            c => c,
        };
        mark(text, false).chars().map(shown).collect()
    }

    #[test]
    fn one_notation_for_one_number() {
        for (text, expected) in [
            ("1,000 and 1000", "[1000] and [1000]"),
            ("1,000,000", "[1000000]"),
            ("12,34,567", "[1234567]"),
            ("1,000.50", "[1000.5]"),
            ("1.000,50 or 1.000.000", "[1000.5] or [1000000]"),
            ("1'000 1\u{a0}000 1\u{202f}000,5", "[1000] [1000] [1000.5]"),
            ("3.0, 3.00. 3", "[3], [3]. [3]"),
            ("0.5 .5 0,5 0.500", "[0.5] [0.5] [0.5] [0.5]"),
            ("3,5 3,50", "[3.5] [3.5]"),
            // Two readings: as it is written.
            ("1.000 3.142", "[1.000] [3.142]"),
            ("007 1,2,3 5.0.1 12.05.2024", "[007] [1,2,3] [5.0.1] [12.05.2024]"),
            ("10 000", "[10] [000]"),
            ("1,00,0", "[1,00,0]"),
        ] {
            assert_eq!(marked(text), expected, "{text}");
        }
        assert_eq!(mark("10 000 €", true), format!("{START}10000{END} €"));
    }

    #[test]
    fn a_sign_belongs_to_its_number_and_a_hyphen_to_none() {
        for (text, expected) in [
            ("-5", "[-5]"),
            ("it is –5.0°", "it is [-5]°"),
            ("(-5) x=-5 **-5**", "([-5]) x=[-5] **[-5]**"),
            ("-$5 $-5 -€1,000", "$[-5] $[-5] €[-1000]"),
            ("+5 -0", "[5] [0]"),
            ("- 5", "- [5]"),
            ("3-4 2010–12 (1)-2", "[3]-[4] [2010]–[12] ([1])-[2]"),
            ("covid-19 --5", "covid-[19] --[5]"),
            ("2024-05-12", "[2024]-[05]-[12]"),
            ("-5km", "[-5~km"),
        ] {
            assert_eq!(marked(text), expected, "{text}");
        }
    }

    #[test]
    fn words_powers_and_units() {
        for (text, expected) in [
            ("h2o v2.5 volume_2", "h2o v2.5 volume_2"),
            ("5km 2nd", "[5~km [2~nd"),
            ("第5章", "第[5]章"),
            ("10^3 10^-3", "[10^3] [10^-3]"),
            ("1e-3 1E3 5em", "[1e-3] [1e3] [5~em"),
            ("50 % 50% 50\u{a0}%", "[50]% [50]% [50]%"),
            ("3, 4 and 5.", "[3], [4] and [5]."),
            ("12:30 1/2", "[12]:[30] [1]/[2]"),
            ("wait...5", "wait...[5]"),
            ("c++11", "c++[11]"),
        ] {
            assert_eq!(marked(text), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_marked_whole(text in "[0-9a-c.,'\u{a0} +$%^e–-]{0,24}") {
            for join in [false, true] {
                let marked = mark(&text, join);
                let count = |wanted: &[char]| marked.chars().filter(|c| wanted.contains(c)).count();
                proptest::prop_assert_eq!(count(&[START]), count(&[END, END_JOINED]));
            }
        }
    }
}
