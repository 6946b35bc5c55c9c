//! Unique names of entities: a title that several things have, or that is no name, is written with what stands above it, as
//! `Expenses (Handbook)`.

use std::collections::{BTreeMap, BTreeSet};

use super::facts_common::CommonTitles;
use super::facts_place::Place;
use super::facts_statement::Statement;
use super::kind_fold::folded;
use super::{Corpus, FieldForm, Kind};

/// Places of one title that are compared with each other; beyond, equal headings alone make them one entity.
const MOST_COMPARED: usize = 32;
/// Attributes that two places must state differently to be two entities; fewer may be errors, which are listed.
const FEWEST_CONTRADICTIONS: usize = 3;
/// In percent of the names in one table, or of the headings below one heading: where as many are no names, all are written alike.
const COMMON_ROWS: usize = 25;
const COMMON_HEADINGS: usize = 50;

/// `Expenses (Handbook)`: a name with what tells it from others.
pub(super) fn qualified(name: &str, label: &str) -> String {
    match name.strip_suffix(')').filter(|inner| inner.contains(" (")) {
        Some(inner) => format!("{inner}, {label})"),
        None => format!("{name} ({label})"),
    }
}

/// Headings, the nearest first: `Teams, Handbook`.
pub(super) fn label(above: &[String]) -> String {
    above.iter().rev().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// The places of one title that have the same source and the same headings above.
struct Site<'a> {
    place: &'a Place,
    /// Folded headings above.
    above: Vec<String>,
    statements: Vec<usize>,
    siblings: BTreeSet<Siblings<'a>>,
}

impl Site<'_> {
    /// Whether the headings above are the outermost or the nearest of those above a site that has more of them.
    fn fits(&self, deeper: &Self) -> bool {
        let (short, long) = (&self.above, &deeper.above);
        short.len() < long.len() && (long.starts_with(short) || long.ends_with(short))
    }
}

/// The sites of one title.
struct Sites<'a> {
    all: Vec<Site<'a>>,
    /// Whether the title is no name, so that equal titles in two places are hardly one entity.
    common: bool,
}

/// What titles of a corpus are.
struct Titles<'a> {
    common: CommonTitles,
    /// Folded, of all entities.
    known: BTreeSet<&'a str>,
    /// Places in which titles are written with their headings.
    written_out: BTreeSet<Siblings<'a>>,
}

/// The rows of the tables below the same headings, or these headings' own headings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Siblings<'a> {
    source: &'a str,
    above: &'a [String],
    are_rows: bool,
    /// Terms of a glossary, or subjects of sentences.
    are_defined: bool,
}

impl<'a> Siblings<'a> {
    fn of(statement: &'a Statement) -> Self {
        let Place { source, parents, .. } = &statement.place;
        Self {
            source,
            above: parents,
            are_rows: statement.form == FieldForm::Cell,
            are_defined: statement.kind == Kind::Definition,
        }
    }
}

/// Those of which so many titles are no names that none is written as one.
fn written_out<'a>(common: &CommonTitles, statements: &'a [Statement]) -> BTreeSet<Siblings<'a>> {
    let mut titles: BTreeMap<Siblings<'_>, BTreeSet<&str>> = BTreeMap::new();
    for statement in statements {
        titles.entry(Siblings::of(statement)).or_default().insert(&statement.place.title);
    }
    let is_common = |siblings: &Siblings<'_>, titles: &BTreeSet<&str>| {
        let least = if siblings.are_rows { COMMON_ROWS } else { COMMON_HEADINGS };
        titles.iter().filter(|title| common.has(title)).count() * 100 >= titles.len() * least
    };
    titles.into_iter().filter(|(siblings, titles)| is_common(siblings, titles)).map(|(siblings, _)| siblings).collect()
}

impl Titles<'_> {
    /// How many headings a title that is no name is written with: up to the nearest that names an entity, else all of them.
    fn telling(&self, site: &Site<'_>) -> usize {
        let place = site.place;
        if !site.siblings.iter().any(|siblings| self.written_out.contains(siblings)) {
            return 0;
        }
        let names = |heading: &String| self.known.contains(folded(heading).as_str()) && !self.common.has(heading);
        place.parents.iter().rev().position(names).map_or(place.parents.len(), |nearest| nearest + 1)
    }
}

