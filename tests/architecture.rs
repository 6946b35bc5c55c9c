//! The shape of the crate, checked. ARCHITECTURE.md explains why; this file says what.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every module of `src/`, in the order in which data passes through them, and the modules it may use.
/// A module may use only modules *above* it in this table, so the graph cannot have a cycle.
const MODULES: &[(&str, &[&str])] = &[
    ("store", &[]),
    ("limits", &["store"]),
    ("render", &[]),
    ("config", &["store"]),
    ("chat", &["render"]),
    ("gguf", &["limits", "store"]),
    ("modelfile", &["chat", "render"]),
    ("ollama", &["chat", "modelfile", "store"]),
    ("dataset", &["chat", "config", "store"]),
    ("tokenizer", &["gguf"]),
    ("batch", &["chat", "dataset", "tokenizer"]),
    ("ops", &[]),
    ("weights", &["gguf", "ops", "store"]),
    ("base", &["chat", "gguf", "ollama", "store", "tokenizer", "weights"]),
    ("lora", &["ops", "store", "weights"]),
    ("model", &["lora", "ops", "weights"]),
    ("train", &["batch", "lora", "model", "ops", "store", "weights"]),
    ("export", &["gguf", "lora", "ops", "store", "tokenizer", "weights"]),
    ("serve", &["chat", "gguf", "model", "modelfile", "ollama", "store", "tokenizer", "weights"]),
    ("proof", &["base", "chat", "export", "gguf", "lora", "model", "ollama", "store", "tokenizer", "weights"]),
    ("eval", &["chat", "dataset", "store"]),
    ("promote", &["config", "eval", "ollama", "store"]),
    (
        "commands",
        &[
            "base",
            "batch",
            "chat",
            "config",
            "dataset",
            "eval",
            "export",
            "gguf",
            "lora",
            "model",
            "modelfile",
            "ollama",
            "ops",
            "promote",
            "proof",
            "render",
            "serve",
            "store",
            "tokenizer",
            "train",
            "weights",
        ],
    ),
    ("cli", &["config", "commands"]),
];

/// An outside name, and the only modules that may say it.
const CONFINED: &[(&str, &[&str])] = &[
    ("candle_core", &["ops", "gguf", "model", "serve"]),
    ("candle_transformers", &["serve", "model"]),
    ("csv::", &["dataset"]),
    ("fancy_regex", &["lora"]),
    ("flate2", &["dataset"]),
    ("gemm::", &["ops"]),
    ("gguf_rs_lib", &["gguf"]),
    ("glob::", &["dataset"]),
    ("tokenizers::", &["tokenizer"]),
    ("minijinja", &["chat"]),
    ("gotmpl", &["chat"]),
    ("tera::", &["modelfile", "eval"]),
    ("reqwest", &["ollama"]),
    ("axum", &["serve"]),
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
    ("println!", &["cli"]),
    ("eprintln!", &["cli"]),
    ("anyhow", &["cli", "commands"]),
    ("env::var", &["config"]),
];

/// Modules that may hold `unsafe`: the kernels, the one memory map, and the allocator and the signal handlers.
const UNSAFE: &[&str] = &["ops", "gguf", "limits"];

/// Lines of a file before its `#[cfg(test)]` module; tables may be longer.
const MAX_LINES: usize = 400;

struct Source {
    path: PathBuf,
    module: String,
    code: Vec<(usize, String)>,
}

