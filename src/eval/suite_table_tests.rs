use super::*;

fn read(name: &str, text: &str) -> Result<Suite, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    Suite::read(&path).map_err(|e| e.to_string().replace(&path.display().to_string(), name))
}

/// The same cases in JSONL.
fn jsonl(text: &str) -> Vec<Value> {
    let suite = Suite::parse(text, "s").unwrap();
    suite.cases.iter().map(|case| serde_json::to_value(case).unwrap()).collect()
}

fn cases(name: &str, text: &str) -> Vec<Value> {
    read(name, text).unwrap().cases.iter().map(|case| serde_json::to_value(case).unwrap()).collect()
}

#[test]
fn a_table_is_the_same_suite_as_its_lines_in_json() {
    let lines = concat!(
        "{\"id\": \"1\", \"prompt\": \"Capital, of France?\", \"expected\": \"Paris\", \"category\": \"geo\"}\n",
        "{\"id\": \"2\", \"prompt\": \"Sum?\\n2 + 2\", \"expected\": [\"4\", \"four\"], \"category\": \"sums\"}\n",
    );
    let csv = |asked: &str, expected: &str| {
        format!(
            "id,{asked},{expected},category\r\n1,\"Capital, of France?\",Paris,geo\r\n2,\"Sum?\n2 + 2\",\"[\"\"4\"\", \"\"four\"\"]\",sums\r\n"
        )
    };
    for asked in ASKED {
        for expected in EXPECTED {
            assert_eq!(cases("s.csv", &csv(asked, expected)), jsonl(lines), "{asked} {expected}");
        }
    }
    let lines_of_unix = csv("question", "answer").replace('\r', "");
    let semicolons = "id;question;answer;category\n1;Capital, of France?;Paris;geo\n2;\"Sum?\n2 + 2\";\"[\"\"4\"\", \"\"four\"\"]\";sums\n;;;\n";
    assert_eq!(cases("S.CSV", &lines_of_unix), jsonl(lines));
    assert_eq!(cases("s.csv", semicolons), jsonl(lines));
    assert_eq!(cases("s.tsv", "id\tquestion\tanswer\n1\tWho, then?\tBob\n")[0]["messages"][0]["content"], "Who, then?");
}

#[test]
fn every_key_of_a_line_may_be_a_column() {
    let csv = "instruction,input,keywords,not_keywords,must_pass,normalise,cluster,reference,domain_terms,assert,source,fact,\n\
               Translate,le chat,cat|kitten,\"[\"\"dog\"\", \"\"cow\"\"]\",TRUE,strict,k,The cat,cat,\"[{\"\"type\"\": \"\"tokens\"\", \"\"threshold\"\": 9}]\",a.md,f,\n\
               Sing,,la,,false,,,,,,,,\n";
    let lines = concat!(
        "{\"id\": \"line-2\", \"prompt\": \"Translate\\n\\nle chat\", \"keywords\": \"cat|kitten\", \"not_keywords\": [\"dog\", \"cow\"], ",
        "\"must_pass\": true, \"normalise\": \"strict\", \"cluster\": \"k\", \"reference\": \"The cat\", \"domain_terms\": \"cat\", ",
        "\"assert\": [{\"type\": \"tokens\", \"threshold\": 9}]}\n",
        "{\"id\": \"line-3\", \"prompt\": \"Sing\", \"keywords\": \"la\"}\n",
    );
    assert_eq!(cases("s.csv", csv), jsonl(lines));
    let talk = "prompt,expected\n\"[{\"\"role\"\": \"\"system\"\", \"\"content\"\": \"\"s\"\"}, {\"\"role\"\": \"\"user\"\", \"\"content\"\": \"\"u\"\"}]\",x\n[INST] a,y\n";
    let found = cases("s.csv", talk);
    assert_eq!(
        (found[0]["messages"][1]["content"].as_str(), found[1]["messages"][0]["content"].as_str()),
        (Some("u"), Some("[INST] a"))
    );
}

