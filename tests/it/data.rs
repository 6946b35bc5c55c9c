//! The shipped data: whole, small, from one closed set of functions, and no held-out prompt seen in training.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

const TRAIN: &str = include_str!("../../data/demo/train.jsonl");
const SUITE: &str = include_str!("../../data/demo/suite.jsonl");
const SYSTEM: &str = include_str!("../../data/demo/system.txt");
const GENERAL: &str = include_str!("../../data/general/suite.jsonl");
const REPLAY: &str = include_str!("../../data/general/replay.jsonl");
const WAY_TRAIN: &str = include_str!("../fixtures/pipeline/train.jsonl");
const WAY_SUITE: &str = include_str!("../fixtures/pipeline/suite.jsonl");

const CATEGORIES: [&str; 3] = ["voice_commands", "corrections", "tool_routing"];

/// What the assistant of the demo may call: the name, and its argument where it has one (`?` = may be left out).
const FUNCTIONS: &[(&str, &str)] = &[
    ("add_to_list", "item"),
    ("call", "name"),
    ("close_blinds", ""),
    ("dim_lights", ""),
    ("get_time", ""),
    ("get_weather", ""),
    ("lights_off", "room?"),
    ("lights_on", "room?"),
    ("lock_door", ""),
    ("mute", ""),
    ("next_song", ""),
    ("open_blinds", ""),
    ("pause_music", ""),
    ("play_music", ""),
    ("previous_song", ""),
    ("say", "text"),
    ("set_alarm", "hour"),
    ("set_temperature", "degrees"),
    ("set_timer", "minutes"),
    ("start_vacuum", ""),
    ("tv_off", ""),
    ("tv_on", ""),
    ("unlock_door", ""),
    ("volume_down", ""),
    ("volume_up", ""),
];

const ROOMS: [&str; 5] = ["kitchen", "bedroom", "bathroom", "office", "garage"];

fn rows(text: &str) -> Vec<Value> {
    text.lines()
        .enumerate()
        .map(|(at, line)| serde_json::from_str(line).unwrap_or_else(|e| panic!("line {}: {e}: {line}", at + 1)))
        .collect()
}

fn field<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_else(|| panic!("{name} is no text in {row}"))
}

/// The one user turn of a row of any of the three shapes.
fn prompt(row: &Value) -> String {
    if row.get("instruction").is_some() {
        return format!("{}\n\n{}", field(row, "instruction"), field(row, "input"));
    }
    let Some(messages) = row["messages"].as_array() else { return field(row, "prompt").to_owned() };
    let users: Vec<&Value> = messages.iter().filter(|m| m["role"] == "user").collect();
    assert_eq!(users.len(), 1, "{row}");
    field(users[0], "content").to_owned()
}

fn answer(row: &Value) -> &str {
    if row.get("output").is_some() {
        return field(row, "output");
    }
    let messages = row["messages"].as_array().expect("messages");
    let last = messages.last().expect("a turn");
    assert_eq!(last["role"], "assistant", "{row}");
    field(last, "content")
}

fn prompts(text: &str) -> Vec<String> {
    rows(text).iter().map(prompt).collect()
}

