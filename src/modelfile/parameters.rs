//! PARAMETER values as `/api/create` wants them.

use serde_json::{Map, Value};

use super::ModelfileError;
use super::error::short;

/// PARAMETERs with their types.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters {
    /// Name to number, boolean or, for `stop`, list of texts.
    pub json: Map<String, Value>,
    /// What Ollama no longer takes: left out, and to be said.
    pub left_out: Vec<LeftOut>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct LeftOut {
    pub name: String,
    pub why: &'static str,
}

impl std::fmt::Display for LeftOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PARAMETER {} is left out: {}", self.name, self.why)
    }
}

enum Kind {
    Int,
    Float,
    Bool,
    Texts,
}

/// The options of `api.Options` and `api.Runner`, v0.34.4.
const KNOWN: [(&str, Kind); 19] = [
    ("num_keep", Kind::Int),
    ("seed", Kind::Int),
    ("num_predict", Kind::Int),
    ("top_k", Kind::Int),
    ("top_p", Kind::Float),
    ("min_p", Kind::Float),
    ("repeat_last_n", Kind::Int),
    ("temperature", Kind::Float),
    ("repeat_penalty", Kind::Float),
    ("presence_penalty", Kind::Float),
    ("frequency_penalty", Kind::Float),
    ("stop", Kind::Texts),
    ("num_ctx", Kind::Int),
    ("num_batch", Kind::Int),
    ("num_gpu", Kind::Int),
    ("main_gpu", Kind::Int),
    ("use_mmap", Kind::Bool),
    ("num_thread", Kind::Int),
    ("draft_num_predict", Kind::Int),
];

/// Ollama's `deprecatedParameters`, and what newer daemons refuse.
const GONE: [(&str, &str); 13] = [
    ("penalize_newline", DEPRECATED),
    ("low_vram", DEPRECATED),
    ("f16_kv", DEPRECATED),
    ("logits_all", DEPRECATED),
    ("vocab_only", DEPRECATED),
    ("use_mlock", DEPRECATED),
    ("mirostat", DEPRECATED),
    ("mirostat_tau", DEPRECATED),
    ("mirostat_eta", DEPRECATED),
    ("numa", DEPRECATED),
    ("tfs_z", DEPRECATED),
    ("num_gqa", DEPRECATED),
    ("typical_p", "Ollama 0.34.4 and later refuse it on new models"),
];

const DEPRECATED: &str = "Ollama no longer knows it";

/// Types the values; `stop` may repeat, of others the last counts. An unknown name or a value that is not of its
/// type is an error.
pub fn parameters<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Parameters, ModelfileError> {
    let mut out = Parameters::default();
    for (name, value) in pairs {
        let fault = |reason: String| ModelfileError::Parameter { name: short(name), reason };
        if let Some((_, why)) = GONE.iter().find(|(gone, _)| *gone == name) {
            out.left_out.push(LeftOut { name: name.into(), why });
            continue;
        }
        let Some((_, kind)) = KNOWN.iter().find(|(known, _)| *known == name) else {
            return Err(fault(format!("Ollama has no such parameter; the nearest is {}", nearest(name))));
        };
        let value = match kind {
            Kind::Texts => {
                let list = out.json.entry(name).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(list) = list {
                    list.push(value.into());
                }
                continue;
            }
            Kind::Int => {
                value.parse::<i64>().map(Value::from).map_err(|_| fault(format!("{:?} is no integer", short(value))))?
            }
            Kind::Float => match value.parse::<f32>() {
                // Through the shortest text, so that 0.7 stays 0.7.
                Ok(x) if x.is_finite() => Value::from(x.to_string().parse::<f64>().unwrap_or(x.into())),
                _ => return Err(fault(format!("{:?} is no number", short(value)))),
            },
            Kind::Bool => match value {
                "1" | "t" | "T" | "TRUE" | "true" | "True" => true.into(),
                "0" | "f" | "F" | "FALSE" | "false" | "False" => false.into(),
                _ => return Err(fault(format!("{:?} is neither true nor false", short(value)))),
            },
        };
        out.json.insert(name.into(), value);
    }
    Ok(out)
}

fn nearest(name: &str) -> &'static str {
    KNOWN.iter().map(|(known, _)| *known).min_by_key(|known| distance(name, known)).unwrap_or("num_ctx")
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_types_that_create_wants() {
        let pairs = [
            ("num_ctx", "4096"),
            ("temperature", "0.7"),
            ("stop", "<|im_end|>"),
            ("stop", "</s>"),
            ("use_mmap", "false"),
            ("seed", "-1"),
            ("num_ctx", "8192"),
            ("mirostat", "1"),
            ("top_p", "1"),
        ];
        let found = parameters(pairs).unwrap();
        let expected = serde_json::json!({"num_ctx": 8192, "temperature": 0.7, "stop": ["<|im_end|>", "</s>"], "use_mmap": false, "seed": -1, "top_p": 1.0});
        assert_eq!(Value::Object(found.json), expected);
        assert_eq!(found.left_out[0].to_string(), "PARAMETER mirostat is left out: Ollama no longer knows it");
    }

    #[test]
    fn faults_name_the_parameter() {
        let error = |name, value| parameters([(name, value)]).unwrap_err().to_string();
        assert_eq!(
            error("temprature", "1"),
            "PARAMETER temprature: Ollama has no such parameter; the nearest is temperature"
        );
        assert!(error("num_ctx", "4k").contains("no integer"));
        assert!(error("top_p", "NaN").contains("no number"));
        assert!(error("use_mmap", "yes").contains("neither true nor false"));
    }
}
