//! c6 to c9: what a judge answers.

use crate::corpus::{Language, Unit};

use super::calls::{Asked, Sampling, Stage, Stop};
use super::prompt::{ANSWER, answer, supported};
use super::rejected::{Rejected, Rejection};
use super::reply::read;
use super::text::{shortened, words};
use super::values::{ExactValue, Names, Stated, exact_values, token_f1};
use super::writer::Written;

/// A question with the reply that it shall have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim<'a> {
    pub(super) unit: &'a Unit,
    pub(super) question: &'a str,
    pub(super) reply: &'a str,
    /// What an answer has to hold, where that is known; else the reply's exact values.
    pub(super) values: &'a [String],
    pub(super) language: Language,
}

/// The exact values of a reply that its question does not give away.
pub(super) fn values_asked(question: &str, reply: &str, names: &Names) -> Vec<ExactValue> {
    let given = Stated::of(&[question]);
    exact_values(reply, names).into_iter().filter(|value| !given.holds(value)).collect()
}

const LEAST_F1: f64 = 0.5;

impl Claim<'_> {
    /// Whether an answer says the same as the reply: it holds all values of the reply that the question does not give away,
    /// or, where there are none, most of its words.
    pub(super) fn agrees(&self, answer: &str, names: &Names) -> bool {
        if let (Some(a), Some(b)) = (polarity(self.reply), polarity(answer))
            && a != b
        {
            return false;
        }
        let stated = Stated::of(&[answer]);
        if !self.values.is_empty() {
            let answer = super::text::padded(answer);
            let holds = |v: &String| {
                let exact = exact_values(v, names);
                answer.contains(&super::text::padded(v)) || (!exact.is_empty() && exact.iter().all(|e| stated.holds(e)))
            };
            return self.values.iter().all(holds);
        }
        let wanted = values_asked(self.question, self.reply, names);
        if wanted.is_empty() {
            return token_f1(self.reply, answer) >= LEAST_F1;
        }
        wanted.iter().all(|v| stated.holds(v))
    }

    /// c6: the judge answers from the unit alone.
    pub(super) fn round_trip(&self, asked: &mut Asked<'_>, names: &Names) -> Result<(), Stop> {
        let prompt = answer(Some(self.unit), self.question, self.language);
        let written = asked.write(Stage::RoundTrip, prompt, Sampling::GREEDY)?;
        let said = judged(written)?;
        if self.agrees(&said, names) {
            return Ok(());
        }
        Err(Rejection::new(Rejected::RoundTrip, format!("the judge answers {:?}", shortened(&said))).into())
    }

    /// c7: whether the judge knows the answer without the unit.
    pub(super) fn is_known(&self, asked: &mut Asked<'_>, names: &Names) -> Result<bool, Stop> {
        let prompt = answer(None, self.question, self.language);
        let written = asked.write(Stage::ClosedBook, prompt, Sampling::GREEDY);
        match written.and_then(|w| Ok(judged(w)?)) {
            Ok(said) => Ok(self.agrees(&said, names)),
            // No answer is no knowledge.
            Err(Stop::Rejected(_)) => Ok(false),
            Err(waits) => Err(waits),
        }
    }

    /// c8: most of three sampled answers agree.
    pub(super) fn self_consistency(&self, asked: &mut Asked<'_>, names: &Names) -> Result<(), Stop> {
        const SAMPLES: u32 = 3;
        let mut agreeing = 0;
        for attempt in 0..SAMPLES {
            let prompt = answer(Some(self.unit), self.question, self.language);
            let sampling = Sampling { attempt, temperature: 0.7, top_logprobs: 0 };
            match asked.write(Stage::Consistency, prompt, sampling).and_then(|w| Ok(judged(w)?)) {
                Ok(said) => agreeing += u32::from(self.agrees(&said, names)),
                Err(Stop::Rejected(_)) => {}
                Err(waits) => return Err(waits),
            }
        }
        if agreeing * 2 > SAMPLES {
            return Ok(());
        }
        Err(Rejection::new(Rejected::Inconsistent, format!("{agreeing} of {SAMPLES} answers agree")).into())
    }

    /// c9: the share of "yes" in what the judge could say.
    pub(super) fn yes_score(&self, asked: &mut Asked<'_>) -> Result<Option<f64>, Stop> {
        let prompt = supported(self.unit, self.question, self.reply);
        let sampling = Sampling { top_logprobs: 20, ..Sampling::GREEDY };
        Ok(yes_share(asked.write(Stage::YesNo, prompt, sampling)?))
    }
}

