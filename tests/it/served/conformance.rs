//! What the client relies on, asked of every server: both real daemons, and later the embedded one.
//! Each check takes a client and what it may use; `conformance!` makes a test of each check for each server.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::json;
use tunesmith::chat::{Message, Role};
use tunesmith::ollama::{Ask, Client, Create, Host, OllamaError, Options, Prompt, resolve, stored_names};
use tunesmith::serve::Server;
use tunesmith::store::{Digest, Interrupt};

use crate::daemon;
use crate::program::Place;

/// What a check may use.
pub struct Context {
    /// SmolLM2-135M-Instruct, registered by [`daemon::register_smollm2`].
    pub model: String,
    pub gguf: PathBuf,
    /// The server's store on this machine.
    pub store: PathBuf,
    /// Whether the bytes that are stored are those that were uploaded.
    pub keeps_bytes: bool,
    /// Whether a causal model gives embeddings.
    pub embeds: bool,
}

fn options(num_predict: i64) -> Options {
    Options { num_thread: Some(1), ..Options::greedy(num_predict, 512) }
}

fn ask(model: &str, prompt: Prompt, num_predict: i64) -> Ask {
    Ask::new(model, prompt, options(num_predict))
}

fn user(text: &str) -> Message {
    Message { role: Role::User, content: text.to_owned() }
}

fn quiet(_: &str) {}

/// Makes `name` from the registered model and hands it to `with`; gone afterwards.
fn copied(client: &Client, context: &Context, name: &str, with: impl FnOnce(&str)) {
    client.copy(&context.model, name).unwrap();
    with(name);
    let _ = client.delete(name);
}

pub fn check_version(client: &Client, _: &Context) {
    let version = client.version().unwrap();
    assert!(version.numbers() > (0, 12, 10), "{version}");
    client.capabilities().unwrap();
}

pub fn check_show_tells_what_was_created(client: &Client, context: &Context) {
    let shown = client.show(&context.model).unwrap().unwrap();
    assert_eq!(shown.template, daemon::SMOLLM2_TEMPLATE);
    let stops: Vec<_> = shown.parameters.iter().filter(|(k, _)| k == "stop").map(|(_, v)| v.as_str()).collect();
    assert_eq!(stops, ["<|im_start|>", "<|im_end|>"]);
    assert_eq!(shown.license, ["Apache-2.0"]);
    assert_eq!((shown.family.as_str(), shown.format.as_str()), ("llama", "gguf"));
    assert_eq!(shown.model_info["general.architecture"], "llama");
    assert_eq!(shown.model_info["llama.block_count"], 30);
    assert!(shown.capabilities.iter().any(|c| c == "completion"), "{:?}", shown.capabilities);
    assert!(shown.adapters.is_empty() && shown.remote_host.is_none());
    assert!(PathBuf::from(&shown.from).starts_with(&context.store), "{}", shown.from);
}

pub fn check_tags_list_it_with_the_digest_of_its_manifest(client: &Client, context: &Context) {
    let tag = client.tag(&context.model.to_uppercase()).unwrap().expect("listed, whatever the case");
    let (model, label) = tag.name.split_once(':').unwrap();
    let manifest = context.store.join("manifests/registry.ollama.ai/library").join(model).join(label);
    assert_eq!(tag.digest, Digest::of_file(manifest).unwrap().hex());
    assert!(tag.size > 50 << 20, "{}", tag.size);
    assert!(client.tag("conf-not-there").unwrap().is_none());
}

pub fn check_the_store_resolves_to_the_same_model(client: &Client, context: &Context) {
    let stored = resolve(&context.store, &context.model).unwrap().unwrap();
    let shown = client.show(&context.model).unwrap().unwrap();
    assert_eq!(stored.gguf, PathBuf::from(shown.from));
    assert_eq!(stored.template.as_deref(), Some(daemon::SMOLLM2_TEMPLATE));
    assert_eq!(stored.license, ["Apache-2.0"]);
    assert_eq!(stored.parameters.iter().filter(|(k, _)| k == "stop").count(), 2);
    let uploaded = Digest::of_file(&context.gguf).unwrap();
    if context.keeps_bytes {
        assert_eq!(stored.gguf_digest, Some(uploaded));
    }
    assert_eq!(stored.gguf_digest, Some(Digest::of_file(&stored.gguf).unwrap()));
    assert!(stored_names(&context.store).unwrap().contains(&stored.name));
    assert!(resolve(&context.store, "conf-not-there").unwrap().is_none());
}

