//! The faults of this module, and the nearest known word to a mistyped one.

use std::path::PathBuf;

use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Every fault of a file (or of the flags over it), at once.
    #[error("{place}: {}", listed(faults))]
    Faults { place: String, faults: Vec<String> },
    #[error(
        "{} lies outside the project {}, so it is not read\n  hint: copy it into the project, or write its text into models.yaml",
        path.display(),
        root.display()
    )]
    OutsideProject { path: PathBuf, root: PathBuf },
    #[error("{place}: not YAML (nor JSON): {reason}")]
    Syntax { place: String, reason: String },
    #[error("{}: the role {role:?} is not there; it has {known}", path.display())]
    NoRole { path: PathBuf, role: String, known: String },
    #[error(
        "the role {role:?}: model_name is {found:?}, not {expected:?}; somebody changed it meanwhile, so nothing was written"
    )]
    Changed { role: String, expected: String, found: String },
    #[error("the role {role:?}: its model_name can't be rewritten in place: {reason}")]
    CannotSplice { role: String, reason: String },
}

fn listed(faults: &[String]) -> String {
    match faults {
        [one] => one.clone(),
        many => {
            let lines: Vec<_> = many.iter().map(|f| format!("\n  - {f}")).collect();
            format!("{} faults{}", many.len(), lines.concat())
        }
    }
}

/// The known word nearest to `word`, if any is near (edit distance with transposition, at most a third of its length).
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let folded = word.to_lowercase().replace('-', "_");
    let limit = (folded.chars().count() / 3).max(1);
    known
        .iter()
        .map(|k| (distance(&folded, k), *k))
        .filter(|(d, k)| *d <= limit || (folded.len() >= 4 && (k.starts_with(&folded) || folded.starts_with(k))))
        .min()
        .map(|(_, k)| k)
}

/// Optimal string alignment distance.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<_>, Vec<_>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let swap_cost = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + swap_cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_found_and_a_far_one_is_not() {
        let known = ["epochs", "batch_size", "lora_rank", "learning_rate"];
        assert_eq!(nearest("epoch", &known), Some("epochs"));
        assert_eq!(nearest("lora-rnak", &known), Some("lora_rank"));
        assert_eq!(nearest("Batch_Size", &known), Some("batch_size"));
        assert_eq!(nearest("colour", &known), None);
        assert_eq!(distance("abcd", "acbd"), 1);
    }

    #[test]
    fn all_faults_are_listed() {
        let e = ConfigError::Faults { place: "x.yaml".into(), faults: vec!["a: b".into(), "c: d".into()] };
        assert_eq!(e.to_string(), "x.yaml: 2 faults\n  - a: b\n  - c: d");
    }
}
