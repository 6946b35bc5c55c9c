//! Who is asked: a base and its adapter, computed by this program; a base alone; or two models of the daemon.

use std::path::{Path, PathBuf};

use super::found::latest_adapter;
use super::request::BenchmarkRequest;
use crate::commands::daemon::{AskOptions, DaemonAnswerer};
use crate::commands::native::{NativeAnswerer, NativeModel, adapter_folder};
use crate::commands::query::CONTEXT_TOKENS;
use crate::commands::questions::NATIVE_TOGETHER;
use crate::commands::{Context, Failure, Kind};
use crate::config::{Raw, RunConfig};
use crate::eval::Answerer;
use crate::events::Note;
use crate::model::Sampling;
use crate::ollama::{Client, OllamaError, Options};
use crate::roles::{Role, same_model};

/// Where trainings write to where nothing else is said.
const OUTPUT: &str = "output";
/// The config that `run` reads where none is named.
const CONFIG: &str = "configs/training_config.json";

/// One of the two models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Base,
    Finetuned,
}

/// Who answers for a model, and under which name.
pub(super) struct ArmAnswerer<'a> {
    pub who: Who,
    pub model: String,
    pub answerer: Box<dyn Answerer + 'a>,
}

pub(super) enum Arms {
    /// The base, and the folder of the adapter, if there is one.
    Native {
        model: Box<NativeModel>,
        adapter: Option<PathBuf>,
    },
    Daemon {
        client: Box<Client>,
        base: String,
        finetuned: String,
    },
}

impl Arms {
    pub(super) fn open(
        context: &mut Context<'_>,
        request: &BenchmarkRequest,
        role: Option<&Role>,
    ) -> Result<Self, Failure> {
        let of_role = role.map(|role| role.model_name.as_str()).filter(|name| !name.is_empty());
        let said = request.against.as_deref();
        match request.model.as_deref() {
            Some(model) if Path::new(model).is_dir() => Self::with_adapter(context, Path::new(model), said),
            Some(model) => Self::of_daemon(context, said.or(of_role), model),
            None => {
                if let Some(found) = latest_adapter(Path::new(OUTPUT)) {
                    context.report.note(Note::AdapterFound { path: found.path.clone(), of: found.of });
                    return Self::with_adapter(context, &found.path, said);
                }
                let configured = said.or(of_role).is_none().then(configured).transpose()?.flatten();
                let base = said.or(of_role).map(str::to_owned).or(configured).ok_or_else(no_model)?;
                context.report.note(Note::NoAdapterFound { folder: OUTPUT.into() });
                Ok(Self::Native { model: Box::new(NativeModel::alone(context, &base, 0)?), adapter: None })
            }
        }
    }

    fn with_adapter(context: &mut Context<'_>, path: &Path, base: Option<&str>) -> Result<Self, Failure> {
        let adapter = adapter_folder(path)?;
        let model = NativeModel::with_adapter(context, &adapter, base, 0)?;
        Ok(Self::Native { model: Box::new(model), adapter: Some(adapter) })
    }

    fn of_daemon(context: &Context<'_>, base: Option<&str>, finetuned: &str) -> Result<Self, Failure> {
        if Path::new(finetuned).is_file() {
            let what = format!("--model {finetuned}: a file is neither an adapter's folder nor a model of the daemon");
            return Err(Failure::input(what)
                .hint("give the folder of the adapter, or name the file by --against to ask it alone"));
        }
        let base = base.ok_or_else(|| {
            let what = format!("--model {finetuned} is no folder, so a model of the daemon: name its base too");
            Failure::new(Kind::Usage, what).hint("--against MODEL, or --role, whose model is then the base")
        })?;
        if same_model(base, finetuned) {
            let why = format!("{base} is both models: there is nothing to compare it with");
            return Err(Failure::new(Kind::Usage, why).hint("name another model by --against MODEL"));
        }
        let client = context.client()?;
        client.capabilities()?;
        for model in [base, finetuned] {
            client.tag(model)?.ok_or_else(|| OllamaError::NoModel(model.to_owned()))?;
        }
        Ok(Self::Daemon { client: Box::new(client), base: base.to_owned(), finetuned: finetuned.to_owned() })
    }

