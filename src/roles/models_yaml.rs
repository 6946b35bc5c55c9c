//! `configs/models.yaml`: which model serves which role, how it is asked, and what must hold before it is replaced.

use std::path::{Path, PathBuf};

use serde_yaml::{Mapping, Value};

use super::fault::RolesError;
use super::name::same_model;
use super::terms::{General, Goal, Metric};
use crate::input::{FromValue, kind, nearest, parse, read_of_project, word};
use crate::store::{Digest, FileAction, read_text};

/// Bytes of the file, at most.
const MAX_FILE: u64 = 4 << 20;

/// The file, read. Unknown keys of roles and of the top are kept (the file is only ever spliced), near misses are warned of.
#[derive(Clone, Debug)]
pub struct ModelsYaml {
    pub path: PathBuf,
    pub text: String,
    /// SHA-256 of the file's bytes.
    pub digest: Digest,
    pub roles: Vec<Role>,
    /// Keys of roles that mean nothing.
    pub unknown_keys: Vec<UnknownKey>,
}

/// A key that nothing reads.
#[derive(Clone, Debug, PartialEq)]
pub struct UnknownKey {
    /// `models.<role>.<key>`
    pub key: String,
    /// The known key that is most like it.
    pub nearest: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Role {
    pub name: String,
    pub model_name: String,
    pub base: Option<String>,
    pub embedding: Option<String>,
    /// Ollama's options, as written.
    pub options: serde_json::Map<String, serde_json::Value>,
    /// The text; `file://PATH` (from the file's folder, below the project) is read.
    pub system: Option<String>,
    pub think: Option<bool>,
    pub eval: Vec<SuiteRef>,
    pub general: General,
    pub gate: GateRules,
}

impl Role {
    /// A role of which only this is known.
    pub fn bare(name: &str, model_name: &str) -> Self {
        Self {
            name: name.to_owned(),
            model_name: model_name.to_owned(),
            base: None,
            embedding: None,
            options: serde_json::Map::new(),
            system: None,
            think: None,
            eval: Vec::new(),
            general: General::On,
            gate: GateRules::default(),
        }
    }
}

/// One suite that a role names.
#[derive(Clone, Debug, PartialEq)]
pub struct SuiteRef {
    /// `builtin:NAME`, or a path (already from the file's folder).
    pub suite: String,
    pub goal: Goal,
    pub metric: Option<Metric>,
    /// 0.05 = five points.
    pub margin: Option<f64>,
    /// With `goal: improve`: a PASS whose gain is at least this suffices.
    pub min_gain: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnInconclusive {
    Hold,
    Promote,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateRules {
    /// Median time of v2 over v1; None = not guarded.
    pub latency_ratio: Option<f64>,
    /// The increase of degenerate, cut or failed answers that objects to nothing, as a share of all prompts; None: the
    /// gate's own.
    pub degenerate_margin: Option<f64>,
    /// Times that each prompt is asked of each model, each with a seed of its own; None: once.
    pub samples: Option<usize>,
    pub on_inconclusive: OnInconclusive,
}

impl GateRules {
    pub const MOST_SAMPLES: usize = 32;
}

impl Default for GateRules {
    fn default() -> Self {
        Self { latency_ratio: None, degenerate_margin: None, samples: None, on_inconclusive: OnInconclusive::Hold }
    }
}

const ROLE_KEYS: &[&str] =
    &["model_name", "base", "embedding", "options", "system", "think", "eval", "general", "gate"];

impl ModelsYaml {
    pub fn read(path: &Path) -> Result<Self, RolesError> {
        let text = read_text(FileAction::Reading("the roles of"), path, MAX_FILE)?;
        Self::parse(text, path)
    }

    /// `path` names the file in errors and is where relative paths start.
    pub fn parse(text: String, path: &Path) -> Result<Self, RolesError> {
        let place = path.display().to_string();
        let syntax = |reason| RolesError::Syntax { place: place.clone(), reason };
        let mut value = parse(&text).map_err(syntax)?;
        value.apply_merge().map_err(|e| syntax(e.to_string()))?;
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let mut reader = Reader { folder, faults: Vec::new(), unknown_keys: Vec::new() };
        let roles = reader.roles(&value);
        if !reader.faults.is_empty() {
            return Err(RolesError::Faults { place, faults: reader.faults });
        }
        let digest = Digest::of_bytes(text.as_bytes());
        Ok(Self { path: path.to_path_buf(), text, digest, roles, unknown_keys: reader.unknown_keys })
    }

    pub fn role(&self, name: &str) -> Result<&Role, RolesError> {
        self.roles.iter().find(|r| r.name == name).ok_or_else(|| RolesError::NoRole {
            path: self.path.clone(),
            role: name.to_owned(),
            known: self.role_names(),
        })
    }

    /// Roles served by `model` (`x` is `x:latest`).
    pub fn roles_of_model(&self, model: &str) -> Vec<&Role> {
        self.roles.iter().filter(|r| same_model(&r.model_name, model)).collect()
    }

    fn role_names(&self) -> String {
        let names: Vec<_> = self.roles.iter().map(|r| r.name.as_str()).collect();
        if names.is_empty() { "no role".into() } else { names.join(", ") }
    }
}

struct Reader {
    folder: PathBuf,
    faults: Vec<String>,
    unknown_keys: Vec<UnknownKey>,
}

impl Reader {
    fn roles(&mut self, value: &Value) -> Vec<Role> {
        let models = match value.get("models") {
            Some(Value::Mapping(models)) => models,
            Some(Value::Null) => return Vec::new(),
            Some(other) => {
                self.faults.push(format!("models: expected a mapping of roles, got {}", kind(other)));
                return Vec::new();
            }
            None => {
                self.faults.push("the key `models` is missing (models: {role: {model_name: \"x:v1\"}})".into());
                return Vec::new();
            }
        };
        let mut roles = Vec::new();
        for (name, body) in models {
            match (name.as_str(), body.as_mapping()) {
                (Some(name), Some(body)) => roles.extend(self.role(name, body)),
                (Some(name), None) => {
                    self.faults.push(format!("models.{name}: expected a mapping with model_name, got {}", kind(body)))
                }
                (None, _) => self.faults.push(format!("models: expected the name of a role, got {}", kind(name))),
            }
        }
        roles
    }

    fn role(&mut self, name: &str, body: &Mapping) -> Option<Role> {
        let at = format!("models.{name}");
        for key in body.keys().filter_map(Value::as_str).filter(|k| !ROLE_KEYS.contains(k)) {
            if let Some(near) = nearest(key, ROLE_KEYS) {
                let (key, nearest) = (format!("{at}.{key}"), near.to_owned());
                self.unknown_keys.push(UnknownKey { key, nearest });
            }
        }
        let model_name = self.get::<String>(body, &at, "model_name");
        if model_name.is_none() && body.get("model_name").is_none_or(Value::is_null) {
            self.faults.push(format!("{at}: model_name is missing"));
        }
        let system = self.get::<String>(body, &at, "system").and_then(|s| self.system(&at, s));
        let general = self.get::<String>(body, &at, "general").unwrap_or("on".into());
        let general = word(&general).unwrap_or_else(|what| {
            self.faults.push(format!("{at}.general: {what}"));
            General::On
        });
        Some(Role {
            base: self.get(body, &at, "base"),
            embedding: self.get(body, &at, "embedding"),
            options: self.options(body, &at),
            think: self.get(body, &at, "think"),
            eval: self.suites(body, &at),
            gate: self.gate(body, &at),
            name: name.to_owned(),
            model_name: model_name?,
            system,
            general,
        })
    }

    fn get<T: FromValue>(&mut self, body: &Mapping, at: &str, key: &str) -> Option<T> {
        let value = body.get(key).filter(|v| !v.is_null())?;
        T::from_value(value).map_err(|what| self.faults.push(format!("{at}.{key}: {what}"))).ok()
    }

    fn system(&mut self, at: &str, said: String) -> Option<String> {
        let Some(path) = said.strip_prefix("file://") else { return Some(said) };
        let read = read_of_project(&self.folder, Path::new(path));
        read.map_err(|e| self.faults.push(format!("{at}.system: {e}"))).ok()
    }

    fn options(&mut self, body: &Mapping, at: &str) -> serde_json::Map<String, serde_json::Value> {
        match body.get("options").filter(|v| !v.is_null()).map(serde_json::to_value) {
            None => serde_json::Map::new(),
            // JSON has no such number: it would become null, which is the default.
            Some(_) if body.get("options").is_some_and(not_finite) => {
                self.faults.push(format!("{at}.options: a number is infinite or not a number"));
                serde_json::Map::new()
            }
            Some(Ok(serde_json::Value::Object(map))) => map,
            Some(_) => {
                self.faults.push(format!("{at}.options: expected a mapping of Ollama's options (temperature: 0 …)"));
                serde_json::Map::new()
            }
        }
    }

    fn suites(&mut self, body: &Mapping, at: &str) -> Vec<SuiteRef> {
        let at = format!("{at}.eval");
        match body.get("eval") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Sequence(items)) => {
                items.iter().enumerate().filter_map(|(i, item)| self.suite(item, &format!("{at}[{i}]"))).collect()
            }
            Some(one) => self.suite(one, &at).into_iter().collect(),
        }
    }

