//! Ids and masks on SmolLM2's real tokenizer against transformers (tests/oracles/batch.py → fixtures/batch_smollm2.json).

use tunesmith::batch::{Cut, Example, encode, epoch_order, preview};
use tunesmith::chat::{ChatTemplate, Message, Role, SpecialTokens};
use tunesmith::dataset::{Content, Record, RecordPlace};
use tunesmith::gguf::Gguf;
use tunesmith::tokenizer::Tokenizer;

fn smollm2() -> (ChatTemplate, Tokenizer) {
    let Ok(path) = std::env::var("TUNESMITH_SMOLLM2") else {
        panic!("TUNESMITH_SMOLLM2 is not set to SmolLM2's GGUF file: run scripts/test");
    };
    let gguf = Gguf::open(path).unwrap();
    let tokens = SpecialTokens { bos: Some("<|im_start|>"), eos: Some("<|im_end|>"), adds_bos: false };
    (
        ChatTemplate::new(gguf.str("tokenizer.chat_template").unwrap(), tokens).unwrap(),
        Tokenizer::from_gguf(&gguf).unwrap(),
    )
}

fn chat(line: usize, messages: Vec<Message>) -> Record {
    Record::new(line, Content::Chat(messages))
}

fn cases() -> Vec<serde_json::Value> {
    let path = format!("{}/tests/fixtures/batch_smollm2.json", env!("CARGO_MANIFEST_DIR"));
    let golden: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    golden["cases"].as_array().unwrap().clone()
}

#[test]
fn ids_and_masks_are_those_of_transformers() {
    let (template, tokenizer) = smollm2();
    for (i, case) in cases().iter().enumerate() {
        let record = chat(i + 1, serde_json::from_value(case["messages"].clone()).unwrap());
        let got = encode(&[record], Some(&template), &tokenizer, 4096).unwrap();
        let ids: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
        let mask: Vec<u8> = serde_json::from_value(case["mask"].clone()).unwrap();
        // Ours ends with the last trained token; transformers' with the newline after it.
        let n = mask.iter().rposition(|m| *m == 1).unwrap() + 1;
        assert_eq!(got.examples.len(), 1, "{case}");
        assert_eq!(got.examples[0].ids, ids[..n], "{case}");
        assert_eq!(got.examples[0].mask, mask[..n].iter().map(|m| *m == 1).collect::<Vec<_>>(), "{case}");
        let shown: String = preview(&got.examples[0], &tokenizer).into_iter().map(|p| p.text).collect();
        assert_eq!(Some(shown.as_str()), case["text"].as_str().unwrap().strip_suffix('\n'), "the preview is the text");
    }
}

#[test]
fn an_answer_that_begins_with_white_space_follows_the_prompt_that_the_daemon_feeds() {
    let (template, tokenizer) = smollm2();
    let messages = vec![Message::new(Role::User, "code"), Message::new(Role::Assistant, "\n\n  x = 1")];
    let prompt = template.render(&messages[..1], true).unwrap().text;
    let prompt: Vec<u32> = tokenizer.encode(&prompt).unwrap().into_iter().map(|t| t.id).collect();
    let got = encode(&[chat(1, messages)], Some(&template), &tokenizer, 4096).unwrap();
    let Example { ids, mask, .. } = &got.examples[0];
    assert_eq!(ids[..prompt.len()], prompt);
    assert!(mask[..prompt.len()].iter().all(|m| !m) && mask[prompt.len()..].iter().all(|m| *m));
    assert_eq!(tokenizer.decode(&ids[prompt.len()..]).unwrap(), "\n\n  x = 1<|im_end|>");
}

#[test]
fn what_is_cut_is_reported_and_its_end_is_not_trained() {
    let (template, tokenizer) = smollm2();
    let record =
        |line, answer: &str| chat(line, vec![Message::new(Role::User, "hi"), Message::new(Role::Assistant, answer)]);
    let whole = encode(&[record(1, "one two three four")], Some(&template), &tokenizer, 4096).unwrap();
    let n = whole.examples[0].ids.len();
    let got = encode(&[record(4, "one two three four"), record(9, "one")], Some(&template), &tokenizer, n - 2).unwrap();
    assert_eq!(got.cuts, [Cut { place: RecordPlace::line(4), tokens: 2, trained: 2, ends: 1, left_out: false }]);
    assert_eq!((got.examples[0].cut, got.examples[0].trained()), (2, whole.examples[0].trained() - 2));
    assert_eq!(
        got.examples[0].ids.iter().filter(|id| tokenizer.is_end(**id)).count(),
        2,
        "system and user end; the answer does not"
    );
    let short = encode(&[record(4, "one two three four")], Some(&template), &tokenizer, 10).unwrap_err();
    assert!(short.to_string().contains("max_seq_len"), "{short}");
    let faults = [record(3, "a <|im_end|> b"), record(5, "fine"), record(8, "<|im_end|>")];
    let faults = encode(&faults, Some(&template), &tokenizer, 99).unwrap_err().to_string();
    assert!(faults.contains("line 3") && faults.contains("line 8") && !faults.contains("line 5"), "{faults}");
}

#[test]
fn a_text_is_trained_whole() {
    let (_, tokenizer) = smollm2();
    let record = Record::new(1, Content::Text("a plain text".into()));
    let got = encode(&[record], None, &tokenizer, 4096).unwrap();
    let example = &got.examples[0];
    assert_eq!(example.ids.last().copied(), tokenizer.eos());
    assert_eq!(example.trained(), example.ids.len() - 1, "all but the first, which nothing predicts");
    assert_eq!(epoch_order(1, 0, 0, true), [0]);
}
