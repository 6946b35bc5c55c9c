//! Template files.

use serde_yaml::{Mapping, Value};
use strum::VariantNames as _;

use crate::corpus::{Kind, Language};
use crate::generate::Family;
use crate::generate::fault::{TemplateError, TemplateFault};
use crate::generate::grammar::folded;
use crate::input::{kind, nearest, parse};

use super::entry::{Allowed, Class, Entry, Frame, Template};
use super::slot::{Piece, Slot, SlotFault, known, pieces};

/// Bytes of a template file, at most.
const MAX_FILE: usize = 1 << 20;
/// Characters of a template, at most.
const MAX_TEMPLATE: usize = 500;

const BLOCK_KEYS: [&str; 7] = ["direct", "polite", "search", "indirect", "answer", "quantity", "noun"];
const ENTRY_KEYS: [&str; 11] =
    ["match", "language", "fr", "en", "direct", "polite", "search", "indirect", "answer", "quantity", "noun"];
const MATCH_KEYS: [&str; 3] = ["attribute", "kind", "frame"];

/// An entry of a file, in one language.
pub(super) struct Read {
    pub(super) language: Language,
    pub(super) entry: Entry,
    /// From 1.
    pub(super) line: usize,
}

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Its entries are in this language.
    Shipped(Language),
    /// Its entries say their language.
    User,
}

/// Reads a file; `place` names it in errors.
pub(super) fn entries(text: &str, place: &str, owner: Owner) -> Result<Vec<Read>, TemplateError> {
    if text.len() > MAX_FILE {
        return Err(TemplateError::TemplatesTooLong { place: place.to_owned(), bytes: text.len(), most: MAX_FILE });
    }
    let value = parse(text).map_err(|reason| TemplateError::TemplatesSyntax { place: place.to_owned(), reason })?;
    let mut reader = Reader { lines: text.lines().collect(), line: 1, owner, faults: Vec::new(), read: Vec::new() };
    match &value {
        Value::Sequence(written) => {
            let starts = reader.starts();
            for (i, entry) in written.iter().enumerate() {
                reader.line = starts.get(i).copied().unwrap_or(1);
                reader.entry(entry);
            }
        }
        Value::Null => {}
        other => reader.fault(format!("a template file is a list of entries (`- match: …`), this is {}", kind(other))),
    }
    let Reader { faults, read, .. } = reader;
    if faults.is_empty() { Ok(read) } else { Err(TemplateError::Templates { place: place.to_owned(), faults }) }
}

/// What an entry is for.
struct Match {
    attributes: Vec<String>,
    kinds: Vec<Kind>,
    frame: Option<(Frame, Class)>,
}

struct Reader<'t> {
    lines: Vec<&'t str>,
    /// Of the entry that is read, from 1.
    line: usize,
    owner: Owner,
    faults: Vec<TemplateFault>,
    read: Vec<Read>,
}

