//! A role's `options`, as every question is asked with them: each is passed on, or refused before anything trains.

use serde_json::Value;

use crate::commands::{Failure, Kind};
use crate::input::nearest;
use crate::ollama::Options;
use crate::roles::Role;

const KNOWN: &[&str] = &[
    "temperature",
    "seed",
    "top_k",
    "top_p",
    "min_p",
    "repeat_penalty",
    "presence_penalty",
    "frequency_penalty",
    "num_predict",
    "num_ctx",
    "num_thread",
    "stop",
];

/// Ollama's others, which it checks itself.
const AS_THEY_ARE: &[&str] = &[
    "repeat_last_n",
    "typical_p",
    "num_keep",
    "num_batch",
    "num_gpu",
    "main_gpu",
    "use_mmap",
    "draft_num_predict",
    "mirostat",
    "mirostat_tau",
    "mirostat_eta",
    "penalize_newline",
    "low_vram",
    "numa",
];

/// Greedy, where the role says nothing else.
pub(super) fn options(role: &Role) -> Result<Options, Failure> {
    if let Some(name) = role.options.keys().find(|k| !KNOWN.contains(&k.as_str()) && !AS_THEY_ARE.contains(&k.as_str()))
    {
        let near = nearest(name, KNOWN).map(|near| format!("did you mean {near:?}? "));
        return Err(fault(
            role,
            name,
            &format!("is no option of Ollama's; those are {}, {}", KNOWN.join(", "), AS_THEY_ARE.join(", ")),
        )
        .hint(format!("{}correct it, or take it out of the role", near.unwrap_or_default())));
    }
    let number = |name: &str| typed(role, name, "a number", Value::as_f64);
    let whole = |name: &str| typed(role, name, "a whole number", Value::as_i64);
    let count = |name: &str| typed(role, name, "a whole number, 0 or more", Value::as_u64);
    let temperature = number("temperature")?.unwrap_or(0.0);
    let (top_k, top_p) = if temperature == 0.0 { (1, 1.0) } else { (40, 0.9) };
    Ok(Options {
        temperature,
        seed: whole("seed")?.unwrap_or(0),
        top_k: whole("top_k")?.unwrap_or(top_k),
        top_p: number("top_p")?.unwrap_or(top_p),
        min_p: number("min_p")?.unwrap_or(0.0),
        repeat_penalty: number("repeat_penalty")?.unwrap_or(1.0),
        presence_penalty: number("presence_penalty")?.unwrap_or(0.0),
        frequency_penalty: number("frequency_penalty")?.unwrap_or(0.0),
        num_predict: whole("num_predict")?.unwrap_or(128),
        num_ctx: count("num_ctx")?.unwrap_or(4096),
        num_thread: count("num_thread")?,
        stop: typed(role, "stop", "a text or a list of texts", texts)?.unwrap_or_default(),
        extra: role.options.clone().into_iter().filter(|(k, _)| AS_THEY_ARE.contains(&k.as_str())).collect(),
    })
}

