//! Leg 1: the text the daemon feeds is the text that was trained on, and so are its ids.

use super::{Leg, ProofError, Request, probes};
use crate::chat::{Message, Role};
use crate::ollama::{Ask, Options, Prompt};

/// Renderings of the training set that are compared, beside the fixed conversations.
const SAMPLE: usize = 24;
/// Conversations whose ids are compared too: each costs a generated token.
const WITH_IDS: usize = 4;

/// Every option said; the daemon's own defaults differ by version.
pub(super) fn greedy(num_predict: i64, request: &Request<'_>) -> Options {
    let num_ctx = request.num_ctx as u64;
    Options { seed: 1, top_k: 1, num_thread: request.num_thread, ..Options::greedy(num_predict, num_ctx) }
}

pub(super) fn leg(request: &Request<'_>, progress: &mut dyn FnMut(&str, usize, usize)) -> Result<Leg, ProofError> {
    let mut leg = Leg::new("prompt");
    let mut conversations = fixed();
    let step = (request.sample.len() / SAMPLE).max(1);
    let sampled = request.sample.iter().step_by(step).filter_map(|c| probes::up_to_user(c)).take(SAMPLE);
    conversations.extend(sampled.map(<[Message]>::to_vec));
    let total = conversations.len() + WITH_IDS;
    let (mut equal, mut longer, mut refused) = (0, 0, 0);
    for (i, messages) in conversations.iter().enumerate() {
        request.check_interrupt()?;
        progress("prompt", i, total);
        // A template that refuses a conversation (a second system turn, say) refused it in training too.
        let Ok(expected) =
            request.base.template.render(&request.base.template.as_served(messages, request.system), true)
        else {
            refused += 1;
            continue;
        };
        if !probes::fits(request, &probes::ids(request, &expected.text)?) {
            longer += 1;
            continue;
        }
        let got = request.client.rendered(&ask(request, Prompt::Chat(messages.clone())))?;
        if got == expected.text {
            equal += 1;
        } else {
            leg.fault(format!("conversation {}: {}", i + 1, difference(&expected.text, &got)));
        }
    }
    let checked = check_ids(request, &conversations, &mut leg)?;
    let compared = conversations.len() - longer - refused;
    if compared == 0 {
        leg.fault("no conversation could be compared".to_owned());
    }
    leg.number("renderings_equal", f64::from(equal));
    leg.number("renderings", compared as f64);
    leg.summary = format!("{equal} of {compared} renderings equal; {checked}");
    if longer > 0 {
        leg.summary.push_str(&format!("; {longer} longer than num_ctx {} left out", request.num_ctx));
    }
    if refused > 0 {
        leg.summary.push_str(&format!("; {refused} that the template refuses left out"));
    }
    Ok(leg)
}

fn ask(request: &Request<'_>, prompt: Prompt) -> Ask {
    Ask {
        model: request.model.to_owned(),
        prompt,
        options: greedy(1, request),
        top_logprobs: 0,
        format: None,
        keep_alive: None,
        think: None,
        tools: Vec::new(),
    }
}

/// One-turn conversations through the template: `context` holds the prompt's ids; else their number is compared.
fn check_ids(request: &Request<'_>, conversations: &[Vec<Message>], leg: &mut Leg) -> Result<String, ProofError> {
    let single = conversations.iter().filter(|c| c.len() == 1 && c[0].role == Role::User);
    let (mut equal, mut compared, mut with_context) = (0, 0, false);
    for messages in single {
        request.check_interrupt()?;
        let text = request.base.template.render(&request.base.template.as_served(messages, request.system), true)?.text;
        let expected = probes::ids(request, &text)?;
        if !probes::fits(request, &expected) {
            continue;
        }
        if compared == WITH_IDS {
            break;
        }
        compared += 1;
        let turn = &messages[0].content;
        let answer = request.client.ask(&ask(request, Prompt::Templated(turn.clone())), &mut |_| {})?;
        let mut faults = Vec::new();
        // Each sees what the other does not: daemons since 0.30 make up `context` without the BOS that they feed.
        if let Some(context) = &answer.context {
            with_context = true;
            let without = request.base.tokenizer.adds_bos() && context.first() != expected.first();
            faults.extend(ids_differ(turn, &expected[usize::from(without)..], context));
        }
        if answer.prompt_eval_count != expected.len() as u64 {
            let (e, g) = (expected.len(), answer.prompt_eval_count);
            faults.push(format!("{turn:?} is {e} ids, the daemon fed {g}"));
        }
        equal += usize::from(faults.is_empty());
        faults.into_iter().for_each(|fault| leg.fault(fault));
    }
    let what = if with_context { "ids" } else { "lengths in ids" };
    leg.number("prompt_ids_equal", equal as f64);
    leg.number("prompt_ids", compared as f64);
    // Not a fault: the served leg still compares what the daemon computes from texts whose ids we know.
    let none = if compared == 0 { ", since none of one turn fits" } else { "" };
    Ok(format!("{what} of {equal} of {compared} prompts equal{none}"))
}

fn ids_differ(turn: &str, expected: &[u32], fed: &[u32]) -> Option<String> {
    if fed.starts_with(expected) {
        return None;
    }
    let at = fed.iter().zip(expected).take_while(|(a, b)| a == b).count();
    let four = |ids: &[u32]| ids[at.min(ids.len())..(at + 4).min(ids.len())].to_vec();
    let (e, g) = (four(expected), four(fed));
    Some(format!("prompt ids differ at {at} of {turn:?}: expected {e:?}, the daemon fed {g:?}"))
}

fn difference(expected: &str, got: &str) -> String {
    let at = expected
        .char_indices()
        .zip(got.chars())
        .find(|((_, a), b)| a != b)
        .map_or(expected.len().min(got.len()), |((i, _), _)| i);
    let tail = |s: &str| s.get(at..).map(|t| t.chars().take(40).collect::<String>()).unwrap_or_default();
    format!("the daemon's text differs at byte {at}: expected {:?}, got {:?}", tail(expected), tail(got))
}

/// With and without a system turn, one turn and several, and texts that templates stumble over.
fn fixed() -> Vec<Vec<Message>> {
    let m = |role, content: &str| Message { role, content: content.to_owned() };
    let (s, u, a) = (|c| m(Role::System, c), |c| m(Role::User, c), |c| m(Role::Assistant, c));
    vec![
        vec![u("Hello")],
        vec![u("Two lines\nof text, and {braces} \"quotes\" <tags> ünï🎈")],
        vec![u("What is the capital of Italy?")],
        vec![u("1 + 1 = ?")],
        vec![s("Answer briefly."), u("Hello")],
        vec![u("First"), a("Answer one"), u("Second")],
        vec![s("You are a test."), u("First"), a("Answer one"), u("Second"), a("Answer\ntwo"), u("Third")],
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_difference_is_placed() {
        let d = super::difference("abé\ndef", "abé def");
        assert!(d.contains("byte 4") && d.contains("\\ndef"), "{d}");
        assert!(super::difference("abc", "ab").contains("byte 2"));
    }
}
