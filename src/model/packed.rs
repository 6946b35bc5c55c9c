//! Sequences laid end to end: no padding, no position that nobody reads, a beginning that several share only once.

use std::ops::Range;

use crate::model::rope::Rope;
use crate::model::sequence::check_ids;
use crate::model::{ModelError, Sequence};
use crate::ops::{Rotation, Segment};
use crate::weights::ModelSpec;

/// The rows of one pass.
#[derive(Debug)]
pub(super) struct Packed {
    pub ids: Vec<u32>,
    pub segments: Vec<Segment>,
    pub rotation: Rotation,
    /// What is read of the last layer, where that is not everything.
    pub read: Option<Read>,
    /// Where the loss is −log p(target).
    pub supervised: Targets,
    /// Where it is the divergence from the base.
    pub distilled: Targets,
    /// The distilled sequences that have targets, each alone, as the base is asked.
    pub teacher: Vec<Packed>,
}

/// The rows whose last hidden states somebody reads: there the last layer has queries and an MLP, elsewhere only keys
/// and values.
#[derive(Debug)]
pub(super) struct Read {
    /// Rising.
    pub rows: Vec<usize>,
    pub segments: Vec<Segment>,
    pub rotation: Rotation,
}

/// Rows of the last hidden states whose prediction is asked for, and what they must predict.
#[derive(Debug, Default)]
pub(super) struct Targets {
    pub rows: Vec<usize>,
    pub targets: Vec<u32>,
}

impl Packed {
    pub(super) fn is_empty(&self) -> bool {
        self.supervised.rows.is_empty() && self.distilled.rows.is_empty()
    }
}

/// Sequences as a trie: a run of tokens that some of them have in common is one segment, what follows it others.
#[derive(Debug, Default)]
pub(super) struct Trie {
    pub ids: Vec<u32>,
    pub positions: Vec<usize>,
    pub segments: Vec<Segment>,
    /// The row of each position of each sequence.
    pub rows: Vec<Vec<usize>>,
}

impl Trie {
    /// With `share` false every sequence stands alone: what differs between them, as dropout's masks do, forbids it.
    pub(super) fn of(sequences: &[&[u32]], share: bool) -> Self {
        let mut trie = Self { rows: vec![Vec::new(); sequences.len()], ..Self::default() };
        let all: Vec<usize> = (0..sequences.len()).collect();
        // (sequences, tokens that they have behind them, the rows of these)
        let mut open: Vec<(Vec<usize>, usize, Vec<Range<usize>>)> = if share {
            vec![(all, 0, Vec::new())]
        } else {
            all.into_iter().rev().map(|s| (vec![s], 0, Vec::new())).collect()
        };
        while let Some((group, depth, before)) = open.pop() {
            let Some((&first, rest)) = group.split_first() else { continue };
            let common = rest.iter().fold(sequences[first].len(), |n, &s| {
                let same = sequences[first][..n].iter().zip(sequences[s]).skip(depth).take_while(|(a, b)| a == b);
                depth + same.count()
            });
            let before = trie.run(&sequences[first][depth..common], depth, &group, before);
            // Further on they differ; those that begin alike stay together, in the order of their first.
            let mut next: Vec<(u32, Vec<usize>)> = Vec::new();
            for s in group {
                let Some(&id) = sequences[s].get(common) else { continue };
                match next.iter_mut().find(|(i, _)| *i == id) {
                    Some((_, group)) => group.push(s),
                    None => next.push((id, vec![s])),
                }
            }
            open.extend(next.into_iter().rev().map(|(_, group)| (group, common, before.clone())));
        }
        trie
    }

    /// Adds a run; returns it behind what came before.
    fn run(&mut self, ids: &[u32], depth: usize, group: &[usize], mut before: Vec<Range<usize>>) -> Vec<Range<usize>> {
        if ids.is_empty() {
            return before;
        }
        let start = self.ids.len();
        let rows = start..start + ids.len();
        self.segments.push(Segment { before: before.clone(), ..Segment::alone(start, ids.len()) });
        self.ids.extend_from_slice(ids);
        self.positions.extend(depth..depth + ids.len());
        for &s in group {
            self.rows[s].extend(rows.clone());
        }
        match before.last_mut() {
            Some(last) if last.end == start => last.end = rows.end,
            _ => before.push(rows),
        }
        before
    }

    /// These rows of every segment, as queries of the last layer.
    fn read(&self, rows: &[usize]) -> Vec<Segment> {
        let mut out = Vec::new();
        let mut from = 0;
        for s in &self.segments {
            let end = s.own + s.queries();
            let to = from + rows[from..].partition_point(|&r| r < end);
            if to > from {
                let offsets = rows[from..to].iter().map(|r| r - s.own).collect();
                out.push(Segment { query: from, own: s.own, offsets, before: s.before.clone() });
            }
            from = to;
        }
        out
    }
}

