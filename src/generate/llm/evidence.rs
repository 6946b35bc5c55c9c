//! Where a unit states what a model quotes.

use std::ops::Range;

use super::text::fold_char;

/// Characters that may differ between a quotation and the part of the unit that is taken for it.
const LEAST_SIMILARITY: f64 = 0.92;
/// Shorter quotations are only found exactly.
const LEAST_ALIGNED: usize = 24;

/// Folded characters, with the bytes each comes from.
struct Folded {
    chars: Vec<char>,
    places: Vec<Range<usize>>,
}

impl Folded {
    fn of(text: &str) -> Self {
        let mut folded = Self { chars: Vec::new(), places: Vec::new() };
        for (at, c) in text.char_indices() {
            let place = at..at + c.len_utf8();
            if !c.is_whitespace() {
                fold_char(c).for_each(|c| folded.push(c, place.clone()));
            } else if folded.chars.last().is_some_and(|last| *last != ' ') {
                folded.push(' ', place);
            }
        }
        if folded.chars.last() == Some(&' ') {
            folded.chars.pop();
            folded.places.pop();
        }
        folded
    }

    fn push(&mut self, c: char, place: Range<usize>) {
        self.chars.push(c);
        self.places.push(place);
    }

    /// The bytes of some of the characters.
    fn bytes(&self, range: Range<usize>) -> Option<Range<usize>> {
        let first = self.places.get(range.start)?;
        let last = self.places.get(range.end.checked_sub(1)?)?;
        Some(first.start..last.end)
    }
}

/// The bytes of `text` that hold the quotation: as it stands (case, accents, white space and forms of quotes aside), else
/// the part that differs in the fewest characters, if these are few.
pub(super) fn find_evidence(text: &str, quotation: &str) -> Option<Range<usize>> {
    let (text, quotation) = (Folded::of(text), Folded::of(quotation));
    let length = quotation.chars.len();
    if length == 0 {
        return None;
    }
    let exact = text.chars.windows(length).position(|window| window == quotation.chars);
    let range = match exact {
        Some(start) => start..start + length,
        None if length >= LEAST_ALIGNED => aligned(&text.chars, &quotation.chars)?,
        None => return None,
    };
    text.bytes(range)
}

/// A state of the alignment: edits so far, and where in the text it began.
#[derive(Clone, Copy)]
struct Cell {
    edits: usize,
    start: usize,
}

/// The part of the text that is most like the pattern (Sellers 1980: edit distance with a free start and end).
fn aligned(text: &[char], pattern: &[char]) -> Option<Range<usize>> {
    let mut column: Vec<Cell> = (0..=pattern.len()).map(|edits| Cell { edits, start: 0 }).collect();
    let mut best: Option<(f64, Range<usize>)> = None;
    for (at, c) in text.iter().enumerate() {
        let mut diagonal = Cell { edits: 0, start: at };
        let mut above = Cell { edits: 0, start: at + 1 };
        let mut left = column.iter_mut();
        if let Some(first) = left.next() {
            *first = above;
        }
        for (cell, p) in left.zip(pattern) {
            let replaced = Cell { edits: diagonal.edits + usize::from(p != c), ..diagonal };
            let deleted = Cell { edits: above.edits + 1, ..above };
            let inserted = Cell { edits: cell.edits + 1, ..*cell };
            diagonal = *cell;
            *cell = [deleted, inserted]
                .into_iter()
                .fold(replaced, |best, other| if other.edits < best.edits { other } else { best });
            above = *cell;
        }
        let Some(end) = column.last().filter(|cell| cell.start <= at) else { continue };
        let longest = pattern.len().max(at + 1 - end.start);
        let similarity = 1.0 - end.edits as f64 / longest as f64;
        if best.as_ref().is_none_or(|(most, _)| similarity > *most) {
            best = Some((similarity, end.start..at + 1));
        }
    }
    best.filter(|(similarity, _)| *similarity >= LEAST_SIMILARITY).map(|(_, range)| range)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str =
        "Présentation. L’application GIDAF est hébergée\n par « OVH » à Gravelines. Elle a été ouverte en 2019.";

    fn found(quotation: &str) -> Option<&str> {
        find_evidence(TEXT, quotation).map(|range| &TEXT[range])
    }

    #[test]
    fn the_span_is_the_units_own_text() {
        assert_eq!(
            found("L'application GIDAF est hebergee par \" OVH \""),
            Some("L’application GIDAF est hébergée\n par « OVH »")
        );
        // Two characters of 62 differ.
        let near = "L'application GIDAF est héberge par « OVH » à Graveline. Elle a";
        assert_eq!(found(near), Some("L’application GIDAF est hébergée\n par « OVH » à Gravelines. Elle a"));
        for wrong in [
            "",
            "OHV",
            "L'application GIDAF est hébergée par Scaleway à Gravelines",
            "Elle a été ouverte en 2021 et plus",
        ] {
            assert_eq!(found(wrong), None, "{wrong}");
        }
    }

    fn distance(part: &[char], pattern: &[char]) -> usize {
        let mut row: Vec<usize> = (0..=part.len()).collect();
        for (i, p) in pattern.iter().enumerate() {
            let mut diagonal = row[0];
            row[0] = i + 1;
            for (j, c) in part.iter().enumerate() {
                let value = (diagonal + usize::from(p != c)).min(row[j] + 1).min(row[j + 1] + 1);
                diagonal = row[j + 1];
                row[j + 1] = value;
            }
        }
        row[part.len()]
    }

    /// By trying all parts.
    fn least_distance(text: &[char], pattern: &[char]) -> usize {
        let parts = (0..text.len()).flat_map(|s| (s + 1..=text.len()).map(move |e| s..e));
        parts.map(|range| distance(&text[range], pattern)).min().unwrap_or(pattern.len())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_aligned_part_has_as_few_edits_as_any(
            text in "[ab]{46,60}",
            from in 0usize..10,
            length in 24usize..36,
            edited in proptest::collection::vec(0usize..24, 0..4),
        ) {
            let text: Vec<char> = text.chars().collect();
            let mut pattern = text[from..from + length].to_vec();
            edited.iter().for_each(|at| pattern[*at] = 'c');
            let least = least_distance(&text, &pattern);
            match aligned(&text, &pattern) {
                Some(range) => prop_assert_eq!(distance(&text[range], &pattern), least),
                None => prop_assert!(1.0 - (least as f64 / pattern.len() as f64) < LEAST_SIMILARITY),
            }
        }

        #[test]
        fn every_part_of_a_text_is_found(text in "[a-zéÀ«’ \n]{30,80}", from in 0usize..20, length in 1usize..30) {
            let chars: Vec<char> = text.chars().collect();
            let part: String = chars.iter().skip(from).take(length).collect();
            let expected = super::super::text::folded(&part);
            match find_evidence(&text, &part) {
                Some(range) => prop_assert_eq!(super::super::text::folded(&text[range]), expected),
                None => prop_assert!(expected.is_empty()),
            }
        }
    }
}