impl Reader<'_> {
    /// The line of each entry: those that begin with a dash, as the first does.
    fn starts(&self) -> Vec<usize> {
        let is_start = |line: &str| line.trim_start().starts_with("- ");
        let indent = |line: &str| line.len() - line.trim_start().len();
        let first = self.lines.iter().find(|line| is_start(line)).map_or(0, |line| indent(line));
        let starts = self.lines.iter().enumerate().filter(|(_, line)| is_start(line) && indent(line) == first);
        starts.map(|(i, _)| i + 1).collect()
    }

    fn fault(&mut self, what: impl Into<String>) {
        self.faults.push(TemplateFault { line: self.line, what: what.into() });
    }

    /// At the entry's first line that holds `text`.
    fn fault_at(&mut self, text: &str, what: String) {
        let from = self.line.saturating_sub(1);
        let found = self.lines.iter().skip(from).position(|line| line.contains(text)).unwrap_or(0);
        self.faults.push(TemplateFault { line: self.line + found, what });
    }

    fn unknown_key(&mut self, key: &Value, keys: &[&str]) {
        let Some(written) = key.as_str() else {
            return self.fault(format!("expected a key, got {}", kind(key)));
        };
        let shown: String = written.chars().take(60).collect();
        let what = match nearest(written, keys) {
            Some(near) => format!("unknown key {shown:?}; did you mean {near:?}?"),
            None => format!("unknown key {shown:?}; the keys are {}", keys.join(", ")),
        };
        self.fault_at(&shown, what);
    }

    fn entry(&mut self, value: &Value) {
        let Value::Mapping(map) = value else {
            return self.fault(format!("expected an entry (`match: …`), got {}", kind(value)));
        };
        for key in map.keys().filter(|key| !key.as_str().is_some_and(|key| ENTRY_KEYS.contains(&key))) {
            self.unknown_key(key, &ENTRY_KEYS);
        }
        let Some(matches) = self.matches(map.get("match")) else { return };
        let flat = BLOCK_KEYS.iter().any(|key| map.contains_key(key));
        let said = map.get("language").and_then(Value::as_str);
        let language = match (self.owner, said) {
            (Owner::Shipped(language), None) => Some(language),
            (_, Some(code)) => Language::ALL.into_iter().find(|language| language.code() == code),
            (Owner::User, None) => None,
        };
        match (flat, language) {
            (true, Some(language)) => self.block(map, language, &matches),
            (true, None) => self.fault("the language is not said; put the wordings below `fr:` or `en:`"),
            (false, _) if map.contains_key("language") => self.fault("`language` is given, but no wordings beside it"),
            (false, _) if !map.contains_key("fr") && !map.contains_key("en") => {
                self.fault("no wordings; give `fr:` or `en:`, with `direct`, `search` … and `answer` in it");
            }
            (false, _) => {}
        }
        for language in Language::ALL {
            match map.get(language.code()) {
                Some(Value::Mapping(block)) => {
                    for key in block.keys().filter(|key| !key.as_str().is_some_and(|key| BLOCK_KEYS.contains(&key))) {
                        self.unknown_key(key, &BLOCK_KEYS);
                    }
                    self.block(block, language, &matches);
                }
                Some(other) => self.fault(format!("{}: expected wordings, got {}", language.code(), kind(other))),
                None => {}
            }
        }
    }

    fn matches(&mut self, value: Option<&Value>) -> Option<Match> {
        let Some(Value::Mapping(map)) = value else {
            self.fault("`match` is missing; write `match: {attribute: [host, hosting]}`");
            return None;
        };
        for key in map.keys().filter(|key| !key.as_str().is_some_and(|key| MATCH_KEYS.contains(&key))) {
            self.unknown_key(key, &MATCH_KEYS);
        }
        let names = self.texts(map.get("attribute"), "attribute");
        let mut attributes: Vec<String> = Vec::new();
        for name in names.iter().map(|name| folded(name)) {
            // `téléphone` and `telephone` are one name.
            if !name.is_empty() && !attributes.contains(&name) {
                attributes.push(name);
            }
        }
        let written = self.texts(map.get("kind"), "kind");
        let frames = self.texts(map.get("frame"), "frame");
        match (attributes.is_empty(), frames.as_slice()) {
            (false, []) => {
                let kinds = written.iter().filter_map(|name| self.kind(name)).collect();
                Some(Match { attributes, kinds, frame: None })
            }
            (true, [name]) => {
                let names: Vec<_> = Frame::NAMES.iter().map(|(name, _)| *name).collect();
                let frame = self.named(name, "frame", &names).and_then(|i| Frame::NAMES.get(i))?.1;
                let class = match written.first() {
                    None => Class::Plain,
                    Some(kind) => {
                        let names: Vec<_> = Class::NAMES.iter().map(|(name, _)| *name).collect();
                        self.named(kind, "kind of a frame", &names).and_then(|i| Class::NAMES.get(i))?.1
                    }
                };
                Some(Match { attributes, kinds: Vec::new(), frame: Some((frame, class)) })
            }
            _ => {
                self.fault("`match` needs either `attribute`, a list of names, or `frame`, one name");
                None
            }
        }
    }

    fn kind(&mut self, name: &str) -> Option<Kind> {
        self.named(name, "kind", Kind::VARIANTS)?;
        name.parse().ok()
    }

    /// The index of a name in a list of known ones.
    fn named(&mut self, name: &str, what: &str, known: &[&str]) -> Option<usize> {
        let found = known.iter().position(|k| *k == name);
        if found.is_none() {
            let near = nearest(name, known).map_or_else(|| known.join(", "), |near| format!("did you mean {near:?}?"));
            self.fault_at(name, format!("unknown {what} {name:?}; {near}"));
        }
        found
    }

    /// One text, or a list of texts.
    fn texts(&mut self, value: Option<&Value>, key: &str) -> Vec<String> {
        let all = match value {
            None => return Vec::new(),
            Some(Value::Sequence(all)) => all.as_slice(),
            Some(one) => std::slice::from_ref(one),
        };
        let mut texts = Vec::new();
        for value in all {
            match value.as_str() {
                Some(text) if !text.trim().is_empty() => texts.push(text.to_owned()),
                Some(_) => self.fault(format!("{key}: an empty text")),
                None => self.fault(format!("{key}: expected a text, got {}", kind(value))),
            }
        }
        texts
    }

    fn block(&mut self, map: &Mapping, language: Language, matches: &Match) {
        let question = matches.frame.map_or(Frame::Noun, |(frame, _)| frame).question();
        let answer = matches.frame.map_or(Frame::Noun, |(frame, _)| frame).answer();
        let name = self.name(matches);
        let is_users = self.owner == Owner::User;
        let mut questions = Vec::new();
        for family in Family::ALL {
            let key = family.name();
            for (i, text) in self.texts(map.get(key), key).iter().enumerate() {
                let name = format!("{name}/{}/{key}/{}", language.code(), i + 1);
                let template = Template { name: name.into(), family, is_users, pieces: Vec::new() };
                questions.extend(self.template(text, language, &question, template));
            }
        }
        let mut answers_of = |key: &str| {
            let mut answers = Vec::new();
            for (i, text) in self.texts(map.get(key), key).iter().enumerate() {
                let name = format!("{name}/{}/{key}/{}", language.code(), i + 1);
                let template = Template { name: name.into(), family: Family::Direct, is_users, pieces: Vec::new() };
                answers.extend(self.template(text, language, &answer, template));
            }
            answers
        };
        let (answers, quantities) = (answers_of("answer"), answers_of("quantity"));
        if !map.contains_key("answer") || Family::ALL.iter().all(|family| !map.contains_key(family.name())) {
            self.fault(format!("{}: give `answer` and one of direct, polite, search, indirect", language.code()));
        }
        let noun = self.texts(map.get("noun"), "noun").into_iter().next();
        let Match { attributes, kinds, frame } = matches;
        let (attributes, kinds, frame) = (attributes.clone(), kinds.clone(), *frame);
        let entry = Entry { name, attributes, kinds, frame, noun, questions, answers, quantities };
        self.read.push(Read { language, entry, line: self.line });
    }

    fn name(&self, matches: &Match) -> String {
        let name = match (&matches.frame, matches.attributes.first()) {
            (Some((frame, class)), _) => {
                let class = Class::NAMES.iter().find(|(_, known)| known == class).map_or("", |(name, _)| name);
                format!("frame-{}-{class}", frame.name()).trim_end_matches('-').to_owned()
            }
            (None, first) => {
                let kinds = matches.kinds.iter().map(|kind| format!("-{kind}"));
                first.map_or_else(String::new, |name| name.replace(' ', "-")) + &kinds.collect::<String>()
            }
        };
        if self.owner == Owner::User { format!("user-{name}") } else { name }
    }

    fn template(&mut self, text: &str, language: Language, allowed: &Allowed, into: Template) -> Option<Template> {
        let Template { name, family, is_users, .. } = into;
        if text.chars().count() > MAX_TEMPLATE {
            self.fault(format!("{name}: a template may have {MAX_TEMPLATE} characters"));
            return None;
        }
        let pieces = match pieces(text, &allowed.all(), language) {
            Ok(pieces) => pieces,
            Err(fault) => {
                self.slot_fault(&name, fault, &known(&allowed.all(), language));
                return None;
            }
        };
        let is_written = |slot: &Slot, a| slot.argument == a && slot.form.writes_argument();
        let holds = |a| pieces.iter().any(|piece| matches!(piece, Piece::Slot(slot) if is_written(slot, a)));
        if !allowed.needed.iter().any(|argument| holds(*argument)) {
            let needed: Vec<_> = allowed.needed.iter().map(|a| format!("{{{}}}", a.name())).collect();
            self.fault_at(text, format!("{name}: {text:?} has to hold {}", needed.join(" or ")));
            return None;
        }
        Some(Template { name, family, is_users, pieces })
    }

    fn slot_fault(&mut self, name: &str, fault: SlotFault, known: &[String]) {
        let (at, what) = match fault {
            SlotFault::Unknown(slot) => {
                let names: Vec<_> = known.iter().map(String::as_str).collect();
                let near = nearest(&slot, &names).map(|near| format!("did you mean {{{near}}}?"));
                let near = near.unwrap_or_else(|| format!("the slots here are {{{}}}", names.join("}, {")));
                (format!("{{{slot}"), format!("{name}: unknown slot {{{slot}}}; {near}"))
            }
            SlotFault::Unclosed => ("{".to_owned(), format!("{name}: a slot is not closed with }}")),
            SlotFault::Unopened => ("}".to_owned(), format!("{name}: a }} without a {{ before it")),
        };
        self.fault_at(&at, what);
    }
}
