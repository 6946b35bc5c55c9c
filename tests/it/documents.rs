//! From documents to training data, an index and answers: the commands as users type them, on the example catalogue.

use serde_json::Value;

use crate::program::{Ended, Place};

const RECORDS: &str = include_str!("../../examples/applications_rag_optimal.jsonl");
const MARKDOWN: &str = include_str!("../../examples/applicationsIA_mini_1-10.md");
const QUESTIONS: &str = include_str!("../../examples/questions.jsonl");

pub fn place() -> Place {
    let place = Place::new();
    place.write("applications_rag_optimal.jsonl", RECORDS);
    place.write("examples/applicationsIA_mini_1-10.md", MARKDOWN);
    place.write("evaluation/questions.jsonl", QUESTIONS);
    place
}

fn lines(place: &Place, name: &str) -> Vec<Value> {
    place.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub fn done(ended: &Ended) {
    assert_eq!(ended.code, 0, "{}", ended.err);
}

/// The words of the earlier tool, and every file that they promise.
#[test]
fn records_become_parts_of_exact_sizes_that_are_checked_against_their_origin() {
    let place = place();
    let command = [
        "generate-training",
        "applications_rag_optimal.jsonl",
        "--method",
        "rule-based",
        "--count",
        "100",
        "--split",
        "--output",
        "data/finetuning/dataset_100.jsonl",
    ];
    let first = place.run(&command);
    done(&first);
    assert!(first.out.contains("100 examples teach"), "{}", first.out);
    assert!(first.err.contains("text = page_content"), "{}", first.err);
    let file = |part: &str| format!("data/finetuning/dataset_100{part}.jsonl");
    let sizes = ["_train", "_val", "_test"].map(|part| lines(&place, &file(part)).len());
    assert_eq!(sizes, [80, 10, 10]);
    // Every answer about one fact states a value of it, as the provenance has it.
    let provenance: std::collections::BTreeMap<String, Value> = lines(&place, &file(".provenance"))
        .into_iter()
        .map(|line| (line["id"].as_str().unwrap().to_owned(), line))
        .collect();
    let mut stated = 0;
    for line in lines(&place, &file("_train")).iter().filter(|line| line["category"] == "value") {
        let turns = line["messages"].as_array().unwrap();
        assert_eq!(turns[0]["role"], "user", "{line}");
        let answer = turns[1]["content"].as_str().unwrap();
        let values = provenance[line["id"].as_str().unwrap()]["facts"][0]["values"].as_array().unwrap();
        assert!(values.iter().all(|value| answer.contains(value.as_str().unwrap())), "{answer} {values:?}");
        stated += 1;
    }
    assert!(stated > 30, "{stated}");
    let before: Vec<String> = [".provenance", "_train", "_test", "_suite"].map(|part| place.read(&file(part))).into();
    done(&place.run(&command));
    let again: Vec<String> = [".provenance", "_train", "_test", "_suite"].map(|part| place.read(&file(part))).into();
    assert_eq!(before, again, "the same command writes the same bytes");
    let corpus = file(".corpus");
    let checked = place.run(&["data", "check", &file("_train"), "--against", &corpus]);
    done(&checked);
    assert!(checked.out.contains("80 examples state"), "{}", checked.out);
    let against = |path: &str| place.run(&["data", "check", &file("_train"), "--against", path]);
    done(&against("applications_rag_optimal.jsonl"));
    // A value that the corpus does not have is found.
    let stated = lines(&place, &file(".provenance"))[0]["facts"][0]["values"][0].as_str().unwrap().to_owned();
    let altered = place.read(&corpus).replace(&stated, "something else");
    let altered = place.write("altered.corpus.jsonl", &altered);
    let refused = against(altered.to_str().unwrap());
    assert_eq!(refused.code, 3, "{}", refused.err);
    assert!(refused.err.contains(&stated), "{}", refused.err);
    // So is a document that has changed since, and an answer that was edited.
    place.write("applications_rag_optimal.jsonl", &format!("{RECORDS}\n"));
    let refused = against("applications_rag_optimal.jsonl");
    assert!(refused.code == 3 && refused.err.contains("another SHA-256"), "{}", refused.err);
    let train = place.read(&file("_train"));
    place.write(
        &file("_train"),
        &train.replacen("\"assistant\",\"content\":\"", "\"assistant\",\"content\":\"Non. ", 1),
    );
    let refused = against(&corpus);
    assert!(refused.code == 3 && refused.err.contains("an answer is not the one"), "{}", refused.err);
}

#[test]
fn an_augmented_set_has_variations_and_keeps_its_size() {
    let place = place();
    let ended = place.run(&[
        "generate-training",
        "examples/applicationsIA_mini_1-10.md",
        "--method",
        "augmented",
        "--count",
        "100",
        "--split",
        "--output",
        "data/finetuning/dataset_10apps.jsonl",
        "--json",
    ]);
    done(&ended);
    let report: Value = serde_json::from_str(&ended.out).unwrap();
    let file = |part: &str| format!("data/finetuning/dataset_10apps_{part}.jsonl");
    assert_eq!(["train", "val", "test"].map(|part| lines(&place, &file(part)).len()), [80, 10, 10]);
    assert!(report["report"]["noisy"].as_u64().unwrap() >= 6, "{report}");
    let train = lines(&place, &file("train"));
    let several = train.iter().filter(|line| line["messages"].as_array().unwrap().len() > 2).count();
    let refusals = train.iter().filter(|line| line["category"] == "unanswerable").count();
    assert!((4..=12).contains(&several) && (3..=8).contains(&refusals), "{several} {refusals}");
    // Those that are tested are new ones.
    let tested = ["val", "test"]
        .map(|part| lines(&place, &file(part)).iter().filter(|line| line["category"] == "unanswerable").count());
    assert_eq!(tested, [1, 1]);
    // What a generated set is trained from is read as every dataset is.
    done(&place.run(&["data", "check", &file("train")]));
}

/// Corrections, in parts of whole sources, and passages before questions.
#[test]
fn other_tasks_are_taught_from_the_same_documents() {
    let place = place();
    let generate = |more: &[&str]| {
        let base = ["data", "generate", "applications_rag_optimal.jsonl", "--method", "augmented", "--split"];
        place.run(&[&base[..], more].concat())
    };
    done(&generate(&["--task", "correct", "--count", "60", "--output", "out/correct.jsonl"]));
    let corrections = lines(&place, "out/correct_train.jsonl");
    assert_eq!(corrections.len(), 48);
    for line in &corrections {
        assert_eq!(line["category"], "correction");
        assert_ne!(line["messages"][0]["content"], line["messages"][1]["content"], "{line}");
    }
    let open_book = ["--open-book", "0.25", "--count", "100", "--output", "out/open.jsonl"];
    done(&generate(&open_book));
    let opened: Vec<Value> =
        lines(&place, "out/open_train.jsonl").into_iter().filter(|line| line["category"] == "open_book").collect();
    assert_eq!(opened.len(), 20);
    let provenance = lines(&place, "out/open.provenance.jsonl");
    let text = |line: &Value, turn: usize| line["messages"][turn]["content"].as_str().unwrap().to_owned();
    let (mut refused, mut answerable) = (0, 0);
    for line in &opened {
        let (passages, question) =
            text(line, 1).split_once("Question :").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        assert!(text(line, 0).contains("extraits") && !question.trim().is_empty(), "{line}");
        let of = provenance.iter().find(|of| of["id"] == line["id"]).unwrap();
        let facts = &of["facts"];
        // Refusals of what the documents do not answer teach to refuse with passages too.
        if facts.as_array().unwrap().is_empty() {
            assert!(!text(line, 2).contains('['), "{line}");
            continue;
        }
        answerable += 1;
        let states = |fact: &Value| passages.contains(&format!("] {}\n", fact["entity"].as_str().unwrap()));
        let are_there = facts.as_array().unwrap().iter().all(states);
        let is_cited = text(line, 2).contains('[');
        // What the passages hold is not refused.
        assert_eq!(are_there, is_cited, "{line}");
        refused += usize::from(!is_cited);
    }
    // Of what the documents answer, one in five.
    assert!(refused >= 3 && (4 * refused).abs_diff(answerable - refused) <= 4, "{refused} of {answerable}");
    done(&place.run(&["data", "check", "out/open_train.jsonl", "--against", "out/open.corpus.jsonl"]));
}

/// What is answered with passages stands in them, also where only the metadata and the front matter say it.
#[test]
fn values_beside_the_text_stand_in_the_passages() {
    let place = place();
    let names = ["Adatir", "Belom", "Cirux", "Dorval", "Elmis", "Fanor", "Gidaf", "Hulot", "Imezen", "Jarvil", "Kobra"];
    let mut records = String::new();
    for (i, name) in names.into_iter().enumerate() {
        let said = format!("{name} est une application du ministère, ouverte à tous les agents depuis des années.");
        let host = ["OVH", "Datavelle", "Ferme Kellian"][i % 3];
        let metadata = serde_json::json!({"title": name, "hebergeur": host, "utilisateurs": 1210 + 37 * i});
        records += &(serde_json::json!({"page_content": said, "metadata": metadata}).to_string() + "\n");
    }
    place.write("docs/records.jsonl", &records);
    place.write("docs/lumen.md", "---\ntitle: Lumen\nowner: Jean Petit\n---\n\nLumen gère les demandes des agents.\n");
    let more =
        ["--method", "augmented", "--open-book", "0.5", "--refusals", "0", "--count", "all", "--output", "out/x.jsonl"];
    done(&place.run(&[&["data", "generate", "docs"], &more[..]].concat()));
    let provenance = lines(&place, "out/x.provenance.jsonl");
    let mut answered = 0;
    for line in lines(&place, "out/x.jsonl").iter().filter(|line| line["category"] == "open_book") {
        let [passages, answer] = [1, 2].map(|turn| line["messages"][turn]["content"].as_str().unwrap());
        let facts = &provenance.iter().find(|of| of["id"] == line["id"]).unwrap()["facts"];
        let values = facts.as_array().unwrap().iter().flat_map(|fact| fact["values"].as_array().unwrap());
        if answer.contains('[') {
            answered += 1;
            values.for_each(|value| assert!(passages.contains(value.as_str().unwrap()), "{value}: {passages}"));
        }
    }
    assert!(answered >= 10, "{answered}");
    done(&place.run(&["rag", "index", "docs", "--output", "index/"]));
    let chunks = lines(&place, "index/chunks.jsonl");
    let of = |title: &str| chunks.iter().find(|chunk| chunk["title"] == title).unwrap()["text"].as_str().unwrap();
    assert!(of("Adatir").ends_with("\n\nhebergeur: OVH\nutilisateurs: 1210"), "{}", of("Adatir"));
    assert!(of("Lumen").ends_with("\n\nowner: Jean Petit"), "{}", of("Lumen"));
}

/// Documents in two languages, and questions that documents answer themselves.
#[test]
fn every_document_is_asked_in_its_own_language_and_what_is_left_out_is_said() {
    let place = place();
    for name in ["Alder", "Birch", "Cedar", "Maple"] {
        let page = format!(
            "# {name} Boats\n\n{name} Boats is a company that repairs boats on the river of Norwold.\n\n## Basics\n\n\
             - Founded: 2014\n- Keeper: Ann {name}\n\n## How long does a repair take?\n\nThree working days at {name}.\n"
        );
        place.write(&format!("docs/{name}.md"), &page);
    }
    let refuge = "# Refuge Orla\n\nLe refuge Orla est une cabane de montagne au-dessus de la vallée.\n\n\
        ## Informations pratiques\n\n- Gardien : Lucie Vallon\n- Animaux acceptés : non\n";
    place.write("docs/refuge.md", refuge);
    let questions = |file: &str| -> Vec<String> {
        let asked = lines(&place, file).into_iter();
        asked.map(|line| line["messages"][0]["content"].as_str().unwrap().to_owned()).collect()
    };
    let base = ["data", "generate", "docs", "--count", "all"];
    let ended = place.run(&[&base[..], &["--output", "out/all.jsonl"]].concat());
    done(&ended);
    assert!(ended.err.contains("asked in English, and in French on what is written in it"), "{}", ended.err);
    let asked = questions("out/all.jsonl");
    assert!(asked.iter().any(|question| question.contains("gardien") && question.contains("Refuge Orla")), "{asked:?}");
    // Four documents answer one question in four ways: it is asked with the name of each.
    let named = "I have a question about Alder Boats: How long does a repair take?";
    assert!(asked.iter().any(|question| question == named), "{asked:?}");
    assert!(!asked.iter().any(|question| question == "How long does a repair take?"), "{asked:?}");
    done(&place.run(&["data", "check", "out/all.jsonl", "--against", "docs"]));
    let ended = place.run(&[&base[..], &["--lang", "en", "--output", "out/en.jsonl"]].concat());
    done(&ended);
    let said = ended.err.matches("facts are written in French and are left out").count();
    assert!(said == 1 && ended.err.contains("--lang fr,en takes them in"), "{}", ended.err);
    assert!(!questions("out/en.jsonl").iter().any(|question| question.contains("ardien")), "mixed");
}

/// The questions of a role's suite are not taught.
#[test]
fn what_a_suite_asks_is_not_generated() {
    let place = place();
    let generate = |output: &str, more: &[&str]| {
        let base = ["data", "generate", "applications_rag_optimal.jsonl", "--count", "all", "--output", output];
        done(&place.run(&[&base[..], more].concat()));
    };
    generate("out/a.jsonl", &[]);
    let asked = lines(&place, "out/a.jsonl").into_iter().find(|line| line["category"] == "value").unwrap();
    let [question, answer] = [0, 1].map(|turn| asked["messages"][turn]["content"].clone());
    place.write("suite.jsonl", &(serde_json::json!({"prompt": question, "expected": [answer]}).to_string() + "\n"));
    generate("out/b.jsonl", &["--suite", "suite.jsonl"]);
    assert!(lines(&place, "out/b.jsonl").iter().all(|line| line["messages"][0]["content"] != question));
    assert!(lines(&place, "out/b.rejected.jsonl").iter().any(|line| line["code"] == "contaminated"));
    // Nor is its fact told in another shape, in a later turn, or where a false premise is put right.
    generate("out/c.jsonl", &["--suite", "suite.jsonl", "--method", "augmented", "--multi-turn", "1"]);
    let fact = |file: &str| {
        let facts =
            lines(&place, file).into_iter().flat_map(|line| line["facts"].as_array().cloned().unwrap_or_default());
        facts.map(|fact| fact["id"].clone()).collect::<Vec<Value>>()
    };
    let id = lines(&place, "out/a.provenance.jsonl").into_iter().find(|line| line["id"] == asked["id"]).unwrap();
    let id = &id["facts"][0]["id"];
    assert!(fact("out/a.provenance.jsonl").contains(id) && !fact("out/c.provenance.jsonl").contains(id), "{id}");
}

#[test]
fn a_dry_run_writes_nothing_and_too_many_examples_are_refused_with_the_largest_number() {
    let place = place();
    let generate = |more: &[&str]| {
        let base = ["data", "generate", "applications_rag_optimal.jsonl", "--output", "out/x.jsonl"];
        place.run(&[&base, more].concat())
    };
    let dry = generate(&["--dry-run", "3"]);
    done(&dry);
    assert!(dry.out.contains("facts") && dry.out.contains("\n> "), "{}", dry.out);
    assert!(!place.path("out").exists());
    let refused = generate(&["--count", "1000000"]);
    assert_eq!(refused.code, 3, "{}", refused.err);
    assert!(refused.err.contains("largest possible number"), "{}", refused.err);
    assert!(!place.path("out").exists());
    // Nor is anything written among the documents, where the next run would read it, or to what is no file.
    for (output, part) in
        [("docs/x.jsonl", "read as documents"), ("docs", "a folder"), ("x.jsonl.gz", "another format")]
    {
        place.write("docs/a.md", MARKDOWN);
        let refused = place.run(&["data", "generate", "docs", "--output", output]);
        assert!(refused.code == 3 && refused.err.contains(part), "{output}: {}", refused.err);
    }
    // An input is never written over.
    let refused = place.run(&[
        "data",
        "generate",
        "applications_rag_optimal.jsonl",
        "--output",
        "applications_rag_optimal.jsonl",
    ]);
    assert_eq!(refused.code, 3, "{}", refused.err);
    assert_eq!(place.read("applications_rag_optimal.jsonl"), RECORDS);
}

/// What documents can be wrong in: one clear error each, and nothing is written.
#[test]
fn wrong_documents_are_named_with_a_remedy() {
    let place = place();
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(place.path(name), bytes).unwrap();
    };
    write("empty.md", b"");
    write("binary.md", b"\x7fELF\x02\x01\0\0\0\0\0\0\0\0");
    write("training.jsonl", b"{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}\n");
    write("mojibake.md", "# Cat\n\n- **Crit\u{c3}\u{a9} du serveur** : \u{c3}\u{a9}lev\u{c3}\u{a9}e\n".as_bytes());
    write("prose.md", b"# Notes\n\nSome words about nothing in particular, which state no value of anything at all.\n");
    write("wide.csv", format!("{}\n{}\n", vec!["c"; 20_000].join(","), vec!["1"; 20_000].join(",")).as_bytes());
    write("entities.docx", b"PK\x03\x04 not really");
    for (file, part) in [
        ("empty.md", "empty"),
        ("binary.md", "binary"),
        ("training.jsonl", "data split"),
        ("mojibake.md", "--fix-encoding"),
        ("prose.md", "state no facts"),
        ("wide.csv", "columns"),
        ("entities.docx", "entities.docx"),
        ("missing.md", "missing.md"),
    ] {
        let ended = place.run(&["data", "generate", file, "--output", "out/x.jsonl"]);
        assert_eq!(ended.code, 3, "{file}: {}", ended.err);
        assert!(ended.err.contains(part), "{file}: {}", ended.err);
        assert!(!place.path("out").exists(), "{file}");
    }
    let fixed =
        place.run(&["data", "generate", "mojibake.md", "--fix-encoding", "--count", "3", "--output", "out/x.jsonl"]);
    done(&fixed);
    assert!(place.read("out/x.jsonl").contains("élevée"));
    let unknown = place
        .write("wrong.yaml", "- match: {attribute: [hébergeur]}\n  fr: {direct: [\"Qui héberge {entité} ?\"], answer: [\"{entity} : {value}.\"]}\n");
    let ended = place.run(&[
        "data",
        "generate",
        "applications_rag_optimal.jsonl",
        "--templates",
        unknown.to_str().unwrap(),
        "--output",
        "out/y.jsonl",
    ]);
    assert_eq!(ended.code, 3, "{}", ended.err);
    assert!(ended.err.contains("entité"), "{}", ended.err);
}

