use super::*;
use crate::chat::Role;

fn read(name: &str, text: &str) -> Result<Questions, EvalError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    read_questions(&path)
}

fn faults(name: &str, text: &str) -> Vec<String> {
    match read(name, text) {
        Err(EvalError::Questions { faults, .. }) => faults.first().iter().map(ToString::to_string).collect(),
        other => panic!("expected faults: {other:?}"),
    }
}

#[test]
fn every_pair_of_keys_is_read_in_every_container() {
    for asked in ASKED {
        for expected in EXPECTED {
            for (name, text) in [
                ("q.jsonl", format!("\u{feff}{{\"{asked}\": \"Who?\", \"{expected}\": \"OFB\"}}\r\n\n")),
                ("q.json", format!("[\n{{\"{asked}\": \"Who?\",\n \"{expected}\": [\"OFB\"]}}\n]")),
                ("q.csv", format!("{asked},{expected}\nWho?,OFB\n")),
                ("q.tsv", format!("{asked}\t{expected}\nWho?\tOFB\n")),
                ("q", format!("{asked};{expected}\n\"Who?\";\"OFB\"\n")),
            ] {
                let questions = read(name, &text).unwrap_or_else(|e| panic!("{name} {text}: {e}")).questions;
                let [q] = questions.as_slice() else { panic!() };
                assert_eq!((q.asked(), q.expected.as_slice(), q.answerable), ("Who?", &["OFB".to_owned()][..], true));
                assert_eq!((q.category.as_str(), q.cluster.clone()), ("uncategorised", format!("question:{}", q.id)));
            }
        }
    }
}

#[test]
fn cells_are_quoted_and_lists_in_cells_are_json() {
    let text = "id,question,expected,answerable,keywords\n\
                a,\"Who hosts \"\"GIDAF\"\",\nand where?\",\"[\"\"OFB\"\", \"\"Vincennes\"\"]\",,\n\
                b,\"1 + 1, then?\",2,true,\"[\"\"2|two\"\"]\"\n\
                c,Which list?,[x] is checked,,\n\
                d,Who is Plivox?,,false,\n";
    let read = read("q.csv", text).unwrap();
    let [a, b, c, d] = read.questions.as_slice() else { panic!() };
    assert_eq!((a.asked(), a.expected.join("/")), ("Who hosts \"GIDAF\",\nand where?", "OFB/Vincennes".into()));
    assert_eq!((b.expected.join("/"), b.keywords.join("/")), ("2".into(), "2|two".into()));
    assert_eq!((c.expected.join("/"), d.answerable), ("[x] is checked".into(), false));
    let sha = crate::store::Digest::of_bytes(text.as_bytes()).hex();
    assert_eq!(read.questions_sha256, sha);
}

#[test]
fn conversations_keep_earlier_turns_and_suites_their_keys() {
    let text = r#"{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "Who hosts GIDAF?"}, {"role": "assistant", "content": "OFB."}, {"role": "user", "content": "Its version?"}, {"role": "assistant", "content": "<think>x</think>Version 2."}], "id": 7, "note": "n"}
{"id": "s", "prompt": "Who?", "expected": ["OFB", "It is OFB."], "keywords": ["OFB"], "category": "value", "cluster": "f1", "source": "a.md", "fact": "f1"}
{"prompt": "And Plivox?", "expected": "Je ne trouve pas cette information dans les extraits."}
{"prompt": "And Zorbec?", "category": "unanswerable"}
{"instruction": "Translate", "input": "bonjour", "output": "hello", "system": "t"}
"#;
    let read = read("q.jsonl", text).unwrap();
    let [a, b, c, d, e] = read.questions.as_slice() else { panic!() };
    assert_eq!((a.id.as_str(), a.messages.len(), a.asked()), ("7", 4, "Its version?"));
    assert_eq!(a.expected, ["Version 2."]);
    assert_eq!((b.cluster.as_str(), b.category.as_str(), b.source.as_deref()), ("f1", "value", Some("a.md")));
    assert_eq!((c.id.as_str(), c.answerable, d.answerable), ("line-3", false, false));
    assert_eq!((e.asked(), e.messages[0].role), ("Translate\n\nbonjour", Role::System));
    assert_eq!(read.ignored, [("note".to_owned(), 1)]);
}

