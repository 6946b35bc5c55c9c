//! A new wording of a given fact: the question in other words, the answer as the rule has it.

use std::sync::Arc;

use crate::chat::{Message, Role};
use crate::corpus::Unit;
use crate::generate::{Draft, Family, Item, Method, ModelRecord, Wording};
use crate::store::Digest;

use super::calls::{Asked, Calls, Pause, Sampling, Stage, Stop};
use super::form::check_question;
use super::judging::Claim;
use super::made::{Attempts, EntryResult, Setting};
use super::options::{Draw, call_seed};
use super::plan::PlanEntry;
use super::prompt::{PARAPHRASE, paraphrase};
use super::rejected::{Rejected, Rejection};
use super::reply::read;
use super::text::{padded, shortened};
use super::values::{Names, Stated};
use crate::generate::identity_key::identity_key;

/// Indices of an item and of the unit that states it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) item: usize,
    pub(super) unit: usize,
}

/// Makes the example of an entry.
pub(super) fn make(
    entry: &PlanEntry,
    place: Place,
    setting: &Setting<'_>,
    calls: &Calls<'_>,
) -> Result<EntryResult, Pause> {
    let mut asked = Asked::new(calls, entry.key);
    let mut attempts = Attempts::of(entry);
    let (Some(item), Some(unit)) = (setting.items.get(place.item), setting.units.get(place.unit)) else {
        return Ok(attempts.finish(None, asked.cost));
    };
    let mut draw = Draw::of(&entry.key, "wording");
    let family = draw.one_of(&Family::ALL, Family::Direct);
    let choices: Vec<&Wording> = item.wordings.iter().collect();
    let Some(first) = choices.first() else { return Ok(attempts.finish(None, asked.cost)) };
    let base = draw.one_of(&choices, first);
    let made = attempts.run(&mut asked, |asked, attempt, reply| {
        let prompt = paraphrase(base, family, item.language);
        let digest = Digest::of_bytes(serde_json::json!(prompt.messages).to_string().as_bytes());
        let sampling = Sampling { attempt, temperature: setting.options.temperature, top_logprobs: 0 };
        let written = asked.write(Stage::Paraphrase, prompt, sampling)?;
        reply.clone_from(&written.text);
        let question = read(written, &PARAPHRASE)?.into_iter().next().unwrap_or_default();
        check_question(&question, family, item.language)?;
        check_kept(&question, base, item, &setting.names)?;
        let known = judge(&question, base, item, unit, Judge { setting, asked })?;
        let record = ModelRecord {
            unit: place.unit,
            quotation: base.record.as_ref().and_then(|record| record.quotation.clone()),
            prompt_sha256: digest,
            seed: call_seed(&entry.key, attempt),
            attempt,
            scores: None,
            known,
        };
        let draft = draft(item, Based { wording: base, entry: &entry.key }, family, question);
        Ok(Draft { record: Some(Arc::new(record)), ..draft })
    })?;
    Ok(attempts.finish(made, asked.cost))
}

/// Names and numbers are those of the wording, and the question is a new one.
fn check_kept(question: &str, base: &Wording, item: &Item, names: &Names) -> Result<(), Rejection> {
    let entity = padded(&item.entity);
    let has_entity = |text: &str| padded(text).contains(&entity);
    if has_entity(&base.question) && !has_entity(question) {
        return Err(Rejection::new(Rejected::ValueChanged, item.entity.clone()));
    }
    // A value of the item that the wording does not ask about would be the answer.
    let gains = Stated::of(&[&base.question, &item.entity]).first_missing(question, names);
    let losses = Stated::of(&[question]).first_missing(&base.question, names);
    if let Some(value) = gains.or(losses) {
        return Err(Rejection::new(Rejected::ValueChanged, value.text));
    }
    let key = identity_key(question);
    if item.wordings.iter().any(|w| identity_key(&w.question) == key) {
        return Err(Rejection::new(Rejected::SameWording, shortened(question)));
    }
    Ok(())
}

/// Who is asked, and how.
struct Judge<'a, 'b, 'c> {
    setting: &'a Setting<'b>,
    asked: &'a mut Asked<'c>,
}

/// c6 to c8; whether the judge knows the answer without the unit.
fn judge(
    question: &str,
    base: &Wording,
    item: &Item,
    unit: &Unit,
    judge: Judge<'_, '_, '_>,
) -> Result<Option<bool>, Stop> {
    let Judge { setting, asked } = judge;
    let claim = Claim { unit, question, reply: &base.answer, values: &item.values, language: item.language };
    let wanted = setting.options.checks;
    if wanted.round_trip {
        claim.round_trip(asked, &setting.names)?;
    }
    if wanted.self_consistency {
        claim.self_consistency(asked, &setting.names)?;
    }
    if wanted.closed_book { claim.is_known(asked, &setting.names).map(Some) } else { Ok(None) }
}

/// What a question is a new wording of, and for which entry of the plan.
struct Based<'a> {
    wording: &'a Wording,
    entry: &'a Digest,
}

fn draft(item: &Item, based: Based<'_>, family: Family, question: String) -> Draft {
    let base = based.wording;
    // With the entry, two wordings of one family after one template have two names: they may be in two parts.
    let (language, entry) = (item.language.code(), based.entry.short());
    Draft {
        item: item.id,
        group: Digest::of_bytes(format!("llm question v1\n{}", identity_key(&question)).as_bytes()),
        facts: item.facts.clone(),
        source: item.source.clone(),
        shape: item.shape,
        language: item.language,
        family,
        template: format!("paraphrase/{language}/{}/{}/{entry}", family.name(), base.template).into(),
        turns: vec![Message::new(Role::User, question), Message::new(Role::Assistant, base.answer.as_ref())],
        expected: item.expected(base),
        noise: Vec::new(),
        method: Method::LlmBased,
        record: None,
    }
}
