//! The report of a run: one HTML file, made of the files in the run's folder, so that it can be made again at any time. It loads
//! nothing, and all that strangers wrote in it is text.
//!
//! The way: [`RunFiles::read`] → [`page`]. One file for each section; `svg`, `scale`, `table`, `escape` and `number` are what they
//! are made with.

mod actions;
mod answers;
mod categories;
mod choices;
mod control;
mod curves;
mod diff;
mod earlier;
mod escape;
mod files;
mod forest;
mod histograms;
mod likelihood;
mod log;
mod number;
mod options;
mod page;
#[cfg(test)]
mod page_tests;
mod provenance;
mod scale;
mod scorecard;
mod survival;
mod svg;
mod table;
mod training;
mod verdict;

pub use files::RunFiles;
pub use page::page;

/// The page's name in the folder of a run.
pub const NAME: &str = "report.html";
