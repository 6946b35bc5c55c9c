//! The gate's promises, simulated: how often it refuses an equal model, and one that loops. docs/internals/statistics.md shows the table.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::decision::Decision;
use super::degenerate::Degenerate;
use super::gate::{GateInput, Rules, gate};
use super::judge::{Demand, Goal, judge};
use super::judgement::Judgement;
use super::measured::{ArmScores, CaseScores, Measured};
use super::noise::NoiseFloor;
use super::score::Metric;

/// How v2 differs from v1. A prompt flips with `flips`, in either direction with the same chance: between right and wrong,
/// and, independently, between ended and cut at the token limit. The other prompts keep both.
#[derive(Clone, Copy)]
struct Model {
    flips: f64,
    /// Degenerate answers, independently in each arm: every one is a flip.
    loops_before: f64,
    loops_after: f64,
}

/// Of v1: answers right on the role's suite and on the general one; answers cut; how far single answers' times spread.
const RIGHT: [f64; 2] = [0.5, 0.9];
const CUT: f64 = 0.1;
const TIME_SPREAD: f64 = 0.3;
const SIZES: [usize; 2] = [40, 198];

struct Run {
    random: ChaCha8Rng,
    suites: [Measured; 2],
}

impl Run {
    fn new() -> Self {
        let suite = |n: usize| Measured {
            suite: "s".into(),
            samples: 1,
            cases: vec![CaseScores::default(); n],
            ..Measured::default()
        };
        Self { random: ChaCha8Rng::seed_from_u64(20_261_129), suites: SIZES.map(suite) }
    }

    /// The decision on one run of both suites.
    fn decide(&mut self, model: Model, goal: Goal) -> Decision {
        for (suite, right) in self.suites.iter_mut().zip(RIGHT) {
            for case in &mut suite.cases {
                draw(&mut self.random, model, case, right);
            }
        }
        let demand = |goal, margin| Demand { goal, metric: Metric::Pass, margin, min_gain: None };
        let demands = [demand(goal, Demand::ROLE_MARGIN), demand(Goal::Hold, Demand::GENERAL_MARGIN)];
        let judged = [0, 1].map(|i| judge(&self.suites[i], demands[i], 1));
        let suites = [0, 1].map(|i| Judgement { measured: &self.suites[i], judged: &judged[i], overlaps: &[] });
        let rules = Rules { latency_ratio: Some(1.25), ..Rules::default() };
        gate(&GateInput { suites: &suites, rules, limited: None, noise: NoiseFloor::default() }).decision
    }

    /// In percent.
    fn refused(&mut self, model: Model, goal: Goal, runs: usize) -> f64 {
        let refused = (0..runs).filter(|_| self.decide(model, goal) == Decision::Fail).count();
        100.0 * refused as f64 / runs as f64
    }
}

fn draw(random: &mut ChaCha8Rng, model: Model, case: &mut CaseScores, right: f64) {
    let scored = flipped(random, model.flips, right);
    let cut = flipped(random, model.flips, CUT);
    let loops = [model.loops_before, model.loops_after].map(|share| random.random_bool(share));
    let [mut before, mut after] = [ArmScores::default(), ArmScores::default()];
    for (arm, i) in [(&mut before, 0), (&mut after, 1)] {
        arm.score = Some(f64::from(u8::from(scored[i])));
        arm.cut = cut[i];
        arm.degenerate = loops[i].then_some(Degenerate::Loop);
        // About normal: twelve uniform draws have a variance of 1.
        let normal = (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
        arm.seconds = Some((TIME_SPREAD * normal).exp());
    }
    case.identical = scored[0] == scored[1] && cut[0] == cut[1] && loops[0] == loops[1];
    (case.base, case.tuned) = (before, after);
}

/// One property of both models' answers to a prompt; v1 and v2 have it equally often.
fn flipped(random: &mut ChaCha8Rng, flips: f64, share: f64) -> [bool; 2] {
    match random.random_bool(flips) {
        true => {
            let before = random.random_bool(0.5);
            [before, !before]
        }
        false => [random.random_bool(share); 2],
    }
}

/// The rows of docs/internals/statistics.md. Seeded, so that they are the same everywhere.
fn rows() -> Vec<(String, f64)> {
    let mut run = Run::new();
    let equal = |flips| Model { flips, loops_before: 0.005, loops_after: 0.005 };
    let mut rows = Vec::new();
    for (goal, name) in [(Goal::Improve, "improve"), (Goal::Hold, "hold")] {
        for flips in [0.02, 0.04, 0.06] {
            let refused = run.refused(equal(flips), goal, 2000);
            rows.push((format!("equal, {:.0} % flips, `{name}`", 100.0 * flips), refused));
        }
    }
    for loops_after in [0.02, 0.05, 0.10] {
        let model = Model { loops_after, ..equal(0.04) };
        let refused = run.refused(model, Goal::Hold, 2000);
        rows.push((format!("loops in {:.0} % of answers", 100.0 * loops_after), refused));
    }
    rows
}

#[test]
fn an_equal_model_is_seldom_refused_and_a_looping_one_nearly_always() {
    let page = include_str!("../../docs/internals/statistics.md");
    let rows = rows();
    for (name, refused) in &rows {
        let row = format!("| {name} | {refused:.1} % |");
        assert!(page.contains(&row), "docs/internals/statistics.md lacks {row}; all rows: {rows:#?}");
        match name.as_str() {
            equal if equal.starts_with("equal") => assert!(*refused <= 2.0, "{name}: {refused}"),
            "loops in 5 % of answers" => assert!(*refused >= 80.0, "{refused}"),
            "loops in 10 % of answers" => assert!(*refused >= 99.0, "{refused}"),
            _ => {}
        }
    }
}