/// Packs sequences for a model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packer<'a> {
    pub spec: &'a ModelSpec,
    pub rope: &'a Rope,
}

impl Packer<'_> {
    /// Packs whole sequences. What follows a sequence's last trained position is left out: with causal attention
    /// nothing trained depends on it.
    pub(super) fn pack(&self, sequences: &[Sequence<'_>], share: bool) -> Result<Packed, ModelError> {
        let all: Vec<&Sequence<'_>> = sequences.iter().collect();
        let mut packed = self.pack_these(&all, share)?;
        if !packed.distilled.rows.is_empty() {
            let teacher = all.into_iter().filter(|s| s.distilled && s.targets.iter().any(Option::is_some));
            packed.teacher = teacher.map(|s| self.pack_these(&[s], true)).collect::<Result<_, _>>()?;
        }
        Ok(packed)
    }

    fn pack_these(&self, sequences: &[&Sequence<'_>], share: bool) -> Result<Packed, ModelError> {
        let mut used = Vec::with_capacity(sequences.len());
        for s in sequences {
            if s.ids.len() != s.targets.len() {
                let (found, expected) = (s.targets.len(), s.ids.len());
                return Err(ModelError::Shape { what: "the targets of a sequence".to_owned(), found, expected });
            }
            check_ids(self.spec, s.ids)?;
            if let Some(&id) = s.targets.iter().flatten().find(|&&t| t as usize >= self.spec.vocab) {
                return Err(ModelError::BadToken { id, vocab: self.spec.vocab });
            }
            used.push(&s.ids[..s.targets.iter().rposition(Option::is_some).map_or(0, |last| last + 1)]);
        }
        let trie = Trie::of(&used, share);
        let (mut supervised, mut distilled) = (Targets::default(), Targets::default());
        for (s, rows) in sequences.iter().zip(&trie.rows) {
            let asked = if s.distilled { &mut distilled } else { &mut supervised };
            for (&target, &row) in s.targets.iter().zip(rows) {
                if let Some(target) = target {
                    asked.rows.push(row);
                    asked.targets.push(target);
                }
            }
        }
        let read = self.read(&trie, [&mut supervised.rows, &mut distilled.rows]);
        let rotation = self.rope.rotation(trie.positions.iter().copied());
        Ok(Packed {
            ids: trie.ids,
            segments: trie.segments,
            rotation,
            read,
            supervised,
            distilled,
            teacher: Vec::new(),
        })
    }

    /// Which rows of the trie the last layer is read at; the lists of rows become places among these.
    pub(super) fn read<const N: usize>(&self, trie: &Trie, asked: [&mut Vec<usize>; N]) -> Option<Read> {
        let mut rows: Vec<usize> = asked.iter().flat_map(|rows| rows.iter().copied()).collect();
        rows.sort_unstable();
        rows.dedup();
        if rows.len() == trie.ids.len() {
            return None;
        }
        for list in asked {
            list.iter_mut().for_each(|row| *row = rows.partition_point(|r| r < row));
        }
        let rotation = self.rope.rotation(rows.iter().map(|&r| trie.positions[r]));
        Some(Read { segments: trie.read(&rows), rows, rotation })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::single_range_in_vec_init, reason = "a list of one range is meant")]

    use super::*;

    #[test]
    fn a_common_beginning_is_one_run() {
        let sequences: [&[u32]; 5] = [&[1, 2, 3, 4], &[1, 2, 5], &[9], &[1, 2, 5, 6], &[1, 2]];
        let trie = Trie::of(&sequences, true);
        assert_eq!(trie.ids, [1, 2, 3, 4, 5, 6, 9]);
        assert_eq!(trie.positions, [0, 1, 2, 3, 2, 3, 0]);
        assert_eq!(trie.rows, [vec![0, 1, 2, 3], vec![0, 1, 4], vec![6], vec![0, 1, 4, 5], vec![0, 1]]);
        let before: Vec<_> = trie.segments.iter().map(|s| (s.own, s.queries(), s.before.clone())).collect();
        let expected =
            [(0, 2, vec![]), (2, 2, vec![0..2]), (4, 1, vec![0..2]), (5, 1, vec![0..2, 4..5]), (6, 1, vec![])];
        assert_eq!(before, expected);
        let read = trie.read(&[1, 3, 6]);
        let of = |s: &Segment| (s.query, s.own, s.offsets.clone());
        assert_eq!(read.iter().map(of).collect::<Vec<_>>(), [(0, 0, vec![1]), (1, 2, vec![1]), (2, 6, vec![0])]);
        let apart = Trie::of(&sequences, false);
        assert_eq!(apart.ids, sequences.concat());
        assert!(apart.segments.iter().all(|s| s.before.is_empty()));
    }
}
