//! Files, templates and daemons of strangers: what they may cost, read and show.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{Ended, Place};
use crate::tiny;

/// A rendering is stopped after a second of processor time; the rest is for a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(12);

/// Runs the program with at most 300 MiB of memory for itself and for each process that it starts.
fn in_little_memory(place: &Place, args: &[&str]) -> Ended {
    let start = Instant::now();
    let ended = place.run_after("ulimit -d 307200", args);
    assert!(start.elapsed() < SOON, "{args:?} took {:?}", start.elapsed());
    ended
}

const DOUBLING: &str =
    "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}";

#[test]
fn a_chat_template_that_never_ends_or_takes_all_memory_is_refused() {
    let folder = tiny::LLAMA3.folder();
    let template = folder.path().join("chat_template.jinja");
    let base = folder.path().to_str().unwrap();
    let place = Place::new();
    place.write(
        "d.jsonl",
        "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\", \"content\": \"b\"}]}",
    );
    let twice =
        "{% set ns = namespace(x='a') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x }}";
    let (time, memory) = ("1 s of processor time", "192 MiB of memory");
    for (source, words) in [
        ("{{ 'x'.count('') }}", time),
        // Only where there is a system message, which a template may refuse: the time is exceeded once, not at every probe.
        (
            "{% if messages[0].role == 'system' %}{{ 'x'.count('') }}{% endif %}{% for m in messages %}<{{ m.role }}>\
             {{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}",
            time,
        ),
        ("{{ strftime_now('%Y') }}{{ 'x'.count('') }}", time),
        ("{{ messages|slice(10**9)|list }}", memory),
        (twice, memory),
        (&twice.replace('+', "~"), memory),
        ("{{ 'a\\nb'|indent(10**9) }}", memory),
        ("{{ 'x'.join([1] * 100000000) }}", ""),
        ("{{ [1] * 10**9 }}", ""),
        ("{{ 'x' * 10**10 }}", ""),
        ("{{ ('x' * 10**8)|upper }}", ""),
        ("{{ range(10**9) }}", ""),
        (&format!("{DOUBLING}{{{{ ns.x|tojson }}}}"), ""),
        (&format!("{DOUBLING}{{{{ ns.x }}}}"), ""),
        (&format!("{DOUBLING}{{{{ ns.x|string|length }}}}"), ""),
        ("{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}", ""),
        ("{% for a in range(99999) %}{{ messages }}{% endfor %}", ""),
        (&format!("{{{{ {}1{} }}}}", "(".repeat(100_000), ")".repeat(100_000)), ""),
        (&format!("{{{{ {}1 }}}}", "-".repeat(200_000)), ""),
        (&"{% if 1 %}".repeat(50_000), ""),
        ("{% include '/etc/passwd' %}", ""),
    ] {
        std::fs::write(&template, source).unwrap();
        let shown = &source[..source.len().min(80)];
        println!("{shown}");
        in_little_memory(&place, &["bases", "show", base]).says(3, &["chat template", words]);
    }
}

#[test]
fn a_modelfile_template_that_recurses_or_grows_is_refused() {
    let folder = tiny::LLAMA3.folder();
    let base = folder.path().to_str().unwrap();
    let place = Place::new();
    let recursive = "{% macro m() %}{{ self::m() }}{% endmacro m %}{{ self::m() }}";
    let loops = "{% for a in range(end=1000000000) %}{% endfor %}";
    let twice = format!("{{% set x = \"a\" %}}{}{{{{ x }}}}", "{% set x = x ~ x %}".repeat(60));
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(100_000), ")".repeat(100_000));
    let nested = "{% if true %}".repeat(50_000);
    let secret = "# {{ get_env(name=\"HOME\") }}\nFROM x\n";
    let include = "{% include \"/etc/passwd\" %}";
    for source in [recursive, loops, &twice, &deep, &nested, secret, include] {
        place.write("hostile.tera", source);
        let args = ["modelfile", "--base", base, "--gguf", "x.gguf", "--template", "hostile.tera"];
        let ended = in_little_memory(&place, &args);
        println!("{}: {}", &source[..source.len().min(60)], ended.err);
        ended.says(3, &["Modelfile template"]);
        assert!(!ended.out.contains("root:") && !ended.err.contains(place.path("").to_str().unwrap()));
    }
}

/// A part of a request to the process that renders.
fn part(text: &str) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_le_bytes(), text.as_bytes()].concat()
}