/// What was set aside is in the index no more than in the training, whether a question is about it or not.
#[test]
fn unseen_sources_are_left_out_of_the_index() {
    let place = place();
    let base = ["data", "generate", "applications_rag_optimal.jsonl", "--output", "out/x.jsonl", "--split"];
    done(&place.run(&[&base[..], &["--count", "60", "--unseen", "0.3"]].concat()));
    let report: Value = serde_json::from_str(&place.read("out/x.report.json")).unwrap();
    let aside = report["unseen_sources"].as_array().unwrap().len();
    let settings = &report["settings"];
    assert_eq!((&settings["count"], &settings["unseen"], &settings["seed"]), (&60.into(), &0.3.into(), &42.into()));
    let said = ["map", "fix_encoding", "languages", "system", "templates", "suites", "contacts"];
    let lacks: Vec<&&str> = said.iter().filter(|key| settings.get(key).is_none()).collect();
    assert!(lacks.is_empty(), "{lacks:?} of {settings}");
    assert!((3..=5).contains(&aside), "{report}");
    for line in lines(&place, "out/x.provenance.jsonl") {
        let is_aside = report["unseen_sources"].as_array().unwrap().contains(&line["source"]);
        assert_eq!(is_aside, line["part"] == "unseen", "{line}");
    }
    let index = ["rag", "index", "applications_rag_optimal.jsonl", "--output", "index/", "--json"];
    let made = place.run(&[&index[..], &["--without", "out/x_unseen.jsonl"]].concat());
    done(&made);
    let made: Value = serde_json::from_str(&made.out).unwrap();
    assert_eq!((made["chunks"].as_u64().unwrap(), &made["excluded"]), (13 - aside as u64, &report["unseen_sources"]));
    // Documents are found by their names: under other names none would be left out.
    for i in 0..4 {
        place.write(&format!("docs/a{i}.md"), &format!("# App {i}\n\n- **Host** : Server {i}\n"));
    }
    done(&place.run(&[
        "data",
        "generate",
        "docs",
        "--output",
        "out/y.jsonl",
        "--split",
        "--count",
        "all",
        "--unseen",
        "0.5",
    ]));
    let without = ["--output", "named/", "--without", "out/y_unseen.jsonl"];
    let files = ["docs/a0.md", "docs/a1.md", "docs/a2.md", "docs/a3.md"];
    let refused = place.run(&[&["rag", "index"], &files[..], &without[..]].concat());
    assert_eq!(refused.code, 3, "{}", refused.err);
    assert!(refused.err.contains("name the documents as they were named"), "{}", refused.err);
    assert!(!place.path("named").exists());
    done(&place.run(&[&["rag", "index", "docs"], &without[..]].concat()));
}

