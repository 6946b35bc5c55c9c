//! Votes of people on answers without names: asked for by `eval --blind`, counted by `votes`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::{Context, Failure};
use crate::eval::{self, AnswerPair, VOTES_VERSION, Vote, read_votes};
pub use crate::eval::{BlindPair, Choice, Side, Tally, VotedModel};
use crate::store::{
    FileAction, Interrupt, OpenFor, StoreError, check_state_file, create_state_folder, open_nofollow, read_nofollow,
};

/// The file of votes.
pub(super) const NAME: &str = "votes.jsonl";

/// A vote is a few KiB.
const MAX_BYTES: u64 = 256 << 20;
/// A name that is shorter than this says nothing of a model.
const LEAST_NAME: usize = 4;

/// What a person replied to a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    Left,
    Right,
    /// Both are as good.
    Tie,
    /// Neither will do.
    Bad,
    /// The next pair; this one comes again another time.
    Skip,
    End,
}

/// A pair, and how far this is.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    pub pair: &'a BlindPair,
    /// From 1.
    pub number: usize,
    pub of: usize,
}

/// Asks a person.
pub trait Voter {
    fn choose(&mut self, shown: &Shown<'_>) -> Result<Reply, Failure>;
}

/// `votes.jsonl`: append-only, each vote on disk before the next is asked for.
#[derive(Debug)]
pub(super) struct VotesFile {
    path: PathBuf,
    votes: Vec<Vote>,
    /// What the next line has to do with the end of the file.
    end: FileEnd,
}

/// How a file of lines ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileEnd {
    Whole,
    /// The last line is whole, but for its line break.
    NoBreak,
    /// A kill left a part of a line behind these bytes.
    Torn {
        whole: u64,
        length: u64,
    },
}

impl VotesFile {
    /// Beside the other state of the roles; in `otherwise` where there are no roles.
    fn place(models_yaml: &Path, otherwise: &Path) -> Result<PathBuf, Failure> {
        let roles = std::fs::canonicalize(models_yaml).ok();
        let Some(folder) = roles.as_deref().and_then(Path::parent) else { return Ok(otherwise.join(NAME)) };
        let state = folder.join(".tunesmith");
        create_state_folder(&state)?;
        Ok(state.join(NAME))
    }

    /// A file that is not there holds no vote.
    pub(super) fn open(path: PathBuf) -> Result<Self, Failure> {
        let bytes = read_nofollow(&path, MAX_BYTES)?.unwrap_or_default();
        let votes = read_votes(&bytes).map_err(|reason| {
            Failure::input(format!("{}: {reason}", path.display()))
                .hint("correct the line, or move the file away and start again")
        })?;
        let last = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let end = match &bytes[last..] {
            [] => FileEnd::Whole,
            rest if serde_json::from_slice::<Vote>(rest).is_ok() => FileEnd::NoBreak,
            _ => FileEnd::Torn { whole: last as u64, length: bytes.len() as u64 },
        };
        Ok(Self { path, votes, end })
    }

    pub(super) fn votes(&self) -> &[Vote] {
        &self.votes
    }

    fn append(&mut self, vote: Vote) -> Result<(), Failure> {
        let fault = |e: std::io::Error| StoreError::new(FileAction::Writing("a vote"), &self.path, e);
        let mut line = if self.end == FileEnd::NoBreak { vec![b'\n'] } else { Vec::new() };
        line.extend(serde_json::to_vec(&vote).map_err(|e| fault(e.into()))?);
        line.push(b'\n');
        let mut file = open_nofollow(&self.path, OpenFor::Append)?;
        // Of a file that has grown meanwhile, nothing is cut off: the votes are somebody else's.
        if let FileEnd::Torn { whole, length } = self.end
            && file.metadata().map_err(fault)?.len() == length
        {
            file.set_len(whole).map_err(fault)?;
        }
        // One write a line: two processes may append at once.
        file.write_all(&line).and_then(|()| file.sync_all()).map_err(fault)?;
        self.end = FileEnd::Whole;
        self.votes.push(vote);
        Ok(())
    }
}

/// What was voted now, and what all votes on these two models show.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Voted {
    pub now: usize,
    /// Pairs that have no vote yet.
    pub open: usize,
    pub tally: Option<Tally>,
    pub file: PathBuf,
}

