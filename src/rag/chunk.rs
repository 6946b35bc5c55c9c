//! Units to chunks: what is retrieved, shown to a model and cited.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::corpus::{Corpus, Field, FieldForm, Kind, Span, Unit, normalised, split_text};
use crate::eval;
use crate::store::Digest;

/// Between the parts of a heading.
const HEADING_SEPARATOR: &str = " › ";
/// Between the texts of merged units, and between a text and the fields beside it.
const UNIT_SEPARATOR: &str = "\n\n";

/// Sizes of chunks, in the tokens that the caller counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChunkOptions {
    /// Neighbouring units are merged up to this.
    pub target: usize,
    /// The indexed text of no chunk is longer: a unit that is gets split. It has to leave room for the embedder's prefix and
    /// special tokens.
    pub limit: usize,
}

impl Default for ChunkOptions {
    fn default() -> Self {
        Self { target: 256, limit: 480 }
    }
}

/// A piece of a document that is retrieved and cited as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chunk {
    /// Of the document's path, the heading, the units and the text.
    pub id: Digest,
    /// What it belongs to when sources are held out.
    pub source: String,
    /// The document's path.
    pub document: String,
    /// From the first unit's start to the last one's end; of a split unit, the whole unit.
    pub span: Span,
    pub title: Option<String>,
    /// The title, then the headings above it: `title › path`. May be empty.
    pub heading: String,
    /// What is shown: of each unit its text, then a `key: value` line for each field of its record, or of its document's
    /// front matter, whose value the text does not hold.
    pub text: String,
    /// Ids of the units.
    pub units: Vec<Digest>,
}

impl Chunk {
    /// What is searched: the heading and the text.
    pub fn indexed(&self) -> String {
        indexed(&self.heading, &self.text)
    }
}

fn indexed(heading: &str, text: &str) -> String {
    if heading.is_empty() { text.to_owned() } else { format!("{heading}\n{text}") }
}

/// The chunks of a corpus, in its order; `size` counts the tokens of a text. Neighbouring units with the same document, source,
/// title and headings are merged up to [`ChunkOptions::target`]; records stay apart. `excluded`: sources that are left out.
pub fn chunks(
    corpus: &Corpus,
    excluded: &BTreeSet<String>,
    options: &ChunkOptions,
    size: &dyn Fn(&str) -> usize,
) -> Vec<Chunk> {
    let mut chunker = Chunker { corpus, options, size, chunks: Vec::new() };
    let mut group = Group::default();
    for unit in corpus.units.iter().filter(|unit| !excluded.contains(&*unit.source)) {
        let text = shown(unit);
        let tokens = size(&text);
        let fits = group.tokens + tokens <= options.target;
        if !group.units.last().is_some_and(|last| fits && belong_together(last, unit)) {
            chunker.close(std::mem::take(&mut group));
            group.tokens = size(&heading_of(unit));
        }
        group.tokens += tokens;
        group.units.push(unit);
        group.texts.push(text);
    }
    chunker.close(group);
    chunker.chunks
}

/// Units that become one chunk.
#[derive(Default)]
struct Group<'a> {
    units: Vec<&'a Unit>,
    /// What is shown of each.
    texts: Vec<String>,
    /// Heading included.
    tokens: usize,
}

fn belong_together(a: &Unit, b: &Unit) -> bool {
    let is_record = |unit: &Unit| unit.fields.iter().any(|field| field.form == FieldForm::Record);
    a.document == b.document
        && a.source == b.source
        && a.title == b.title
        && a.path == b.path
        && !is_record(a)
        && !is_record(b)
}

