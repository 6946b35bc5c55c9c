//! Why an answer was not taken.

use serde::{Deserialize, Serialize};

use crate::store::Digest;

/// The reason; its code is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, strum::IntoStaticStr)]
pub enum Rejected {
    /// The daemon refused the call or broke off.
    #[strum(serialize = "call-failed")]
    #[serde(rename = "call-failed")]
    CallFailed,
    #[strum(serialize = "c1-not-json")]
    #[serde(rename = "c1-not-json")]
    NotJson,
    /// A key is missing, or one is there that the schema has not.
    #[strum(serialize = "c1-keys")]
    #[serde(rename = "c1-keys")]
    Keys,
    /// As long as the schema allows, so that it was cut.
    #[strum(serialize = "c1-length-limit")]
    #[serde(rename = "c1-length-limit")]
    LengthLimit,
    #[strum(serialize = "c1-too-short")]
    #[serde(rename = "c1-too-short")]
    TooShort,
    #[strum(serialize = "c1-loop")]
    #[serde(rename = "c1-loop")]
    Loop,
    #[strum(serialize = "c1-no-question")]
    #[serde(rename = "c1-no-question")]
    NoQuestion,
    #[strum(serialize = "c1-language")]
    #[serde(rename = "c1-language")]
    WrongLanguage,
    #[strum(serialize = "c1-preamble")]
    #[serde(rename = "c1-preamble")]
    Preamble,
    /// "according to the text", "ci-dessus".
    #[strum(serialize = "c1-reference")]
    #[serde(rename = "c1-reference")]
    Reference,
    /// The evidence, question or reply is an instruction to an assistant that stands in the document.
    #[strum(serialize = "c1-directive")]
    #[serde(rename = "c1-directive")]
    Directive,
    #[strum(serialize = "evidence-not-in-unit")]
    #[serde(rename = "evidence-not-in-unit")]
    EvidenceNotInUnit,
    #[strum(serialize = "c2-not-standalone")]
    #[serde(rename = "c2-not-standalone")]
    NotStandalone,
    /// A number, date, URL, identifier, quoted word or name that the unit lacks.
    #[strum(serialize = "c3-value-not-in-unit")]
    #[serde(rename = "c3-value-not-in-unit")]
    ValueNotInUnit,
    /// A paraphrase lost or gained a name or a number.
    #[strum(serialize = "c3-value-changed")]
    #[serde(rename = "c3-value-changed")]
    ValueChanged,
    #[strum(serialize = "c4-overlap")]
    #[serde(rename = "c4-overlap")]
    Overlap,
    #[strum(serialize = "c5-likelihood")]
    #[serde(rename = "c5-likelihood")]
    Likelihood,
    /// Overlap and likelihood together.
    #[strum(serialize = "c4-c5-together")]
    #[serde(rename = "c4-c5-together")]
    Together,
    #[strum(serialize = "c6-round-trip")]
    #[serde(rename = "c6-round-trip")]
    RoundTrip,
    #[strum(serialize = "c8-inconsistent")]
    #[serde(rename = "c8-inconsistent")]
    Inconsistent,
    #[strum(serialize = "c9-judged-no")]
    #[serde(rename = "c9-judged-no")]
    JudgedNo,
    /// A paraphrase that equals a wording which exists.
    #[strum(serialize = "same-wording")]
    #[serde(rename = "same-wording")]
    SameWording,
    /// The question was accepted before.
    #[strum(serialize = "duplicate")]
    #[serde(rename = "duplicate")]
    Duplicate,
}

impl Rejected {
    pub fn code(self) -> &'static str {
        self.into()
    }

    /// What the user can do where this is the commonest reason.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::CallFailed => "look at the daemon's log; a smaller --model may fit the machine",
            Self::NotJson | Self::Keys | Self::Loop | Self::LengthLimit | Self::TooShort => {
                "the generator does not keep to the schema; use a larger model, or one that does not think"
            }
            Self::NoQuestion | Self::Preamble | Self::Reference | Self::NotStandalone | Self::WrongLanguage => {
                "the generator does not follow the instruction; use a larger model or --method rule-based"
            }
            Self::Directive => "documents hold instructions to an assistant; look at the sources that are named",
            Self::EvidenceNotInUnit | Self::ValueNotInUnit | Self::ValueChanged => {
                "the generator invents values; use a larger model or --method rule-based"
            }
            Self::Overlap | Self::Likelihood | Self::Together | Self::JudgedNo => {
                "the generator says what the documents do not; use a larger model or --method rule-based"
            }
            Self::RoundTrip | Self::Inconsistent => {
                "the judge does not find the answer in the document; use a larger --judge"
            }
            Self::SameWording | Self::Duplicate => "the documents hold too little for so many questions; lower --count",
        }
    }
}

/// A reason with what it was found in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rejection {
    pub(super) code: Rejected,
    pub(super) detail: String,
}

impl Rejection {
    pub(super) fn new(code: Rejected, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// An answer that was not taken, for the report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RejectedDraft {
    /// Of the plan's entry.
    pub item: Digest,
    pub source: String,
    pub code: Rejected,
    /// What was found: the value that is not in the unit, the phrase.
    pub detail: String,
    /// What the model wrote.
    pub reply: String,
    /// 0: the first try.
    pub attempt: u32,
}
