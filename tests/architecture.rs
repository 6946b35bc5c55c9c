//! The shape of the crate, checked. ARCHITECTURE.md explains why; this file says what.
#![expect(clippy::unwrap_used, unreachable_pub, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "architecture/cycles.rs"]
mod cycles;
#[path = "architecture/signatures.rs"]
mod signatures;
#[path = "architecture/text.rs"]
mod text;

/// Every module of `src/`, in the order in which data passes through them, and the modules it may use.
/// A module may use only modules *above* it in this table, so the graph cannot have a cycle.
const MODULES: &[(&str, &[&str])] = &[
    ("store", &[]),
    ("events", &["store"]),
    ("limits", &["store"]),
    ("machine", &[]),
    ("quantile", &[]),
    ("render", &[]),
    ("input", &["store"]),
    ("roles", &["input", "store"]),
    ("chat", &["render"]),
    ("gguf", &["limits", "store"]),
    ("modelfile", &["render"]),
    ("ollama", &["chat", "modelfile", "store"]),
    ("dataset", &["chat", "store"]),
    ("corpus", &["store"]),
    ("tokenizer", &["gguf"]),
    ("batch", &["chat", "dataset", "tokenizer"]),
    ("ops", &["machine"]),
    ("weights", &["gguf", "ops", "store"]),
    ("base", &["chat", "gguf", "ollama", "store", "tokenizer", "weights"]),
    ("lora", &["ops", "store", "weights"]),
    ("model", &["lora", "machine", "ops", "weights"]),
    ("train", &["batch", "lora", "machine", "model", "store", "weights"]),
    ("export", &["gguf", "lora", "ops", "store", "tokenizer", "weights"]),
    ("serve", &["chat", "gguf", "model", "modelfile", "ollama", "store", "tokenizer", "weights"]),
    ("proof", &["base", "chat", "export", "gguf", "lora", "model", "ollama", "store", "tokenizer", "weights"]),
    ("likelihood", &["batch", "chat", "dataset", "lora", "model", "store", "tokenizer"]),
    ("eval", &["chat", "dataset", "input", "quantile", "roles", "store"]),
    ("bert", &["eval", "store"]),
    ("rag", &["chat", "corpus", "eval", "store"]),
    ("generate", &["chat", "corpus", "eval", "input", "store"]),
    ("promote", &["eval", "ollama", "roles", "store"]),
    ("report", &["events", "input", "quantile", "store"]),
    ("config", &["dataset", "export", "input", "lora", "model", "ops", "roles", "store", "train"]),
    (
        "commands",
        &[
            "base",
            "batch",
            "bert",
            "chat",
            "config",
            "corpus",
            "dataset",
            "eval",
            "events",
            "export",
            "generate",
            "gguf",
            "input",
            "likelihood",
            "lora",
            "machine",
            "model",
            "modelfile",
            "ollama",
            "ops",
            "promote",
            "proof",
            "quantile",
            "rag",
            "render",
            "report",
            "roles",
            "serve",
            "store",
            "tokenizer",
            "train",
            "weights",
        ],
    ),
    ("cli", &["commands", "config", "dataset", "events", "export", "input"]),
];

/// An outside name, and the only modules that may say it.
const CONFINED: &[(&str, &[&str])] = &[
    ("candle_core", &["ops", "gguf", "model", "serve", "bert"]),
    ("candle_transformers", &["serve", "model", "bert"]),
    ("calamine", &["corpus"]),
    ("chardetng", &["corpus"]),
    ("csv::", &["dataset", "corpus"]),
    ("fancy_regex", &["lora", "eval"]),
    ("flate2", &["corpus", "dataset"]),
    ("jsonschema", &["eval"]),
    ("gemm::", &["ops"]),
    ("gguf_rs_lib", &["gguf"]),
    ("htmd", &["corpus"]),
    ("markup5ever_rcdom", &["corpus"]),
    ("pdf_extract", &["corpus"]),
    ("pulldown_cmark", &["corpus"]),
    ("quick_xml", &["corpus"]),
    ("text_splitter", &["corpus"]),
    ("whatlang", &["corpus"]),
    ("glob::", &["dataset"]),
    ("tokenizers::", &["tokenizer", "bert"]),
    ("minijinja", &["chat"]),
    ("gotmpl", &["chat"]),
    ("tera::", &["modelfile", "eval"]),
    ("reqwest", &["ollama"]),
    ("axum", &["serve"]),
    ("clap", &["cli"]),
    ("console::", &["cli"]),
    ("indicatif", &["cli"]),
    ("tracing_subscriber", &["cli"]),
    ("println!", &["cli"]),
    ("eprintln!", &["cli"]),
    ("anyhow", &["cli", "commands"]),
    ("env::var", &["input"]),
];

/// Modules that may hold `unsafe`: the kernels, the one memory map, and the allocator and the signal handlers.
const UNSAFE: &[&str] = &["ops", "gguf", "limits"];

