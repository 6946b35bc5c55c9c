//! Prompts of a suite that the training data holds too: then the suite measures memory.

use std::collections::{HashMap, HashSet};

use crate::chat::Role;
use crate::dataset::{Content, Record};

use super::suite::Suite;
use super::text::words;

#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Overlap {
    pub case: String,
    /// Of the record in the dataset.
    pub place: String,
    /// 1: the same words; above 0.7: the same runs of eight words.
    pub likeness: f64,
}

const GRAM: usize = 8;
const LIMIT: f64 = 0.7;

/// Each case's first overlap: equal after folding (letters and digits alone count), or 8-gram Jaccard above 0.7.
pub fn overlaps(suite: &Suite, records: &[Record]) -> Vec<Overlap> {
    let train: Vec<(String, Vec<String>)> = records.iter().flat_map(prompts).collect();
    let mut exact: HashMap<&[String], &str> = HashMap::new();
    let mut by_gram: HashMap<&[String], Vec<usize>> = HashMap::new();
    for (i, (place, words)) in train.iter().enumerate() {
        exact.entry(words).or_insert(place);
        for gram in grams(words) {
            by_gram.entry(gram).or_default().push(i);
        }
    }
    let mut found = Vec::new();
    for case in &suite.cases {
        let prompt = words(case.prompt());
        if prompt.is_empty() {
            continue;
        }
        if let Some(place) = exact.get(prompt.as_slice()) {
            found.push(Overlap { case: case.id.clone(), place: (*place).to_owned(), likeness: 1.0 });
            continue;
        }
        let own = grams(&prompt);
        let near: HashSet<usize> = own.iter().filter_map(|g| by_gram.get(g)).flatten().copied().collect();
        let best = near
            .into_iter()
            .map(|i| (jaccard(&own, &grams(&train[i].1)), &train[i].0))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((likeness, place)) = best.filter(|(j, _)| *j > LIMIT) {
            found.push(Overlap { case: case.id.clone(), place: place.clone(), likeness });
        }
    }
    found
}

fn prompts(record: &Record) -> Vec<(String, Vec<String>)> {
    let texts: Vec<&str> = match &record.content {
        Content::Chat(messages) => {
            messages.iter().filter(|m| m.role == Role::User).map(|m| m.content.as_str()).collect()
        }
        Content::Text(text) => vec![text],
    };
    texts.into_iter().map(|t| (record.place.to_string(), words(t))).filter(|(_, w)| !w.is_empty()).collect()
}

fn grams(words: &[String]) -> HashSet<&[String]> {
    words.windows(GRAM).collect()
}

fn jaccard(a: &HashSet<&[String]>, b: &HashSet<&[String]>) -> f64 {
    let common = a.intersection(b).count();
    let all = a.len() + b.len() - common;
    if all == 0 { 0.0 } else { common as f64 / all as f64 }
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
}
