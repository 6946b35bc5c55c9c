//! The suites that judge a role: its own, the held-out part of the data, the general one; what is demanded on each, and
//! what of it can be refused before anything trains.

use std::path::Path;

use serde_json::json;

use super::options;
use crate::base::Base;
use crate::chat::{ChatError, ChatTemplate, Role as Speaker};
use crate::commands::Failure;
use crate::commands::data::Split;
use crate::config::RunConfig;
use crate::dataset::Record;
pub use crate::eval::GENERAL;
use crate::eval::{self, Bench, Demand, EvalError, Goal, Suite, SystemTurn};
use crate::events::{HeldOutUnused, Note};
use crate::promote::Terms;
use crate::roles::{General, Role, SuiteRef};

/// The part of the dataset that judges a role without a suite of its own.
const HELD_OUT: &str = "held-out";
/// The general answers are short by the questions' own wording.
const GENERAL_TOKENS: u64 = 32;

/// The suites of a role with their demands; reads every file and option, so that a fault is found before anything
/// trains. `held_out` and `trained` are the two parts of the data.
pub fn suites(
    role: &Role,
    general: bool,
    held_out: &[Record],
    trained: &[Record],
) -> Result<Vec<(Suite, Demand)>, Failure> {
    options::samples(None, role)?;
    let mut found = Vec::new();
    for wanted in &role.eval {
        let suite = open(wanted)?;
        found.push((demand(wanted, &suite)?, suite));
    }
    if let Some(suite) = held_out_suite(role, held_out, trained)? {
        let metric = suite.natural_metric();
        found.push((Demand { goal: Goal::Improve, metric, margin: Demand::ROLE_MARGIN, min_gain: None }, suite));
    }
    // The same suite twice would count its degenerate answers twice, and one result file would overwrite the other.
    for (i, (_, suite)) in found.iter().enumerate() {
        if let Some((_, first)) = found[..i].iter().find(|(_, s)| s.digest == suite.digest) {
            let (role, first, second) = (&role.name, &first.name, &suite.name);
            let of = if role.is_empty() { String::new() } else { format!(" of the role {role}") };
            let why = format!("the suites {first} and {second}{of} are the same");
            return Err(Failure::input(why).hint("leave one of them out"));
        }
    }
    let named = found.iter().any(|(_, s)| s.name == GENERAL);
    if general && role.general == General::On && !named {
        let suite = general_suite()?;
        let metric = suite.natural_metric();
        found.push((Demand { goal: Goal::Hold, metric, margin: Demand::GENERAL_MARGIN, min_gain: None }, suite));
    }
    Ok(found.into_iter().map(|(d, s)| (s, d)).collect())
}

/// The conditions of a verdict on these suites. `on_inconclusive` is left out: `promote` by hand accepts a PASS only.
pub fn terms(role: &Role, suites: &[(Suite, Demand)]) -> Terms {
    let settings = [
        ("options", json!(role.options)),
        ("system", json!(role.system)),
        ("think", json!(role.think)),
        ("latency_ratio", json!(role.gate.latency_ratio)),
        ("degenerate_margin", json!(role.gate.degenerate_margin)),
    ];
    let samples = role.gate.samples.map(|samples| ("samples", json!(samples)));
    // Other vectors are other scores, where a suite has such scores.
    let compares_vectors = suites.iter().any(|(suite, _)| suite.compares_vectors());
    let embedding = compares_vectors.then(|| ("embedding", json!(role.embedding)));
    let settings = settings.into_iter().chain(samples).chain(embedding);
    Terms {
        demands: suites.iter().map(|(suite, demand)| (suite.digest.to_string(), json!(demand))).collect(),
        settings: settings.map(|(key, value)| (key.to_owned(), value)).collect(),
    }
}

