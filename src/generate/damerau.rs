//! The true Damerau-Levenshtein distance: insertions, deletions, substitutions and transpositions of neighbours, where a
//! transposed pair may be edited further. It is a metric, which the restricted variant ("optimal string alignment") is not.

/// The distance, if it is at most `limit`.
///
/// Lowrance and Wagner's recurrence, in the band of cells that are at most `limit` off the diagonal.
pub(crate) fn within(a: &[char], b: &[char], limit: usize) -> Option<usize> {
    let (a, b) = without_common_ends(a, b);
    let limit = limit.min(a.len().max(b.len()));
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let mut table = Band::new(a.len(), limit);
    // Of each character of `a`, the last row that holds it.
    let mut rows: Vec<(char, usize)> = Vec::new();
    for (i, x) in (1usize..).zip(a) {
        // The last column of this row whose character is `x`.
        let mut column = (1..i.saturating_sub(limit)).rev().find(|j| b.get(j - 1) == Some(x)).unwrap_or(0);
        let mut least = table.at(i, 0);
        for j in i.saturating_sub(limit).max(1)..=(i + limit).min(b.len()) {
            let Some(y) = b.get(j - 1) else { break };
            let row = rows.iter().find(|(c, _)| c == y).map_or(0, |(_, row)| *row);
            let mut best = table.at(i - 1, j - 1) + usize::from(x != y);
            best = best.min(table.at(i - 1, j) + 1).min(table.at(i, j - 1) + 1);
            if row > 0 && column > 0 {
                best = best.min(table.at(row - 1, column - 1) + (i - row - 1) + 1 + (j - column - 1));
            }
            table.set(i, j, best);
            least = least.min(best);
            if x == y {
                column = j;
            }
        }
        // Every path to the end has a cell in this row that costs no more than the end.
        if least > limit {
            return None;
        }
        match rows.iter_mut().find(|(c, _)| c == x) {
            Some(known) => known.1 = i,
            None => rows.push((*x, i)),
        }
    }
    Some(table.at(a.len(), b.len())).filter(|d| *d <= limit)
}

pub(crate) fn distance(a: &[char], b: &[char]) -> usize {
    let most = a.len().max(b.len());
    within(a, b, most).unwrap_or(most)
}

/// A common start and a common end cost nothing.
fn without_common_ends<'a>(a: &'a [char], b: &'a [char]) -> (&'a [char], &'a [char]) {
    let start = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (a.get(start..).unwrap_or_default(), b.get(start..).unwrap_or_default());
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    (a.get(..a.len() - end).unwrap_or_default(), b.get(..b.len() - end).unwrap_or_default())
}

/// The cells (i, j) of the table with |i − j| ≤ `limit`; all others cost more than `limit`.
struct Band {
    limit: usize,
    cells: Vec<usize>,
}

impl Band {
    fn new(rows: usize, limit: usize) -> Self {
        let mut band = Self { limit, cells: vec![limit + 1; (rows + 1) * (2 * limit + 1)] };
        for i in 0..=limit {
            band.set(0, i, i);
            band.set(i.min(rows), 0, i.min(rows));
        }
        band
    }

    fn place(&self, i: usize, j: usize) -> Option<usize> {
        let offset = (j + self.limit).checked_sub(i).filter(|offset| *offset <= 2 * self.limit)?;
        Some(i * (2 * self.limit + 1) + offset)
    }

    fn at(&self, i: usize, j: usize) -> usize {
        self.place(i, j).and_then(|at| self.cells.get(at)).copied().unwrap_or(self.limit + 1)
    }

    fn set(&mut self, i: usize, j: usize, cost: usize) {
        if let Some(cell) = self.place(i, j).and_then(|at| self.cells.get_mut(at)) {
            *cell = cost.min(self.limit + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{distance, within};

    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[derive(serde::Deserialize)]
    struct Pair {
        a: String,
        b: String,
        distance: usize,
    }

    /// tests/oracles/damerau.py: 300 pairs, the distances by rapidfuzz.
    #[test]
    fn distances_are_those_of_rapidfuzz() {
        let pairs: Vec<Pair> = serde_json::from_str(include_str!("../../tests/fixtures/damerau.json")).unwrap();
        assert_eq!(pairs.len(), 300);
        for Pair { a, b, distance: expected } in pairs {
            let (x, y) = (chars(&a), chars(&b));
            assert_eq!(distance(&x, &y), expected, "{a:?} {b:?}");
            for limit in 0..=expected + 2 {
                let wanted = (expected <= limit).then_some(expected);
                assert_eq!(within(&x, &y, limit), wanted, "{a:?} {b:?} within {limit}");
            }
        }
    }

    #[test]
    fn the_distance_is_the_true_one() {
        // The restricted variant gives 3.
        assert_eq!(distance(&chars("ca"), &chars("abc")), 2);
        assert_eq!(distance(&[], &chars("é")), 1);
        assert_eq!(within(&[], &[], 0), Some(0));
    }

    proptest! {
        #[test]
        fn it_is_a_metric(a in "[abc]{0,7}", b in "[abc]{0,7}", c in "[abc]{0,7}", limit in 0usize..9) {
            let (a, b, c) = (chars(&a), chars(&b), chars(&c));
            prop_assert_eq!(distance(&a, &b), distance(&b, &a));
            prop_assert_eq!(distance(&a, &b) == 0, a == b);
            prop_assert!(distance(&a, &c) <= distance(&a, &b) + distance(&b, &c));
            prop_assert_eq!(within(&a, &b, limit), Some(distance(&a, &b)).filter(|d| *d <= limit));
        }
    }
}
