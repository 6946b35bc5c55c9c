//! The longest common subsequence (LCS) of two texts, in bits: Hyyrö 2004, "Bit-parallel LCS-length computation revisited".
//!
//! Of the table of LCS lengths, with a row for each token of the reference and a column for each token of the candidate, one
//! row is kept as bits: a bit is clear where the length grows by one from a column to the next.

use std::collections::HashMap;

/// The text that stands along the columns.
pub(super) struct Candidate<'a> {
    tokens: &'a [u32],
    /// The columns of each token.
    columns: HashMap<u32, Vec<usize>>,
}

impl<'a> Candidate<'a> {
    pub(super) fn new(tokens: &'a [u32]) -> Self {
        let mut columns: HashMap<u32, Vec<usize>> = HashMap::new();
        tokens.iter().enumerate().for_each(|(column, token)| columns.entry(*token).or_default().push(column));
        Self { tokens, columns }
    }

    /// The length of the LCS. Memory: one row.
    pub(super) fn lcs_length(&self, reference: &[u32]) -> usize {
        let mut rows = Rows::new(self);
        reference.iter().for_each(|token| rows.advance(*token));
        rows.row.length(self.tokens.len())
    }

    /// The places in `reference` of one LCS, the last place first: of several it is the one that rouge_score's
    /// `_backtrack_norec` reads from the table. Memory: about twice the square root of the number of rows, in rows.
    pub(super) fn lcs_places(&self, reference: &[u32]) -> Vec<usize> {
        if !reference.iter().any(|token| self.columns.contains_key(token)) {
            return Vec::new();
        }
        // 1. Forward: keep the first row of each part of the reference.
        let part_length = reference.len().isqrt().max(1);
        let mut rows = Rows::new(self);
        let mut first_rows = Vec::new();
        for part in reference.chunks(part_length) {
            first_rows.push(rows.row.clone());
            part.iter().for_each(|token| rows.advance(*token));
        }
        // 2. Backward: make the rows of each part again and walk through them.
        let mut places = Vec::new();
        let mut column = self.tokens.len();
        for (at, part) in reference.chunks(part_length).enumerate().rev() {
            rows.row = first_rows.pop().unwrap_or_default();
            let mut table = vec![rows.row.clone()];
            for token in part {
                rows.advance(*token);
                table.push(rows.row.clone());
            }
            let mut row = part.len();
            while row > 0 && column > 0 {
                if part[row - 1] == self.tokens[column - 1] {
                    places.push(at * part_length + row - 1);
                    (row, column) = (row - 1, column - 1);
                } else if table[row].length(column - 1) > table[row - 1].length(column) {
                    column -= 1;
                } else {
                    row -= 1;
                }
            }
        }
        places
    }
}

#[derive(Clone, Default)]
struct Row(Vec<u64>);

impl Row {
    /// The LCS length in a column: the clear bits before it.
    fn length(&self, column: usize) -> usize {
        let (words, rest) = (column / 64, column % 64);
        let set: usize = self.0.iter().take(words).map(|word| word.count_ones() as usize).sum();
        let last = self.0.get(words).map_or(0, |word| (word & ((1 << rest) - 1)).count_ones() as usize);
        column - set - last
    }
}

/// Makes one row after the other.
struct Rows<'a> {
    candidate: &'a Candidate<'a>,
    row: Row,
    /// The columns of the present token, as bits; clear between two rows.
    matches: Vec<u64>,
}

impl<'a> Rows<'a> {
    fn new(candidate: &'a Candidate<'a>) -> Self {
        let words = candidate.tokens.len().div_ceil(64);
        Self { candidate, row: Row(vec![u64::MAX; words]), matches: vec![0; words] }
    }

    /// The row of one more token of the reference: V' = (V + (V & M)) | (V & !M).
    fn advance(&mut self, token: u32) {
        let Some(columns) = self.candidate.columns.get(&token) else { return };
        columns.iter().for_each(|column| self.matches[column / 64] |= 1 << (column % 64));
        let mut carry = false;
        for (v, m) in self.row.0.iter_mut().zip(&self.matches) {
            let (sum, carried) = v.carrying_add(*v & m, carry);
            (*v, carry) = (sum | (*v & !m), carried);
        }
        columns.iter().for_each(|column| self.matches[column / 64] = 0);
    }
}
