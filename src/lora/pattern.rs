//! PEFT's `rank_pattern` and `alpha_pattern`: numbers for some modules that differ from the adapter's own.

use fancy_regex::Regex;

use super::LoraError;

/// Keys with their numbers, in the order they were said in: the first key that a module's path matches decides.
#[derive(Clone, Debug, Default)]
pub struct Pattern(Vec<(String, Regex, f64)>);

impl Pattern {
    /// A key is a regular expression of the path's end, from a dot on (PEFT 0.21 `get_pattern_key`): `q_proj`,
    /// `layers.1.mlp.down_proj`, `^model.layers.0.self_attn.q_proj`.
    ///
    /// # Errors
    /// A key that is no regular expression; one that stands twice, of which PEFT's file could hold only the last.
    pub fn new(entries: impl IntoIterator<Item = (String, f64)>) -> Result<Self, LoraError> {
        let one = |(key, value): (String, f64)| {
            let regex = compiled(&format!(r"^(.*\.)?({key})$")).map_err(|e| fault(&key, &e))?;
            Ok((key, regex, value))
        };
        let entries: Vec<_> = entries.into_iter().map(one).collect::<Result<_, LoraError>>()?;
        match entries.iter().enumerate().find(|(i, (key, ..))| entries[..*i].iter().any(|(earlier, ..)| earlier == key))
        {
            Some((_, (key, ..))) => Err(LoraError::Config(format!("{} stands twice: say it once", shown(key)))),
            None => Ok(Self(entries)),
        }
    }

    /// What stands here for a module's path.
    pub fn get(&self, module: &str) -> Option<f64> {
        self.0.iter().find(|(_, regex, _)| matches(regex, module)).map(|(_, _, value)| *value)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn entries(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(key, _, value)| (key.as_str(), *value))
    }

    /// The first key that none of the modules matches.
    pub(super) fn idle(&self, modules: &[String]) -> Option<&str> {
        let idle = self.0.iter().find(|(_, regex, _)| !modules.iter().any(|m| matches(regex, m)));
        idle.map(|(key, _, _)| key.as_str())
    }

    /// As PEFT writes it: an object, whole numbers without a point.
    pub(super) fn to_json(&self) -> serde_json::Value {
        self.entries().map(|(key, value)| (key.to_owned(), number(value))).collect::<serde_json::Map<_, _>>().into()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.entries().eq(other.entries())
    }
}

/// A whole number without a point, as PEFT's users write alpha.
pub(super) fn number(value: f64) -> serde_json::Value {
    if value.fract() == 0.0 && value.abs() < 1e15 { (value as i64).into() } else { value.into() }
}

/// Python's `re`, near enough: look-around and back references too.
pub(super) fn compiled(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|e| e.to_string())
}

/// An expression that gives up (it backtracks without end) matches nothing.
pub(super) fn matches(regex: &Regex, module: &str) -> bool {
    regex.is_match(module).unwrap_or(false)
}

fn fault(key: &str, reason: &str) -> LoraError {
    LoraError::Config(format!("{} is no regular expression ({reason}): write a module's name, or mend it", shown(key)))
}

fn shown(key: &str) -> String {
    format!("{:?}", key.chars().take(80).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `get_pattern_key` of PEFT 0.21.2, asked in Python.
    #[test]
    fn keys_match_as_in_peft() {
        let pattern = Pattern::new([
            ("layers.1.self_attn.q_proj".to_owned(), 4.0),
            ("q_proj".to_owned(), 2.0),
            ("^model.layers.0.mlp.up_proj".to_owned(), 3.0),
            (r"layers\.(0|2)\..*_proj".to_owned(), 5.0),
            (r".*(?<!gate)_proj".to_owned(), 6.0),
        ])
        .unwrap();
        for (module, expected) in [
            ("model.layers.1.self_attn.q_proj", Some(4.0)),
            ("model.layers.11.self_attn.q_proj", Some(2.0)),
            ("model.layers.0.mlp.up_proj", Some(3.0)),
            ("model.layers.2.mlp.gate_proj", Some(5.0)),
            ("model.layers.1.mlp.down_proj", Some(6.0)),
            ("model.layers.1.mlp.gate_proj", None),
        ] {
            assert_eq!(pattern.get(module), expected, "{module}");
        }
        let e = Pattern::new([("q_(proj".to_owned(), 1.0)]).unwrap_err().to_string();
        assert!(e.contains("q_(proj") && e.contains("regular expression"), "{e}");
        let twice = ["q_proj", "v_proj", "q_proj"].map(|key| (key.to_owned(), 1.0));
        assert!(Pattern::new(twice).unwrap_err().to_string().contains("\"q_proj\" stands twice"));
        let endless = Pattern::new([(r"(.*)*\1x".to_owned(), 1.0)]).unwrap();
        assert_eq!(endless.get(&"a.".repeat(40)), None);
    }
}