    fn suite(&mut self, item: &Value, at: &str) -> Option<SuiteRef> {
        let bare;
        let map = match item {
            Value::Mapping(map) => map,
            Value::String(_) => {
                bare = Mapping::from_iter([("suite".into(), item.clone())]);
                &bare
            }
            other => {
                self.faults.push(format!("{at}: expected a suite file or a mapping with `suite`, got {}", kind(other)));
                return None;
            }
        };
        self.only(map, at, &["suite", "goal", "metric", "margin", "min_gain"]);
        let Some(suite) = self.get::<String>(map, at, "suite") else {
            self.faults.push(format!("{at}: `suite` is missing"));
            return None;
        };
        let builtin = suite.starts_with("builtin:");
        let suite = if builtin { suite } else { self.folder.join(suite).display().to_string() };
        let natural = if builtin { Goal::Hold } else { Goal::Improve };
        let goal = self.word(map, at, "goal").unwrap_or(natural);
        let min_gain = self.share(map, at, "min_gain");
        if goal == Goal::Hold && min_gain.is_some() {
            self.faults
                .push(format!("{at}.min_gain: means something only with `goal: improve`; here the goal is `hold`"));
        }
        let (metric, margin) = (self.word(map, at, "metric"), self.share(map, at, "margin"));
        Some(SuiteRef { suite, goal, metric, margin, min_gain })
    }