/// Where the votes on an evaluation go, read and tried before anything is asked.
pub(super) fn open(context: &Context<'_>, output: &Path) -> Result<VotesFile, Failure> {
    let path = VotesFile::place(&context.models_yaml, output)?;
    check_state_file(&path)?;
    VotesFile::open(path)
}

/// What is voted on.
pub(super) struct Voting<'a> {
    pub(super) pairs: Vec<AnswerPair>,
    /// v1 and v2.
    pub(super) models: [VotedModel; 2],
    /// Of the order and the sides.
    pub(super) seed: u64,
    pub(super) interrupt: &'a Interrupt,
}

/// Shows every pair that has no vote; each vote is kept at once.
pub(super) fn ask(file: &mut VotesFile, voter: &mut dyn Voter, voting: Voting<'_>) -> Result<Voted, Failure> {
    let Voting { pairs, models, seed, interrupt } = voting;
    let [v1, v2] = &models;
    let pairs = eval::blind_pairs(pairs, [v1, v2], &file.votes, seed);
    let mut now = 0;
    for (index, pair) in pairs.iter().enumerate() {
        if interrupt.raised() {
            return Err(Failure::interrupted());
        }
        let started = Instant::now();
        let reply = voter.choose(&Shown { pair, number: index + 1, of: pairs.len() })?;
        let choice = match reply {
            Reply::Left => pair.left.into(),
            Reply::Right => pair.left.other().into(),
            Reply::Tie => Choice::Tie,
            Reply::Bad => Choice::Bad,
            Reply::Skip => continue,
            Reply::End => break,
        };
        file.append(vote(pair, &models, choice, started.elapsed().as_secs_f64()))?;
        now += 1;
    }
    let tally = eval::tallies(&file.votes).into_iter().find(|t| t.v1.digest == v1.digest && t.v2.digest == v2.digest);
    Ok(Voted { now, open: pairs.len() - now, tally, file: file.path.clone() })
}

fn vote(shown: &BlindPair, [v1, v2]: &[VotedModel; 2], choice: Choice, seconds: f64) -> Vote {
    let pair = &shown.pair;
    let named = [v1, v2].iter().any(|model| names(&pair.v1, &model.model) || names(&pair.v2, &model.model));
    Vote {
        version: VOTES_VERSION,
        ts: jiff::Timestamp::now().to_string(),
        suite: pair.suite.clone(),
        id: pair.id.clone(),
        prompt: pair.prompt.clone(),
        expected: pair.expected.clone(),
        v1: v1.clone(),
        v2: v2.clone(),
        v1_answer: pair.v1.clone(),
        v2_answer: pair.v2.clone(),
        left: shown.left,
        choice,
        seconds,
        named,
    }
}

/// Whether an answer says the model's name, without its tag.
fn names(answer: &str, model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model).split(':').next().unwrap_or(model).to_lowercase();
    name.chars().count() >= LEAST_NAME && answer.to_lowercase().contains(&name)
}

/// `tunesmith votes`: what the votes show, for each pair of models.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Counted {
    pub file: PathBuf,
    pub tallies: Vec<Tally>,
}