/// For a role without a suite of its own. Plain texts have no question in them to ask: then there is none. Questions that
/// the trained part asks too (with another comma or capital, or under another system text) are left out.
fn held_out_suite(role: &Role, held_out: &[Record], trained: &[Record]) -> Result<Option<Suite>, Failure> {
    if !role.eval.is_empty() || held_out.is_empty() {
        return Ok(None);
    }
    let different = |suite: Suite| {
        let shared = eval::overlaps(&suite, trained);
        suite.without(&shared.iter().map(|o| o.case.as_str()).collect::<Vec<_>>())
    };
    match Suite::from_records(HELD_OUT, held_out).and_then(different) {
        Ok(suite) => Ok(Some(suite)),
        Err(EvalError::Empty { .. }) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

pub(super) fn open(wanted: &SuiteRef) -> Result<Suite, Failure> {
    match Suite::builtin(&wanted.suite) {
        Some(builtin) => Ok(builtin?),
        None => Ok(Suite::read(Path::new(&wanted.suite))?),
    }
}

fn general_suite() -> Result<Suite, Failure> {
    Ok(Suite::general()?)
}

fn demand(wanted: &SuiteRef, suite: &Suite) -> Result<Demand, Failure> {
    let metric = wanted.metric.unwrap_or_else(|| suite.natural_metric());
    suite.check_metric(metric)?;
    // The program's own suites are too short to prove a role's margin.
    let ours = wanted.goal == Goal::Hold && suite.name.starts_with("builtin:");
    let margin = if ours { Demand::GENERAL_MARGIN } else { Demand::ROLE_MARGIN };
    let margin = wanted.margin.unwrap_or(margin);
    Ok(Demand { goal: wanted.goal, metric, margin, min_gain: wanted.min_gain })
}

/// What can be refused before training: unreadable suites, a suite that the training data holds, a case that the base's
/// chat template has no place for. Gives a line for the user where held-out questions are not asked, or nothing of the
/// role's own will be judged.
pub fn check_suites(role: &Role, config: &RunConfig, base: &Base, split: Split<'_>) -> Result<Option<Note>, Failure> {
    let suites = suites(role, config.general == General::On, split.held_out, split.train)?;
    for (suite, _) in &suites {
        suite.check_embedder(role.embedding.as_deref())?;
        let shared = eval::overlaps(suite, split.train);
        if let Some(first) = shared.first() {
            let (n, name) = (shared.len(), &suite.name);
            return Err(Failure::input(format!(
                "{n} prompts of the suite {name} stand in the training data too; the first: {} ({})",
                first.case, first.place
            ))
            .hint("take them out of one of the two: a suite that was trained on measures memory"));
        }
        renders(&bench(role, suite.clone()), &base.template)?;
    }
    Ok(unjudged(role, split.held_out, &suites).or_else(|| left_out(split.held_out, &suites)))
}

fn left_out(held_out: &[Record], suites: &[(Suite, Demand)]) -> Option<Note> {
    let (asked, _) = suites.iter().find(|(s, _)| s.name == HELD_OUT)?;
    let all = Suite::from_records(HELD_OUT, held_out).ok()?.cases.len();
    let left_out = all - asked.cases.len();
    (left_out > 0).then_some(Note::HeldOutNotAsked { questions: left_out, of: all })
}

fn unjudged(role: &Role, held_out: &[Record], suites: &[(Suite, Demand)]) -> Option<Note> {
    if !role.eval.is_empty() || held_out.is_empty() || suites.iter().any(|(s, _)| s.name == HELD_OUT) {
        return None;
    }
    let reason = match Suite::from_records(HELD_OUT, held_out) {
        Ok(_) => HeldOutUnused::AllTrained,
        Err(_) => HeldOutUnused::NoConversation,
    };
    Some(Note::RoleWithoutSuite { role: role.name.clone(), reason, general: !suites.is_empty() })
}

/// Every case has a place in the base's chat template, the role's system text included.
pub(super) fn renders(bench: &Bench, template: &ChatTemplate) -> Result<(), Failure> {
    for case in &bench.suite.cases {
        let Err(e) = template.render(&bench.messages(case, None), true) else { continue };
        let hint = if case.messages.iter().any(|m| m.role == Speaker::System) {
            "take the system turn out of the case, or choose a base that takes it"
        } else if matches!(bench.system, SystemTurn::Text(_)) {
            "take `system:` out of the role (write it into the first user turn instead), or choose a base that takes it"
        } else {
            "write the case as the base's chat template takes it, or leave it out"
        };
        let why = match e {
            ChatError::Conversation(why) => why,
            other => other.to_string(),
        };
        let (suite, id) = (&bench.suite.name, &case.id);
        return Err(Failure::input(format!("the suite {suite}, {id}, can't be asked of the base: {why}")).hint(hint));
    }
    Ok(())
}

pub(super) fn bench(role: &Role, suite: Suite) -> Bench {
    let general = suite.name == GENERAL;
    // General questions are asked as anybody would, without a system text; the role's with the one it is served with.
    let system = match &role.system {
        _ if general => SystemTurn::Nothing,
        Some(text) => SystemTurn::Text(text.clone()),
        None => SystemTurn::Served,
    };
    // A thought comes before its answer and has no short form: only who asks for it gets it.
    let plain = general && role.think != Some(true);
    Bench { suite, system, max_tokens: plain.then_some(GENERAL_TOKENS), plain }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Message, SpecialTokens};
    use crate::dataset::Content;

    fn role(system: Option<&str>) -> Role {
        Role { system: system.map(str::to_owned), ..Role::bare("router", "x:v1") }
    }

    #[test]
    fn the_embedding_model_is_a_condition_where_a_suite_compares_vectors() {
        let dir = tempfile::tempdir().unwrap();
        let terms_of = |assertion: &str| {
            let path = dir.path().join("s.jsonl");
            std::fs::write(&path, format!("{{\"prompt\": \"p\", \"assert\": [{assertion}]}}")).unwrap();
            let suite = path.display().to_string();
            let own = SuiteRef { suite, goal: Goal::Improve, metric: None, margin: None, min_gain: None };
            let role = Role { embedding: Some("minilm".into()), eval: vec![own], ..role(None) };
            terms(&role, &suites(&role, false, &[], &[]).unwrap())
        };
        let similar = terms_of("{\"type\": \"similar\", \"value\": \"a\"}");
        assert_eq!(similar.settings["embedding"], json!("minilm"));
        assert!(!terms_of("{\"type\": \"contains\", \"value\": \"a\"}").settings.contains_key("embedding"));
    }

    fn names(role: &Role, held_out: &[Record]) -> Vec<String> {
        suites(role, true, held_out, &[]).unwrap().into_iter().map(|(s, _)| s.name).collect()
    }

    #[test]
    fn texts_judge_nothing_and_are_no_fault() {
        let text = |line| Record::new(line, Content::Text("t".into()));
        let turns = vec![Message::new(Speaker::User, "u"), Message::new(Speaker::Assistant, "a")];
        let chat = Record::new(3, Content::Chat(turns));
        let bare = role(None);
        assert_eq!(names(&bare, &[text(1), text(2)]), [GENERAL]);
        assert_eq!(names(&bare, &[text(1), chat]), [HELD_OUT, GENERAL]);
        let note = unjudged(&bare, &[text(1)], &suites(&bare, true, &[text(1)], &[]).unwrap()).unwrap();
        let of = |reason, general| Note::RoleWithoutSuite { role: bare.name.clone(), reason, general };
        assert_eq!(note, of(HeldOutUnused::NoConversation, true));
        assert_eq!(unjudged(&bare, &[], &[]), None);
        let mut versioned = role(None);
        let general = SuiteRef {
            suite: "builtin:general-v1".into(),
            goal: Goal::Hold,
            metric: None,
            margin: None,
            min_gain: None,
        };
        versioned.eval = vec![general];
        let found = suites(&versioned, true, &[], &[]).unwrap();
        assert_eq!((found.len(), found[0].1.margin), (1, Demand::GENERAL_MARGIN));
        versioned.options.insert("warmth".into(), 1.into());
        assert!(suites(&versioned, true, &[], &[]).is_err());
    }

    #[test]
    fn held_out_questions_that_the_training_part_asks_too_are_left_out_and_said() {
        let chat = |line, system: &str, user: &str| {
            let turns = [(Speaker::System, system), (Speaker::User, user), (Speaker::Assistant, "a")];
            Record::new(line, Content::Chat(turns.map(|(role, text)| Message::new(role, text)).to_vec()))
        };
        let trained = [chat(1, "Be brief.", "turn it up"), chat(2, "Be brief.", "where is it?")];
        let held_out = [chat(3, "Be polite.", "Turn it up!"), chat(4, "Be brief.", "what is it?")];
        let bare = role(None);
        let found = suites(&bare, false, &held_out, &trained).unwrap();
        assert_eq!(found[0].0.cases.iter().map(|c| c.prompt()).collect::<Vec<_>>(), ["what is it?"]);
        assert_eq!(left_out(&held_out, &found), Some(Note::HeldOutNotAsked { questions: 1, of: 2 }));
        assert_eq!(left_out(&held_out[1..], &found), None);
        let none = suites(&bare, true, &held_out[..1], &trained).unwrap();
        let note = unjudged(&bare, &held_out[..1], &none).unwrap();
        assert!(matches!(note, Note::RoleWithoutSuite { reason: HeldOutUnused::AllTrained, .. }), "{note:?}");
    }

    #[test]
    fn a_case_that_the_base_cannot_be_asked_is_named() {
        let source = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}\
                      [{{ m.role }}]{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}";
        let tokens = SpecialTokens { eos: Some("</s>"), ..SpecialTokens::default() };
        let template = ChatTemplate::new(source, tokens).unwrap();
        let suite = || Suite::parse("{\"id\": \"q1\", \"prompt\": \"p\", \"expected\": \"e\"}", "s.jsonl").unwrap();
        assert!(renders(&bench(&role(None), suite()), &template).is_ok());
        let e = renders(&bench(&role(Some("Be brief.")), suite()), &template).unwrap_err().to_string();
        assert!(e.contains("the suite s.jsonl, q1, can't") && e.contains("take `system:` out of the role"), "{e}");
        // General questions are asked without the role's words.
        assert!(renders(&bench(&role(Some("Be brief.")), general_suite().unwrap()), &template).is_ok());
    }

    #[test]
    fn general_answers_are_short_unless_thought_comes_first() {
        let asked = |think| bench(&Role { think, ..role(None) }, general_suite().unwrap());
        assert_eq!((asked(None).max_tokens, asked(None).system), (Some(GENERAL_TOKENS), SystemTurn::Nothing));
        assert_eq!((asked(Some(false)).max_tokens, asked(Some(true)).max_tokens), (Some(GENERAL_TOKENS), None));
        let own = Suite::parse("{\"prompt\": \"p\", \"expected\": \"e\"}", "s").unwrap();
        assert_eq!(bench(&role(None), own).system, SystemTurn::Served);
    }
}
