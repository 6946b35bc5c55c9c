//! Streams whose length is said by another object, checked before the file is parsed: the parser reads that object within the
//! stream, and again one within that, without a limit.

use std::collections::HashSet;

use super::pdf_limits::{PdfExcess, PdfLimits};

/// Bytes that are looked at for each byte of a file, at most: dictionaries that are not closed overlap.
const MAX_WORK: usize = 16;

/// Refuses a file in which many streams have another stream as their length, or in which a stream that holds objects, of which
/// its own length may be one, does not say its length itself.
pub(super) fn check_lengths(bytes: &[u8], limits: &PdfLimits) -> Result<(), PdfExcess> {
    let excess = PdfExcess::Lengths { most: limits.lengths };
    let mut left = bytes.len().saturating_mul(MAX_WORK).saturating_add(limits.small);
    let (mut named, mut unnumbered) = (HashSet::new(), 0);
    let mut numbers = Vec::new();
    let words = bytes.windows(3).enumerate().filter(|(_, word)| *word == b"obj").map(|(at, _)| at);
    for at in words {
        let (before, after) = (bytes.get(..at).unwrap_or_default(), bytes.get(at + 3..).unwrap_or_default());
        if before.ends_with(b"end") {
            continue;
        }
        let mut lexer = Lexer { rest: after };
        let found = StreamLength::read(&mut lexer);
        left = left.checked_sub(after.len() - lexer.rest.len()).ok_or(excess)?;
        let Some(StreamLength { length, holds_objects }) = found else { continue };
        if holds_objects {
            return Err(PdfExcess::ObjectsLength);
        }
        named.insert(length);
        match number_before(before) {
            Some(number) => numbers.push(number),
            None => unnumbered += 1,
        }
    }
    let links = numbers.iter().filter(|number| named.contains(*number)).count();
    if links + unnumbered > limits.lengths { Err(excess) } else { Ok(()) }
}

/// The number of the object whose header ends before the word `obj`.
fn number_before(before: &[u8]) -> Option<u32> {
    let digits = |text: &[u8]| text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let before = before.trim_ascii_end();
    let before = before.get(..before.len() - digits(before))?.trim_ascii_end();
    std::str::from_utf8(before.get(before.len() - digits(before)..)?).ok()?.parse().ok()
}

/// What the dictionary of a stream says whose length is another object.
struct StreamLength {
    /// The object's number.
    length: u32,
    holds_objects: bool,
}

