//! Exports of small bases, held against the sum computed here; and every fault that leg 2 must see.

mod form_tests;
mod rounding_tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::gguf::{GgmlType, Gguf, Metadata, PlannedTensor, Value};
use crate::lora::tests::{adapter, folder, model};
use crate::lora::{LoraConfig, Pattern, hf_row_of_ggml, permute_rows};
use crate::ops::{Encoding, decode, encode_dithered, encode_nearest};
use crate::weights::{LinearId, ModelConfig, Site};

struct Bench {
    dir: tempfile::TempDir,
    weights: Weights,
    tokenizer: Tokenizer,
    adapter: Adapter<Hf>,
}

const TEMPLATE: &str = "{% for m in messages %}{{ m['content'] }}{% endfor %}";

fn tokenizer() -> Tokenizer {
    let tokens: Vec<String> =
        (0..30u8).map(|i| ((b'a' + i % 26) as char).to_string().repeat(1 + i as usize / 26)).collect();
    let mut kinds = vec![1; 30];
    kinds[29] = 3;
    let text = |s: &str| Value::String(s.to_owned());
    let m = Metadata::from([
        ("tokenizer.ggml.model".to_owned(), text("gpt2")),
        ("tokenizer.ggml.pre".to_owned(), text("gpt-2")),
        ("tokenizer.ggml.tokens".to_owned(), Value::Strings(tokens)),
        ("tokenizer.ggml.token_type".to_owned(), Value::I32s(kinds)),
        ("tokenizer.ggml.merges".to_owned(), Value::Strings(vec!["a a".to_owned()])),
        ("tokenizer.ggml.eos_token_id".to_owned(), Value::U32(29)),
    ]);
    Tokenizer::from_metadata(&m, "test").unwrap()
}

fn shape() -> ModelConfig {
    ModelConfig { head_dim: 16, ..model(4, 2, 64, 96) }
}

/// An adapter whose ΔW is about `size` of the weights.
fn trained(model: &ModelConfig, size: f64) -> Adapter<Hf> {
    let (mut a, _) = adapter(model, 4, 8.0, 3, true);
    for pair in a.pairs.values_mut() {
        pair.b.iter_mut().for_each(|b| *b *= size as f32);
    }
    a
}

impl Bench {
    fn hf(size: f64) -> Self {
        Self::hf_of(&shape(), size)
    }

    fn hf_of(shape: &ModelConfig, size: f64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let weights = folder(&dir.path().join("base"), shape);
        Self { adapter: trained(shape, size), tokenizer: tokenizer(), weights, dir }
    }

    /// The same base as a GGUF of one type.
    fn gguf(encoding: Encoding, size: f64) -> Self {
        let bench = Self::hf_of(&rounding_tests::shape_for(encoding), size);
        let path = bench.dir.path().join("base.gguf");
        let items = item::gguf_items(&bench.weights, &BTreeMap::new(), Quant::F32, Floor::Same).unwrap();
        let to = |i: &item::Item<'_>| if i.vector { Encoding::F32 } else { encoding };
        let planned: Vec<_> = items
            .iter()
            .map(|i| PlannedTensor { name: i.name.clone(), ne: i.ne(), ty: types::ggml_type(to(i)) })
            .collect();
        let mut metadata = metadata::merged(&bench.request(&path), &items, Quant::F32).unwrap();
        metadata.remove("general.file_type");
        metadata.insert("general.name".to_owned(), Value::String("Phi3 of somebody".to_owned()));
        metadata.insert("general.license".to_owned(), Value::String("apache-2.0".to_owned()));
        crate::gguf::write(&path, &metadata, &planned, |i, out| {
            let item = &items[i];
            for row in 0..item.rows {
                let mut values = vec![0.0; item.cols];
                rows::Rows { item, adapter: &bench.adapter }.base(row, &mut values);
                // K-quants have no nearest grid: another makes them.
                if encode_nearest(to(item), &values, out).is_err() {
                    encode_dithered(to(item), &values, row as u64, out).unwrap();
                }
            }
            Ok::<_, ExportError>(())
        })
        .unwrap();
        Self { weights: Weights::from_gguf(Gguf::open(&path).unwrap()).unwrap(), ..bench }
    }

