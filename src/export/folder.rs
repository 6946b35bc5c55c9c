//! Base + ΔW as a Hugging Face folder: safetensors shards, config.json, tokenizer files.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::item::{self, Item};
use super::plan::{check_disk, plan};
use super::shards::{self, Entry, SHARD};
use super::types::is_float;
use super::{ExportError, Exported, Quant, Request, carried, merged, tensor};
use crate::ops::{Encoding, RowOrder};
use crate::store::{Digest, StoreError, TempFolder, check_inside, create_folder, write_whole};
use crate::weights::hf_name;

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
    name == "config.json" || CARRIED.contains(&name) || is_weights(name)
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
    check_disk(request.output, planned.bytes)?;
    let config = config(request, matrix_type(&items))?;
    // Beside the folder, so that a half-written one is never at its name.
    let parent = request.output.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    check_inside(request.output)?;
    let work = TempFolder::create_in(parent)?;
    let mut exported = weights(request, &items, work.path(), progress)?;
    write_whole(work.path().join("config.json"), format!("{config:#}\n").as_bytes())?;
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
    let path = carried::file(weights.path(), "config.json")?.unwrap_or_else(|| weights.path().join("config.json"));
    let text = std::fs::read(&path).map_err(|e| StoreError::new("reading", &path, e))?;
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
        let bytes = std::fs::read(&from).map_err(|e| StoreError::new("reading", &from, e))?;
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
    carried::file(base, "config.json")?;
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
    let new = names_in(from)?;
    for name in &new {
        let target = to.join(name);
        std::fs::rename(from.join(name), &target).map_err(|e| StoreError::new("moving to", &target, e))?;
    }
    // Readers prefer model.safetensors to an index, so weights of an earlier export must not stay beside these; they go
    // last, so that no moment has neither.
    for old in names_in(to)?.iter().filter(|n| is_weights(n) && !new.contains(n)) {
        let path = to.join(old);
        std::fs::remove_file(&path).map_err(|e| StoreError::new("removing", &path, e))?;
    }
    Ok(())
}

fn names_in(folder: &Path) -> Result<Vec<String>, ExportError> {
    let fault = |e| StoreError::new("reading", folder, e);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        // A name that is no text is none of ours.
        names.extend(entry.map_err(fault)?.file_name().into_string());
    }
    Ok(names)
}
