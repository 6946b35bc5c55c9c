//! What would fit where the run as it is said does not, the cheapest first.

use super::measure::{Measured, Subject};
use crate::batch::Example;
use crate::commands::{Context, Failure, setup};
use crate::config::RunConfig;
use crate::train;

/// Settings under which the training would fit.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Setting {
    /// As flags.
    pub flags: String,
    pub peak_bytes: u64,
    /// What it costs, in words.
    pub cost: String,
}

/// Another config, its examples, and what it costs.
struct Candidate {
    flags: String,
    config: RunConfig,
    /// Examples end here.
    length: usize,
    cost: String,
}

/// Of each kind the mildest that fits; where none does, two kinds at once; nothing where the run fits as it is.
pub(super) fn settings(
    context: &mut Context<'_>,
    subject: &Subject<'_>,
    measured: &Measured,
) -> Result<Vec<Setting>, Failure> {
    let Some(fixed) = measured.fixed.filter(|_| !measured.fits) else { return Ok(Vec::new()) };
    let (available, ranks) = (subject.model.available_bytes(), subject.adapter.ranks());
    let peak = |candidate: &Candidate| {
        let left = cut(subject.train, candidate.length);
        if left.is_empty() {
            return Ok(None);
        }
        let (_, cost) = train::largest(subject.model, &setup::train_config(&candidate.config)?, &ranks, &left)?;
        Ok(cost.fits(available).then(|| fixed + cost.bytes(available).0))
    };
    let mut found = Vec::new();
    for kind in [same_step(subject), smaller_step(subject), shorter(subject)] {
        context.check_interrupt()?;
        found.extend(mildest(kind, peak)?);
    }
    if found.is_empty() {
        found.extend(mildest(shorter_alone(subject), peak)?);
    }
    Ok(found)
}

/// The first of a kind that fits.
fn mildest(
    kind: Vec<Candidate>,
    fits: impl Fn(&Candidate) -> Result<Option<u64>, Failure>,
) -> Result<Option<Setting>, Failure> {
    for candidate in kind {
        if let Some(peak_bytes) = fits(&candidate)? {
            return Ok(Some(Setting { flags: candidate.flags, peak_bytes, cost: candidate.cost }));
        }
    }
    Ok(None)
}

fn longest(subject: &Subject<'_>) -> usize {
    subject.train.iter().map(|e| e.ids.len()).max().unwrap_or(0)
}

/// The same examples a step, in more and smaller micro-batches. Only dropout's masks make a micro-batch a pass of its own;
/// without it the model itself cuts a step into passes.
fn same_step(subject: &Subject<'_>) -> Vec<Candidate> {
    let config = subject.config;
    if config.lora_dropout == 0.0 {
        return Vec::new();
    }
    let step = config.batch_size * config.gradient_accumulation;
    let halves = halves(config.batch_size).into_iter().filter(|n| step.is_multiple_of(*n));
    let one = |batch_size: usize| {
        let gradient_accumulation = step / batch_size;
        Candidate {
            flags: format!("--batch-size {batch_size} --gradient-accumulation {gradient_accumulation}"),
            config: RunConfig { batch_size, gradient_accumulation, ..config.clone() },
            length: longest(subject),
            cost: "the same steps, in more and smaller parts: a little slower".to_owned(),
        }
    };
    halves.map(one).collect()
}

fn smaller_step(subject: &Subject<'_>) -> Vec<Candidate> {
    let config = subject.config;
    let one = |examples: usize| Candidate {
        flags: format!("--batch-size {examples} --gradient-accumulation 1"),
        config: RunConfig { batch_size: examples, gradient_accumulation: 1, ..config.clone() },
        length: longest(subject),
        cost: format!(
            "steps of {examples} example{}: another training, which may want a lower learning rate",
            if examples == 1 { "" } else { "s" }
        ),
    };
    halves(config.batch_size * config.gradient_accumulation).into_iter().map(one).collect()
}

