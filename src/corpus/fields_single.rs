//! Single `Key: value` lines, which are fields where another section has the same key.

use std::collections::{HashMap, HashSet};

use super::boilerplate::Owned;
use super::names::name_key;

/// The pieces with those of their doubtful fields whose key another piece has.
pub(super) fn decided(mut pieces: Vec<Owned<'_>>) -> Vec<Owned<'_>> {
    let doubtful: HashSet<String> =
        pieces.iter().flat_map(|owned| &owned.piece.doubtful).map(|field| name_key(&field.key)).collect();
    if doubtful.is_empty() {
        return pieces;
    }
    let mut holders: HashMap<String, usize> = HashMap::new();
    for owned in &pieces {
        let all = owned.piece.fields.iter().chain(&owned.piece.doubtful);
        let keys: HashSet<String> =
            all.map(|field| name_key(&field.key)).filter(|key| doubtful.contains(key)).collect();
        keys.into_iter().for_each(|key| *holders.entry(key).or_insert(0) += 1);
    }
    for owned in &mut pieces {
        let found = std::mem::take(&mut owned.piece.doubtful);
        let known = found.into_iter().filter(|field| holders.get(&name_key(&field.key)).is_some_and(|n| *n > 1));
        owned.piece.fields.extend(known);
    }
    pieces
}
