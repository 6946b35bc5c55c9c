//! Verdicts on record: what a promotion by hand may rest on.

use std::path::Path;

use crate::eval::Decision;
use crate::roles::same_model;
use crate::store::LockWait;

use super::fault::PromoteError;
use super::place::RolesFile;
use super::registry::{Action, GateRecord, Intent, Registry, Terms, What};

/// A model's name, and the digest of what has it now.
#[derive(Clone, Copy, Debug)]
pub struct TaggedModel<'a> {
    pub name: &'a str,
    pub digest: &'a str,
}

/// What a promotion by hand may rest on.
#[derive(Clone, Debug, PartialEq)]
pub struct Passed {
    /// The registry's line.
    pub seq: u64,
    /// As in [`GateRecord::terms`].
    pub terms: Option<Terms>,
}

/// Appends a verdict to the registry.
pub fn record_gate(models_yaml: &Path, gate: GateRecord, wait: &mut LockWait<'_>) -> Result<(), PromoteError> {
    let place = RolesFile::of(models_yaml)?;
    let _lock = place.lock(wait)?;
    Registry::read(&place)?.append(What::Gate(gate))?;
    Ok(())
}

/// The record by which this very model (its digest) stands as passed for the role, held against the model that
/// the role uses now: a PASS, or a promotion on one. A later FAIL takes it away; INCONCLUSIVE says nothing either way.
pub fn passed_gate(
    models_yaml: &Path,
    role: &str,
    model: &TaggedModel<'_>,
    now: &str,
) -> Result<Option<Passed>, PromoteError> {
    let registry = Registry::read(&RolesFile::of(models_yaml)?)?;
    let mut passed = None;
    for entry in &registry.entries {
        let (decision, terms) = match &entry.what {
            What::Gate(g)
                if g.role == role
                    && same_model(&g.model, model.name)
                    && g.digest == model.digest
                    && g.against_digest == now =>
            {
                (g.decision, g.terms.clone())
            }
            What::Intent(i)
                if i.role == role
                    && same_model(&i.to, model.name)
                    && i.to_digest.as_deref() == Some(model.digest)
                    && i.from_digest.as_deref() == Some(now)
                    && registry.is_done(entry.seq)
                    && rests_on_a_pass(i) =>
            {
                let terms = i.evidence.get("terms").cloned();
                (Decision::Pass, terms.and_then(|v| serde_json::from_value(v).ok()))
            }
            _ => continue,
        };
        match decision {
            Decision::Pass => passed = Some(Passed { seq: entry.seq, terms }),
            Decision::Fail => passed = None,
            Decision::Inconclusive => {}
        }
    }
    Ok(passed)
}

