//! What a suite of a given size can prove, and how many prompts a proof would take.

use super::paired::{Pairs, Z95, tango_interval};

/// The 80 % point: the chance of the right answer that sizes are given for.
const Z80: f64 = 0.841_621_233_572_914_2;

/// The smallest margin that `n` prompts can prove at all (if not one answer flips): z²/(n + z²).
pub fn smallest_margin(n: usize) -> f64 {
    let z2 = Z95 * Z95;
    z2 / (n as f64 + z2)
}

/// The fewest answers that must be fixed, with none broken, for IMPROVED; None where `n` prompts can't prove it.
pub fn least_fixed(n: usize) -> Option<usize> {
    (1..=n).find(|&fixed| tango_interval(Pairs { n, broken: 0, fixed }, Z95).0 > 0.0)
}

/// The margin that `n` prompts prove with 80 % chance when both models are equal and `discordance` of the answers flip.
pub fn margin_with_power(n: usize, discordance: f64) -> f64 {
    if n == 0 {
        return 1.0;
    }
    ((Z95 + Z80) * (discordance.max(0.0) / n as f64).sqrt()).max(smallest_margin(n)).min(1.0)
}

/// About how many prompts would prove `difference > −margin` with 80 % chance if things are as observed; None when they never would.
pub fn needed(difference: f64, discordance: f64, margin: f64) -> Option<u64> {
    let room = difference + margin;
    if room <= 0.0 {
        return None;
    }
    // Even a suite without a flip so far may have one in twenty.
    let variance = (discordance.max(0.05) - difference * difference).max(0.0);
    let by_power = (Z95 + Z80).powi(2) * variance / (room * room);
    let at_all = if margin > 0.0 { Z95 * Z95 * (1.0 - margin) / margin } else { 0.0 };
    let n = by_power.max(at_all).ceil();
    (n < 1e7).then_some(n.max(1.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::paired::Z99;
    use crate::eval::tango_z;

    /// PASS is impossible below n = 25 (10 points), 52 (5), 133 (2), if nothing flips.
    #[test]
    fn the_smallest_margins_of_the_table() {
        for (n, margin) in [(25, 0.10), (52, 0.05), (133, 0.02)] {
            assert!(smallest_margin(n) < margin && smallest_margin(n - 1) >= margin, "{n} {margin}");
            let proves = |pairs: Pairs, margin: f64| tango_z(pairs, -margin) > Z95;
            assert!(
                proves(Pairs { n, ..Pairs::default() }, margin)
                    && !proves(Pairs { n: n - 1, ..Pairs::default() }, margin)
            );
        }
    }

    /// Three, whatever the size: z² is 2.7.
    #[test]
    fn improved_takes_three_answers_at_least() {
        assert_eq!([1, 2, 3, 48, 500].map(least_fixed), [None, None, Some(3), Some(3), Some(3)]);
    }

    /// The same table's sizes for an 80 % chance: 130 (20 % flips, 10 points), 500 (20 %, 5), 80 (10 %, 10).
    #[test]
    fn sizes_agree_with_the_simulated_table() {
        for (discordance, margin, n) in [(0.2, 0.10, 130.0), (0.2, 0.05, 500.0), (0.1, 0.10, 80.0), (0.3, 0.10, 180.0)]
        {
            let estimate = needed(0.0, discordance, margin).unwrap() as f64;
            assert!((estimate / n - 1.0).abs() < 0.25, "{discordance} {margin}: {estimate} for {n}");
        }
        assert_eq!(needed(-0.1, 0.3, 0.1), None);
        assert!(margin_with_power(120, 0.25) > 0.10 && margin_with_power(160, 0.25) < 0.10);
    }

    /// PASS (or IMPROVED), FAIL and INCONCLUSIVE of `hold` at 10 points, in percent: the exact sum over all (broken, fixed).
    fn outcomes(n: usize, discordance: f64, effect: f64) -> String {
        let (broken, fixed) = ((discordance - effect) / 2.0, (discordance + effect) / 2.0);
        let mut log_factorial = vec![0.0f64];
        (1..=n).for_each(|i| log_factorial.push(log_factorial[i - 1] + (i as f64).ln()));
        let (mut pass, mut fail) = (0.0, 0.0);
        for b in 0..=n {
            for c in 0..=n - b {
                let log = log_factorial[n] - log_factorial[b] - log_factorial[c] - log_factorial[n - b - c]
                    + b as f64 * broken.ln()
                    + c as f64 * fixed.ln()
                    + (n - b - c) as f64 * (1.0 - discordance).ln();
                if log < -25.0 {
                    continue;
                }
                let pairs = Pairs { n, broken: b, fixed: c };
                if tango_z(pairs, -0.10) > Z95 {
                    pass += log.exp();
                } else if tango_z(pairs, 0.0) < -Z99 && pairs.difference() <= -0.10 {
                    fail += log.exp();
                }
            }
        }
        let percent = |p: f64| (100.0 * p).round() as i64;
        format!("{} / {} / {}", percent(pass), percent(fail), percent(1.0 - pass - fail))
    }

    #[test]
    fn the_table_of_the_docs_is_what_the_gate_does() {
        let page = include_str!("../../docs/internals/statistics.md");
        let effects = [0.10, 0.05, 0.0, -0.05, -0.10, -0.15];
        for (n, discordance) in [(100, 0.25), (138, 0.20), (138, 0.25), (138, 0.35)] {
            let cells: Vec<_> = effects.iter().map(|e| outcomes(n, discordance, *e)).collect();
            let row = format!("| {n} | {} % | {} |", (100.0 * discordance) as u32, cells.join(" | "));
            assert!(page.contains(&row), "docs/internals/statistics.md lacks\n{row}");
        }
    }
}
