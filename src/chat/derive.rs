//! From a few renderings of sentinel words to what stands around each role's content.

use super::probes::{ANSWERS, SYSTEM, USERS, sentinels};
use super::trim::Trim;
use super::{ChatError, Message, SystemPlace, Wrappers};

/// A template: messages, and whether a prompt for the next answer follows, to text.
pub(super) type Render<'a> = dyn Fn(&[Message], bool) -> Result<String, ChatError> + 'a;

fn fail<T>(probe: &str, reason: impl Into<String>) -> Result<T, ChatError> {
    Err(ChatError::NotExpressible { probe: probe.into(), reason: reason.into() })
}

/// Cuts the renderings of the probes; does not check the result (that is [`super::template`]'s).
pub(super) fn wrappers(render: &Render, eos: Option<&str>) -> Result<Wrappers, ChatError> {
    let plain = Plain::cut(render)?;
    let (system_place, system) = system(render, &plain)?;
    let trim = trims(render, system_place)?;
    let end_of_turn = end_of_turn(&plain.assistant.1, eos).to_string();
    let stop = match (end_of_turn.trim(), eos) {
        ("", None | Some("")) => {
            return fail(
                "an answer",
                "the template writes nothing after an answer and the base has no eos token, so the model could never learn to stop",
            );
        }
        ("", Some(eos)) => eos.to_string(),
        (_, Some(eos)) if !eos.is_empty() && end_of_turn.ends_with(eos) => eos.to_string(),
        (text, _) => text.to_string(),
    };
    Ok(Wrappers {
        head: plain.head,
        system,
        system_place,
        user: plain.user,
        assistant: plain.assistant,
        generation_prompt: plain.generation_prompt,
        trim,
        end_of_turn,
        stop: vec![stop],
    })
}

/// The start of what follows an answer, up to and with its end-of-turn token: to the end of the eos token's text
/// where that stands there, else everything but trailing white space.
fn end_of_turn<'a>(after: &'a str, eos: Option<&str>) -> &'a str {
    match eos.filter(|e| !e.is_empty()).and_then(|e| after.find(e).map(|at| at + e.len())) {
        Some(end) => &after[..end],
        None => after.trim_end(),
    }
}

/// A conversation of two turns without a system message.
struct Plain {
    head: String,
    user: (String, String),
    assistant: (String, String),
    generation_prompt: String,
}

impl Plain {
    fn cut(render: &Render) -> Result<Self, ChatError> {
        const NAME: &str = "two turns without a system message";
        let text = render(&sentinels(false, 2, false), true)?;
        let [before, middle, again, last] = pieces(&text, [USERS[0], ANSWERS[0], USERS[1]], NAME)?;
        // Where a message ends is seen where nothing follows it; else the common start of what follows it twice.
        let after_user = tail(render, &sentinels(false, 1, false), USERS[0])
            .filter(|tail| middle.starts_with(tail) && last.starts_with(tail))
            .unwrap_or_else(|| before_open_tag(common_prefix(middle, last)).to_string());
        let after_answer = tail(render, &sentinels(false, 1, true), ANSWERS[0])
            .filter(|tail| again.strip_prefix(tail.as_str()).is_some_and(|rest| before.ends_with(rest)))
            .unwrap_or_else(|| after_open_tag(again, again.len() - common_suffix(before, again).len()).to_string());
        let user_start = &again[after_answer.len()..];
        Ok(Self {
            head: before[..before.len() - user_start.len()].to_string(),
            user: (user_start.to_string(), after_user.clone()),
            assistant: (middle[after_user.len()..].to_string(), after_answer),
            generation_prompt: last[after_user.len()..].to_string(),
        })
    }
}

