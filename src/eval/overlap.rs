//! Prompts of a suite that the training data holds too: then the suite measures memory.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::chat::Role;
use crate::dataset::{Content, Record};

use super::case::Case;
use super::suite::Suite;
use super::text::words;

#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Overlap {
    pub case: String,
    /// Of the record in the dataset.
    pub place: String,
    /// 1: the same words; above 0.7: nearly the same runs of eight words.
    pub likeness: f64,
}

/// Words of a run.
const GRAM: usize = 8;
const LIMIT: f64 = 0.7;
/// Runs of words in more than this share of the different prompts of the data, and in more than [`TEMPLATE_LEAST`], belong
/// to the prompts' template, an instruction that all have: they say nothing of whether two questions are the same.
const TEMPLATE: f64 = 0.05;
const TEMPLATE_LEAST: usize = 3;

/// A user turn of the training data.
struct TrainedQuestion {
    place: String,
    /// Of the user turns before it.
    before: Vec<String>,
    words: Vec<String>,
}

/// What the training data asks, to be compared with suites.
#[derive(Debug)]
struct Index<'a> {
    /// By the words of all user turns up to this one.
    conversations: HashMap<(&'a [String], &'a [String]), &'a str>,
    /// Questions that are long enough to be the same whatever was said before.
    questions: HashMap<&'a [String], &'a str>,
    /// By the runs of words that are not the template's.
    runs: HashMap<&'a [String], Vec<usize>>,
    /// How many such runs a turn has.
    sizes: Vec<usize>,
    template: HashSet<&'a [String]>,
}

impl<'a> Index<'a> {
    fn of(asked: &'a [TrainedQuestion]) -> Self {
        let (mut conversations, mut questions) = (HashMap::new(), HashMap::new());
        for turn in asked {
            conversations.entry((turn.before.as_slice(), turn.words.as_slice())).or_insert(turn.place.as_str());
            if turn.words.len() >= GRAM {
                questions.entry(turn.words.as_slice()).or_insert(turn.place.as_str());
            }
        }
        let different: HashSet<&[String]> = asked.iter().map(|t| t.words.as_slice()).collect();
        let mut counts: HashMap<&[String], usize> = HashMap::new();
        different.iter().flat_map(|words| grams(words)).for_each(|gram| *counts.entry(gram).or_default() += 1);
        let most = TEMPLATE_LEAST.max((TEMPLATE * different.len() as f64) as usize);
        let template: HashSet<&[String]> =
            counts.into_iter().filter(|(_, n)| *n > most).map(|(gram, _)| gram).collect();
        let (mut runs, mut sizes): (HashMap<&[String], Vec<usize>>, _) = (HashMap::new(), Vec::new());
        for (i, turn) in asked.iter().enumerate() {
            let own = own_grams(&turn.words, &template);
            sizes.push(own.len());
            own.into_iter().for_each(|gram| runs.entry(gram).or_default().push(i));
        }
        Self { conversations, questions, runs, sizes, template }
    }

    /// Where the training data asks the same as a case.
    fn nearest(&self, case: &Case, asked: &'a [TrainedQuestion]) -> Option<Overlap> {
        let turns: Vec<Vec<String>> =
            case.messages.iter().filter(|m| m.role == Role::User).map(|m| words(&m.content)).collect();
        let (prompt, before) = turns.split_last().filter(|(prompt, _)| !prompt.is_empty())?;
        let before = joined(before);
        let overlap = |place: &str, likeness| Overlap { case: case.id.clone(), place: place.to_owned(), likeness };
        let same = self.conversations.get(&(before.as_slice(), prompt.as_slice()));
        if let Some(place) = same.or_else(|| self.questions.get(prompt.as_slice())) {
            return Some(overlap(place, 1.0));
        }
        let own = own_grams(prompt, &self.template);
        // By the turn: runs that both have.
        let mut common: BTreeMap<usize, usize> = BTreeMap::new();
        own.iter().filter_map(|gram| self.runs.get(gram)).flatten().for_each(|i| *common.entry(*i).or_default() += 1);
        let likeness = |turn: &usize| common[turn] as f64 / (own.len() + self.sizes[*turn] - common[turn]) as f64;
        // Of equals the first in the data.
        let nearest = common.keys().rev().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
        (likeness(nearest) > LIMIT).then(|| overlap(&asked[*nearest].place, likeness(nearest)))
    }
}

