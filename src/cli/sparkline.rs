//! The last few numbers of a row as one short word: each a block as high as it lies between the least and the most.

use std::collections::VecDeque;
use std::fmt;

const SHOWN: usize = 20;
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 8] = ['_', '.', '-', ':', '=', '+', '*', '#'];

#[derive(Clone, Debug)]
pub(super) struct Sparkline {
    last: VecDeque<f64>,
    heights: [char; 8],
}

impl Sparkline {
    pub(super) fn new(utf8: bool) -> Self {
        Self { last: VecDeque::new(), heights: if utf8 { BLOCKS } else { ASCII } }
    }

    pub(super) fn push(&mut self, value: f64) {
        self.last.extend(value.is_finite().then_some(value));
        if self.last.len() > SHOWN {
            self.last.pop_front();
        }
    }
}

impl fmt::Display for Sparkline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.last.iter().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
        for value in &self.last {
            // A row of equal numbers lies at the bottom.
            let share = if high > low { (value - low) / (high - low) } else { 0.0 };
            let height = self.heights[(share * (self.heights.len() - 1) as f64).round() as usize];
            write!(f, "{height}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(utf8: bool, values: &[f64]) -> String {
        let mut line = Sparkline::new(utf8);
        values.iter().for_each(|v| line.push(*v));
        line.to_string()
    }

    #[test]
    fn the_last_numbers_stand_as_high_as_they_lie() {
        assert_eq!(drawn(true, &[7.0, 0.0, 3.0, f64::NAN, 1.0]), "█▁▄▂");
        assert_eq!(drawn(false, &[7.0, 0.0, 3.0, 1.0]), "#_:.");
        assert_eq!((drawn(true, &[2.5, 2.5]), drawn(true, &[])), ("▁▁".to_owned(), String::new()));
        // 1000 is out of sight.
        let many: Vec<f64> = [1000.0].into_iter().chain((0..20).map(f64::from)).collect();
        let line = drawn(true, &many);
        assert_eq!((line.chars().count(), line.chars().next(), line.chars().last()), (20, Some('▁'), Some('█')));
    }
}
