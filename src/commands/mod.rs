//! One file per command, and `pipeline`: the whole run on one page.

mod adapter;
pub mod bases;
pub mod benchmark;
pub mod clean;
pub mod compare;
pub mod compare_bases;
pub mod compare_runs;
mod context;
mod cuts;
mod daemon;
pub mod data;
pub mod delivery;
pub mod demo;
pub mod doctor;
pub mod documents;
mod earlier;
pub mod export;
pub mod evaluate;
mod failure;
pub mod generating;
pub mod init;
mod judging;
mod native;
mod pace;
pub mod pages;
pub mod plan;
pub mod promotion;
pub mod prove;
pub mod query;
pub mod questions;
pub mod rag;
pub mod rendering;
mod replay;
pub mod reporting;
pub mod serving;
mod setup;
mod tensorboard;
#[cfg(test)]
mod report;
#[cfg(test)]
mod test_daemon;
pub mod training;
pub mod votes;
pub mod writing;
pub mod pipeline;

pub use crate::eval::Decision;
pub use crate::export::Exported;
pub use crate::promote::{Change, Swapped};
pub use crate::proof::{Leg, Proof};
pub use crate::store::{Digest, FileAction, Interrupt, MAX_TEXT, read_text, terminal_acts_on};
pub use crate::train::Summary;
pub use context::Context;
pub use earlier::Start;
pub use failure::{Failure, Kind};
pub use judging::JudgeReport;