#[test]
fn a_go_template_that_doubles_its_strings_ends_the_process_that_renders_it() {
    let place = Place::new();
    let input = r#"[[{"role": "user", "content": "hi"}], "2026-01-01", null]"#;
    let run = |template: &str| {
        let mut command = place.command(&["__render-templates"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let request = [vec![1, 1], part(template), part(input)].concat();
        child.stdin.take().unwrap().write_all(&request).unwrap();
        let start = Instant::now();
        let output = child.wait_with_output().unwrap();
        assert!(start.elapsed() < SOON);
        (output.status, output.stdout, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (status, out, _) = run("{{ range .Messages }}{{ .Content }}{{ end }}");
    assert!(status.success() && out == [vec![0], part("hi")].concat(), "{out:?}");
    let twice = format!("{{{{ $x := \"ab\" }}}}{}{{{{ .Messages }}}}", "{{ $x = printf \"%s%s\" $x $x }}".repeat(60));
    let (status, _, err) = run(&twice);
    assert!(!status.success() && err.contains("memory allocation"), "{status} {err}");
    // 3: too much time, said by the engine's own counter or the process's end.
    let loops = "{{ range 100000 }}".repeat(4) + "x" + &"{{ end }}".repeat(4) + "{{ .Messages }}";
    let (status, out, err) = run(&loops);
    assert!(status.code() == Some(75) || out[0] == 3 || out[0] == 2, "{status} {err} {out:?}");
}

/// Answers every request by its path, until the test ends.
fn daemon(answer: impl Fn(&str) -> Option<(u16, String)> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let head = head(&mut stream);
            match answer(head.split(' ').nth(1).unwrap_or_default()) {
                Some((status, body)) => {
                    let length = body.len();
                    drop(write!(
                        stream,
                        "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
                    ));
                }
                None => silent.push(stream),
            }
        }
    });
    address
}

/// The request's head; its body, which follows in one piece, is read too.
fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let n = stream.read(&mut buffer).unwrap_or(0);
        bytes.extend_from_slice(&buffer[..n]);
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            if n == 0 {
                return text;
            }
            continue;
        };
        let length = head.split("content-length: ").nth(1).and_then(|l| l.lines().next()?.parse().ok()).unwrap_or(0);
        if n == 0 || body.len() >= length {
            return text;
        }
    }
}

const VERSION: &str = r#"{"version": "0.34.4"}"#;

