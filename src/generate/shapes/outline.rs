//! The list of what can be taught; items are worded when they are asked for.

use crate::corpus::{Fact, Language};
use crate::generate::concurrent::each;
use crate::generate::{Item, Shape};

use super::groups::Groups;
use super::item::Writer;
use super::options::{AnswerStyle, ItemOptions};
use super::subject::Subject;
use super::{boolean, comparison, holders, single};

/// Every item, by its id; a wordless item takes about 120 bytes, a worded one about 2 kB.
#[derive(Debug)]
pub struct Outline<'f> {
    facts: &'f [Fact],
    options: &'f ItemOptions<'f>,
    groups: Groups,
    subjects: Vec<Subject>,
    languages: Vec<Language>,
}

impl<'f> Outline<'f> {
    pub fn new(facts: &'f [Fact], options: &'f ItemOptions<'f>) -> Self {
        let groups = Groups::new(facts, options.templates);
        let mut subjects = Vec::new();
        single::values(facts, &groups, options, &mut subjects);
        if options.wants(Shape::Boolean) {
            boolean::questions(facts, &groups, options.seed, &mut subjects);
        }
        if !options.interrupt.raised() {
            holders::questions(facts, &groups, options, &mut subjects);
        }
        if options.wants(Shape::Comparison) {
            comparison::questions(facts, &groups, options.seed, &mut subjects);
        }
        if options.wants(Shape::TwoHop) {
            single::two_hops(facts, &groups, options.seed, &mut subjects);
        }
        // All values without their attributes would be no answer.
        if options.wants(Shape::Everything) && options.answer_style != AnswerStyle::Value {
            single::everything(facts, &groups, options.units, &mut subjects);
        }
        subjects.sort_by_key(|subject| subject.id);
        let mut languages = [options.languages.as_slice(), &options.own_languages].concat();
        languages.sort_unstable();
        languages.dedup();
        Self { facts, options, groups, subjects, languages }
    }

    /// Items, each language's counted; those that would mix languages, or are of documents in another one, are no items, but
    /// are counted too.
    pub fn len(&self) -> usize {
        self.subjects.len().saturating_mul(self.languages.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item at `index`, with its wordings; None: it would mix languages. Items are ordered by id, then by language.
    pub fn item(&self, index: usize) -> Option<Item> {
        let n = self.languages.len();
        let subject = self.subjects.get(index.checked_div(n)?)?;
        let language = *self.languages.get(index % n)?;
        let is_own = |fact: &usize| self.facts.get(*fact).is_some_and(|fact| fact.language == Some(language));
        if !self.options.languages.contains(&language) && !subject.facts.iter().all(is_own) {
            return None;
        }
        Writer { facts: self.facts, groups: &self.groups, options: self.options, language }.item(subject)
    }

    pub fn iter(&self) -> impl Iterator<Item = Item> + '_ {
        (0..self.len()).take_while(|_| !self.options.interrupt.raised()).filter_map(|i| self.item(i))
    }
}

/// Every item that can be taught, with its wordings (`max_wordings` of them), ordered by id, then by language. Depends on
/// the facts and the options alone, not on the facts' order.
pub fn items(facts: &[Fact], options: &ItemOptions<'_>) -> Vec<Item> {
    let outline = Outline::new(facts, options);
    each(outline.len(), &options.interrupt, |i| outline.item(i)).into_iter().flatten().collect()
}
