use proptest::prelude::*;

use super::*;
use crate::gguf::{GgmlType, PlannedTensor, write};
use crate::store::Digest;

fn sample() -> (Metadata, Vec<PlannedTensor>) {
    let metadata = Metadata::from([
        ("general.architecture".to_owned(), Value::String("llama".into())),
        ("general.alignment".to_owned(), Value::U32(64)),
        ("llama.block_count".to_owned(), Value::U32(2)),
        ("llama.rope.freq_base".to_owned(), Value::F32(1e4)),
        ("a.u8".to_owned(), Value::U8(1)),
        ("a.i8".to_owned(), Value::I8(-1)),
        ("a.u16".to_owned(), Value::U16(1)),
        ("a.i16".to_owned(), Value::I16(-1)),
        ("a.i32".to_owned(), Value::I32(-1)),
        ("a.u64".to_owned(), Value::U64(1 << 40)),
        ("a.i64".to_owned(), Value::I64(-1)),
        ("a.f64".to_owned(), Value::F64(0.1)),
        ("a.flag".to_owned(), Value::Bool(true)),
        ("a.words".to_owned(), Value::Strings(vec!["é".into(), String::new()])),
        ("a.none".to_owned(), Value::Strings(vec![])),
        ("a.types".to_owned(), Value::I32s(vec![1, -2])),
        ("a.scores".to_owned(), Value::F32s(vec![0.5])),
        ("a.flags".to_owned(), Value::Array(vec![Value::Bool(true), Value::Bool(false)])),
    ]);
    let tensor = |name: &str, ne: &[u64], ty| PlannedTensor { name: name.into(), ne: ne.to_vec(), ty };
    let tensors = vec![
        tensor("token_embd.weight", &[32, 5], GgmlType::Q4_1),
        tensor("output_norm.weight", &[3], GgmlType::F32),
        tensor("output.weight", &[32, 3], GgmlType::F16),
    ];
    (metadata, tensors)
}

fn payload(i: usize, t: &PlannedTensor) -> Vec<u8> {
    (0..t.bytes().unwrap()).map(|b| (b as usize * 7 + i) as u8).collect()
}

fn written(dir: &Path) -> (PathBuf, Digest, u64) {
    let (metadata, tensors) = sample();
    let path = dir.join("m.gguf");
    let (digest, size) = write::<GgufError>(&path, &metadata, &tensors, |i, out| {
        out.extend(payload(i, &tensors[i]));
        Ok(())
    })
    .unwrap();
    (path, digest, size)
}

#[test]
fn what_is_written_is_read_back_by_us_and_by_candle() {
    let dir = tempfile::tempdir().unwrap();
    let (path, digest, size) = written(dir.path());
    assert_eq!(digest, Digest::of_file(&path).unwrap());
    assert_eq!(size, std::fs::metadata(&path).unwrap().len());
    assert_eq!(size % 32, 0);
    let (mut metadata, tensors) = sample();
    metadata.remove("general.alignment");
    let gguf = Gguf::open(&path).unwrap();
    assert_eq!(gguf.metadata(), &metadata);
    assert_eq!(gguf.tensors().len(), tensors.len());
    for (i, (found, planned)) in gguf.tensors().iter().zip(&tensors).enumerate() {
        assert_eq!((&found.name, &found.ne, found.ty), (&planned.name, &planned.ne, planned.ty));
        assert_eq!(found.offset % 32, 0);
        assert_eq!(gguf.bytes(found), payload(i, planned));
    }
    // The other implementation.
    let bytes = std::fs::read(&path).unwrap();
    let (theirs, mut infos) = candle::parse(&bytes).unwrap();
    let mut expected = gguf.metadata().clone();
    expected.insert("a.none".into(), Value::Array(vec![])); // candle drops the type of an empty array
    assert_eq!(theirs, expected);
    infos.sort_by_key(|t| t.offset);
    assert_eq!(infos, gguf.tensors());
}

#[test]
fn writing_twice_gives_the_same_bytes_and_a_failed_fill_leaves_the_old_file() {
    let dir = tempfile::tempdir().unwrap();
    let (path, digest, _) = written(dir.path());
    assert_eq!(written(dir.path()).1, digest);
    let (metadata, tensors) = sample();
    let e = write::<GgufError>(&path, &metadata, &tensors, |i, out| {
        out.extend(vec![0; 100 - i]); // Q4_1, 32 × 5: 100 bytes; the second is wrong
        Ok(())
    })
    .unwrap_err();
    assert!(e.to_string().contains("output_norm.weight"), "{e}");
    assert_eq!(Digest::of_file(&path).unwrap(), digest);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    let bad = vec![PlannedTensor { name: "x.weight".into(), ne: vec![33, 2], ty: GgmlType::Q8_0 }];
    let e = write::<GgufError>(&path, &metadata, &bad, |_, _| Ok(())).unwrap_err();
    assert!(e.to_string().contains("x.weight") && e.to_string().contains("blocks"), "{e}");
    let odd = Metadata::from([("Upper.Case".to_owned(), Value::Bool(true))]);
    let e = write::<GgufError>(&path, &odd, &[], |_, _| Ok(())).unwrap_err();
    assert!(e.to_string().contains("Upper.Case"), "{e}");
}

