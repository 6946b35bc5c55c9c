//! The gate of `tunesmith eval` against a daemon that is a script: answers that are cut off, that loop, that are kept.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::{Ended, Place};

/// What a model says to prompt number `n`.
enum Said {
    Whole(String),
    /// The stream ends, without an error and without `done: true`.
    CutOff(String),
}

type Script = fn(model: &str, n: usize) -> Said;

/// Answers until the test ends.
struct Scripted {
    address: String,
    state: Arc<State>,
}

struct State {
    /// The names of the models that were asked.
    asked: Mutex<Vec<String>>,
    /// After so many questions `m:v1` is another model.
    replaced_after: AtomicUsize,
    /// Models can't be unloaded.
    stays_loaded: AtomicBool,
}

impl State {
    fn asked(&self, model: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|m| *m == model).count()
    }

    fn digest(&self, model: &str) -> String {
        let replaced = model == "m:v1" && self.asked(model) >= self.replaced_after.load(Ordering::Relaxed);
        format!("{:0>64}", model.len() + if replaced { 100 } else { 0 })
    }
}

impl Scripted {
    fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(State {
            asked: Mutex::default(),
            replaced_after: AtomicUsize::new(usize::MAX),
            stays_loaded: AtomicBool::new(false),
        });
        let found = Self { address, state: state.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away early is its own matter.
                let _ = answer(&stream, script, &state);
            }
        });
        found
    }

    /// How often each question of the suite was put to `model` since the last call.
    fn count(&self, model: &str) -> usize {
        let count = self.state.asked(model);
        self.state.asked.lock().unwrap().retain(|m| m != model);
        count
    }
}

fn answer(mut stream: &TcpStream, script: Script, state: &State) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line)? > 2 {
        if let Some(said) = line.to_lowercase().strip_prefix("content-length:") {
            length = said.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let model = body["model"].as_str().unwrap_or_default();
    let text = match request.split(' ').nth(1).unwrap_or_default() {
        "/api/version" => json!({"version": "0.32.15"}).to_string(),
        "/api/tags" => {
            let tag = |name: &str| json!({"name": name, "size": 1, "digest": state.digest(name), "details": {}});
            let names = ["m:v1", "m:v2b", "m:v3cc", "m:v4ddd"];
            json!({"models": names.iter().map(|n| tag(n)).collect::<Vec<_>>()}).to_string()
        }
        "/api/chat" => {
            let prompt =
                body["messages"].as_array().and_then(|m| m.last()).map_or("", |m| m["content"].as_str().unwrap());
            let Some(n) = prompt.strip_prefix("What is number ").and_then(|n| n.trim_end_matches('?').parse().ok())
            else {
                let hello =
                    json!({"message": {"role": "assistant", "content": "Hello."}, "done": true, "done_reason": "stop"});
                return respond(stream, 200, &format!("{hello}\n"));
            };
            state.asked.lock().unwrap().push(model.to_owned());
            let part = |text: &str| json!({"message": {"role": "assistant", "content": text}, "done": false});
            match script(model, n) {
                Said::Whole(text) => format!("{}\n{}\n", part(&text), json!({"done": true, "done_reason": "stop"})),
                Said::CutOff(text) => format!("{}\n", part(&text)),
            }
        }
        "/api/generate" if body["keep_alive"] == 0 && !state.stays_loaded.load(Ordering::Relaxed) => {
            json!({"done": true, "done_reason": "unload"}).to_string()
        }
        _ => return respond(stream, 404, r#"{"error": "model not found"}"#),
    };
    respond(stream, 200, &text)?;
    stream.flush()
}

fn respond(mut stream: &TcpStream, status: u16, body: &str) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes())
}

/// A project with a suite of 60 numbers.
fn project(server: &Scripted) -> Place {
    let place = Place::new().with("OLLAMA_HOST", &server.address);
    let line = |n| json!({"prompt": format!("What is number {n}?"), "expected": format!("{n}")}).to_string() + "\n";
    place.write("suite.jsonl", &(100..160).map(line).collect::<String>());
    place.write("configs/models.yaml", "models: {numbers: {model_name: \"m:v1\"}}\n");
    place
}

fn eval(place: &Place, model: &str) -> Ended {
    place.run(&["eval", "--suite", "suite.jsonl", "--against", "m:v1", "--model", model])
}

/// Prompts that v1 is asked a second time.
const AGAIN: usize = 20;

/// v1 knows every third number, a better model all.
fn knows(model: &str, n: usize) -> Said {
    let known = model != "m:v1" || n.is_multiple_of(3);
    Said::Whole(if known { n.to_string() } else { "I do not know".into() })
}

