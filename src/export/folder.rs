//! Base + ΔW as a Hugging Face folder: safetensors shards, config.json, tokenizer files.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::item::{self, Item};
use super::plan::{check_disk, plan};
use super::shards::{self, Entry, SHARD};
use super::types::is_float;
use super::{ExportError, Exported, Quant, Request, carried, merged, tensor};
use crate::ops::{Encoding, RowOrder};
use crate::store::{
    Digest, FileAction, StoreError, TempFolder, check_inside, check_replaceable, create_folder, write_whole,
};
use crate::weights::hf_name;

/// Without it no loader takes a folder for a model.
const CONFIG: &str = "config.json";

/// tokenizer.json, vocab.json and merges.txt together, at most, in bytes: 256,000 tokens take about 30 MiB.
const TOKENIZER_BYTES: u64 = 32 << 20;

/// Files of a Hugging Face base that are carried over as they are.
const CARRIED: [&str; 11] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
    "LICENSE",
];

/// Whether [`merged_hf`] may write (or, of earlier weights, remove) a file of this name in its folder.
pub fn is_written(name: &str) -> bool {
    name == CONFIG || CARRIED.contains(&name) || is_weights(name)
}

/// The names that transformers reads weights by: one file, or shards and their index.
fn is_weights(name: &str) -> bool {
    let number = |text: &str| text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit());
    let shard = name.strip_prefix("model-").and_then(|rest| rest.strip_suffix(".safetensors")?.split_once("-of-"));
    matches!(name, "model.safetensors" | "model.safetensors.index.json")
        || shard.is_some_and(|(i, of)| number(i) && number(of))
}

/// `config.json`, safetensors shards, tokenizer files. `Keep`: in the base's type, F16 for a quantised base; `Q8_0` is
/// refused, safetensors has none.
pub fn merged_hf(
    request: &Request<'_>,
    quant: Quant,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Exported, ExportError> {
    request.check_output()?;
    // Before the hours, or minutes, that the weights take.
    carried(request)?;
    let items = items(request, quant)?;
    let planned = plan(&items);
    check_disk(request.output, planned.bytes + TOKENIZER_BYTES)?;
    let config = config(request, matrix_type(&items))?;
    // Beside the folder, so that a half-written one is never at its name; or in the one that is there, which may be on a
    // disk of its own.
    let parent = request.output.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    check_inside(request.output)?;
    let work = TempFolder::create_in(if request.output.is_dir() { request.output } else { parent })?;
    let mut exported = weights(request, &items, work.path(), progress)?;
    write_whole(work.path().join(CONFIG), format!("{config:#}\n").as_bytes())?;
    tokenizer(request, work.path())?;
    moved(work.path(), request.output)?;
    exported.path = request.output.to_path_buf();
    Ok(exported)
}

fn items<'a>(request: &Request<'a>, quant: Quant) -> Result<Vec<Item<'a>>, ExportError> {
    let wanted = match quant {
        Quant::Keep => None,
        Quant::F32 => Some(Encoding::F32),
        Quant::F16 => Some(Encoding::F16),
        Quant::Bf16 => Some(Encoding::BF16),
        Quant::Q8_0 => {
            return Err(ExportError::Other(
                "safetensors has no Q8_0: give f32, f16 or bf16, or --format gguf".to_owned(),
            ));
        }
    };
    let touched = item::touched(request.adapter);
    let one = |name| {
        let mut item = item::item(request.weights, name, RowOrder::Hf, &touched)?;
        item.to = wanted.unwrap_or(if is_float(item.to) { item.to } else { Encoding::F16 });
        Ok(item)
    };
    request.weights.tensor_names().into_iter().map(one).collect()
}