    fn request<'a>(&'a self, output: &'a Path) -> Request<'a> {
        Request {
            weights: &self.weights,
            tokenizer: &self.tokenizer,
            chat_template: Some(TEMPLATE),
            adapter: &self.adapter,
            lineage: &[],
            seed: 11,
            output,
            interrupt: Interrupt::default(),
        }
    }

    fn merged(&self, quant: Quant, floor: Floor) -> (PathBuf, Exported) {
        let path = self.dir.path().join(format!("out-{quant:?}-{floor:?}.gguf"));
        let exported = merged_gguf(&self.request(&path), quant, floor, &mut |_, _| {}).unwrap();
        (path, exported)
    }

    fn faults(&self, exported: &Path) -> Vec<String> {
        verify(exported, &self.weights, &self.adapter).unwrap().faults()
    }
}

fn values(gguf: &Gguf, name: &str) -> Vec<f32> {
    let info = gguf.tensor(name).unwrap();
    let mut out = vec![0.0; info.ne.iter().product::<u64>() as usize];
    decode(types::encoding(info.ty).unwrap(), gguf.bytes(info), &mut out);
    out
}

fn linears(model: &ModelConfig) -> Vec<LinearId> {
    (0..model.layers).flat_map(|layer| Site::ALL.map(|site| LinearId { layer, site })).collect()
}

#[test]
fn an_f32_export_is_base_plus_delta_with_llamas_rows_permuted() {
    let bench = Bench::hf(0.1);
    let (path, exported) = bench.merged(Quant::F32, Floor::Q8_0);
    assert_eq!(exported.digest, Digest::of_file(&path).unwrap());
    let gguf = Gguf::open(&path).unwrap();
    let config = bench.weights.config();
    for id in linears(config) {
        let w = bench.weights.linear(id);
        let mut expected = vec![0.0; w.rows * w.cols];
        decode(w.encoding, w.bytes, &mut expected);
        expected.iter_mut().zip(bench.adapter.delta(id).unwrap()).for_each(|(e, d)| *e += d);
        let heads = match id.site {
            Site::Q => Some(config.heads),
            Site::K => Some(config.kv_heads),
            _ => None,
        };
        let expected = heads.map_or(expected.clone(), |h| permute_rows(&expected, h, w.cols));
        assert_eq!(values(&gguf, &format!("blk.{}.{}.weight", id.layer, id.site.gguf())), expected, "{id:?}");
    }
    assert_eq!(exported.survival.len(), config.layers * 7);
    assert!(
        exported.survival.iter().all(|s| (s.slope - 1.0).abs() < 1e-4 && s.residual < 1.0),
        "{:?}",
        exported.survival
    );
    assert_eq!(bench.faults(&path), Vec::<String>::new());
}

#[test]
fn every_type_is_written_verified_and_repeats_to_the_byte() {
    for (encoding, size) in [
        (Encoding::F32, 0.1),
        (Encoding::F16, 0.02),
        (Encoding::BF16, 0.02),
        (Encoding::Q8_0, 0.02),
        (Encoding::Q4_1, 0.1),
        (Encoding::Q5_0, 0.1),
    ] {
        let bench = Bench::gguf(encoding, size);
        for quant in [Quant::Keep, Quant::F32, Quant::F16, Quant::Bf16, Quant::Q8_0] {
            for floor in [Floor::Q8_0, Floor::Same] {
                let (path, exported) = bench.merged(quant, floor);
                assert_eq!(bench.faults(&path), Vec::<String>::new(), "{encoding:?} {quant:?} {floor:?}");
                assert_eq!(bench.merged(quant, floor).1.digest, exported.digest);
                let weights = Weights::from_gguf(Gguf::open(&path).unwrap()).unwrap();
                assert_eq!(weights.config(), bench.weights.config());
            }
        }
    }
}

