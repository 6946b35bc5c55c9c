//! What a suite asserts of an answer: by a key of the line (`expected`, `keywords`, `not_keywords`), or in the line's list `assert`
//! by one of the types of [`types::ASSERTION_TYPES`].

mod assertion_type;
mod entry;
mod given;
mod key;
#[cfg(test)]
mod page_tests;
mod quantity;
mod short_form;
mod texts;
mod tool_call;
mod types;
mod value;
mod wanted_call;

pub(super) use entry::Assertion;
pub(super) use given::{Given, TextSimilarity};
pub(super) use key::{
    ASSERTION_KEYS, Asserted, AssertionKey, EXPECTED, KEYWORDS, Wanted, bounded, found, listed, spoken,
};
pub(super) use short_form::short_form;
