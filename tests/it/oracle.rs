//! What the parity tests share: the numbers that `tests/oracles/*.py` made, and the tiny models made by the same formula.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::Value as Json;
use tempfile::TempDir;

/// A committed file of `tests/fixtures/parity`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity").join(name)
}

pub fn json(name: &str) -> Json {
    let text = std::fs::read_to_string(fixture(name)).expect("the fixture is committed; `just oracles` makes it");
    serde_json::from_str(&text).expect("a JSON fixture")
}

/// The real model of the tests.
pub fn smollm2() -> PathBuf {
    std::env::var_os("TUNESMITH_SMOLLM2").map(PathBuf::from).expect(
        "TUNESMITH_SMOLLM2 names SmolLM2-135M-Instruct.Q4_1.gguf: run the tests through scripts/test, which fetches it",
    )
}

// The formula of tests/oracles/common/counter.py.

fn fnv1a64(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// f32 in [-1, 1) by name and index.
pub fn uniform(name: &str) -> impl Iterator<Item = f32> {
    let seed = fnv1a64(name);
    (1u64..).map(move |i| {
        let mut z = seed.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 * (1.0 / 8_388_608.0) - 1.0
    })
}

pub fn values(name: &str, n: usize, offset: f32, scale: f32) -> Vec<f32> {
    uniform(name).take(n).map(|u| offset + scale * u).collect()
}

/// The named arrays of a fixture.
pub struct Arrays {
    bytes: Vec<u8>,
}

impl Arrays {
    pub fn open(name: &str) -> Self {
        Self::at(&fixture(&format!("{name}.safetensors")))
    }

    pub fn at(path: &Path) -> Self {
        Self { bytes: std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())) }
    }

    fn raw<const N: usize>(&self, name: &str, dtype: Dtype) -> Vec<[u8; N]> {
        let file = SafeTensors::deserialize(&self.bytes).expect("a whole safetensors fixture");
        let tensor = file.tensor(name).unwrap_or_else(|e| panic!("the fixture has no {name}: {e}"));
        assert_eq!(tensor.dtype(), dtype, "{name}");
        tensor.data().chunks_exact(N).map(|c| c.try_into().expect("N bytes")).collect()
    }

    pub fn names(&self) -> Vec<String> {
        SafeTensors::deserialize(&self.bytes).expect("a whole fixture").names().into_iter().map(str::to_owned).collect()
    }

    pub fn shape(&self, name: &str) -> Vec<usize> {
        SafeTensors::deserialize(&self.bytes)
            .expect("a whole fixture")
            .tensor(name)
            .expect("in the fixture")
            .shape()
            .to_vec()
    }

    pub fn f32(&self, name: &str) -> Vec<f32> {
        self.raw(name, Dtype::F32).into_iter().map(f32::from_le_bytes).collect()
    }

    pub fn f64(&self, name: &str) -> Vec<f64> {
        self.raw(name, Dtype::F64).into_iter().map(f64::from_le_bytes).collect()
    }

    pub fn u32(&self, name: &str) -> Vec<u32> {
        self.raw(name, Dtype::U32).into_iter().map(u32::from_le_bytes).collect()
    }
}

/// A Hugging Face folder of the tiny model `name` of models.json: config.json and safetensors, sharded where it says so.
pub fn folder(name: &str) -> TempDir {
    let spec = &json("models.json")[name];
    let dir = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(dir.path().join("config.json"), spec["config"].to_string()).expect("written");
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> =
        spec["tensors"].as_array().expect("tensors").iter().map(|t| tensor(name, spec, t)).collect();
    let dtype = match spec["dtype"].as_str() {
        Some("F32") => Dtype::F32,
        Some("F16") => Dtype::F16,
        Some("BF16") => Dtype::BF16,
        other => panic!("a dtype, not {other:?}"),
    };
    let shards = spec["shards"].as_u64().expect("shards") as usize;
    let mut map = BTreeMap::new();
    for (n, shard) in tensors.chunks(tensors.len().div_ceil(shards)).enumerate() {
        let file = if shards == 1 {
            "model.safetensors".to_owned()
        } else {
            format!("model-{:05}-of-{shards:05}.safetensors", n + 1)
        };
        let views = shard
            .iter()
            .map(|(name, shape, data)| (name, TensorView::new(dtype, shape.clone(), data).expect("a whole tensor")));
        let bytes = safetensors::serialize(views, None).expect("serialised");
        std::fs::write(dir.path().join(&file), bytes).expect("written");
        map.extend(shard.iter().map(|t| (t.0.clone(), file.clone())));
    }
    if shards > 1 {
        let index = serde_json::json!({"metadata": {"total_size": 0}, "weight_map": map});
        std::fs::write(dir.path().join("model.safetensors.index.json"), index.to_string()).expect("written");
    }
    dir
}

/// One tensor: its values by formula, rounded as the model says, in the bytes of the file's type.
fn tensor(model: &str, spec: &Json, said: &Json) -> (String, Vec<usize>, Vec<u8>) {
    let name = said[0].as_str().expect("a name");
    let shape: Vec<usize> =
        said[1].as_array().expect("a shape").iter().map(|n| n.as_u64().expect("a length") as usize).collect();
    let (offset, scale) = (said[2].as_f64().expect("offset") as f32, said[3].as_f64().expect("scale") as f32);
    let values = values(&format!("{model}/{name}"), shape.iter().product(), offset, scale);
    let data = match (spec["round"].as_str(), spec["dtype"].as_str()) {
        (Some("BF16"), Some("BF16")) => values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect(),
        (Some("F16"), Some("F16")) => values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect(),
        (Some("F16"), Some("F32")) => values.iter().flat_map(|v| f16::from_f32(*v).to_f32().to_le_bytes()).collect(),
        other => panic!("{model}: {other:?}"),
    };
    (name.to_owned(), shape, data)
}

/// max |a − b| / max |b|
pub fn max_relative(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let largest = b.iter().fold(0.0f64, |m, x| m.max(f64::from(x.abs())));
    let mut worst = 0.0f64;
    for (x, y) in a.iter().zip(b) {
        assert!(x.is_finite(), "a value is {x}");
        worst = worst.max((f64::from(*x) - f64::from(*y)).abs());
    }
    worst / largest
}

/// ‖a − b‖ / ‖b‖
pub fn frobenius(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    norm(&mut a.iter().zip(b).map(|(x, y)| f64::from(*x) - f64::from(*y))) / norm(&mut b.iter().map(|x| f64::from(*x)))
}