#[test]
fn what_the_adapter_does_not_touch_keeps_its_bytes_and_the_metadata_its_words() {
    let mut bench = Bench::gguf(Encoding::Q4_1, 0.1);
    bench.adapter.pairs.retain(|id, _| id.site == Site::V);
    let path = bench.dir.path().join("out.gguf");
    let lineage = [("base".to_owned(), "sha256:1".to_owned()), ("tunesmith.run".to_owned(), "r".to_owned())];
    let request = Request { lineage: &lineage, ..bench.request(&path) };
    merged_gguf(&request, Quant::Keep, Floor::Q8_0, &mut |_, _| {}).unwrap();
    let (base, out) = (bench.weights.gguf().unwrap(), Gguf::open(&path).unwrap());
    for t in base.tensors() {
        let same = out.tensor(&t.name).is_some_and(|o| o.ty == t.ty && out.bytes(o) == base.bytes(t));
        assert_eq!(same, !t.name.contains("attn_v"), "{}", t.name);
        if !same {
            assert_eq!(out.tensor(&t.name).unwrap().ty, GgmlType::Q8_0);
        }
    }
    let word = |key: &str| out.str(key).unwrap().to_owned();
    assert_eq!(word("general.name"), "tuned");
    assert_eq!(word("general.license"), "apache-2.0");
    assert_eq!((word("tunesmith.base"), word("tunesmith.run")), ("sha256:1".to_owned(), "r".to_owned()));
    assert_eq!(word("tokenizer.chat_template"), TEMPLATE);
    assert_eq!(out.u64("general.file_type").unwrap(), 3);
    assert_eq!(out.metadata()["tokenizer.ggml.tokens"], base.metadata()["tokenizer.ggml.tokens"]);
}

#[test]
fn a_folder_becomes_a_gguf_with_a_vocabulary_as_long_as_the_embedding() {
    let bench = Bench::hf(0.1);
    let (path, _) = bench.merged(Quant::F16, Floor::Q8_0);
    let gguf = Gguf::open(&path).unwrap();
    let Some(Value::Strings(tokens)) = gguf.metadata().get("tokenizer.ggml.tokens") else { panic!() };
    assert_eq!((tokens.len(), tokens[30].as_str()), (32, "[PAD30]"));
    assert_eq!(gguf.u64("general.file_type").unwrap(), 1);
    assert_eq!(gguf.tensor("blk.0.attn_norm.weight").unwrap().ty, GgmlType::F32);
    assert_eq!(gguf.tensor("token_embd.weight").unwrap().ty, GgmlType::F16);
}

/// On the base's own grid rounding to nearest erases a weak tune, dithering keeps it.
#[test]
fn a_weak_tune_survives_on_the_bases_own_grid() {
    for (encoding, size) in
        [(Encoding::Q4_1, 0.01), (Encoding::Q8_0, 0.002), (Encoding::BF16, 0.002), (Encoding::F16, 0.0005)]
    {
        let bench = Bench::gguf(encoding, size);
        let (path, exported) = bench.merged(Quant::Keep, Floor::Same);
        assert_eq!(bench.faults(&path), Vec::<String>::new());
        assert!(
            exported.survival.iter().all(|s| s.from == s.to && s.rounding != Some(Rounding::Nearest)),
            "{encoding:?}"
        );
        let slope: f64 = exported.survival.iter().map(|s| s.slope / s.standard_error.powi(2)).sum::<f64>()
            / exported.survival.iter().map(|s| s.standard_error.powi(-2)).sum::<f64>();
        let error = exported.survival.iter().map(|s| s.standard_error.powi(-2)).sum::<f64>().powf(-0.5);
        assert!((slope - 1.0).abs() < 0.06 + 4.0 * error, "{encoding:?} {slope} ± {error}");
        // The same, rounded to nearest.
        let nearest = bench.dir.path().join("nearest.gguf");
        spoiled(&path, &nearest, |name, row, out| {
            let id = linears(bench.weights.config())
                .into_iter()
                .find(|id| name == format!("blk.{}.{}.weight", id.layer, id.site.gguf()));
            let Some(id) = id else { return false };
            let w = bench.weights.linear(id);
            let mut sum = vec![0.0; w.cols];
            decode(w.encoding, w.row(row), &mut sum);
            let mut delta = vec![0.0; w.cols];
            bench.adapter.to_ggml(bench.weights.spec()).delta_rows(id, row..row + 1, &mut delta);
            sum.iter_mut().zip(&delta).for_each(|(s, d)| *s += d);
            encode_nearest(w.encoding, &sum, out).unwrap();
            true
        });
        let faults = bench.faults(&nearest);
        assert!(faults.len() > 7, "{encoding:?}: only {} of 14 erased tensors were seen", faults.len());
        assert!(faults.iter().any(|f| f.contains("of the tune is in the file")), "{faults:?}");
    }
}