pub fn check_copy_and_delete(client: &Client, context: &Context) {
    copied(client, context, "conf-copy:v1", |name| {
        let (a, b) = (client.tag(&context.model).unwrap().unwrap(), client.tag(name).unwrap().unwrap());
        assert_eq!(a.digest, b.digest, "a copy has the same manifest");
        client.delete(name).unwrap();
        assert!(client.show(name).unwrap().is_none());
        assert!(matches!(client.delete(name), Err(OllamaError::NoModel(_))));
    });
    assert!(client.show(&context.model).unwrap().is_some(), "deleting a copy leaves the model");
}

pub fn check_what_is_missing_is_said_so(client: &Client, _: &Context) {
    let gone = "conf-not-there:v9";
    assert!(client.show(gone).unwrap().is_none());
    assert!(matches!(client.copy(gone, "conf-x"), Err(OllamaError::NoModel(_))));
    assert!(matches!(client.delete(gone), Err(OllamaError::NoModel(_))));
    assert!(matches!(client.unload(gone), Err(OllamaError::NoModel(_))));
    assert!(matches!(client.embed(gone, &["a".into()]), Err(OllamaError::NoModel(_))));
    for prompt in [Prompt::Raw("a".into()), Prompt::Templated("a".into()), Prompt::Chat(vec![user("a")])] {
        let ask = ask(gone, prompt, 1);
        assert!(matches!(client.ask(&ask, &mut quiet), Err(OllamaError::NoModel(_))));
        assert!(matches!(client.rendered(&ask), Err(OllamaError::NoModel(_))));
    }
    let create = Create { model: "conf-x".into(), from: Some(gone.into()), ..Create::default() };
    assert!(matches!(client.create(&create, &mut quiet), Err(OllamaError::NoModel(_))));
}

pub fn check_create_refuses_what_is_no_model(client: &Client, _: &Context) {
    let folder = tempfile::tempdir().unwrap();
    let junk = folder.path().join("junk.gguf");
    std::fs::write(&junk, "no GGUF at all").unwrap();
    let digest = Digest::of_file(&junk).unwrap();
    client.upload(&junk, digest, &mut |_, _| {}).unwrap();
    assert!(client.has_blob(digest).unwrap());
    let nowhere = Digest::of_bytes(b"never uploaded");
    for digest in [digest, nowhere] {
        let create = Create { model: "conf-junk".into(), files: vec![("m.gguf".into(), digest)], ..Create::default() };
        let e = client.create(&create, &mut quiet).unwrap_err();
        assert!(matches!(e, OllamaError::Said { .. }), "{e}");
    }
    assert!(client.show("conf-junk").unwrap().is_none());
}

pub fn check_upload_refuses_another_file(client: &Client, _: &Context) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("m.gguf");
    std::fs::write(&file, "not what the digest says").unwrap();
    let other = Digest::of_bytes(b"something else");
    assert!(!client.has_blob(other).unwrap());
    let e = client.upload(&file, other, &mut |_, _| {}).unwrap_err().to_string();
    assert!(e.contains("is not what it was"), "{e}");
    assert!(!client.has_blob(other).unwrap());
}

pub fn check_create_over_a_model_and_a_bad_template(client: &Client, context: &Context) {
    let parameters = json!({"temperature": 0.5, "num_ctx": 512, "stop": ["a\"b\n"]});
    let mut create = Create {
        model: "conf-over:v1".into(),
        from: Some(context.model.clone()),
        template: Some("<{{ .System }}>{{ .Prompt }}".into()),
        system: Some("SYS".into()),
        parameters: parameters.as_object().unwrap().clone(),
        ..Create::default()
    };
    let mut said = Vec::new();
    client.create(&create, &mut |s| said.push(s.to_owned())).unwrap();
    assert_eq!(said.last().map(String::as_str), Some("success"));
    let shown = client.show("conf-over:v1").unwrap().unwrap();
    assert_eq!((shown.template.as_str(), shown.system.as_str()), ("<{{ .System }}>{{ .Prompt }}", "SYS"));
    for (key, value) in [("temperature", "0.5"), ("num_ctx", "512"), ("stop", "a\"b\n")] {
        assert!(shown.parameters.contains(&(key.into(), value.into())), "{key}: {:?}", shown.parameters);
    }
    create.template = Some("{{ .Prompt".into());
    let e = client.create(&create, &mut quiet).unwrap_err();
    assert!(matches!(&e, OllamaError::Said { message, .. } if message.contains("template")), "{e}");
    client.delete("conf-over:v1").unwrap();
}

pub fn check_generate_is_greedy_and_counted(client: &Client, context: &Context) {
    let prompt = "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n";
    let mut pieces = String::new();
    let question = ask(&context.model, Prompt::Raw(prompt.into()), 6);
    let one = client.ask(&question, &mut |t| pieces.push_str(t)).unwrap();
    assert!(one.done && one.text == pieces, "{one:?}");
    assert!(one.text.contains("France") || one.text.contains("Paris"), "{:?}", one.text);
    // 16 ids by transformers (AutoTokenizer over the same file): `assistant` is two.
    assert_eq!((one.prompt_eval_count, one.eval_count, one.done_reason.as_str()), (16, 6, "length"));
    let two = client.ask(&question, &mut quiet).unwrap();
    assert_eq!(one.text, two.text, "the same question, the same answer");
}

