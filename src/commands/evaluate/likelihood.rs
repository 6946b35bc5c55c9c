//! Both models read the same texts, here, over the files that the daemon serves: how likely each finds them. Shown, not judged.

use std::path::Path;

use super::choices::{self, Readers};
use crate::base::{Base, Source};
use crate::chat::ChatTemplate;
use crate::commands::context::store_of;
use crate::commands::{Context, Failure, Kind, adapter, prove};
use crate::eval::{Bench, ChoiceSuite, GENERAL};
use crate::events::{Detail, Outcome, Stage, Unit};
use crate::gguf::Gguf;
use crate::likelihood::{
    self, Exchange, Likelihood, LikelihoodError, Measured, Subject, Vocabulary, answers, check_same, general,
};
use crate::lora::{Adapter, Stored};
use crate::model::Model;
use crate::ollama::{Client, OllamaError};
use crate::store::{Digest, write_whole};
use crate::tokenizer::Tokenizer;
use crate::weights::Weights;

/// The file of an evaluation.
pub(super) const FILE: &str = "likelihood.json";

/// The weights that a model of the daemon is served from.
#[derive(Debug)]
pub struct LikelihoodArm {
    name: String,
    weights: Weights,
    tokenizer: Tokenizer,
    adapter: Option<Adapter<Stored>>,
    digest: String,
}

impl LikelihoodArm {
    /// `adapter`: on the weights.
    pub fn of_base(name: &str, base: &Base, adapter: Option<Adapter<Stored>>) -> Self {
        let digest = match adapter {
            Some(_) => format!("{} with an adapter", base.weights_digest()),
            None => base.weights_digest().to_string(),
        };
        let (weights, tokenizer) = (base.weights.clone(), base.tokenizer.clone());
        Self { name: name.to_owned(), weights, tokenizer, adapter, digest }
    }

    /// A file, as the daemon serves it.
    pub fn of_file(name: &str, path: &Path) -> Result<Self, Failure> {
        let gguf = Gguf::open(path)?;
        let (tokenizer, digest) = (Tokenizer::from_gguf(&gguf)?, Digest::of_file(path)?.to_string());
        Ok(Self { name: name.to_owned(), weights: Weights::from_gguf(gguf)?, tokenizer, adapter: None, digest })
    }

    /// A model of the daemon, from the files that it shows.
    pub fn served(context: &mut Context<'_>, client: &Client, name: &str) -> Result<Self, Failure> {
        Ok(served(context, client, name)?.arm())
    }

    fn subject<'a>(&'a self, model: &'a Model) -> Subject<'a> {
        Subject { name: &self.name, model, adapter: self.adapter.as_ref() }
    }

    fn context(&self) -> usize {
        self.weights.config().context
    }
}

/// What is compared, checked before anything is asked.
#[derive(Debug)]
pub struct LikelihoodArms<'a> {
    v1: LikelihoodArm,
    v2: LikelihoodArm,
    /// Writes the prompts and answers of suites.
    template: &'a ChatTemplate,
    /// What v2 is served with.
    system: Option<String>,
    /// 0: all cores.
    threads: usize,
}

/// v2 with what it is asked in.
#[derive(Debug)]
pub struct Candidate<'a> {
    pub arm: LikelihoodArm,
    pub template: &'a ChatTemplate,
    pub system: Option<String>,
}

impl<'a> LikelihoodArms<'a> {
    /// Refuses models whose vocabularies differ.
    pub fn new(v1: LikelihoodArm, v2: Candidate<'a>, threads: usize) -> Result<Self, Failure> {
        let Candidate { arm: v2, template, system } = v2;
        fn vocabulary(arm: &LikelihoodArm) -> Vocabulary<'_> {
            Vocabulary { name: &arm.name, tokenizer: &arm.tokenizer, rows: arm.weights.config().vocab }
        }
        let arms = Self { v1, v2, template, system, threads };
        check_same(vocabulary(&arms.v1), vocabulary(&arms.v2), arms.context()).map_err(|e| match e {
            LikelihoodError::Vocabulary { .. } => Failure::from(e)
                .hint("leave out --likelihood, or compare with the base that the model was made from (--against)"),
            e => e.into(),
        })?;
        Ok(arms)
    }

    /// Tokens that both can read.
    fn context(&self) -> usize {
        self.v1.context().min(self.v2.context())
    }
}

/// The models of `eval`, from the files that the daemon shows.
#[derive(Debug)]
pub(super) struct ServedModels {
    v1: Served,
    v2: Served,
}

#[derive(Debug)]
struct Served {
    name: String,
    base: Base,
    adapter: Option<Adapter<Stored>>,
    system: Option<String>,
}

impl ServedModels {
    pub(super) fn open(context: &mut Context<'_>, client: &Client, v1: &str, v2: &str) -> Result<Self, Failure> {
        Ok(Self { v1: served(context, client, v1)?, v2: served(context, client, v2)? })
    }

    pub(super) fn arms(&self) -> Result<LikelihoodArms<'_>, Failure> {
        let (template, system) = (&self.v2.base.template, self.v2.system.clone());
        LikelihoodArms::new(self.v1.arm(), Candidate { arm: self.v2.arm(), template, system }, 0)
    }
}

impl Served {
    fn arm(&self) -> LikelihoodArm {
        LikelihoodArm::of_base(&self.name, &self.base, self.adapter.clone())
    }
}

