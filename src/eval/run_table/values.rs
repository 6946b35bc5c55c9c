//! Rows of single values: the better one wins by value, where the values compare at all.

use std::collections::BTreeMap;

use serde::Serialize;

use super::entrant::{Entrant, EntrantKind};
use super::quantity::{Better, Quantity};

/// One quantity of every column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValueRow {
    pub quantity: Quantity,
    pub better: Better,
    /// By the labels of the columns that have it.
    pub values: BTreeMap<String, f64>,
    /// Runs that have no value.
    pub lacking: Vec<String>,
    /// The best by value, several where they are shown alike; empty where nothing is better, or values don't compare.
    pub best: Vec<String>,
    /// Why there is no best.
    pub not_compared: Option<String>,
}

pub(super) fn rows(entrants: &[Entrant]) -> Vec<ValueRow> {
    Quantity::ALL.into_iter().map(|quantity| row(quantity, entrants)).collect()
}

fn row(quantity: Quantity, entrants: &[Entrant]) -> ValueRow {
    let having: Vec<(&Entrant, f64)> =
        entrants.iter().filter_map(|entrant| Some((entrant, *entrant.values.get(&quantity)?))).collect();
    let better = quantity.better();
    let not_compared = not_compared(quantity, &having);
    let compares = better != Better::Neither && having.len() > 1 && not_compared.is_none();
    let best = if compares { best(quantity, &having) } else { Vec::new() };
    ValueRow {
        quantity,
        better,
        values: having.iter().map(|(entrant, value)| (entrant.label.clone(), *value)).collect(),
        lacking: lacking(entrants, |entrant| entrant.values.contains_key(&quantity)),
        best,
        not_compared,
    }
}

/// The runs without what `has` looks for.
pub(super) fn lacking(entrants: &[Entrant], has: impl Fn(&Entrant) -> bool) -> Vec<String> {
    let runs = entrants.iter().filter(|entrant| entrant.kind == EntrantKind::Run);
    runs.filter(|entrant| !has(entrant)).map(|entrant| entrant.label.clone()).collect()
}

fn best(quantity: Quantity, having: &[(&Entrant, f64)]) -> Vec<String> {
    let rank = |value: f64| quantity.better().rank(value);
    let Some((_, top)) = having.iter().max_by(|a, b| rank(a.1).total_cmp(&rank(b.1))) else { return Vec::new() };
    let shown = quantity.shown(*top);
    having.iter().filter(|(_, v)| quantity.shown(*v) == shown).map(|(e, _)| e.label.clone()).collect()
}

/// What of two columns must be the same, that a quantity compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Same {
    Data,
    HeldOut,
    Tokenizer,
    Objective,
    Questions,
    Server,
}

impl Same {
    fn of(quantity: Quantity) -> &'static [Self] {
        match quantity {
            Quantity::DurationSeconds | Quantity::SamplesPerSecond => &[Self::Data],
            Quantity::TrainLoss => &[Self::Data, Self::Tokenizer, Self::Objective],
            Quantity::TokenAccuracy | Quantity::Entropy => &[Self::Data, Self::Tokenizer],
            Quantity::EvalLoss => &[Self::HeldOut, Self::Tokenizer],
            Quantity::AnswerTokensPerSecond => &[Self::Server],
            Quantity::AnswerSeconds => &[Self::Server, Self::Questions],
            _ => &[],
        }
    }

    fn value(self, entrant: &Entrant) -> Option<String> {
        match self {
            Self::Data => entrant.origin.data.clone(),
            Self::HeldOut => entrant.origin.held_out.clone(),
            Self::Tokenizer => entrant.origin.tokenizer.clone(),
            Self::Objective => entrant.origin.objective.clone(),
            Self::Questions => Some(entrant.questions()),
            Self::Server => Some(entrant.served()),
        }
    }

    fn other(self) -> &'static str {
        match self {
            Self::Data => "other data",
            Self::HeldOut => "other held-out data",
            Self::Tokenizer => "other tokens: a value per token does not compare",
            Self::Objective => "other terms of the loss (replay, label smoothing)",
            Self::Questions => "other prompts",
            Self::Server => "other daemons",
        }
    }
}

fn not_compared(quantity: Quantity, having: &[(&Entrant, f64)]) -> Option<String> {
    let differs = |same: &&Same| {
        let mut values = having.iter().map(|(entrant, _)| same.value(entrant));
        let first = values.next();
        values.any(|value| Some(value) != first)
    };
    let reasons: Vec<&str> = Same::of(quantity).iter().filter(differs).map(|same| same.other()).collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

/// Sentences on what the runs do not have in common.
pub(super) fn differences(entrants: &[Entrant]) -> Vec<String> {
    let said = [
        (Same::Data, "the runs were trained on different data: times, losses and accuracies do not compare"),
        (
            Same::Tokenizer,
            "the bases have different tokenizers: losses, accuracies and entropies are per token and do not compare; scores do",
        ),
        (Same::Server, "the answers came from different daemons or machines: their speed does not compare"),
    ];
    let differ = |same: Same| {
        let having = entrants.iter().filter(|entrant| match same {
            Same::Server => !entrant.suites.is_empty(),
            _ => entrant.kind == EntrantKind::Run && entrant.origin != Default::default(),
        });
        let mut groups: BTreeMap<Option<String>, Vec<&str>> = BTreeMap::new();
        having.for_each(|entrant| groups.entry(same.value(entrant)).or_default().push(&entrant.label));
        let listed: Vec<String> = groups.values().map(|labels| labels.join(", ")).collect();
        (listed.len() > 1).then(|| listed.join(" | "))
    };
    let sentences = said.into_iter().filter_map(|(same, what)| Some(format!("{what} ({})", differ(same)?)));
    sentences.collect()
}