/// Casefolded, without punctuation, one space between words.
fn normal(text: &str) -> String {
    let kept: String = text.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Prompts are often shorter than eight words, so the grams are of characters: the stricter reading.
fn grams(text: &str) -> HashSet<Vec<char>> {
    let chars: Vec<char> = normal(text).chars().collect();
    if chars.len() < 8 {
        return HashSet::from([chars]);
    }
    chars.windows(8).map(<[char]>::to_vec).collect()
}

fn jaccard(a: &HashSet<Vec<char>>, b: &HashSet<Vec<char>>) -> f64 {
    let both = a.intersection(b).count();
    both as f64 / (a.len() + b.len() - both) as f64
}

fn assert_disjoint(name_a: &str, a: &[String], name_b: &str, b: &[String]) {
    let b: Vec<_> = b.iter().map(|t| (t, normal(t), grams(t))).collect();
    let mut faults = Vec::new();
    for left in a {
        let (text, set) = (normal(left), grams(left));
        for (right, other, theirs) in &b {
            let near = jaccard(&set, theirs);
            if text == *other || near > 0.7 {
                faults.push(format!("{name_a}: {left:?} ~ {name_b}: {right:?} ({near:.2})"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn assert_unique(name: &str, texts: &[String]) {
    let mut seen = HashSet::new();
    let twice: Vec<_> = texts.iter().filter(|t| !seen.insert(normal(t))).collect();
    assert!(twice.is_empty(), "{name} says twice: {twice:?}");
}

fn by_category(rows: &[Value]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(field(row, "category").to_owned()).or_default() += 1;
    }
    counts
}

/// Name and argument of `name(key=value)` or `name()`, checked against [`FUNCTIONS`].
fn call(text: &str) -> (&str, Option<(&str, &str)>) {
    let (name, rest) = text.split_once('(').unwrap_or_else(|| panic!("no call: {text}"));
    let inside = rest.strip_suffix(')').unwrap_or_else(|| panic!("not closed: {text}"));
    let (_, takes) =
        FUNCTIONS.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("outside the closed set: {text}"));
    if inside.is_empty() {
        assert!(takes.is_empty() || takes.ends_with('?'), "wants {takes}: {text}");
        return (name, None);
    }
    let (key, value) = inside.split_once('=').unwrap_or_else(|| panic!("no key: {text}"));
    assert_eq!(key, takes.trim_end_matches('?'), "{text}");
    assert!(!value.trim().is_empty() && value.trim() == value, "{text}");
    match key {
        "room" => assert!(ROOMS.contains(&value), "{text}"),
        "degrees" | "minutes" | "hour" => assert!(value.parse::<u8>().is_ok(), "{text}"),
        _ => {}
    }
    (name, Some((key, value)))
}

#[test]
fn demo_training_set_is_whole() {
    let rows = rows(TRAIN);
    assert!((320..=440).contains(&rows.len()), "{}", rows.len());
    assert!((60..200).contains(&SYSTEM.trim().len()), "the system prompt is one short sentence or two");
    let mut used = BTreeMap::<&str, usize>::new();
    for row in &rows {
        let messages = row["messages"].as_array().expect("messages");
        assert_eq!(messages.len(), 3, "{row}");
        assert_eq!(messages[0]["role"], "system", "{row}");
        assert_eq!(field(&messages[0], "content"), SYSTEM.trim(), "one system prompt for all");
        *used.entry(call(answer(row)).0).or_default() += 1;
    }
    let counts = by_category(&rows);
    assert_eq!(counts.keys().map(String::as_str).collect::<BTreeSet<_>>(), BTreeSet::from(CATEGORIES));
    assert!(counts.values().all(|n| *n >= 90), "{counts:?}");
    let known: BTreeSet<&str> = FUNCTIONS.iter().map(|(name, _)| *name).collect();
    assert_eq!(used.keys().copied().collect::<BTreeSet<_>>(), known, "every function is taught");
    assert!(used.values().all(|n| *n >= 5), "every function in several phrasings: {used:?}");
    assert_unique("train", &prompts(TRAIN));
}

#[test]
fn demo_suite_is_whole_and_in_other_words() {
    let rows = rows(SUITE);
    assert!((45..=80).contains(&rows.len()), "{}", rows.len());
    let taught: BTreeSet<String> = self::rows(TRAIN).iter().map(|r| call(answer(r)).0.to_owned()).collect();
    for row in &rows {
        assert!(row.get("messages").is_none() && row.get("keywords").is_none(), "{row}");
        let expected = row["expected"].as_array().expect("expected");
        assert!(!expected.is_empty(), "{row}");
        for one in expected {
            assert!(taught.contains(call(one.as_str().expect("text")).0), "{row}");
        }
    }
    let counts = by_category(&rows);
    assert_eq!(counts.len(), 3, "{counts:?}");
    assert!(CATEGORIES.iter().all(|c| counts.get(*c).is_some_and(|n| *n >= 12)), "{counts:?}");
    assert_ids(&rows);
    assert_unique("suite", &prompts(SUITE));
    assert_disjoint("suite", &prompts(SUITE), "train", &prompts(TRAIN));
}

/// A correction says something else than was heard, and exactly one category corrects.
#[test]
fn corrections_correct() {
    let taught = rows(TRAIN).into_iter().map(|r| (answer(&r).to_owned(), r));
    let held = rows(SUITE).into_iter().map(|r| (r["expected"][0].as_str().expect("text").to_owned(), r));
    for (expected, text) in taught.chain(held) {
        let (name, argument) = call(&expected);
        assert_eq!(name == "say", text["category"] == "corrections", "{text}");
        if let ("say", Some((_, said))) = (name, argument) {
            assert_ne!(normal(said), normal(&prompt(&text)), "{text}");
        }
    }
}

#[test]
fn general_suite_is_whole() {
    let rows = rows(GENERAL);
    assert!((120..=250).contains(&rows.len()), "{}", rows.len());
    for row in &rows {
        assert!(row.get("system").is_none() && row.get("messages").is_none(), "no system prompt: {row}");
        let keywords = row["keywords"].as_array().expect("keywords");
        assert_eq!(keywords.len(), 1, "one fact: {row}");
        for word in keywords[0].as_str().expect("text").split('|') {
            assert!(!word.is_empty() && word == word.to_lowercase() && word == word.trim(), "{row}");
        }
    }
    let counts = by_category(&rows);
    assert!(counts.values().filter(|n| **n >= 5).count() >= 10, "varied: {counts:?}");
    assert_ids(&rows);
    assert_unique("general", &prompts(GENERAL));
}

#[test]
fn replay_shares_nothing_with_any_suite() {
    let replay = prompts(REPLAY);
    assert!(replay.len() >= 100, "{}", replay.len());
    assert!(rows(REPLAY).iter().all(|r| r.as_object().is_some_and(|o| o.len() == 1)), "prompts only");
    assert_unique("replay", &replay);
    for (name, other) in
        [("general", GENERAL), ("suite", SUITE), ("train", TRAIN), ("way suite", WAY_SUITE), ("way train", WAY_TRAIN)]
    {
        assert_disjoint("replay", &replay, name, &prompts(other));
    }
    for (name, other) in [("suite", SUITE), ("train", TRAIN)] {
        assert_disjoint("general", &prompts(GENERAL), name, &prompts(other));
    }
}

#[test]
fn the_way_fixture_is_whole_and_in_other_words() {
    let (train, suite) = (rows(WAY_TRAIN), rows(WAY_SUITE));
    assert!(train.len() >= 150, "{}", train.len());
    let with_replay = train.len() * 5 / 4;
    assert!(with_replay * 3 <= 150 * 4, "three epochs at batch 4, a fifth of it replay, are at most 150 steps");
    assert!(suite.len() >= 40, "{}", suite.len());
    let labels: BTreeSet<&str> = train.iter().map(answer).collect();
    for row in &suite {
        let expected = row["expected"][0].as_str().expect("text");
        assert!(labels.contains(expected), "{row}");
    }
    assert_ids(&suite);
    assert_unique("way train", &prompts(WAY_TRAIN));
    assert_unique("way suite", &prompts(WAY_SUITE));
    assert_disjoint("way suite", &prompts(WAY_SUITE), "way train", &prompts(WAY_TRAIN));
}

#[test]
fn the_embedded_data_is_small() {
    let bytes: usize = [TRAIN, SUITE, SYSTEM, GENERAL, REPLAY].iter().map(|t| t.len()).sum();
    assert!(bytes <= 1 << 20, "{bytes}");
    for text in [TRAIN, SUITE, GENERAL, REPLAY, WAY_TRAIN, WAY_SUITE] {
        assert!(text.ends_with('\n') && !text.contains('\r') && !text.contains('\u{feff}'));
    }
}

fn assert_ids(rows: &[Value]) {
    let mut seen = HashSet::new();
    for row in rows {
        assert!(seen.insert(field(row, "id").to_owned()), "twice: {row}");
    }
}
