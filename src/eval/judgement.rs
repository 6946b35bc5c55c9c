//! A suite's verdict beside what it rests on, and how both are put into sentences.

use super::judge::Judged;
use super::measured::Measured;
use super::overlap::Overlap;

/// One suite with its verdict, and what of it stands in the training data.
#[derive(Debug)]
pub struct Judgement<'a> {
    pub measured: &'a Measured,
    pub judged: &'a Judged,
    pub overlaps: &'a [Overlap],
}

/// A share as points, without a needless decimal.
pub(super) fn points(share: f64) -> String {
    let text = format!("{:.1}", 100.0 * share);
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

pub(super) fn listed(suite: &str, ids: &[&str], what: &str) -> Option<String> {
    let more = if ids.len() > 5 { ", …" } else { "" };
    (!ids.is_empty()).then(|| format!("{suite}: {} {what}: {}{more}", ids.len(), ids[..ids.len().min(5)].join(", ")))
}
