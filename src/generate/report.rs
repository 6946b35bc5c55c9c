//! What a generated set holds, in numbers and samples: JSON for programs, Markdown for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::chat::Role;
use crate::corpus::{Conflict, Fact};

use super::coverage::Coverage;
use super::dedupe::{RejectCode, Rejected};
use super::identity_key::identity_key;
use super::parts::{Part, Planned, SplitBy, hash};

/// Samples that the report shows.
const SAMPLES: usize = 20;
/// Rows of a table in the Markdown; the JSON has all.
const ROWS: usize = 20;
/// Samples of each reason for which texts were left out.
const REJECTED: usize = 3;

/// Facts of one attribute or source.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Group {
    pub facts: usize,
    pub taught: usize,
    pub train: usize,
    pub test: usize,
}

/// Characters of texts.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Lengths {
    pub median: usize,
    pub percentile_95: usize,
    pub longest: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    pub part: Part,
    pub category: String,
    pub question: String,
    pub answer: String,
}

/// Texts left out for one reason.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Loss {
    pub texts: usize,
    /// Of the code.
    pub meaning: &'static str,
    /// Questions of a few of them.
    pub samples: Vec<String>,
}

/// Values of one attribute of one entity that sources do not agree on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Disagreement {
    pub entity: String,
    pub attribute: String,
    pub stated: Vec<StatedValue>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatedValue {
    pub source: String,
    pub value: String,
}

impl Disagreement {
    fn of(conflict: &Conflict) -> Self {
        let stated = conflict.stated.iter();
        let stated = stated.map(|(source, value)| StatedValue { source: source.to_string(), value: value.clone() });
        let (entity, attribute) = (conflict.entity.clone(), conflict.attribute.clone());
        Self { entity, attribute, stated: stated.collect() }
    }
}

/// `X.report.json`, without the files.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Of [`Coverage::sentence`].
    pub summary: String,
    pub split_by: Option<SplitBy>,
    pub coverage: Coverage,
    pub taught_test_share: Option<f64>,
    pub parts: BTreeMap<&'static str, usize>,
    pub categories: BTreeMap<String, usize>,
    pub languages: BTreeMap<&'static str, usize>,
    pub noisy: usize,
    pub questions: Lengths,
    pub answers: Lengths,
    /// Share of test questions about one fact that the commonest training value of their attribute answers.
    pub commonest_answer: Option<f64>,
    pub conflicts: Vec<Disagreement>,
    pub losses: BTreeMap<&'static str, Loss>,
    pub unseen_sources: Vec<String>,
    pub attributes: BTreeMap<String, Group>,
    pub sources: BTreeMap<String, Group>,
    pub samples: Vec<Sample>,
}

/// What is reported on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reported<'a> {
    pub examples: &'a [Planned],
    pub facts: &'a [Fact],
    pub rejected: &'a [Rejected],
    pub coverage: &'a Coverage,
    pub conflicts: &'a [Conflict],
    pub split_by: Option<SplitBy>,
}

impl Report {
    pub(super) fn new(of: Reported<'_>, unseen_sources: Vec<String>, taught_test_share: Option<f64>) -> Self {
        let mut parts = BTreeMap::new();
        let mut categories: BTreeMap<String, usize> = BTreeMap::new();
        let mut languages = BTreeMap::new();
        for example in of.examples {
            *parts.entry(example.part.name()).or_default() += 1;
            *categories.entry(example.category().to_owned()).or_default() += 1;
            *languages.entry(example.draft.language.code()).or_default() += 1;
        }
        Self {
            summary: of.coverage.sentence(),
            split_by: of.split_by,
            coverage: of.coverage.clone(),
            taught_test_share,
            parts,
            categories,
            languages,
            noisy: of.examples.iter().filter(|example| !example.draft.noise.is_empty()).count(),
            questions: lengths(of.examples, Role::User),
            answers: lengths(of.examples, Role::Assistant),
            commonest_answer: commonest_answer(of),
            conflicts: of.conflicts.iter().map(Disagreement::of).collect(),
            losses: losses(of.rejected),
            unseen_sources,
            attributes: groups(of, |fact| fact.attribute.clone()),
            sources: groups(of, |fact| fact.source.to_string()),
            samples: samples(of.examples),
        }
    }

