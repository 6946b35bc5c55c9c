//! The client against scripted answers: recorded bodies (0.24.0, 0.32.15, 0.34.4; shortened), cut and broken.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use super::test_server::{Reply, Scripted, crumbs, plain};
use super::*;
use crate::chat::Role;
use crate::store::Interrupt;

const STREAM: &str = concat!(
    r#"{"model":"s","created_at":"2026-11-21T00:13:23Z","response":"é","done":false,"logprobs":[{"token":"é","logprob":-1.5,"bytes":[195,169],"top_logprobs":[{"token":"é","logprob":-1.5,"bytes":[195,169]},{"token":"\n","logprob":-2.25}]}]}"#,
    "\n",
    r#"{"model":"s","created_at":"2026-11-21T00:13:23Z","response":" b","done":false}"#,
    "\n",
    r#"{"model":"s","created_at":"2026-11-21T00:13:23Z","response":"","done":true,"done_reason":"length","context":[1,2],"total_duration":11401398,"load_duration":1986544,"prompt_eval_count":67,"prompt_eval_duration":5751000,"eval_count":2,"eval_duration":770000}"#,
    "\n"
);

fn raw(text: &str) -> Ask {
    Ask::new("s", Prompt::Raw(text.into()), Options::greedy(2, 512))
}

fn ask_of(reply: Reply) -> Result<Answer, OllamaError> {
    Scripted::start(vec![reply]).client().ask(&raw("x"), &mut |_| {})
}

#[test]
fn a_stream_cut_at_every_byte_is_one_answer() {
    let server = Scripted::start(vec![Reply::Bytes(crumbs(STREAM))]);
    let mut pieces = Vec::new();
    let answer = server.client().ask(&raw("x"), &mut |t| pieces.push(t.to_owned())).unwrap();
    assert_eq!(pieces, ["é", " b"]);
    assert_eq!((answer.text.as_str(), answer.done, answer.done_reason.as_str()), ("é b", true, "length"));
    assert_eq!((answer.prompt_eval_count, answer.eval_count, answer.context), (67, 2, Some(vec![1, 2])));
    assert_eq!(answer.total, Duration::from_nanos(11_401_398));
    let want = TokenLogprob {
        token: "é".into(),
        bytes: vec![195, 169],
        logprob: -1.5,
        top: vec![(vec![195, 169], -1.5), (b"\n".to_vec(), -2.25)],
    };
    assert_eq!(answer.logprobs, [want]);
}

#[test]
fn a_connection_cut_at_any_byte_is_torn_never_an_answer() {
    let whole = crumbs("{\"response\":\"a\"}\n{\"response\":\"\",\"done\":true}\n");
    // The last line is complete, newline and all, before the closing chunk and its own line end.
    let complete = whole.len() - b"\r\n0\r\n\r\n".len();
    for cut in 0..complete {
        let e = ask_of(Reply::Bytes(whole[..cut].to_vec())).unwrap_err();
        assert!(matches!(e, OllamaError::Torn { .. }), "{cut}: {e}");
    }
    assert!(ask_of(Reply::Bytes(whole)).unwrap().done);
    let e = ask_of(Reply::Early(8, Vec::new())).unwrap_err();
    assert!(matches!(e, OllamaError::Torn { .. }), "reset: {e}");
}

#[test]
fn an_answer_without_done_is_given_as_such() {
    let answer = ask_of(Reply::Bytes(crumbs("{\"response\":\"gram\",\"done\":false}\n"))).unwrap();
    assert_eq!((answer.text.as_str(), answer.done), ("gram", false));
}

