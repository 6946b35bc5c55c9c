//! v1 against itself: some of the prompts asked of it once more, after it was loaded anew. What changes then is noise, of the daemon
//! or of the sampling, and a change of v2 that is no larger says nothing.

use serde::Serialize;

use super::answerer::{Answerer, Question, Reply};
use super::ask::{Bench, CaseAnswers};
use super::measured::Measured;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Prompts of all suites together that are asked again, at most.
const MOST_PROMPTS: usize = 20;

/// What asking again has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NoiseFloor {
    /// That were answered both times.
    pub prompts: usize,
    /// Whose texts differ, of all samples.
    pub other_texts: usize,
    /// Whose score differs.
    pub other_scores: usize,
}

impl NoiseFloor {
    /// Of each suite: the first answers and those of the second time, measured as two arms.
    pub fn of(measured: &[Measured]) -> Self {
        let mut floor = Self::default();
        for case in measured.iter().flat_map(|measured| &measured.cases) {
            let (Some(first), Some(again)) = (case.base.score, case.tuned.score) else { continue };
            if case.tuned.failed() {
                continue;
            }
            floor.prompts += 1;
            floor.other_texts += usize::from(!case.identical);
            floor.other_scores += usize::from(first != again);
        }
        floor
    }

    /// For people; None: nothing was asked again.
    pub fn sentence(&self) -> Option<String> {
        let Self { prompts, other_texts, other_scores } = *self;
        let share = 100.0 * other_scores as f64 / prompts as f64;
        (prompts > 0).then(|| {
            format!(
                "noise floor: of {prompts} prompts asked of v1 again, {other_texts} got another text and {other_scores} another score ({share:.0} %)"
            )
        })
    }
}

/// A prompt, by the index of its suite and its own in it.
#[derive(Clone, Copy)]
struct Place {
    suite: usize,
    case: usize,
}

/// The prompts that are asked again: of those that v1 answered, some of each suite, spread evenly. `first`: the answers by suite.
pub fn asked_again(benches: &[Bench], first: &[Vec<CaseAnswers>]) -> Vec<AskedAgain> {
    let is_answered = |case: &CaseAnswers| case.base.iter().all(|reply| matches!(reply, Reply::Answer(a) if a.done));
    let mut answered = Vec::new();
    for (suite, cases) in first.iter().enumerate() {
        let indices = cases.iter().enumerate().filter(|(_, case)| is_answered(case));
        answered.extend(indices.map(|(case, _)| Place { suite, case }));
    }
    let count = answered.len().min(MOST_PROMPTS);
    let chosen: Vec<Place> = (0..count).map(|i| answered[i * answered.len() / count]).collect();
    let mut again = Vec::new();
    for (suite, bench) in benches.iter().enumerate() {
        let indices: Vec<usize> = chosen.iter().filter(|place| place.suite == suite).map(|place| place.case).collect();
        let mut bench = bench.clone();
        bench.suite.cases = indices.iter().map(|index| bench.suite.cases[*index].clone()).collect();
        again.push(AskedAgain { bench, indices });
    }
    again
}

/// Of one suite.
#[derive(Clone, Debug)]
pub struct AskedAgain {
    /// With these prompts alone.
    pub bench: Bench,
    indices: Vec<usize>,
}

impl AskedAgain {
    /// The first answers of v1 beside those of the second time.
    pub fn pairs(&self, first: &[CaseAnswers], again: &[Vec<Reply>]) -> Vec<CaseAnswers> {
        let first = self.indices.iter().map(|index| first[*index].base.clone());
        first.zip(again).map(|(base, again)| CaseAnswers { base, tuned: again.clone() }).collect()
    }
}

/// An answerer that is asked a second time: its answers are kept beside the first ones, and samples get seeds of their own.
pub struct SecondTime<'a> {
    pub answerer: &'a dyn Answerer,
    /// Takes a model out of memory: else it would answer from what is still held of the first time.
    pub unload: &'a dyn Fn(&str) -> Result<(), Cause>,
}

impl SecondTime<'_> {
    fn with_other_seed(question: &Question) -> Question {
        Question { seed: question.seed.wrapping_add(1) & u64::from(u32::MAX >> 1), ..question.clone() }
    }
}