/// Copies a GGUF; `row(name, i, out)` may write another row's bytes instead (true when it did).
fn spoiled(from: &Path, to: &Path, mut row: impl FnMut(&str, usize, &mut Vec<u8>) -> bool) {
    let gguf = Gguf::open(from).unwrap();
    let planned: Vec<_> =
        gguf.tensors().iter().map(|t| PlannedTensor { name: t.name.clone(), ne: t.ne.clone(), ty: t.ty }).collect();
    crate::gguf::write(to, gguf.metadata(), &planned, |i, out| {
        let t = &gguf.tensors()[i];
        let rows = t.ne.get(1).copied().unwrap_or(1) as usize;
        let bytes = gguf.bytes(t);
        for (k, old) in bytes.chunks_exact(bytes.len() / rows).enumerate() {
            if !row(&t.name, k, out) {
                out.extend_from_slice(old);
            }
        }
        Ok::<_, ExportError>(())
    })
    .unwrap();
}

/// A model trained in bf16 often lies in an f32 file: rounding the sum to bf16 would put most of a weak tune back.
#[test]
fn values_of_a_narrower_type_in_a_wider_file_are_dithered_too() {
    let narrow = Bench::gguf(Encoding::BF16, 0.002);
    let path = narrow.dir.path().join("wide.gguf");
    let untouched = Request { adapter: &trained(&shape(), 0.0), ..narrow.request(&path) };
    merged_gguf(&untouched, Quant::F32, Floor::Same, &mut |_, _| {}).unwrap();
    let wide = Bench { weights: Weights::from_gguf(Gguf::open(&path).unwrap()).unwrap(), ..narrow };
    for quant in [Quant::Bf16, Quant::F16] {
        let (path, exported) = wide.merged(quant, Floor::Same);
        assert_eq!(wide.faults(&path), Vec::<String>::new());
        let mean = exported.survival.iter().map(|s| s.slope).sum::<f64>() / 14.0;
        assert!((mean - 1.0).abs() < 0.1, "{quant:?} {mean}");
    }
}

