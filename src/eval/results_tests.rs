use super::*;
use crate::eval::{Answered, Citations, Reply, ResultTable, Retrieval, TableLanguage, TestQuestion, commonest_answer};

fn question(id: &str, expected: &[&str], answerable: bool) -> TestQuestion {
    TestQuestion {
        id: id.into(),
        category: if answerable { "value" } else { "unanswerable" }.into(),
        cluster: format!("fact-{id}"),
        answerable,
        ..TestQuestion::for_test(&format!("Question {id} ?"), expected)
    }
}

fn questions() -> Vec<TestQuestion> {
    vec![
        question("a", &["OFB", "GIDAF est hébergé par l'OFB."], true),
        question("b", &["2.1"], true),
        question("c", &["OFB"], true),
        question("d", &[], false),
        question("e", &[], false),
    ]
}

fn said(text: &str, prompt_tokens: u64, tokens: u64, seconds: f64) -> Reply {
    let answer = Answered {
        text: text.into(),
        done: true,
        done_reason: "stop".into(),
        prompt_tokens,
        tokens,
        seconds,
        ..Answered::default()
    };
    Reply::Answer(answer)
}

fn header(arm: AnswerArm) -> ResultHeader {
    ResultHeader {
        arm,
        model: "m:latest".into(),
        digest: "sha256:1".into(),
        index: Some("sha256:2".into()),
        questions_sha256: "abc".into(),
        served: Some(Served { daemon: "0.34.4".into(), num_ctx: Some(4096), ..Served::default() }),
        asked: Some(AskedWith { max_tokens: 64, temperature: 0.0, passages: Some(4) }),
    }
}

fn sample() -> ResultFile {
    let replies = [
        said("C'est l'OFB [1].", 100, 10, 1.0),
        said("2.1", 100, 2, 0.5),
        said("Je ne sais pas.", 101, 5, 1.5),
        said("Je ne sais pas.", 100, 5, 1.0),
        Reply::Failed("HTTP 500".into()),
    ];
    let texts = [&["Hébergeur : OFB"][..], &["OFB"], &["BRGM"], &["x"], &["x"]];
    let questions = questions();
    let records = questions.iter().zip(&replies).zip(texts).map(|((question, reply), texts)| {
        let retrieval = Retrieval {
            left_out: 0,
            ids: vec!["u1".into()],
            scores: vec![1.25],
            texts: texts.to_vec(),
            seconds: 0.25,
            citations: Some(Citations { cited: 1, right: u64::from(question.id == "a") }),
            hit: None,
        };
        AnswerRecord::new(question, reply, Some(&retrieval))
    });
    let extras = ResultExtras { commonest_answer: commonest_answer(&questions), ..ResultExtras::default() };
    ResultFile::new(header(AnswerArm::Rag), records.collect(), extras).unwrap()
}

#[test]
fn rates_are_what_they_say() {
    let file = sample();
    let expected = MetricsBlock {
        success_rate: 80.0,
        exact_match_rate: Some(33.3333),
        avg_time_seconds: 1.25,
        avg_tokens: 105.75,
        total_tokens: 423,
    };
    assert_eq!(file.metrics, expected);
    let extended = file.extended.as_ref().unwrap();
    assert_eq!((extended.n, extended.answerable, extended.unanswerable), (5, 3, 2));
    assert_eq!((extended.pass_rate, extended.fact_coverage), (Some(66.6667), Some(66.6667)));
    assert_eq!((extended.refusal_unanswerable, extended.fabrication_rate), (Some(50.0), Some(0.0)));
    assert_eq!((extended.false_refusal_rate, extended.self_knowledge), (Some(33.3333), Some(33.3333)));
    assert_eq!((extended.prompt_tokens, extended.answer_tokens), (401, 22));
    // Of "C'est l'OFB" and "2.1" only the first stands in its text; refusals rest on nothing.
    assert_eq!((extended.context_grounded, extended.citation_precision), (Some(50.0), Some(20.0)));
    let commonest = extended.commonest_answer.as_ref().unwrap();
    assert_eq!((commonest.answer.as_str(), commonest.exact_match_rate), ("OFB", 66.6667));
    assert_eq!(extended.by_category["value"].exact_match_rate, Some(33.3333));
    assert_eq!(extended.by_category["unanswerable"].exact_match_rate, None);
    assert_eq!(file.results[0].cluster, "fact-a");
}