/// The header of a file without tensors, as versions 2 and 3 have it.
fn empty_with_alignment(version: u32, key: &str, ty: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(version.to_le_bytes());
    bytes.extend(0u64.to_le_bytes());
    bytes.extend(1u64.to_le_bytes());
    bytes.extend((key.len() as u64).to_le_bytes());
    bytes.extend(key.as_bytes());
    bytes.extend(ty.to_le_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(32) + 32, 0);
    bytes
}

#[test]
fn an_alignment_that_is_no_power_of_two_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.gguf");
    for version in [2, 3] {
        let open = |ty: u32, value: &[u8]| {
            std::fs::write(&path, empty_with_alignment(version, "general.alignment", ty, value)).unwrap();
            Gguf::open(&path).map(drop).map_err(|e| e.to_string())
        };
        open(4, &64u32.to_le_bytes()).unwrap();
        for (ty, width) in [(0, 1), (1, 1), (2, 2), (3, 2), (4, 4), (5, 4), (10, 8), (11, 8)] {
            let mut value = vec![0; width];
            let e = open(ty, &value).unwrap_err();
            assert!(e.contains("m.gguf") && e.to_lowercase().contains("alignment"), "version {version}: {e}");
            value[0] = 24;
            let e = open(ty, &value).unwrap_err();
            assert!(e.contains("m.gguf") && e.to_lowercase().contains("alignment"), "version {version}: {e}");
        }
        open(6, &[0; 4]).unwrap_err();
    }
}

#[test]
fn version_2_files_and_hyphenated_keys_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("v2.gguf");
    let tensor = candle_core::Tensor::arange(0f32, 6., &candle_core::Device::Cpu).unwrap().reshape((2, 3)).unwrap();
    let q = candle_core::quantized::QTensor::quantize(&tensor, candle_core::quantized::GgmlDType::F32).unwrap();
    let value = candle_core::quantized::gguf_file::Value::String("command-r".into());
    let count = candle_core::quantized::gguf_file::Value::U32(3);
    let mut file = std::fs::File::create(&path).unwrap();
    candle_core::quantized::gguf_file::write(
        &mut file,
        &[("general.architecture", &value), ("command-r.block_count", &count)],
        &[("output.weight", &q)],
    )
    .unwrap();
    drop(file);
    let gguf = Gguf::open(&path).unwrap();
    assert_eq!(gguf.architecture().unwrap(), "command-r");
    assert_eq!(gguf.u64("command-r.block_count").unwrap(), 3);
    let info = gguf.tensor("output.weight").unwrap();
    assert_eq!(info.ne, [3, 2]);
    let floats: Vec<f32> =
        gguf.bytes(info).chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    assert_eq!(floats, [0., 1., 2., 3., 4., 5.]);
    // The same as version 3: the first reader dislikes the key, the second takes it.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4] = 3;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(Gguf::open(&path).unwrap().architecture().unwrap(), "command-r");
}

#[test]
fn faults_name_the_file_and_the_thing() {
    let dir = tempfile::tempdir().unwrap();
    let (path, ..) = written(dir.path());
    let bytes = std::fs::read(&path).unwrap();
    let gguf = Gguf::open(&path).unwrap();
    for (key, say) in [("no.such", "is missing"), ("a.words", "array of strings"), ("a.i8", "negative")] {
        let e = gguf.u64(key).unwrap_err().to_string();
        assert!(e.contains(key) && e.contains(say) && e.contains("m.gguf"), "{e}");
    }
    let say = |bytes: &[u8]| {
        let path = dir.path().join("torn.gguf");
        std::fs::write(&path, bytes).unwrap();
        let e = Gguf::open(&path).unwrap_err().to_string();
        assert!(e.contains("torn.gguf"), "{e}");
        e
    };
    assert!(say(&bytes[..bytes.len() - 64]).contains("output.weight"));
    assert!(say(&bytes[..100]).contains("fetch it again"));
    assert!(say(b"PK\x03\x04").contains("PK"));
    assert!(say(b"").contains("GGUF"));
    assert!(Gguf::open(dir.path()).unwrap_err().to_string().contains("expected a file"));
    assert!(Gguf::open(dir.path().join("absent")).unwrap_err().to_string().contains("absent"));
}