#[test]
fn modules_are_listed_in_the_order_of_the_data() {
    for (i, (module, uses)) in MODULES.iter().enumerate() {
        for used in *uses {
            let j = MODULES.iter().position(|(r, _)| r == used);
            assert!(j.is_some_and(|j| j < i), "`{module}` uses `{used}`, which is not above it");
        }
    }
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let listed: Vec<_> = lib.lines().filter_map(|l| l.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(listed, MODULES.iter().map(|(r, _)| *r).collect::<Vec<_>>(), "src/lib.rs is the table of contents");
}

#[test]
fn every_module_is_known_and_uses_only_what_it_may() {
    let allowed: BTreeMap<_, _> = MODULES.iter().copied().collect();
    let mut faults = Vec::new();
    for s in sources() {
        let Some(uses) = allowed.get(s.module.as_str()) else {
            faults.push(format!("{}: module `{}` is not in MODULES", s.path.display(), s.module));
            continue;
        };
        for (n, line) in &s.code {
            for name in crate_names(line) {
                if name != s.module && allowed.contains_key(name) && !uses.contains(&name) {
                    let list = uses.join(", ");
                    faults.push(format!(
                        "{}:{n}: `{}` may not use `{name}` (it may use: {list})",
                        s.path.display(),
                        s.module
                    ));
                }
            }
            if line.contains("super::super") || line.contains("crate::{") {
                faults.push(format!("{}:{n}: write `crate::module::Item`", s.path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn outside_names_stay_in_their_modules() {
    let mut faults = Vec::new();
    for s in sources() {
        for (n, line) in &s.code {
            for (name, modules) in CONFINED {
                if line.contains(name) && !modules.contains(&s.module.as_str()) {
                    faults.push(format!("{}:{n}: `{name}` belongs to {modules:?}", s.path.display()));
                }
            }
            let says_unsafe = line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == "unsafe");
            if says_unsafe && !UNSAFE.contains(&s.module.as_str()) {
                faults.push(format!("{}:{n}: `unsafe` belongs to {UNSAFE:?}", s.path.display()));
            }
            if line.contains("todo!(") || line.contains("unimplemented!(") {
                faults.push(format!("{}:{n}: unfinished", s.path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn one_file_prints() {
    let prints = ["println!", "print!(", "stdout().write", "stderr().write", "io::stdout(), \"", "io::stderr(), \""];
    let mut faults = Vec::new();
    for s in sources().iter().filter(|s| !s.path.ends_with("cli/terminal.rs")) {
        for (n, line) in &s.code {
            if prints.iter().any(|p| line.contains(p)) {
                faults.push(format!("{}:{n}: print through cli::terminal, which escapes", s.path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn files_fit_in_a_head() {
    let sources = sources();
    let mut lines: Vec<_> = sources.iter().map(|s| (s.code.len(), &s.path)).collect();
    lines.sort();
    let long: Vec<_> = lines
        .iter()
        .filter(|(n, _)| *n > MAX_LINES)
        .map(|(n, p)| format!("{}: {n} lines of code", p.display()))
        .collect();
    assert!(long.is_empty(), "at most {MAX_LINES} lines of code in a file:\n{}", long.join("\n"));
    assert!(lines[lines.len() / 2].0 <= 150, "the median file holds {} lines of code", lines[lines.len() / 2].0);
}

#[test]
fn architecture_md_says_the_same_table() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let rows: Vec<(String, Vec<String>)> = text
        .lines()
        .filter_map(|l| {
            let cells: Vec<_> = l.strip_prefix("| `")?.strip_suffix(" |")?.split(" | ").collect();
            let uses =
                cells.last()?.split(", ").filter(|u| *u != "–").map(|u| u.trim_matches('`').to_owned()).collect();
            Some((cells[0].trim_end_matches('`').to_owned(), uses))
        })
        .collect();
    let expected: Vec<(String, Vec<String>)> =
        MODULES.iter().map(|(r, u)| ((*r).to_owned(), u.iter().map(|s| (*s).to_owned()).collect())).collect();
    assert_eq!(rows, expected, "ARCHITECTURE.md and MODULES differ");
}

/// `crate::a::B`, `pub(crate) use crate::a` → `a`.
fn crate_names(line: &str) -> impl Iterator<Item = &str> {
    line.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of `src/` but `main.rs` and `lib.rs`: its lines of code, without comments, blank lines and test modules.
fn sources() -> Vec<Source> {
    let src = root().join("src");
    let mut found = Vec::new();
    let mut dirs = vec![src.clone()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let inside = path.strip_prefix(&src).unwrap().to_path_buf();
                let module = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
                let test_only = path.file_name().is_some_and(|n| n.to_str().unwrap().contains("test"));
                if module != "main" && module != "lib" && !test_only {
                    found.push(Source { path: Path::new("src").join(&inside), module, code: code_of(&path) });
                }
            }
        }
    }
    assert!(!found.is_empty());
    found
}

fn code_of(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap()
        .lines()
        .enumerate()
        .filter(|(_, l)| !l.trim_start().starts_with("//") && !l.trim().is_empty())
        .map(|(i, l)| (i + 1, l.to_owned()))
        .collect()
}