#[test]
fn every_fault_has_its_place() {
    let text = "{\"question\": \"a\", \"answer\": \"x\", \"id\": 1}\n[]\n{bad\n{\"question\": \"b\"}\n\
                {\"question\": \"c\", \"prompt\": \"c\", \"answer\": \"x\", \"output\": \"y\"}\n{\"answer\": \"x\"}\n\
                {\"question\": \" \", \"answer\": \"x\"}\n{\"question\": \"d\", \"answer\": [\"\"]}\n\
                {\"messages\": [{\"role\": \"assistant\", \"content\": \"u\"}]}\n{\"messages\": [{\"role\": \"bot\", \"content\": \"u\"}]}\n\
                {\"question\": \"A \", \"answer\": \"z\"}\n{\"question\": \"e\", \"answer\": \"x\", \"id\": \"1\"}\n\
                {\"question\": \"f\", \"answer\": \"x\", \"answer\": \"y\"}\n{\"question\": {}, \"answer\": \"x\"}\n";
    let found = faults("q.jsonl", text);
    let lines: Vec<&str> = found.iter().map(|f| f.split(':').next().unwrap()).collect();
    let expected = [2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14].map(|n| format!("line {n}"));
    assert_eq!(lines, expected, "{found:#?}");
    for (i, part) in
        [(2, "nothing to compare"), (3, "question and prompt"), (10, "line 1"), (11, "the id \"1\" of line 1")]
    {
        assert!(found[i].contains(part), "{}", found[i]);
    }
    assert!(faults("q.csv", "question,answer\na\n")[0].starts_with("row 2: has 1 cells"));
    assert!(
        faults("q.json", "[{\"question\": \"a\", \"answer\": \"b\"}, {}]")[0].starts_with("record 2: has no question")
    );
    assert!(matches!(read("q.jsonl", "\n"), Err(EvalError::NoQuestions { .. })));
    assert!(matches!(read_questions(Path::new("no/such")), Err(EvalError::Store(_))));
    let many = read("q.jsonl", &"{}\n".repeat(1000)).unwrap_err().to_string();
    assert!(many.contains("1000 faults") && many.ends_with("and 980 more"), "{many}");
}

fn clusters_of(lines: &[&str]) -> Vec<String> {
    let text: String = lines
        .iter()
        .enumerate()
        .map(|(i, rest)| {
            let question = if rest.contains("\"prompt\"") { String::new() } else { format!("\"prompt\": \"q{i}\", ") };
            format!("{{{question}\"answer\": \"x\"{rest}}}\n")
        })
        .collect();
    read("q.jsonl", &text).unwrap().questions.into_iter().map(|q| q.cluster).collect()
}

#[test]
fn questions_of_one_fact_or_of_a_source_with_several_facts_share_a_cluster() {
    let fact =
        |fact: &str, source: &str| format!(", \"fact\": \"{fact}\", \"cluster\": \"{fact}\", \"source\": \"{source}\"");
    let two = [fact("f1", "a"), fact("f1", "a"), fact("f2", "a"), fact("f3", "b"), fact("f3", "b")];
    assert_eq!(clusters_of(&two.each_ref().map(String::as_str)), ["a", "a", "a", "f3", "f3"]);
    let one = [fact("f1", "a"), fact("f2", "a")];
    assert_eq!(clusters_of(&one.each_ref().map(String::as_str)), ["f1", "f2"], "one source divides nothing");
    let sources = [", \"source\": \"a\"", ", \"source\": \"a\"", ", \"source\": \"b\"", ""];
    assert_eq!(clusters_of(&sources), ["a", "a", "question:line-3", "question:line-4"]);
    let said =
        [", \"fact\": \"f\", \"cluster\": \"group\", \"source\": \"a\"", ", \"source\": \"b\", \"cluster\": \"g\""];
    assert_eq!(clusters_of(&said), ["group", "g"]);
    let same = [", \"prompt\": \"same\"", ", \"prompt\": \"Same \""];
    assert_eq!(clusters_of(&same), ["question:line-1", "question:line-1"]);
}

proptest::proptest! {
    #[test]
    fn no_mutation_of_a_good_line_panics(at in 0usize..200, with in "\\PC{0,2}", cut in 0usize..4) {
        let mut text = r#"{"id": "q", "messages": [{"role": "user", "content": "Capital?"}], "expected": ["paris", "It is Paris."], "cluster": "c", "fact": "f", "answerable": true}"#.to_owned();
        let edge = |at: usize| (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap();
        let (start, end) = (edge(at), edge(at + cut));
        text.replace_range(start..end, &with);
        let _ = read("q.jsonl", &text);
        let _ = read("q.csv", &text);
    }

    #[test]
    fn cells_come_back_as_they_were_written(question in "[a-z ,;\"\n\t'é]{0,30}[a-z]", answer in "[A-Z,;\"\n é]{0,20}[A-Z]") {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let text = format!("question,answer\n{},{}\n", quoted(&question), quoted(&answer));
        let questions = read("q.csv", &text).unwrap().questions;
        proptest::prop_assert_eq!(questions[0].asked(), question.as_str());
        proptest::prop_assert_eq!(&questions[0].expected, &[answer]);
    }
}
