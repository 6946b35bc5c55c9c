//! A set is checked against the corpus, the documents and its own report.

use super::*;

#[test]
fn provenance_is_checked_against_the_corpus_and_the_documents() {
    let dir = tempfile::tempdir().unwrap();
    let mut made = made(30);
    let output = dir.path().join("p.jsonl");
    let plan = made.plan(200, Some(SplitBy::Wording));
    made.write(&output, &plan, Some(SplitBy::Wording)).unwrap();
    let (train, corpus) = (dir.path().join("p_train.jsonl"), dir.path().join("p.corpus.jsonl"));
    let checked = check_provenance(&train, &corpus).unwrap();
    assert_eq!((checked.examples, checked.faults.as_slice()), (160, &[][..]));
    assert!(checked.values >= 160 && checked.facts >= 35, "{checked:?}");
    let against = check_against_documents(&train, &made.corpus).unwrap();
    assert_eq!((against.faults.as_slice(), against.values), (&[][..], checked.values));

    // A document that has changed.
    let source = plan.examples[0].draft.source.clone();
    let document = made.corpus.documents.iter_mut().find(|document| document.path == source).unwrap();
    document.digest = Digest::of_bytes(b"other");
    let faults = check_against_documents(&train, &made.corpus).unwrap().faults;
    assert!(!faults.is_empty() && faults.iter().all(|fault| matches!(fault, ProvenanceFault::Changed { .. })));

    // Another value in the corpus, another question in the dataset.
    let fact = &made.facts[plan.examples[0].draft.facts[0]];
    let text = std::fs::read_to_string(&corpus).unwrap();
    let lines = text.lines().map(|line| match line.contains(&format!("\"{source}\"")) {
        true => line.replace(&fact.values[0], "something else"),
        false => line.to_owned(),
    });
    std::fs::write(&corpus, lines.collect::<Vec<_>>().join("\n")).unwrap();
    let faults = check_provenance(&train, &corpus).unwrap().faults;
    assert!(faults.iter().any(|fault| fault.to_string().contains("is not where the example says it is")), "{faults:?}");
    let data = std::fs::read_to_string(&train).unwrap();
    std::fs::write(&train, data.replacen("\"assistant\",\"content\":\"", "\"assistant\",\"content\":\"Not ", 1))
        .unwrap();
    let faults = check_provenance(&train, &corpus).unwrap().faults;
    assert!(faults.iter().any(|fault| matches!(fault, ProvenanceFault::Answer { .. })), "{faults:?}");
    std::fs::write(&train, data.replacen("\"user\",\"content\":\"", "\"user\",\"content\":\"Oh, ", 1)).unwrap();
    let faults = check_provenance(&train, &corpus).unwrap().faults;
    assert!(faults.iter().any(|fault| matches!(fault, ProvenanceFault::Question { .. })), "{faults:?}");
}

#[test]
fn a_file_that_was_changed_by_hand_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let made = made(30);
    let plan = made.plan(200, Some(SplitBy::Wording));
    made.write(&dir.path().join("p.jsonl"), &plan, Some(SplitBy::Wording)).unwrap();
    let at = |name: &str| dir.path().join(name);
    let faults = || check_provenance(&at("p_train.jsonl"), &at("p.corpus.jsonl")).unwrap().faults;
    assert!(faults().is_empty());
    // What neither ids nor values tell.
    for (name, from, to) in [
        ("p_test.jsonl", "\"cluster\":\"", "\"cluster\":\"x"),
        ("p_train.jsonl", "\"category\":", "\"weight\":0,\"category\":"),
        ("p.provenance.jsonl", "\"entity\":\"", "\"entity\":\"x"),
        ("p.corpus.jsonl", "\"text\":\"", "\"text\":\"x"),
    ] {
        let text = std::fs::read_to_string(at(name)).unwrap();
        let other = text.replacen(from, to, 1);
        assert_ne!(other, text, "{name}");
        std::fs::write(at(name), other).unwrap();
        let named = ProvenanceFault::File { file: name.into(), report: "p.report.json".into() };
        assert_eq!(faults().first(), Some(&named), "{name}");
        std::fs::write(at(name), text).unwrap();
    }
    // A part that is not there is not compared.
    std::fs::remove_file(at("p_val.jsonl")).unwrap();
    assert!(faults().is_empty());
    std::fs::write(at("p.report.json"), "{\"split_by\":\"wording\"}").unwrap();
    assert_eq!(faults(), [ProvenanceFault::NoDigests { report: "p.report.json".into() }]);
    std::fs::write(at("p.writing"), "{\"replaced\":{\"p_train.jsonl\":[]}}\n").unwrap();
    let said = check_provenance(&at("p_train.jsonl"), &at("p.corpus.jsonl")).unwrap_err().to_string();
    assert!(said.contains("began to replace p_train.jsonl") && said.contains("generate the files again"), "{said}");
}

#[test]
fn files_that_were_mixed_up_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let made = made(30);
    let plan = made.plan(100, Some(SplitBy::Wording));
    made.write(&dir.path().join("m.jsonl"), &plan, Some(SplitBy::Wording)).unwrap();
    let at = |name: &str| dir.path().join(name);
    let corpus = at("m.corpus.jsonl");
    std::fs::copy(at("m_test.jsonl"), at("m_val.jsonl")).unwrap();
    let e = check_provenance(&at("m_val.jsonl"), &corpus).unwrap_err().to_string();
    assert!(e.contains("line 1 is of test, and its file is that of val"), "{e}");
    let provenance = std::fs::read_to_string(at("m.provenance.jsonl")).unwrap();
    std::fs::write(at("m.provenance.jsonl"), provenance.replacen("\"part\":\"val\"", "\"part\":\"unseen\"", 1))
        .unwrap();
    let e = check_provenance(&at("m_train.jsonl"), &corpus).unwrap_err().to_string();
    assert!(e.contains("faults in the split"), "{e}");
    std::fs::write(at("m.provenance.jsonl"), "{\n").unwrap();
    let e = check_provenance(&at("m_train.jsonl"), &corpus).unwrap_err().to_string();
    assert!(e.contains("m.provenance.jsonl: line 1 cannot be read"), "{e}");
    assert!(check_provenance(&at("none_train.jsonl"), &corpus).unwrap_err().to_string().contains("none.provenance"));
}
