//! Real Ollama daemons for the tests: each on a free loopback port, with its own home and store in a temporary folder.
//!
//! A daemon is watched by a shell that reads a pipe from the test process: when that ends, however it ends, the pipe
//! closes, and the shell stops the daemon and removes its folder. So nothing outlives the tests.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use tunesmith::ollama::{Client, Create, Host};
use tunesmith::store::{Digest, Interrupt};

/// The Go template that renders what SmolLM2's own Jinja does.
pub const SMOLLM2_TEMPLATE: &str = "{{- if not .System }}<|im_start|>system\n\
You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n{{ end }}\
{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n";

/// Runs `$1 serve` until the pipe on its standard input closes; then stops it and removes the folder `$2`.
const WATCHDOG: &str = r#"
"$1" serve >"$2/log" 2>&1 &
pid=$!
echo "$pid" >"$2/pid"
cat >/dev/null
kill "$pid" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" 2>/dev/null || break; sleep 0.2; done
kill -9 "$pid" 2>/dev/null
wait "$pid" 2>/dev/null
rm -rf "$2"
# What a crashed daemon left behind: the runners, in this shell's own process group.
kill -9 -$$
"#;

/// A running daemon; stopped when dropped, and in any case when the test process ends.
#[derive(Debug)]
pub struct Daemon {
    host: Host,
    folder: PathBuf,
    watchdog: Child,
    one_at_a_time: Mutex<()>,
}

/// The newest daemon that is tested, 0.34.4; one for all tests, started by the first that asks.
pub fn newest() -> &'static Daemon {
    static DAEMON: OnceLock<Daemon> = OnceLock::new();
    DAEMON.get_or_init(|| Daemon::start(&needed("TUNESMITH_OLLAMA_NEW")))
}

/// The last daemon that takes adapters, 0.34.0; one for all tests.
pub fn with_adapters() -> &'static Daemon {
    static DAEMON: OnceLock<Daemon> = OnceLock::new();
    DAEMON.get_or_init(|| Daemon::start(&needed("TUNESMITH_OLLAMA_OLD")))
}

/// 0.24.0, the last with Ollama's own C++ engines; only with `scripts/test --old`.
pub fn oldest() -> &'static Daemon {
    static DAEMON: OnceLock<Daemon> = OnceLock::new();
    DAEMON.get_or_init(|| Daemon::start(&needed("TUNESMITH_OLLAMA_024")))
}

/// A path that `scripts/test` hands to the tests; without it a test fails rather than pretending.
pub fn needed(variable: &str) -> PathBuf {
    match std::env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => panic!("{variable} is not set: run the tests with scripts/test, which prepares what they need"),
    }
}

/// The real model's file.
pub fn smollm2() -> PathBuf {
    needed("TUNESMITH_SMOLLM2")
}

impl Daemon {
    /// A daemon of one's own (for tests that kill it).
    pub fn start(binary: &Path) -> Self {
        for attempt in 1.. {
            match Self::try_start(binary) {
                Ok(daemon) => return daemon,
                Err(log) if attempt == 3 => panic!("{} does not start:\n{log}", binary.display()),
                // Another process may have taken the port meanwhile.
                Err(_) => {}
            }
        }
        unreachable!()
    }

