//! A vote, a line of `votes.jsonl`.

use serde::{Deserialize, Serialize};

/// Of a line of `votes.jsonl`.
pub const VOTES_VERSION: u32 = 1;

/// v1 or v2, wherever its answer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    V1,
    V2,
}

impl Side {
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::V1 => Self::V2,
            Self::V2 => Self::V1,
        }
    }
}

/// What was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    V1,
    V2,
    /// Both are as good.
    Tie,
    /// Neither will do.
    Bad,
}

impl Choice {
    /// The side that won.
    pub const fn side(self) -> Option<Side> {
        match self {
            Self::V1 => Some(Side::V1),
            Self::V2 => Some(Side::V2),
            Self::Tie | Self::Bad => None,
        }
    }
}

impl From<Side> for Choice {
    fn from(side: Side) -> Self {
        match side {
            Side::V1 => Self::V1,
            Side::V2 => Self::V2,
        }
    }
}

/// Whose answer it was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VotedModel {
    pub model: String,
    /// Of the weights that answered.
    pub digest: String,
}

impl VotedModel {
    pub fn new(model: impl Into<String>, digest: impl Into<String>) -> Self {
        Self { model: model.into(), digest: digest.into() }
    }
}

/// One choice of a person between two answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vote {
    pub version: u32,
    /// RFC 3339.
    pub ts: String,
    pub suite: String,
    pub id: String,
    pub prompt: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expected: Vec<String>,
    pub v1: VotedModel,
    pub v2: VotedModel,
    pub v1_answer: String,
    pub v2_answer: String,
    /// Whose answer stood on the left.
    pub left: Side,
    pub choice: Choice,
    /// From the showing to the choice.
    pub seconds: f64,
    /// An answer holds a model's name, so the person could know whose it was.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub named: bool,
}

/// The votes of a file. A torn last line (a kill while it was written) is left out; any other line that is no vote is named
/// with its number.
pub fn read_votes(bytes: &[u8]) -> Result<Vec<Vote>, String> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let (lines, last) = bytes.split_at(whole);
    let mut votes = Vec::new();
    for (index, line) in lines.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let vote: Vote = serde_json::from_slice(line).map_err(|e| format!("line {} is no vote: {e}", index + 1))?;
        if vote.version != VOTES_VERSION {
            return Err(format!(
                "line {} has version {}; this program reads version {VOTES_VERSION}",
                index + 1,
                vote.version
            ));
        }
        votes.push(vote);
    }
    votes.extend(serde_json::from_slice::<Vote>(last).ok().filter(|vote| vote.version == VOTES_VERSION));
    Ok(votes)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::eval::votes) fn vote(choice: &str) -> Vote {
        Vote {
            version: VOTES_VERSION,
            ts: "2026-12-03T00:00:00Z".into(),
            suite: "s.jsonl".into(),
            id: "1".into(),
            prompt: "question".into(),
            expected: Vec::new(),
            v1: VotedModel::new("m:v1", "sha256:1"),
            v2: VotedModel::new("m:v2", "sha256:2"),
            v1_answer: "one".into(),
            v2_answer: "two".into(),
            left: Side::V1,
            choice: serde_json::from_value(choice.into()).unwrap(),
            seconds: 2.5,
            named: false,
        }
    }

    fn line(vote: &Vote) -> String {
        serde_json::to_string(vote).unwrap() + "\n"
    }

    #[test]
    fn votes_are_read_as_they_were_written_and_a_torn_end_is_left_out() {
        let votes = [vote("v1"), vote("tie"), vote("bad")];
        let text: String = votes.iter().map(line).collect();
        assert_eq!(read_votes(text.as_bytes()).unwrap(), votes);
        assert_eq!(read_votes(text.trim_end().as_bytes()).unwrap(), votes, "an editor took the last line's end");
        assert_eq!(read_votes(&text.as_bytes()[..text.len() - 10]).unwrap(), votes[..2]);
        assert!(read_votes(b"").unwrap().is_empty());
    }

    #[test]
    fn a_damaged_line_and_another_version_are_named() {
        let text = format!("{}{{\"version\":1}}\n", line(&vote("v1")));
        assert!(read_votes(text.as_bytes()).unwrap_err().starts_with("line 2 is no vote: missing field"));
        let later = Vote { version: 2, ..vote("v1") };
        assert!(read_votes(line(&later).as_bytes()).unwrap_err().starts_with("line 1 has version 2"));
        let wrong = line(&vote("v1")).replace("\"choice\":\"v1\"", "\"choice\":\"v3\"");
        assert!(read_votes(wrong.as_bytes()).unwrap_err().contains("v3"));
    }
}