/// Names of entities.
#[derive(Debug, Default)]
pub(super) struct EntityNames {
    /// Of each statement.
    pub(super) of: Vec<String>,
    /// Spellings of one name, whose case or accents differ, that a document has side by side: both state one attribute.
    pub(super) spellings: Vec<Vec<String>>,
}

/// The name of each statement's entity.
pub(super) fn names(corpus: &Corpus, statements: &[Statement]) -> EntityNames {
    let mut titles: BTreeMap<&str, BTreeMap<(&str, Vec<String>), Site<'_>>> = BTreeMap::new();
    for (at, statement) in statements.iter().enumerate() {
        let place = &statement.place;
        let above: Vec<String> = place.parents.iter().map(|p| folded(p)).collect();
        let sites = titles.entry(&place.title_key).or_default();
        let new = || Site { place, above: above.clone(), statements: Vec::new(), siblings: BTreeSet::new() };
        let site = sites.entry((&place.source, above.clone())).or_insert_with(new);
        site.statements.push(at);
        site.siblings.insert(Siblings::of(statement));
    }
    let places = || statements.iter().map(|statement| &statement.place);
    let below = places().filter(|place| !place.parents.is_empty()).flat_map(|p| p.parents.iter().chain([&p.title]));
    let common = CommonTitles::new(corpus, below.map(String::as_str));
    let known = places().map(|place| place.title_key.as_str()).collect();
    let about = Titles { written_out: written_out(&common, statements), common, known };
    let mut names = vec![String::new(); statements.len()];
    let mut spellings: Vec<Vec<String>> = Vec::new();
    for sites in titles.into_values() {
        let all: Vec<Site<'_>> = sites.into_values().collect();
        let common = all.iter().any(|site| about.common.has(&site.place.title) && !site.above.is_empty());
        let sites = Sites { all, common };
        let mut name_of = BTreeMap::new();
        let titles = sites.all.iter().flat_map(|s| &s.statements).filter_map(|at| statements.get(*at));
        // One of several spellings, whatever the order of the units.
        let title = titles.map(|s| s.place.title.as_str()).min().unwrap_or_default();
        let groups = groups(&sites, statements);
        for (label, group) in labels(&sites.all, &groups, &about).into_iter().zip(0..) {
            name_of.insert(group, label.map_or_else(|| title.to_owned(), |label| qualified(title, &label)));
        }
        spellings.extend(side_by_side(corpus, statements, sites.all.iter().flat_map(|site| &site.statements)));
        for (site, group) in sites.all.iter().zip(&groups) {
            for at in &site.statements {
                if let (Some(name), Some(unique)) = (names.get_mut(*at), name_of.get(group)) {
                    name.clone_from(unique);
                }
            }
        }
    }
    EntityNames { of: names, spellings }
}

/// The spellings of one title with which a document states an attribute twice.
fn side_by_side<'a>(
    corpus: &Corpus,
    statements: &[Statement],
    of_title: impl Iterator<Item = &'a usize>,
) -> Option<Vec<String>> {
    let mut written: BTreeMap<(usize, &str), BTreeSet<&str>> = BTreeMap::new();
    for statement in of_title.filter_map(|at| statements.get(*at)) {
        let Some(unit) = corpus.units.get(statement.unit) else { continue };
        written.entry((unit.document, &statement.key)).or_default().insert(&statement.place.title);
    }
    let several: BTreeSet<&str> = written.into_values().filter(|titles| titles.len() > 1).flatten().collect();
    (!several.is_empty()).then(|| several.into_iter().map(str::to_owned).collect())
}