fn served(context: &mut Context<'_>, client: &Client, name: &str) -> Result<Served, Failure> {
    let show = client.show(name)?.ok_or_else(|| OllamaError::NoModel(name.to_owned()))?;
    let base = open_served(context, name, Path::new(&show.from))?;
    let adapter = match show.adapters.first() {
        None => None,
        Some(_) => {
            let run = prove::run_of(context, name).map_err(|e| {
                let what = format!("{name} is served with an adapter, which is read from the run that made it: {e}");
                Failure::new(e.kind, what).hint("leave out --likelihood, or deliver the model merged")
            })?;
            Some(adapter::load(context, &run.join("final"), &base)?.to_stored(&base.weights))
        }
    };
    let system = Some(show.system).filter(|text| !text.is_empty());
    Ok(Served { name: name.to_owned(), base, adapter, system })
}

/// The model `name` of the daemon, opened from its blob.
fn open_served(context: &Context<'_>, name: &str, blob: &Path) -> Result<Base, Failure> {
    if !blob.is_file() {
        let what =
            format!("{name}: its file {} can't be read from here, where its likelihood is computed", blob.display());
        return Err(Failure::input(what).hint("run where the daemon runs, or leave out --likelihood"));
    }
    let mut resolver = context.resolver();
    resolver.store_roots.splice(0..0, store_of(blob));
    let is_blob =
        |base: &Base| matches!(&base.source, Source::Ollama { gguf, .. } if gguf.file_name() == blob.file_name());
    match resolver.open(name) {
        Ok(base) if is_blob(&base) => Ok(base),
        _ => Ok(resolver.open(&blob.display().to_string())?),
    }
}

/// Writes [`FILE`] of the evaluation at this time.
pub(super) fn write(mut found: Likelihood, timestamp: &str, folder: &Path) -> Result<Likelihood, Failure> {
    found.timestamp = timestamp.to_owned();
    let json = serde_json::to_vec_pretty(&found).map_err(|e| Failure::new(Kind::Error, e))?;
    write_whole(folder.join(FILE), &json)?;
    Ok(found)
}

/// What is computed here of both models.
pub(super) struct ComputedHere {
    pub likelihood: Likelihood,
    /// Of the suites whose prompts have choices.
    pub choices: Vec<ChoiceSuite>,
}

/// The general text, what the role's own suites expect, and the choices of suites; `seed` is the bootstrap's.
pub(super) fn measure(
    context: &mut Context<'_>,
    arms: &LikelihoodArms<'_>,
    benches: &[Bench],
    seed: u64,
) -> Result<ComputedHere, Failure> {
    let (tokenizer, length) = (&arms.v1.tokenizer, arms.context());
    let own = answers(&exchanges(benches, arms.system.as_deref()), arms.template, tokenizer, length);
    let mut texts = vec![general(tokenizer, length)?];
    texts.extend(Some(own).filter(|own| !own.is_empty()));
    let total: u64 = texts.iter().map(likelihood::Passages::tokens).sum();
    context.report.begin(Stage::Likelihood, Unit::Tokens, Some(total));
    let interrupt = context.interrupt.clone();
    let open = |arm: &LikelihoodArm| {
        let interrupt = interrupt.clone();
        Ok::<_, Failure>(Model::new(&arm.weights, arms.threads)?.with_cancellation(move || interrupt.raised()))
    };
    let models = [open(&arms.v1)?, open(&arms.v2)?];
    let mut compared = Vec::new();
    let mut before = 0;
    for text in &texts {
        let report = &mut context.report;
        let (v1, v2) = (arms.v1.subject(&models[0]), arms.v2.subject(&models[1]));
        let item = || Some(Detail::Item(format!("{} and {}", arms.v1.name, arms.v2.name)));
        compared.push(likelihood::compare(v1, v2, text, &mut |read| report.advance(before + read, item()))?);
        before += text.tokens();
    }
    let measured = |arm: &LikelihoodArm| Measured { model: arm.name.clone(), digest: arm.digest.clone() };
    let found = Likelihood {
        version: Likelihood::VERSION,
        v1: measured(&arms.v1),
        v2: measured(&arms.v2),
        timestamp: String::new(),
        device: format!("{}, {} threads", models[0].route(), models[0].threads()),
        texts: compared,
    };
    let of_general = &found.texts[0];
    context.report.end(Outcome::LikelihoodCompared {
        tokens: found.texts.iter().map(|t| t.tokens as u64).sum(),
        bits_per_byte_v1: of_general.bits_per_byte_v1,
        bits_per_byte_v2: of_general.bits_per_byte_v2,
        mean_kl: of_general.mean_kl,
        same_top: of_general.same_top,
    });
    let readers = Readers {
        v1: arms.v1.subject(&models[0]),
        v2: arms.v2.subject(&models[1]),
        template: arms.template,
        tokenizer,
        system: arms.system.as_deref(),
        context: length,
        seed,
    };
    Ok(ComputedHere { likelihood: found, choices: choices::measure(context, &readers, benches)? })
}

/// Prompts as the suites ask them, with the first text that each expects, or its reference. What everybody should know is the
/// general text's to say.
fn exchanges(benches: &[Bench], system: Option<&str>) -> Vec<Exchange> {
    let own = benches.iter().filter(|bench| bench.suite.name != GENERAL);
    let of = |bench: &Bench| -> Vec<Exchange> {
        let cases = bench.suite.cases.iter();
        let answered = cases.filter_map(|case| {
            let answer = case.expected().first().or(case.reference.as_ref()).filter(|text| !text.trim().is_empty())?;
            Some(Exchange { messages: bench.messages(case, system), answer: answer.clone() })
        });
        answered.collect()
    };
    own.flat_map(of).collect()
}
