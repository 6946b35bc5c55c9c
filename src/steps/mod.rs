//! One short file per stage, and `way`: the whole way on one page.

mod adapter;
pub mod bases;
pub mod clean;
mod context;
mod curves;
mod cuts;
pub mod data;
pub mod delivery;
pub mod demo;
pub mod doctor;
mod earlier;
pub mod export;
pub mod evaluate;
mod failure;
pub mod init;
mod pace;
pub mod plan;
pub mod promotion;
pub mod prove;
pub mod query;
mod replay;
pub mod serving;
mod setup;
mod report;
pub mod training;
pub mod way;

pub use crate::eval::Decision;
pub use crate::export::Exported;
pub use crate::promote::{Change, Swapped};
pub use crate::proof::{Leg, Proof};
pub use crate::store::{Digest, Interrupt};
pub use crate::train::Summary;
pub use context::Context;
pub use earlier::Start;
pub use failure::{Failure, Kind};
pub use report::{Report, Silent};
