//! Scores of an answer by reference texts, each equal to a published implementation: BLEU and chrF (sacreBLEU 2.6.0), ROUGE
//! (rouge_score 0.1.2), and the Levenshtein distance.
//!
//! Every score takes several references and uses them as its implementation does. Without a reference a score is that of an
//! answer that has nothing in common with one.

mod bleu;
mod chrf;
mod edit_distance;
mod lcs;
mod ngrams;
#[cfg(test)]
mod oracle_tests;
#[cfg(test)]
mod property_tests;
mod rouge;
mod segment;
mod tokens;
mod vocabulary;

use bleu::{corpus_bleu, sentence_bleu};
use chrf::{corpus_chrf, sentence_chrf};
use edit_distance::{levenshtein, levenshtein_similarity};
use rouge::{rouge_l, rouge_lsum, rouge_n};
use tokens::{BleuTokenizer, RougeTokenizer};

pub(super) use segment::Segment;

/// A score of one answer.
pub(super) struct ReferenceScore {
    pub name: &'static str,
    /// How it is computed; two numbers compare only under one signature.
    pub signature: &'static str,
    /// Of an answer and its references.
    pub of: fn(&str, &[&str]) -> f64,
    pub scale: Scale,
}

/// A score of all answers of a corpus, which is not the mean of the answers' scores.
pub(super) struct CorpusScore {
    pub name: &'static str,
    pub signature: &'static str,
    pub of: fn(&[Segment<'_>]) -> f64,
    pub scale: Scale,
}

/// What the numbers of a score mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// From 0 to 1, which is best.
    Fraction,
    /// From 0 to 100, which is best.
    Percent,
    /// Edits of grapheme clusters: 0 is best, no number is the worst.
    Edits,
}

impl ReferenceScore {
    /// The score as a share of the best one; edits as they are.
    pub(super) fn share(&self, answer: &str, references: &[&str]) -> f64 {
        let score = (self.of)(answer, references);
        match self.scale {
            Scale::Percent => score / 100.0,
            Scale::Fraction | Scale::Edits => score,
        }
    }
}

/// BLEU of a sentence, as sacreBLEU tokenizes it by default.
pub(super) const BLEU: ReferenceScore = ReferenceScore {
    name: "bleu",
    signature: "bleu:nrefs:var|case:mixed|eff:yes|tok:13a|smooth:exp|version:2.6.0",
    of: |answer, references| sentence_bleu(BleuTokenizer::Mteval13a, answer, references),
    scale: Scale::Percent,
};

/// chrF2.
pub(super) const CHRF: ReferenceScore = ReferenceScore {
    name: "chrf",
    signature: "chrf2:nrefs:var|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.6.0",
    of: sentence_chrf,
    scale: Scale::Percent,
};

/// ROUGE-1 of words in any script.
pub(super) const ROUGE_1_UNICODE: ReferenceScore = ReferenceScore {
    name: "rouge1_unicode",
    signature: "rouge1:tok=unicode|uax29=17.0|norm=fold|stem=no|f1|refs=max,v1",
    of: |answer, references| rouge_n(1, RougeTokenizer::Unicode, answer, references),
    scale: Scale::Fraction,
};

/// ROUGE-L of words in any script.
pub(super) const ROUGE_L_UNICODE: ReferenceScore = ReferenceScore {
    name: "rougeL_unicode",
    signature: "rougeL:tok=unicode|uax29=17.0|norm=fold|stem=no|f1|refs=max,v1",
    of: |answer, references| rouge_l(RougeTokenizer::Unicode, answer, references),
    scale: Scale::Fraction,
};

/// Edits of grapheme clusters.
pub(super) const LEVENSHTEIN: ReferenceScore = ReferenceScore {
    name: "levenshtein",
    signature: "levenshtein:unit=grapheme|uax29=17.0|refs=min,v1",
    of: levenshtein,
    scale: Scale::Edits,
};

/// Signatures of BLEU and chrF are sacreBLEU's own, with `nrefs:var` because the number of references differs by case.
pub(super) const REFERENCE_SCORES: &[ReferenceScore] = &[
    BLEU,
    ReferenceScore {
        name: "bleu_char",
        signature: "bleu:nrefs:var|case:mixed|eff:yes|tok:char|smooth:exp|version:2.6.0",
        of: |answer, references| sentence_bleu(BleuTokenizer::Char, answer, references),
        scale: Scale::Percent,
    },
    ReferenceScore {
        name: "bleu_none",
        signature: "bleu:nrefs:var|case:mixed|eff:yes|tok:none|smooth:exp|version:2.6.0",
        of: |answer, references| sentence_bleu(BleuTokenizer::None, answer, references),
        scale: Scale::Percent,
    },
    CHRF,
    ReferenceScore {
        name: "rouge1",
        signature: "rouge1:tok=ascii|stem=no|f1|refs=max|rouge_score=0.1.2",
        of: |answer, references| rouge_n(1, RougeTokenizer::Ascii, answer, references),
        scale: Scale::Fraction,
    },
    ReferenceScore {
        name: "rouge2",
        signature: "rouge2:tok=ascii|stem=no|f1|refs=max|rouge_score=0.1.2",
        of: |answer, references| rouge_n(2, RougeTokenizer::Ascii, answer, references),
        scale: Scale::Fraction,
    },
    ReferenceScore {
        name: "rougeL",
        signature: "rougeL:tok=ascii|stem=no|f1|refs=max|rouge_score=0.1.2",
        of: |answer, references| rouge_l(RougeTokenizer::Ascii, answer, references),
        scale: Scale::Fraction,
    },
    ReferenceScore {
        name: "rougeLsum",
        signature: "rougeLsum:tok=ascii|stem=no|f1|refs=max|rouge_score=0.1.2",
        of: |answer, references| rouge_lsum(RougeTokenizer::Ascii, answer, references),
        scale: Scale::Fraction,
    },
    ROUGE_1_UNICODE,
    ReferenceScore {
        name: "rouge2_unicode",
        signature: "rouge2:tok=unicode|uax29=17.0|norm=fold|stem=no|f1|refs=max,v1",
        of: |answer, references| rouge_n(2, RougeTokenizer::Unicode, answer, references),
        scale: Scale::Fraction,
    },
    ROUGE_L_UNICODE,
    ReferenceScore {
        name: "rougeLsum_unicode",
        signature: "rougeLsum:tok=unicode|uax29=17.0|norm=fold|stem=no|f1|refs=max,v1",
        of: |answer, references| rouge_lsum(RougeTokenizer::Unicode, answer, references),
        scale: Scale::Fraction,
    },
    LEVENSHTEIN,
    ReferenceScore {
        name: "levenshtein_similarity",
        signature: "levenshtein_similarity:1-d/max_len|unit=grapheme|uax29=17.0|refs=max,v1",
        of: levenshtein_similarity,
        scale: Scale::Fraction,
    },
];

pub(super) const CORPUS_SCORES: &[CorpusScore] = &[
    CorpusScore {
        name: "corpus_bleu",
        signature: "bleu:nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0",
        of: |segments| corpus_bleu(BleuTokenizer::Mteval13a, segments),
        scale: Scale::Percent,
    },
    CorpusScore {
        name: "corpus_chrf",
        signature: "chrf2:nrefs:var|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.6.0",
        of: corpus_chrf,
        scale: Scale::Percent,
    },
];
