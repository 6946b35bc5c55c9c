//! Result files as a table for a terminal, in English or French.

use std::fmt;

use super::results::{AnswerArm, ResultFile};

/// The language of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TableLanguage {
    #[default]
    English,
    French,
}

/// One row for each result file.
#[derive(Clone, Debug)]
pub struct ResultTable<'a> {
    pub results: &'a [ResultFile],
    pub language: TableLanguage,
}

const COLUMNS: usize = 9;

impl TableLanguage {
    fn header(self) -> [&'static str; COLUMNS] {
        match self {
            Self::English => ["arm", "n", "finished", "pass", "exact", "coverage", "refusal", "seconds", "tokens"],
            Self::French => ["variante", "n", "terminé", "juste", "exact", "couverture", "refus", "secondes", "jetons"],
        }
    }

    fn arm(self, arm: AnswerArm) -> &'static str {
        match (self, arm) {
            (Self::English, arm) => arm.as_str(),
            (Self::French, AnswerArm::Base) => "modèle seul",
            (Self::French, AnswerArm::Rag) => "RAG",
            (Self::French, AnswerArm::Finetuned) => "affiné",
            (Self::French, AnswerArm::Hybrid) => "hybride",
            (Self::French, AnswerArm::Oracle) => "oracle",
        }
    }

    fn number(self, value: f64, decimals: usize) -> String {
        let text = format!("{value:.decimals$}");
        if self == Self::French { text.replace('.', ",") } else { text }
    }

    fn percent(self, value: Option<f64>) -> String {
        value.map_or_else(|| NONE.to_owned(), |value| self.number(value, 1) + " %")
    }
}

/// What was not measured.
const NONE: &str = "–";

impl ResultTable<'_> {
    fn row(&self, file: &ResultFile) -> [String; COLUMNS] {
        let language = self.language;
        let extended = file.extended.as_ref();
        [
            file.header.as_ref().map_or(NONE, |header| language.arm(header.arm)).to_owned(),
            extended.map_or_else(|| NONE.to_owned(), |e| e.n.to_string()),
            language.percent(Some(file.metrics.success_rate)),
            language.percent(extended.and_then(|e| e.pass_rate)),
            language.percent(file.metrics.exact_match_rate),
            language.percent(extended.and_then(|e| e.fact_coverage)),
            language.percent(extended.and_then(|e| e.refusal_unanswerable)),
            language.number(file.metrics.avg_time_seconds, 2),
            language.number(file.metrics.avg_tokens, 0),
        ]
    }
}

/// The first column is aligned to the left, the others to the right.
impl fmt::Display for ResultTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = self.language.header().map(str::to_owned);
        let rows: Vec<_> = std::iter::once(header).chain(self.results.iter().map(|file| self.row(file))).collect();
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..COLUMNS).map(width).collect();
        for (number, row) in rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).enumerate();
            let line: String = cells
                .map(|(i, (cell, width))| if i == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") })
                .collect();
            let end = if number + 1 < rows.len() { "\n" } else { "" };
            write!(f, "{}{end}", line.trim_end())?;
        }
        Ok(())
    }
}