#[test]
fn faults_of_tables_have_their_line() {
    for (text, wanted) in [
        ("question,anwser\na,b\n", "line 1: the column \"anwser\" is unknown; did you mean \"answer\"?"),
        ("question,notes\na,b\n", "line 1: the column \"notes\" is unknown"),
        ("question,question\na,b\n", "line 1: the column \"question\" is given twice"),
        (
            "answer,category\na,b\n",
            "line 1: no column says what is asked; name it \"question\", \"prompt\", \"instruction\" or \"messages\"",
        ),
        ("id,question,answer\n1,a,b\n1,c,d\n", "line 3: the same id as line 2"),
        ("question,answer\na,b\nA,c\n", "line 3: the same prompt as line 2"),
        ("question,answer\n\"two\nlines\",b\nc,\n", "line 4: nothing to judge an answer by"),
        ("question,answer\n,b\n", "line 2: neither \"prompt\" nor \"messages\""),
        ("question,answer\na,b\nc\nd,e,f\n", "line 3: has 1 cells, the header has 2"),
        ("question,answer\na,b\nc\nd,e,f\n", "line 4: has 3 cells, the header has 2"),
        ("question,answer\na,\"b\nc,d\n", "line 2: has a quotation mark that is not closed"),
        ("\"question,answer\na,b\n", "line 1: has a quotation mark that is not closed"),
        (
            "question,prompt,answer\na,b,c\n",
            "line 2: \"prompt\" and another column both give \"prompt\"; keep one of them",
        ),
        ("question,answer,expected\na,b,c\n", "line 2: \"expected\" and another column both give \"expected\""),
        (
            "question,assert\na,\"[{\"\"type\"\": \"\"regex\"\", \"\"value\"\": \"\"(\"\"}]\"\n",
            "line 2: regex: the regular expression",
        ),
        ("question,assert\na,contains\n", "line 2: the cell \"assert\" is not JSON"),
        ("question,answer,must_pass\na,b,yes\n", "line 2: the cell \"must_pass\" must be true or false"),
        ("question,answer,\na,b,c\n", "line 2: column 3 has no name in the header"),
        (
            "input,messages,answer\na,\"[{\"\"role\"\": \"\"user\"\", \"\"content\"\": \"\"u\"\"}]\",c\n",
            "line 2: \"input\" belongs to an instruction",
        ),
        ("{\"prompt\": \"a\"}\n", "line 1: is JSON, not a table with a header; give the file the ending .jsonl"),
        ("question,answer\n", "no prompt in it"),
        ("", "no prompt in it"),
        (
            "notes,__expected\na,b\n",
            "line 1: no column says what is asked; name it \"question\", \"prompt\" or \"instruction\", or name the table as \"tests\"",
        ),
        ("question,prompt,__expected\na,b,c\n", "line 1: the columns question, prompt all say what is asked"),
        ("question,__expected\na,\n", "line 2: nothing to judge an answer by"),
        (
            "question,__expected\na,llm-rubric: polite\n",
            "line 2: the assertion type \"llm-rubric\" of promptfoo does not exist here",
        ),
        ("question,__expected\na,\"is-json: {\"\"type\"\": \"\"objekt\"\"}\"\n", "line 2: is-json: the JSON Schema"),
    ] {
        let e = read("s.csv", text).unwrap_err();
        assert!(e.starts_with("s.csv: ") && e.contains(wanted), "{text}\n{e}");
    }
}

#[test]
fn a_table_of_promptfoo_stands_alone() {
    let csv = "question,context,__expected,__expected2,__suffix,__metadata:category\n\
               What is 2+2?,,equals: 4,,,math\n\
               \"Use {{x}}, please\",c,\"contains: {{context}}\",not-is-refusal, (be short),\n";
    let found = cases("s.csv", csv);
    let asked = |i: usize| found[i]["messages"][0]["content"].as_str().unwrap();
    // A cell is no template.
    assert_eq!((asked(0), asked(1)), ("What is 2+2?", "Use {{x}}, please (be short)"));
    assert_eq!((&found[0]["id"], &found[0]["category"]), (&json!("line-2"), &json!("math")));
    assert_eq!(found[0]["assert"], json!([{"type": "equals", "value": "4"}]));
    assert_eq!(found[1]["assert"], json!([{"type": "contains", "value": "c"}, {"type": "not-is-refusal"}]));
}

proptest::proptest! {
    #[test]
    fn no_table_panics(text in "(prompt|question|__expected|expected|[a,;\"\n{}\\[\\]: ]){0,40}") {
        let _ = read("s.csv", &text);
    }
}