impl Answerer for SecondTime<'_> {
    fn warm_up(&self, model: &str) -> Result<(), Cause> {
        (self.unload)(model)?;
        self.answerer.warm_up(model)
    }

    fn ask(&self, question: &Question) -> Result<Reply, Cause> {
        self.answerer.ask(&Self::with_other_seed(question))
    }

    fn ask_many(&self, questions: &[&Question], on: &mut dyn FnMut(usize, Result<Reply, Cause>) -> bool) {
        let questions: Vec<Question> = questions.iter().map(|question| Self::with_other_seed(question)).collect();
        self.answerer.ask_many(&questions.iter().collect::<Vec<_>>(), on);
    }

    fn served_system(&self, model: &str) -> Result<Option<String>, Cause> {
        self.answerer.served_system(model)
    }

    fn digest(&self, model: &str) -> Result<String, Cause> {
        self.answerer.digest(model)
    }

    fn request(&self, question: &Question) -> Result<String, Cause> {
        Ok(format!("second time\n{}", self.answerer.request(&Self::with_other_seed(question))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::{Answered, Suite, SystemTurn};

    fn bench(name: &str, prompts: usize) -> Bench {
        let lines: Vec<String> = (0..prompts)
            .map(|i| format!("{{\"id\": \"{name}{i}\", \"prompt\": \"p{i}\", \"expected\": \"e\"}}"))
            .collect();
        let suite = Suite::parse(&lines.join("\n"), name).unwrap();
        Bench { suite, system: SystemTurn::Nothing, max_tokens: None, plain: false }
    }

    fn reply(text: &str) -> Reply {
        Reply::Answer(Answered { text: text.to_owned(), done: true, ..Answered::default() })
    }

    fn answers(prompts: usize) -> Vec<CaseAnswers> {
        (0..prompts).map(|i| CaseAnswers { base: vec![reply(&i.to_string())], tuned: Vec::new() }).collect()
    }

    fn ids(again: &[AskedAgain]) -> Vec<String> {
        again.iter().flat_map(|a| a.bench.suite.cases.iter().map(|case| case.id.clone())).collect()
    }

    #[test]
    fn the_prompts_that_are_asked_again_are_spread_over_all_suites() {
        let again = |sizes: &[(&str, usize)]| {
            let benches: Vec<Bench> = sizes.iter().map(|(name, prompts)| bench(name, *prompts)).collect();
            let first: Vec<_> = sizes.iter().map(|(_, prompts)| answers(*prompts)).collect();
            asked_again(&benches, &first)
        };
        assert_eq!(ids(&again(&[("a", 2), ("b", 3)])), ["a0", "a1", "b0", "b1", "b2"]);
        let many = again(&[("a", 40), ("b", 1), ("c", 159)]);
        assert_eq!((ids(&many).len(), many[0].indices.len(), many[2].indices.len()), (20, 4, 15));
        assert_eq!(ids(&many)[..5], ["a0", "a10", "a20", "a30", "b0"].map(str::to_owned)[..]);
        assert!(again(&[]).is_empty());
    }

    #[test]
    fn what_v1_did_not_answer_is_not_asked_again_and_pairs_have_the_first_answer() {
        let mut first = answers(41);
        first[0].base = vec![Reply::Failed("HTTP 500".to_owned())];
        let again = asked_again(&[bench("a", 41)], &[first.clone()]);
        let second: Vec<Vec<Reply>> = (0..20).map(|i| vec![reply(&format!("again {i}"))]).collect();
        let pairs = again[0].pairs(&first, &second);
        assert_eq!((pairs.len(), pairs[0].base[0].text(), pairs[3].base[0].text()), (20, "1", "7"));
        assert_eq!(pairs[3].tuned[0].text(), "again 3");
    }

    #[test]
    fn what_differs_is_counted_where_both_answered() {
        let mut measured = crate::eval::judge::tests::measured(&[(1., 1., 15), (1., 0., 2), (0., 1., 1)]);
        measured.cases.iter_mut().skip(4).for_each(|case| case.identical = true);
        measured.cases[1].base.score = None;
        measured.cases[15].tuned.degenerate = Some(crate::eval::degenerate::Degenerate::Failed);
        assert_eq!(NoiseFloor::of(&[measured]), NoiseFloor { prompts: 16, other_texts: 3, other_scores: 2 });
        assert_eq!(NoiseFloor::default().sentence(), None);
        let sentence = NoiseFloor { prompts: 20, other_texts: 4, other_scores: 1 }.sentence().unwrap();
        assert_eq!(
            sentence,
            "noise floor: of 20 prompts asked of v1 again, 4 got another text and 1 another score (5 %)"
        );
    }
}