    pub(super) fn base_name(&self) -> String {
        match self {
            Self::Native { model, .. } => model.base_name(),
            Self::Daemon { base, .. } => base.clone(),
        }
    }

    pub(super) fn adapter(&self) -> Option<&Path> {
        match self {
            Self::Native { adapter, .. } => adapter.as_deref(),
            Self::Daemon { .. } => None,
        }
    }

    /// What the fine-tuned model is called; None: the base is asked alone.
    pub(super) fn finetuned(&self) -> Option<String> {
        match self {
            Self::Native { adapter, .. } => adapter.as_ref().map(|path| path.display().to_string()),
            Self::Daemon { finetuned, .. } => Some(finetuned.clone()),
        }
    }

    pub(super) fn native(&self) -> Option<&NativeModel> {
        match self {
            Self::Native { model, .. } => Some(model),
            Self::Daemon { .. } => None,
        }
    }

    /// Where the answers are computed.
    pub(super) fn device(&self) -> Result<String, Failure> {
        Ok(match self {
            Self::Native { model, .. } => model.device(),
            Self::Daemon { client, .. } => {
                format!("Ollama {} at {}", client.capabilities()?.version.text, client.host())
            }
        })
    }

    /// The base first.
    pub(super) fn answerers(
        &self,
        sampling: &Sampling,
        parallel: Option<usize>,
        num_thread: Option<u64>,
    ) -> Result<Vec<ArmAnswerer<'_>>, Failure> {
        match self {
            Self::Native { model, adapter } => {
                let answerer = || {
                    let together = parallel.unwrap_or(NATIVE_TOGETHER);
                    NativeAnswerer::new(model, sampling.max_tokens, together).sampled(sampling.clone())
                };
                let base = ArmAnswerer {
                    who: Who::Base,
                    model: model.base_name(),
                    answerer: Box::new(answerer().without_adapter()),
                };
                let finetuned = adapter.as_ref().map(|path| ArmAnswerer {
                    who: Who::Finetuned,
                    model: path.display().to_string(),
                    answerer: Box::new(answerer()),
                });
                Ok(std::iter::once(base).chain(finetuned).collect())
            }
            Self::Daemon { client, base, finetuned } => {
                let arms = [(Who::Base, base), (Who::Finetuned, finetuned)];
                let mut answerers = Vec::new();
                for (who, model) in arms {
                    let options = options(sampling, num_thread);
                    let asked = AskOptions {
                        template: None,
                        options,
                        seed: Some(sampling.seed as i64),
                        think: None,
                        format: None,
                    };
                    let answerer = Box::new(DaemonAnswerer::new(client, asked, parallel)?);
                    answerers.push(ArmAnswerer { who, model: model.clone(), answerer });
                }
                Ok(answerers)
            }
        }
    }
}

fn options(sampling: &Sampling, num_thread: Option<u64>) -> Options {
    Options {
        temperature: sampling.temperature,
        seed: sampling.seed as i64,
        // Every token, as natively: top-p alone chooses.
        top_k: 0,
        top_p: sampling.top_p.unwrap_or(1.0),
        num_thread,
        ..Options::greedy(sampling.max_tokens as i64, CONTEXT_TOKENS as u64)
    }
}

/// The base of the project's config, where there is one.
fn configured() -> Result<Option<String>, Failure> {
    let config = Path::new(CONFIG);
    if !config.is_file() {
        return Ok(None);
    }
    Ok(RunConfig::said(Some(config), Raw::default())?.0.model_to_fine_tune)
}

fn no_model() -> Failure {
    let what = format!("no adapter is named, and none is below {OUTPUT}/; no base is named either");
    Failure::new(Kind::Usage, what).hint("give --model DIR (an adapter), or --against BASE to ask a base alone")
}
