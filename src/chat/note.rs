//! What a user should know of a template.

use jiff::civil::Date;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateNote {
    /// It writes today's date: its own fixed date is used.
    OwnDate,
    /// It writes today's date: this one is used.
    FixedDate(Date),
    /// It has no place for a system message.
    NoSystem,
    /// It writes no end of turn.
    NoEndOfTurn,
    /// Of a TEMPLATE that writes more than the messages (the date, whether to think): what it writes on this day is used,
    /// with thinking not set.
    WritesMore(Date),
}
