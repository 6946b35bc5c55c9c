//! Which of two answers a person prefers, without knowing whose they are: pairs, votes, and what the votes show.

mod pair;
mod tally;
mod vote;

pub use pair::{AnswerPair, BlindPair, answer_pairs, blind_pairs, equal_answers};
pub use tally::{Tally, tallies};
pub use vote::{Choice, Side, VOTES_VERSION, Vote, VotedModel, read_votes};
