//! Which path of a table of unknown keys is the text, the title, the source and the id, and which are fields.

use std::collections::HashSet;

use super::Kind;
use super::copies::copies;
use super::error::CorpusError;
use super::kind::typed;
use super::kind_fold::attribute_key;
use super::layout::{FieldPath, Ignored, IgnoredPath, PathUse, RecordLayout, Unmapped};
use super::names::Names;
use super::options::Part;
use super::path_keys::keys_of;
use super::path_statistics::{PathStatistics, constants, median, sample, statistics};
use super::piece::Input;
use super::record::{Record, Table};
use super::schema_questions::{AnsweredQuestions, Common, answered_questions, asked_of_models};

/// How much more a path with a text's name counts.
const NAMED: f64 = 4.0;
/// A second text within this share of the first is as likely.
const AS_LIKELY: f64 = 0.8;
/// What a text without a text's name has at least.
const MIN_TEXT_CHARS: usize = 40;
const MIN_TEXT_WORDS: usize = 6;
/// Characters of a title, at most (the median).
const MAX_TITLE: usize = 100;
/// Characters of a number that tells records apart, at most (the median); longer ones are made for programs.
const MAX_REFERENCE: usize = 24;

/// What each path is.
#[derive(Debug, Default)]
pub(super) struct Schema {
    /// The question that the text answers.
    pub(super) question: Option<usize>,
    pub(super) text: Option<usize>,
    pub(super) title: Option<usize>,
    pub(super) source: Option<usize>,
    pub(super) id: Option<usize>,
    /// Of each path that is a field or constant, its key.
    keys: Vec<Option<String>>,
    ignored: Vec<(usize, Ignored)>,
    unmapped: Vec<Unmapped>,
}

impl Schema {
    /// The key of a path that is a field, or that has the same value in every record.
    pub(super) fn key(&self, path: usize) -> Option<&String> {
        self.keys.get(path)?.as_ref()
    }

    /// The key of a path that is a field.
    pub(super) fn field(&self, path: usize) -> Option<&String> {
        self.key(path).filter(|_| !self.ignored.contains(&(path, Ignored::Constant)))
    }
}

/// How likely the paths of a kind of records are to be texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Texts {
    /// Long values are.
    Guessed,
    /// Rows of a table: only what is named so.
    Named,
}

pub(super) fn schema(input: Input<'_>, table: &Table, texts: Texts) -> Result<Schema, CorpusError> {
    let sample = sample(table);
    let statistics = statistics(table, &sample);
    let mut answered = None;
    if input.options.map.text.is_none() {
        let common = Common { table, statistics: &statistics };
        if let Some(key) = asked_of_models(common) {
            return Err(CorpusError::TrainingData { file: input.file.clone(), key });
        }
        answered = answered_questions(common).filter(|_| input.options.map.title.is_none());
    }
    let mut finder = Finder {
        input,
        table,
        sample,
        statistics,
        taken: HashSet::new(),
        has_text: false,
        ignored: Vec::new(),
        unmapped: Vec::new(),
    };
    let copies = copies(table, &finder.sample, &finder.statistics);
    finder.ignored.extend(copies.into_iter().map(|path| (path, Ignored::Copy)));
    let text = match (answered, finder.mapped(Part::Text)) {
        (Some(AnsweredQuestions { answer, .. }), _) => Some(answer),
        (None, Some(path)) => Some(path),
        (None, None) => finder.text(texts)?,
    };
    let question = answered.map(|of| of.question);
    finder.taken.extend(text);
    finder.taken.extend(question);
    finder.has_text = text.is_some();
    let mut schema = Schema { question, text, ..Schema::default() };
    // A question is about nothing that the record names.
    let title = Some((Part::Title, &mut schema.title)).filter(|_| question.is_none());
    for (part, place) in [(Part::Source, &mut schema.source), (Part::Id, &mut schema.id)].into_iter().chain(title) {
        *place = match finder.mapped(part) {
            Some(path) => Some(path),
            None => finder.guess(part),
        };
        finder.taken.extend(*place);
    }
    schema.keys = finder.keys();
    if question.is_some() {
        let beside = schema.keys.iter_mut().enumerate().filter_map(|(path, key)| key.take().map(|_| path));
        finder.ignored.extend(beside.map(|path| (path, Ignored::BesideQuestion)));
    }
    schema.unmapped = finder.unmapped;
    schema.ignored = finder.ignored;
    schema.ignored.sort_unstable();
    Ok(schema)
}

