//! The keys of fields, from the paths of objects within each other: `opened.by` is `opened by`.

use std::collections::BTreeMap;

use super::names::{Names, name_key};

/// Parts of a path, at most: JSON is read some levels deep, so that one with more is the name of a column with full stops in it.
const MAX_PARTS: usize = 32;

/// A path with the parts of it that its key is made of.
struct KeyPath<'a> {
    /// Outermost first.
    parts: Vec<&'a str>,
    /// How many of the last parts the key has.
    taken: usize,
}

impl<'a> KeyPath<'a> {
    /// Without objects that only group keys; `wrapper`: the object that every path lies in.
    fn new(path: &'a str, wrapper: Option<&str>) -> Self {
        let all: Vec<&str> = path.split('.').collect();
        // The full stop of a column's name (`Nb. agents`) divides nothing.
        if all.len() > MAX_PARTS || all.iter().any(|part| part.trim() != *part || part.is_empty()) {
            return Self { parts: vec![path], taken: 1 };
        }
        let Some((last, above)) = all.split_last() else { return Self { parts: vec![path], taken: 1 } };
        let groups = |part: &str| Names::Wrapper.has(&name_key(part)) || Names::Container.has(&name_key(part));
        let is_own = |depth: usize, part: &str| depth == 0 && Some(part) == wrapper;
        let telling = above.iter().enumerate().filter(|(depth, part)| !is_own(*depth, part) && !groups(part));
        let mut parts: Vec<&str> = telling.map(|(_, part)| *part).collect();
        // The record's own object is better than nothing above a preposition.
        let alone = parts.is_empty() && Names::Preposition.has(&name_key(last));
        let outermost = above.first().filter(|part| alone && !groups(part));
        parts.extend(outermost);
        parts.push(last);
        while parts.len() > 1 && parts.last().is_some_and(|part| Names::General.has(&name_key(part))) {
            parts.pop();
        }
        let mut path = Self { parts, taken: 1 };
        while path.first().is_some_and(is_weak) && path.grow() {}
        path
    }

    /// The outermost part that the key has.
    fn first(&self) -> Option<&'a str> {
        self.parts.get(self.parts.len().checked_sub(self.taken)?).copied()
    }

    /// Takes one part more; false: there is none.
    fn grow(&mut self) -> bool {
        let more = self.taken < self.parts.len();
        self.taken += usize::from(more);
        more
    }

    fn key(&self) -> String {
        self.parts.get(self.parts.len().saturating_sub(self.taken)..).unwrap_or_default().join(" ")
    }
}

fn is_weak(part: &str) -> bool {
    [Names::Preposition, Names::Weak, Names::General].iter().any(|names| names.has(&name_key(part)))
}

/// The keys of the paths that are `kept`: the last part, with those above it where it says nothing alone or two keys would be
/// one.
pub(super) fn keys_of(paths: &[String], kept: &[usize]) -> Vec<String> {
    let wrapper = wrapper(paths);
    let named = kept.iter().filter_map(|path| paths.get(*path));
    let mut keys: Vec<KeyPath<'_>> = named.map(|path| KeyPath::new(path, wrapper)).collect();
    loop {
        let mut same: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, key) in keys.iter().enumerate() {
            same.entry(name_key(&key.key())).or_default().push(at);
        }
        let mut grown = false;
        for at in same.into_values().filter(|same| same.len() > 1).flatten() {
            grown |= keys.get_mut(at).is_some_and(KeyPath::grow);
        }
        if !grown {
            return keys.iter().map(KeyPath::key).collect();
        }
    }
}

/// The object that all values of the records lie in.
fn wrapper(paths: &[String]) -> Option<&str> {
    let (first, _) = paths.first()?.split_once('.')?;
    let all = paths.len() > 1 && paths.iter().all(|path| path.split_once('.').is_some_and(|(outer, _)| outer == first));
    all.then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(paths: &[&str]) -> Vec<String> {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        keys_of(&paths, &(0..paths.len()).collect::<Vec<_>>())
    }

    #[test]
    fn a_name_of_many_parts_is_one_name() {
        let long = |first: &str| format!("{first}{}", ".part".repeat(5000));
        assert_eq!(keys(&[long("a").as_str(), long("b").as_str()]), [long("a"), long("b")]);
    }

    #[test]
    fn a_key_is_the_telling_part_of_its_path() {
        let found = keys(&[
            "title",
            "opened.by",
            "opened.on",
            "metadata.hebergeur",
            "info.owner.name",
            "contract.date.from",
            "contract.type",
            "properties.status",
            "billing.address",
            "delivery.address",
            "place.name",
            "Nb. agents",
            "Prix H.T.",
        ]);
        let expected = [
            "title",
            "opened by",
            "opened on",
            "hebergeur",
            "owner",
            "contract date from",
            "contract type",
            "status",
            "billing address",
            "delivery address",
            "place",
            "Nb. agents",
            "Prix H.T.",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_object_of_the_whole_record_adds_nothing_that_is_not_needed() {
        let found = keys(&["ticket.status", "ticket.opened.by", "ticket.owner", "ticket.owners.first.owner"]);
        assert_eq!(found, ["status", "opened by", "owner", "first owner"]);
        assert_eq!(keys(&["opened.by", "opened.on"]), ["opened by", "opened on"]);
        assert_eq!(keys(&["metadata.owner", "data.owner"]), ["owner", "owner"]);
        assert_eq!(keys(&["owner.name", "owner.label"]), ["name", "label"]);
    }
}
