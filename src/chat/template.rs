//! A base's chat template: rendering, the assistant's spans, the Go template and its check.

use super::go::GoValues;
use super::jinja::{Clock, Jinja};
use super::note::TemplateNote;
use super::probes;
use super::turns::with_system;
use super::{
    ChatError, Message, Rendered, Role, SpecialTokens, SystemPlace, Wrappers, derive, emit, go, merge_neighbours,
};

/// The day that templates with a date are given in training and serving alike, where they have none of their own.
const BAKED_DAY: jiff::civil::Date = jiff::civil::date(2026, 1, 1);

/// A prompt must be the same whatever a caller says of thinking: the daemons' own default has changed.
const THINKS: [(Option<bool>, &str); 3] =
    [(None, ""), (Some(true), " where thinking is asked for"), (Some(false), " where thinking is declined")];

/// A base's Jinja chat template, ready to render, and the wrappers derived from it.
#[derive(Debug)]
pub struct ChatTemplate {
    source: String,
    eos: Option<String>,
    jinja: Jinja,
    wrappers: Wrappers,
    unthought: String,
    notes: Vec<TemplateNote>,
}

impl ChatTemplate {
    /// Derives the wrappers.
    ///
    /// A template that writes today's date is given one fixed day (its own fallback, if it has one), since the text of
    /// the training and that of every later prompt must be the same; [`Self::notes`] says so.
    pub fn new(source: &str, tokens: SpecialTokens) -> Result<Self, ChatError> {
        let mut notes = Vec::new();
        let jinja = undated(source, tokens, &mut notes)?;
        let wrappers = derive::wrappers(&|messages, generation| jinja.render(messages, generation), tokens.eos)?;
        if wrappers.system_place == SystemPlace::Nowhere {
            notes.push(TemplateNote::NoSystem);
        }
        if wrappers.end_of_turn.trim().is_empty() {
            notes.push(TemplateNote::NoEndOfTurn);
        }
        let eos = tokens.eos.map(Into::into);
        let mut template = Self { source: source.into(), eos, jinja, wrappers, unthought: String::new(), notes };
        template.unthought = template.empty_thought()?;
        Ok(template)
    }

