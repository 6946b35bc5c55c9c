use std::path::Path;

use serde_json::{Value, json};

use crate::eval::Suite;

/// Writes files into a folder; names may have a folder.
fn write(dir: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn read(dir: &Path, config: &str) -> Result<Suite, String> {
    let path = dir.join("suite.yaml");
    std::fs::write(&path, config).unwrap();
    Suite::read(&path).map_err(|e| e.to_string())
}

fn case(suite: &Suite, i: usize) -> Value {
    serde_json::to_value(&suite.cases[i]).unwrap()
}

const CONFIG: &str = "
prompts: [file://prompts/ask.txt, file://talk.json]
defaultTest: file://default.yaml
tests:
  - file://tests/all.csv
  - vars: {text: file://doc.txt, language: French}
    assert: [{type: is-json, value: file://schema.json}]
  - file://more.jsonl
  - file://more.yaml
";

const FILES: &[(&str, &str)] = &[
    ("prompts/ask.txt", "Translate to {{language}}: {{text}}\n---\nIn {{language}}, please: {{text}}\n"),
    (
        "talk.json",
        "[{\"role\": \"system\", \"content\": \"Translate.\"}, {\"role\": \"user\", \"content\": \"{{text}} in {{language}}\"}]",
    ),
    ("default.yaml", "vars: {language: German}\n"),
    (
        "tests/all.csv",
        "text,__expected1,__expected2,__metric,__metadata:category,__description\n\
         \"one,\ntwo\",\"icontains-any: eins, zwei\",not-is-refusal,words,numbers,both\n\
         three,Drei,,,,\n",
    ),
    ("doc.txt", "A long text.\n"),
    ("schema.json", "{\"type\": \"object\"}"),
    ("more.jsonl", "\n{\"vars\": {\"text\": \"four\"}, \"assert\": [{\"type\": \"equals\", \"value\": \"vier\"}]}\n"),
    ("more.yaml", "- vars: {text: five}\n  assert: [{type: contains, value: 'fünf'}]\n"),
];

#[test]
fn prompts_tests_variables_and_values_are_read_from_files_beside_the_suite() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), FILES);
    let suite = read(dir.path(), CONFIG).unwrap();
    // Five tests with three prompts each.
    assert_eq!(suite.cases.len(), 15);
    let ids: Vec<_> = suite.cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!((ids[0], ids[5], ids[14]), ("test-1-prompt-1", "test-2-prompt-3", "test-5-prompt-3"));
    assert_eq!(suite.cases[0].prompt(), "Translate to German: one,\ntwo");
    assert_eq!(suite.cases[1].prompt(), "In German, please: one,\ntwo");
    assert_eq!((suite.cases[2].messages.len(), suite.cases[2].prompt()), (2, "one,\ntwo in German"));
    assert_eq!(suite.cases[6].prompt(), "Translate to French: A long text.");
    let first = case(&suite, 0);
    assert_eq!(first["category"], "numbers");
    let wanted = json!([
        {"type": "icontains-any", "value": ["eins", "zwei"], "metric": "words"},
        {"type": "not-is-refusal", "metric": "words"},
    ]);
    assert_eq!(first["assert"], wanted);
    assert_eq!(case(&suite, 3)["assert"], json!([{"type": "equals", "value": "Drei"}]));
    assert_eq!(case(&suite, 6)["assert"], json!([{"type": "is-json", "value": {"type": "object"}}]));
    assert_eq!(case(&suite, 9)["assert"], json!([{"type": "equals", "value": "vier"}]));
    assert_eq!(case(&suite, 12)["assert"], json!([{"type": "contains", "value": "fünf"}]));
}

#[test]
fn the_digest_covers_every_file_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), FILES);
    let digest = || read(dir.path(), CONFIG).unwrap().digest;
    let first = digest();
    assert_eq!(digest(), first);
    write(dir.path(), &[("unused.csv", "a,b\n")]);
    assert_eq!(digest(), first);
    let other = tempfile::tempdir().unwrap();
    write(other.path(), FILES);
    assert_eq!(read(other.path(), CONFIG).unwrap().digest, first, "the same files in another folder");
    for (name, text) in FILES {
        // A byte that changes no case: what was read is what identifies the suite.
        write(dir.path(), &[(name, &format!("{text}\n"))]);
        assert_ne!(digest(), first, "{name}");
        write(dir.path(), &[(name, text)]);
    }
    assert_eq!(digest(), first);
    // A configuration without files keeps the digest of its text.
    let plain = "prompts: a\ntests: [{assert: [{type: is-refusal}]}]";
    assert_eq!(read(dir.path(), plain).unwrap().digest, crate::store::Digest::of_bytes(plain.as_bytes()));
}

