//! How often the right record is found.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use rand::SeedableRng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

use super::bm25::Bm25;
use super::chunk::{ChunkOptions, chunks};
use super::terms::TermSet;
use super::test_catalogue::{catalogue, misspelt, question};

const SETS: [TermSet; 3] = [TermSet::Words, TermSet::Trigrams, TermSet::Both];

/// The share of questions whose document is among the first `k`.
fn recall(index: &Bm25, questions: &[(usize, String)], k: usize) -> f64 {
    let found = questions.iter().filter(|(want, q)| index.top(q, k).iter().any(|r| r.document == *want));
    found.count() as f64 / questions.len() as f64
}

#[test]
fn trigrams_find_misspelt_names_and_words_do_not() {
    let catalogue = catalogue(200, 11);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let named: Vec<_> = catalogue.names.iter().enumerate().map(|(i, n)| (i, question(n, &mut rng))).collect();
    let noisy: Vec<_> =
        catalogue.names.iter().enumerate().map(|(i, n)| (i, question(&misspelt(n, &mut rng), &mut rng))).collect();
    let count = |text: &str| text.split_whitespace().count();
    let texts: Vec<String> = chunks(&catalogue.corpus, &BTreeSet::new(), &ChunkOptions::default(), &count)
        .iter()
        .map(|c| c.indexed())
        .collect();
    assert_eq!(texts.len(), 200);
    let table = SETS.map(|set| {
        let index = Bm25::build(texts.iter().map(String::as_str), set).unwrap();
        [recall(&index, &named, 5), recall(&index, &noisy, 5)]
    });
    println!("R@5 [named, misspelt]: words {:?}, trigrams {:?}, both {:?}", table[0], table[1], table[2]);
    let [words, trigrams, both] = table;
    assert!(words[1] + 0.5 < trigrams[1] && words[1] + 0.5 < both[1], "{table:?}");
    assert!(both[0] >= 0.95 && trigrams[1] >= 0.75 && both[1] >= 0.75, "{table:?}");
}

/// `cargo test --release -- --ignored --nocapture hundred_thousand`
#[test]
#[ignore = "takes time and memory; for its numbers"]
fn hundred_thousand_chunks_are_indexed_in_seconds_and_searched_in_milliseconds() {
    let catalogue = catalogue(100_000, 1);
    let texts: Vec<String> =
        catalogue.corpus.units.iter().map(|u| format!("{}\n{}", u.title.as_deref().unwrap(), u.text)).collect();
    let start = Instant::now();
    let index = Bm25::build(texts.iter().map(String::as_str), TermSet::Both).unwrap();
    let build = start.elapsed();
    let start = Instant::now();
    let bytes = index.encode();
    let encode = start.elapsed();
    let start = Instant::now();
    assert!(Bm25::decode(&bytes).unwrap() == index);
    let decode = start.elapsed();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let questions: Vec<_> = (0..200).map(|i| question(&catalogue.names[i * 7], &mut rng)).collect();
    let start = Instant::now();
    questions.iter().for_each(|q| assert!(!index.top(q, 100).is_empty()));
    let (terms, megabytes) = (index.terms(), bytes.len() >> 20);
    println!(
        "build {build:?}, encode {encode:?}, decode {decode:?}, query {:?}, {terms} terms, {megabytes} MiB",
        start.elapsed() / 200
    );
}

/// `apt-cache dumpavail > target/dumpavail.txt && cargo test --release -- --ignored --nocapture debian`
#[test]
#[ignore = "needs target/dumpavail.txt"]
fn debian_records_are_found_by_name_misspelt_name_and_synopsis() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/dumpavail.txt");
    let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    let records: Vec<Record> = text.split("\n\n").filter_map(Record::read).collect();
    for size in [1008, 10_000, records.len()] {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let some: Vec<&Record> = records.choose_multiple(&mut rng, size).collect();
        let asked: Vec<usize> = (0..some.len().min(150)).collect();
        let mut ask = |of: &dyn Fn(&Record, &mut ChaCha8Rng) -> String| -> Vec<(usize, String)> {
            asked.iter().map(|&i| (i, of(some[i], &mut rng))).collect()
        };
        let kinds = [
            ("FR, name", ask(&|r, _| format!("Qui maintient le paquet {} ?", r.name))),
            ("EN, name", ask(&|r, _| format!("Which section does the package {} belong to?", r.name))),
            ("FR, misspelt", ask(&|r, rng| format!("Qui maintient le paquet {} ?", misspelt(&r.name, rng)))),
            ("EN, synopsis", ask(&|r, _| format!("Which package is this: {}?", r.synopsis))),
        ];
        for set in SETS {
            let index = Bm25::build(some.iter().map(|r| r.text.as_str()), set).unwrap();
            let cells =
                kinds.iter().map(|(kind, q)| format!("{kind} {:.2}/{:.2}", recall(&index, q, 1), recall(&index, q, 5)));
            println!("{size} records, {set:?}, R@1/R@5: {}", cells.collect::<Vec<_>>().join("; "));
        }
    }
}

struct Record {
    name: String,
    synopsis: String,
    text: String,
}

impl Record {
    fn read(paragraph: &str) -> Option<Self> {
        let field = |key: &str| paragraph.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix(": "));
        let name = field("Package")?.to_owned();
        let synopsis = field("Description").or(field("Description-en"))?.to_owned();
        let lines = ["Version", "Section", "Maintainer", "Installed-Size", "Homepage"].into_iter();
        let lines = lines.filter_map(|key| Some(format!("{key}: {}", field(key)?)));
        let long: Vec<&str> = paragraph.lines().filter(|l| l.starts_with(' ')).collect();
        let text = format!("{name}\n{synopsis}\n{}\n{}", lines.collect::<Vec<_>>().join("\n"), long.join("\n"));
        Some(Self { name, synopsis, text })
    }
}
