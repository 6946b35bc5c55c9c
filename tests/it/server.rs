//! The embedded server under attack and under load: who may ask, what it refuses, and that one request never harms another.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tunesmith::gguf::Value;
use tunesmith::ollama::{Ask, Client, Create, Host, Options, Prompt, SECOND_ENGINE};
use tunesmith::serve::{Limits, Server};
use tunesmith::store::{Digest, Interrupt};

use crate::tiny::{QWEN2, changed};

/// A server with a store of its own, and a model `m` of a few thousand weights.
struct Place {
    dir: TempDir,
    server: Server,
    gguf: PathBuf,
}

impl Place {
    fn new(limits: Limits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let gguf = dir.path().join("tiny.gguf");
        QWEN2.gguf(&gguf);
        let server = Server::start_within(&dir.path().join("store"), ([127, 0, 0, 1], 0).into(), limits).unwrap();
        let place = Self { dir, server, gguf };
        place.create("m", &place.gguf).unwrap();
        place
    }

    fn client(&self) -> Client {
        Client::new(Host::parse(&self.server.address().to_string()).unwrap(), Interrupt::default()).unwrap()
    }

    fn create(&self, name: &str, file: &Path) -> Result<(), tunesmith::ollama::OllamaError> {
        let (client, digest) = (self.client(), Digest::of_file(file).unwrap());
        client.upload(file, digest, &mut |_, _| {}).unwrap();
        let create = Create {
            model: name.into(),
            files: vec![("m.gguf".into(), digest)],
            template: Some("{{ .System }}{{ .Prompt }}".into()),
            ..Create::default()
        };
        client.create(&create, &mut |_| {})
    }

    fn blob(&self, file: &Path) -> PathBuf {
        self.dir.path().join("store/blobs").join(Digest::of_file(file).unwrap().blob_name())
    }

