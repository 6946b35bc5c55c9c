//! Every module's error, mapped to one exit code and, where the error does not say it itself, a remedy.

mod exhausted;
mod missing;

use crate::base::BaseError;
use crate::bert::BertError;
use crate::corpus::CorpusError;
use crate::events::{Event, INTERRUPTED};
use crate::export::ExportError;
use crate::generate::llm::{LlmError, WriterError};
use crate::generate::{GenerateError, JournalError};
use crate::input::nearest;
use crate::lora::LoraError;
use crate::ollama::OllamaError;
use crate::rag::RagError;
use crate::store::{FileAction, OverwriteError, StoreError};
use crate::tokenizer::TokenizerError;
use crate::train::TrainError;
use exhausted::Exhausted;

/// Why the program ends; each has its exit code (docs/guide/7-troubleshooting.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Error,
    Usage,
    Input,
    Daemon,
    Resources,
    Proof,
    GateFail,
    GateInconclusive,
    Interrupted,
}

impl Kind {
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Error => 1,
            Self::Usage => 2,
            Self::Input => 3,
            Self::Daemon => 4,
            Self::Resources => 5,
            Self::Proof => 6,
            Self::GateFail => 100,
            Self::GateInconclusive => 101,
            Self::Interrupted => INTERRUPTED,
        }
    }
}

/// An error on its way to the user.
#[derive(Debug)]
pub struct Failure {
    pub kind: Kind,
    pub error: anyhow::Error,
    pub hint: Option<String>,
}

impl Failure {
    pub fn new(kind: Kind, message: impl std::fmt::Display) -> Self {
        Self { kind, error: anyhow::anyhow!("{message}"), hint: None }
    }

    pub fn input(message: impl std::fmt::Display) -> Self {
        Self::new(Kind::Input, message)
    }

    pub fn interrupted() -> Self {
        Self::new(Kind::Interrupted, "interrupted")
    }

    /// As the last event of a command.
    pub fn event(&self) -> Event {
        Event::Failed { code: self.kind.exit_code(), message: self.message(), hint: self.hint.clone() }
    }

    /// The error with its causes, without the hint.
    pub fn message(&self) -> String {
        chain(&self.error)
    }

    /// Of a command that has `--embedded`: says so where no daemon can be used.
    #[must_use]
    pub fn or_embedded(self) -> Self {
        match ollama_behind(self.error.as_ref()).and_then(OllamaError::remedy) {
            Some(remedy) if self.hint.as_deref() == Some(remedy) => {
                self.hint(format!("{remedy}; or run without a daemon: --embedded"))
            }
            _ => self,
        }
    }

    /// With what it is about in front.
    #[must_use]
    pub fn about(mut self, what: &'static str) -> Self {
        self.error = self.error.context(what);
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&chain(&self.error))?;
        match &self.hint {
            Some(hint) => write!(f, "\n  {hint}"),
            None => Ok(()),
        }
    }
}

/// The error with its causes, but for those that it says itself.
fn chain(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |mut said, cause| {
        if !said.contains(&cause) {
            said += if said.is_empty() { "" } else { ": " };
            said += &cause;
        }
        said
    })
}

/// A file that is to be read and is not there was named by the user: a dataset, a suite, models.yaml.
fn of_store(e: &StoreError) -> Kind {
    let read = matches!(e.action, FileAction::Reading(_) | FileAction::Finding);
    use std::io::ErrorKind::{FileTooLarge, Interrupted, InvalidData, InvalidInput, IsADirectory, NotFound};
    match e.source.kind() {
        Interrupted => Kind::Interrupted,
        NotFound | IsADirectory | InvalidData | FileTooLarge if read => Kind::Input,
        // A link, a pipe, a folder in the place of a file; a link out of the project.
        InvalidInput if read || matches!(e.action, FileAction::Opening(_) | FileAction::WritingBelow) => Kind::Input,
        _ => Kind::Error,
    }
}

fn of_ollama(e: &OllamaError) -> Kind {
    match e {
        e if e.is_no_space() => Kind::Resources,
        OllamaError::Interrupted => Kind::Interrupted,
        OllamaError::NoModel(_) | OllamaError::BadName { .. } | OllamaError::Unusable { .. } => Kind::Input,
        OllamaError::Store(s) => of_store(s),
        _ => Kind::Daemon,
    }
}