/// None where the role doesn't say it, or says null.
fn typed<T>(role: &Role, name: &str, expected: &str, read: fn(&Value) -> Option<T>) -> Result<Option<T>, Failure> {
    match role.options.get(name).filter(|v| !v.is_null()) {
        None => Ok(None),
        Some(value) => {
            read(value).map(Some).ok_or_else(|| fault(role, name, &format!("expected {expected}, got {value}")))
        }
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(items) => items.iter().map(|i| i.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

fn fault(role: &Role, name: &str, what: &str) -> Failure {
    Failure::input(format!("models.{}.options.{name}: {what}", role.name))
}

/// Times that each prompt is asked. Several are refused where all would be the same answer, and fewer than the role's gate
/// demands.
pub(super) fn samples(said: Option<usize>, role: &Role) -> Result<usize, Failure> {
    let options = options(role)?;
    let demanded = role.gate.samples.unwrap_or(1);
    let samples = said.unwrap_or(demanded);
    let name = if said.is_some() { "--samples" } else { "gate.samples" };
    if samples < demanded {
        let what = format!("{name} {samples}: the role's gate demands {demanded}");
        return Err(Failure::new(Kind::Usage, what).hint("leave it out, or change gate.samples of the role"));
    }
    if samples > 1 && options.temperature == 0.0 {
        let what = format!("{name} {samples}: at temperature 0 every sample is the same answer");
        return Err(Failure::input(what).hint("give the role options: {temperature: 0.7}, or ask once"));
    }
    if samples > 1 && has_seed(role) {
        let what = format!("{name} {samples}: with the role's own options.seed every sample is the same answer");
        return Err(Failure::input(what).hint("take seed out of the role's options; each sample has a seed of its own"));
    }
    Ok(samples)
}

/// Whether every question is asked with a seed that the role names.
pub(super) fn has_seed(role: &Role) -> bool {
    role.options.get("seed").is_some_and(|seed| !seed.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(options: Value) -> Result<Options, String> {
        let mut role = Role::bare("router", "x:v1");
        role.options = options.as_object().unwrap().clone();
        super::options(&role).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_said_is_asked_with() {
        assert_eq!(of(json!({"num_ctx": null})).unwrap().num_ctx, 4096);
        let o =
            of(json!({"temperature": 0.7, "seed": 7, "top_k": 20, "num_predict": -1, "stop": "\n", "num_thread": 2}));
        let o = o.unwrap();
        assert_eq!((o.temperature, o.seed, o.top_k, o.top_p, o.num_predict), (0.7, 7, 20, 0.9, -1));
        assert_eq!((o.stop, o.num_thread), (vec!["\n".to_owned()], Some(2)));
        assert_eq!(of(json!({"stop": ["a", "b"]})).unwrap().stop, ["a", "b"]);
        let o = of(json!({"presence_penalty": 1.5, "num_gpu": 0})).unwrap();
        assert_eq!((o.presence_penalty, &o.extra["num_gpu"], o.extra.len()), (1.5, &json!(0), 1));
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        for (options, needle) in [
            (json!({"warmth": 1.5}), "models.router.options.warmth: is no option of Ollama's"),
            (json!({"temprature": 0}), "did you mean \"temperature\""),
            (json!({"num_ctx": -1}), "options.num_ctx: expected a whole number, 0 or more, got -1"),
            (json!({"temperature": "0"}), "options.temperature: expected a number, got \"0\""),
            (json!({"stop": [1]}), "options.stop: expected a text"),
        ] {
            let e = of(options).unwrap_err();
            assert!(e.contains(needle), "{needle} not in {e}");
        }
    }

    #[test]
    fn several_samples_need_answers_that_can_differ() {
        let role = |options: serde_json::Value, gate: Option<usize>| {
            let mut role = Role::bare("r", "m:v1");
            role.options = options.as_object().unwrap().clone();
            role.gate.samples = gate;
            role
        };
        let (greedy, warm) = (serde_json::json!({}), serde_json::json!({"temperature": 0.7}));
        assert_eq!(samples(None, &role(greedy.clone(), None)).unwrap(), 1);
        assert_eq!(samples(Some(1), &role(greedy.clone(), None)).unwrap(), 1);
        assert_eq!(samples(Some(5), &role(warm.clone(), None)).unwrap(), 5);
        assert_eq!(samples(None, &role(warm.clone(), Some(3))).unwrap(), 3);
        assert_eq!(samples(Some(4), &role(warm.clone(), Some(3))).unwrap(), 4);
        let refused = |said, role: &Role| samples(said, role).unwrap_err().message();
        assert_eq!(refused(Some(2), &role(warm, Some(3))), "--samples 2: the role's gate demands 3");
        assert_eq!(
            refused(None, &role(greedy, Some(3))),
            "gate.samples 3: at temperature 0 every sample is the same answer"
        );
        let seeded = serde_json::json!({"temperature": 0.7, "seed": 1});
        assert!(refused(Some(2), &role(seeded, None)).contains("options.seed"));
    }
}
