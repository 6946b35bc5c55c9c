//! Questions and answers as events.

use crate::eval::{self, Arm};
use crate::events::{self, Detail, Reporter, Stage, Unit};

pub(super) fn show(report: &mut Reporter<'_>, event: &eval::Event<'_>) {
    match event {
        eval::Event::ArmStarted { arm, model, questions, kept } => {
            let stage = match arm {
                Arm::Base => Stage::AskV1,
                Arm::Tuned => Stage::AskV2,
                Arm::Control => Stage::AskControl,
                Arm::Again => Stage::AskAgain,
            };
            report.begin(stage, Unit::Prompts, Some(*questions as u64));
            report.advance(*kept as u64, Some(Detail::Item((*model).to_owned())));
        }
        eval::Event::Answered { index, suite, case, .. } => {
            report.advance(*index as u64 + 1, Some(Detail::Item(format!("{suite} {}", case.id))));
        }
        eval::Event::ArmDone { model, .. } => report.end(events::Outcome::Answered { model: (*model).to_owned() }),
    }
}