    /// (status, what follows the head) of one request on a connection of its own.
    fn http(&self, request: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        let mut stream = connected(self.server.address());
        let mut head = format!("{request} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        if headers.iter().all(|(name, _)| *name != "Host") {
            head += "Host: localhost\r\n";
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).unwrap();
        let status = all.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or_else(|| panic!("{request}: {all:?}"));
        (status, all.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
    }

    fn generate(&self, body: &Json) -> (u16, Json) {
        let (status, text) = self.http("POST /api/generate", &[], &body.to_string());
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    fn answers(&self) {
        let (status, reply) = self.generate(&json!({"model": "m", "prompt": "hi", "stream": false,
            "options": {"num_predict": 2}}));
        assert_eq!((status, &reply["done"]), (200, &json!(true)), "{reply}");
    }
}

fn connected(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

fn greedy(prompt: &str, n: i64) -> Ask {
    Ask::new("m", Prompt::Raw(prompt.into()), Options::greedy(n, 512))
}

/// Ends when the other side closes the connection, however it does it.
fn closed_within(stream: &mut TcpStream, time: Duration) -> bool {
    stream.set_read_timeout(Some(time)).unwrap();
    let (mut buf, began) = ([0; 4096], Instant::now());
    while began.elapsed() < time {
        match stream.read(&mut buf) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(e) => return !matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut),
        }
    }
    false
}

#[test]
fn foreign_hosts_and_origins_are_refused_on_every_route() {
    let place = Place::new(Limits::default());
    let body = r#"{"model":"m","prompt":"hi","stream":false,"options":{"num_predict":1}}"#;
    let routes = ["GET /api/tags", "GET /", "POST /api/generate", "POST /api/copy", "DELETE /api/delete", "GET /none"];
    for route in routes {
        for refused in [
            &[("Host", "evil.example.com")][..],
            &[("Host", "evil.example.com:11434")],
            &[("Origin", "https://evil.example.com"), ("Content-Type", "text/plain")],
            &[("Origin", "http://localhost.evil.com")],
            &[("Origin", "null")],
        ] {
            assert_eq!(place.http(route, refused, body).0, 403, "{route} {refused:?}");
        }
    }
    let blob = format!("POST /api/blobs/{}", Digest::of_bytes(b"x"));
    assert_eq!(place.http(&blob, &[("Origin", "https://evil.example.com")], "x").0, 403);
    assert_eq!(place.http("OPTIONS /api/chat", &[("Origin", "https://evil.example.com")], "").0, 403);
    for allowed in [
        &[("Host", "127.0.0.1:1")][..],
        &[("Host", "[::1]:80")],
        &[("Host", "box.local")],
        &[("Origin", "http://localhost:3000")],
        &[("Origin", "app://obsidian.md")],
        &[("Host", "box.internal:9"), ("Origin", "http://box.internal:9")],
    ] {
        assert_eq!(place.http("POST /api/generate", allowed, body).0, 200, "{allowed:?}");
    }
    assert_eq!(place.http("OPTIONS /api/chat", &[("Origin", "http://localhost:3000")], "").0, 204);
    place.answers();
}

#[test]
fn a_request_that_renders_to_nothing_is_answered_and_harms_no_other() {
    let place = Place::new(Limits::default());
    let body = json!({"model": "m", "prompt": "hi", "template": "{{ range .Messages }}{{ end }}", "stream": false});
    for _ in 0..3 {
        let (status, reply) = place.generate(&body);
        assert_eq!((status, &reply["response"], &reply["done"]), (200, &json!(""), &json!(true)), "{reply}");
        place.answers();
    }
    // Options of every odd kind: an answer or an error of that request, and the next one is answered.
    let odd = [json!(-1), json!(0), json!(1e300), json!(-1e300), json!(1e-300), json!(u64::MAX), json!("x"), json!([])];
    for name in ["temperature", "top_k", "top_p", "min_p", "repeat_penalty", "num_ctx", "num_predict", "seed"] {
        for value in &odd {
            let mut options = json!({"num_predict": 2, "temperature": 1.0});
            options[name] = value.clone();
            if name == "num_predict" {
                options["num_ctx"] = json!(16);
            }
            let body = json!({"model": "m", "prompt": "hi", "stream": false, "options": options});
            let (status, reply) = place.generate(&body);
            assert!(status == 200 || reply["error"].is_string(), "{name} {value}: {status} {reply}");
        }
    }
    place.answers();
}

#[test]
fn models_whose_numbers_do_not_fit_are_refused_at_create() {
    let place = Place::new(Limits::default());
    for (key, value) in [
        ("block_count", 0_u32),
        ("block_count", 3),
        ("block_count", u32::MAX),
        ("embedding_length", 0),
        ("embedding_length", 4096),
        ("embedding_length", u32::MAX),
        ("feed_forward_length", u32::MAX),
        ("attention.head_count", 0),
        ("attention.head_count", 3),
        ("attention.head_count", u32::MAX),
        ("attention.head_count_kv", 0),
        ("attention.head_count_kv", 3),
        ("attention.head_count_kv", u32::MAX),
        ("attention.key_length", u32::MAX),
        ("context_length", 0),
    ] {
        let file = changed(&place.gguf, place.dir.path().join("changed.gguf"), |metadata, _| {
            metadata.insert(format!("qwen2.{key}"), Value::U32(value));
        });
        let began = Instant::now();
        let refused = place.create("bad", &file);
        assert!(refused.is_err(), "{key} = {value} was taken");
        assert!(began.elapsed() < Duration::from_secs(20), "{key} = {value}");
        assert!(place.client().show("bad").unwrap().is_none());
    }
    let cut = changed(&place.gguf, place.dir.path().join("cut.gguf"), |_, tensors| {
        tensors.retain(|(t, _)| t.name != "blk.1.ffn_up.weight");
    });
    assert!(place.create("bad", &cut).is_err());
    let narrow = changed(&place.gguf, place.dir.path().join("narrow.gguf"), |_, tensors| {
        let (plan, bytes) = tensors.iter_mut().find(|(t, _)| t.name == "token_embd.weight").unwrap();
        plan.ne[1] -= 64;
        // In f16.
        bytes.truncate((plan.ne[0] * plan.ne[1] * 2) as usize);
    });
    assert!(place.create("bad", &narrow).is_err(), "fewer rows than tokens");
    place.answers();
}

/// Success would be said of something that was not done.
#[test]
fn what_the_server_does_not_do_is_refused_by_name() {
    let place = Place::new(Limits::default());
    for (name, value) in [("images", json!(["aGk="])), ("suffix", json!("end"))] {
        let mut body = json!({"model": "m", "prompt": "hi", "stream": false, "options": {"num_predict": 2}});
        body[name] = value;
        let (status, reply) = place.generate(&body);
        assert!(status == 400 && reply["error"].as_str().unwrap().contains(name), "{name}: {status} {reply}");
    }
    let tools = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": [{"type": "function"}]});
    assert_eq!(place.http("POST /api/chat", &[], &tools.to_string()).0, 400);
    for (key, value) in [
        ("quantize", json!("q4_0")),
        ("parameters", json!({"temperature": "hot"})),
        ("parameters", json!({"num_ctx": [1]})),
    ] {
        let mut body = json!({"model": "n", "from": "m", "stream": false});
        body[key] = value;
        assert_eq!(place.http("POST /api/create", &[], &body.to_string()).0, 400, "{body}");
        assert!(place.client().show("n").unwrap().is_none());
    }
    // Sampling that leaves no token, and a floor above the likeliest.
    let of = |options| place.generate(&json!({"model": "m", "prompt": "hi", "stream": false, "options": options}));
    let (status, reply) = of(json!({"temperature": 1, "presence_penalty": -1e300, "num_predict": 2}));
    assert!(status == 200 || reply["error"] == "no token can be chosen with these options", "{reply}");
    assert_eq!(of(json!({"temperature": 0.5, "min_p": 2, "num_predict": 2})).0, 200);
    place.answers();
}

/// What `show` could not read, and files by the thousand, are refused before anything is written.
#[test]
fn texts_too_long_to_be_read_again_and_licenses_without_end_are_refused_at_create() {
    let place = Place::new(Limits::default());
    let digest = Digest::of_file(&place.gguf).unwrap();
    let create = |system: String, license: Vec<String>| {
        let (files, template) = (vec![("m.gguf".into(), digest)], Some("{{ .Prompt }}".into()));
        let system = Some(system);
        let create = Create { model: "n".into(), files, template, system, license, ..Create::default() };
        place.client().create(&create, &mut |_| {})
    };
    let text = |bytes: usize| "x".repeat(bytes);
    for (system, license) in [(text((4 << 20) + 1), vec![]), (text(1), vec![text(1); 257])] {
        let refused = create(system, license).unwrap_err().to_string();
        assert!(refused.contains("4194304 bytes a text and 256 licenses at most"), "{refused}");
        assert!(place.client().show("n").unwrap().is_none());
    }
    create(text(4 << 20), vec![text(1)]).unwrap();
    assert_eq!(place.client().show("n").unwrap().unwrap().system.len(), 4 << 20);
}

#[test]
fn names_are_one_whatever_their_case_and_uploads_survive_a_delete() {
    let place = Place::new(Limits::default());
    let client = place.client();
    client.copy("m", "x").unwrap();
    // Ollama's `x` and `X:Latest` are one model.
    let again =
        |name: &str| place.http("POST /api/copy", &[], &json!({"source": "M", "destination": name}).to_string());
    assert_eq!(again("X:Latest").0, 200);
    let names: Vec<_> = client.tags().unwrap().into_iter().map(|t| t.name).collect();
    assert_eq!(names, ["m:latest", "x:latest"]);
    assert!(client.show("X:LATEST").unwrap().is_some());
    client.delete("X:Latest").unwrap();
    assert_eq!(client.tags().unwrap().len(), 1);
    // Another client has uploaded a file and is about to create its model.
    let other = changed(&place.gguf, place.dir.path().join("other.gguf"), |metadata, _| {
        metadata.insert("general.name".into(), Value::String("other".into()));
    });
    client.upload(&other, Digest::of_file(&other).unwrap(), &mut |_, _| {}).unwrap();
    client.delete("m").unwrap();
    assert!(place.blob(&other).is_file(), "an upload was pruned");
    place.create("m", &other).unwrap();
    place.answers();
}

#[test]
fn a_deleted_models_own_blobs_go() {
    let place = Place::new(Limits::default());
    let store = place.dir.path().join("store/blobs");
    // Texts are blobs that nobody uploaded: the template's and the config's.
    let count = || std::fs::read_dir(&store).unwrap().count();
    let before = count();
    let create = Create { model: "y".into(), from: Some("m".into()), system: Some("S".into()), ..Create::default() };
    place.client().create(&create, &mut |_| {}).unwrap();
    assert_eq!(count(), before + 1);
    place.client().delete("y").unwrap();
    assert_eq!(count(), before);
    place.answers();
}

/// What it names is not known.
#[test]
fn a_manifest_that_cannot_be_read_keeps_every_blob() {
    let place = Place::new(Limits::default());
    let store = place.dir.path().join("store");
    let count = || std::fs::read_dir(store.join("blobs")).unwrap().count();
    let before = count();
    let create = Create { model: "y".into(), from: Some("m".into()), system: Some("S".into()), ..Create::default() };
    let create_and_delete = || {
        place.client().create(&create, &mut |_| {}).unwrap();
        place.client().delete("y").unwrap();
    };
    // (The last is a name that this server can't be asked for.)
    let [torn, unnamed] = ["torn/latest", "torn/x-cloud"].map(|name| {
        let path = store.join("manifests/registry.ollama.ai/library").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    });
    for (path, text) in [(&torn, &b"\xff"[..]), (&torn, b"{\"layers\": ["), (&torn, b""), (&unnamed, b"{")] {
        std::fs::write(path, text).unwrap();
        create_and_delete();
        assert_eq!(count(), before + 1, "{text:?}");
        std::fs::remove_file(path).unwrap();
        create_and_delete();
        assert_eq!(count(), before, "{text:?}");
    }
    place.answers();
}

#[test]
fn a_store_of_ollama_is_refused_and_one_of_an_earlier_version_is_not() {
    let Place { dir, server, .. } = Place::new(Limits::default());
    drop(server);
    let store = dir.path().join("store");
    let start = || Server::start(&store, ([127, 0, 0, 1], 0).into());
    let mark = store.join("tunesmith-store");
    // Earlier versions set no mark.
    std::fs::remove_file(&mark).unwrap();
    drop(start().unwrap());
    assert!(mark.is_file());
    // As Ollama writes them: with the layers' digests, or (newer) without that key; what can't be read may be Ollama's, too.
    let theirs = store.join("manifests/registry.ollama.ai/library/theirs/latest");
    std::fs::create_dir_all(theirs.parent().unwrap()).unwrap();
    let manifest = |config: &Json| {
        let text = config.to_string();
        let digest = Digest::of_bytes(text.as_bytes());
        std::fs::write(store.join("blobs").join(digest.blob_name()), text).unwrap();
        json!({"schemaVersion": 2, "config": {"digest": digest.to_string()}, "layers": []}).to_string()
    };
    let listed = json!({"model_format": "gguf", "rootfs": {"type": "layers", "diff_ids": ["sha256:0"]}});
    for text in [manifest(&listed), manifest(&json!({"model_format": "gguf"})), "{".to_owned()] {
        std::fs::write(&theirs, text).unwrap();
        drop(start().unwrap());
        std::fs::remove_file(&mark).unwrap();
        let said = start().unwrap_err().to_string();
        assert!(said.contains("store of Ollama") && !mark.exists(), "{said}");
        let serve = ["serve", "--port", "0", "--store", store.to_str().unwrap()];
        crate::program::Place::new().run(&serve).says(3, &["store of Ollama", "another folder"]);
        std::fs::write(&mark, "").unwrap();
    }
}

/// Each answer, log-probabilities and all, is the same in company as alone, and in whatever order they come.
#[test]
fn answers_do_not_depend_on_what_is_asked_beside_them() {
    let place = Place::new(Limits::default());
    let asks: Vec<Ask> = (0..24)
        .map(|i| {
            let mut ask = greedy(&format!("You answer briefly and in one line, always. {}", "a b ".repeat(i)), 12);
            ask.top_logprobs = if i % 3 == 0 { 5 } else { 0 };
            if i % 4 == 1 {
                (ask.options.temperature, ask.options.seed) = (1.2, i as i64);
            }
            ask
        })
        .collect();
    let summary = |ask: &Ask| {
        let a = place.client().ask(ask, &mut |_| {}).unwrap();
        assert!(a.done && a.engine == "native", "{a:?}");
        (a.text, a.done_reason, a.eval_count, a.logprobs.iter().map(|l| l.logprob.to_bits()).collect::<Vec<_>>())
    };
    let alone: Vec<_> = asks.iter().map(summary).collect();
    assert!(alone.iter().any(|a| a.2 > 1));
    let together: BTreeMap<usize, _> = std::thread::scope(|scope| {
        let threads: Vec<_> = asks.iter().enumerate().map(|(i, ask)| (i, scope.spawn(move || summary(ask)))).collect();
        threads.into_iter().rev().map(|(i, thread)| (i, thread.join().unwrap())).collect()
    });
    for (i, alone) in alone.iter().enumerate() {
        assert!(*alone == together[&i], "answer {i} differs in company");
    }
}

#[test]
fn the_second_opinion_is_another_implementation_that_agrees() {
    let place = Place::new(Limits::default());
    let mut ask = greedy("the quick brown fox", 6);
    ask.top_logprobs = 3;
    let native = place.client().ask(&ask, &mut |_| {}).unwrap();
    ask.options.extra.insert("engine".into(), json!(SECOND_ENGINE));
    let second = place.client().ask(&ask, &mut |_| {}).unwrap();
    assert_eq!((native.engine.as_str(), second.engine.as_str()), ("native", SECOND_ENGINE));
    assert_eq!(native.text, second.text);
    for (a, b) in native.logprobs.iter().zip(&second.logprobs) {
        assert!((a.logprob - b.logprob).abs() < 1e-2, "{} {}", a.logprob, b.logprob);
    }
    ask.options.extra.insert("engine".into(), json!("mine"));
    assert!(place.client().ask(&ask, &mut |_| {}).unwrap_err().to_string().contains("engine"));
}

#[test]
fn clients_that_do_not_read_or_do_not_ask_hold_up_nobody() {
    let second = Duration::from_secs(1);
    let place = Place::new(Limits { connections: 8, idle: 2 * second, stalled: 2 * second });
    // As much as there is to say, with much to read, and never read.
    let body = json!({"model": "m", "prompt": "hi", "logprobs": true, "top_logprobs": 20,
        "options": {"num_predict": -1, "num_ctx": 2048, "temperature": 1.5}})
    .to_string();
    let unread: Vec<_> = (0..3)
        .map(|_| {
            let mut stream = connected(place.server.address());
            let head =
                format!("POST /api/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
            stream
        })
        .collect();
    std::thread::sleep(second / 2);
    let began = Instant::now();
    place.answers();
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    // Idle ones, and one that sends half a request, use up the places until they are ended.
    let mut idle: Vec<_> = (0..8).map(|_| connected(place.server.address())).collect();
    idle[0].write_all(b"POST /api/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{").unwrap();
    place.answers();
    for stream in &mut idle {
        assert!(closed_within(stream, Duration::from_secs(30)), "an idle connection stays");
    }
    drop(unread);
    place.answers();
}

#[test]
fn an_endless_answer_ends_at_the_context_and_with_its_client() {
    let place = Place::new(Limits::default());
    // Greedily this model never ends by itself.
    let body = |context: u64, predict: i64, stream: bool| {
        let options = json!({"num_predict": predict, "num_ctx": context, "temperature": 0});
        json!({"model": "m", "prompt": "hi", "stream": stream, "options": options})
    };
    let whole = |context: u64, predict: i64| {
        let (status, reply) = place.generate(&body(context, predict, false));
        let tokens = reply["prompt_eval_count"].as_u64().unwrap() + reply["eval_count"].as_u64().unwrap();
        assert_eq!((status, &reply["done_reason"], tokens), (200, &json!("length"), context), "{reply}");
    };
    whole(64, -1);
    let began = Instant::now();
    whole(2048, 1_000_000);
    let takes = began.elapsed();
    // As many as are answered together.
    for _ in 0..32 {
        // Gone after the first bytes.
        let mut stream = connected(place.server.address());
        let body = body(2048, 1_000_000, true).to_string();
        let head = format!("POST /api/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        stream.read_exact(&mut [0; 8]).unwrap();
    }
    // Were they answered to their ends, this one would wait for the first that ends.
    let began = Instant::now();
    place.answers();
    assert!(began.elapsed() < takes / 2, "{:?}; a whole answer takes {takes:?}", began.elapsed());
}
