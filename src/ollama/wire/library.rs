//! Bodies about models: version, tags, show, create, copy, delete, pull.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// Go writes an empty slice as `null`.
pub(super) fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(d: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VersionResponse {
    pub version: String,
    /// Requests that are answered together; only the embedded server says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel: Option<usize>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    #[serde(deserialize_with = "null_is_default")]
    pub parent_model: String,
    #[serde(deserialize_with = "null_is_default")]
    pub format: String,
    #[serde(deserialize_with = "null_is_default")]
    pub family: String,
    #[serde(deserialize_with = "null_is_default")]
    pub families: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub parameter_size: String,
    #[serde(deserialize_with = "null_is_default")]
    pub quantization_level: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TagEntry {
    pub name: String,
    pub model: String,
    pub modified_at: String,
    pub size: u64,
    /// SHA-256 of the manifest file, hexadecimal.
    pub digest: String,
    pub details: Details,
}

/// `models` is never missing: without it, what answers is no Ollama.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TagsResponse {
    #[serde(deserialize_with = "null_is_default")]
    pub models: Vec<TagEntry>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ShowRequest {
    pub model: String,
    /// The older name of `model`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub verbose: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ShowResponse {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub license: String,
    pub modelfile: String,
    /// A table, see `parameters.rs`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub parameters: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub template: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub system: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub renderer: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub parser: String,
    pub details: Details,
    #[serde(deserialize_with = "null_is_default")]
    pub model_info: Map<String, Value>,
    #[serde(deserialize_with = "null_is_default")]
    pub capabilities: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remote_host: String,
    pub modified_at: String,
}

/// One text or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum License {
    One(String),
    Several(Vec<String>),
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateRequest {
    pub model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Relative path → `sha256:<hex>`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub files: Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub adapters: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<License>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantize: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renderer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parser: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
}

/// A line of create's and pull's streams.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    pub status: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub digest: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub total: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub completed: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CopyRequest {
    pub source: String,
    pub destination: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DeleteRequest {
    pub model: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PullRequest {
    pub model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
}