impl StreamLength {
    /// Reads a dictionary; None: it says its length itself, or there is none.
    fn read(lexer: &mut Lexer<'_>) -> Option<Self> {
        let (mut length, mut holds_objects, mut depth) = (None, false, 0_usize);
        loop {
            match lexer.next()? {
                Token::Open => depth += 1,
                Token::Close => depth = depth.checked_sub(1)?,
                Token::Name(name) if depth == 1 && name == b"Length" => length = lexer.reference().or(length),
                Token::Name(name) if depth == 1 && name == b"First" => holds_objects = true,
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        Some(Self { length: length?, holds_objects })
    }
}

enum Token<'a> {
    /// A dictionary or an array begins.
    Open,
    Close,
    Name(Vec<u8>),
    /// A run of digits, or of other bytes.
    Word(&'a [u8]),
    /// Text in brackets.
    String,
}

/// The tokens of the file, as the parser reads them.
#[derive(Clone)]
struct Lexer<'a> {
    rest: &'a [u8],
}

impl<'a> Lexer<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        self.blank();
        let (first, rest) = self.rest.split_first()?;
        match first {
            b'[' => self.rest = rest,
            b']' => {
                self.rest = rest;
                return Some(Token::Close);
            }
            b'<' if rest.first() == Some(&b'<') => self.skip(2),
            b'>' if rest.first() == Some(&b'>') => {
                self.skip(2);
                return Some(Token::Close);
            }
            b'<' => {
                self.rest = rest.get(rest.iter().position(|byte| *byte == b'>')? + 1..)?;
                return Some(Token::String);
            }
            b'(' => {
                self.rest = rest;
                self.string()?;
                return Some(Token::String);
            }
            b'/' => {
                self.rest = rest;
                return Some(Token::Name(self.name()));
            }
            _ => return Some(Token::Word(self.word())),
        }
        Some(Token::Open)
    }

    /// The number of the object that the next tokens refer to: `12 0 R`.
    fn reference(&mut self) -> Option<u32> {
        let mut ahead = self.clone();
        let mut digits = || match ahead.next() {
            Some(Token::Word(word)) => std::str::from_utf8(word).ok(),
            _ => None,
        };
        let number = digits()?.parse().ok()?;
        digits()?.parse::<u32>().ok()?;
        digits()?.starts_with('R').then_some(number)
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    /// Skips what separates tokens: spaces and comments.
    fn blank(&mut self) {
        while let Some((byte, rest)) = self.rest.split_first() {
            match byte {
                b'%' => {
                    let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
                    self.rest = rest.get(end..).unwrap_or_default();
                }
                byte if byte.is_ascii_whitespace() || *byte == 0 => self.rest = rest,
                _ => return,
            }
        }
    }

    /// Skips a string up to the bracket that closes it.
    fn string(&mut self) -> Option<()> {
        let mut depth = 1_usize;
        while depth > 0 {
            let (byte, rest) = self.rest.split_first()?;
            match byte {
                b'\\' => self.rest = rest.get(1..)?,
                b'(' => {
                    depth += 1;
                    self.rest = rest;
                }
                b')' => {
                    depth -= 1;
                    self.rest = rest;
                }
                _ => self.rest = rest,
            }
        }
        Some(())
    }

    /// A name, letters of which may be written by their numbers (`#4c`).
    fn name(&mut self) -> Vec<u8> {
        let mut name = Vec::new();
        while let Some(byte) = self.rest.first().filter(|byte| is_regular(**byte)) {
            let code = self.rest.get(1..3).and_then(|code| std::str::from_utf8(code).ok());
            match code.and_then(|code| u8::from_str_radix(code, 16).ok()).filter(|_| *byte == b'#') {
                Some(code) => {
                    name.push(code);
                    self.skip(3);
                }
                None => {
                    name.push(*byte);
                    self.skip(1);
                }
            }
        }
        name
    }

    /// A run of digits, or of other bytes; a lone delimiter is one of its own.
    fn word(&mut self) -> &'a [u8] {
        let first_is_digit = self.rest.first().is_some_and(u8::is_ascii_digit);
        let is_same = |byte: &u8| is_regular(*byte) && byte.is_ascii_digit() == first_is_digit;
        let length = self.rest.iter().take_while(|byte| is_same(byte)).count().max(1).min(self.rest.len());
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        word
    }
}

fn is_regular(byte: u8) -> bool {
    !(byte.is_ascii_whitespace() || byte == 0 || b"()<>[]{}/%".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str) -> Result<(), PdfExcess> {
        check_lengths(file.as_bytes(), &PdfLimits { lengths: 2, ..PdfLimits::default() })
    }

    #[test]
    fn lengths_that_are_streams_are_counted() {
        let chain = |length: &dyn Fn(usize) -> String| -> String {
            let object = |i: usize| format!("{i} 0 obj\n<< {} >>\nstream\nx\nendstream\nendobj\n", length(i));
            (1..6).map(object).collect()
        };
        let excess = Err(PdfExcess::Lengths { most: 2 });
        assert_eq!(check(&chain(&|i| format!("/Length {} 0 R", i + 1))), excess);
        assert_eq!(
            check(&chain(&|i| format!("/X (\\) >> obj) /#4cen#67th % /Length 1\n{} 0R/Y <</Z[1]>>", i + 1))),
            excess
        );
        assert_eq!(check(&chain(&|i| format!("/Length {} 0 R", i + 10))), Ok(()), "lengths that are numbers");
        assert_eq!(check(&chain(&|i| format!("/Length {}", i + 1))), Ok(()));
        assert_eq!(check(&chain(&|i| format!("/Y << /Length {} 0 R >>", i + 1))), Ok(()), "of another dictionary");
        let objects = "1 0 obj << /Type /ObjStm /N 1 /First 4 /Length 2 0 R >> stream";
        assert_eq!(check(objects), Err(PdfExcess::ObjectsLength));
        assert_eq!(check(&objects.replace("2 0 R", "20")), Ok(()));
        let open = "1 0 obj << ".repeat(20_000);
        assert_eq!(check(&open), Err(PdfExcess::Lengths { most: 2 }), "bounded work");
    }
}
