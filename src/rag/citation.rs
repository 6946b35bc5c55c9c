//! Which extracts an answer cites.

use serde::{Deserialize, Serialize};

use crate::eval::cited_numbers;

/// The citations of one answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citations {
    /// What the numbers stand for, each once, in the order of their first citation.
    pub cited: Vec<usize>,
    /// Numbers that no extract has, each once, in the order in which they come.
    pub wrong: Vec<u64>,
}

/// Reads what [`cited_numbers`] finds. `used`: what the extracts are, in the order of their numbers from 1
/// ([`Assembled::used`](super::Assembled::used)).
pub fn citations(answer: &str, used: &[usize]) -> Citations {
    let mut found = Citations::default();
    for number in cited_numbers(answer).into_iter().flat_map(|cited| cited.numbers) {
        let place = number.checked_sub(1).and_then(|n| usize::try_from(n).ok());
        match place.and_then(|place| used.get(place)) {
            Some(chunk) if !found.cited.contains(chunk) => found.cited.push(*chunk),
            None if !found.wrong.contains(&number) => found.wrong.push(number),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_and_ranges_are_read() {
        let used = [40, 30, 20, 10];
        let cited = |answer: &str| citations(answer, &used);
        for (answer, expected) in [
            ("GIDAF est à Lyon [1].", vec![40]),
            ("a [1][2], b[ 2 ]", vec![40, 30]),
            ("a [4, 1]", vec![10, 40]),
            ("a [1 et 3] ou [2 and 3]", vec![40, 20, 30]),
            ("a [2–4]", vec![30, 20, 10]),
            ("a [x] [] [1.5] [-1] [1", vec![]),
            ("[[3]]", vec![20]),
        ] {
            assert_eq!(cited(answer), Citations { cited: expected, wrong: vec![] }, "{answer}");
        }
        assert_eq!(cited("[0] [5] [2, 7] [5] [2024]"), Citations { cited: vec![30], wrong: vec![0, 5, 7, 2024] });
        assert_eq!(cited("[1-99999999]"), Citations::default());
        assert_eq!(cited("[99999999999999999999999]"), Citations::default());
    }

    proptest! {
        #[test]
        fn any_answer_is_read(answer in "[\\[\\]0-9,; a-z–-]{0,40}", n in 0usize..5) {
            let used: Vec<usize> = (0..n).collect();
            let found = citations(&answer, &used);
            prop_assert!(found.cited.iter().all(|c| *c < n));
            prop_assert!(found.wrong.iter().all(|w| *w == 0 || *w > n as u64));
        }
    }
}
