//! What clipping takes from a tune on the base's own grid, and the one factor that gives it back.
//!
//! On its own grid an element at the end of the range of codes can't move outwards, which loses 2–4 % of ⟨ΔW, ΔW⟩. With
//! gain g element i moves by min(g, gᵢ)·ΔWᵢ, where gᵢ is the gain at which it reaches the end of its range, so the
//! expected share that arrives is e(g) = Σ min(g, gᵢ)·ΔWᵢ² / Σ ΔWᵢ². The gain that is used solves e(g) = 1.

use crate::ops::Levels;

/// The most that a tensor's tune is scaled; one that needs more gets a new grid.
pub(super) const MOST: f64 = 1.25;

/// Of gains up to [`MOST`]; a bin's width bounds the error of g.
const BINS: usize = 1250;

/// Sums over the elements of one tensor; parts add up.
#[derive(Clone, Debug)]
pub(super) struct Clipping {
    total: f64,
    /// By gᵢ: Σ ΔWᵢ², Σ gᵢ·ΔWᵢ².
    bins: Vec<[f64; 2]>,
}

impl Clipping {
    pub(super) fn new() -> Self {
        Self { total: 0.0, bins: vec![[0.0; 2]; BINS] }
    }

    /// One row: the base's values, the levels they lie on, ΔW.
    pub(super) fn add_row(&mut self, base: &[f32], levels: &[Levels], delta: &[f32]) {
        for ((&w, l), &d) in base.iter().zip(levels).zip(delta) {
            let d = f64::from(d);
            let energy = d * d;
            self.total += energy;
            let end = f64::from(if d > 0.0 { l.high.max(w) } else { l.low.min(w) });
            let reach = end - f64::from(w);
            // Most elements are far from both ends: no division for those.
            if reach.abs() < MOST * d.abs() {
                let at = reach / d;
                let bin = ((at / MOST * BINS as f64) as usize).min(BINS - 1);
                self.bins[bin][0] += energy;
                self.bins[bin][1] += at * energy;
            }
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.total += other.total;
        for (a, b) in self.bins.iter_mut().zip(&other.bins) {
            a[0] += b[0];
            a[1] += b[1];
        }
    }

    /// The g ≥ 1 that solves e(g) = 1; `None` where it is above [`MOST`].
    pub(super) fn gain(&self) -> Option<f64> {
        if self.total <= 0.0 {
            return Some(1.0);
        }
        let (mut free, mut clipped) = (self.total, 0.0);
        for (i, [energy, moved]) in self.bins.iter().enumerate() {
            // e(g) = (clipped + g · free) / total as long as no further element reaches its end.
            let g = (self.total - clipped) / free;
            if g <= MOST * (i + 1) as f64 / BINS as f64 {
                return Some(g.max(1.0));
            }
            free -= energy;
            clipped += moved;
            if free <= 1e-9 * self.total {
                return None;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clipping(rows: &[(f32, f32)]) -> Clipping {
        let mut sums = Clipping::new();
        // Codes 0 to 15 with a step of 1.
        let levels = Levels { step: 1.0, low: 0.0, high: 15.0 };
        rows.iter().for_each(|(w, d)| sums.add_row(&[*w], &[levels], &[*d]));
        sums
    }

    #[test]
    fn the_gain_gives_back_what_is_clipped() {
        assert_eq!(clipping(&[(7.0, 0.1), (3.0, -0.1)]).gain(), Some(1.0));
        // One of eleven equal moves goes nowhere: the others move by 1.1.
        let mut rows = vec![(7.0, 0.1); 10];
        rows.push((15.0, 0.1));
        assert!((clipping(&rows).gain().unwrap() - 1.1).abs() < 1e-6);
        // At the lower end outwards is down.
        *rows.last_mut().unwrap() = (0.0, -0.1);
        assert!((clipping(&rows).gain().unwrap() - 1.1).abs() < 1e-6);
        *rows.last_mut().unwrap() = (0.0, 0.1);
        assert_eq!(clipping(&rows).gain(), Some(1.0));
        // One that stops half-way: 10 g + 0.5 = 11.
        *rows.last_mut().unwrap() = (14.95, 0.1);
        assert!((clipping(&rows).gain().unwrap() - 1.05).abs() < 2e-3);
    }

    #[test]
    fn a_tensor_that_is_clipped_too_much_needs_a_new_grid() {
        let mut rows = vec![(7.0, 0.1); 4];
        rows.extend([(15.0, 0.1); 2]);
        assert_eq!(clipping(&rows).gain(), None);
        // No scale: nothing can move.
        let mut sums = Clipping::new();
        sums.add_row(&[0.0], &[Levels::default()], &[0.1]);
        assert_eq!(sums.gain(), None);
        assert_eq!(Clipping::new().gain(), Some(1.0));
    }
}