    fn try_start(binary: &Path) -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("tunesmith-it-").tempdir().unwrap().keep();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let host = Host::parse(&format!("127.0.0.1:{port}")).unwrap();
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(binary)
            .arg(&folder)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", &folder)
            .env("OLLAMA_HOST", format!("127.0.0.1:{port}"))
            .env("OLLAMA_MODELS", folder.join("models"))
            .env("OLLAMA_NO_CLOUD", "1")
            .env("OLLAMA_NUM_PARALLEL", "1")
            .env("OLLAMA_CONTEXT_LENGTH", "2048")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C is for the test process; the daemon goes when that has gone.
            .process_group(0)
            .spawn()
            .unwrap();
        let daemon = Self { host, folder, watchdog, one_at_a_time: Mutex::new(()) };
        let client = daemon.client();
        let deadline = Instant::now() + Duration::from_secs(60);
        while client.version().is_err() {
            if Instant::now() > deadline {
                return Err(daemon.log());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(daemon)
    }

    pub fn host(&self) -> Host {
        self.host.clone()
    }

    pub fn client(&self) -> Client {
        Client::new(self.host(), Interrupt::default()).unwrap()
    }

    /// The root of its store (`OLLAMA_MODELS`).
    pub fn store(&self) -> PathBuf {
        self.folder.join("models")
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Held by a test while it has models answer, so that two tests don't load two models on two cores.
    pub fn alone(&self) -> MutexGuard<'_, ()> {
        self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the daemon at once, as a crash would.
    pub fn crash(&self) {
        let pid = std::fs::read_to_string(self.folder.join("pid")).unwrap();
        assert!(Command::new("kill").args(["-9", pid.trim()]).status().unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

/// Registers SmolLM2-135M-Instruct under `name` with the template of its own Jinja, unless it is there.
pub fn register_smollm2(client: &Client, name: &str) {
    if client.show(name).unwrap().is_some() {
        return;
    }
    let path = smollm2();
    let digest = Digest::of_file(&path).unwrap();
    client.upload(&path, digest, &mut |_, _| {}).unwrap();
    let parameters = json!({"stop": ["<|im_start|>", "<|im_end|>"]});
    let create = Create {
        model: name.to_owned(),
        files: vec![("model.gguf".to_owned(), digest)],
        template: Some(SMOLLM2_TEMPLATE.to_owned()),
        parameters: parameters.as_object().unwrap().clone(),
        license: vec!["Apache-2.0".to_owned()],
        ..Create::default()
    };
    client.create(&create, &mut |_| {}).unwrap();
}

/// Registers MiniLM under `name` in [`newest`], for embeddings. That daemon takes only GGUFs, the older one makes one of
/// the safetensors that the package holds: so it is imported there, and the file goes over.
pub fn register_minilm(name: &str) {
    let (newest, importer) = (newest().client(), with_adapters().client());
    if newest.show(name).unwrap().is_some() {
        return;
    }
    let folder = needed("TUNESMITH_MINILM");
    let upload = |client: &Client, path: &Path| {
        let digest = Digest::of_file(path).unwrap();
        client.upload(path, digest, &mut |_, _| {}).unwrap();
        digest
    };
    let mut files = Vec::new();
    for file in [
        "model.safetensors",
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
        "modules.json",
        "special_tokens_map.json",
        "1_Pooling/config.json",
    ] {
        files.push((file.to_owned(), upload(&importer, &folder.join(file))));
    }
    importer.create(&Create { model: "minilm-import".into(), files, ..Create::default() }, &mut |_| {}).unwrap();
    let made = tunesmith::ollama::resolve(&with_adapters().store(), "minilm-import").unwrap().unwrap();
    let files = vec![("model.gguf".to_owned(), upload(&newest, &made.gguf))];
    newest.create(&Create { model: name.to_owned(), files, ..Create::default() }, &mut |_| {}).unwrap();
}

/// Registers Qwen2.5-Coder-0.5B-Instruct (Q4_K_M) under `name` as `FROM model.gguf` alone does, unless it is there: the
/// daemon renders prompts by the file's own Jinja.
pub fn register_qwen(client: &Client, name: &str) {
    if client.show(name).unwrap().is_some() {
        return;
    }
    let path = needed("TUNESMITH_QWEN");
    let digest = Digest::of_file(&path).unwrap();
    client.upload(&path, digest, &mut |_, _| {}).unwrap();
    let files = vec![("model.gguf".to_owned(), digest)];
    client.create(&Create { model: name.to_owned(), files, ..Create::default() }, &mut |_| {}).unwrap();
}
