//! Numbers of extracts that an answer cites: `[1]`, `[1][2]`, `[1, 2]`, `[1; 2]`, `[1 et 2]`, `[1 and 2]`, `[1-3]`.

use std::ops::Range;

/// Longest range (`[1-4]`) that is read as one.
const MAX_RANGE: u64 = 100;

/// Numbers in one pair of brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CitedNumbers {
    /// Bytes of the answer, brackets included.
    pub place: Range<usize>,
    pub numbers: Vec<u64>,
}

/// Every pair of brackets that holds numbers of extracts and nothing else, in the order of the answer.
pub fn cited_numbers(answer: &str) -> Vec<CitedNumbers> {
    let mut found = Vec::new();
    for (start, _) in answer.match_indices('[') {
        let inside = answer.get(start + 1..).and_then(|rest| rest.split_once(']')).map(|(inside, _)| inside);
        if let Some((inside, numbers)) = inside.and_then(|inside| Some((inside, numbers(inside)?))) {
            found.push(CitedNumbers { place: start..start + inside.len() + 2, numbers });
        }
    }
    found
}

/// None: what stands between the brackets is not a list of numbers.
fn numbers(inside: &str) -> Option<Vec<u64>> {
    let inside = inside.replace(" et ", ",").replace(" and ", ",").replace(['–', '—'], "-");
    let mut numbers = Vec::new();
    for item in inside.split([',', ';', '&']) {
        match item.split_once('-') {
            None => numbers.push(number(item)?),
            Some((first, last)) => {
                let (first, last) = (number(first)?, number(last)?);
                if last < first || last - first > MAX_RANGE {
                    return None;
                }
                numbers.extend(first..=last);
            }
        }
    }
    Some(numbers)
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) { None } else { text.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_with_numbers_alone_cite() {
        let cited = |answer: &str| -> Vec<Vec<u64>> { cited_numbers(answer).into_iter().map(|c| c.numbers).collect() };
        assert_eq!(
            cited("a [1][2], b [ 3 ] [1 et 2] [4;5] [2–4]"),
            [vec![1], vec![2], vec![3], vec![1, 2], vec![4, 5], vec![2, 3, 4]]
        );
        assert!(cited("[x] [] [1.5] [-1] [1 [1-99999999] [99999999999999999999999]").is_empty());
        assert_eq!(cited_numbers("é [[3]] [")[0].place, 4..7);
    }
}
