//! Dates in one notation, year-month-day. Read are `2024-12-28`, `2024/12/28`, `28/12/2024`, `28.12.2024`, `28-12-2024`,
//! `12/28/2024` where 28 can be no month, `28 décembre 2024`, `1er janvier 2024`, `28th of December 2024`, `December 28, 2024`, and
//! months without a day (`décembre 2024`, `2024-12`, `12/2024`). Of two numbers that could both be the month, the first is the day.

/// French and English names without accents, and the shortest beginnings that tell them apart.
const MONTHS: [&[&str]; 12] = [
    &["janvier", "january", "janv", "jan"],
    &["fevrier", "february", "fevr", "fev", "feb"],
    &["mars", "march", "mar"],
    &["avril", "april", "avr", "apr"],
    &["mai", "may"],
    &["juin", "june", "jun"],
    &["juillet", "july", "juil", "jul"],
    &["aout", "august", "aug"],
    &["septembre", "september", "sept", "sep"],
    &["octobre", "october", "oct"],
    &["novembre", "november", "nov"],
    &["decembre", "december", "dec"],
];

/// The text with every date that it holds written `2024-12-28`, and every month `2024-12`.
pub(super) fn with_iso_dates(text: &str) -> String {
    let tokens = tokens(text);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let before = at.checked_sub(1).and_then(|at| tokens.get(at));
        let date = starts(before).then(|| date(&tokens, at)).flatten();
        match date.filter(|date| ends(&tokens, date.end)) {
            Some(date) => {
                out.push_str(&date.iso);
                at = date.end;
            }
            None => {
                out.push_str(token.text);
                at += 1;
            }
        }
    }
    out
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Digits,
    Letters,
    Space,
    Mark,
}

#[derive(Clone, Copy, Debug)]
struct Token<'t> {
    kind: Kind,
    text: &'t str,
}

/// Runs of digits, letters and white space, and single marks.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let kind = |c: char| match c {
        c if c.is_ascii_digit() => Kind::Digits,
        c if c.is_alphabetic() || ('\u{300}'..='\u{36f}').contains(&c) => Kind::Letters,
        c if c.is_whitespace() => Kind::Space,
        _ => Kind::Mark,
    };
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let goes_on = chars.peek().is_some_and(|(_, next)| kind(*next) == kind(c)) && kind(c) != Kind::Mark;
        if !goes_on {
            let end = at + c.len_utf8();
            tokens.push(Token { kind: kind(c), text: text.get(start..end).unwrap_or_default() });
            start = end;
        }
    }
    tokens
}

/// Whether a date may begin after this token: not within a number or a word.
fn starts(before: Option<&Token<'_>>) -> bool {
    before.is_none_or(|t| t.kind == Kind::Space || t.kind == Kind::Mark && !["/", "-", ".", ",", "_"].contains(&t.text))
}

/// Whether a date may end before this place: no further part of a number follows. `T` begins a time of day.
fn ends(tokens: &[Token<'_>], at: usize) -> bool {
    let follows = |n: usize| tokens.get(at + n);
    match follows(0) {
        None => true,
        Some(t) if t.kind == Kind::Letters => t.text == "T" && follows(1).is_some_and(|t| t.kind == Kind::Digits),
        Some(t) if ["/", "-", ".", ",", "_"].contains(&t.text) => follows(1).is_none_or(|t| t.kind != Kind::Digits),
        Some(_) => true,
    }
}

struct Date {
    iso: String,
    /// The token after it.
    end: usize,
}

impl Date {
    fn new(year: u32, month: u32, day: Option<u32>, end: usize) -> Option<Self> {
        let iso = match day {
            Some(day) => (1..=days(year, month)?).contains(&day).then(|| format!("{year:04}-{month:02}-{day:02}"))?,
            None => days(year, month).map(|_| format!("{year:04}-{month:02}"))?,
        };
        Some(Self { iso, end })
    }
}

/// Days of a month; None: there is no such month.
fn days(year: u32, month: u32) -> Option<u32> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => Some(if leap { 29 } else { 28 }),
        4 | 6 | 9 | 11 => Some(30),
        1..=12 => Some(31),
        _ => None,
    }
}

