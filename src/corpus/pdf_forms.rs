//! How much the pages of a PDF draw, checked before they are drawn: the library draws forms within forms by recursion, each as
//! often as it is named, without a limit.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use pdf_extract::content::Content;
use pdf_extract::{Dictionary, Document, Object, ObjectId, Stream};

use super::pdf_limits::{PdfExcess, PdfLimits, Tokens, check_content};

/// Checks what each page draws, with the forms that it names and that these name.
pub(super) fn check_pages(document: &Document, limits: &PdfLimits) -> Result<(), PdfExcess> {
    let mut drawing = Drawing { document, limits, forms: HashMap::new(), parsed: 0 };
    let no_resources = Dictionary::new();
    let mut drawn = 0_usize;
    for page in document.get_pages().into_values() {
        let content = page_content(document, page, limits)?;
        check_content(&content, limits)?;
        let resources = inherited(document, page, limits)?.unwrap_or(&no_resources);
        let cost = drawing.of_content(content, resources, 0)?;
        cost.check(limits)?;
        drawn = drawn.saturating_add(cost.bytes);
        if drawn > limits.drawn {
            return Err(PdfExcess::Drawn { most: limits.drawn });
        }
    }
    Ok(())
}

/// A page's streams, which are parsed as one.
fn page_content(document: &Document, page: ObjectId, limits: &PdfLimits) -> Result<Vec<u8>, PdfExcess> {
    let mut content = Vec::new();
    for id in document.get_page_contents(page) {
        if let Ok(stream) = document.get_object(id).and_then(Object::as_stream) {
            content.extend_from_slice(&contents(stream));
        }
        content.push(b'\n');
        // One stream may be named many times.
        if content.len() > limits.bytes {
            return Err(PdfExcess::Bytes { most: limits.bytes });
        }
    }
    Ok(content)
}

/// What a stream holds, as the library reads it.
fn contents(stream: &Stream) -> Cow<'_, [u8]> {
    stream.decompressed_content().map_or_else(|_| Cow::Borrowed(stream.content.as_slice()), Cow::Owned)
}

/// The resources of a page, which it has from the nodes above it where it has none of its own. The library looks for its size
/// in the same way.
fn inherited<'a>(
    document: &'a Document,
    page: ObjectId,
    limits: &PdfLimits,
) -> Result<Option<&'a Dictionary>, PdfExcess> {
    let Ok(page) = document.get_dictionary(page) else { return Ok(None) };
    let resources = above(document, page, limits, &|node| dictionary(document, node, b"Resources"))?;
    let array = |node: &'a Dictionary| value(document, node, b"MediaBox").filter(|value| value.as_array().is_ok());
    above(document, page, limits, &array)?;
    Ok(resources)
}

/// The first that a page or a node above it has.
fn above<'a, T>(
    document: &'a Document,
    page: &'a Dictionary,
    limits: &PdfLimits,
    found: &dyn Fn(&'a Dictionary) -> Option<T>,
) -> Result<Option<T>, PdfExcess> {
    let mut node = page;
    for _ in 0..limits.parents {
        if let Some(found) = found(node) {
            return Ok(Some(found));
        }
        let parent = node.get(b"Parent").and_then(Object::as_reference).and_then(|id| document.get_dictionary(id));
        let Ok(parent) = parent else { return Ok(None) };
        node = parent;
    }
    Err(PdfExcess::Parents { most: limits.parents })
}

fn value<'a>(document: &'a Document, dictionary: &'a Dictionary, key: &[u8]) -> Option<&'a Object> {
    let object = dictionary.get(key).ok()?;
    document.dereference(object).ok().map(|(_, object)| object)
}

fn dictionary<'a>(document: &'a Document, of: &'a Dictionary, key: &[u8]) -> Option<&'a Dictionary> {
    value(document, of, key)?.as_dict().ok()
}

/// A form, and what it finds the forms in that it names. Both are parts of the document, which stays where it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Form {
    stream: *const Stream,
    resources: *const Dictionary,
}

/// What it takes to draw a form, with those within it.
#[derive(Clone, Copy, Default)]
struct DrawingCost {
    bytes: usize,
    tokens: usize,
    /// Graphics states that are saved within each other.
    states: usize,
    /// Forms that are within each other below it.
    levels: usize,
}