/// At the lengths that keep nine tenths of the examples whole, three quarters, a half; then shorter and shorter.
fn shorter(subject: &Subject<'_>) -> Vec<Candidate> {
    let mut lengths: Vec<usize> = subject.train.iter().map(|e| e.ids.len()).collect();
    lengths.sort_unstable();
    let Some(&longest) = lengths.last() else { return Vec::new() };
    let at = |share: f64| lengths[((lengths.len() - 1) as f64 * share) as usize];
    let mut tried: Vec<usize> = [0.99, 0.95, 0.9, 0.75, 0.5].map(at).to_vec();
    tried.extend(halves(at(0.5)).into_iter().filter(|n| *n >= 8));
    tried.retain(|n| *n < longest);
    tried.dedup();
    let one = |length: usize| {
        let (cut, all) = (lengths.iter().filter(|n| **n > length).count(), lengths.len());
        let tokens: usize = lengths.iter().map(|n| n.saturating_sub(length)).sum();
        Candidate {
            flags: format!("--max-seq-len {length}"),
            config: RunConfig { max_seq_len: Some(length), ..subject.config.clone() },
            length,
            cost: format!("{cut} of {all} examples are cut, {tokens} tokens lost"),
        }
    };
    tried.into_iter().map(one).collect()
}

/// A step of one example, which is cut too.
fn shorter_alone(subject: &Subject<'_>) -> Vec<Candidate> {
    let config = RunConfig { batch_size: 1, gradient_accumulation: 1, ..subject.config.clone() };
    let alone = |shorter: Candidate| Candidate {
        flags: format!("--batch-size 1 --gradient-accumulation 1 {}", shorter.flags),
        cost: format!("steps of one example, another training; and {}", shorter.cost),
        ..shorter
    };
    shorter(&Subject { config: &config, ..*subject }).into_iter().map(alone).collect()
}

/// n/2, n/4 … 1.
fn halves(n: usize) -> Vec<usize> {
    std::iter::successors(Some(n / 2), |n| Some(n / 2)).take_while(|n| *n > 0).collect()
}