/// The type of most weights: config.json's `torch_dtype`.
fn matrix_type(items: &[Item<'_>]) -> Encoding {
    let sum = |e: Encoding| items.iter().filter(|i| i.to == e).map(Item::elements).sum::<u64>();
    [Encoding::F32, Encoding::F16, Encoding::BF16].into_iter().max_by_key(|e| sum(*e)).unwrap_or(Encoding::F32)
}

fn weights(
    request: &Request<'_>,
    items: &[Item<'_>],
    folder: &Path,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Exported, ExportError> {
    let entries: Vec<Entry> = items.iter().map(entry).collect::<Result<_, _>>()?;
    let ranges = shards::split(entries.iter().map(|e| e.bytes), SHARD);
    let (mut survival, mut files, mut digests, mut total) = (Vec::new(), Vec::new(), String::new(), 0);
    for (i, range) in ranges.iter().enumerate() {
        let name = shards::file_name(i, ranges.len());
        let (digest, bytes) = shards::write(&folder.join(&name), &entries[range.clone()], |k, out| {
            let item = &items[range.start + k];
            if request.interrupt.raised() {
                return Err(ExportError::Interrupted);
            }
            merged::finite(item)?;
            survival.extend(tensor::write(item, request.adapter, request, out)?);
            progress(range.start + k + 1, items.len());
            Ok(())
        })?;
        digests.push_str(&digest.to_string());
        total += bytes;
        files.push((name, entries[range.clone()].iter().map(|e| e.name.clone()).collect()));
    }
    if files.len() > 1 {
        let index = shards::index(&files, entries.iter().map(|e| e.bytes).sum());
        write_whole(folder.join("model.safetensors.index.json"), format!("{index:#}\n").as_bytes())?;
    }
    Ok(Exported { path: folder.to_path_buf(), digest: Digest::of_bytes(digests.as_bytes()), bytes: total, survival })
}

fn entry(item: &Item<'_>) -> Result<Entry, ExportError> {
    let unknown = || ExportError::Other(format!("{} has no name in a Hugging Face folder", item.name));
    let shape = if item.vector { vec![item.cols] } else { vec![item.rows, item.cols] };
    Ok(Entry { name: hf_name(&item.name).ok_or_else(unknown)?, encoding: item.to, shape, bytes: item.bytes() })
}

/// The base's own config.json with the type that was written; of a GGUF base, one made from its shape.
fn config(request: &Request<'_>, encoding: Encoding) -> Result<Value, ExportError> {
    let dtype = match encoding {
        Encoding::F16 => "float16",
        Encoding::BF16 => "bfloat16",
        _ => "float32",
    };
    let weights = request.weights;
    if weights.gguf().is_some() {
        let made = weights.config().to_hf_json(dtype, request.tokenizer.bos(), request.tokenizer.eos());
        return made.ok_or_else(|| {
            ExportError::Other(
                "the base's rotary factors are no scaling that config.json has words for: export a GGUF instead"
                    .to_owned(),
            )
        });
    }
    let path = carried::file(weights.path(), CONFIG)?.unwrap_or_else(|| weights.path().join(CONFIG));
    let text = std::fs::read(&path).map_err(|e| StoreError::new(FileAction::READING, &path, e))?;
    let mut config: Value =
        serde_json::from_slice(&text).map_err(|e| ExportError::Other(format!("{}: {e}", path.display())))?;
    if let Value::Object(fields) = &mut config {
        // transformers 5 says `dtype`, earlier ones `torch_dtype`.
        let key = if fields.contains_key("dtype") { "dtype" } else { "torch_dtype" };
        fields.insert(key.to_owned(), json!(dtype));
    }
    Ok(config)
}

fn tokenizer(request: &Request<'_>, folder: &Path) -> Result<(), ExportError> {
    if request.weights.gguf().is_some() {
        for (name, text) in tokenizer_files(request)? {
            write_whole(folder.join(name), text.as_bytes())?;
        }
        return Ok(());
    }
    for (name, from) in carried(request)? {
        let bytes = std::fs::read(&from).map_err(|e| StoreError::new(FileAction::READING, &from, e))?;
        write_whole(folder.join(name), &bytes)?;
    }
    Ok(())
}

/// Names and places of the base's own files that go with its weights.
fn carried(request: &Request<'_>) -> Result<Vec<(&'static str, PathBuf)>, ExportError> {
    let base = request.weights.path();
    if request.weights.gguf().is_some() {
        return Ok(Vec::new());
    }
    carried::file(base, CONFIG)?;
    let mut found = Vec::new();
    for name in CARRIED {
        found.extend(carried::file(base, name)?.map(|path| (name, path)));
    }
    Ok(found)
}

/// `tokenizer.json` and `tokenizer_config.json` of a GGUF base.
fn tokenizer_files(request: &Request<'_>) -> Result<[(&'static str, String); 2], ExportError> {
    let mut config = request.tokenizer.to_config_json();
    config["model_max_length"] = json!(request.weights.config().context);
    config["chat_template"] = json!(request.chat_template);
    Ok([("tokenizer.json", request.tokenizer.to_json()?), ("tokenizer_config.json", format!("{config:#}\n"))])
}

/// The finished folder to its name; into a folder that is there already, file by file.
fn moved(from: &Path, to: &Path) -> Result<(), ExportError> {
    if std::fs::rename(from, to).is_ok() {
        return Ok(());
    }
    create_folder(to)?;
    let steps = steps(names_in(from)?, names_in(to)?);
    // While everything is still as it was.
    for Step::Remove(name) | Step::Move(name) in &steps {
        check_replaceable(&to.join(name))?;
    }
    steps.iter().try_for_each(|step| step.done(from, to))
}

/// One change of a folder that is there already.
#[derive(Debug)]
enum Step {
    Remove(String),
    Move(String),
}

/// What gives a folder that holds `old` the files of the `new` one. Whenever it ends, by a kill or a fault, no loader finds
/// files of two exports: config.json goes first and comes last, and the earlier weights go before new ones come.
fn steps(mut new: Vec<String>, mut old: Vec<String>) -> Vec<Step> {
    old.retain(|name| name == CONFIG || is_weights(name));
    old.sort_by_key(|name| name != CONFIG);
    new.sort_by_key(|name| name == CONFIG);
    old.into_iter().map(Step::Remove).chain(new.into_iter().map(Step::Move)).collect()
}

impl Step {
    fn done(&self, from: &Path, to: &Path) -> Result<(), ExportError> {
        let (Self::Remove(name) | Self::Move(name)) = self;
        let target = to.join(name);
        let (action, ended) = match self {
            Self::Remove(_) => (FileAction::REMOVING, std::fs::remove_file(&target)),
            Self::Move(_) => (FileAction::MovingTo, std::fs::rename(from.join(name), &target)),
        };
        Ok(ended.map_err(|e| StoreError::new(action, &target, e))?)
    }
}

fn names_in(folder: &Path) -> Result<Vec<String>, ExportError> {
    let fault = |e| StoreError::new(FileAction::READING, folder, e);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        // A name that is no text is none of ours.
        names.extend(entry.map_err(fault)?.file_name().into_string());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: [&str; 4] = [
        CONFIG,
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
    ];
    const NEW: [&str; 3] = [CONFIG, "model.safetensors", "tokenizer.json"];

    /// A folder with files of these names, each with `content` in it.
    fn folder(path: &Path, names: &[&str], content: &str) {
        std::fs::create_dir_all(path).unwrap();
        names.iter().for_each(|name| std::fs::write(path.join(name), content).unwrap());
    }

    /// The names of a folder's files, with their contents.
    fn content(path: &Path) -> Vec<(String, String)> {
        let mut names = names_in(path).unwrap();
        names.sort();
        names.into_iter().map(|name| (name.clone(), std::fs::read_to_string(path.join(name)).unwrap())).collect()
    }

    /// After every step, which a kill may be the end of.
    #[test]
    fn no_moment_has_files_of_two_exports_that_load() {
        // Other names than before, the same names, fewer of them.
        for (old, new) in [(&OLD[..], &NEW[..]), (&NEW[..], &NEW[..]), (&OLD[..], &OLD[..]), (&NEW[..], &OLD[..])] {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            let steps = steps(owned(new), [owned(old), owned(&["notes.txt"])].concat());
            for count in 0..=steps.len() {
                let dir = tempfile::tempdir().unwrap();
                let (from, to) = (dir.path().join("from"), dir.path().join("to"));
                folder(&from, new, "new");
                folder(&to, old, "old");
                steps[..count].iter().try_for_each(|step| step.done(&from, &to)).unwrap();
                let found = content(&to);
                let weights: Vec<_> = found.iter().filter(|(name, _)| is_weights(name)).map(|(_, text)| text).collect();
                assert!(weights.windows(2).all(|pair| pair[0] == pair[1]), "{count} of {steps:?}: {found:?}");
                if !to.join(CONFIG).exists() {
                    continue;
                }
                let (whole, text) = if count == 0 { (old, "old") } else { (new, "new") };
                let mut expected: Vec<_> = whole.iter().map(|name| ((*name).to_owned(), text.to_owned())).collect();
                expected.sort();
                let of_it = found.iter().filter(|(name, _)| whole.contains(&name.as_str()));
                assert!(of_it.eq(&expected), "{count} of {steps:?}: {found:?}");
                assert_eq!(weights.len(), whole.iter().filter(|name| is_weights(name)).count(), "{found:?}");
            }
        }
    }

    #[test]
    fn a_folder_in_a_files_place_is_said_while_all_is_as_it_was() {
        for name in ["model.safetensors", "tokenizer.json", "model-00001-of-00009.safetensors"] {
            let dir = tempfile::tempdir().unwrap();
            let (from, to) = (dir.path().join("from"), dir.path().join("to"));
            folder(&from, &NEW, "new");
            folder(&to, &OLD, "old");
            let before = content(&to);
            std::fs::create_dir(to.join(name)).unwrap();
            let e = moved(&from, &to).unwrap_err().to_string();
            assert!(e.contains(name) && e.contains("it is a folder"), "{e}");
            std::fs::remove_dir(to.join(name)).unwrap();
            assert_eq!((content(&to), content(&from).len()), (before, NEW.len()), "{name}");
        }
    }
}