pub fn check_logprobs(client: &Client, context: &Context) {
    let mut question = ask(&context.model, Prompt::Raw("The capital of France is".into()), 4);
    question.top_logprobs = 20;
    let answer = client.ask(&question, &mut quiet).unwrap();
    assert_eq!(answer.logprobs.len(), 4);
    let bytes: Vec<u8> = answer.logprobs.iter().flat_map(|l| l.bytes.clone()).collect();
    assert_eq!(String::from_utf8_lossy(&bytes), answer.text, "the bytes of the tokens are the text");
    for step in &answer.logprobs {
        assert_eq!(step.top.len(), 20);
        assert!(step.top.windows(2).all(|w| w[0].1 >= w[1].1), "sorted");
        assert_eq!((&step.top[0].0, step.top[0].1), (&step.bytes, step.logprob), "greedy takes the first");
        let mass: f64 = step.top.iter().map(|t| t.1.exp()).sum();
        assert!(mass > 0.2 && mass < 1.0001, "{mass}");
    }
    question.top_logprobs = 21;
    assert!(client.ask(&question, &mut quiet).unwrap_err().to_string().contains("at most 20"));
}

pub fn check_stop_words_end_an_answer(client: &Client, context: &Context) {
    let mut question = ask(&context.model, Prompt::Raw("1 2 3 4 5 6".into()), 32);
    question.options.stop = vec!["9".into()];
    let answer = client.ask(&question, &mut quiet).unwrap();
    assert_eq!((answer.done_reason.as_str(), answer.text.contains('9')), ("stop", false), "{:?}", answer.text);
}

pub fn check_the_rendered_prompt(client: &Client, context: &Context) {
    let head = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n";
    let tail = "<|im_start|>user\nhé?<|im_end|>\n<|im_start|>assistant\n";
    let model = context.model.as_str();
    let rendered = |prompt| client.rendered(&ask(model, prompt, 1)).unwrap();
    assert_eq!(rendered(Prompt::Templated("hé?".into())), format!("{head}{tail}"));
    assert_eq!(rendered(Prompt::Chat(vec![user("hé?")])), format!("{head}{tail}"));
    let system = Message { role: Role::System, content: "S".into() };
    let assistant = Message { role: Role::Assistant, content: "A".into() };
    let turns = vec![system, user("U"), assistant, user("hé?")];
    let middle = "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\nA<|im_end|>\n";
    assert_eq!(rendered(Prompt::Chat(turns)), format!("{middle}{tail}"));
}

pub fn check_chat_answers_as_its_rendering_does(client: &Client, context: &Context) {
    let model = context.model.as_str();
    let chat = ask(model, Prompt::Chat(vec![user("Say hello.")]), 6);
    let raw = ask(model, Prompt::Raw(client.rendered(&chat).unwrap()), 6);
    let (chat, raw) = (client.ask(&chat, &mut quiet).unwrap(), client.ask(&raw, &mut quiet).unwrap());
    assert_eq!((&chat.text, chat.prompt_eval_count), (&raw.text, raw.prompt_eval_count));
    assert!(chat.done && !chat.text.is_empty());
}

pub fn check_too_long_a_prompt_is_refused_not_cut(client: &Client, context: &Context) {
    let question = ask(&context.model, Prompt::Raw("word ".repeat(3000)), 1);
    let e = client.ask(&question, &mut quiet).unwrap_err();
    assert!(matches!(&e, OllamaError::Said { status, .. } if *status >= 400), "{e}");
    let fine = ask(&context.model, Prompt::Raw("word".into()), 1);
    assert!(client.ask(&fine, &mut quiet).unwrap().done, "and the next question is answered");
}

pub fn check_embeddings_of_a_causal_model(client: &Client, context: &Context) {
    match client.embed(&context.model, &["a".into(), "b".into()]) {
        Ok(vectors) => assert!(context.embeds && vectors.len() == 2),
        Err(e) => assert!(!context.embeds && matches!(&e, OllamaError::Said { status, .. } if *status >= 400), "{e}"),
    }
    assert_eq!(client.embed(&context.model, &[]).unwrap(), Vec::<Vec<f32>>::new());
}

pub fn check_unload(client: &Client, context: &Context) {
    client.unload(&context.model).unwrap();
    client.unload(&context.model).unwrap();
}