/// A rollback proves nothing, and neither does what was forced.
fn rests_on_a_pass(intent: &Intent) -> bool {
    let said = |key: &str| intent.evidence.get(key);
    intent.action == Action::Promote
        && said("decision").is_some_and(|d| d == Decision::Pass.name())
        && said("forced").is_none_or(|f| f == false)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::promote::swap::tests::{folder, promote, rollback, tags, wish};
    use crate::promote::swap::{Hook, Injected, promote_with};
    use crate::promote::{Promotion, Rollback, history};

    fn evidence(value: serde_json::Value) -> serde_json::Map<String, serde_json::Value> {
        value.as_object().cloned().unwrap()
    }

    fn gate(decision: Decision) -> GateRecord {
        GateRecord {
            role: "router".into(),
            model: "x:v2".into(),
            digest: "d2".into(),
            against_digest: "d1".into(),
            decision,
            terms: Some(Terms { demands: BTreeMap::from([("d".into(), "hold".into())]), ..Terms::default() }),
            report: "eval/summary.md".into(),
        }
    }

    #[test]
    fn only_a_promotion_on_a_pass_counts() {
        for (said, counts) in [
            (serde_json::json!({"decision": "PASS"}), true),
            (serde_json::json!({"decision": "PASS", "forced": false, "by_hand": true}), true),
            (serde_json::json!({"decision": "INCONCLUSIVE"}), false),
            (serde_json::json!({"decision": "PASS", "forced": true}), false),
            (serde_json::json!({"by_hand": true, "forced": true}), false),
            (serde_json::json!({}), false),
        ] {
            let (_dir, path) = folder();
            let promotion = Promotion { evidence: evidence(said.clone()), ..wish("x:v1", "x:v2") };
            promote(&path, &promotion, &tags()).unwrap();
            assert_eq!(
                passed_gate(&path, "router", &TaggedModel { name: "x:v2", digest: "d2" }, "d1").unwrap().is_some(),
                counts,
                "{said}"
            );
            // The role's former model comes back by a rollback, which is no verdict on it.
            rollback(&path, &Rollback { role: "router", to: None, force: false }, &tags()).unwrap();
            assert_eq!(
                passed_gate(&path, "router", &TaggedModel { name: "x:v1", digest: "d1" }, "d1").unwrap(),
                None,
                "{said}"
            );
            for (role, model, digest) in [("other", "x:v2", "d2"), ("router", "x:v3", "d2"), ("router", "x:v2", "d9")] {
                assert_eq!(
                    passed_gate(&path, role, &TaggedModel { name: model, digest }, "d1").unwrap(),
                    None,
                    "{said}"
                );
            }
        }
    }

    #[test]
    fn a_swap_that_did_not_happen_proves_nothing() {
        let (_dir, path) = folder();
        let promotion =
            Promotion { evidence: evidence(serde_json::json!({"decision": "PASS"})), ..wish("x:v1", "x:v2") };
        let mut hook = Hook { at: &mut |_| true, injected: Injected::FailedWrite };
        promote_with(&path, &promotion, &tags(), &mut hook).unwrap_err();
        assert_eq!(passed_gate(&path, "router", &TaggedModel { name: "x:v2", digest: "d2" }, "d1").unwrap(), None);
    }

    #[test]
    fn verdicts_are_recorded_and_the_newest_decides() {
        let (dir, path) = folder();
        assert_eq!(passed_gate(&path, "router", &TaggedModel { name: "x:v2", digest: "d2" }, "d1").unwrap(), None);
        for (decision, line) in [
            (Decision::Inconclusive, None),
            (Decision::Pass, Some(2)),
            (Decision::Inconclusive, Some(2)),
            (Decision::Fail, None),
            (Decision::Pass, Some(5)),
        ] {
            record_gate(&path, gate(decision), &mut LockWait::none()).unwrap();
            let passed = passed_gate(&path, "router", &TaggedModel { name: "x:v2", digest: "d2" }, "d1").unwrap();
            assert_eq!(passed.as_ref().map(|p| p.seq), line, "{decision:?}");
            assert!(passed.is_none_or(|p| p.terms == gate(decision).terms));
        }
        for (role, model, digest) in [("other", "x:v2", "d2"), ("router", "x:v3", "d2"), ("router", "x:v2", "d9")] {
            assert_eq!(passed_gate(&path, role, &TaggedModel { name: model, digest }, "d1").unwrap(), None);
        }
        assert!(history(&path, None).unwrap().is_empty(), "a verdict is no change");
        // A line torn by a kill is left out, and the next one stands whole.
        let file = dir.path().join(".tunesmith/registry.jsonl");
        let whole = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{whole}{{\"seq\":6,\"event\":\"ga")).unwrap();
        // Against another model than the one that the role uses now it says nothing.
        assert_eq!(passed_gate(&path, "router", &TaggedModel { name: "x:v2", digest: "d2" }, "d9").unwrap(), None);
        assert_eq!(
            passed_gate(&path, "router", &TaggedModel { name: "x:v2", digest: "d2" }, "d1").unwrap().map(|p| p.seq),
            Some(5)
        );
        record_gate(&path, gate(Decision::Fail), &mut LockWait::none()).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 6);
        assert_eq!(passed_gate(&path, "router", &TaggedModel { name: "x:v2", digest: "d2" }, "d1").unwrap(), None);
    }
}