/// Keys, tensors and every tensor's bytes of the real model, as gguf-py reads them (tests/oracles/gguf_smollm2.py).
#[test]
fn the_real_model_is_read_as_gguf_py_reads_it() {
    let path = std::env::var("TUNESMITH_SMOLLM2").expect("TUNESMITH_SMOLLM2: run the tests by scripts/test");
    let gguf = Gguf::open(path).unwrap();
    let oracle: serde_json::Value =
        serde_json::from_str(include_str!("../../tests/fixtures/gguf_smollm2.json")).unwrap();
    let keys = oracle["keys"].as_object().unwrap();
    assert_eq!(gguf.metadata().keys().cloned().collect::<Vec<_>>(), {
        let mut k: Vec<_> = keys.keys().cloned().collect();
        k.sort();
        k
    });
    for (key, expected) in keys {
        let value = gguf.get(key).unwrap();
        if let Some(n) = expected["array"].as_u64() {
            let lines: Vec<String> = match value {
                Value::Strings(v) => v.clone(),
                other => other.to_i64s().unwrap().iter().map(i64::to_string).collect(),
            };
            assert_eq!(lines.len() as u64, n, "{key}");
            assert_eq!(Digest::of_bytes(lines.join("\n").as_bytes()).hex(), expected["sha256"], "{key}");
        } else if let Some(text) = expected.as_str() {
            assert_eq!(gguf.str(key).unwrap(), text, "{key}");
        } else if let Some(flag) = expected.as_bool() {
            assert_eq!(gguf.is_true(key), flag, "{key}");
        } else {
            assert_eq!(gguf.f64(key).unwrap(), expected.as_f64().unwrap(), "{key}");
        }
    }
    let tensors = oracle["tensors"].as_array().unwrap();
    assert_eq!(gguf.tensors().len(), tensors.len());
    for (found, expected) in gguf.tensors().iter().zip(tensors) {
        let digest = Digest::of_bytes(gguf.bytes(found)).hex();
        let ours = serde_json::json!([found.name, found.ne, found.ty.name(), found.offset, digest[..16]]);
        assert_eq!(&ours, expected);
    }
}

/// A header that promises more than memory can hold is refused before anything is made of it.
#[test]
fn wild_counts_and_lengths_are_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wild.gguf");
    let head = |version: u32, tensors: u64, keys: u64| {
        [&b"GGUF"[..], &version.to_le_bytes(), &tensors.to_le_bytes(), &keys.to_le_bytes()].concat()
    };
    let key = [&1u64.to_le_bytes()[..], b"k"].concat();
    let (string, array) = (8u32.to_le_bytes(), 9u32.to_le_bytes());
    let started = std::time::Instant::now();
    for huge in [u64::MAX, 1 << 62, 1 << 40, 1 << 33, 1 << 29] {
        for version in [2, 3] {
            let h = huge.to_le_bytes();
            let tensor =
                [&head(version, 1, 0)[..], &1u64.to_le_bytes(), b"t", &2u32.to_le_bytes(), &h, &h, &[0; 12]].concat();
            for bytes in [
                head(version, huge, 0),
                head(version, 0, huge),
                [&head(version, 0, 1)[..], &h].concat(),
                [&head(version, 0, 1)[..], &key, &string, &h, b"abc"].concat(),
                [&head(version, 0, 1)[..], &key, &array, &0u32.to_le_bytes(), &h, b"abc"].concat(),
                [&head(version, 0, 1)[..], &key, &array, &string, &h, b"abc"].concat(),
                tensor,
            ] {
                std::fs::write(&path, &bytes).unwrap();
                Gguf::open(&path).unwrap_err();
            }
        }
    }
    assert!(started.elapsed().as_secs() < 20);
}

proptest! {
    /// Any change of any bytes: an error or a file whose tensors all lie inside it, never a panic.
    #[test]
    fn mutated_files_are_refused_or_safe(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>(), do_cut in any::<bool>(), version in 1u8..=3) {
        let dir = tempfile::tempdir().unwrap();
        let (path, ..) = written(dir.path());
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[4] = version;
        for (at, value) in &edits {
            let at = at.index(bytes.len());
            bytes[at] = *value;
        }
        if do_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(gguf) = Gguf::open(&path) {
            for t in gguf.tensors() {
                prop_assert_eq!(gguf.bytes(t).len() as u64, t.bytes);
            }
        }
    }
}