fn of_export(e: &ExportError) -> Kind {
    match e {
        ExportError::Disk { .. } => Kind::Resources,
        ExportError::Interrupted => Kind::Interrupted,
        // The base's value, or the adapter's: a damaged file.
        ExportError::NotFinite { .. } => Kind::Input,
        ExportError::Store(s) => of_store(s),
        ExportError::Overwrite(o) => of_overwrite(o),
        _ => Kind::Error,
    }
}

fn of_overwrite(e: &OverwriteError) -> Kind {
    match e {
        OverwriteError::Store(s) => of_store(s),
        OverwriteError::Input { .. } | OverwriteError::OllamaStore { .. } => Kind::Input,
    }
}

/// `impl From<$error> for Failure` with the kind a closure finds; a full disk or another limit of the machine is exit
/// code 5 wherever it is met.
macro_rules! failures {
    ($($error:ty => $kind:expr;)*) => {$(
        impl From<$error> for Failure {
            fn from(e: $error) -> Self {
                let of: fn(&$error) -> Kind = $kind;
                let exhausted = Exhausted::behind(&e).or_else(|| Exhausted::in_words(&e.to_string()));
                let kind = if exhausted.is_some() { Kind::Resources } else { of(&e) };
                let hint = exhausted.and_then(Exhausted::hint).or_else(|| remedy(&e).map(str::to_owned)).or_else(|| missing::hint(&e));
                Self { kind, error: anyhow::Error::new(e), hint }
            }
        }
    )*};
}