#[test]
fn faults_of_an_export_are_seen_and_named() {
    for encoding in [Encoding::F16, Encoding::Q8_0] {
        let bench = Bench::gguf(encoding, 0.05);
        let path = bench.dir.path().join("fault.gguf");
        let with = |adapter: &Adapter<Hf>| {
            let request = Request { adapter, ..bench.request(&path) };
            merged_gguf(&request, Quant::Keep, Floor::Same, &mut |_, _| {}).unwrap();
            let of_tensors = |fault: &String| !fault.contains(" together: ");
            bench.faults(&path).into_iter().filter(of_tensors).collect::<Vec<_>>()
        };
        let scaled = |factor: f64| {
            let mut a = bench.adapter.clone();
            a.config.alpha *= factor;
            a
        };
        assert_eq!(with(&bench.adapter), Vec::<String>::new());
        assert_eq!(with(&scaled(1.2)).len(), 14);
        assert_eq!(with(&scaled(2.0)).len(), 14);
        // Two layers' tunes swapped.
        let mut swapped = bench.adapter.clone();
        let layer = |n: usize, site| LinearId { layer: n, site };
        for site in Site::ALL {
            let (a, b) = (swapped.pairs[&layer(0, site)].clone(), swapped.pairs[&layer(1, site)].clone());
            swapped.pairs.insert(layer(0, site), b);
            swapped.pairs.insert(layer(1, site), a);
        }
        assert_eq!(with(&swapped).len(), 14);
        // No tune at all.
        let mut zero = bench.adapter.clone();
        zero.pairs.values_mut().for_each(|p| p.b.fill(0.0));
        let faults = with(&zero);
        assert!(faults.len() == 14 && faults[0].contains("0.000 ± "), "{faults:?}");
        // q and k of ΔW not permuted: merging an adapter whose rows were moved back first.
        let mut crooked = bench.adapter.clone();
        for (id, pair) in crooked.pairs.iter_mut() {
            let heads = match id.site {
                Site::Q => bench.weights.config().heads,
                Site::K => bench.weights.config().kv_heads,
                _ => continue,
            };
            pair.b = crate::lora::unpermute_rows(&pair.b, heads, 4);
        }
        let faults = with(&crooked);
        assert!(faults.len() == 4 && faults.iter().all(|f| f.contains("attn_q") || f.contains("attn_k")), "{faults:?}");
        // One bit of an untouched tensor.
        with(&bench.adapter);
        let bent = bench.dir.path().join("bent.gguf");
        spoiled(&path, &bent, |name, row, out| {
            if name == "token_embd.weight" && row == 3 {
                let bytes = bench.weights.embedding();
                out.extend_from_slice(bytes.row(3));
                let last = out.len() - 1;
                out[last] ^= 1;
                return true;
            }
            false
        });
        assert_eq!(
            bench.faults(&bent),
            ["token_embd.weight differs from the base's in row 3, though the adapter does not touch it"]
        );
    }
}

#[test]
fn broken_numbers_full_disks_and_interrupts_leave_nothing() {
    let mut bench = Bench::gguf(Encoding::F16, 0.1);
    let path = bench.dir.path().join("out.gguf");
    let request = bench.request(&path);
    request.interrupt.raise();
    for e in [
        merged_gguf(&request, Quant::Keep, Floor::Same, &mut |_, _| {}).unwrap_err(),
        adapter_gguf(&request).unwrap_err(),
        merged_hf(&request, Quant::Keep, &mut |_, _| {}).unwrap_err(),
    ] {
        assert!(matches!(e, ExportError::Interrupted), "{e}");
    }
    bench.adapter.pairs.get_mut(&LinearId { layer: 1, site: Site::Up }).unwrap().b[5] = f32::NAN;
    let e = merged_gguf(&bench.request(&path), Quant::Keep, Floor::Same, &mut |_, _| {}).unwrap_err().to_string();
    assert!(e.contains("blk.1.ffn_up.weight") && e.contains("ΔW") && e.contains("NaN"), "{e}");
    let e = adapter_gguf(&bench.request(&path)).unwrap_err().to_string();
    assert!(e.contains("blk.1.ffn_up.weight.lora_b") && e.contains("NaN"), "{e}");
    bench.adapter.pairs.get_mut(&LinearId { layer: 1, site: Site::Up }).unwrap().b[5] = 1e7;
    let e = merged_gguf(&bench.request(&path), Quant::F16, Floor::Same, &mut |_, _| {}).unwrap_err().to_string();
    assert!(e.contains("blk.1.ffn_up.weight") && e.contains("wider type"), "{e}");
    assert!(!path.exists());
    let left: Vec<_> = std::fs::read_dir(bench.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.len() <= 2, "{left:?}");
}
