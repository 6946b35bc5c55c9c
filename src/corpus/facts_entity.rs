//! Unique names of entities: a title that several things have is written with what stands above it.

use std::collections::{BTreeMap, BTreeSet};

use super::Kind;
use super::facts_place::Place;
use super::facts_statement::Statement;
use super::kind_fold::folded;

/// Places of one title that are compared with each other; beyond, equal headings alone make them one entity.
const MOST_COMPARED: usize = 32;
const SEPARATOR: &str = " › ";

/// The places of one title that have the same source and the same headings above.
struct Site<'a> {
    place: &'a Place,
    /// Folded headings above.
    above: Vec<String>,
    statements: Vec<usize>,
}

/// The name of each statement's entity.
pub(super) fn names(statements: &[Statement]) -> Vec<String> {
    let mut titles: BTreeMap<&str, BTreeMap<(&str, Vec<String>), Site<'_>>> = BTreeMap::new();
    for (at, statement) in statements.iter().enumerate() {
        let place = &statement.place;
        let above: Vec<String> = place.parents.iter().map(|p| folded(p)).collect();
        let sites = titles.entry(&place.title_key).or_default();
        let site =
            sites.entry((&place.source, above.clone())).or_insert_with(|| Site { place, above, statements: vec![] });
        site.statements.push(at);
    }
    let mut names = vec![String::new(); statements.len()];
    for sites in titles.into_values() {
        let sites: Vec<Site<'_>> = sites.into_values().collect();
        let mut name_of = BTreeMap::new();
        let titles = sites.iter().flat_map(|s| &s.statements).filter_map(|at| statements.get(*at));
        // One of several spellings, whatever the order of the units.
        let title = titles.map(|s| s.place.title.as_str()).min().unwrap_or_default();
        let groups = groups(&sites, statements);
        for (label, group) in labels(&sites, &groups).into_iter().zip(0..) {
            name_of.insert(group, label.map_or_else(|| title.to_owned(), |l| format!("{l}{SEPARATOR}{title}")));
        }
        for (site, group) in sites.iter().zip(&groups) {
            for at in &site.statements {
                if let (Some(name), Some(unique)) = (names.get_mut(*at), name_of.get(group)) {
                    name.clone_from(unique);
                }
            }
        }
    }
    names
}

/// Which entity each site is about: numbers from 0 in the order of first sites.
fn groups(sites: &[Site<'_>], statements: &[Statement]) -> Vec<usize> {
    let mut parent: Vec<usize> = (0..sites.len()).collect();
    if sites.len() > MOST_COMPARED {
        let mut first: BTreeMap<Option<&String>, usize> = BTreeMap::new();
        for (i, site) in sites.iter().enumerate() {
            parent[i] = *first.entry(site.above.last()).or_insert(i);
        }
    } else if sites.len() > 1 {
        let stated: Vec<Stated<'_>> = sites.iter().map(|s| Stated::of(s, statements)).collect();
        for i in 0..sites.len() {
            for j in 0..i {
                if are_same(&sites[i], &sites[j], &stated[i], &stated[j]) {
                    let (a, b) = (root(&parent, i), root(&parent, j));
                    parent[a.max(b)] = a.min(b);
                }
            }
        }
    }
    let roots: Vec<usize> = (0..sites.len()).map(|i| root(&parent, i)).collect();
    let order: BTreeSet<usize> = roots.iter().copied().collect();
    roots.iter().map(|r| order.range(..r).count()).collect()
}

fn root(parent: &[usize], mut at: usize) -> usize {
    while let Some(up) = parent.get(at).copied().filter(|up| *up != at) {
        at = up;
    }
    at
}

/// What a site says, for comparison.
struct Stated<'a> {
    values: BTreeSet<&'a str>,
    attributes: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Stated<'a> {
    fn of(site: &Site<'_>, statements: &'a [Statement]) -> Self {
        let (mut values, mut attributes) = (BTreeSet::new(), BTreeMap::new());
        for statement in site.statements.iter().filter_map(|at| statements.get(*at)) {
            if !matches!(statement.kind, Kind::Boolean | Kind::Identifier | Kind::Definition) {
                // A short value is shared by chance.
                values.extend(statement.normal.iter().map(String::as_str).filter(|v| v.chars().count() >= 4));
            }
            if !matches!(statement.kind, Kind::Identifier | Kind::Definition) {
                attributes.insert(statement.key.as_str(), statement.sorted_normal());
            }
        }
        Self { values, attributes }
    }
}

/// Whether two sites of one title are about one entity: headings that fit each other and no contradiction in all that both
/// state, or, in different sources, mostly the same values.
fn are_same(a: &Site<'_>, b: &Site<'_>, said_a: &Stated<'_>, said_b: &Stated<'_>) -> bool {
    let is_one_source = a.place.source == b.place.source;
    let fits = a.above.starts_with(&b.above) || b.above.starts_with(&a.above);
    let fits = fits || (!is_one_source && a.above.last() == b.above.last());
    if fits {
        let shared = said_a.attributes.iter().filter_map(|(key, value)| Some((value, said_b.attributes.get(key)?)));
        let (both, equal) = shared.fold((0, 0), |(both, equal), (x, y)| (both + 1, equal + usize::from(x == y)));
        return both < 2 || equal > 0;
    }
    let common = said_a.values.intersection(&said_b.values).count();
    !is_one_source && common >= 2 && common * 2 >= said_a.values.len().min(said_b.values.len())
}

/// What stands before the title in each group's name: as many headings as tell the groups apart, or the source where there
/// is no heading; None: the title is enough.
fn labels(sites: &[Site<'_>], groups: &[usize]) -> Vec<Option<String>> {
    let count = groups.iter().max().map_or(0, |last| last + 1);
    if count < 2 {
        return vec![None; count];
    }
    // With a heading, where one of the group's sites has one.
    let with_heading = |group: usize| {
        let mut of = sites.iter().zip(groups).filter(|(_, g)| **g == group).map(|(site, _)| site.place);
        of.clone().find(|p| !p.parents.is_empty()).or_else(|| of.next())
    };
    let places: Vec<&Place> = (0..count).filter_map(with_heading).collect();
    let deepest = places.iter().map(|p| p.parents.len()).max().unwrap_or(0).max(1);
    let label = |place: &Place, depth: usize| match place.nearest(depth) {
        [] => place.source.to_string(),
        above => above.join(SEPARATOR),
    };
    for depth in 1..=deepest {
        let labels: Vec<String> = places.iter().map(|p| label(p, depth)).collect();
        let distinct: BTreeSet<String> = labels.iter().map(|l| folded(l)).collect();
        if distinct.len() == count {
            return labels.into_iter().map(Some).collect();
        }
    }
    places.iter().map(|p| Some(format!("{}{SEPARATOR}{}", p.source, label(p, deepest)))).collect()
}
