//! A few real steps of the run, and what they say of the whole.

use crate::batch::Example;
use crate::commands::{Context, Failure, setup};
use crate::config::RunConfig;
use crate::events::{Outcome, Stage, Unit};
use crate::lora::{Adapter, Hf};
use crate::machine::peak_memory;
use crate::model::Model;
use crate::train::{Course, Examples, TrialSteps, Tried, seconds};
use crate::weights::Weights;

/// Steps that are timed, the first of the run.
const TIMED: u64 = 3;

/// What is planned.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub config: &'a RunConfig,
    pub weights: &'a Weights,
    pub model: &'a Model,
    pub adapter: &'a Adapter<Hf>,
    pub train: &'a [Example],
    pub eval: &'a [Example],
}

#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub course: Course,
    pub peak: Option<u64>,
    /// Of the peak, what is there whatever a step takes.
    pub fixed: Option<u64>,
    pub recomputed: bool,
    pub fits: bool,
    /// Seconds that only the first computing takes: weights read from the disk, memory touched.
    pub first: f64,
    /// Its steps and evaluations; nothing where it does not fit.
    pub time: Time,
}

/// The smallest step, for the weights; the largest, for the peak; the first ones of the run, for the time. None of them where
/// the largest does not fit.
pub(super) fn measure(context: &mut Context<'_>, subject: &Subject<'_>) -> Result<Measured, Failure> {
    let config = setup::train_config(subject.config)?;
    let adapter = subject.adapter.to_stored(subject.weights);
    let examples = Examples { train: subject.train, eval: subject.eval };
    let mut trial = TrialSteps::new(subject.model, &config, adapter, examples, context.interrupt.clone())?;
    let course = trial.course()?;
    context.report.begin(Stage::Trial, Unit::Steps, Some(TIMED + 2));
    let (available, largest) = (subject.model.available_bytes(), course.largest_cost);
    let (needed, recomputed) = largest.bytes(available);
    let fits = largest.fits(available);
    // Not even the smallest is made then: it may not fit either.
    if !fits {
        context.report.end(Outcome::Tried { seconds_per_step: None });
        // As the engine reckons it.
        let (fixed, time) = (subject.model.beside(), Time::default());
        let peak = Some(fixed + needed);
        return Ok(Measured { course, peak, fixed: Some(fixed), recomputed, fits, first: 0.0, time });
    }
    let smallest = trial.shortest()?;
    context.report.advance(1, None);
    let saving = setup::saving_bytes(subject.config, subject.weights, &subject.adapter.ranks());
    trial.step(course.largest)?;
    context.report.advance(2, None);
    let mut timed = Vec::new();
    for step in 0..TIMED.min(course.steps) {
        timed.push(trial.step(step)?);
        context.report.advance(3 + step, None);
    }
    let evaluation = trial.evaluation()?;
    let time = time(&course, &timed, evaluation);
    let a_step = time.steps / course.steps.max(1) as f64;
    context.report.end(Outcome::Tried { seconds_per_step: Some(a_step) });
    let first = (smallest.seconds - seconds(&timed, smallest.cost.products)).max(0.0);
    // On a device it is the device's memory that counts, which is reckoned.
    let on_device = (!subject.model.on_cpu()).then(|| subject.model.resident_bytes() + needed);
    let peak = on_device.or_else(|| peak_memory().map(|peak| peak + saving));
    Ok(Measured { fixed: peak.map(|peak| peak.saturating_sub(needed)), course, peak, recomputed, fits, first, time })
}

fn time(course: &Course, timed: &[Tried], evaluation: Option<Tried>) -> Time {
    let passes = course.evaluations;
    let evaluations = evaluation.map_or(0.0, |e| seconds(&[e], course.evaluation.products) * passes as f64);
    Time { steps: seconds(timed, course.products), evaluations, evaluation_passes: passes, ..Time::default() }
}

/// What the training's time consists of, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Time {
    /// The base made resident.
    pub start: f64,
    /// The replay's answers that are not there yet.
    pub replay: f64,
    pub replay_answers: usize,
    pub steps: f64,
    pub evaluations: f64,
    pub evaluation_passes: u64,
}

impl Time {
    pub(super) fn all(&self) -> f64 {
        self.start + self.replay + self.steps + self.evaluations
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::commands::report::reported;
    use crate::config::{Purpose, Raw};
    use crate::gguf::Gguf;

    /// A model of two layers, eight examples of up to 40 tokens, and what is said.
    pub(crate) fn with_subject(said: Raw, look: impl FnOnce(&mut Context<'_>, &Subject<'_>)) {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/parity/llama-gqa8.f16.gguf");
        let weights = Weights::from_gguf(Gguf::open(file).unwrap()).unwrap();
        let said =
            Raw { model_to_fine_tune: Some("m".into()), dataset_path: Some("d".into()), lora_rank: Some(4), ..said };
        let config = RunConfig::resolve(said, Purpose::Train, "a test").unwrap();
        let lora = setup::train_config(&config).unwrap().lora;
        let adapter = Adapter::fresh(lora, weights.spec(), 1).unwrap();
        let example = |n: usize| Example {
            ids: (0..5 * n).map(|i| (n * 7 + i * 3) as u32 % 60).collect(),
            mask: (0..5 * n).map(|i| i > 2).collect(),
            line: n,
            cut: 0,
            distilled: n == 4,
        };
        let train: Vec<Example> = (1..=8).map(example).collect();
        let model = Model::new(&weights, 1).unwrap();
        let subject = Subject {
            config: &config,
            weights: &weights,
            model: &model,
            adapter: &adapter,
            train: &train,
            eval: &train[..2],
        };
        reported(|context| look(context, &subject));
    }

    #[test]
    fn a_few_steps_stand_for_all() {
        let said = Raw { batch_size: Some(2), epochs: Some(3.0), eval_steps: Some(5), ..Raw::default() };
        with_subject(said, |context, subject| {
            let measured = measure(context, subject).unwrap();
            // Three epochs of four steps; evaluations after 4, 5, 8, 10, 12.
            assert_eq!((measured.course.steps, measured.time.evaluation_passes), (12, 5));
            assert!(measured.time.steps > 0.0 && measured.time.evaluations > 0.0, "{measured:?}");
            let memory = measured.peak.zip(measured.fixed);
            assert!(memory.is_none_or(|(peak, fixed)| peak == fixed + measured.course.largest_cost.kept));
            assert!(measured.fits && !measured.recomputed, "{measured:?}");
        });
    }
}
