//! How likely both models find the same texts: `likelihood.json` of the evaluation.

use serde::Deserialize;

use super::escape::escaped;
use super::number::{counted, percent, significant};
use super::table::{Table, number, text};

/// The file, as far as the page shows it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Likelihood {
    pub timestamp: String,
    pub v1: Measured,
    pub v2: Measured,
    pub device: String,
    pub texts: Vec<Text>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Measured {
    pub model: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Text {
    pub text: String,
    pub texts: usize,
    pub left_out: usize,
    pub tokens: usize,
    pub bytes: u64,
    pub bits_per_byte_v1: f64,
    pub bits_per_byte_v2: f64,
    pub bits_per_byte_difference: f64,
    pub bits_per_byte_difference_standard_error: f64,
    pub mean_kl: f64,
    pub mean_kl_standard_error: f64,
    pub p99_kl: f64,
    pub max_kl: f64,
    pub same_top: f64,
    pub rms_delta_p: f64,
}

pub(super) fn section(found: Option<&Likelihood>) -> String {
    let mut out = String::from(
        "<section id=\"likelihood\" aria-labelledby=\"likelihood-h\">\n<h2 id=\"likelihood-h\">Likelihood</h2>\n",
    );
    match found {
        None => {
            out.push_str("<p>The likelihoods of both models were not compared; the option --likelihood does it.</p>\n")
        }
        Some(found) => out.push_str(&compared(found)),
    }
    out.push_str("</section>\n");
    out
}

fn compared(found: &Likelihood) -> String {
    let mut out = format!(
        "<p>How likely {} (v1) and {} (v2) find the same texts. Shown, not judged. Computed by {}.</p>\n",
        escaped(&found.v1.model),
        escaped(&found.v2.model),
        escaped(&found.device)
    );
    out.push_str(
        "<p>Bits per byte: fewer mean that the text is more likely. KL divergence, in nats per token: how far v2's distribution \
         over the next token is from v1's; 0 means that they are the same.</p>\n",
    );
    let columns = [
        text("text"),
        number("bits per byte v1"),
        number("v2"),
        number("v2 − v1"),
        number("KL(v1 ‖ v2)"),
        number("99 % of tokens below"),
        number("largest"),
        number("same likeliest token"),
        number("RMS Δp"),
    ];
    let row = |t: &Text| {
        vec![
            name(t),
            significant(t.bits_per_byte_v1),
            significant(t.bits_per_byte_v2),
            with_error(t.bits_per_byte_difference, t.bits_per_byte_difference_standard_error),
            with_error(t.mean_kl, t.mean_kl_standard_error),
            significant(t.p99_kl),
            significant(t.max_kl),
            percent(t.same_top),
            percent(t.rms_delta_p),
        ]
    };
    let rows = found.texts.iter().map(row).collect();
    out.push_str(
        &Table { caption: "likelihood by text (± standard error over tokens)", columns: &columns, rows }.html(),
    );
    out
}

/// With how much of it was read.
fn name(t: &Text) -> String {
    let (words, thing) = match t.text.as_str() {
        "general" => ("general text", "text"),
        "own" => ("expected answers of the suites", "answer"),
        other => (other, "text"),
    };
    let left_out = if t.left_out > 0 { format!(", {} left out", t.left_out) } else { String::new() };
    let bytes = usize::try_from(t.bytes).unwrap_or(usize::MAX);
    let (tokens, bytes) = (counted(t.tokens, "token"), counted(bytes, "byte"));
    format!("{words} ({}, {tokens}, {bytes}{left_out})", counted(t.texts, thing))
}

fn with_error(value: f64, error: f64) -> String {
    format!("{} ± {}", significant(value), significant(error))
}