/// Lines of code in a file, tests left out.
const MAX_LINES: usize = 400;
/// Lines of code in nine files of ten.
const MOST_LINES: usize = 300;
const MEDIAN_LINES: usize = 150;

/// Arguments of a function, `self` left out. Kernels in `ops` may take more.
const MAX_ARGUMENTS: usize = 5;

struct Source {
    /// `src/ops/cpu/mod.rs`
    path: PathBuf,
    /// The top-level module.
    module: String,
    /// Lines of code with their numbers, without comments, blank lines and tests.
    code: Vec<(usize, String)>,
    /// The whole text, comments, literals and tests blanked.
    text: String,
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
    let prints = [
        "println!",
        "print!(",
        "stdout().lock",
        "stderr().lock",
        "stdout().write",
        "stderr().write",
        "io::stdout(), \"",
        "io::stderr(), \"",
    ];
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
fn files_are_short() {
    let sources = sources();
    let mut lines: Vec<_> = sources.iter().map(|s| (s.code.len(), &s.path)).collect();
    lines.sort();
    let longer_than = |most: usize| -> Vec<String> {
        let long = lines.iter().filter(|(n, _)| *n > most);
        long.map(|(n, p)| format!("{}: {n} lines of code", p.display())).collect()
    };
    let long = longer_than(MAX_LINES);
    assert!(long.is_empty(), "at most {MAX_LINES} lines of code in a file:\n{}", long.join("\n"));
    let long = longer_than(MOST_LINES);
    assert!(long.len() * 10 <= lines.len(), "nine files of ten have at most {MOST_LINES} lines:\n{}", long.join("\n"));
    let median = lines[lines.len() / 2].0;
    assert!(median <= MEDIAN_LINES, "the median file has {median} lines of code, at most {MEDIAN_LINES} are wanted");
}

#[test]
fn what_belongs_together_is_a_struct_and_not_a_tuple() {
    let sources = sources();
    let aliases: Vec<String> = sources.iter().flat_map(|s| signatures::tuple_aliases(&s.text)).collect();
    let mut faults = Vec::new();
    for s in &sources {
        for function in signatures::functions(&s.text) {
            for p in function.parameters.iter().filter(|p| p.is_tuple(&aliases)) {
                let (path, line, name) = (s.path.display(), function.line, &function.name);
                faults.push(format!("{path}:{line}: `{name}` takes the tuple `{}: {}`", p.pattern, p.ty));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn functions_take_few_arguments() {
    let mut faults = Vec::new();
    for s in sources().iter().filter(|s| s.module != "ops") {
        for function in signatures::functions(&s.text) {
            let (path, line, n) = (s.path.display(), function.line, function.parameters.len());
            if n > MAX_ARGUMENTS {
                faults.push(format!("{path}:{line}: `{}` takes {n} arguments, at most {MAX_ARGUMENTS}", function.name));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn files_of_a_module_have_no_cycle() {
    let module = |path: &Path| -> cycles::Module {
        let mut parts: Vec<_> = path.iter().skip(1).map(|p| p.to_str().unwrap().to_owned()).collect();
        let file = parts.pop().unwrap();
        parts.extend(file.strip_suffix(".rs").filter(|name| *name != "mod").map(str::to_owned));
        parts
    };
    let files = cycles::Files::new(sources().into_iter().map(|s| (module(&s.path), s.text)));
    let cycles = files.cycles();
    assert!(cycles.is_empty(), "files use each other in a circle:\n{}", cycles.join("\n"));
}

#[test]
fn topics_that_ask_a_daemon_have_their_own_folder() {
    let topics = |folder: &str| {
        let files = fs::read_dir(root().join("tests/it").join(folder)).unwrap().map(|file| file.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|e| e == "rs")).collect::<Vec<_>>()
    };
    let asks = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        ["newest()", "with_adapters()", "oldest()", "Daemon::start("].iter().any(|starts| text.contains(starts))
    };
    let outside: Vec<_> = topics("").into_iter().filter(|path| !path.ends_with("daemon.rs") && asks(path)).collect();
    assert!(outside.is_empty(), "they belong into tests/it/served, or they starve beside it: {outside:?}");
    let idle: Vec<_> = topics("served").into_iter().filter(|path| !path.ends_with("mod.rs") && !asks(path)).collect();
    assert!(idle.is_empty(), "they ask no daemon: {idle:?}");
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

/// Every file of `src/` but `main.rs`, `lib.rs` and those that hold tests only.
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
                    let source = fs::read_to_string(&path).unwrap();
                    let text = text::without_tests(&text::without_literals(&source));
                    let path = Path::new("src").join(&inside);
                    found.push(Source { path, module, code: code_of(&source, &text), text });
                }
            }
        }
    }
    assert!(!found.is_empty());
    found
}

/// The lines of `source` of which something is left in `text`, with their numbers.
fn code_of(source: &str, text: &str) -> Vec<(usize, String)> {
    let lines = source.lines().zip(text.lines()).enumerate();
    lines.filter(|(_, (_, left))| !left.trim().is_empty()).map(|(i, (line, _))| (i + 1, line.to_owned())).collect()
}