fn judged(written: &Written) -> Result<String, Rejection> {
    Ok(read(written, &ANSWER)?.into_iter().next().unwrap_or_default())
}

/// Whether a text begins with yes (true) or no.
fn polarity(text: &str) -> Option<bool> {
    match words(text).first().map(String::as_str) {
        Some("yes" | "oui") => Some(true),
        Some("no" | "non") => Some(false),
        _ => None,
    }
}

/// P(yes) / (P(yes) + P(no)) at the first token behind the opening quote; None where neither is among the alternatives.
pub fn yes_share(written: &Written) -> Option<f64> {
    let bare = |text: &str| text.trim_matches(|c: char| c == '"' || c.is_whitespace()).to_lowercase();
    let token = written.logprobs.iter().find(|token| !bare(&token.token).is_empty())?;
    let mass = |word: &str| -> f64 {
        let begins = |token: &str| !token.is_empty() && word.starts_with(token);
        token.alternatives.iter().filter(|a| begins(&bare(&a.token))).map(|a| a.logprob.exp()).sum()
    };
    let (yes, no) = (mass("yes"), mass("no"));
    (yes + no > 0.0).then(|| yes / (yes + no))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::llm::tests::unit;
    use crate::generate::llm::writer::{Alternative, Token};

    #[test]
    fn answers_agree_by_values_else_by_words() {
        let unit = unit("s", None, "x");
        let agrees = |reply: &str, values: &[&str], answer: &str| {
            let values: Vec<String> = values.iter().map(|v| (*v).to_owned()).collect();
            let claim =
                Claim { unit: &unit, question: "Who hosts GIDAF?", reply, values: &values, language: Language::En };
            claim.agrees(answer, &Names::default())
        };
        for (reply, values, answer, expected) in [
            ("GIDAF is hosted by OVH Cloud.", &[][..], "OVH Cloud", true),
            ("GIDAF is hosted by OVH Cloud.", &[], "GIDAF is hosted by AWS Cloud.", false),
            ("It has 1,024 users.", &[], "1 024", true),
            ("It has 1,024 users.", &[], "It has 1,025 users.", false),
            ("The team restarts the server every night.", &[], "every night the team restarts it", true),
            ("The team restarts the server every night.", &[], "It is never done.", false),
            ("Yes, the team restarts it.", &[], "No, the team restarts it.", false),
            ("GIDAF is hosted by ovh.", &["ovh"], "By OVH.", true),
            ("It began on 28/12/2024.", &["28/12/2024"], "December 28, 2024", true),
            ("It is a and b.", &["a", "b"], "It is a.", false),
        ] {
            assert_eq!(agrees(reply, values, answer), expected, "{reply} | {answer}");
        }
    }

    #[test]
    fn the_share_of_yes_is_taken_behind_the_quote() {
        let token = |text: &str, alternatives: &[(&str, f64)]| Token {
            token: text.into(),
            alternatives: alternatives
                .iter()
                .map(|(t, p)| Alternative { token: (*t).into(), logprob: f64::ln(*p) })
                .collect(),
        };
        let first = token("\"", &[("yes", 0.9), ("\"", 0.1)]);
        let second = token("yes", &[("yes", 0.5), ("no", 0.2), ("y", 0.1), ("maybe", 0.2)]);
        let written = Written { logprobs: vec![first.clone(), second], ..Written::default() };
        assert!((yes_share(&written).unwrap() - 0.75).abs() < 1e-12);
        let neither = Written { logprobs: vec![first, token("x", &[("x", 1.0)])], ..Written::default() };
        assert_eq!((yes_share(&neither), yes_share(&Written::default())), (None, None));
    }
}