struct Finder<'a> {
    input: Input<'a>,
    table: &'a Table,
    sample: Vec<&'a Record>,
    statistics: Vec<PathStatistics>,
    taken: HashSet<usize>,
    has_text: bool,
    ignored: Vec<(usize, Ignored)>,
    unmapped: Vec<Unmapped>,
}

impl Finder<'_> {
    /// None: nothing is mapped to the part, or no record of this table has the path that is.
    fn mapped(&mut self, part: Part) -> Option<usize> {
        let wanted = self.input.options.map.get(part)?;
        let found = self.table.paths.iter().position(|path| path == wanted);
        if found.is_none() {
            let known = self.table.paths.iter().take(40).cloned().collect::<Vec<_>>().join(", ");
            self.unmapped.push(Unmapped { part, path: wanted.to_owned(), known });
        }
        found
    }

    fn is_free(&self, path: usize) -> bool {
        !self.taken.contains(&path) && !self.ignored.iter().any(|(ignored, _)| *ignored == path)
    }

    /// A file that has not the mapped key is not refused for two likely texts: no map could name one for each file.
    fn text(&mut self, texts: Texts) -> Result<Option<usize>, CorpusError> {
        let mut scores: Vec<(usize, f64)> = (0..self.table.paths.len())
            .filter(|path| self.is_free(*path))
            .filter_map(|path| Some((path, text_score(self.statistics.get(path)?, texts)?)))
            .collect();
        scores.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let named = |path: usize| self.table.paths.get(path).cloned().unwrap_or_default();
        match scores.as_slice() {
            [(first, best), (second, next), ..]
                if *next >= best * AS_LIKELY
                    && !self.is_known_shape(*first)
                    && self.table.records.len() > 1
                    && self.unmapped.is_empty() =>
            {
                let (first, second) = (named(*first), named(*second));
                Err(CorpusError::TwoTexts { file: self.input.file.clone(), first, second })
            }
            [(first, _), ..] => Ok(Some(*first)),
            [] => Ok(None),
        }
    }

    /// The text of LangChain's and Haystack's documents, whatever else they hold.
    fn is_known_shape(&self, path: usize) -> bool {
        let path = self.table.paths.get(path).map_or("", String::as_str);
        let has = |prefix: &str| self.table.paths.iter().any(|path| path.starts_with(prefix));
        (path == "page_content" && has("metadata.")) || (path == "content" && has("meta."))
    }

    fn guess(&self, part: Part) -> Option<usize> {
        let names = match part {
            Part::Text => return None,
            Part::Title => Names::Title,
            Part::Source => Names::Source,
            Part::Id => Names::Id,
        };
        let mut best: Option<(usize, f64)> = None;
        for path in (0..self.table.paths.len()).filter(|path| self.is_free(*path)) {
            let Some(of) = self.statistics.get(path).filter(|of| fits(part, of)) else { continue };
            let Some(rank) = names.rank(of.name()).filter(|_| only_wrapped(of)) else { continue };
            // Several records have one source. Names that come later in the list count a little less.
            let distinct = if part == Part::Source { 1.0 } else { of.distinct };
            let score = of.share * (0.5 + 0.5 * distinct) * (1.0 - rank as f64 / 100.0);
            if best.is_none_or(|(_, most)| score > most) {
                best = Some((path, score));
            }
        }
        let found = best.map(|(path, _)| path).or_else(|| self.first_as_title(part));
        let of_title = || self.telling_title(found).or_else(|| self.naming_title(found));
        let better = (part == Part::Title).then(of_title).flatten();
        better.or(found)
    }

    /// Where several records have the title that was found, a path that tells them apart: their subject, else, of records
    /// without a text, their reference. Chunks of one text share its title.
    fn telling_title(&self, found: Option<usize>) -> Option<usize> {
        let found = found.filter(|path| !self.tells_all_apart(*path))?;
        let free = |path: &usize| *path != found && self.is_free(*path) && self.tells_all_apart(*path);
        let is_contact = |path: &usize| {
            let key = attribute_key(self.table.paths.get(*path).map_or("", String::as_str));
            let mut values = self.sample.iter().filter_map(|record| record.single(*path));
            values.any(|value| typed(&key, &value.text).kind == Kind::Contact)
        };
        let fits = |path: &usize| {
            !is_contact(path) && self.statistics.get(*path).is_some_and(|of| !of.encoded && only_wrapped(of))
        };
        let telling: Vec<usize> = (0..self.table.paths.len()).filter(|path| free(path) && fits(path)).collect();
        let has_name = |path: &usize, names: Names, most: usize| {
            let is_named = |of: &PathStatistics| {
                let key = self.table.paths.get(*path).and_then(|path| path.rsplit('.').next()).unwrap_or_default();
                of.median <= most && (names.has(of.name()) || names.begin_or_end(key))
            };
            self.statistics.get(*path).is_some_and(is_named)
        };
        let subject = telling.iter().find(|path| has_name(path, Names::Subject, MAX_TITLE));
        let reference =
            || telling.iter().find(|path| !self.has_text && has_name(path, Names::Reference, MAX_REFERENCE));
        subject.or_else(reference).copied()
    }

    /// Where the title that was found is a code or there is none, the path whose key says that it names things, if it names
    /// each record differently.
    fn naming_title(&self, found: Option<usize>) -> Option<usize> {
        let names = |path: usize| self.statistics.get(path).is_some_and(|of| Names::Naming.has(of.name()));
        if found.is_some_and(|path| names(path) || !self.holds_codes(path)) {
            return None;
        }
        let can_name = |path: &usize| {
            let fits = self.statistics.get(*path).is_some_and(|of| fits(Part::Title, of) && only_wrapped(of));
            fits && names(*path) && !self.holds_codes(*path) && self.tells_all_apart(*path)
        };
        (0..self.table.paths.len()).filter(|path| self.is_free(*path)).find(can_name)
    }

    /// Whether nearly all values are like `R-1003`: a word with a digit.
    fn holds_codes(&self, path: usize) -> bool {
        let values: Vec<&str> = self.sample.iter().filter_map(|r| r.single(path)).map(|v| v.text.trim()).collect();
        let codes = values.iter().filter(|value| {
            value.contains(|c: char| c.is_ascii_digit())
                && value.chars().all(|c| c.is_alphanumeric() || "-_./#".contains(c))
        });
        !values.is_empty() && codes.count() * 10 >= values.len() * 9
    }

    fn tells_all_apart(&self, path: usize) -> bool {
        let values = self.table.records.iter().filter_map(|record| record.single(path)).map(|value| value.text.trim());
        let (count, distinct) = (values.clone().count(), values.collect::<HashSet<_>>().len());
        count == distinct && count * 100 >= self.table.records.len() * 98
    }

    /// Without a title's name, the first path that tells records apart.
    fn first_as_title(&self, part: Part) -> Option<usize> {
        let technical =
            |of: &PathStatistics| of.parts.iter().any(|part| is_bookkeeping(part) || Names::Source.has(part));
        let first = (0..self.table.paths.len())
            .find(|path| self.is_free(*path) && !self.statistics.get(*path).is_some_and(technical))?;
        let of = self.statistics.get(first).filter(|_| part == Part::Title)?;
        (of.distinct >= 0.98 && of.share >= 0.98 && of.median <= MAX_TITLE && of.single_text >= 0.98 && !of.encoded)
            .then_some(first)
    }

    /// The keys of all paths that are fields or constant.
    fn keys(&mut self) -> Vec<Option<String>> {
        let paths = 0..self.table.paths.len();
        let vectors: HashSet<usize> = paths.clone().filter(|path| self.holds_vectors(*path)).collect();
        let constants = constants(self.table, &self.statistics);
        // A program wrote the records, to find their texts with.
        let is_written = self.has_text || !vectors.is_empty();
        let why = |path: usize| match self.statistics.get(path)? {
            _ if vectors.contains(&path) => Some(Ignored::Embedding),
            of if is_technical(of, is_written) => Some(Ignored::Technical),
            of if of.encoded => Some(Ignored::Encoded),
            _ if constants.contains(&path) => Some(Ignored::Constant),
            _ => None,
        };
        let found: Vec<(usize, Option<Ignored>)> =
            paths.filter(|path| self.is_free(*path)).map(|path| (path, why(path))).collect();
        let has_key = |why: Option<Ignored>| matches!(why, None | Some(Ignored::Constant));
        let kept: Vec<usize> = found.iter().filter(|(_, why)| has_key(*why)).map(|(path, _)| *path).collect();
        self.ignored.extend(found.into_iter().filter_map(|(path, why)| Some((path, why?))));
        let mut keys = vec![None; self.table.paths.len()];
        for (path, key) in kept.iter().zip(keys_of(&self.table.paths, &kept)) {
            if let Some(place) = keys.get_mut(*path) {
                *place = Some(key);
            }
        }
        keys
    }

    /// Lists of numbers, in JSON or, in a cell, as text.
    fn holds_vectors(&self, path: usize) -> bool {
        let named = self.statistics.get(path).is_some_and(|of| Names::Vector.has(of.name()));
        let mut values = self.sample.iter().filter_map(|record| record.single(path));
        self.table.embeddings.contains(&path) || (named && values.any(|value| value.text.starts_with(['[', '{'])))
    }
}