#[test]
fn what_lies_outside_the_folder_is_never_read() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        &[("secret.txt", "s"), ("secret.csv", "x,__expected\n1,s\n"), ("in/here.txt", "h"), ("in/a/b.txt", "b")],
    );
    let folder = dir.path().join("in");
    let absolute = dir.path().join("secret.txt").display().to_string();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(dir.path().join("secret.txt"), folder.join("link.txt")).unwrap();
        std::os::unix::fs::symlink(dir.path(), folder.join("up")).unwrap();
        std::os::unix::fs::symlink(folder.join("here.txt"), folder.join("inside.txt")).unwrap();
        let inside = read(&folder, "prompts: file://inside.txt\ntests: [{assert: [{type: is-refusal}]}]").unwrap();
        assert_eq!(inside.cases[0].prompt(), "h");
    }
    let mut outside = vec!["../secret.txt", "a/../../secret.txt", &absolute, "a/../here.txt", "..\\secret.txt"];
    if cfg!(unix) {
        outside.extend(["link.txt", "up/secret.txt"]);
    }
    for named in outside {
        let assertion = "assert: [{type: is-refusal}]";
        for config in [
            format!("prompts: 'file://{named}'\ntests: [{{{assertion}}}]"),
            format!("prompts: a\ntests: 'file://{named}'"),
            format!("prompts: a\ntests: ['file://{named}']"),
            format!("prompts: a\ntests: [{{{assertion}}}]\ndefaultTest: 'file://{named}'"),
            format!("prompts: 'a {{{{b}}}}'\ntests: [{{vars: {{b: 'file://{named}'}}, {assertion}}}]"),
            format!("prompts: a\ntests: [{{assert: [{{type: contains, value: 'file://{named}'}}]}}]"),
        ] {
            let e = read(&folder, &config).unwrap_err();
            assert!(e.contains("lies outside the folder of the suite") && e.contains(named), "{config}: {e}");
        }
    }
}

#[test]
fn other_references_missing_files_and_scripts_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        &[
            ("run.py", "x"),
            ("t.xlsx", "x"),
            ("bad.csv", "x,__expected\n1,a\n2\n3,icontain: b\n"),
            ("open.csv", "x,__expected\n1,\"a\n2,b\n"),
            ("typo.csv", "x,_expected\n1,a\n"),
            ("own.csv", "x,__providerOutput,__expected\n1,a,b\n"),
            ("whole.csv", "x,__expected,__threshold\n1,a,\n2,b,0.5\n"),
            ("prefix.csv", "x,__expected,__prefix\n1,a,Please: \n"),
            ("bad.jsonl", "{\"vars\": {\"x\": 1}, \"assert\": []}\n\n{\"assert\" []}\n[1]\n"),
            ("bad.yaml", "- 3\n"),
            ("empty.csv", "x,__expected\n"),
            ("empty.txt", "\n---\n"),
        ],
    );
    std::fs::write(dir.path().join("latin.txt"), b"a\n\xe9\n").unwrap();
    let folder = dir.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    let tests = |tests: &str| format!("prompts: 'a {{{{x}}}}'\ntests: {tests}");
    let prompt = |prompt: &str| format!("prompts: ['{prompt}']\ntests: [{{assert: [{{type: is-refusal}}]}}]");
    let variable = |file: &str| tests(&format!("[{{vars: {{x: '{file}'}}, assert: [{{type: is-refusal}}]}}]"));
    for (config, wanted) in [
        (tests("file://none.csv"), "\"tests\": none.csv in the folder of the suite can't be read: No such file"),
        (tests("https://docs.google.com/spreadsheets/d/1"), "is a reference (https), which is not read"),
        (tests("huggingface://datasets/a/b"), "is a reference (huggingface), which is not read"),
        (tests("file://run.py:make"), "run.py:make"),
        (tests("file://run.py"), "run.py is a script, which is not run"),
        (tests("file://t.xlsx"), "tests are read from .csv, .tsv, .yaml, .yml, .json and .jsonl"),
        (tests("file://*.csv"), "*.csv: patterns of files are not read; name each file"),
        (tests("'file://'"), "file:// names no file"),
        (
            tests("[{path: file://bad.csv}]"),
            "test 1: \"path\" of a test is not supported; write the file as file://NAME",
        ),
        (tests("file://bad.csv"), "bad.csv line 3: has 1 cells, the header has 2"),
        (
            tests("file://bad.csv"),
            "bad.csv line 4: \"icontain\" is an unknown assertion type; did you mean \"icontains\"?",
        ),
        (tests("file://open.csv"), "open.csv line 2: has a quotation mark that is not closed"),
        (
            tests("file://typo.csv"),
            "typo.csv line 1: the column \"_expected\" has one underscore; did you mean \"__expected\"?",
        ),
        (tests("file://own.csv"), "own.csv line 1: the column \"__providerOutput\" of promptfoo is not supported"),
        (tests("file://whole.csv"), "whole.csv line 3: __threshold, a threshold of the whole test, is not supported"),
        (tests("file://bad.jsonl"), "bad.jsonl line 1: nothing to judge an answer by"),
        (tests("file://bad.jsonl"), "bad.jsonl line 3: is not JSON"),
        (tests("file://bad.jsonl"), "bad.jsonl line 4: expected a JSON object"),
        (tests("file://bad.yaml"), "bad.yaml test 1: a test is an object"),
        (tests("file://empty.csv"), "\"tests\" must be a list of tests"),
        (prompt("file://run.py"), "run.py is a script, which is not run"),
        (prompt("file://bad.csv"), "prompts are read from .txt, .md and .json"),
        (prompt("file://empty.txt"), "\"prompts\": empty.txt is empty"),
        (prompt("exec:./make.sh"), "is a reference (exec), which is not read"),
        (prompt("langfuse://ask:3"), "is a reference (langfuse), which is not read"),
        (prompt("ask.txt"), "is the name of a file; write file://ask.txt to read it"),
        (variable("file://folder"), "the variable \"x\": folder: it is a folder; expected a file"),
        (variable("file://latin.txt"), "the variable \"x\": latin.txt: line 2 is not UTF-8 (byte 0xe9)"),
    ] {
        let e = read(dir.path(), &config).unwrap_err();
        assert!(e.contains(wanted), "{config}\n{e}");
    }
    let talk = "prompts: '[{\"role\": \"user\", \"content\": \"{{x}}\"}]'\ntests: file://prefix.csv";
    assert!(read(dir.path(), talk).unwrap_err().contains("has no place around a conversation"));
    let said = read(dir.path(), &tests("file://prefix.csv")).unwrap();
    assert_eq!(said.cases[0].prompt(), "Please: a 1");
}

