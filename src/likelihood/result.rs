//! What was measured, as `likelihood.json` has it and in words.

use serde::Serialize;

/// `likelihood.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Likelihood {
    /// Of this form.
    pub version: u32,
    pub v1: Measured,
    pub v2: Measured,
    /// Of the evaluation that it belongs to, RFC 3339.
    pub timestamp: String,
    /// How it was computed.
    pub device: String,
    pub texts: Vec<TextLikelihood>,
}

impl Likelihood {
    pub const VERSION: u32 = 1;
}

/// A model that was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Measured {
    pub model: String,
    /// Of its weights' file, and of the adapter on it if there is one.
    pub digest: String,
}

/// Of one text. Log-probabilities are of f32 forwards over the files as they are served; KL is in nats per token, over the whole
/// vocabulary, at the same positions. Standard errors are over tokens.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TextLikelihood {
    /// `general` or `own`.
    pub text: String,
    /// Of the token ids and the scored places.
    pub digest: String,
    /// Documents, or answers.
    pub texts: usize,
    /// Texts that were not read: too long, beyond the limit of tokens, or not to be encoded.
    pub left_out: usize,
    /// Scored tokens, and the bytes they stand for.
    pub tokens: usize,
    pub bytes: u64,
    pub bits_per_byte_v1: f64,
    pub bits_per_byte_v2: f64,
    /// v2 − v1.
    pub bits_per_byte_difference: f64,
    pub bits_per_byte_difference_standard_error: f64,
    /// KL(v1 ‖ v2), llama.cpp's `Mean KLD`.
    pub mean_kl: f64,
    pub mean_kl_standard_error: f64,
    pub p99_kl: f64,
    pub max_kl: f64,
    /// Share of tokens before which both models find the same token likeliest (`Same top p`).
    pub same_top: f64,
    /// Root mean square of the difference of the token's probability (`RMS Δp`).
    pub rms_delta_p: f64,
}

impl TextLikelihood {
    fn words(&self) -> &'static str {
        if self.text == "general" { "general text" } else { "expected answers of the suites" }
    }
}

/// A section for the summary of an evaluation.
pub fn markdown(likelihood: &Likelihood) -> String {
    let mut out = String::from(
        "## Likelihood (shown, not judged)\n\n\
         | text | tokens | bits per byte v1 | v2 | KL(v1 ‖ v2), nats per token | 99 % of tokens below | same likeliest token |\n\
         |---|--:|--:|--:|--:|--:|--:|\n",
    );
    for t in &likelihood.texts {
        out += &format!(
            "| {} | {} | {:.4} | {:.4} | {:.5} ± {:.5} | {:.4} | {:.1} % |\n",
            t.words(),
            t.tokens,
            t.bits_per_byte_v1,
            t.bits_per_byte_v2,
            t.mean_kl,
            t.mean_kl_standard_error,
            t.p99_kl,
            100.0 * t.same_top
        );
    }
    out.push('\n');
    for t in &likelihood.texts {
        let relative = 100.0 * t.bits_per_byte_difference / t.bits_per_byte_v1;
        out += &format!(
            "- {}: v2 needs {:+.4} ± {:.4} bits per byte ({relative:+.1} %); {} texts, {} bytes",
            t.words(),
            t.bits_per_byte_difference,
            t.bits_per_byte_difference_standard_error,
            t.texts,
            t.bytes,
        );
        if t.left_out > 0 {
            out += &format!("; {} texts too long, or beyond the limit, were left out", t.left_out);
        }
        out.push('\n');
    }
    out
}
