//! SentencePiece's BPE: scores to merges and merges to scores.

use std::collections::HashMap;

use super::vocab::Kind;

/// The merges of a scored vocabulary, best first: every split of every normal piece into two known pieces, by falling
/// score (as SentencePieceExtractor of transformers does; equal scores keep the order of ids).
pub(super) fn merges<'a>(tokens: &'a [String], kinds: &[Kind], scores: &[f32]) -> Vec<(&'a str, &'a str)> {
    // Of equal texts the first wins, as in the vocabulary of tokenizer.json.
    let ids: HashMap<&str, usize> = tokens.iter().enumerate().rev().map(|(i, t)| (t.as_str(), i)).collect();
    let mut found: Vec<(f32, usize, usize)> = Vec::new();
    for (i, token) in tokens.iter().enumerate().filter(|(i, _)| kinds[*i] == Kind::Normal) {
        let first = found.len();
        for (at, _) in token.char_indices().skip(1) {
            if let (Some(&l), Some(&r)) = (ids.get(&token[..at]), ids.get(&token[at..]))
                && kinds[l] != Kind::Byte
                && kinds[r] != Kind::Byte
            {
                found.push((scores[i], l, r));
            }
        }
        found[first..].sort_by_key(|m| (m.1, m.2));
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.into_iter().map(|(_, l, r)| (tokens[l].as_str(), tokens[r].as_str())).collect()
}

/// Scores from which [`merges`] gives the same merges: minus the rank of the first merge that makes a piece. `None`
/// when the merges that make one piece do not stand together, for then no scores do.
pub(super) fn scores(tokens: &[String], merges: &[(String, String)]) -> Option<Vec<f32>> {
    let ids: HashMap<&str, usize> = tokens.iter().enumerate().rev().map(|(i, t)| (t.as_str(), i)).collect();
    // Pieces that nothing makes are never merged into: their score is never asked for.
    let mut scores = vec![-1e6f32; tokens.len()];
    let mut seen = vec![false; tokens.len()];
    let (mut last, mut rank) = (usize::MAX, 0u32);
    for (l, r) in merges {
        let id = *ids.get(format!("{l}{r}").as_str())?;
        if id == last {
            continue;
        }
        if seen[id] {
            return None;
        }
        (last, seen[id], rank) = (id, true, rank + 1);
        scores[id] = -(rank as f32);
    }
    Some(scores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_and_scores_are_inverse() {
        let tokens: Vec<String> = ["<unk>", "<0x61>", "a", "b", "c", "ab", "bc", "abc"].map(str::to_owned).to_vec();
        let mut kinds = vec![Kind::Normal; tokens.len()];
        (kinds[0], kinds[1]) = (Kind::Unknown, Kind::Byte);
        let given = [0., 0., -10., -11., -12., -2., -1., -3.];
        let m = merges(&tokens, &kinds, &given);
        assert_eq!(m, [("b", "c"), ("a", "b"), ("a", "bc"), ("ab", "c")]);
        let owned: Vec<_> = m.iter().map(|(l, r)| ((*l).to_owned(), (*r).to_owned())).collect();
        let s = scores(&tokens, &owned).unwrap();
        assert_eq!(merges(&tokens, &kinds, &s), m);
        let torn = [owned[2].clone(), owned[0].clone(), owned[3].clone()];
        assert_eq!(scores(&tokens, &torn), None);
    }
}
