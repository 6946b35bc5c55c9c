//! A text in pieces that can be changed one by one, while what they were is known.

use std::ops::Range;

use super::fold::{fold, is_word};
use super::names::{EntityNames, Mention};
use super::protect::protected;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Word,
    /// Spaces and signs.
    Gap,
    /// Never changed.
    Protected,
}

#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) text: String,
    pub(crate) class: Class,
    /// The name that it is a part of.
    pub(crate) mention: Option<usize>,
    /// Wrong keys and sounds so far.
    pub(crate) edits: usize,
}

impl Piece {
    pub(crate) fn is_word(&self) -> bool {
        self.class == Class::Word && !self.text.is_empty()
    }

    pub(crate) fn letters(&self) -> usize {
        self.text.chars().filter(|c| c.is_alphabetic()).count()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Sentence {
    pub(crate) pieces: Vec<Piece>,
    mentions: Vec<Mention>,
}

impl Sentence {
    pub(crate) fn new(text: &str, names: &EntityNames) -> Self {
        let mentions = names.mentions(text);
        let protected = protected(text);
        let mut cuts: Vec<usize> = word_cuts(text);
        cuts.extend(protected.iter().chain(mentions.iter().map(|m| &m.range)).flat_map(|r| [r.start, r.end]));
        cuts.sort_unstable();
        cuts.dedup();
        let pieces = cuts.windows(2).filter_map(|cut| {
            let &[start, end] = cut else { return None };
            let piece = text.get(start..end)?;
            let class = match piece.chars().next() {
                _ if holding(&protected, start).is_some() => Class::Protected,
                Some(c) if is_word(c) => Class::Word,
                _ => Class::Gap,
            };
            let mention = mentions.iter().position(|m| m.range.contains(&start));
            Some(Piece { text: piece.to_owned(), class, mention, edits: 0 })
        });
        Self { pieces: pieces.collect(), mentions }
    }

    pub(crate) fn text(&self) -> String {
        self.pieces.iter().map(|p| p.text.as_str()).collect()
    }

    /// The pieces that are words and may be changed.
    pub(crate) fn words(&self) -> Vec<usize> {
        (0..self.pieces.len()).filter(|i| self.pieces.get(*i).is_some_and(Piece::is_word)).collect()
    }

    pub(crate) fn has_mentions(&self) -> bool {
        !self.mentions.is_empty()
    }

    /// Whether every name that `self` changed since `before` is still nearest to itself, and no other name came in.
    pub(crate) fn is_unambiguous(&self, before: &Self, names: &EntityNames) -> bool {
        let spans = self.spans();
        let text = self.text();
        for ((mention, span), original) in self.mentions.iter().zip(&spans).zip(before.spans()) {
            let spelling = text.get(span.clone()).unwrap_or_default();
            if before.slice(original) != spelling && !names.is_nearest(mention.name, spelling) {
                return false;
            }
        }
        names.mentions(&text).iter().all(|found| {
            let known = self.mentions.iter().any(|m| m.name == found.name);
            known || spans.iter().any(|s| s.start <= found.range.start && found.range.end <= s.end)
        })
    }

    fn slice(&self, span: Range<usize>) -> String {
        self.text().get(span).unwrap_or_default().to_owned()
    }

    /// Where each name stands now.
    fn spans(&self) -> Vec<Range<usize>> {
        let mut spans: Vec<Option<Range<usize>>> = vec![None; self.mentions.len()];
        let mut at = 0;
        for piece in &self.pieces {
            let end = at + piece.text.len();
            if let Some(span) = piece.mention.and_then(|m| spans.get_mut(m)) {
                *span = Some(span.as_ref().map_or(at, |s| s.start)..end);
            }
            at = end;
        }
        spans.into_iter().map(Option::unwrap_or_default).collect()
    }

    /// Puts `short` where `long` stands as whole words, whatever its case and accents; whether that changed anything.
    pub(crate) fn replace(&mut self, long: &str, short: &str) -> bool {
        self.replace_where(long, short, |_| true)
    }

    /// The same, but names stay.
    pub(crate) fn replace_outside_names(&mut self, long: &str, short: &str) -> bool {
        self.replace_where(long, short, |piece| piece.mention.is_none())
    }

    fn replace_where(&mut self, long: &str, short: &str, is_wanted: impl Fn(&Piece) -> bool) -> bool {
        let long = fold(long);
        let mut changed = false;
        for start in 0..self.pieces.len() {
            let wanted = self.pieces.get(start).is_some_and(&is_wanted);
            let Some(end) = self.phrase_end(start, &long).filter(|_| wanted) else { continue };
            let mut new = Some(short);
            for piece in self.pieces.get_mut(start..end).unwrap_or_default() {
                let new = new.take().unwrap_or_default();
                changed |= piece.text != new;
                piece.text = new.to_owned();
            }
        }
        changed
    }

    /// The piece behind the phrase that begins at `start`. Its pieces belong to one name or to none.
    fn phrase_end(&self, start: usize, folded: &str) -> Option<usize> {
        let mut rest = folded;
        let first = self.pieces.get(start).filter(|p| p.is_word())?;
        for (i, piece) in self.pieces.iter().enumerate().skip(start) {
            if piece.class == Class::Protected || piece.mention != first.mention {
                return None;
            }
            rest = rest.strip_prefix(fold(&piece.text).as_str())?;
            if rest.is_empty() {
                return Some(i + 1);
            }
        }
        None
    }
}

/// The range that holds a place.
fn holding(ranges: &[Range<usize>], at: usize) -> Option<&Range<usize>> {
    let next = ranges.partition_point(|r| r.end <= at);
    ranges.get(next).filter(|r| r.contains(&at))
}

/// Where words and what is between them begin and end.
fn word_cuts(text: &str) -> Vec<usize> {
    let mut cuts = vec![0, text.len()];
    let mut before = None;
    for (at, c) in text.char_indices() {
        let word = is_word(c);
        if before.is_some_and(|b| b != word) {
            cuts.push(at);
        }
        before = Some(word);
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_cut_at_words_names_and_protected_parts() {
        let names = EntityNames::new(["C++", "GIDAF Mobile"]);
        let text = "L'état de GIDAF Mobile en C++ « x y » ?";
        let sentence = Sentence::new(text, &names);
        assert_eq!(sentence.text(), text);
        let mentioned: Vec<_> =
            sentence.pieces.iter().filter(|p| p.mention.is_some()).map(|p| p.text.as_str()).collect();
        assert_eq!(mentioned, ["GIDAF", " ", "Mobile", "C", "++"]);
        let protected: Vec<_> = sentence.pieces.iter().filter(|p| p.class == Class::Protected).collect();
        assert_eq!(protected.iter().map(|p| p.text.as_str()).collect::<String>(), "« x y »");
        assert!(sentence.words().iter().all(|i| !sentence.pieces[*i].text.contains(['x', ' '])));
    }

    #[test]
    fn a_phrase_is_replaced_whole() {
        let names = EntityNames::new(["GIDAF"]);
        let mut sentence = Sentence::new("S’il te plaît, GIDAF ? s'il te plait", &names);
        assert!(sentence.replace("s'il te plaît", "stp"));
        assert_eq!(sentence.text(), "stp, GIDAF ? stp");
        assert!(!sentence.replace("te", "t") && !sentence.replace("gid", "g"));
    }
}
