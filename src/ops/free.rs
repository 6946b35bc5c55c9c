//! Places that are free in a line of them: words of an arena, rows of a cache.

use std::collections::BTreeMap;
use std::ops::Range;

/// Free ranges, no two adjacent: those that are given back become one with their neighbours.
#[derive(Debug, Default)]
pub struct FreeRanges {
    /// Start to length.
    ranges: BTreeMap<usize, usize>,
}

impl FreeRanges {
    /// Takes `len` places, from the lowest range that has them: the start. None where no range is so long.
    pub fn take(&mut self, len: usize) -> Option<usize> {
        let (start, free) = self.ranges.iter().map(|(s, l)| (*s, *l)).find(|(_, free)| *free >= len)?;
        self.ranges.remove(&start);
        if free > len {
            self.ranges.insert(start + len, free - len);
        }
        Some(start)
    }

    /// Gives places back.
    pub fn give(&mut self, range: Range<usize>) {
        let Range { mut start, mut end } = range;
        if start >= end {
            return;
        }
        if let Some((&before, &len)) = self.ranges.range(..start).next_back()
            && before + len == start
        {
            self.ranges.remove(&before);
            start = before;
        }
        if let Some(len) = self.ranges.remove(&end) {
            end += len;
        }
        self.ranges.insert(start, end - start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_range_is_taken_and_neighbours_become_one() {
        let mut free = FreeRanges::default();
        free.give(0..1000);
        let [a, b, c] = [100, 200, 300].map(|n| free.take(n).unwrap());
        assert_eq!([a, b, c], [0, 100, 300]);
        free.give(b..c);
        assert_eq!((free.take(150), free.take(600)), (Some(100), None));
        free.give(100..250);
        free.give(a..b);
        free.give(c..600);
        free.give(7..7);
        assert_eq!(free.ranges, BTreeMap::from([(0, 1000)]));
    }
}
