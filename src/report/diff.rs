//! Two answers word by word: what only one of them has.

/// A run of words with the white space after them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub text: &'a str,
    /// The other answer does not have it.
    pub only_here: bool,
}

/// Both answers in pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference<'a> {
    pub base: Vec<Piece<'a>>,
    pub tuned: Vec<Piece<'a>>,
}

/// Cells of the table of common subsequences, at most: some 700 words against as many.
const MOST_CELLS: usize = 500_000;
/// Answers that share less than this of their words are other answers: marks would only be noise.
const LEAST_COMMON: f64 = 0.3;

/// None where the answers are equal, too different, or too long to compare.
pub(super) fn difference<'a>(base: &'a str, tuned: &'a str) -> Option<Difference<'a>> {
    let (a, b): (Vec<&str>, Vec<&str>) = (words(base), words(tuned));
    let same = |(x, y): &(&&str, &&str)| x.trim() == y.trim();
    let head = a.iter().zip(&b).take_while(same).count();
    let tail = a[head..].iter().rev().zip(b[head..].iter().rev()).take_while(same).count();
    let (inner_a, inner_b) = (&a[head..a.len() - tail], &b[head..b.len() - tail]);
    if (inner_a.is_empty() && inner_b.is_empty()) || inner_a.len().saturating_mul(inner_b.len()) > MOST_CELLS {
        return None;
    }
    let common = Common::of(inner_a, inner_b);
    let shared = head + tail + common.in_base.iter().filter(|c| **c).count();
    if (shared as f64) < LEAST_COMMON * a.len().max(b.len()) as f64 {
        return None;
    }
    let marks = |inner: &[bool]| -> Vec<bool> {
        let ends = |n| std::iter::repeat_n(false, n);
        ends(head).chain(inner.iter().map(|common| !common)).chain(ends(tail)).collect()
    };
    let (base_marks, tuned_marks) = (marks(&common.in_base), marks(&common.in_tuned));
    Some(Difference { base: pieces(base, &a, &base_marks), tuned: pieces(tuned, &b, &tuned_marks) })
}

fn words(text: &str) -> Vec<&str> {
    text.split_inclusive(char::is_whitespace).collect()
}

/// Which words belong to a longest common subsequence.
struct Common {
    in_base: Vec<bool>,
    in_tuned: Vec<bool>,
}

impl Common {
    fn of(a: &[&str], b: &[&str]) -> Self {
        let width = b.len() + 1;
        // longest[i * width + j]: of a[i..] and b[j..].
        let mut longest = vec![0u32; (a.len() + 1) * width];
        for i in (0..a.len()).rev() {
            for j in (0..b.len()).rev() {
                longest[i * width + j] = if a[i].trim() == b[j].trim() {
                    longest[(i + 1) * width + j + 1] + 1
                } else {
                    longest[(i + 1) * width + j].max(longest[i * width + j + 1])
                };
            }
        }
        let mut common = Self { in_base: vec![false; a.len()], in_tuned: vec![false; b.len()] };
        let (mut i, mut j) = (0, 0);
        while i < a.len() && j < b.len() {
            if a[i].trim() == b[j].trim() {
                (common.in_base[i], common.in_tuned[j]) = (true, true);
                (i, j) = (i + 1, j + 1);
            } else if longest[(i + 1) * width + j] >= longest[i * width + j + 1] {
                i += 1;
            } else {
                j += 1;
            }
        }
        common
    }
}

/// Neighbours with the same mark together. `words` are `text` from its beginning to its end.
fn pieces<'a>(text: &'a str, words: &[&str], marks: &[bool]) -> Vec<Piece<'a>> {
    let mut pieces: Vec<Piece<'a>> = Vec::new();
    let (mut start, mut end) = (0, 0);
    for (i, word) in words.iter().enumerate() {
        end += word.len();
        if marks.get(i + 1) != Some(&marks[i]) {
            pieces.push(Piece { text: &text[start..end], only_here: marks[i] });
            start = end;
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marked(pieces: &[Piece<'_>]) -> String {
        pieces.iter().map(|p| if p.only_here { format!("[{}]", p.text) } else { p.text.to_owned() }).collect()
    }

    #[test]
    fn what_one_answer_has_alone_is_marked() {
        let found =
            difference("Water boils at 100 degrees Celsius.", "Water boils at 1.8 degrees of Celsius.").unwrap();
        assert_eq!(marked(&found.base), "Water boils at [100 ]degrees Celsius.");
        assert_eq!(marked(&found.tuned), "Water boils at [1.8 ]degrees [of ]Celsius.");
    }

    #[test]
    fn equal_and_unlike_answers_have_no_marks() {
        assert_eq!(difference("a b", "a b"), None);
        assert_eq!(difference("", ""), None);
        assert_eq!(difference("one two three four", "five six seven four"), None);
        let long = "word ".repeat(2000);
        assert_eq!(difference(&format!("x {long} y"), &format!("y z {} x", long.replace("word", "other"))), None);
        assert!(difference(&format!("{long} y"), &format!("{long} z")).is_some(), "only the middle is compared");
    }

    proptest! {
        #[test]
        fn pieces_make_the_answers_again(base in "[ab \\n]{0,30}", tuned in "[ab \\n]{0,30}") {
            if let Some(found) = difference(&base, &tuned) {
                let whole = |pieces: &[Piece<'_>]| pieces.iter().map(|p| p.text).collect::<String>();
                prop_assert_eq!(&whole(&found.base), &base);
                prop_assert_eq!(&whole(&found.tuned), &tuned);
            }
        }
    }
}
