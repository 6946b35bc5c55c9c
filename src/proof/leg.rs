//! One leg of a proof.

/// One leg of a proof.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Leg {
    pub name: String,
    pub passed: bool,
    /// What was measured, one line.
    pub summary: String,
    /// What failed: the tensor or probe, and its numbers.
    pub faults: Vec<String>,
    pub numbers: serde_json::Map<String, serde_json::Value>,
}

impl Leg {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            passed: true,
            summary: String::new(),
            faults: Vec::new(),
            numbers: serde_json::Map::new(),
        }
    }

    pub(super) fn fault(&mut self, what: String) {
        self.passed = false;
        self.faults.push(what);
    }

    pub(super) fn number(&mut self, name: &str, value: f64) {
        self.numbers.insert(name.to_owned(), serde_json::json!(value));
    }
}