#[test]
fn errors_come_with_their_status_and_words() {
    type Check = fn(&OllamaError) -> bool;
    let said: Check = |e| matches!(e, OllamaError::Said { status: 200, message, .. } if message == "an error");
    let nested: Check =
        |e| matches!(e, OllamaError::Said { status: 400, message, .. } if message.starts_with("request (1202"));
    let missing: Check = |e| matches!(e, OllamaError::NoModel(name) if name == "s");
    let route: Check =
        |e| matches!(e, OllamaError::Said { status: 404, message, .. } if message == "404 page not found");
    let full: Check = |e| matches!(e, OllamaError::DaemonDiskFull { .. }) && e.is_no_space();
    let torn: Check = |e| matches!(e, OllamaError::Torn { .. });
    for (reply, check) in [
        (Reply::Bytes(crumbs("{\"response\":\"a\"}\n{\"error\":\"an error\"}\n")), said),
        (plain(400, r#"{"error":"{\"error\":{\"code\":400,\"message\":\"request (1202 tokens) exceeds\"}}"}"#), nested),
        (plain(404, r#"{"error":"model 's:latest' not found"}"#), missing),
        (plain(404, "404 page not found"), route),
        (plain(500, r#"{"error":"write /x/blobs/y: no space left on device"}"#), full),
        (Reply::Bytes(crumbs("{\"response\":\"a\"}\n<html>\n")), torn),
        (Reply::Bytes(crumbs("{\"response\":7}\n")), torn),
    ] {
        let e = ask_of(reply).unwrap_err();
        assert!(check(&e), "{e:?}");
    }
}

#[test]
fn nobody_there_silence_and_interruption_end_a_wait() {
    let gone = Scripted::start(vec![]);
    std::thread::sleep(Duration::from_millis(50));
    let e = gone.client().version().unwrap_err();
    assert!(matches!(&e, OllamaError::Unreachable { .. }), "{e}");

    let silent = Scripted::start(vec![Reply::Silence]);
    let e =
        silent.client_with(Interrupt::default(), Duration::from_millis(300)).ask(&raw("x"), &mut |_| {}).unwrap_err();
    assert!(matches!(&e, OllamaError::Torn { reason, .. } if reason.contains("nothing was heard for 0.3 s")), "{e}");

    let silent = Scripted::start(vec![Reply::Silence]);
    let interrupt = Interrupt::default();
    let client = silent.client_with(interrupt.clone(), Duration::from_secs(60));
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(150));
        interrupt.raise();
    });
    let begun = Instant::now();
    assert!(matches!(client.ask(&raw("x"), &mut |_| {}), Err(OllamaError::Interrupted)));
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(matches!(client.version(), Err(OllamaError::Interrupted)), "and nothing new begins");
}

#[test]
fn what_is_asked_is_asked_explicitly() {
    let done = || Reply::Bytes(crumbs("{\"done\":true}\n"));
    let server = Scripted::start(vec![done(), done(), done()]);
    let client = server.client();
    let mut ask = raw("p");
    (ask.top_logprobs, ask.keep_alive, ask.think) = (20, Some("-1".into()), Some(false));
    ask.options.num_thread = Some(1);
    client.ask(&ask, &mut |_| {}).unwrap();
    let seen = server.seen();
    assert_eq!(seen.line, "POST /api/generate");
    let options = json!({"temperature": 0.0, "seed": 0, "top_k": 40, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0, "num_predict": 2,
        "num_ctx": 512, "num_thread": 1, "presence_penalty": 0.0, "frequency_penalty": 0.0});
    let want = json!({"model": "s", "prompt": "p", "raw": true, "stream": true, "keep_alive": -1, "options": options, "think": false,
        "truncate": false, "shift": false, "logprobs": true, "top_logprobs": 20});
    assert_eq!(seen.json(), want);

    ask.prompt = Prompt::Templated("p".into());
    (ask.keep_alive, ask.top_logprobs) = (Some("5m".into()), 0);
    client.ask(&ask, &mut |_| {}).unwrap();
    let body = server.seen().json();
    assert_eq!((&body["raw"], &body["keep_alive"], &body["logprobs"]), (&json!(null), &json!("5m"), &json!(null)));

    ask.prompt = Prompt::Chat(vec![Message { role: Role::User, content: "hi".into() }]);
    client.ask(&ask, &mut |_| {}).unwrap();
    let seen = server.seen();
    assert_eq!(seen.line, "POST /api/chat");
    let body = seen.json();
    assert_eq!(body["messages"], json!([{"role": "user", "content": "hi"}]));
    assert_eq!((&body["truncate"], &body["shift"]), (&json!(false), &json!(false)));
    assert_eq!(body["options"], want["options"]);
}

#[test]
fn create_wants_success_as_the_last_word() {
    let create = Create { model: "m".into(), files: vec![("a".into(), Digest::of_bytes(b""))], ..Create::default() };
    let run = |body: &str| {
        let server = Scripted::start(vec![Reply::Bytes(crumbs(body))]);
        let mut said = Vec::new();
        (server.client().create(&create, &mut |s| said.push(s.to_owned())), said, server.seen())
    };
    let (done, said, seen) = run("{\"status\":\"parsing GGUF\"}\n{\"status\":\"success\"}\n");
    done.unwrap();
    assert_eq!(said, ["parsing GGUF", "success"]);
    let digest = Digest::of_bytes(b"").to_string();
    assert_eq!(seen.json(), json!({"model": "m", "files": {"a": digest}, "stream": true}));
    for body in ["", "{\"status\":\"writing manifest\"}\n", "{\"status\":\"success\"}\n{\"status\":\"no\"}\n"] {
        assert!(matches!(run(body).0, Err(OllamaError::Torn { .. })), "{body:?}");
    }
    let (failed, _, _) = run("{\"status\":\"parsing GGUF\"}\n{\"error\":\"an error\"}\n");
    assert!(matches!(failed, Err(OllamaError::Said { status: 200, .. })));
}

#[test]
fn create_never_makes_the_daemon_pull() {
    let server = Scripted::start(vec![plain(404, r#"{"error":"model 'gone' not found"}"#)]);
    let create = Create { model: "m".into(), from: Some("gone".into()), ..Create::default() };
    let e = server.client().create(&create, &mut |_| {}).unwrap_err();
    assert!(matches!(&e, OllamaError::NoModel(name) if name == "gone"), "{e}");
    assert_eq!(server.seen().line, "POST /api/show");
}

fn file_of(bytes: &[u8]) -> (tempfile::NamedTempFile, Digest) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    (file, Digest::of_bytes(bytes))
}

#[test]
fn a_blob_is_sent_whole_and_only_when_missing() {
    let bytes: Vec<u8> = (0..3_500_000_u32).map(|i| (i % 251) as u8).collect();
    let (file, digest) = file_of(&bytes);
    let server = Scripted::start(vec![plain(404, ""), plain(201, "")]);
    let mut progress = Vec::new();
    server.client().upload(file.path(), digest, &mut |sent, total| progress.push((sent, total))).unwrap();
    assert_eq!(server.seen().line, format!("HEAD /api/blobs/{digest}"));
    let seen = server.seen();
    assert!(seen.head.to_lowercase().contains("content-length: 3500000"), "{}", seen.head);
    assert!(seen.body == bytes);
    assert!(progress.windows(2).all(|w| w[0].0 <= w[1].0) && progress.iter().all(|p| p.1 == 3_500_000), "{progress:?}");
    assert_eq!(progress.last(), Some(&(3_500_000, 3_500_000)));

    let server = Scripted::start(vec![plain(200, "")]);
    server.client().upload(file.path(), digest, &mut |_, _| {}).unwrap();
    assert!(server.seen().line.starts_with("HEAD"));
}

#[test]
fn an_upload_that_fails_says_why() {
    let (file, digest) = file_of(&vec![7; 9 << 20]);
    let full = "HTTP/1.1 500 X\r\nContent-Length: 71\r\n\r\n{\"error\":\"write /m/blobs/sha256-1: no space left on device (os error)\"}";
    let run = |second| {
        let server = Scripted::start(vec![plain(404, ""), second]);
        server.client().upload(file.path(), digest, &mut |_, _| {}).unwrap_err()
    };
    let e = run(Reply::Early(1 << 20, Vec::new()));
    assert!(matches!(&e, OllamaError::Torn { reason, .. } if !reason.is_empty()), "{e}");
    let e = run(Reply::Early(1 << 20, full.as_bytes().to_vec()));
    assert!(matches!(&e, OllamaError::DaemonDiskFull { .. }), "{e}");
    let e = run(plain(400, r#"{"error":"digest mismatch, expected \"sha256:0\", got \"sha256:1\""}"#));
    assert!(e.to_string().contains("is not what it was"), "{e}");
    let gone = Scripted::start(vec![]).client().upload(&file.path().with_extension("gone"), digest, &mut |_, _| {});
    assert!(matches!(gone, Err(OllamaError::Store(_))));
}

#[test]
fn versions_decide_and_the_unknown_one_is_asked() {
    let of = |replies| Scripted::start(replies).client().capabilities();
    let version = |v: &str| plain(200, &format!("{{\"version\":\"{v}\"}}"));
    assert!(!of(vec![version("0.34.4")]).unwrap().lora_adapters);
    assert!(of(vec![version("0.34.0")]).unwrap().lora_adapters);
    assert!(matches!(of(vec![version("0.12.10")]), Err(OllamaError::TooOld { found, .. }) if found == "0.12.10"));
    let refused = plain(400, r#"{"error":"LoRA adapters are no longer supported"}"#);
    assert!(!of(vec![version("0.0.0"), refused]).unwrap().lora_adapters);
    let older = plain(400, r#"{"error":"invalid model name"}"#);
    assert!(of(vec![version("0.0.0"), older]).unwrap().lora_adapters);
    for other in [plain(200, "<html>"), plain(200, ""), plain(404, "not found"), plain(200, "[]")] {
        let e = of(vec![other]).unwrap_err().to_string();
        assert!(e.contains("doesn't speak as Ollama does"), "{e}");
    }
}

#[test]
fn wrong_answers_about_models_are_the_daemons_fault_and_not_a_missing_model() {
    let html = "<html><body><h1>404: the model was not found</h1></body></html>";
    for (status, body) in [
        (500, r#"{"error":"internal"}"#),
        (502, html),
        (404, html),
        (404, "404 page not found"),
        (200, html),
        (200, "{}"),
        (200, ""),
        (200, "null"),
        (200, "[]"),
        (200, r#"{"models":[{}]}"#),
        (200, r#"{"models":3,"modelfile":3}"#),
        (200, r#"{"modelfile":"","details":{}}"#),
    ] {
        let server = Scripted::start(vec![plain(status, body), plain(status, body), plain(status, body)]);
        let client = server.client();
        for e in [client.show("m").map(drop), client.tags().map(drop), client.tag("m").map(drop)] {
            let e = e.unwrap_err();
            assert!(matches!(e, OllamaError::Said { .. } | OllamaError::Other(_)), "{status} {body}: {e:?}");
        }
    }
    let server = Scripted::start(vec![plain(404, r#"{"error":"model 'm' not found"}"#)]);
    assert!(server.client().show("m").unwrap().is_none());
}

#[test]
fn show_and_tags_are_read_from_what_daemons_wrote() {
    let shown = json!({"license": "MIT\nApache-2.0 text", "modelfile": "# Modelfile\n# FROM s:v1\n\nFROM /m/blobs/sha256-b7\nADAPTER /m/blobs/sha256-a0\nTEMPLATE x\nRENDERER qwen3\n",
        "parameters": "stop                           \"<|eot_id|>\"\nnum_ctx                        512", "template": "{{ .Prompt }}", "system": "You are terse.",
        "details": {"parent_model": "", "format": "gguf", "family": "llama", "families": null, "parameter_size": "205K", "quantization_level": "F16"},
        "model_info": {"general.architecture": "llama", "tokenizer.ggml.merges": null}, "capabilities": ["completion"], "modified_at": "2026"});
    let tags = json!({"models": [{"name": "S-Full:v1", "size": 439_885, "digest": "218f", "details": {"family": "llama", "families": ["llama"], "context_length": 2048},
        "capabilities": ["completion"]}]});
    let server = Scripted::start(vec![
        plain(200, &shown.to_string()),
        plain(200, &tags.to_string()),
        plain(200, r#"{"models":null}"#),
    ]);
    let client = server.client();
    let show = client.show("s").unwrap().unwrap();
    assert_eq!(
        (show.from.as_str(), show.adapters.as_slice()),
        ("/m/blobs/sha256-b7", &["/m/blobs/sha256-a0".to_owned()][..])
    );
    assert_eq!((show.renderer.as_deref(), show.parser.as_deref()), (Some("qwen3"), None));
    assert_eq!(show.parameters, [("stop".into(), "<|eot_id|>".into()), ("num_ctx".into(), "512".into())]);
    assert_eq!(client.tag("s-full:V1").unwrap().unwrap().digest, "218f");
    assert!(client.tags().unwrap().is_empty());
}

#[test]
fn pulls_tell_how_far_they_are_and_embeddings_are_counted() {
    let body =
        "{\"status\":\"pulling 6f\",\"digest\":\"sha256:6f\",\"total\":10,\"completed\":4}\n{\"status\":\"success\"}\n";
    let mut said = Vec::new();
    let server = Scripted::start(vec![Reply::Bytes(crumbs(body)), plain(200, r#"{"embeddings":[[0.6,0.8]]}"#)]);
    let client = server.client();
    client.pull("m", &mut |s, done, total| said.push((s.to_owned(), done, total))).unwrap();
    assert_eq!(said, [("pulling 6f".into(), 4, 10), ("success".into(), 0, 0)]);
    let e = client.embed("m", &["a".into(), "b".into()]).unwrap_err();
    assert!(matches!(&e, OllamaError::Torn { reason, .. } if reason.contains("1 embeddings came for 2")), "{e}");
    assert!(client.embed("m", &["a".into(), String::new()]).unwrap_err().to_string().contains("text 2"));
    let bad = client.delete("../x").unwrap_err();
    assert!(matches!(bad, OllamaError::BadName { .. }), "checked before anything is sent");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 4, ..ProptestConfig::default() })]

    /// Whatever comes back, there is an answer or an error.
    #[test]
    fn mutated_answers_never_panic(at in 0usize..5000, bytes in proptest::collection::vec(any::<u8>(), 0..12), cut in any::<bool>()) {
        let mut reply = crumbs(STREAM);
        let at = at % reply.len();
        let end = (at + bytes.len()).min(reply.len());
        reply.splice(at..end, bytes);
        if cut {
            reply.truncate(at);
        }
        let _ = ask_of(Reply::Bytes(reply));
    }

    #[test]
    fn any_body_is_an_answer_or_an_error(body in "\\PC{0,60}", keyed in "[{\"a-z:,0-9\\[\\]}]{0,60}") {
        for text in [body, keyed] {
            let server = Scripted::start(vec![plain(200, &text), plain(200, &text), plain(500, &text), Reply::Bytes(crumbs(&text))]);
            let client = server.client();
            let _ = client.tags();
            let _ = client.show("m");
            let _ = client.version();
            let _ = client.ask(&raw("x"), &mut |_| {});
        }
    }
}