/// Without a daemon: an index of words and trigrams, refused when it is not one.
#[test]
fn an_index_is_made_again_whole_and_damage_is_seen() {
    let place = place();
    let index = || place.run(&["rag", "index", "applications_rag_optimal.jsonl", "--output", "index/", "--json"]);
    let first = index();
    done(&first);
    let report: Value = serde_json::from_str(&first.out).unwrap();
    assert_eq!(report["chunks"], 13, "{report}");
    let manifest = place.read("index/manifest.json");
    done(&index());
    assert_eq!(place.read("index/manifest.json"), manifest);
    let bytes = std::fs::read(place.path("index/bm25.bin")).unwrap();
    std::fs::write(place.path("index/bm25.bin"), &bytes[..bytes.len() - 7]).unwrap();
    let ask = |folder: &str| place.run(&["rag", "ask", "Qui héberge BERUN ?", "--index", folder, "--model", "m"]);
    let damaged = ask("index/");
    assert_eq!(damaged.code, 3, "{}", damaged.err);
    assert!(damaged.err.contains("bm25.bin") && damaged.err.contains("rag index"), "{}", damaged.err);
    let missing = ask("nowhere/");
    assert_eq!(missing.code, 3, "{}", missing.err);
    // Nor is an index used whose documents have changed since.
    done(&index());
    place.write("applications_rag_optimal.jsonl", &RECORDS.replacen("BERUN", "BERUNE", 1));
    let stale = ask("index/");
    assert!(stale.code == 3 && stale.err.contains("applications_rag_optimal.jsonl has changed"), "{}", stale.err);
    // The message has the whole command; of a folder, a new file is seen.
    place.write("my docs/a.md", "# App\n\n- **Host** : Server\n");
    done(&place.run(&["rag", "index", "my docs", "--output", "index/", "--lang", "en", "--fix-encoding"]));
    place.write("my docs/b.md", "# Other\n\n- **Host** : Server\n");
    let stale = ask("index/");
    let command = "b.md is new; run: tunesmith rag index 'my docs' --lang en --fix-encoding --output index/";
    assert!(stale.code == 3 && stale.err.contains(command), "{}", stale.err);
    // A folder with other files is not replaced.
    place.write("own/notes.txt", "mine");
    let refused = place.run(&["rag", "index", "applications_rag_optimal.jsonl", "--output", "own/"]);
    assert_eq!(refused.code, 3, "{}", refused.err);
    assert_eq!(place.read("own/notes.txt"), "mine");
}