#[test]
fn a_daemon_that_answers_wrongly_is_the_daemons_fault() {
    for (status, body) in [
        (500, r#"{"error": "internal error"}"#),
        (200, "<html>a router's page</html>"),
        (404, "<html>the model was not found</html>"),
        (200, "{}"),
        (200, "[]"),
    ] {
        let address = daemon(move |path| {
            Some(if path == "/api/version" { (200, VERSION.to_owned()) } else { (status, body.to_owned()) })
        });
        let place = Place::new().with("OLLAMA_HOST", &address);
        let ended = place.run(&["bases", "show", "some-model:1b"]);
        ended.says(4, &["/api/show"]);
        assert!(!ended.err.contains("no such base"), "{}", ended.err);
        // One that lists models that the daemon holds needs an answer, too; without any daemon it has its shortcuts.
        place.run(&["bases", "list"]).says(4, &["/api/tags"]);
    }
    Place::new().run(&["bases", "list"]).says(0, &["smollm2", "no Ollama daemon"]);
    let address = daemon(|_| Some((200, "{}".to_owned())));
    Place::new().with("OLLAMA_HOST", address).run(&["bases", "show", "some-model:1b"]).says(4, &["/api/version"]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_while_the_daemon_is_asked_is_an_interruption() {
    let address = daemon(|path| (path == "/api/version").then(|| (200, VERSION.to_owned())));
    let place = Place::new().with("OLLAMA_HOST", address);
    for args in [&["bases", "show", "m"][..], &["bases", "list"]] {
        let child = place.command(args).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_secs(1));
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        Ended::of(&child.wait_with_output().unwrap()).says(130, &["interrupted"]);
    }
}

#[track_caller]
fn shows_nothing_a_terminal_acts_on(ended: &Ended) {
    let all = format!("{}{}", ended.out, ended.err);
    let acts = |c: char| (c.is_control() && c != '\n' && c != '\t') || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!all.contains(acts), "{all:?}");
}

#[test]
fn what_strangers_wrote_reaches_the_terminal_escaped() {
    let hostile = "\x1b]0;t\x07\x1b[2J\u{9b}31m\u{202e}\r";
    let json = serde_json::json!({"error": hostile}).to_string();
    let address =
        daemon(move |path| Some(if path == "/api/version" { (200, VERSION.to_owned()) } else { (500, json.clone()) }));
    let place = Place::new().with("OLLAMA_HOST", address);
    for flags in [&[][..], &["--json"]] {
        let ended = place.run(&[flags, &["bases", "show", "m"]].concat());
        ended.says(4, &["]0;t"]);
        shows_nothing_a_terminal_acts_on(&ended);
    }
    // A file's name, a role's name, a template's error, an argument.
    let name = format!("{hostile}.jsonl");
    place.write(&name, "{");
    place.write("configs/models.yaml", &format!("models: {{{}: 3}}", serde_json::json!(hostile)));
    place.write("configs/c.json", "{}");
    let folder = tiny::LLAMA3.folder();
    let source = format!("{{{{ raise_exception({}) }}}}", serde_json::json!(hostile));
    std::fs::write(folder.path().join("chat_template.jinja"), source).unwrap();
    for (code, args) in [
        (3, &["data", "check", &name][..]),
        (3, &["promote", "--role", hostile, "--to", "x"]),
        (3, &["bases", "show", folder.path().to_str().unwrap()]),
        (2, &["run", "--until", hostile]),
        (2, &[hostile]),
    ] {
        let ended = place.run(args);
        ended.says(code, &["error"]);
        shows_nothing_a_terminal_acts_on(&ended);
    }
}

#[cfg(unix)]
#[test]
fn configs_and_roles_are_regular_files_of_the_project() {
    let place = Place::new();
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("id_rsa");
    std::fs::write(&secret, "SECRET").unwrap();
    place.write("d.jsonl", "");
    let history = ["promote", "--role", "r", "--to", "x:v2"];
    place.write("configs/prompts/ok.txt", "Be brief");
    let roles = |system: &str| {
        place.write("configs/models.yaml", &format!("models: {{r: {{model_name: \"x:v1\", system: \"{system}\"}}}}"));
        place.run(&history)
    };
    // Nothing is wrong with it: the daemon is missing.
    roles("file://prompts/ok.txt").says(4, &["no Ollama daemon"]);
    std::os::unix::fs::symlink(&secret, place.path("configs/link")).unwrap();
    for named in [secret.to_str().unwrap(), "link", "../../../../../../../etc/passwd", "/dev/zero"] {
        let ended = roles(&format!("file://{named}"));
        ended.says(3, &["outside the project"]);
        assert!(!ended.err.contains("SECRET"));
    }
    std::fs::remove_file(place.path("configs/models.yaml")).unwrap();
    let fifo = |name: &str| assert!(Command::new("mkfifo").arg(place.path(name)).status().unwrap().success());
    fifo("configs/models.yaml");
    place.run(&history).says(3, &["expected a regular file"]);
    fifo("c.json");
    for config in [Path::new("/dev/zero"), &place.path("c.json")] {
        let args = ["plan", config.to_str().unwrap()];
        place.run(&args).says(3, &["expected a regular file"]);
    }
    fifo("Modelfile");
    place.run(&["modelfile", "--check", "Modelfile"]).says(3, &["expected a regular file"]);
    let start = Instant::now();
    place.write("deep.yaml", &"[".repeat(30_000));
    place.run(&["plan", "deep.yaml"]).says(3, &["30000 brackets"]);
    assert!(start.elapsed() < SOON);
}

/// A pipe that nobody writes to and a device without an end, under every name that is looked at beside the weights.
#[cfg(unix)]
#[test]
fn what_lies_beside_weights_and_adapters_is_read_only_when_regular() {
    let place = Place::new();
    place.write("d.jsonl", "{\"text\": \"a b c d\"}\n");
    let bases = tiny::LLAMA3.folder();
    let base = bases.path().to_str().unwrap();
    let start = Instant::now();
    let refused = |file: &Path, args: &[&str]| {
        for endless in [false, true] {
            drop(std::fs::remove_file(file));
            match endless {
                true => std::os::unix::fs::symlink("/dev/zero", file).unwrap(),
                false => assert!(Command::new("mkfifo").arg(file).status().unwrap().success()),
            }
            place.run(args).says(3, &["expected a regular file"]);
        }
        std::fs::remove_file(file).unwrap();
    };
    for name in ["merges.txt", "vocab.json", "tokenizer.model"] {
        refused(&bases.path().join(name), &["bases", "show", base]);
    }
    let train = ["train", "--base-model", base, "--dataset", "d.jsonl", "--output", "o", "--epochs", "1"];
    refused(&place.path("replay.jsonl"), &[&train[..], &["--replay", "replay.jsonl"]].concat());
    place.run(&train).says(0, &[]);
    let export = ["export", "--base", base, "--adapter", "o/final", "--output", "x.gguf"];
    place.run(&export).says(0, &[]);
    refused(&place.path("o/final/tunesmith.json"), &export);
    assert!(start.elapsed() < 4 * SOON);
}

/// A Modelfile may be a stranger's, and what ADAPTER names there a pipe.
#[cfg(unix)]
#[test]
fn a_pipe_is_not_sent_to_the_daemon() {
    // The last version that takes adapters.
    let address = daemon(|path| match path {
        "/api/version" => Some((200, VERSION.replace("0.34.4", "0.34.0"))),
        _ => Some((404, r#"{"error": "model not found"}"#.to_owned())),
    });
    let place = Place::new().with("OLLAMA_HOST", address);
    place.write("Modelfile", "FROM some-model\nADAPTER ./pipe\n");
    assert!(Command::new("mkfifo").arg(place.path("pipe")).status().unwrap().success());
    let args = ["register", "--modelfile", "Modelfile", "--name", "x:v1"];
    place.run(&args).says(3, &["pipe", "expected a regular file"]);
}

/// Another promotion holds the lock for longer than a blink: it is waited for, and said.
#[test]
fn a_promotion_waits_for_another() {
    let tags = r#"{"models": [{"name": "x:v1", "model": "x:v1", "digest": "d1"}, {"name": "x:v2", "model": "x:v2", "digest": "d2"}]}"#;
    let address = daemon(move |path| Some((200, if path == "/api/version" { VERSION } else { tags }.to_owned())));
    for open_intent in [false, true] {
        let place = Place::new().with("OLLAMA_HOST", &address);
        place.write("configs/models.yaml", "models: {r: {model_name: 'x:v1'}}\n");
        let state = place.path("configs/.tunesmith");
        let lock = tunesmith::store::Lock::acquire(state.join("lock")).unwrap();
        if open_intent {
            let text = std::fs::read(place.path("configs/models.yaml")).unwrap();
            let digest = |bytes: &[u8]| tunesmith::store::Digest::of_bytes(bytes).to_string();
            let line = serde_json::json!({"seq": 1, "ts": "t", "event": "intent", "action": "promote", "role": "r",
                "from": "x:v1", "to": "x:v3", "before": "'x:v1'", "after": "'x:v3'", "evidence": {},
                "file_sha256_before": digest(&text), "file_sha256_after": digest(b"never written")});
            std::fs::write(state.join("registry.jsonl"), format!("{line}\n")).unwrap();
        }
        let args = ["promote", "--role", "r", "--to", "x:v2", "--force"];
        let child = place.command(&args).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // Longer than the three seconds after which it gave up before.
        std::thread::sleep(Duration::from_secs(5));
        drop(lock);
        Ended::of(&child.wait_with_output().unwrap()).says(0, &["waiting for it, at most 30 s"]);
        assert!(place.read("configs/models.yaml").contains("'x:v2'"));
    }
}

#[test]
fn a_config_does_not_choose_a_host_elsewhere() {
    let place = Place::new();
    place.write("d.jsonl", "{\"text\": \"a\"}");
    // 192.0.2.0/24 is for documentation: nothing answers there, and nothing is sent.
    let config = |host: &str| {
        let text =
            format!("{{\"model_to_fine_tune\": \"m\", \"dataset_path\": \"d.jsonl\", \"ollama_host\": \"{host}\"}}");
        place.write("c.json", &text)
    };
    for host in ["192.0.2.1", "http://192.0.2.1:80", "evil.example.com", "127.0.0.1.example.com"] {
        config(host);
        place.run(&["plan", "c.json"]).says(3, &["not this machine", "--ollama-host", "OLLAMA_HOST"]);
    }
    config("127.0.0.1:9");
    let ended = place.run(&["plan", "c.json"]);
    assert!(!ended.err.contains("not this machine"), "{}", ended.err);
    config("192.0.2.1");
    let ended = place.run(&["plan", "c.json", "--ollama-host", "127.0.0.1:9"]);
    assert!(!ended.err.contains("not this machine"), "{}", ended.err);
}

#[cfg(unix)]
#[test]
fn pip_takes_no_code_from_the_working_folder() {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::var("PATH").unwrap();
    let place = Place::new().with("PIP_NO_INDEX", "1").with("PATH", format!(".::{path}")).with("PYTHONPATH", ".");
    let marker = place.path("executed");
    let shown = marker.display();
    for module in ["pip.py", "pip/__init__.py", "pip/__main__.py", "sitecustomize.py", "zipfile.py"] {
        place.write(module, &format!("open('{shown}', 'w').close()\n"));
    }
    for program in ["python3", "python", "pip3", "pip.sh"] {
        let file = place.write(program, &format!("#!/bin/sh\ntouch '{shown}'\n"));
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    place.run(&["bases", "show", "smollm2:135m"]).says(3, &["could not be fetched"]);
    assert!(!marker.exists(), "code of the working folder was run");
}