fn heading_of(unit: &Unit) -> String {
    let title = unit.title.iter();
    let above = unit.path.iter().filter(|part| unit.title.as_ref() != Some(*part));
    let parts: Vec<String> =
        title.chain(above).map(|part| part.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(HEADING_SEPARATOR)
}

/// The text of a unit, and what its fields say beyond it.
fn shown(unit: &Unit) -> String {
    let text = unit.text.trim();
    let lines = lines_beside(unit);
    let beside = lines.join("\n");
    let parts = [text, &beside];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(UNIT_SEPARATOR)
}

/// A line for each field that stands beside the text (in a record's other keys or in front matter) and whose values the text
/// does not hold: facts are made of these fields too, so that a search has to find them.
fn lines_beside(unit: &Unit) -> Vec<String> {
    let text = format!("\n{}\n", unit.text);
    let is_said = |field: &Field| text.contains(&format!("\n{}\n", line(unit, field)));
    let is_beside = |field: &Field| field.form == FieldForm::Record && !field.values.is_empty() && !is_said(field);
    let fields: Vec<&Field> = unit.fields.iter().filter(|field| is_beside(field)).collect();
    if fields.is_empty() {
        return Vec::new();
    }
    let values: Vec<&[String]> = fields.iter().map(|field| field.values.as_slice()).collect();
    let held = eval::holds_each(&text, &values);
    let missing = fields.iter().zip(held).filter(|(field, held)| !held || !field.values.iter().all(|v| is_telling(v)));
    missing.map(|(field, _)| line(unit, field)).collect()
}

/// `key: value`, below the name of what the field is about where that is not the unit's title.
fn line(unit: &Unit, field: &Field) -> String {
    let said = format!("{}: {}", field.key, field.values.join(", "));
    match field.entity.as_ref().filter(|entity| unit.title.as_ref() != Some(*entity)) {
        Some(entity) => format!("{entity}{HEADING_SEPARATOR}{said}"),
        None => said,
    }
}

/// Characters of a value that stands in a text for a reason, at least.
const TELLING: usize = 3;

/// Whether a value that stands in a text says what the field says: yes, no and short numbers may stand there of something else.
fn is_telling(value: &str) -> bool {
    let value = normalised(value, Kind::Boolean);
    !matches!(value.as_str(), "true" | "false") && value.chars().filter(|c| c.is_alphanumeric()).count() >= TELLING
}

struct Chunker<'a> {
    corpus: &'a Corpus,
    options: &'a ChunkOptions,
    size: &'a dyn Fn(&str) -> usize,
    chunks: Vec<Chunk>,
}

