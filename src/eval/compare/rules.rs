//! Which arm to use: fixed rules, each with the numbers that it rests on.

use super::comparison::{ArmComparison, CompareInput, FEWEST_QUESTIONS, TaughtFacts};
use super::finding::{Rule, RuleFinding};
use super::metric::ArmMetric;
use super::pairs::PairedTest;

use crate::eval::results::AnswerArm::{self, Base, Finetuned, Hybrid, Oracle, Rag};
use crate::eval::results::ResultFile;

/// The share of what is asked that training must have taught, in percent.
const LEAST_TAUGHT: f64 = 60.0;
/// How much perfect retrieval may gain before retrieval is the loss; how little, before it is as good as perfect. In points.
const RETRIEVAL_LOSS: f64 = 10.0;
const RETRIEVAL_GOOD: f64 = 5.0;
/// More invented answers than this, in points, are too many.
const FABRICATION: f64 = 5.0;
/// So much faster, or with so few of the tokens, is worth a training.
const FASTER: f64 = 2.0;
const FEWER_TOKENS: f64 = 3.0;
/// A base that knows so much was trained on the documents, in percent.
const KNOWN: f64 = 30.0;

pub(super) struct Decided {
    pub(super) arm: Option<AnswerArm>,
    /// What is against it nevertheless.
    pub(super) caution: Option<String>,
    pub(super) findings: Vec<RuleFinding>,
}

/// The recommended arm. Rules that forbid a verdict come first, then what is needed, then what was measured.
pub(super) fn decide(comparison: &ArmComparison, input: &CompareInput<'_>) -> Decided {
    let rules = Rules { comparison, input };
    let findings = vec![
        rules.too_few(),
        rules.taught_too_little(),
        rules.needs_sources(),
        rules.hybrid_best(),
        rules.unlearned_reading(),
        rules.retrieval_best(),
        rules.retrieval_loses(),
        rules.tuned_cheaper(),
        rules.tuned_invents(),
        rules.base_knows(),
        rules.all_ties(),
    ];
    let holds = |rule: Rule| findings.iter().any(|f| f.rule == rule && f.applies == Some(true));
    let arm = if !comparison.is_tested || holds(Rule::TooFewQuestions) || holds(Rule::TaughtTooLittle) {
        None
    } else if holds(Rule::HybridBest) {
        Some(Hybrid)
    } else if holds(Rule::NeedsSources) || holds(Rule::RetrievalBest) {
        Some(Rag).filter(|_| comparison.has(Rag)).or(Some(Hybrid).filter(|_| comparison.has(Hybrid)))
    } else if holds(Rule::TunedAsGoodAndCheaper) && !rules.tuned_may_invent() {
        Some(Finetuned)
    } else if holds(Rule::AllTies) {
        let cheapest = rules.cheapest(|arm| arm != Finetuned || !holds(Rule::TunedInvents));
        // A suspicion recommends neither the model nor another arm in its place.
        cheapest.filter(|arm| *arm != Finetuned || !rules.tuned_may_invent())
    } else {
        None
    };
    Decided { arm, caution: arm.and_then(|arm| rules.caution(arm)), findings }
}

struct Rules<'a> {
    comparison: &'a ArmComparison,
    input: &'a CompareInput<'a>,
}

/// A difference as it is read: first arm, second arm, second minus first.
struct Difference {
    first: f64,
    second: f64,
    test: PairedTest,
    is_shown: bool,
}

