//! The noise floor: v1 is loaded anew and asked some prompts a second time.

use super::comparison::Comparison;
use super::progress::show;
use crate::commands::{Context, Failure};
use crate::eval::{
    self, AnswerCache, Answerer, Arm, ArmAsking, AskedAgain, Bench, EvalError, ModelAnswers, SecondTime,
};
use crate::events::Warning;
use crate::ollama::Client;

/// What is asked a second time, and by whom.
pub(super) struct SecondAsking<'a> {
    pub client: &'a Client,
    pub answerer: &'a dyn Answerer,
    pub again: &'a [AskedAgain],
    /// As of both arms.
    pub samples: usize,
    pub cache: &'a mut AnswerCache,
    /// Answers of v1 and v2.
    pub answered: usize,
}

/// v1's second answers. Both arms have answered by now: where v1 can't be unloaded or loaded again, the noise floor is not known,
/// which is said, and there are no answers.
pub(super) fn ask(
    context: &mut Context<'_>,
    comparison: &Comparison<'_>,
    asking: SecondAsking<'_>,
) -> Result<ModelAnswers, Failure> {
    let SecondAsking { client, answerer, again, samples, cache, answered } = asking;
    let model = comparison.v1.as_str();
    let benches: Vec<Bench> = again.iter().map(|again| again.bench.clone()).collect();
    let interrupt = context.interrupt.clone();
    let arm = ArmAsking { arm: Arm::Again, model, benches: &benches, samples, interrupt: &interrupt, answered };
    let report = &mut context.report;
    let second = SecondTime { answerer, unload: &|model| Ok(client.unload(model)?) };
    let asked = eval::ask_model(&arm, &second, cache, &mut |event| show(report, event));
    match asked {
        Err(EvalError::Stopped { source, .. }) if !interrupt.raised() => {
            context.report.warn(Warning::NoiseFloorUnknown { model: model.to_owned(), reason: source.to_string() });
            Ok(ModelAnswers { answers: vec![Vec::new(); benches.len()], digest: String::new(), answered })
        }
        other => Ok(other?),
    }
}