fn date(tokens: &[Token<'_>], at: usize) -> Option<Date> {
    match tokens.get(at)?.kind {
        Kind::Digits => numeric(tokens, at).or_else(|| day_first(tokens, at)),
        Kind::Letters => month_first(tokens, at),
        _ => None,
    }
}

fn number(tokens: &[Token<'_>], at: usize, most_digits: usize) -> Option<u32> {
    let token = tokens.get(at).filter(|t| t.kind == Kind::Digits && t.text.len() <= most_digits)?;
    token.text.parse().ok()
}

fn year(tokens: &[Token<'_>], at: usize) -> Option<u32> {
    number(tokens, at, 4).filter(|year| (1000..=2999).contains(year))
}

fn mark<'t>(tokens: &[Token<'t>], at: usize) -> Option<&'t str> {
    tokens.get(at).filter(|t| ["/", "-", "."].contains(&t.text)).map(|t| t.text)
}

/// `2024-12-28`, `28/12/2024`, `2024-12`, `12/2024`: numbers with one mark between them.
fn numeric(tokens: &[Token<'_>], at: usize) -> Option<Date> {
    let separator = mark(tokens, at + 1)?;
    let three = mark(tokens, at + 3) == Some(separator) && number(tokens, at + 4, 4).is_some();
    match (year(tokens, at), three) {
        (Some(year), true) => Date::new(year, number(tokens, at + 2, 2)?, Some(number(tokens, at + 4, 2)?), at + 5),
        (None, true) => {
            let (first, second, year) = (number(tokens, at, 2)?, number(tokens, at + 2, 2)?, year(tokens, at + 4)?);
            let day_first = Date::new(year, second, Some(first), at + 5);
            // Only English with slashes writes the month first.
            day_first.or_else(|| (separator == "/").then(|| Date::new(year, first, Some(second), at + 5)).flatten())
        }
        // Two digits: `2024-5` is a version or a range.
        (Some(year), false) if separator == "-" && tokens.get(at + 2)?.text.len() == 2 => {
            Date::new(year, number(tokens, at + 2, 2)?, None, at + 3)
        }
        (None, false) if separator == "/" && tokens.get(at)?.text.len() == 2 => {
            Date::new(year(tokens, at + 2)?, number(tokens, at, 2)?, None, at + 3)
        }
        _ => None,
    }
}

/// `28 décembre 2024`, `1er janvier 2024`, `28th of December, 2024`.
fn day_first(tokens: &[Token<'_>], at: usize) -> Option<Date> {
    let day = number(tokens, at, 2)?;
    let mut at = skip_word(tokens, at + 1, &["er", "st", "nd", "rd", "th", "e", "eme", "ᵉʳ"]);
    at = skip_space(tokens, at);
    let of = skip_word(tokens, at, &["of", "de"]);
    at = skip_space(tokens, of);
    let month = month(tokens, at)?;
    let at = after_month(tokens, at);
    Date::new(year(tokens, at)?, month, Some(day), at + 1)
}

/// `December 28, 2024`, `Dec. 28th 2024`, `décembre 2024`.
fn month_first(tokens: &[Token<'_>], at: usize) -> Option<Date> {
    let month = month(tokens, at)?;
    let at = after_month(tokens, at);
    if let Some(year) = year(tokens, at) {
        return Date::new(year, month, None, at + 1);
    }
    let day = number(tokens, at, 2)?;
    let at = skip_word(tokens, at + 1, &["st", "nd", "rd", "th"]);
    let comma = at + usize::from(tokens.get(at).is_some_and(|t| t.text == ","));
    let at = skip_space(tokens, comma);
    Date::new(year(tokens, at)?, month, Some(day), at + 1)
}

fn skip_word(tokens: &[Token<'_>], at: usize, words: &[&str]) -> usize {
    at + usize::from(tokens.get(at).is_some_and(|t| words.contains(&t.text.to_lowercase().as_str())))
}

fn skip_space(tokens: &[Token<'_>], at: usize) -> usize {
    at + usize::from(tokens.get(at).is_some_and(|t| t.kind == Kind::Space))
}

/// The month's number from 1.
fn month(tokens: &[Token<'_>], at: usize) -> Option<u32> {
    let name = super::refusal::unaccented(tokens.get(at).filter(|t| t.kind == Kind::Letters)?.text);
    (1..).zip(MONTHS).find(|(_, names)| names.contains(&name.as_str())).map(|(number, _)| number)
}

/// After a month's name: its point or comma, a space, `de` or `of`.
fn after_month(tokens: &[Token<'_>], at: usize) -> usize {
    let mark = at + 1 + usize::from(tokens.get(at + 1).is_some_and(|t| [".", ","].contains(&t.text)));
    skip_space(tokens, skip_word(tokens, skip_space(tokens, mark), &["of", "de"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_is_one() {
        for (text, expected) in [
            ("le 28 décembre 2024.", "le 2024-12-28."),
            ("28/12/2024, 28.12.2024 et 28-12-2024", "2024-12-28, 2024-12-28 et 2024-12-28"),
            ("2024/12/28 (2024.12.28)", "2024-12-28 (2024-12-28)"),
            ("12/28/2024 or 3/4/2024", "2024-12-28 or 2024-04-03"),
            ("1er janvier 2024, 1er févr. 2024", "2024-01-01, 2024-02-01"),
            ("December 28, 2024; Dec. 28th 2024; 28th of December, 2024", "2024-12-28; 2024-12-28; 2024-12-28"),
            ("FÉVRIER 2024, mars de 2024, 2024-03, 03/2024", "2024-02, 2024-03, 2024-03, 2024-03"),
            ("2024-12-28T10:00:00Z", "2024-12-28T10:00:00Z"),
            ("5/1/2024", "2024-01-05"),
            ("De\u{301}cembre 2024", "2024-12"),
        ] {
            assert_eq!(with_iso_dates(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_date_stays() {
        for text in [
            "1.2.3",
            "31/02/2024",
            "2024-13-01",
            "2024-5",
            "1/2",
            "10/12",
            "2010-2012",
            "v2024-12",
            "2024-12-281",
            "12345-12-28",
            "1/2/3/2024",
            "may 5",
            "marche 2024",
            "192.168.12.2024",
            "2024-12-28-3",
            "28 12 2024",
            "",
            "10,5",
        ] {
            assert_eq!(with_iso_dates(text), text, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn one_day_has_one_notation(year in 1000u32..3000, month in 1u32..=12, day in 1u32..=31) {
            let iso = format!("{year:04}-{month:02}-{day:02}");
            let [fr, en, ..] = MONTHS[month as usize - 1] else { unreachable!() };
            let notations = [
                iso.clone(), format!("{year}/{month}/{day}"), format!("{day}/{month}/{year}"), format!("{day:02}.{month:02}.{year}"),
                format!("{day} {fr} {year}"), format!("{en} {day}, {year}"), format!("{day} {en} {year}"),
            ];
            let exists = days(year, month).unwrap() >= day;
            for text in notations {
                let sentence = format!("depuis le {text}.");
                let found = with_iso_dates(&sentence);
                if exists {
                    proptest::prop_assert_eq!(&found, &format!("depuis le {iso}."), "{}", text);
                } else {
                    proptest::prop_assert!(!found.contains(&iso) || text == iso, "{}", text);
                }
            }
        }

        #[test]
        fn any_text_ends_and_twice_is_once(text in "([0-9]{1,4}|[-/., ]|mars|may|er|é|T|\\PC){0,16}") {
            let once = with_iso_dates(&text);
            let _ = with_iso_dates(&once);
        }
    }
}