impl Rules<'_> {
    fn too_few(&self) -> RuleFinding {
        let n = self.comparison.questions;
        let says = n.map_or_else(
            || "the files hold no answers to single questions, so nothing is tested and nothing recommended".to_owned(),
            |n| format!("{n} questions; fewer than {FEWEST_QUESTIONS} decide nothing, and about 150 show a difference of 10 points"),
        );
        finding(Rule::TooFewQuestions, Some(n.is_none_or(|n| n < FEWEST_QUESTIONS)), says)
    }

    fn taught_too_little(&self) -> RuleFinding {
        let asked = self.answerable();
        let Some(taught) = self.input.taught.filter(|_| !asked.is_empty()) else {
            return unmeasured(Rule::TaughtTooLittle, "what was taught (--dataset)");
        };
        let foreign = asked.iter().filter(|id| !taught.ids.contains(**id) && !taught.others.contains(**id)).count();
        if foreign > 0 {
            let what =
                format!("what was taught: {foreign} of {} questions are not of the set of --dataset", asked.len());
            return unmeasured(Rule::TaughtTooLittle, &what);
        }
        let known = asked.iter().filter(|id| taught.ids.contains(**id)).count();
        let share = 100.0 * known as f64 / asked.len() as f64;
        let TaughtFacts { taught: learned, all } = taught.facts;
        let of_all = if learned < all {
            let share = 100.0 * learned as f64 / all as f64;
            format!(
                "; of the documents' {all} facts it taught {learned} ({share:.0} %), and a verdict is about these alone"
            )
        } else {
            String::new()
        };
        let says = format!(
            "training taught the facts of {known} of {} answerable questions ({share:.0} %); below {LEAST_TAUGHT:.0} % there is no verdict on knowledge: generate more examples, or compare on what was taught{of_all}",
            asked.len()
        );
        finding(Rule::TaughtTooLittle, Some(share < LEAST_TAUGHT), says)
    }

    fn needs_sources(&self) -> RuleFinding {
        let needs = self.input.needs;
        let precision = self.file(Rag).and_then(|file| file.extended.as_ref()?.citation_precision);
        let cited = precision.map_or_else(|| "was not measured".to_owned(), |p| format!("is {p:.0} % with `rag`"));
        let says = match (needs.citations, needs.updates) {
            (true, _) => {
                format!("sources must be named, which a tuned model alone cannot do; citation precision {cited}")
            }
            (false, true) => "the documents change often, and an index is made again without training".to_owned(),
            (false, false) => "neither sources nor frequent changes are asked for (--need)".to_owned(),
        };
        finding(Rule::NeedsSources, Some(needs.citations || needs.updates), says)
    }

    fn hybrid_best(&self) -> RuleFinding {
        let metric = self.knowledge();
        let others = [Rag, Finetuned].into_iter().filter_map(|arm| Some((arm, self.comparison.value(arm, metric)?)));
        let best = others.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(arm, _)| arm);
        let Some((best, d)) = best.and_then(|best| Some((best, self.difference(best, Hybrid, metric)?))) else {
            return unmeasured(Rule::HybridBest, "hybrid beside rag or finetuned, question by question");
        };
        let applies = d.is_shown && d.test.difference >= self.input.margin;
        finding(Rule::HybridBest, Some(applies), self.compared(best, Hybrid, metric, &d))
    }

    fn unlearned_reading(&self) -> RuleFinding {
        let metric = self.knowledge();
        let Some(d) = self.difference(Rag, Hybrid, metric) else {
            return unmeasured(Rule::TuneUnlearnedReading, "hybrid and rag, question by question");
        };
        let applies = d.is_shown && d.test.difference < 0.0;
        let advice = if applies { "; the tune unlearned reading: generate with --open-book 0.5" } else { "" };
        let says = self.compared(Rag, Hybrid, metric, &d) + advice;
        finding(Rule::TuneUnlearnedReading, Some(applies), says)
    }

    fn retrieval_best(&self) -> RuleFinding {
        let metric = self.knowledge();
        let Some(d) = self.difference(Finetuned, Rag, metric) else {
            return unmeasured(Rule::RetrievalBest, "rag and finetuned, question by question");
        };
        let left = self.difference(Rag, Oracle, metric).map(|oracle| oracle.test.difference);
        let applies = d.is_shown && d.test.difference > 0.0 && left.is_none_or(|left| left <= RETRIEVAL_GOOD);
        let gain = left.map_or_else(
            || "; what perfect retrieval would gain was not measured (--oracle-results)".to_owned(),
            |left| format!("; perfect retrieval would gain {left:+.1} points"),
        );
        finding(Rule::RetrievalBest, Some(applies), self.compared(Finetuned, Rag, metric, &d) + &gain)
    }

    fn retrieval_loses(&self) -> RuleFinding {
        let metric = self.knowledge();
        let Some(d) = self.difference(Rag, Oracle, metric) else {
            return unmeasured(Rule::RetrievalLoses, "oracle and rag, question by question");
        };
        let hit = self.file(Rag).and_then(|file| file.extended.as_ref()?.retrieval).map(|r| 100.0 * r.hit_at_4);
        let hit = hit.map_or_else(String::new, |hit| format!("; the passage is among the first four in {hit:.0} %"));
        let applies = d.test.difference > RETRIEVAL_LOSS;
        let advice =
            if applies { "; try an embedding model, other chunks, or see which questions it misses" } else { "" };
        finding(Rule::RetrievalLoses, Some(applies), self.compared(Rag, Oracle, metric, &d) + &hit + advice)
    }

    fn tuned_cheaper(&self) -> RuleFinding {
        let metric = self.knowledge();
        let value = |arm, metric| self.comparison.value(arm, metric);
        let (Some(d), Some(cost)) = (
            self.difference(Rag, Finetuned, metric),
            value(Rag, ArmMetric::AvgTimeSeconds).zip(value(Finetuned, ArmMetric::AvgTimeSeconds)),
        ) else {
            return unmeasured(Rule::TunedAsGoodAndCheaper, "rag and finetuned, question by question");
        };
        let tokens = value(Rag, ArmMetric::AvgTokens).zip(value(Finetuned, ArmMetric::AvgTokens)).unwrap_or_default();
        let is_cheaper = cost.1 * FASTER <= cost.0 || tokens.1 * FEWER_TOKENS <= tokens.0;
        let applies = d.test.low >= -self.input.margin && is_cheaper;
        let pays = match self.comparison.break_even {
            Some(n) => format!("; training has paid for itself after {n:.0} questions"),
            None => String::new(),
        };
        let says = format!(
            "{}; {:.2} s and {:.0} tokens a question against {:.2} s and {:.0}{pays}",
            self.compared(Rag, Finetuned, metric, &d),
            cost.1,
            tokens.1,
            cost.0,
            tokens.0
        );
        finding(Rule::TunedAsGoodAndCheaper, Some(applies), says)
    }

    fn tuned_invents(&self) -> RuleFinding {
        let metric = ArmMetric::FabricationRate;
        let Some(d) = self.difference(Rag, Finetuned, metric) else {
            return unmeasured(Rule::TunedInvents, "rag and finetuned on questions without an answer");
        };
        let now = self.input.taught.map_or_else(String::new, |taught| format!(" (now {:.0} %)", taught.refusals));
        let (applies, advice) = match (d.test.difference > FABRICATION, d.is_shown) {
            (true, true) => (Some(true), format!("; do not use it alone, or train it with more refusals{now}")),
            (true, false) => (
                None,
                format!(
                    "; not shown by {} questions without an answer: ask more of them before it is used alone",
                    d.test.n
                ),
            ),
            (false, _) => (Some(false), String::new()),
        };
        finding(Rule::TunedInvents, applies, self.compared(Rag, Finetuned, metric, &d) + &advice)
    }

    /// Whether the tuned model invented more often, be it shown or not.
    fn tuned_may_invent(&self) -> bool {
        self.difference(Rag, Finetuned, ArmMetric::FabricationRate).is_some_and(|d| d.test.difference > FABRICATION)
    }

    /// The arm beside the usable one that invents least, where it invents more than that, be it shown or not.
    fn caution(&self, arm: AnswerArm) -> Option<String> {
        let metric = ArmMetric::FabricationRate;
        let others = self.comparison.arms.iter().map(|summary| summary.arm);
        let others = others.filter(|other| ![arm, Base, Oracle].contains(other));
        let (other, d) = others
            .filter_map(|other| Some((other, self.difference(other, arm, metric)?)))
            .filter(|(_, d)| d.test.difference > FABRICATION)
            .max_by(|a, b| a.1.test.difference.total_cmp(&b.1.test.difference))?;
        let shown = if d.is_shown { "shown" } else { "not shown" };
        let compared = self.compared(other, arm, metric, &d);
        let n = d.test.n;
        Some(format!(
            "{compared}; {shown} by {n} questions without an answer in the documents. Train it with more refusals, or ask more such questions, before you use it"
        ))
    }

    fn base_knows(&self) -> RuleFinding {
        let metric = self.knowledge();
        let Some(value) = self.comparison.value(Base, metric) else {
            return unmeasured(Rule::BaseKnows, "the base (--base-results)");
        };
        let says = format!(
            "{} of the base is {value:.1} %; from {KNOWN:.0} % on the documents are public, and every arm looks better than it is",
            metric.as_str()
        );
        finding(Rule::BaseKnows, Some(value >= KNOWN), says)
    }

    fn all_ties(&self) -> RuleFinding {
        let metric = self.knowledge();
        let usable = |arm: AnswerArm| arm != Oracle && arm != Base;
        let pairs: Vec<_> = self.comparison.pairs.iter().filter(|p| usable(p.first) && usable(p.second)).collect();
        let is_tested = pairs.iter().any(|pair| pair.of(metric).is_some_and(|row| row.test.is_some()));
        if !is_tested || !self.comparison.is_tested {
            return unmeasured(Rule::AllTies, "two usable arms, question by question");
        }
        let applies = pairs.iter().all(|pair| pair.of(metric).is_none_or(|row| row.winner.is_none()));
        let costs: Vec<String> =
            self.costs().into_iter().map(|(arm, s)| format!("{} {s:.2} s", arm.as_str())).collect();
        let costs = if costs.is_empty() { String::new() } else { format!("; per right answer: {}", costs.join(", ")) };
        let words =
            if applies { "no arm is shown to know more than another" } else { "some arm is shown to know more" };
        finding(Rule::AllTies, Some(applies), format!("{words}{costs}"))
    }

    fn cheapest(&self, may_be: impl Fn(AnswerArm) -> bool) -> Option<AnswerArm> {
        self.costs().into_iter().filter(|(arm, _)| may_be(*arm)).min_by(|a, b| a.1.total_cmp(&b.1)).map(|(arm, _)| arm)
    }

    /// Seconds per right answer of each arm that can be used.
    fn costs(&self) -> Vec<(AnswerArm, f64)> {
        let usable = self.comparison.arms.iter().filter(|summary| ![Base, Oracle].contains(&summary.arm));
        usable.filter_map(|summary| Some((summary.arm, summary.seconds_per_right?))).collect()
    }

    fn file(&self, arm: AnswerArm) -> Option<&ResultFile> {
        self.input.arms.iter().find(|results| results.arm == arm).map(|results| &results.file)
    }

    fn answerable(&self) -> Vec<&str> {
        let first = self.input.arms.first().map(|results| results.file.results.as_slice()).unwrap_or_default();
        first.iter().filter(|record| record.answerable).map(|record| record.id.as_str()).collect()
    }

    /// The metric that says most of what is known, of those that all arms have; where there is none, one that they lack too.
    fn knowledge(&self) -> ArmMetric {
        let all_have = |metric: &ArmMetric| {
            self.comparison.arms.iter().all(|summary| summary.values.contains_key(metric.as_str()))
        };
        let metrics = [ArmMetric::FactCoverage, ArmMetric::PassRate, ArmMetric::ExactMatchRate];
        metrics.into_iter().find(all_have).unwrap_or(ArmMetric::FactCoverage)
    }

    /// `second` minus `first`; None where it was not tested.
    fn difference(&self, first: AnswerArm, second: AnswerArm, metric: ArmMetric) -> Option<Difference> {
        let pair = self.comparison.pair(first, second)?;
        let row = pair.of(metric)?;
        let test = row.test?;
        let is_shown = row.winner.is_some();
        let (a, b) = (row.first?, row.second?);
        Some(match pair.first == first {
            true => Difference { first: a, second: b, test, is_shown },
            false => {
                let test = PairedTest { difference: -test.difference, low: -test.high, high: -test.low, ..test };
                Difference { first: b, second: a, test, is_shown }
            }
        })
    }

    fn compared(&self, first: AnswerArm, second: AnswerArm, metric: ArmMetric, d: &Difference) -> String {
        let Difference { first: a, second: b, test, .. } = d;
        format!(
            "{}: {} {b:.1} %, {} {a:.1} % ({:+.1} points, {:+.1} to {:+.1}, p {:.3})",
            metric.as_str(),
            second.as_str(),
            first.as_str(),
            test.difference,
            test.low,
            test.high,
            test.p
        )
    }
}

fn finding(rule: Rule, applies: Option<bool>, says: impl Into<String>) -> RuleFinding {
    RuleFinding { rule, applies, says: says.into() }
}

fn unmeasured(rule: Rule, what: &str) -> RuleFinding {
    finding(rule, None, format!("not measured: {what}"))
}