/// Each case's overlap: a training conversation whose user turns are the same up to the question (letters and digits alone
/// count), the same question of eight words or more in any place, or one whose runs of eight words are the same by more
/// than 0.7 (Jaccard), those of a template that the prompts share left out.
pub fn overlaps(suite: &Suite, records: &[Record]) -> Vec<Overlap> {
    let asked: Vec<TrainedQuestion> = records.iter().flat_map(turns).collect();
    let index = Index::of(&asked);
    suite.cases.iter().filter_map(|case| index.nearest(case, &asked)).collect()
}

fn turns(record: &Record) -> Vec<TrainedQuestion> {
    let texts: Vec<&str> = match &record.content {
        Content::Chat(messages) => {
            messages.iter().filter(|m| m.role == Role::User).map(|m| m.content.as_str()).collect()
        }
        Content::Text(text) => vec![text],
    };
    let turns: Vec<Vec<String>> = texts.into_iter().map(words).collect();
    let asked = |i: usize| TrainedQuestion {
        place: record.place.to_string(),
        before: joined(&turns[..i]),
        words: turns[i].clone(),
    };
    (0..turns.len()).filter(|i| !turns[*i].is_empty()).map(asked).collect()
}

/// The words of several turns, with an empty one after each turn.
fn joined(turns: &[Vec<String>]) -> Vec<String> {
    turns.iter().flat_map(|words| words.iter().cloned().chain(std::iter::once(String::new()))).collect()
}

fn grams(words: &[String]) -> HashSet<&[String]> {
    words.windows(GRAM).collect()
}

fn own_grams<'a>(words: &'a [String], template: &HashSet<&[String]>) -> HashSet<&'a [String]> {
    words.windows(GRAM).filter(|gram| !template.contains(gram)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Message;

    fn record(line: usize, user: &str) -> Record {
        Record::new(line, Content::Chat(vec![Message { role: Role::User, content: user.into() }]))
    }

    #[test]
    fn copies_and_near_copies_are_found() {
        let long = "please look at the attached report of the third quarter and tell me which of the regions lost most money and why that is so";
        let suite = Suite::parse(
            &format!(
                "{{\"prompt\": \"Turn up, the VOLUME!\", \"expected\": \"x\"}}\n{{\"prompt\": \"turn up the heat\", \"expected\": \"x\"}}\n{{\"prompt\": \"{long} now\", \"expected\": \"x\"}}"
            ),
            "s",
        )
        .unwrap();
        let found = overlaps(&suite, &[record(4, "something else"), record(5, "turn up the volume"), record(9, long)]);
        let seen: Vec<_> = found.iter().map(|o| (o.case.as_str(), o.place.as_str(), o.likeness > 0.9)).collect();
        assert_eq!(seen, [("line-1", "line 5", true), ("line-3", "line 9", true)]);
        assert!(overlaps(&suite, &[]).is_empty());
    }

    fn chat(line: usize, users: &[&str]) -> Record {
        let turn = |role, text: &str| Message { role, content: text.into() };
        let turns = users.iter().flat_map(|user| [turn(Role::User, user), turn(Role::Assistant, "well")]);
        Record::new(line, Content::Chat(turns.collect()))
    }

    fn suite_of(records: &[Record]) -> Suite {
        Suite::from_records("held-out", records).unwrap()
    }

    #[test]
    fn conversations_that_end_alike_are_not_the_same() {
        let data = [chat(1, &["book a table", "thanks"]), chat(2, &["where is my parcel", "thanks"])];
        let asked = suite_of(&[chat(1, &["cancel my order", "thanks"]), chat(2, &["where is my parcel?", "Thanks!"])]);
        let found: Vec<_> = overlaps(&asked, &data).into_iter().map(|o| o.place).collect();
        assert_eq!(found, ["line 2"]);
        // A long question is the same wherever it stands.
        let long = "how many days of notice do I have to give before I leave my flat";
        assert_eq!(overlaps(&suite_of(&[chat(1, &[long])]), &[chat(7, &["hello", long])]).len(), 1);
    }

    #[test]
    fn an_instruction_that_all_prompts_share_makes_none_alike() {
        let instruction: String = (0..100).map(|i| format!("word{i} ")).collect();
        let input =
            |i: usize| format!("{instruction} input {}", (0..10).map(|k| format!("x{i}y{k} ")).collect::<String>());
        let data: Vec<Record> = (0..40).map(|i| chat(i + 1, &[&input(i)])).collect();
        assert_eq!(overlaps(&suite_of(&[chat(1, &[&input(90)])]), &data), []);
        let near = format!("{} please", input(7));
        let found = overlaps(&suite_of(&[chat(1, &[&near])]), &data);
        assert_eq!(found.iter().map(|o| o.place.as_str()).collect::<Vec<_>>(), ["line 8"]);
    }
}