/// Gives the names of all checks to a macro, after what is given with it.
macro_rules! with_every_check {
    ($macro:ident $($before:tt)*) => {
        $macro! { $($before)*
            check_version check_show_tells_what_was_created check_tags_list_it_with_the_digest_of_its_manifest
            check_the_store_resolves_to_the_same_model check_copy_and_delete check_what_is_missing_is_said_so
            check_create_refuses_what_is_no_model check_upload_refuses_another_file
            check_create_over_a_model_and_a_bad_template check_generate_is_greedy_and_counted check_logprobs
            check_stop_words_end_an_answer check_the_rendered_prompt check_chat_answers_as_its_rendering_does
            check_too_long_a_prompt_is_refused_not_cut check_embeddings_of_a_causal_model check_unload
        }
    };
}

/// A test of each check for a server: `$start` gives (client, context, guard).
macro_rules! conformance {
    ($(#[$attribute:meta])* $server:ident, $start:expr) => {
        mod $server {
            with_every_check! { conformance @each [$(#[$attribute])*] $start; }
        }
    };
    (@each $attributes:tt $start:expr; $($check:ident)*) => {
        $(conformance!(@one $attributes $start; $check);)*
    };
    (@one [$(#[$attribute:meta])*] $start:expr; $check:ident) => {
        #[test]
        $(#[$attribute])*
        fn $check() {
            let (client, context, _guard) = $start;
            super::$check(&client, &context);
        }
    };
}

macro_rules! list {
    ($($check:ident)*) => { [$($check),*] };
}

fn real(daemon: &'static daemon::Daemon, keeps_bytes: bool, embeds: bool) -> (Client, Context, impl Sized) {
    let guard = daemon.alone();
    let client = daemon.client();
    let model = "conf-smollm2:135m".to_owned();
    daemon::register_smollm2(&client, &model);
    (client, Context { model, gguf: daemon::smollm2(), store: daemon.store(), keeps_bytes, embeds }, guard)
}

/// The embedded server, one for all checks; its store lies in cargo's folder for tests and is made anew each time.
fn embedded() -> (Client, Context, impl Sized) {
    static SERVER: OnceLock<(Server, PathBuf, Mutex<()>)> = OnceLock::new();
    let (server, store, alone) = SERVER.get_or_init(|| {
        let store = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("embedded-store");
        let _ = std::fs::remove_dir_all(&store);
        (Server::start(&store, ([127, 0, 0, 1], 0).into()).unwrap(), store, Mutex::new(()))
    });
    let guard = alone.lock().unwrap_or_else(PoisonError::into_inner);
    let client = Client::new(Host::parse(&server.address().to_string()).unwrap(), Interrupt::default()).unwrap();
    let model = "conf-smollm2:135m".to_owned();
    daemon::register_smollm2(&client, &model);
    let store = store.clone();
    (client, Context { model, gguf: daemon::smollm2(), store, keeps_bytes: true, embeds: false }, guard)
}

conformance!(embedded_server, super::embedded());
conformance!(ollama_newest, super::real(crate::daemon::newest(), true, false));
conformance!(ollama_with_adapters, super::real(crate::daemon::with_adapters(), false, false));
conformance!(
    #[ignore = "run by scripts/test --old, which builds 0.24.0"]
    ollama_024,
    super::real(crate::daemon::oldest(), true, true)
);

/// The command itself, on a port and a store of its own, until Ctrl-C.
#[cfg(unix)]
#[test]
fn the_serve_command_is_such_a_server_until_ctrl_c() {
    let place = Place::new();
    let store = place.path("store");
    let args = ["serve", "--port", "0", "--store", store.to_str().unwrap()];
    let mut child = place.command(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let address = line.split_once("http://").and_then(|(_, rest)| rest.split(' ').next());
    let address = address.unwrap_or_else(|| panic!("{line}")).to_owned();
    assert!(line.contains("store ") && line.contains("Ctrl-C"), "{line}");
    // Its port is taken now.
    let port = address.rsplit(':').next().unwrap();
    place.run(&["serve", "--port", port, "--store", "other"]).says(1, &["can't listen", &address]);
    let checked = std::panic::catch_unwind(|| {
        let client = Client::new(Host::parse(&address).unwrap(), Interrupt::default()).unwrap();
        let model = "conf-smollm2:135m".to_owned();
        daemon::register_smollm2(&client, &model);
        let context = Context { model, gguf: daemon::smollm2(), store, keeps_bytes: true, embeds: false };
        for check in with_every_check!(list) {
            check(&client, &context);
        }
    });
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let status = child.wait().unwrap();
    if let Err(panic) = checked {
        std::panic::resume_unwind(panic);
    }
    assert_eq!(status.code(), Some(0));
    assert!(TcpStream::connect(&address).is_err(), "something listens at {address} still");
}
