//! Every room's error, mapped to one exit code and, where the error does not say it itself, a remedy.

use crate::base::BaseError;
use crate::ollama::OllamaError;
use crate::store::StoreError;

/// Why the program ends; each has its exit code (DESIGN §5).
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
            Self::Interrupted => 130,
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

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#}", self.error)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  {hint}"),
            None => Ok(()),
        }
    }
}

fn of_store(e: &StoreError) -> Kind {
    if e.is_no_space() { Kind::Resources } else { Kind::Error }
}

fn of_ollama(e: &OllamaError) -> Kind {
    match e {
        OllamaError::Interrupted => Kind::Interrupted,
        OllamaError::NoModel(_) => Kind::Input,
        OllamaError::Store(s) => of_store(s),
        _ => Kind::Daemon,
    }
}

/// `impl From<$error> for Failure` with the kind a closure finds.
macro_rules! failures {
    ($($error:ty => $kind:expr;)*) => {$(
        impl From<$error> for Failure {
            fn from(e: $error) -> Self {
                let kind: fn(&$error) -> Kind = $kind;
                Self { kind: kind(&e), error: anyhow::Error::new(e), hint: None }
            }
        }
    )*};
}

failures! {
    StoreError => of_store;
    OllamaError => of_ollama;
    crate::chat::ChatError => |_| Kind::Input;
    crate::gguf::GgufError => |_| Kind::Input;
    crate::modelfile::ModelfileError => |_| Kind::Input;
    crate::tokenizer::TokenizerError => |_| Kind::Input;
    crate::weights::WeightsError => |_| Kind::Input;
    crate::lora::LoraError => |_| Kind::Input;
    crate::ops::OpsError => |_| Kind::Input;
    crate::serve::ServeError => |_| Kind::Error;
    crate::batch::BatchError => |_| Kind::Input;
    crate::config::ConfigError => |e| match e {
        crate::config::ConfigError::Store(s) if s.is_no_space() => Kind::Resources,
        _ => Kind::Input,
    };
    crate::dataset::DatasetError => |e| match e {
        crate::dataset::DatasetError::Store(s) if s.is_no_space() => Kind::Resources,
        _ => Kind::Input,
    };
    BaseError => |e| match e {
        BaseError::Ollama(o) => of_ollama(o),
        BaseError::Store(s) if s.is_no_space() => Kind::Resources,
        _ => Kind::Input,
    };
    crate::model::ModelError => |e| match e {
        crate::model::ModelError::Memory { .. } => Kind::Resources,
        _ => Kind::Input,
    };
    crate::train::TrainError => |e| match e {
        crate::train::TrainError::Interrupted { .. } => Kind::Interrupted,
        crate::train::TrainError::Store(s) => of_store(s),
        crate::train::TrainError::Model(crate::model::ModelError::Memory { .. }) => Kind::Resources,
        crate::train::TrainError::Resume { .. } | crate::train::TrainError::Lora(_) => Kind::Input,
        _ => Kind::Error,
    };
    crate::export::ExportError => |e| match e {
        crate::export::ExportError::Disk { .. } => Kind::Resources,
        crate::export::ExportError::Interrupted => Kind::Interrupted,
        crate::export::ExportError::Store(s) => of_store(s),
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
        crate::proof::ProofError::Interrupted => Kind::Interrupted,
        crate::proof::ProofError::Model(crate::model::ModelError::Memory { .. }) => Kind::Resources,
        _ => Kind::Error,
    };
}