    /// For people.
    pub(super) fn markdown(&self) -> String {
        let mut out = format!("# Generated examples\n\n{}.\n", self.summary);
        if let (Some(SplitBy::Random), Some(share)) = (self.split_by, self.taught_test_share) {
            let _ = writeln!(out, "\n{:.0} % of test facts are in train.", 100.0 * share);
        }
        let counts = |map: &mut dyn Iterator<Item = (&str, usize)>| -> String {
            map.map(|(name, n)| format!("{name} {n}")).collect::<Vec<_>>().join(", ")
        };
        let of = |lengths: &Lengths| {
            format!("median {}, 95 % at most {}, longest {}", lengths.median, lengths.percentile_95, lengths.longest)
        };
        let rows = [
            ("parts", counts(&mut self.parts.iter().map(|(name, n)| (*name, *n)))),
            ("categories", counts(&mut self.categories.iter().map(|(name, n)| (name.as_str(), *n)))),
            ("languages", counts(&mut self.languages.iter().map(|(name, n)| (*name, *n)))),
            ("with noise", self.noisy.to_string()),
            ("characters of questions", of(&self.questions)),
            ("characters of answers", of(&self.answers)),
            (
                "test answers right by guessing the commonest value of each attribute",
                self.commonest_answer.map_or("–".into(), |s| format!("{:.1} %", 100.0 * s)),
            ),
            ("unseen sources", self.unseen_sources.len().to_string()),
        ];
        out.push_str("\n| what | value |\n|---|---|\n");
        for (name, value) in &rows {
            let _ = writeln!(out, "| {name} | {} |", cell(value));
        }
        self.groups_markdown(&mut out);
        self.losses_markdown(&mut out);
        out.push_str("\n## Samples\n\n| part | category | question | answer |\n|---|---|---|---|\n");
        for sample in &self.samples {
            let (question, answer) = (cell(&sample.question), cell(&sample.answer));
            let _ = writeln!(out, "| {} | {} | {question} | {answer} |", sample.part.name(), sample.category);
        }
        out
    }

    fn losses_markdown(&self, out: &mut String) {
        if !self.conflicts.is_empty() {
            out.push_str(
                "\n## Conflicts\n\nNo value of these is taught.\n\n| entity | attribute | stated |\n|---|---|---|\n",
            );
            for Disagreement { entity, attribute, stated } in &self.conflicts {
                let stated: Vec<String> = stated.iter().map(|s| format!("{} ({})", s.value, s.source)).collect();
                let _ = writeln!(out, "| {} | {} | {} |", cell(entity), cell(attribute), cell(&stated.join(" · ")));
            }
        }
        if !self.losses.is_empty() {
            out.push_str("\n## Left out\n\n| reason | texts | what it means | samples |\n|---|--:|---|---|\n");
            for (code, loss) in &self.losses {
                let (texts, samples) = (loss.texts, cell(&loss.samples.join(" · ")));
                let _ = writeln!(out, "| {code} | {texts} | {} | {samples} |", loss.meaning);
            }
        }
    }

    fn groups_markdown(&self, out: &mut String) {
        for (title, groups) in [("Attributes", &self.attributes), ("Sources", &self.sources)] {
            let _ = writeln!(out, "\n## {title}\n\n| | facts | taught | train | test |\n|---|--:|--:|--:|--:|");
            let mut sorted: Vec<_> = groups.iter().collect();
            sorted.sort_by_key(|(_, group)| std::cmp::Reverse(group.facts));
            for (name, g) in sorted.iter().take(ROWS) {
                let _ = writeln!(out, "| {} | {} | {} | {} | {} |", cell(name), g.facts, g.taught, g.train, g.test);
            }
            if let Some(more) = sorted.len().checked_sub(ROWS).filter(|more| *more > 0) {
                let _ = writeln!(out, "\n{more} more are in the JSON report.");
            }
        }
    }
}