fn is_bookkeeping(part: &str) -> bool {
    [Names::Technical, Names::Ambiguous, Names::Vector].iter().any(|names| names.has(part))
}

/// Whether a path is bookkeeping of the program that wrote the records: in records that have a text or vectors too, or below
/// metadata. A table of things may well have a distance, a score or a page.
fn is_technical(of: &PathStatistics, is_written: bool) -> bool {
    let Some(last) = of.parts.iter().rposition(|part| is_bookkeeping(part)) else { return false };
    let below = of.parts.iter().take(last).any(|part| Names::Metadata.has(part));
    (is_written || below) && !only_technical_wrapper(of)
}

/// `_node_content` is bookkeeping, the metadata in it are not.
fn only_technical_wrapper(of: &PathStatistics) -> bool {
    let mut technical = of.parts.iter().filter(|part| is_bookkeeping(part));
    technical.all(|part| Names::Wrapper.has(part)) && of.parts.iter().any(|part| part == "metadata")
}

fn text_score(of: &PathStatistics, texts: Texts) -> Option<f64> {
    if of.single_text < 0.9 || of.encoded || of.constant {
        return None;
    }
    let named = Names::Text.has(of.name()) && (of.share >= 0.5 || only_wrapped(of));
    let long = of.median >= MIN_TEXT_CHARS && of.median_words >= MIN_TEXT_WORDS && of.share >= 0.5;
    let long = long && of.prose;
    if !named && (!long || texts == Texts::Named) {
        return None;
    }
    let bonus = if named { NAMED } else { 1.0 };
    Some(of.median as f64 * of.distinct * of.share * bonus)
}