#[test]
fn files_together_are_limited_as_the_suite_is() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["one.txt", "two.txt"] {
        std::fs::File::create(dir.path().join(name)).unwrap().set_len(40 << 20).unwrap();
    }
    let config = |second: &str| {
        format!(
            "prompts: 'a'\ntests:\n- vars: {{x: file://one.txt, y: 'file://{second}'}}\n  assert: [{{type: is-refusal}}]\n"
        )
    };
    // A file that is named twice is read once.
    read(dir.path(), &config("one.txt")).unwrap();
    let e = read(dir.path(), &config("two.txt")).unwrap_err();
    assert!(e.contains("two.txt: it has more than") && e.contains("together may have 67108864 bytes"), "{e}");
    // What they come to is limited, too: before it is made.
    let list = vec!["1"; 20].join(", ");
    let many = format!(
        "prompts: '{{{{x}}}} {{{{n}}}}'\ntests: [{{vars: {{x: file://one.txt, n: [{list}]}}, assert: [{{type: is-refusal}}]}}]"
    );
    assert!(read(dir.path(), &many).unwrap_err().contains("come to more than 268435456 bytes"));
    let often = format!(
        "prompts: '{}'\ntests: [{{vars: {{x: file://one.txt}}, assert: [{{type: is-refusal}}]}}]",
        "{{x}}".repeat(20)
    );
    assert!(read(dir.path(), &often).unwrap_err().contains("come to more than 268435456 bytes"));
}

#[test]
fn nothing_but_variables_is_filled_in() {
    let dir = tempfile::tempdir().unwrap();
    for (inside, wanted) in [
        ("\"}}\" ~ get_env(name=\"HOME\")", "functions, arguments, texts and `~` are not supported"),
        ("get_env(name=\"HOME\")", "functions, arguments, texts and `~` are not supported"),
        ("range(end=99999999999)", "functions, arguments, texts and `~` are not supported"),
        ("x | replace(from=\"\", to=x)", "functions, arguments, texts and `~` are not supported"),
        ("x ~ x", "functions, arguments, texts and `~` are not supported"),
    ] {
        let config =
            format!("prompts: 'a {{{{{inside}}}}}'\ntests: [{{vars: {{x: 1}}, assert: [{{type: is-refusal}}]}}]");
        let e = read(dir.path(), &config).unwrap_err();
        assert!(e.contains(wanted), "{inside}: {e}");
    }
    let upper = "prompts: 'a {{ x | upper }} (b)'\ntests: [{vars: {x: c}, assert: [{type: is-refusal}]}]";
    assert_eq!(read(dir.path(), upper).unwrap().cases[0].prompt(), "a C (b)");
}