    fn gate(&mut self, body: &Mapping, at: &str) -> GateRules {
        let at = format!("{at}.gate");
        let mut rules = GateRules::default();
        let map = match body.get("gate") {
            None | Some(Value::Null) => return rules,
            Some(Value::Mapping(map)) => map,
            Some(other) => {
                self.faults.push(format!("{at}: expected a mapping, got {}", kind(other)));
                return rules;
            }
        };
        let removed = map.contains_key("degenerate");
        if removed {
            self.faults.push(format!(
                "{at}.degenerate: removed; a count of answers refuses on chance. Delete it, or write \
                 `degenerate_margin: 0.02` (the increase of degenerate, cut or failed answers that is allowed, as a share of all prompts)"
            ));
        }
        let known: Vec<&str> = ["latency_ratio", "degenerate_margin", "samples", "on_inconclusive"]
            .into_iter()
            .chain(removed.then_some("degenerate"))
            .collect();
        self.only(map, &at, &known);
        rules.latency_ratio = self.get::<f64>(map, &at, "latency_ratio");
        if rules.latency_ratio.is_some_and(|r| !(r.is_finite() && r > 0.0)) {
            self.faults.push(format!("{at}.latency_ratio: expected a number above 0 (1.25 = a quarter slower)"));
        }
        rules.degenerate_margin = self.share(map, &at, "degenerate_margin");
        rules.samples = self.get::<u64>(map, &at, "samples").map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        if rules.samples.is_some_and(|n| !(1..=GateRules::MOST_SAMPLES).contains(&n)) {
            self.faults.push(format!("{at}.samples: expected a whole number from 1 to {}", GateRules::MOST_SAMPLES));
        }
        match self.get::<String>(map, &at, "on_inconclusive").as_deref() {
            None | Some("hold") => {}
            Some("promote") => rules.on_inconclusive = OnInconclusive::Promote,
            Some(other) => {
                self.faults.push(format!("{at}.on_inconclusive: {other:?} is invalid; expected one of hold, promote"))
            }
        }
        rules
    }

