//! The Modelfiles in `Modelfiles/`: what each family's tuned model is registered by, in both deliveries.
//!
//! `TUNESMITH_WRITE_MODELFILES=1 cargo test --test it modelfiles::` writes them again.

use std::path::{Path, PathBuf};

use tunesmith::base::Base;
use tunesmith::commands::delivery;
use tunesmith::modelfile::{Command, Modelfile};

use crate::daemon;
use crate::tiny::{GQA8, HEAD_DIM, LLAMA3, METASPACE, MISTRAL, QWEN2, QWEN3, Tiny};

const DELIVERIES: [&str; 2] = ["merged", "adapter"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("Modelfiles")
}

/// The Modelfile of a tuned model of this base; the paths are relative, where those of a run are absolute.
fn rendered(base: &Base, delivery: &str) -> String {
    let adapter = Path::new("adapter.gguf");
    let merged = delivery == "merged";
    let options = delivery::DeliveryOptions {
        from: if merged { "model-q8_0.gguf" } else { "base.gguf" }.into(),
        adapter: (!merged).then_some(adapter),
        system: base.template.takes_system().then(|| "You answer \"briefly\".\nIn one line.".to_owned()),
        num_ctx: None,
        trained_len: None,
        lineage: vec![("tunesmith.name".to_owned(), "example:v2".to_owned())],
        user_template: None,
    };
    delivery::modelfile(base, &options).unwrap()
}

/// Compares with the file in `Modelfiles/`, or writes it.
fn check(base: &Base, family: &str, faults: &mut Vec<String>) {
    for delivery in DELIVERIES {
        let (text, path) = (rendered(base, delivery), folder().join(format!("{family}-{delivery}.Modelfile")));
        let commands = Modelfile::parse(&text).unwrap().commands;
        assert!(commands.iter().any(|c| matches!(c, Command::Template(t) if !t.is_empty())), "{family}: {text}");
        assert_eq!(commands.iter().any(|c| matches!(c, Command::Adapter(_))), delivery == "adapter");
        if std::env::var_os("TUNESMITH_WRITE_MODELFILES").is_some() {
            std::fs::create_dir_all(folder()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != text {
            faults.push(format!("{} differs from what is rendered now:\n{text}", path.display()));
        }
    }
}

#[test]
fn modelfiles_of_every_family_and_delivery_are_those_in_the_repository() {
    let mut faults = Vec::new();
    let tiny = [LLAMA3, GQA8, HEAD_DIM, MISTRAL, METASPACE, QWEN2, QWEN3];
    for family in tiny {
        let base = family.folder();
        check(&Tiny::open(base.path()), family.name, &mut faults);
    }
    for (path, family) in [
        (daemon::smollm2(), "smollm2-135m-instruct"),
        (daemon::needed("TUNESMITH_QWEN"), "qwen2.5-coder-0.5b-instruct"),
    ] {
        check(&Tiny::open(&path), family, &mut faults);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let files =
        std::fs::read_dir(folder()).unwrap().filter(|f| f.as_ref().unwrap().path().extension().is_some()).count();
    assert_eq!(files, DELIVERIES.len() * (tiny.len() + 2), "a file in Modelfiles/ belongs to no family");
}