/// `file`: of an evaluation without roles; None: the roles' own.
pub fn count(context: &Context<'_>, file: Option<&Path>) -> Result<Counted, Failure> {
    let path = match file {
        Some(file) => file.to_path_buf(),
        None => {
            let folder = context.models_yaml.parent().unwrap_or(Path::new("."));
            folder.join(".tunesmith").join(NAME)
        }
    };
    if !path.exists() {
        return Err(Failure::input(format!("{}: there are no votes yet", path.display()))
            .hint("vote with: tunesmith eval --blind --model MODEL --against MODEL --suite FILE"));
    }
    let VotesFile { path, votes, .. } = VotesFile::open(path)?;
    Ok(Counted { file: path, tallies: eval::tallies(&votes) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Replies what it is told to.
    struct Told(Vec<Reply>);

    impl Voter for Told {
        fn choose(&mut self, shown: &Shown<'_>) -> Result<Reply, Failure> {
            assert_eq!(shown.pair.left() == shown.pair.pair.v1, shown.pair.left == Side::V1);
            Ok(if self.0.is_empty() { Reply::End } else { self.0.remove(0) })
        }
    }

    /// Prefers this text, wherever it stands.
    struct Prefers(&'static str);

    impl Voter for Prefers {
        fn choose(&mut self, shown: &Shown<'_>) -> Result<Reply, Failure> {
            Ok(if shown.pair.left().starts_with(self.0) { Reply::Left } else { Reply::Right })
        }
    }

    fn pairs(n: usize) -> Vec<AnswerPair> {
        let pair = |i| AnswerPair {
            suite: "s.jsonl".into(),
            id: format!("{i}"),
            prompt: format!("question {i}"),
            expected: Vec::new(),
            v1: format!("old {i}"),
            v2: format!("new {i}, says support"),
        };
        (0..n).map(pair).collect()
    }

    fn models() -> [VotedModel; 2] {
        [VotedModel::new("support:v1", "sha256:1"), VotedModel::new("support:v2", "sha256:2")]
    }

    fn voted(path: &Path, voter: &mut dyn Voter, n: usize) -> Voted {
        let mut file = VotesFile::open(path.to_path_buf()).unwrap();
        let interrupt = Interrupt::default();
        ask(&mut file, voter, Voting { pairs: pairs(n), models: models(), seed: 7, interrupt: &interrupt }).unwrap()
    }

    #[test]
    fn a_choice_goes_to_the_model_whose_answer_stood_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("votes.jsonl");
        let first = voted(&path, &mut Prefers("new"), 9);
        let tally = first.tally.unwrap();
        assert_eq!((first.now, first.open, tally.wins, tally.losses), (9, 0, 9, 0));
        assert_eq!((tally.winner, tally.named), (Some(Side::V2), 9));
        // Read again: nothing is asked twice.
        let again = voted(&path, &mut Prefers("old"), 9);
        assert_eq!((again.now, again.tally.unwrap().wins), (0, 9));
    }

    #[test]
    fn skipped_pairs_come_again_and_the_end_keeps_what_was_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("votes.jsonl");
        let first = voted(&path, &mut Told(vec![Reply::Skip, Reply::Tie, Reply::Bad]), 5);
        assert_eq!((first.now, first.open), (2, 3));
        let tally = first.tally.unwrap();
        assert_eq!((tally.ties, tally.bad, tally.wins + tally.losses), (1, 1, 0));
        assert_eq!(voted(&path, &mut Told(vec![Reply::Left; 9]), 5).now, 3);
    }

    #[test]
    fn a_torn_vote_is_written_over_and_a_damaged_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("votes.jsonl");
        voted(&path, &mut Told(vec![Reply::Left]), 5);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}{{\"version\":1,\"ts\":\"20")).unwrap();
        voted(&path, &mut Told(vec![Reply::Left]), 5);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(read_votes(text.as_bytes()).unwrap().len() == 2 && text.lines().count() == 2, "{text}");
        std::fs::write(&path, format!("no vote\n{text}")).unwrap();
        let e = VotesFile::open(path.clone()).unwrap_err();
        assert!(e.message().contains("votes.jsonl: line 1 is no vote"), "{}", e.message());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("no vote\n{text}"));
    }

    #[test]
    fn two_who_vote_at_once_lose_no_vote() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("votes.jsonl");
        let mut one = VotesFile::open(path.clone()).unwrap();
        voted(&path, &mut Told(vec![Reply::Left; 2]), 5);
        let interrupt = Interrupt::default();
        let voting = Voting { pairs: pairs(1), models: models(), seed: 7, interrupt: &interrupt };
        ask(&mut one, &mut Told(vec![Reply::Tie]), voting).unwrap();
        assert_eq!(VotesFile::open(path).unwrap().votes.len(), 3);
    }

    #[test]
    fn an_interrupt_ends_the_voting() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = VotesFile::open(folder.path().join("votes.jsonl")).unwrap();
        let interrupt = Interrupt::default();
        interrupt.raise();
        let voting = Voting { pairs: pairs(2), models: models(), seed: 7, interrupt: &interrupt };
        assert!(ask(&mut file, &mut Told(Vec::new()), voting).is_err());
    }
}