/// Where the system text goes and what stands around it.
fn system(render: &Render, plain: &Plain) -> Result<(SystemPlace, (String, String)), ChatError> {
    const NAME: &str = "a system message and two turns";
    let nowhere = Ok((SystemPlace::Nowhere, (String::new(), String::new())));
    let Ok(text) = render(&sentinels(true, 2, false), true) else { return nowhere };
    match text.matches(SYSTEM).count() {
        0 => return nowhere,
        1 => {}
        n => return fail(NAME, format!("the system text is written {n} times")),
    }
    let at = |word: &str| text.find(word).unwrap_or(text.len());
    if at(SYSTEM) < at(USERS[0]) {
        let [before, between, ..] = pieces(&text, [SYSTEM, USERS[0], ANSWERS[0]], NAME)?;
        return Ok(match between.strip_suffix(plain.user.0.as_str()) {
            Some(after) => (SystemPlace::OwnTurn, (before.to_string(), after.to_string())),
            None => (SystemPlace::FirstUser, (before.to_string(), between.to_string())),
        });
    }
    let [_, _, between, after] = pieces(&text, [USERS[0], ANSWERS[0], SYSTEM], NAME)?;
    let (Some(before), Some((mid, _))) = (between.strip_prefix(plain.assistant.1.as_str()), after.split_once(USERS[1]))
    else {
        return fail(NAME, "the system text stands neither before the first nor in the last user turn");
    };
    Ok((SystemPlace::LastUser, (before.to_string(), mid.to_string())))
}

/// What the template strips of (system, user, assistant).
fn trims(render: &Render, place: SystemPlace) -> Result<[Trim; 3], ChatError> {
    const NAME: &str = "contents with whitespace at their ends";
    let of = |system: bool, word: &str| -> Result<Trim, ChatError> {
        let messages = sentinels(system, 2, false);
        let text = render(&messages, true)?;
        let padded: Vec<Message> = messages
            .iter()
            .map(|m| if m.content == word { Message::new(m.role, Trim::padded(word)) } else { m.clone() })
            .collect();
        let shown = render(&padded, true)?;
        let read = text.split_once(word).and_then(|(before, after)| Trim::read(&shown, word, before, after));
        read.map_or_else(|| fail(NAME, format!("{word:?} is stripped in a way that is not known")), Ok)
    };
    let system = if place == SystemPlace::Nowhere { Trim::default() } else { of(true, SYSTEM)? };
    let user = of(false, USERS[0])?;
    if of(false, USERS[1])? != user {
        return fail(NAME, "the first and the last user message are stripped differently");
    }
    Ok([system, user, of(false, ANSWERS[0])?])
}

/// The four pieces around three words, which must stand once each, in this order.
fn pieces<'a>(text: &'a str, words: [&str; 3], probe: &str) -> Result<[&'a str; 4], ChatError> {
    let mut rest = text;
    let mut out = [""; 4];
    for (i, word) in words.iter().enumerate() {
        if text.matches(word).count() != 1 {
            return fail(
                probe,
                format!("the words of a message are written {} times, not once", text.matches(word).count()),
            );
        }
        let Some((before, after)) = rest.split_once(word) else {
            return fail(probe, "the messages are not written in their order");
        };
        out[i] = before;
        rest = after;
    }
    out[3] = rest;
    Ok(out)
}

/// What a rendering without generation prompt writes after `word`.
fn tail(render: &Render, messages: &[Message], word: &str) -> Option<String> {
    let text = render(messages, false).ok()?;
    text.rfind(word).map(|at| text[at + word.len()..].to_string())
}

/// A text without the tag it leaves open, for a cut that is not within `<…>`.
fn before_open_tag(text: &str) -> &str {
    match text.rfind('<') {
        Some(open) if !text[open..].contains('>') => &text[..open],
        _ => text,
    }
}

/// The start of `text` up to `at`, or to the end of the tag that a cut there would divide.
fn after_open_tag(text: &str, at: usize) -> &str {
    let whole = before_open_tag(&text[..at]).len();
    match text[at..].find('>') {
        Some(close) if whole < at => &text[..at + close + 1],
        _ => &text[..at],
    }
}

fn common_prefix<'a>(a: &'a str, b: &str) -> &'a str {
    let n: usize = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).map(|(x, _)| x.len_utf8()).sum();
    &a[..n]
}

fn common_suffix<'a>(a: &'a str, b: &str) -> &'a str {
    let n: usize = a.chars().rev().zip(b.chars().rev()).take_while(|(x, y)| x == y).map(|(x, _)| x.len_utf8()).sum();
    &a[a.len() - n..]
}