impl DrawingCost {
    fn check(&self, limits: &PdfLimits) -> Result<(), PdfExcess> {
        match () {
            () if self.tokens > limits.tokens => Err(PdfExcess::Tokens { most: limits.tokens }),
            () if self.states > limits.states => Err(PdfExcess::States { most: limits.states }),
            () => Ok(()),
        }
    }
}

/// How often a content names a form, and the states that are saved there, at most.
#[derive(Default)]
struct Calls {
    count: usize,
    states: usize,
}

struct Drawing<'a> {
    document: &'a Document,
    limits: &'a PdfLimits,
    /// None: the form is being looked at.
    forms: HashMap<Form, Option<DrawingCost>>,
    /// Bytes that were parsed here; as many are drawn, or more.
    parsed: usize,
}

impl<'a> Drawing<'a> {
    /// `depth`: the number of forms that the content is within.
    fn of_content(
        &mut self,
        content: Vec<u8>,
        resources: &'a Dictionary,
        depth: usize,
    ) -> Result<DrawingCost, PdfExcess> {
        self.parsed = self.parsed.saturating_add(content.len() + 1);
        if self.parsed > self.limits.drawn {
            return Err(PdfExcess::Drawn { most: self.limits.drawn });
        }
        let mut tokens = Tokens::default();
        tokens.add(&content);
        let mut cost = DrawingCost { bytes: content.len() + 1, tokens: tokens.count, ..DrawingCost::default() };
        let calls = calls(&content, &mut cost);
        // Forms are as deep as the limit says: the contents of all would be held together.
        drop(content);
        for (name, calls) in calls {
            let named = dictionary(self.document, resources, b"XObject")
                .and_then(|forms| value(self.document, forms, &name)?.as_stream().ok());
            let Some(stream) = named else { continue };
            let inner = self.of_form(stream, resources, depth + 1)?;
            cost.bytes = cost.bytes.saturating_add(inner.bytes.saturating_mul(calls.count));
            cost.tokens = cost.tokens.saturating_add(inner.tokens.saturating_mul(calls.count));
            cost.states = cost.states.max(calls.states.saturating_add(inner.states));
            cost.levels = cost.levels.max(inner.levels + 1);
        }
        Ok(cost)
    }

    /// `resources`: those of what names the form.
    fn of_form(
        &mut self,
        stream: &'a Stream,
        resources: &'a Dictionary,
        depth: usize,
    ) -> Result<DrawingCost, PdfExcess> {
        let too_deep = Err(PdfExcess::Forms { most: self.limits.forms });
        if depth > self.limits.forms {
            return too_deep;
        }
        let resources = dictionary(self.document, &stream.dict, b"Resources").unwrap_or(resources);
        let form = Form { stream: std::ptr::from_ref(stream), resources: std::ptr::from_ref(resources) };
        match self.forms.get(&form) {
            Some(Some(cost)) if depth + cost.levels > self.limits.forms => return too_deep,
            Some(Some(cost)) => return Ok(*cost),
            Some(None) => return Err(PdfExcess::Loop),
            None => {}
        }
        self.forms.insert(form, None);
        let cost = self.of_content(contents(stream).into_owned(), resources, depth)?;
        self.forms.insert(form, Some(cost));
        Ok(cost)
    }
}

/// The forms that a content names; `cost` gets the states that it saves.
fn calls(content: &[u8], cost: &mut DrawingCost) -> BTreeMap<Vec<u8>, Calls> {
    let mut calls: BTreeMap<Vec<u8>, Calls> = BTreeMap::new();
    if !content.windows(2).any(|word| word == b"Do") {
        return calls;
    }
    // What cannot be parsed is not drawn.
    let Ok(parsed) = Content::decode(content) else { return calls };
    let mut states = 0_usize;
    for operation in &parsed.operations {
        match operation.operator.as_str() {
            "q" => states += 1,
            "Q" => states = states.saturating_sub(1),
            "Do" => {
                let Some(Ok(name)) = operation.operands.first().map(Object::as_name) else { continue };
                let calls = calls.entry(name.to_vec()).or_default();
                calls.count += 1;
                calls.states = calls.states.max(states);
            }
            _ => {}
        }
        cost.states = cost.states.max(states);
    }
    calls
}