#[test]
fn a_v1_that_is_cut_off_promotes_nobody() {
    let server = Scripted::start(|model, n| match (model, n) {
        // Both models know all; only v1's streams end early.
        ("m:v1", 100..120) => Said::CutOff(String::new()),
        ("m:v1", _) => Said::Whole(format!("{n}.0")),
        _ => Said::Whole(n.to_string()),
    });
    let place = project(&server);
    eval(&place, "m:v2b").says(101, &["20 requests of v1 failed", "0 fixed, 0 broken of 40", "INCONCLUSIVE"]);
    // Each was tried twice, and no half answer is kept.
    assert_eq!((server.count("m:v1"), server.count("m:v2b")), (80 + AGAIN, 60));
    eval(&place, "m:v2b").says(101, &["20 requests of v1 failed"]);
    assert_eq!((server.count("m:v1"), server.count("m:v2b")), (40, 0));
}

#[test]
fn a_v1_that_stays_loaded_leaves_the_noise_floor_unknown_and_the_verdict_stands() {
    let server = Scripted::start(knows);
    server.state.stays_loaded.store(true, Ordering::Relaxed);
    let place = project(&server);
    let ended = eval(&place, "m:v2b");
    ended.says(0, &["IMPROVED", "the noise floor is not known: m:v1 was not asked a second time"]);
    assert_eq!((server.count("m:v1"), server.count("m:v2b")), (60, 60));
    // It can be unloaded now: only what is not known yet is asked.
    server.state.stays_loaded.store(false, Ordering::Relaxed);
    eval(&place, "m:v2b").says(0, &["noise floor: of 20 prompts asked of v1 again, 0 got another text"]);
    assert_eq!((server.count("m:v1"), server.count("m:v2b")), (AGAIN, 0));
}

#[test]
fn a_second_candidate_asks_only_v2() {
    let server = Scripted::start(knows);
    let place = project(&server);
    eval(&place, "m:v2b").says(0, &["IMPROVED"]);
    assert_eq!((server.count("m:v1"), server.count("m:v2b")), (60 + AGAIN, 60));
    eval(&place, "m:v3cc").says(0, &["IMPROVED"]);
    assert_eq!((server.count("m:v1"), server.count("m:v3cc")), (0, 60));
    // Another question is another request.
    let role =
        "models: {numbers: {model_name: \"m:v1\", options: {num_predict: 64}, eval: ../suite.jsonl, general: off}}\n";
    place.write("configs/models.yaml", role);
    place.run(&["eval", "--role", "numbers", "--model", "m:v3cc"]).says(0, &["IMPROVED"]);
    assert_eq!((server.count("m:v1"), server.count("m:v3cc")), (60 + AGAIN, 60));
}

#[test]
fn what_a_replaced_model_said_is_not_kept_as_the_old_ones() {
    let server = Scripted::start(knows);
    let place = project(&server);
    server.state.replaced_after.store(10, Ordering::Relaxed);
    eval(&place, "m:v2b").says(1, &["m:v1 was replaced while it was asked"]);
    // The old one is back, and nothing is known of it.
    server.state.replaced_after.store(usize::MAX, Ordering::Relaxed);
    assert!(server.count("m:v1") >= 10);
    eval(&place, "m:v2b").says(0, &["IMPROVED"]);
    assert_eq!(server.count("m:v1"), 60 + AGAIN);
}

#[cfg(unix)]
#[test]
fn what_was_answered_before_ctrl_c_is_not_asked_again() {
    let server = Scripted::start(|model, n| {
        std::thread::sleep(Duration::from_millis(20));
        knows(model, n)
    });
    let place = project(&server);
    let args = ["eval", "--suite", "suite.jsonl", "--against", "m:v1", "--model", "m:v2b"];
    let child = place.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while server.state.asked("m:v1") < 10 {
        std::thread::sleep(Duration::from_millis(5));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let ended = Ended::of(&child.wait_with_output().unwrap());
    ended.says(130, &["answers so far are kept"]);
    let kept = ended.err.split_once("interrupted; the ").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    let kept: usize = kept.unwrap_or_else(|| panic!("{}", ended.err));
    assert!((9..60).contains(&kept) && server.count("m:v1") >= kept, "{kept}");
    eval(&place, "m:v2b").says(0, &["IMPROVED"]);
    assert_eq!(server.count("m:v1"), 60 - kept + AGAIN);
}

#[test]
fn one_bad_answer_is_shown_and_a_tenth_of_them_refuses() {
    let server = Scripted::start(|model, n| match (model, n) {
        ("m:v2b", 101) => Said::Whole("so it is and ".repeat(20)),
        ("m:v3cc", 102) => Said::CutOff("1".into()),
        ("m:v4ddd", 100..106) => Said::Whole("<think>It could be".into()),
        _ => knows(model, n),
    });
    let place = project(&server);
    let counted = "degenerate or failed answers: 1 of 60, 0 before: no objection";
    eval(&place, "m:v2b").says(0, &["IMPROVED", counted]);
    eval(&place, "m:v3cc").says(0, &["IMPROVED", counted]);
    eval(&place, "m:v4ddd").says(100, &["degenerate or failed answers: 6 of 60, 0 before: more than chance explains"]);
}