    /// Of a base that has no Jinja template, only an Ollama TEMPLATE: the Jinja that says the same, which then goes into
    /// every file that is made, proved equal to the TEMPLATE over the probes.
    pub fn from_go(go: &str, tokens: SpecialTokens) -> Result<Self, ChatError> {
        let prompt = |messages: &[Message], think| go::render_go_as(go, messages, GoValues { today: BAKED_DAY, think });
        let render = |messages: &[Message], generation: bool| match generation {
            true => prompt(messages, None),
            false => Err(ChatError::Go("it writes prompts only".into())),
        };
        let mut wrappers = derive::wrappers(&render, tokens.eos)?;
        wrappers.open_answers();
        let mut template = Self::new(&emit::jinja(&wrappers), tokens)?;
        for probe in probes::strict(template.takes_system(), true) {
            let (expected, got) = (prompt(&probe.messages, None)?, template.prompt(&probe.messages)?);
            if expected != got {
                return Err(differs_at(probe.name, "what is read off the TEMPLATE", &expected, &got));
            }
        }
        if let Err(ChatError::Differs { .. }) = template.verify_go(go) {
            template.notes.push(TemplateNote::WritesMore(BAKED_DAY));
        }
        Ok(template)
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    pub fn takes_system(&self) -> bool {
        self.wrappers.system_place != SystemPlace::Nowhere
    }

    /// The conversation as the daemon shows it to a model with this SYSTEM: in front, where there is no system turn and the
    /// template has a place for one.
    pub fn as_served(&self, messages: &[Message], system: Option<&str>) -> Vec<Message> {
        with_system(messages, system.filter(|_| self.takes_system()))
    }

    /// What to write after a prompt so that the answer comes without a thought before it; empty for models that don't think.
    pub fn unthought(&self) -> &str {
        &self.unthought
    }

    /// The content of an answer that was made after [`Self::unthought`].
    pub fn content_unthought(&self, answer: &str) -> Result<String, ChatError> {
        let opened = open_thought(&self.prompt(&probes::sentinels(false, 1, false))?);
        Ok(if opened { format!("{}{answer}", self.unthought) } else { answer.to_owned() })
    }

    pub fn wrappers(&self) -> &Wrappers {
        &self.wrappers
    }

    /// What a user should know of this template: a baked date, no place for a system message.
    pub fn notes(&self) -> &[TemplateNote] {
        &self.notes
    }

    /// Renders a conversation; a leading literal BOS is stripped where the tokenizer and the daemon add the id.
    ///
    /// Neighbours of one role are merged first, as the daemon does. The spans are those answers that stand in the text
    /// just as the model would have to write them after the daemon's prompt, each with its end-of-turn token; a
    /// template may write earlier answers differently (without their reasoning, say): see [`Self::training`].
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<Rendered, ChatError> {
        let merged = self.checked(messages)?;
        let text = self.jinja.render(&merged, add_generation_prompt)?;
        let mut assistant = Vec::new();
        for (i, _) in answers(&merged) {
            let Ok(turn) = self.answer(&merged[..=i]) else { continue };
            let Some(span) = turn.assistant.into_iter().next() else { continue };
            if text.starts_with(&turn.text[..span.end]) {
                assistant.push(span);
            }
        }
        Ok(Rendered { text, assistant })
    }

    /// The texts to train on: the whole conversation as one, where every answer stands in it as the model would write
    /// it; else one text for each answer, which is the daemon's prompt for it, the answer and its end of turn.
    pub fn training(&self, messages: &[Message]) -> Result<Vec<Rendered>, ChatError> {
        let merged = self.checked(messages)?;
        if !merged.iter().any(|m| m.role == Role::Assistant) {
            return Err(ChatError::Conversation("it has no assistant message".into()));
        }
        let turns = answers(&merged).map(|(i, _)| self.answer(&merged[..=i])).collect::<Result<Vec<_>, _>>()?;
        let text = self.jinja.render(&merged, false)?;
        let ends_whole = |turn: &Rendered| turn.assistant.iter().all(|span| text.starts_with(&turn.text[..span.end]));
        if turns.iter().all(ends_whole) {
            return Ok(vec![Rendered { text, assistant: turns.into_iter().flat_map(|t| t.assistant).collect() }]);
        }
        Ok(turns)
    }

    /// The Go template that renders the same text in Ollama, verified against the Jinja over the probes.
    pub fn go_template(&self) -> Result<String, ChatError> {
        let go = emit::go_template(&self.wrappers);
        self.verify_go(&go).map_err(|e| match e {
            ChatError::Differs { probe, expected, got } => {
                differs_at(&probe, "the derived Go template", &expected, &got)
            }
            other => other,
        })?;
        Ok(go)
    }

    /// Whether a Go template (the base's own, say) renders every probe as the Jinja does.
    pub fn verify_go(&self, go: &str) -> Result<(), ChatError> {
        for probe in probes::strict(self.takes_system(), true) {
            self.compare(go, probe.name, &probe.messages)?;
        }
        Ok(())
    }

    fn compare(&self, go: &str, name: &str, messages: &[Message]) -> Result<(), ChatError> {
        let expected = self.prompt(messages)?;
        let today = jiff::Zoned::now().date();
        for (think, what) in THINKS {
            let got = go::render_go_as(go, messages, GoValues { today, think })?;
            if expected != got {
                return Err(ChatError::Differs { probe: format!("{name}{what}"), expected, got });
            }
        }
        Ok(())
    }

    /// The empty thought that the template writes before an answer without one, or the end of that which its prompts open.
    fn empty_thought(&self) -> Result<String, ChatError> {
        if open_thought(&self.prompt(&probes::sentinels(false, 1, false))?) {
            return Ok("</think>\n\n".into());
        }
        let Ok(turn) = self.answer(&probes::sentinels(false, 1, true)) else { return Ok(String::new()) };
        let written = turn.assistant.first().map_or("", |span| &turn.text[span.clone()]);
        let before = written.split_once(probes::ANSWERS[0]).map_or("", |(before, _)| before);
        Ok(if before.contains("</think>") { before.to_owned() } else { String::new() })
    }

    fn prompt(&self, messages: &[Message]) -> Result<String, ChatError> {
        self.jinja.render(&merge_neighbours(messages), true)
    }

    /// The text of a conversation that ends with an answer, as the daemon's prompt and what the model writes after it.
    fn answer(&self, messages: &[Message]) -> Result<Rendered, ChatError> {
        let Some((last, before)) = messages.split_last() else {
            return Err(ChatError::Conversation("it is empty".into()));
        };
        if before.iter().all(|m| m.role == Role::System) {
            return Err(ChatError::Conversation(
                "it begins with an assistant message: no question comes before it".into(),
            ));
        }
        let prompt = self.jinja.render(before, true)?;
        let whole = self.jinja.render(messages, false)?;
        let after = &self.wrappers.assistant.1;
        let end = if self.wrappers.end_of_turn.is_empty() {
            self.eos.clone().unwrap_or_default()
        } else {
            self.wrappers.end_of_turn.clone()
        };
        // What the template writes after the last answer may be shorter than what it writes between turns.
        let body = whole.strip_suffix(after.as_str()).or_else(|| whole.strip_suffix(&self.wrappers.end_of_turn));
        let text = match body.filter(|body| body.starts_with(&prompt)) {
            Some(body) => format!("{body}{end}"),
            None => {
                // The prompt opens more than the answers of the history show, a think block say.
                if open_thought(&prompt) && !last.content.contains("</think>") {
                    return Err(ChatError::Conversation(
                        "the base opens a <think> block before every answer: write answers as `reasoning</think>answer`".into(),
                    ));
                }
                format!("{prompt}{}{end}", self.wrappers.trim[2].apply(&last.content))
            }
        };
        let span = prompt.len()..text.len();
        Ok(Rendered { text, assistant: vec![span] })
    }

    fn checked(&self, messages: &[Message]) -> Result<Vec<Message>, ChatError> {
        let system = messages.iter().any(|m| m.role == Role::System);
        if system && !self.takes_system() {
            return Err(ChatError::Conversation(
                "it has a system message, and the base's chat template has no place for one".into(),
            ));
        }
        Ok(merge_neighbours(messages))
    }
}

fn differs_at(probe: &str, what: &str, expected: &str, got: &str) -> ChatError {
    let at = expected.bytes().zip(got.bytes()).take_while(|(a, b)| a == b).count();
    let (expected, got) = (around(expected, at), around(got, at));
    let reason = format!("{what} differs at byte {at}: expected {expected}, got {got}");
    ChatError::NotExpressible { probe: probe.into(), reason }
}

/// What stands around a byte of a text, as a Rust string; an ellipsis where something is left out.
fn around(text: &str, byte: usize) -> String {
    const BEFORE: usize = 24;
    const BEHIND: usize = 48;
    let from = text.floor_char_boundary(byte.saturating_sub(BEFORE));
    let to = text.ceil_char_boundary(byte.saturating_add(BEHIND));
    let mark = |cut: bool| if cut { "…" } else { "" };
    let part = text.get(from..to).unwrap_or_default();
    format!("{}{part:?}{}", mark(from > 0), mark(to < text.len()))
}

fn answers(messages: &[Message]) -> impl Iterator<Item = (usize, &Message)> {
    messages.iter().enumerate().filter(|(_, m)| m.role == Role::Assistant)
}

fn open_thought(prompt: &str) -> bool {
    prompt.rfind("<think>").is_some_and(|open| prompt.rfind("</think>").is_none_or(|close| close < open))
}

/// The template with its clock stopped; a note says so where that matters.
fn undated(source: &str, tokens: SpecialTokens, notes: &mut Vec<TemplateNote>) -> Result<Jinja, ChatError> {
    let on = |clock| Jinja::new(source, tokens, clock);
    let fixed = on(Clock::Day(BAKED_DAY))?;
    if !source.contains("strftime_now") {
        return Ok(fixed);
    }
    let other = on(Clock::Day(jiff::civil::date(2031, 10, 28)))?;
    let dated = probes::strict(true, false)
        .iter()
        .any(|p| fixed.render(&p.messages, true).is_ok_and(|a| other.render(&p.messages, true).is_ok_and(|b| a != b)));
    if !dated {
        return Ok(fixed);
    }
    if let Ok(own) = on(Clock::Absent)
        && own.render(&probes::sentinels(false, 1, false), true).is_ok()
    {
        notes.push(TemplateNote::OwnDate);
        return Ok(own);
    }
    notes.push(TemplateNote::FixedDate(BAKED_DAY));
    Ok(fixed)
}