/// What to do about an error, said by it or by one behind it.
fn remedy<'e>(e: &'e (dyn std::error::Error + 'static)) -> Option<&'e str> {
    std::iter::successors(Some(e), |e| e.source()).find_map(|e| {
        let of_tokenizer = e.downcast_ref().and_then(TokenizerError::remedy);
        let of_training = || e.downcast_ref().and_then(TrainError::remedy);
        let of_base = || e.downcast_ref().and_then(BaseError::remedy);
        let of_daemon = || e.downcast_ref().and_then(OllamaError::remedy);
        of_tokenizer.or_else(of_training).or_else(of_base).or_else(of_daemon)
    })
}

/// The daemon's error behind another one.
fn ollama_behind<'e>(e: &'e (dyn std::error::Error + 'static)) -> Option<&'e OllamaError> {
    std::iter::successors(Some(e), |e| e.source()).find_map(|e| e.downcast_ref())
}

impl From<LoraError> for Failure {
    fn from(e: LoraError) -> Self {
        let hint = match &e {
            LoraError::NoTarget { said, known, .. } => {
                let known = known.iter().flat_map(|path| [path.as_str(), path.rsplit('.').next().unwrap_or(path)]);
                nearest(said, &known.collect::<Vec<_>>()).map(|near| format!("did you mean {near:?}?"))
            }
            _ => None,
        };
        let exhausted = Exhausted::behind(&e);
        let kind = if exhausted.is_some() { Kind::Resources } else { Kind::Input };
        Self { kind, error: anyhow::Error::new(e), hint: exhausted.and_then(Exhausted::hint).or(hint) }
    }
}

/// The error says its remedy in a line of its own, which is the hint here.
impl From<CorpusError> for Failure {
    fn from(e: CorpusError) -> Self {
        let kind = of_corpus(&e);
        if let Some(exhausted) = Exhausted::behind(&e) {
            return Self { kind: Kind::Resources, error: anyhow::Error::new(e), hint: exhausted.hint() };
        }
        let said = e.to_string();
        match said.split_once("\nhint: ") {
            Some((what, remedy)) => Self::new(kind, what).hint(remedy),
            None => Self { kind, error: anyhow::Error::new(e), hint: None },
        }
    }
}

fn of_corpus(e: &CorpusError) -> Kind {
    match e {
        CorpusError::Store(s) => of_store(s),
        CorpusError::Interrupted => Kind::Interrupted,
        _ => Kind::Input,
    }
}

fn of_generate(e: &GenerateError) -> Kind {
    match e {
        GenerateError::Store(s) => of_store(s),
        GenerateError::Overwrite(o) => of_overwrite(o),
        GenerateError::Interrupted => Kind::Interrupted,
        _ => Kind::Input,
    }
}

fn of_llm(e: &LlmError) -> Kind {
    match e {
        LlmError::Interrupted { .. } => Kind::Interrupted,
        LlmError::Journal(j) => of_journal(j),
        LlmError::Writer(WriterError::Stopped(source)) => {
            source.downcast_ref::<OllamaError>().map_or(Kind::Daemon, of_ollama)
        }
        LlmError::Writer(WriterError::Failed { .. }) => Kind::Daemon,
        _ => Kind::Input,
    }
}

fn of_journal(e: &JournalError) -> Kind {
    if let JournalError::Store(s) = e { of_store(s) } else { Kind::Input }
}

fn of_rag(e: &RagError) -> Kind {
    match e {
        RagError::Store(s) => of_store(s),
        RagError::Documents(documents) => of_corpus(documents),
        RagError::Interrupted { .. } => Kind::Interrupted,
        RagError::Embedder { source, .. } => source.downcast_ref::<OllamaError>().map_or(Kind::Daemon, of_ollama),
        _ => Kind::Input,
    }
}

failures! {
    GenerateError => of_generate;
    crate::generate::TemplateError => |_| Kind::Input;
    LlmError => of_llm;
    JournalError => of_journal;
    RagError => of_rag;
    StoreError => of_store;
    OverwriteError => of_overwrite;
    OllamaError => of_ollama;
    BertError => |e| match e {
        BertError::Store(s) => of_store(s),
        BertError::Folder { .. } | BertError::Text(_) => Kind::Input,
    };
    ExportError => of_export;
    crate::chat::ChatError => |_| Kind::Input;
    crate::gguf::GgufError => |_| Kind::Input;
    crate::modelfile::ModelfileError => |_| Kind::Input;
    TokenizerError => |_| Kind::Input;
    crate::weights::WeightsError => |e| match e {
        crate::weights::WeightsError::Changed { .. } => Kind::Resources,
        _ => Kind::Input,
    };
    crate::ops::OpsError => |_| Kind::Input;
    crate::serve::ServeError => |e| match e {
        crate::serve::ServeError::NotOurs(_) => Kind::Input,
        crate::serve::ServeError::Store(s) => of_store(s),
        _ => Kind::Error,
    };
    crate::batch::BatchError => |_| Kind::Input;
    crate::config::ConfigError => |_| Kind::Input;
    crate::roles::RolesError => |_| Kind::Input;
    crate::dataset::DatasetError => |_| Kind::Input;
    BaseError => |e| match e {
        BaseError::Ollama(o) => of_ollama(o),
        _ => Kind::Input,
    };
    crate::likelihood::LikelihoodError => |e| match e {
        crate::likelihood::LikelihoodError::Model(e) if e.is_memory() => Kind::Resources,
        crate::likelihood::LikelihoodError::Model(crate::model::ModelError::Stopped) => Kind::Interrupted,
        _ => Kind::Input,
    };
    crate::model::ModelError => |e| match e {
        e if e.is_memory() => Kind::Resources,
        e if e.is_of_device() => Kind::Error,
        crate::model::ModelError::Stopped => Kind::Interrupted,
        _ => Kind::Input,
    };
    TrainError => |e| match e {
        TrainError::Interrupted { .. }
        | TrainError::Model(crate::model::ModelError::Stopped) => Kind::Interrupted,
        TrainError::Store(s)
        | TrainError::Lora(crate::lora::LoraError::Store(s)) => of_store(s),
        TrainError::Model(e)
        | TrainError::CutShort { source: e, .. }
        | TrainError::Lost { source: e, .. } if e.is_memory() => Kind::Resources,
        TrainError::Resume { .. } | TrainError::Lora(_) => Kind::Input,
        _ => Kind::Error,
    };
    crate::eval::EvalError => |e| match e {
        crate::eval::EvalError::Interrupted { .. } => Kind::Interrupted,
        crate::eval::EvalError::Store(s) => of_store(s),
        crate::eval::EvalError::Stopped { source, .. } => source.downcast_ref::<OllamaError>().map_or(Kind::Error, of_ollama),
        crate::eval::EvalError::ModelChanged { .. } | crate::eval::EvalError::Template(_) => Kind::Error,
        _ => Kind::Input,
    };
    crate::promote::PromoteError => |e| match e {
        crate::promote::PromoteError::Store(s) => of_store(s),
        crate::promote::PromoteError::NotPassed { decision, .. } => match decision {
            crate::eval::Decision::Inconclusive => Kind::GateInconclusive,
            _ => Kind::GateFail,
        },
        crate::promote::PromoteError::Tags(source) => source.downcast_ref::<OllamaError>().map_or(Kind::Daemon, of_ollama),
        _ => Kind::Input,
    };
    crate::proof::ProofError => |e| match e {
        crate::proof::ProofError::Ollama(o) => of_ollama(o),
        crate::proof::ProofError::Export(x) => of_export(x),
        crate::proof::ProofError::Interrupted => Kind::Interrupted,
        crate::proof::ProofError::Model(e) if e.is_memory() => Kind::Resources,
        _ => Kind::Error,
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::EvalError;
    use crate::model::ModelError;
    use crate::ops::OpsError;
    use crate::train::TrainError;

    #[test]
    fn a_mistyped_target_is_answered_with_the_nearest() {
        let known = vec!["model.layers.0.self_attn.q_proj".to_owned(), "model.layers.0.mlp.up_proj".to_owned()];
        let e = LoraError::NoTarget { key: "target_modules", said: "q_porj".to_owned(), known };
        let said = Failure::from(e).to_string();
        assert!(
            said.contains("\"q_porj\" matches no linear layer") && said.ends_with("did you mean \"q_proj\"?"),
            "{said}"
        );
    }

    #[test]
    fn every_fault_has_its_exit_code() {
        let store = |action, kind: std::io::ErrorKind| StoreError::new(action, "f", kind.into());
        let full = || store(FileAction::WRITING, std::io::ErrorKind::StorageFull);
        let gone = || store(FileAction::Reading("the suite"), std::io::ErrorKind::NotFound);
        let daemon_full = || OllamaError::DaemonDiskFull { request: "create".into(), message: "no space".into() };
        let bad_name = || OllamaError::BadName { name: "a b".into(), reason: "holds ' '".into() };
        let stopped = |e: OllamaError| EvalError::Stopped { model: "m".into(), source: Box::new(e) };
        let not_finite = || ExportError::NotFinite {
            tensor: "t".into(),
            what: "the base",
            value: f32::NAN,
            row: 0,
            column: 0,
            remedy: "get it again",
        };
        let memory = || ModelError::Ops(OpsError::DeviceMemory);
        let refused = || ModelError::Ops(OpsError::Memory { bytes: 1 << 30 });
        let device = || ModelError::Ops(OpsError::Device("it is gone".into()));
        let cut_short = |source| TrainError::CutShort { source, folder: "f".into() };
        let lost = |source| TrainError::Lost { source, save: Box::new(TrainError::Store(full())) };
        let cases: Vec<(Failure, Kind)> = vec![
            (full().into(), Kind::Resources),
            (LoraError::Store(full()).into(), Kind::Resources),
            (TrainError::Lora(LoraError::Store(full())).into(), Kind::Resources),
            (ExportError::Gguf(crate::gguf::GgufError::Store(full())).into(), Kind::Resources),
            (daemon_full().into(), Kind::Resources),
            (BaseError::Ollama(daemon_full()).into(), Kind::Resources),
            (stopped(daemon_full()).into(), Kind::Resources),
            (stopped(OllamaError::Store(full())).into(), Kind::Resources),
            (crate::promote::PromoteError::Tags(Box::new(daemon_full())).into(), Kind::Resources),
            (gone().into(), Kind::Input),
            (EvalError::Store(gone()).into(), Kind::Input),
            (
                crate::promote::PromoteError::Store(store(FileAction::Finding, std::io::ErrorKind::NotFound)).into(),
                Kind::Input,
            ),
            (store(FileAction::WRITING, std::io::ErrorKind::NotFound).into(), Kind::Error),
            (
                EvalError::Store(store(FileAction::Reading("the suite"), std::io::ErrorKind::InvalidData)).into(),
                Kind::Input,
            ),
            (
                EvalError::Store(store(FileAction::Reading("the suite"), std::io::ErrorKind::InvalidInput)).into(),
                Kind::Input,
            ),
            (store(FileAction::WRITING, std::io::ErrorKind::InvalidInput).into(), Kind::Error),
            (store(FileAction::READING, std::io::ErrorKind::PermissionDenied).into(), Kind::Error),
            (CorpusError::Interrupted.into(), Kind::Interrupted),
            (GenerateError::Interrupted.into(), Kind::Interrupted),
            (RagError::Documents(CorpusError::Interrupted).into(), Kind::Interrupted),
            (bad_name().into(), Kind::Input),
            (stopped(bad_name()).into(), Kind::Input),
            (OllamaError::Other("x".into()).into(), Kind::Daemon),
            (not_finite().into(), Kind::Input),
            (crate::proof::ProofError::Export(not_finite()).into(), Kind::Input),
            (ExportError::Other("x".into()).into(), Kind::Error),
            (cut_short(memory()).into(), Kind::Resources),
            (lost(memory()).into(), Kind::Resources),
            (cut_short(device()).into(), Kind::Error),
            (memory().into(), Kind::Resources),
            (refused().into(), Kind::Resources),
            (cut_short(refused()).into(), Kind::Resources),
            (device().into(), Kind::Error),
            (store(FileAction::OPENING, std::io::ErrorKind::OutOfMemory).into(), Kind::Resources),
            (
                EvalError::Store(StoreError::new(FileAction::OPENING, "f", std::io::Error::from_raw_os_error(24)))
                    .into(),
                Kind::Resources,
            ),
            (store(FileAction::Locking, std::io::ErrorKind::Interrupted).into(), Kind::Interrupted),
            (store(FileAction::OPENING, std::io::ErrorKind::InvalidInput).into(), Kind::Input),
            (crate::weights::WeightsError::Changed { path: "f".into() }.into(), Kind::Resources),
        ];
        for (failure, kind) in cases {
            assert_eq!(failure.kind, kind, "{failure}");
        }
    }

    #[test]
    fn the_hint_for_a_missing_daemon_comes_through_every_module() {
        let gone = || OllamaError::Unreachable { host: "h".into(), reason: "refused".into() };
        let failures: [Failure; 4] = [
            gone().into(),
            BaseError::Ollama(gone()).into(),
            EvalError::Stopped { model: "m".into(), source: Box::new(gone()) }.into(),
            crate::promote::PromoteError::Tags(Box::new(gone())).into(),
        ];
        for failure in failures {
            let said = format!("{failure}");
            assert_eq!((failure.kind, said.matches("Ollama daemon answers").count()), (Kind::Daemon, 1), "{said}");
            assert_eq!(failure.hint.as_deref(), gone().remedy(), "{said}");
            let hint = failure.or_embedded().hint.unwrap();
            assert!(hint.starts_with(gone().remedy().unwrap()) && hint.ends_with("--embedded"), "{hint}");
        }
        // A hint of its own stays.
        let own = Failure::from(gone()).hint("x").or_embedded();
        assert_eq!(own.hint.as_deref(), Some("x"));
    }

    #[test]
    fn a_limit_of_the_process_is_named() {
        for (code, words) in [(24, "ulimit -n"), (27, "ulimit -f"), (12, "ulimit -v")] {
            let raw = || std::io::Error::from_raw_os_error(code);
            let wrapped = std::io::Error::other(StoreError::new(FileAction::WRITING, "f", raw()));
            // As tempfile does it: only the kind and the words stay.
            let worded = std::io::Error::new(raw().kind(), format!("{} at path \"f\"", raw()));
            for source in [raw(), wrapped, worded] {
                let failure = Failure::from(StoreError::new(FileAction::WRITING, "f", source));
                assert!(failure.kind == Kind::Resources && failure.to_string().contains(words), "{code}: {failure}");
            }
        }
    }

    #[test]
    fn a_limit_that_is_only_words_by_now_is_known_too() {
        let raw = std::io::Error::from_raw_os_error(24);
        let failure = Failure::from(OllamaError::Other(format!("the runtime can't start: {raw}")));
        assert_eq!((failure.kind, failure.hint.is_some()), (Kind::Resources, true));
        assert_eq!(Failure::from(OllamaError::Other("(os error x)".into())).kind, Kind::Daemon);
    }

    #[test]
    fn a_cause_is_said_once() {
        let said = |error: anyhow::Error| Failure { kind: Kind::Error, error, hint: None }.to_string();
        let gone = || StoreError::new(FileAction::Reading("the suite"), "f", std::io::ErrorKind::NotFound.into());
        assert_eq!(said(gone().into()), gone().to_string());
        assert_eq!(said(anyhow::Error::new(gone()).context("no suite")), format!("no suite: {}", gone()));
    }
}
