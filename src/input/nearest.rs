//! The nearest known word to a mistyped one.

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
}
