//! The template languages.

/// The template languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Jinja,
    Go,
    Tera,
}
