//! What people and a judge prefer, in words.

use crate::commands::JudgeReport;
use crate::commands::votes::{Side, Tally, Voted};

/// What `eval --blind` adds to the verdict.
pub(super) fn voted(voted: &Voted) -> String {
    let open = if voted.open > 0 { format!(", {} open", voted.open) } else { String::new() };
    let head = format!("{} votes now{open}; they are in {}", voted.now, voted.file.display());
    let tally = voted.tally.as_ref().map(words).unwrap_or_default();
    std::iter::once(head).chain(tally).collect::<Vec<_>>().join("\n")
}

/// What `eval --judge` adds to the verdict.
pub(super) fn judged(report: &JudgeReport) -> String {
    let percent = |share: Option<f64>| share.map_or("–".to_owned(), |share| format!("{:.0} %", 100.0 * share));
    let mut lines = vec![format!("Judged by {} (report only: it decides nothing)", report.judge)];
    lines.push(format!(
        "  v2 better {}, v1 better {}, as good {}, {} of them by another verdict in the other order; unreadable {}",
        report.wins,
        report.losses,
        report.ties + report.inconsistent,
        report.inconsistent,
        report.judge_errors
    ));
    lines.push(format!(
        "  sign test, two-sided: p = {:.3}; same verdict in both orders {}; the longer answer won {}",
        report.p,
        percent(report.consistency),
        percent(report.longer_won)
    ));
    let calibration = &report.calibration;
    lines.push(match &calibration.lacks {
        Some(lacks) => format!("  not calibrated: {lacks}"),
        None => format!(
            "  calibrated on {} votes: Cohen's κ {:.2}, agrees where people prefer v2 {}, v1 {}",
            calibration.votes,
            calibration.kappa.unwrap_or_default(),
            percent(calibration.true_positive_rate),
            percent(calibration.true_negative_rate)
        ),
    });
    lines.join("\n")
}

/// The votes on two models.
pub(super) fn words(tally: &Tally) -> Vec<String> {
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let mut lines = vec![format!("{} (v2) against {} (v1)", tally.v2.model, tally.v1.model)];
    lines.push(format!(
        "  v2 better {}, v1 better {}, as good {}, neither {}",
        tally.wins, tally.losses, tally.ties, tally.bad
    ));
    if let (Some(share), Some([low, high])) = (tally.share, tally.interval) {
        lines.push(format!(
            "  v2 is preferred in {} of the decided ({} to {}, 95 %); sign test, two-sided: p = {:.3}",
            percent(share),
            percent(low),
            percent(high),
            tally.p
        ));
    }
    lines.push(match (tally.winner, tally.needed) {
        (Some(Side::V2), _) => "  v2 is preferred".to_owned(),
        (Some(Side::V1), _) => "  v1 is preferred".to_owned(),
        (None, Some(n)) => format!("  undecided; a share like this one would be shown by about {n} decided votes"),
        (None, None) => "  undecided".to_owned(),
    });
    if let Some(left) = tally.left_share.filter(|_| tally.left_p < 0.05) {
        lines.push(format!(
            "  warning: what stood on the left was taken in {} (p = {:.3}): the place decided, not the answer",
            percent(left),
            tally.left_p
        ));
    }
    if tally.named > 0 {
        lines.push(format!(
            "  {} of these answers hold a model's name: there the choice may not have been blind",
            tally.named
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::votes::VotedModel;

    fn tally(wins: usize, losses: usize) -> Tally {
        Tally {
            v1: VotedModel::new("m:v1", "sha256:1"),
            v2: VotedModel::new("m:v2", "sha256:2"),
            wins,
            losses,
            ties: 1,
            bad: 0,
            p: 0.109,
            share: Some(0.8),
            interval: Some([0.49, 0.943]),
            winner: None,
            needed: Some(12),
            left_share: Some(1.0),
            left_p: 0.002,
            named: 2,
        }
    }

    #[test]
    fn what_votes_show_is_said_with_its_doubts() {
        let text = words(&tally(8, 2)).join("\n");
        insta::assert_snapshot!(text);
    }
}