    /// A typo in a gate would silently weaken it: here unknown keys are faults.
    fn only(&mut self, map: &Mapping, at: &str, known: &[&str]) {
        for key in map.keys() {
            let key = key.as_str().unwrap_or("?");
            if !known.contains(&key) {
                let hint = nearest(key, known).map(|n| format!("did you mean {n:?}?"));
                self.faults.push(format!(
                    "{at}: unknown key {key:?}; {}",
                    hint.unwrap_or_else(|| format!("it takes {}", known.join(", ")))
                ));
            }
        }
    }

    fn word<T: std::str::FromStr + strum::VariantNames>(&mut self, map: &Mapping, at: &str, key: &str) -> Option<T> {
        let said = self.get::<String>(map, at, key)?;
        word(&said).map_err(|what| self.faults.push(format!("{at}.{key}: {what}"))).ok()
    }

    fn share(&mut self, map: &Mapping, at: &str, key: &str) -> Option<f64> {
        let value = self.get::<f64>(map, at, key)?;
        if !(0.0..1.0).contains(&value) {
            self.faults.push(format!(
                "{at}.{key}: {value} is invalid; expected a share of 0 or more and below 1 (0.05 = five points)"
            ));
        }
        Some(value)
    }
}

/// Whether a number in it is infinite or not a number.
fn not_finite(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64().is_some_and(|number| !number.is_finite()),
        Value::Sequence(items) => items.iter().any(not_finite),
        Value::Mapping(map) => map.values().any(not_finite),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ModelsYaml, RolesError> {
        ModelsYaml::parse(text.to_owned(), Path::new("conf/models.yaml"))
    }

    #[test]
    fn the_bare_form_is_complete() {
        let m = read("models: {router: {model_name: \"x:v1\"}, other: {model_name: y}}").unwrap();
        let role = m.role("router").unwrap();
        assert_eq!((role.model_name.as_str(), role.general, role.eval.len()), ("x:v1", General::On, 0));
        assert_eq!(m.roles_of_model("Y:latest").len(), 1);
        assert!(m.role("rooter").unwrap_err().to_string().contains("router, other"));
    }

    #[test]
    fn the_shipped_file_is_sound_as_it_is_and_uncommented() {
        let text = include_str!("../../configs/models.yaml");
        let path = Path::new("configs/models.yaml");
        assert_eq!(ModelsYaml::parse(text.into(), path).unwrap().roles_of_model("qwen3-sfd-analyzer").len(), 1);
        let all = text.replace("\n    # ", "\n    ").replace("system: file://", "# system: file://");
        let m = ModelsYaml::parse(all, path).unwrap();
        assert_eq!((m.roles[0].eval[0].suite.as_str(), m.unknown_keys.len()), ("configs/suites/example.jsonl", 0));
        assert_eq!((m.roles[0].general, m.roles[0].gate.latency_ratio), (General::Off, Some(1.25)));
    }

    #[test]
    fn the_full_form() {
        let m = read(
            "schema: 1\nx-note: kept\ndefaults: &d {temperature: 0}\nmodels:\n  router:\n    model_name: x:v1\n    embedding: nomic\n    \
             options: {<<: *d, num_ctx: 4096}\n    system: Be brief\n    sytem2: q\n    general: off\n    eval:\n      - evals/r.jsonl\n      \
             - {suite: builtin:general, margin: 0.1, metric: pass}\n    gate: {latency_ratio: 1.25, degenerate_margin: 0.05, samples: 3, on_inconclusive: promote}\n",
        )
        .unwrap();
        let r = &m.roles[0];
        assert_eq!(r.options.get("num_ctx"), Some(&4096.into()));
        assert_eq!(r.options.get("temperature"), Some(&0.into()));
        assert_eq!((r.eval[0].suite.as_str(), r.eval[0].goal), ("conf/evals/r.jsonl", Goal::Improve));
        assert_eq!(
            (r.eval[1].suite.as_str(), r.eval[1].goal, r.eval[1].margin),
            ("builtin:general", Goal::Hold, Some(0.1))
        );
        assert_eq!(r.eval[1].metric, Some(Metric::Pass));
        assert_eq!(
            (r.general, r.gate.latency_ratio, r.gate.on_inconclusive),
            (General::Off, Some(1.25), OnInconclusive::Promote)
        );
        assert_eq!((r.gate.degenerate_margin, r.gate.samples), (Some(0.05), Some(3)));
        assert_eq!(m.unknown_keys[0].nearest, "system");
    }

    #[test]
    fn every_fault_at_once() {
        let e = read("models:\n  a: {model_nam: x}\n  b: 3\n  c: {model_name: x, eval: {suite: s, margn: 1, goal: imprve}, gate: {latency_ratio: -1, degenerate: 0, degenerate_margin: 2, samples: 33}, system: file://no}\n  d: {model_name: y, eval: {suite: s, goal: hold, min_gain: 0.1}}")
            .unwrap_err()
            .to_string();
        for needle in [
            "models.a: model_name is missing",
            "models.b: expected a mapping",
            "did you mean \"margin\"",
            "did you mean \"improve\"",
            "latency_ratio",
            "models.c.gate.degenerate: removed",
            "`degenerate_margin: 0.02`",
            "models.c.gate.degenerate_margin: 2",
            "models.c.gate.samples: expected a whole number from 1 to 32",
            "reading conf/no",
            "models.d.eval.min_gain",
        ] {
            assert!(e.contains(needle), "{needle} not in {e}");
        }
        assert!(read("roles: {}").unwrap_err().to_string().contains("`models` is missing"));
    }

    #[test]
    fn options_are_numbers_that_a_request_can_hold() {
        for value in [".inf", "-.inf", ".nan", "[1, .nan]"] {
            let e = read(&format!("models:\n  a: {{model_name: x, options: {{temperature: {value}}}}}"))
                .unwrap_err()
                .to_string();
            assert!(e.contains("models.a.options: a number is infinite"), "{value}: {e}");
        }
    }

    proptest::proptest! {
        /// A good file with something else in a place of it.
        #[test]
        fn mutated_files_never_panic(at in 0usize..400, cut in 0usize..8, with in "[a-z0-9:{}\\[\\]&*!|>%@`\"'#,.<~é\\n\\t -]{0,8}") {
            let mut text = "x: &d {gate: {min_gain: 1}}\nmodels:\n  router: # r\n    <<: *d\n    model_name: \"x:v1\"\n    options: \
                            {num_ctx: 4096, stop: [a, 'b']}\n    eval: [{suite: s.jsonl, goal: hold}]\n    think: false\n  other:\n    \
                            model_name: y\n    base: z\n    system: |\n      hello\n".to_owned();
            let at = at % text.len();
            text.replace_range(at..(at + cut).min(text.len()), &with);
            let _ = read(&text);
        }
    }
}