#[test]
fn a_file_comes_back_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("results_rag.json");
    let file = sample();
    file.write(&path).unwrap();
    assert_eq!(read_results(&path).unwrap(), file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, sample().to_json(), "the same answers give the same bytes");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let keys: Vec<&str> = json["metrics"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["success_rate", "exact_match_rate", "avg_time_seconds", "avg_tokens", "total_tokens"]);
    assert_eq!((json["arm"].as_str(), json["questions_sha256"].as_str()), (Some("rag"), Some("abc")));
    let record = &json["results"][0];
    assert_eq!(
        (record["id"].as_str(), record["tokens"].as_u64(), record["seconds"].as_f64()),
        (Some("a"), Some(110), Some(1.25))
    );
    assert_eq!(
        (record["pass"].as_bool(), record["ids"][0].as_str(), record["hit"].as_bool()),
        (Some(true), Some("u1"), Some(true))
    );
}

#[test]
fn files_of_the_earlier_tools_are_read() {
    let block = r#"{"success_rate": 98, "exact_match_rate": 61.3, "avg_time_seconds": 2.15, "avg_tokens": 487, "total_tokens": 48700.0}"#;
    for text in [
        block.to_owned(),
        format!("\u{feff}{{\"metrics\": {block}, \"results\": [{{\"question\": \"x\"}}], \"model\": 3}}"),
    ] {
        let file = parse(text.as_bytes()).unwrap();
        assert!(file.is_bare() && file.header.is_none() && file.extended.is_none());
        assert_eq!((file.metrics.total_tokens, file.metrics.success_rate), (48700, 98.0));
        assert!(matches!(pair_records(&file, &sample()), Err(EvalError::NoRecords)));
    }
    let fault = |text: &str| parse(text.as_bytes()).unwrap_err().to_string();
    for (text, part) in [
        ("[]", "is no result file"),
        ("{}", "missing field `success_rate`"),
        (&block.replace("98", "198"), "success_rate is 198"),
        (&block.replace("487,", "-1,"), "avg_tokens is -1"),
        (&block.replace("48700.0", "1.5"), "1.5 is no count"),
        (&block.replace("61.3", "NaN"), "is no result file"),
        (r#"{"format_version": 2, "metrics": null}"#, "format version 2"),
    ] {
        assert!(fault(text).contains(part), "{text}: {}", fault(text));
    }
}

#[test]
fn a_file_that_was_changed_is_refused() {
    let file = sample();
    let changed = |change: &dyn Fn(&mut ResultFile)| {
        let mut file = file.clone();
        change(&mut file);
        parse(file.to_json().as_bytes()).unwrap_err().to_string()
    };
    assert!(changed(&|f| f.metrics.success_rate = 90.0).contains("do not follow"));
    assert!(changed(&|f| f.results[1].measures.pass = Some(false)).contains("do not follow"));
    assert!(changed(&|f| f.extended = None).contains("do not follow"));
    assert!(changed(&|f| f.results[1].id = "a".into()).contains("\"a\" stands in it twice"));
    assert!(changed(&|f| f.results[1].tokens += 1).contains("inconsistent"));
    assert!(changed(&|f| f.header = None).contains("lacks arm"));
    assert!(changed(&|f| f.results.clear()).contains("holds no answer"));
}

#[test]
fn no_answer_gives_no_rates() {
    let none = ResultFile::new(header(AnswerArm::Base), Vec::new(), ResultExtras::default());
    assert!(matches!(none, Err(EvalError::NoAnswers { asked: 0 })));
    let failed = AnswerRecord::new(&question("a", &["x"], true), &Reply::Failed("HTTP 500".into()), None);
    let none = ResultFile::new(header(AnswerArm::Base), vec![failed], ResultExtras::default());
    assert!(matches!(none, Err(EvalError::NoAnswers { asked: 1 })));
    // Unanswerable questions alone have no exact match, and that is no zero.
    let only = AnswerRecord::new(&question("d", &[], false), &said("OFB", 1, 1, 0.1), None);
    let file = ResultFile::new(header(AnswerArm::Base), vec![only], ResultExtras::default()).unwrap();
    assert_eq!((file.metrics.exact_match_rate, file.extended.as_ref().unwrap().fabrication_rate), (None, Some(100.0)));
    assert_eq!(parse(file.to_json().as_bytes()).unwrap(), file);
}

fn arm(arm: AnswerArm, answers: [&str; 3]) -> ResultFile {
    let replies = answers.map(|text| said(text, 10, 1, 0.5));
    let records = questions().iter().zip(&replies).map(|(q, reply)| AnswerRecord::new(q, reply, None)).collect();
    ResultFile::new(header(arm), records, ResultExtras::default()).unwrap()
}

#[test]
fn wrong_answers_are_lost_by_retrieval_or_by_reading() {
    let rag = arm(AnswerArm::Rag, ["OFB", "3.0", "BRGM"]);
    let oracle = arm(AnswerArm::Oracle, ["BRGM", "2.1", "BRGM"]);
    let with = rag.clone().with_oracle(&oracle).unwrap();
    let losses = with.extended.as_ref().unwrap().losses.unwrap();
    assert_eq!((losses.lost_by_retrieval, losses.lost_by_reading), (33.3333, 33.3333));
    assert_eq!(parse(with.to_json().as_bytes()).unwrap(), with);
    let pairs = pair_records(&rag, &oracle).unwrap();
    assert_eq!(pairs.iter().map(|p| p.second.answer.as_str()).collect::<Vec<_>>(), ["BRGM", "2.1", "BRGM"]);
    let mut other = oracle.clone();
    other.header.as_mut().unwrap().questions_sha256 = "x".into();
    assert!(matches!(rag.clone().with_oracle(&other), Err(EvalError::OtherQuestions { .. })));
    let mut fewer = oracle;
    fewer.results.pop();
    assert!(matches!(pair_records(&rag, &fewer), Err(EvalError::OtherQuestions { .. })));
}

#[test]
fn the_table_is_bilingual() {
    let bare = parse(
        br#"{"success_rate": 98, "exact_match_rate": null, "avg_time_seconds": 2.15, "avg_tokens": 487, "total_tokens": 48700}"#,
    );
    let results = [sample(), arm(AnswerArm::Finetuned, ["OFB", "2.1", "OFB"]), bare.unwrap()];
    let table = |language| ResultTable { results: &results, language }.to_string();
    insta::assert_snapshot!(table(TableLanguage::English), @r"
    arm        n  finished     pass    exact  coverage  refusal  seconds  tokens
    rag        5    80.0 %   66.7 %   33.3 %    66.7 %   50.0 %     1.25     106
    finetuned  3   100.0 %  100.0 %  100.0 %   100.0 %        –     0.50      11
    –          –    98.0 %        –        –         –        –     2.15     487
    ");
    insta::assert_snapshot!(table(TableLanguage::French), @r"
    variante  n  terminé    juste    exact  couverture   refus  secondes  jetons
    RAG       5   80,0 %   66,7 %   33,3 %      66,7 %  50,0 %      1,25     106
    affiné    3  100,0 %  100,0 %  100,0 %     100,0 %       –      0,50      11
    –         –   98,0 %        –        –           –       –      2,15     487
    ");
}

#[test]
fn many_answers_are_written_and_read_in_seconds() {
    let replies: Vec<Reply> = (0..100).map(|i| said(&format!("La version est {i}.0 [1]."), 400, 20, 0.5)).collect();
    let records: Vec<AnswerRecord> = (0..1000)
        .map(|i| {
            AnswerRecord::new(&question(&i.to_string(), &[&format!("{}.0", i % 100)], true), &replies[i % 100], None)
        })
        .collect();
    let file = ResultFile::new(header(AnswerArm::Finetuned), records, ResultExtras::default()).unwrap();
    assert_eq!(file.extended.as_ref().unwrap().pass_rate, Some(100.0));
    assert_eq!(parse(file.to_json().as_bytes()).unwrap(), file);
}

proptest::proptest! {
    #[test]
    fn every_number_is_rounded_once_and_comes_back(
        rows in proptest::collection::vec((0u64..5000, 0u64..500, 0f64..100.0, 0usize..4), 1..12),
    ) {
        let answers = ["OFB", "Je ne sais pas.", "BRGM", ""];
        let records: Vec<AnswerRecord> = rows
            .iter()
            .enumerate()
            .map(|(i, (prompt, tokens, seconds, which))| {
                let question = question(&i.to_string(), &["OFB", "C'est l'OFB."], i % 3 > 0);
                AnswerRecord::new(&question, &said(answers[*which], *prompt, *tokens, *seconds), None)
            })
            .collect();
        let file = ResultFile::new(header(AnswerArm::Base), records, ResultExtras::default()).unwrap();
        let n = rows.len() as f64;
        let time: f64 = rows.iter().map(|row| row.2).sum::<f64>() / n;
        proptest::prop_assert!((file.metrics.avg_time_seconds - time).abs() <= 5.1e-5);
        proptest::prop_assert!((file.metrics.avg_tokens * n - file.metrics.total_tokens as f64).abs() <= 5.1e-5 * n);
        for value in [file.metrics.success_rate, file.metrics.avg_time_seconds, file.metrics.avg_tokens] {
            proptest::prop_assert_eq!(rounded(value), value);
        }
        let extended = file.extended.as_ref().unwrap();
        proptest::prop_assert_eq!(extended.prompt_tokens + extended.answer_tokens, file.metrics.total_tokens);
        proptest::prop_assert_eq!(parse(file.to_json().as_bytes()).unwrap(), file);
    }
}