impl Chunker<'_> {
    fn close(&mut self, group: Group<'_>) {
        let [Some(first), Some(last)] = [group.units.first(), group.units.last()] else { return };
        let heading = self.shortened(heading_of(first));
        let texts: Vec<&str> = group.texts.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
        let text = texts.join(UNIT_SEPARATOR);
        for (at, piece) in self.pieces(&heading, &text).into_iter().enumerate() {
            let document = self.corpus.documents.get(first.document).map_or("", |d| &d.path);
            let units: Vec<Digest> = group.units.iter().map(|unit| unit.id).collect();
            let identity = serde_json::json!(["chunk v1", document, heading, units, at, piece]);
            self.chunks.push(Chunk {
                id: Digest::of_bytes(identity.to_string().as_bytes()),
                source: first.source.to_string(),
                document: document.to_owned(),
                span: Span { start: first.span.start, end: last.span.end },
                title: first.title.clone(),
                heading: heading.clone(),
                text: piece,
                units,
            });
        }
    }

    /// A heading takes at most half of the limit.
    fn shortened(&self, mut heading: String) -> String {
        while (self.size)(&heading) > self.options.limit / 2 {
            let kept: String = heading.chars().take(heading.chars().count() / 2).collect();
            if kept == heading {
                return String::new();
            }
            heading = kept;
        }
        heading
    }

    fn pieces(&self, heading: &str, text: &str) -> Vec<String> {
        if text.is_empty() {
            return Vec::new();
        }
        if (self.size)(&indexed(heading, text)) <= self.options.limit {
            return vec![text.to_owned()];
        }
        let size = |text: &str| (self.size)(&indexed(heading, text));
        let spans = split_text(text, self.options.limit, &size).into_iter();
        spans.filter_map(|span| text.get(span.start..span.end)).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::corpus::{Document, Field, estimated_tokens};

    fn words(text: &str) -> usize {
        text.split_whitespace().count()
    }

    fn unit(title: &str, path: &[&str], text: &str) -> Unit {
        Unit {
            id: Digest::of_bytes(text.as_bytes()),
            document: 0,
            source: "guide.md".into(),
            title: (!title.is_empty()).then(|| title.to_owned()),
            path: path.iter().map(|p| (*p).to_owned()).collect(),
            span: Span { start: 0, end: text.len() },
            text: text.to_owned(),
            language: None,
            fields: Vec::new(),
        }
    }

    fn corpus(units: Vec<Unit>) -> Corpus {
        let digest = Digest::of_bytes(b"");
        let document = Document { path: "guide.md".into(), digest, text: "".into(), converted: false, json: false };
        Corpus { documents: vec![document], units }
    }

    #[test]
    fn neighbours_below_one_heading_are_merged_up_to_the_target() {
        let corpus = corpus(vec![
            unit("GIDAF", &["Applications", "GIDAF"], "a b c"),
            unit("GIDAF", &["Applications", "GIDAF"], "d e f"),
            unit("GIDAF", &["Applications", "GIDAF"], "g h i"),
            unit("6Tzen", &["Applications"], "j"),
            unit("6Tzen", &["Applications"], " "),
        ]);
        let options = ChunkOptions { target: 9, limit: 20 };
        let chunks = chunks(&corpus, &BTreeSet::new(), &options, &words);
        let shown: Vec<_> = chunks.iter().map(|c| (c.heading.as_str(), c.text.as_str(), c.units.len())).collect();
        let expected = [
            ("GIDAF › Applications", "a b c\n\nd e f", 2),
            ("GIDAF › Applications", "g h i", 1),
            ("6Tzen › Applications", "j", 2),
        ];
        assert_eq!(shown, expected);
        assert_eq!(chunks[0].indexed(), "GIDAF › Applications\na b c\n\nd e f");
    }

    #[test]
    fn records_are_never_merged() {
        let field = Field { entity: None, key: "k".into(), values: vec![], spans: vec![], form: FieldForm::Record };
        let record = |text: &str| Unit { fields: vec![field.clone()], ..unit("", &[], text) };
        assert_eq!(
            chunks(&corpus(vec![record("a"), record("b")]), &BTreeSet::new(), &ChunkOptions::default(), &words).len(),
            2
        );
        assert_eq!(
            chunks(
                &corpus(vec![unit("", &[], "a"), unit("", &[], "b")]),
                &BTreeSet::new(),
                &ChunkOptions::default(),
                &words
            )
            .len(),
            1
        );
    }

    fn record(text: &str, fields: &[(&str, &[&str])]) -> Unit {
        let field = |(key, values): &(&str, &[&str])| Field {
            entity: None,
            key: (*key).to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            spans: Vec::new(),
            form: FieldForm::Record,
        };
        Unit { fields: fields.iter().map(field).collect(), ..unit("Adatir", &[], text) }
    }

    #[test]
    fn fields_that_the_text_lacks_are_lines_of_the_chunk() {
        let text = "Adatir est hébergé par OVH depuis le 2 juin 2016 ; 2 650 agents, 3 sites, aucun, non, lent.";
        let stated: &[(&str, &[&str])] = &[("hebergeur", &["OVH"]), ("depuis", &["2016-06-02"]), ("agents", &["2650"])];
        let lacking: &[(&str, &[&str])] =
            &[("langages", &["Java", "Go"]), ("éditeur", &["Corvidal"]), ("critique", &["non"]), ("version", &["3"])];
        let lines = "langages: Java, Go\néditeur: Corvidal\ncritique: non\nversion: 3";
        let shown = |unit: Unit, limit: usize| -> Vec<String> {
            let options = ChunkOptions { target: limit, limit };
            chunks(&corpus(vec![unit]), &BTreeSet::new(), &options, &words).into_iter().map(|c| c.text).collect()
        };
        assert_eq!(shown(record(text, &[stated, lacking].concat()), 99), [format!("{text}\n\n{lines}")]);
        assert_eq!(shown(record(text, stated), 99), [text]);
        // A record without a text is composed of its fields, which are not said twice.
        let composed = format!("Adatir\n{lines}");
        assert_eq!(shown(record(&composed, lacking), 99), [composed.as_str()]);
        assert_eq!(shown(record("", lacking), 99), [lines]);
        // Of what is split, the last chunk has them; the limit holds.
        assert_eq!(shown(record(text, lacking), 20), [text.to_owned(), lines.to_owned()]);
    }

    #[test]
    fn fields_of_front_matter_name_what_they_are_about() {
        let of = |entity: &str| {
            let mut unit = record("Words.", &[("owner", &["Jean Petit"])]);
            unit.fields[0].entity = Some(entity.to_owned());
            chunks(&corpus(vec![unit]), &BTreeSet::new(), &ChunkOptions::default(), &words)[0].indexed()
        };
        assert_eq!(of("Adatir"), "Adatir\nWords.\n\nowner: Jean Petit");
        assert_eq!(of("The guide"), "Adatir\nWords.\n\nThe guide › owner: Jean Petit");
        let field = Field { form: FieldForm::List, ..record("", &[("hosts", &["a", "b"])]).fields.remove(0) };
        let cut = Unit { fields: vec![field], ..unit("T", &[], "- a") };
        assert_eq!(shown(&cut), "- a", "what a document's own text says stands in one of its units");
    }

    proptest! {
        #[test]
        fn no_chunk_is_over_the_limit_and_no_word_is_lost(
            texts in prop::collection::vec(("[a-c]{0,2}", "([a-z]{1,5}[ .\n]{1,3}){0,60}"), 0..8),
            limit in 4usize..40,
        ) {
            let units: Vec<Unit> = texts.iter().map(|(title, text)| unit(title, &["a b c d e f g h i j"], text)).collect();
            let corpus = corpus(units);
            let chunks = chunks(&corpus, &BTreeSet::new(), &ChunkOptions { target: limit / 2, limit }, &words);
            prop_assert!(chunks.iter().all(|c| words(&c.indexed()) <= limit));
            let kept: Vec<&str> = chunks.iter().flat_map(|c| c.text.split_whitespace()).collect();
            let given: Vec<&str> = corpus.units.iter().flat_map(|u| u.text.split_whitespace()).collect();
            prop_assert_eq!(kept, given);
            let ids: BTreeSet<_> = chunks.iter().map(|c| c.id).collect();
            prop_assert_eq!(ids.len(), chunks.len());
        }

        /// As above, where words can be longer than a chunk: they are cut, and every letter is kept.
        #[test]
        fn no_chunk_of_long_words_is_over_the_limit_and_no_letter_is_lost(
            texts in prop::collection::vec("([a-zé|]{1,300}[ .\n]{1,3}){0,8}", 0..8),
            limit in 8usize..80,
        ) {
            let corpus = corpus(texts.iter().map(|text| unit("a", &["b"], text)).collect());
            let options = ChunkOptions { target: limit / 2, limit };
            let chunks = chunks(&corpus, &BTreeSet::new(), &options, &estimated_tokens);
            prop_assert!(chunks.iter().all(|c| estimated_tokens(&c.indexed()) <= limit));
            let letters = |texts: Vec<&str>| -> String { texts.concat().split_whitespace().collect() };
            let kept = letters(chunks.iter().map(|c| c.text.as_str()).collect());
            prop_assert_eq!(kept, letters(corpus.units.iter().map(|u| u.text.as_str()).collect()));
        }
    }
}