/// Whether only objects that name nothing lie above a path.
fn only_wrapped(of: &PathStatistics) -> bool {
    let above = of.parts.split_last().map_or(&[][..], |(_, above)| above);
    above.iter().all(|part| Names::Wrapper.has(part) || Names::Title.has(part))
}

fn fits(part: Part, of: &PathStatistics) -> bool {
    // Pages of the web have addresses of their own, which is a field; chunks share one.
    let address = matches!(of.name(), "url" | "uri" | "path") && of.distinct >= 0.9;
    match part {
        Part::Text => false,
        Part::Title => {
            of.share >= 0.5 && of.median <= MAX_TITLE && of.single_text >= 0.5 && !of.constant && !of.encoded
        }
        Part::Source => of.share >= 0.5 && !address && of.median <= 2 * MAX_TITLE,
        Part::Id => of.distinct >= 0.98 && of.share >= 0.98,
    }
}

/// What is said about the reading.
pub(super) fn layout(table: &Table, schema: &Schema) -> RecordLayout {
    let path_use = |path: Option<usize>| {
        let path = path?;
        let values: Vec<&str> =
            table.records.iter().flat_map(|record| record.values(path)).map(|value| value.text.as_str()).collect();
        let distinct = values.iter().collect::<HashSet<_>>().len();
        let median = median(values.iter().map(|text| text.chars().count()).collect());
        Some(PathUse { path: table.paths.get(path)?.clone(), median, distinct })
    };
    let mut counts = vec![0; table.paths.len()];
    for slot in table.records.iter().flat_map(|record| &record.slots) {
        if let Some(count) = counts.get_mut(slot.path) {
            *count += 1;
        }
    }
    let paths = table.paths.iter().zip(counts).enumerate();
    let used = [schema.question, schema.text, schema.title, schema.source, schema.id];
    // A path that a map names is used, whatever it holds.
    let ignored = schema.ignored.iter().filter(|(path, _)| !used.contains(&Some(*path)));
    RecordLayout {
        sheet: None,
        records: table.records.len(),
        question: path_use(schema.question),
        text: path_use(schema.text),
        title: path_use(schema.title),
        source: path_use(schema.source),
        id: path_use(schema.id),
        fields: paths
            .filter_map(|(at, (path, records))| {
                Some(FieldPath { path: path.clone(), key: schema.field(at)?.clone(), records })
            })
            .collect(),
        ignored: ignored
            .filter_map(|(path, why)| Some(IgnoredPath { path: table.paths.get(*path)?.clone(), why: *why }))
            .chain(table.skipped.iter().map(|(path, why)| IgnoredPath { path: path.clone(), why: *why }))
            .collect(),
        unmapped: schema.unmapped.clone(),
    }
}
