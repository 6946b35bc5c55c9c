//! Training data from a corpus' facts: wordings, shapes of questions, plan, noise, checks, splits, provenance.
//!
//! The order: [`Item`]s are what can be taught (facts, and what follows from several facts), each with all its wordings; the plan
//! chooses wordings of items and makes [`Draft`]s; drafts are changed (noise, turns), checked, assigned to a part and written.

mod check;
mod concurrent;
mod contamination;
mod correct;
mod coverage;
mod damerau;
mod dedupe;
mod dedupe_near;
mod dedupe_text;
mod dialogue;
mod error;
mod fault;
mod files;
mod files_write;
mod grammar;
mod identity_key;
mod journal;
pub mod llm;
mod minhash;
mod model_record;
mod noise;
mod notation;
mod parts;
mod parts_verify;
mod plan;
mod plan_by_source;
mod plan_drafts;
mod plan_fill;
mod plan_options;
mod plan_order;
mod plan_pick;
mod plan_sizing;
mod plan_sources;
mod plan_subjects;
mod provenance;
mod replacement;
mod report;
mod shapes;
mod taught;
mod templates;
mod unanswerable;

pub use check::{Checked, ProvenanceFault, check_against_documents, check_provenance, unseen_sources};
pub use contamination::AskedQuestion;
pub use correct::{correction, corrections};
pub use coverage::Coverage;
pub use dedupe::{RejectCode, Rejected};
pub use dedupe_near::{NearDuplicate, QuestionAnswer, near_duplicates};
pub use dialogue::{DialogueContext, add_dialogues, dialogue};
pub use error::{GenerateError, LineCause, LineFault, Shortage, SplitFault};
pub use fault::{TemplateError, TemplateFault};
pub use files::{GeneratedSet, Written, journal_path, write};
pub use files_write::WrittenFile;
pub use grammar::{Gender, LexiconError};
pub use journal::{Journal, JournalError, JournalLine};
pub use model_record::{ModelRecord, Scores};
pub use noise::{EntityNames, NoiseContext, add_noise, noisy, ranked};
pub use parts::{Part, Planned, SplitBy, held_out_count, least_count};
pub use parts_verify::{SplitRecord, verify};
pub use plan::{Plan, PlanInput, plan};
pub use plan_fill::taught_wordings;
pub use plan_options::{ExampleCount, PlanOptions};
pub use provenance::{CorpusLine, Provenance, StatedFact};
pub use report::{Group, Lengths, Loss, Report, Sample};
pub use shapes::{AnswerStyle, ItemOptions, Outline, items};
pub use taught::taught_questions;
pub use templates::{TemplateQuestions, Templates, UnusedCause, UnusedEntry};
pub use unanswerable::{QuestionWording, Questions, UnansweredCorpus, unanswerable};

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::chat::Message;
use crate::corpus::{Fact, Language};
use crate::store::Digest;

/// What is asked about facts; the category of an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Shape {
    /// One attribute of one entity, with one value.
    Value,
    /// One attribute with several values.
    List,
    /// Whether an attribute has a value: as often true as false.
    Boolean,
    /// Which entities have a value.
    Reverse,
    /// How many entities have a value.
    Count,
    /// Which of two entities comes first by a date or a number.
    Comparison,
    /// An attribute of the entity that another attribute names.
    TwoHop,
    /// All that is known of an entity.
    Everything,
    /// What the corpus does not state; the answer is a refusal.
    Unanswerable,
    /// What a noisy text says without its errors.
    Correction,
    /// A question with extracts of the documents before it.
    OpenBook,
}

impl Shape {
    /// Whether it asks for one fact: its answer states the value, and nothing but that is asked.
    pub fn is_direct(self) -> bool {
        matches!(self, Self::Value | Self::List)
    }
}

/// How a question is put; a whole family can be held out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Family {
    /// `Who hosts GIDAF?`
    Direct,
    /// `Could you tell me who hosts GIDAF?`
    Polite,
    /// `GIDAF host`
    Search,
    /// `I would like to know who hosts GIDAF.`
    Indirect,
}