/// As `max_seq_len` cuts them; what has no trained token left is none.
fn cut(train: &[Example], length: usize) -> Vec<Example> {
    let one = |e: &Example| {
        let n = e.ids.len().min(length);
        Example { ids: e.ids[..n].to_vec(), mask: e.mask[..n].to_vec(), ..e.clone() }
    };
    train.iter().map(one).filter(|e| e.mask.iter().skip(1).any(|m| *m)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::plan::measure::measure;
    use crate::commands::plan::measure::tests::with_subject;
    use crate::config::{Purpose, Raw};
    use crate::model::{MemoryBudget, Model};

    fn example(trained: std::ops::Range<usize>, tokens: usize) -> Example {
        let mask = (0..tokens).map(|i| trained.contains(&i)).collect();
        Example { ids: vec![7; tokens], mask, line: 1, cut: 0, distilled: false }
    }

    #[test]
    fn of_a_kind_the_mildest_that_fits_is_named() {
        let kind = || {
            let said = Raw { model_to_fine_tune: Some("m".into()), dataset_path: Some("d".into()), ..Raw::default() };
            let config = RunConfig::resolve(said, Purpose::Train, "a test").unwrap();
            let one = |n: usize| Candidate {
                flags: format!("--batch-size {n}"),
                config: config.clone(),
                length: 9,
                cost: String::new(),
            };
            halves(12).into_iter().map(one).collect::<Vec<_>>()
        };
        assert_eq!(halves(12), [6, 3, 1]);
        // Ten bytes an example and five beside them.
        let bytes = |c: &Candidate| 5 + 10 * c.flags.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
        let found = |budget: u64| mildest(kind(), |c| Ok(Some(bytes(c)).filter(|b| *b <= budget))).unwrap();
        assert_eq!(found(64).map(|s| (s.flags, s.peak_bytes)), Some(("--batch-size 3".to_owned(), 35)));
        assert_eq!(found(14), None);
    }

    /// The model's own counts, a budget between them.
    #[test]
    fn what_would_fit_is_listed_from_the_cheapest() {
        let said = Raw { batch_size: Some(8), lora_dropout: Some(0.1), ..Raw::default() };
        with_subject(said, |context, subject| {
            let measured = measure(context, subject).unwrap();
            assert_eq!(settings(context, subject, &measured).unwrap(), []);
            let ranks = subject.adapter.ranks();
            let of = |batch_size: usize, gradient_accumulation: usize| {
                let config = RunConfig { batch_size, gradient_accumulation, ..subject.config.clone() };
                train::largest(subject.model, &setup::train_config(&config).unwrap(), &ranks, subject.train).unwrap().1
            };
            let available = of(4, 1).least;
            assert!(of(8, 1).least > available);
            let model = Model::within(subject.weights, 1, MemoryBudget::of(available + 1000)).unwrap().leaving(1000);
            let tight = Subject { model: &model, ..*subject };
            let measured = measure(context, &tight).unwrap();
            assert!(!measured.fits && measured.recomputed, "{measured:?}");
            assert_eq!(measured.peak, Some(1000 + of(8, 1).least));
            let found = settings(context, &tight, &measured).unwrap();
            let flags: Vec<_> = found.iter().map(|s| s.flags.as_str()).collect();
            assert_eq!(
                flags[..2],
                ["--batch-size 4 --gradient-accumulation 2", "--batch-size 4 --gradient-accumulation 1"]
            );
            assert!(flags.len() == 3 && flags[2].starts_with("--max-seq-len "), "{flags:?}");
            assert_eq!(found[0].peak_bytes, 1000 + of(4, 2).bytes(Some(available)).0);
            assert!(found[2].cost.contains(" of 8 examples are cut"), "{found:?}");
        });
    }

    #[test]
    fn where_not_even_the_shortest_example_fits_what_would_is_named() {
        let said = Raw { batch_size: Some(4), lora_dropout: Some(0.1), ..Raw::default() };
        with_subject(said, |context, subject| {
            let train: Vec<Example> = (0..4).map(|_| example(3..40, 40)).collect();
            let one = RunConfig { batch_size: 1, gradient_accumulation: 1, ..subject.config.clone() };
            let config = setup::train_config(&one).unwrap();
            let ranks = subject.adapter.ranks();
            let of =
                |length: usize| train::largest(subject.model, &config, &ranks, &cut(&train, length)).unwrap().1.least;
            let mut within = |available: u64| {
                let model =
                    Model::within(subject.weights, 1, MemoryBudget::of(available + 1000)).unwrap().leaving(1000);
                let tight = Subject { model: &model, train: &train, ..*subject };
                let measured = measure(context, &tight).unwrap();
                assert!(!measured.fits && measured.fixed == Some(1000), "{measured:?}");
                settings(context, &tight, &measured).unwrap()
            };
            let found = within(of(10));
            let flags: Vec<_> = found.iter().map(|s| s.flags.as_str()).collect();
            assert_eq!(flags, ["--batch-size 1 --gradient-accumulation 1 --max-seq-len 10"]);
            assert!(found[0].cost.contains("4 of 4 examples are cut") && found[0].peak_bytes > 1000, "{found:?}");
            assert_eq!(within(1), []);
        });
    }

    #[test]
    fn what_a_shorter_limit_leaves_of_the_examples() {
        let train = [example(3..5, 5), example(1..9, 9), example(2..4, 4)];
        let left = cut(&train, 3);
        // Of the first nothing trained is left.
        assert_eq!(left.iter().map(|e| e.ids.len()).collect::<Vec<_>>(), [3, 3]);
        assert_eq!(cut(&train, 9), train);
    }
}
