//! Time and memory at the scale of a large corpus.

use std::sync::Arc;
use std::time::Instant;

use crate::corpus::{Fact, Kind, Language};
use crate::generate::{ItemOptions, Outline, Templates};
use crate::store::Digest;

/// Twelve attributes of each of `n` applications.
fn large(n: usize) -> Vec<Fact> {
    const ATTRIBUTES: &[(&str, Kind)] = &[
        ("Hébergeur", Kind::Organisation),
        ("Responsable", Kind::Person),
        ("Version", Kind::Version),
        ("Technologies", Kind::List),
        ("Criticité", Kind::Enumeration),
        ("Nombre d'utilisateurs", Kind::Number),
        ("Date de mise en service", Kind::Date),
        ("Site web", Kind::Url),
        ("Description", Kind::Text),
        ("Dépendance", Kind::Identifier),
        ("Domaine", Kind::Enumeration),
        ("Indice de zorglub", Kind::Number),
    ];
    let value = |kind, i: usize, j: usize| match kind {
        Kind::List => {
            vec![format!("Outil{}", i % 97), format!("Outil{}", i % 89 + 100), format!("Outil{}", i % 13 + 300)]
        }
        Kind::Date => vec![format!("{}-{:02}-{:02}", 1990 + i % 30, i % 12 + 1, i % 28 + 1)],
        Kind::Number => vec![format!("{}", i * 7 + j)],
        Kind::Url => vec![format!("https://app{i}.example/")],
        Kind::Text => vec![format!("Application numéro {i} pour le suivi des dossiers du service {}.", i % 400)],
        Kind::Identifier => vec![format!("Application {}", (i * 31 + 1) % n)],
        Kind::Enumeration => vec![format!("Classe {}", i % 40)],
        _ => vec![format!("Nom{} Prénom{}", i % 2000, j)],
    };
    let facts =
        (0..n).flat_map(|i| ATTRIBUTES.iter().enumerate().map(move |(j, (attribute, kind))| (i, j, *attribute, *kind)));
    facts
        .map(|(i, j, attribute, kind)| Fact {
            id: Digest::of_bytes(format!("{i} {j}").as_bytes()),
            entity: format!("Application {i}"),
            attribute: attribute.into(),
            values: value(kind, i, j),
            kind,
            measure: None,
            language: Some(Language::Fr),
            unit: i,
            source: Arc::from(format!("catalogue/{i}.md")),
            spans: Vec::new(),
            low_information: false,
        })
        .collect()
}

/// `cargo test --release -- --ignored --nocapture items_of_a_large_corpus`
#[test]
#[ignore = "takes half a minute where code is not optimised"]
fn items_of_a_large_corpus() {
    let facts = large(8334);
    let templates = Templates::builtin().unwrap();
    let options = ItemOptions { max_wordings: 4, ..ItemOptions::new(&templates) };
    let before = resident();
    let start = Instant::now();
    let outline = Outline::new(&facts, &options);
    let listed = start.elapsed();
    let after = resident();
    let mut wordings = 0;
    let mut items = 0;
    for item in outline.iter() {
        items += 1;
        wordings += item.wordings.len();
    }
    let seconds = start.elapsed().as_secs_f64();
    let figures = format!(
        "{} facts, {items} items, {wordings} wordings: listed in {:.2} s, worded in {seconds:.2} s, {} MiB listed",
        facts.len(),
        listed.as_secs_f64(),
        after.saturating_sub(before) >> 20
    );
    assert!((outline.len() / 2..=outline.len()).contains(&items), "{figures}");
    assert!(after.saturating_sub(before) < 300 << 20, "{figures}");
    println!("{figures}");
}

/// Bytes in memory; 0 where the system does not say.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}