impl Family {
    pub const ALL: [Self; 4] = [Self::Direct, Self::Polite, Self::Search, Self::Indirect];

    /// As template files have it.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// A question with its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Wording {
    pub family: Family,
    /// Names the template: `host/fr/direct/2`.
    pub template: Arc<str>,
    pub question: String,
    /// A sentence; an item's wordings share it where it is the same.
    pub answer: Arc<str>,
    /// Who worded it.
    pub method: Method,
    /// Of a model's wording; None: a rule's.
    pub record: Option<Arc<ModelRecord>>,
}

impl Wording {
    /// Of a draft's first question and answer; None: it has no answer.
    pub fn of(draft: &Draft) -> Option<Self> {
        let [question, answer, ..] = draft.turns.as_slice() else { return None };
        Some(Self {
            family: draft.family,
            template: draft.template.clone(),
            question: question.content.clone(),
            answer: Arc::from(answer.content.as_str()),
            method: draft.method,
            record: draft.record.clone(),
        })
    }
}

/// What can be taught, with all its wordings.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Of the shape and the facts' ids: the identity of what is taught, whatever the wording.
    pub id: Digest,
    pub shape: Shape,
    /// Indices into the corpus' facts.
    pub facts: Vec<usize>,
    pub entity: String,
    pub attribute: String,
    pub source: Arc<str>,
    pub language: Language,
    /// What an answer has to hold: the values alone.
    pub values: Vec<String>,
    pub wordings: Vec<Wording>,
    pub low_information: bool,
}

impl Item {
    /// What an answer to one of the wordings is compared with: the values, then the sentence.
    pub fn expected(&self, wording: &Wording) -> Vec<String> {
        self.values.iter().cloned().chain([wording.answer.to_string()]).collect()
    }

    /// What a draft teaches, without wordings; `facts` are the corpus' facts.
    pub fn of(draft: &Draft, facts: &[Fact]) -> Self {
        let fact = draft.facts.first().and_then(|fact| facts.get(*fact));
        Self {
            id: draft.item,
            shape: draft.shape,
            facts: draft.facts.clone(),
            entity: fact.map(|fact| fact.entity.clone()).unwrap_or_default(),
            attribute: fact.map(|fact| fact.attribute.clone()).unwrap_or_default(),
            source: draft.source.clone(),
            language: draft.language,
            values: draft.expected.split_last().map(|(_, values)| values.to_vec()).unwrap_or_default(),
            wordings: Vec::new(),
            low_information: false,
        }
    }
}

/// What was done to a user's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Noise {
    /// A neighbouring key of the AZERTY or QWERTY keyboard.
    Keyboard,
    Drop,
    Double,
    Swap,
    /// What a speech recogniser writes for the same sound.
    Sound,
    Case,
    Accents,
    Punctuation,
    Abbreviation,
    Sms,
}

/// How an example was made.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Method {
    RuleBased,
    LlmBased,
    Augmented,
}

/// An example before it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Of what it teaches: [`Item::id`].
    pub item: Digest,
    /// Of the question before noise and further turns; all variants of a question have one group and stay together.
    pub group: Digest,
    pub facts: Vec<usize>,
    pub source: Arc<str>,
    pub shape: Shape,
    pub language: Language,
    pub family: Family,
    pub template: Arc<str>,
    /// User and assistant in turn, without the set's system turn; one of its own may stand first.
    pub turns: Vec<Message>,
    /// What an answer is compared with: the values, then the sentence.
    pub expected: Vec<String>,
    pub noise: Vec<Noise>,
    pub method: Method,
    /// Of a model's wording; None: a rule's.
    pub record: Option<Arc<ModelRecord>>,
}

impl Draft {
    /// Whether it teaches facts: its answer states their values, and nothing but these is asked.
    pub fn teaches(&self) -> bool {
        self.shape.is_direct() && !self.facts.is_empty()
    }
}