/// Text that stays in its cell of a table.
fn cell(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace(['\n', '\r'], " ")
}

fn lengths(examples: &[Planned], role: Role) -> Lengths {
    let turns = examples.iter().flat_map(|example| &example.draft.turns).filter(|turn| turn.role == role);
    let mut lengths: Vec<usize> = turns.map(|turn| turn.content.chars().count()).collect();
    lengths.sort_unstable();
    let at = |share: usize| lengths.get(lengths.len().saturating_sub(1) * share / 100).copied().unwrap_or(0);
    Lengths { median: at(50), percentile_95: at(95), longest: at(100) }
}

fn losses(rejected: &[Rejected]) -> BTreeMap<&'static str, Loss> {
    let mut out: BTreeMap<&'static str, Loss> = BTreeMap::new();
    for text in rejected {
        let loss = out.entry(text.code).or_default();
        loss.texts += 1;
        loss.meaning = text.code.parse().map_or("a check of what the model wrote", RejectCode::meaning);
        if loss.samples.len() < REJECTED {
            loss.samples.push(text.question.clone());
        }
    }
    out
}

fn groups(of: Reported<'_>, key: impl Fn(&Fact) -> String) -> BTreeMap<String, Group> {
    let mut taught = vec![false; of.facts.len()];
    let mut out: BTreeMap<String, Group> = BTreeMap::new();
    for example in of.examples.iter().filter(|example| example.draft.teaches()) {
        for index in &example.draft.facts {
            let Some(fact) = of.facts.get(*index) else { continue };
            let group = out.entry(key(fact)).or_default();
            match example.part {
                Part::Train => {
                    group.train += 1;
                    taught[*index] = true;
                }
                Part::Test => group.test += 1,
                Part::Val | Part::Unseen => {}
            }
        }
    }
    for (fact, taught) in of.facts.iter().zip(taught) {
        let group = out.entry(key(fact)).or_default();
        group.facts += 1;
        group.taught += usize::from(taught);
    }
    out
}

fn commonest_answer(of: Reported<'_>) -> Option<f64> {
    let direct = |part: Part| {
        let examples = of.examples.iter().filter(move |e| e.part == part && e.draft.teaches());
        examples.filter_map(|example| of.facts.get(*example.draft.facts.first()?))
    };
    let value = |fact: &Fact| fact.values.iter().map(|value| identity_key(value)).collect::<Vec<_>>().join("\n");
    let mut counts: BTreeMap<&str, BTreeMap<String, usize>> = BTreeMap::new();
    for fact in direct(Part::Train) {
        *counts.entry(&fact.attribute).or_default().entry(value(fact)).or_default() += 1;
    }
    let commonest: BTreeMap<&str, &String> = counts
        .iter()
        .filter_map(|(attribute, values)| Some((*attribute, values.iter().max_by_key(|(_, n)| **n)?.0)))
        .collect();
    let all = direct(Part::Test).count();
    let right = direct(Part::Test).filter(|fact| commonest.get(&*fact.attribute) == Some(&&value(fact))).count();
    (all > 0).then(|| right as f64 / all as f64)
}

fn samples(examples: &[Planned]) -> Vec<Sample> {
    let mut chosen: Vec<(u64, &Planned)> =
        examples.iter().map(|example| (hash(0, &[b"sample", example.draft.group.hex().as_bytes()]), example)).collect();
    chosen.sort_by_key(|(number, example)| (*number, example.draft.group));
    let text = |example: &Planned, role| {
        let turns = example.draft.turns.iter().filter(|turn| turn.role == role);
        turns.map(|turn| turn.content.as_str()).collect::<Vec<_>>().join(" / ")
    };
    let sample = |example: &Planned| Sample {
        part: example.part,
        category: example.category().to_owned(),
        question: text(example, Role::User),
        answer: text(example, Role::Assistant),
    };
    chosen.into_iter().take(SAMPLES).map(|(_, example)| sample(example)).collect()
}