/// Which entity each site is about: numbers from 0 in the order of first sites.
///
/// 1. Sites with equal headings above, or with mostly equal values, are one entity.
/// 2. A site with fewer headings joins those with more that it fits, if these are one entity: the most headings first.
///
/// Of a common title, only equal headings make sites of several sources one entity.
fn groups(Sites { all: sites, common }: &Sites<'_>, statements: &[Statement]) -> Vec<usize> {
    let mut parent: Vec<usize> = (0..sites.len()).collect();
    if sites.len() > MOST_COMPARED {
        let mut first: BTreeMap<&[String], usize> = BTreeMap::new();
        for (i, site) in sites.iter().enumerate() {
            parent[i] = *first.entry(&site.above).or_insert(i);
        }
    } else if sites.len() > 1 {
        let stated: Vec<Stated<'_>> = sites.iter().map(|s| Stated::of(s, statements)).collect();
        for i in 0..sites.len() {
            for j in 0..i {
                let (a, b) = (&stated[i], &stated[j]);
                let equal = sites[i].above == sites[j].above && !a.contradicts(b);
                let other_source = sites[i].place.source != sites[j].place.source;
                if equal || (other_source && !common && a.mostly_equals(b)) {
                    unite(&mut parent, i, j);
                }
            }
        }
        let mut deepest_first: Vec<usize> = (0..sites.len()).collect();
        deepest_first.sort_by_key(|i| std::cmp::Reverse(sites[*i].above.len()));
        for i in deepest_first {
            let one_page = |j: usize| sites[i].place.source == sites[j].place.source && !sites[i].above.is_empty();
            let fits = |j: &usize| {
                sites[i].fits(&sites[*j]) && (!common || one_page(*j)) && !stated[i].contradicts(&stated[*j])
            };
            let fitting: BTreeSet<usize> = (0..sites.len()).filter(fits).map(|j| root(&parent, j)).collect();
            if let (1, Some(j)) = (fitting.len(), fitting.first()) {
                unite(&mut parent, i, *j);
            }
        }
    }
    let roots: Vec<usize> = (0..sites.len()).map(|i| root(&parent, i)).collect();
    let numbers: BTreeMap<usize, usize> = roots.iter().copied().collect::<BTreeSet<_>>().into_iter().zip(0..).collect();
    roots.iter().filter_map(|root| numbers.get(root)).copied().collect()
}

fn unite(parent: &mut [usize], i: usize, j: usize) {
    let (a, b) = (root(parent, i), root(parent, j));
    parent[a.max(b)] = a.min(b);
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

    /// Whether several attributes are stated by both, and none with the same value.
    fn contradicts(&self, other: &Self) -> bool {
        let both = self.attributes.iter().filter_map(|(key, value)| Some((value, other.attributes.get(key)?)));
        let (count, equal) = both.fold((0, 0), |(n, equal), (a, b)| (n + 1, equal + usize::from(a == b)));
        count >= FEWEST_CONTRADICTIONS && equal == 0
    }

    /// Whether half of the values of the one that states less are stated by both.
    fn mostly_equals(&self, other: &Self) -> bool {
        let common = self.values.intersection(&other.values).count();
        common >= 2 && common * 2 >= self.values.len().min(other.values.len())
    }
}

/// What tells the title in each group's name: as many headings as tell the groups apart and as a title that is no name needs,
/// or the source where there is no heading; None: the title is enough.
fn labels(sites: &[Site<'_>], groups: &[usize], titles: &Titles<'_>) -> Vec<Option<String>> {
    let count = groups.iter().max().map_or(0, |last| last + 1);
    // Of each group the first site that has a heading, else the first.
    let mut of_group: Vec<Option<&Site<'_>>> = vec![None; count];
    for (site, group) in sites.iter().zip(groups) {
        if let Some(chosen) = of_group.get_mut(*group)
            && chosen.is_none_or(|chosen| chosen.above.is_empty() && !site.above.is_empty())
        {
            *chosen = Some(site);
        }
    }
    let chosen: Vec<&Site<'_>> = of_group.into_iter().flatten().collect();
    let of = |site: &Site<'_>, depth: usize| match site.place.nearest(depth.max(titles.telling(site))) {
        [] => site.place.source.to_string(),
        above => label(above),
    };
    if let [only] = chosen.as_slice() {
        return vec![(titles.telling(only) > 0).then(|| of(only, 0))];
    }
    let deepest = chosen.iter().map(|site| site.above.len()).max().unwrap_or(0).max(1);
    for depth in 1..=deepest {
        let labels: Vec<String> = chosen.iter().map(|site| of(site, depth)).collect();
        let distinct: BTreeSet<String> = labels.iter().map(|l| folded(l)).collect();
        if distinct.len() == count {
            return labels.into_iter().map(Some).collect();
        }
    }
    chosen.iter().map(|site| Some(format!("{}, {}", of(site, deepest), site.place.source))).collect()
}
