//! From values to places of a chart: spans, ticks at round numbers, and the line that maps one onto the other.

/// From the least to the greatest value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    pub low: f64,
    pub high: f64,
}

impl Span {
    /// Of the finite values; None where there is none.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let finite = values.into_iter().filter(|v| v.is_finite());
        finite.fold(None, |span, v| match span {
            None => Some(Self { low: v, high: v }),
            Some(Self { low, high }) => Some(Self { low: low.min(v), high: high.max(v) }),
        })
    }

    pub(super) fn including(self, value: f64) -> Self {
        if value.is_finite() { Self { low: self.low.min(value), high: self.high.max(value) } } else { self }
    }

    /// With some width where all values are equal, so that there is something to draw.
    fn drawable(self) -> Self {
        let Self { low, high } = self;
        if high > low {
            return self;
        }
        let half = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
        Self { low: low - half, high: high + half }
    }
}

/// Round numbers along an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ticks {
    pub values: Vec<f64>,
    step: f64,
}

impl Ticks {
    /// About `count` of them, at 1, 2 or 5 times a power of ten, the first at or below the span and the last at or above it.
    pub(super) fn new(span: Span, count: usize) -> Self {
        Self::with_step(span, |width| round_step(width / count.max(1) as f64))
    }

    /// Likewise, of things that are counted: no ticks between whole numbers.
    pub(super) fn whole(span: Span, count: usize) -> Self {
        Self::with_step(span, |width| round_step(width / count.max(1) as f64).max(1.0))
    }

    fn with_step(span: Span, step_of: impl Fn(f64) -> f64) -> Self {
        let Span { low, high } = span.drawable();
        let step = step_of(high - low);
        // A value that is a tick but for its last bit needs none beyond it.
        const NEAR: f64 = 1e-9;
        let (first, last) = ((low / step + NEAR).floor(), (high / step - NEAR).ceil());
        let last = last.max(first + 1.0);
        // Numbers at the end of what can be written, or too close to each other: their two ends are the axis.
        let most = low.abs().max(high.abs());
        let exact =
            step.is_finite() && step > most * 1e-12 && [first * step, last * step].iter().all(|v| v.is_finite());
        if !exact {
            return Self { values: vec![low, high], step: f64::NAN };
        }
        let count = (last - first) as usize;
        // (−0 is written as 0.)
        Self { values: (0..=count).map(|i| (first + i as f64) * step + 0.0).collect(), step }
    }

    /// What the axis covers.
    pub(super) fn span(&self) -> Span {
        let ends = self.values.first().zip(self.values.last());
        ends.map_or(Span { low: 0.0, high: 1.0 }, |(low, high)| Span { low: *low, high: *high })
    }

    /// Every `n`-th of them, and the last, on the same axis.
    pub(super) fn every(self, n: usize) -> Self {
        let last = self.values.len().saturating_sub(1);
        // The one before the last would stand too close to it.
        let kept = |i: usize| i == last || (i.is_multiple_of(n) && i + n <= last);
        let values = self.values.iter().enumerate().filter(|(i, _)| kept(*i)).map(|(_, v)| *v).collect();
        Self { values, ..self }
    }

    /// With the decimals that tell it from its neighbours.
    pub(super) fn label(&self, value: f64) -> String {
        if value == 0.0 {
            return "0".to_owned();
        }
        let decimals = -(self.step.log10() + 1e-9).floor();
        let most = self.values.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
        if self.step.is_nan() || decimals > 5.0 || most >= 1e7 {
            return format!("{:e}", rounded(value, 3));
        }
        let text = format!("{value:.0$}", decimals.max(0.0) as usize);
        text.replace('-', "−")
    }
}

/// With `digits` digits.
fn rounded(value: f64, digits: usize) -> f64 {
    format!("{value:.0$e}", digits - 1).parse().unwrap_or(value)
}

/// 1, 2 or 5 times a power of ten, not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|f| f * power >= least * (1.0 - 1e-9)).unwrap_or(10.0);
    factor * power
}

/// Maps a span of values onto a length of the chart; `from` may be above `to` (upwards).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    domain: Span,
    from: f64,
    to: f64,
}

impl Scale {
    pub(super) fn new(domain: Span, from: f64, to: f64) -> Self {
        Self { domain: domain.drawable(), from, to }
    }

    /// Values outside the domain are put at its ends.
    pub(super) fn at(&self, value: f64) -> f64 {
        let Span { low, high } = self.domain;
        // Halved first: the difference of two numbers that can be written may be none.
        let share = (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(low: f64, high: f64, count: usize) -> Vec<String> {
        let ticks = Ticks::new(Span { low, high }, count);
        ticks.values.iter().map(|v| ticks.label(*v)).collect()
    }

    #[test]
    fn ticks_are_round_numbers_that_enclose_the_values() {
        assert_eq!(labels(0.07, 3.2, 4), ["0", "1", "2", "3", "4"]);
        assert_eq!(labels(-0.051, 0.727, 4), ["−0.2", "0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(labels(0.0, 0.0005, 5), ["0", "0.0001", "0.0002", "0.0003", "0.0004", "0.0005"]);
        assert_eq!(labels(0.0, 2e-6, 2), ["0", "1e-6", "2e-6"]);
        assert_eq!(labels(0.0, 3e7, 3), ["0", "1e7", "2e7", "3e7"]);
        assert_eq!(Ticks::whole(Span { low: 1.0, high: 3.0 }, 8).values, [1.0, 2.0, 3.0]);
    }

    #[test]
    fn equal_values_have_an_axis_too() {
        assert_eq!(labels(0.0, 0.0, 2), ["−1", "0", "1"]);
        let ticks = Ticks::new(Span { low: 5.0, high: 5.0 }, 4);
        assert!(ticks.span().low < 5.0 && ticks.span().high > 5.0, "{ticks:?}");
        assert_eq!(Scale::new(Span { low: 5.0, high: 5.0 }, 0.0, 10.0).at(5.0), 5.0);
    }

    #[test]
    fn scales_go_either_way_and_end_at_their_ends() {
        let up = Scale::new(Span { low: 0.0, high: 4.0 }, 100.0, 0.0);
        assert_eq!([0.0, 1.0, 4.0, 9.0].map(|v| up.at(v)), [100.0, 75.0, 0.0, 0.0]);
    }

    #[test]
    fn a_span_has_finite_values_only() {
        assert_eq!(Span::of([f64::NAN, 2.0, f64::INFINITY, -1.0]), Some(Span { low: -1.0, high: 2.0 }));
        assert_eq!(Span::of([f64::NAN]), None);
    }

    proptest! {
        #[test]
        fn any_two_numbers_have_an_axis(a in prop::num::f64::NORMAL, b in prop::num::f64::NORMAL, count in 1usize..12) {
            let span = Span { low: a.min(b), high: a.max(b) };
            for ticks in [Ticks::new(span, count), Ticks::whole(span, count)] {
                prop_assert!((2..=count + 3).contains(&ticks.values.len()), "{:?}", ticks);
                prop_assert!(ticks.values.iter().all(|v| v.is_finite() && !ticks.label(*v).is_empty()), "{:?}", ticks);
                let scale = Scale::new(ticks.span(), 10.0, 90.0);
                prop_assert!([a, b].iter().all(|v| (10.0..=90.0).contains(&scale.at(*v))), "{:?}", ticks);
            }
        }
    }
}
