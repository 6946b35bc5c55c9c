//! `tunesmith eval`: an evaluation without a run; a person and a judge may be asked beside it.

use std::path::{Path, PathBuf};

use super::comparison::{Comparison, Outcome};
use super::control::MadeBy;
use super::likelihood::ServedModels;
use super::written::SUMMARY;
use super::{Scored, scored, trained, write};
use crate::base::Base;
use crate::bert::Bert;
use crate::commands::judging::{Judge, Judging};
use crate::commands::votes::{self, VotedModel, Voter, VotesFile, Voting};
use crate::commands::{Context, Failure, Kind, reporting};
use crate::eval::{self, Goal};
use crate::events::Note;
use crate::ollama::{Client, OllamaError};
use crate::roles::{Role, SuiteRef, same_model};
use crate::store::{Digest, Inputs, check_replaceable, check_writable};

/// A suite of the command line: what everybody should know, in any version, is to be held; any other to be improved.
fn named(suite: &str) -> SuiteRef {
    let goal = if suite.starts_with("builtin:") { Goal::Hold } else { Goal::Improve };
    SuiteRef { goal, suite: suite.to_owned(), metric: None, margin: None, min_gain: None }
}

/// A suite as the command line names it: a file, or the name of one of the program's, with or without `builtin:`.
pub fn suite_name(said: &str) -> Result<String, Failure> {
    suite_name_in(Path::new(""), said)
}

/// As [`suite_name`], of a file in this folder. A folder of the same name is no suite.
fn suite_name_in(folder: &Path, said: &str) -> Result<String, Failure> {
    if said.starts_with("builtin:") || folder.join(said).is_file() {
        return Ok(said.to_owned());
    }
    match eval::nearest_builtin(said).filter(|_| !said.contains(['/', '\\', '.'])) {
        Some(name) if name == said => Ok(format!("builtin:{name}")),
        Some(name) => Err(Failure::input(format!("--suite {said}: there is no such file"))
            .hint(format!("did you mean {name}, a suite of the program?"))),
        None => Ok(said.to_owned()),
    }
}

/// `tunesmith eval`: a role's suites, or files, without a run.
#[derive(Clone, Debug)]
pub struct EvalRequest {
    pub role: Option<String>,
    pub suites: Vec<String>,
    pub model: String,
    pub against: Option<String>,
    /// The embedding model; None: the role's.
    pub embed: Option<String>,
    pub limit: Option<usize>,
    pub output: PathBuf,
    /// Also write JUnit XML to this file.
    pub junit: Option<PathBuf>,
    /// The model that says which answers are better.
    pub judge: Option<String>,
    /// Times that each prompt is asked of each model; None: as the role says.
    pub samples: Option<usize>,
    /// Asks everything again, whatever was answered before.
    pub no_cache: bool,
    /// The folder of a BERT that compares answers with reference texts, and how many of its layers are computed.
    pub bert_score: Option<BertFolder>,
    pub num_thread: Option<u64>,
    /// Also compare how likely both models find the same texts.
    pub likelihood: bool,
    /// Also ask a control: the base, exported as the candidate was, with a tune of zero.
    pub control: bool,
}

/// A BERT in a folder.
#[derive(Clone, Debug)]
pub struct BertFolder {
    pub folder: PathBuf,
    /// That are computed; None: three quarters.
    pub layers: Option<usize>,
}

/// `voter`: a person who is asked which answer is better, before the verdict is known.
pub fn alone(
    context: &mut Context<'_>,
    request: &EvalRequest,
    voter: Option<&mut dyn Voter>,
) -> Result<Outcome, Failure> {
    let client = context.client()?;
    client.capabilities()?;
    let roles = context.roles()?;
    context.warn_of_roles(roles.as_ref());
    let mut role = match (&request.role, roles) {
        (Some(name), Some(roles)) => roles.role(name)?.clone(),
        (Some(name), None) => {
            return Err(Failure::input(format!("--role {name}: {} is not there", context.models_yaml.display())));
        }
        (None, _) => Role::bare("", ""),
    };
    if !request.suites.is_empty() {
        role.eval = request.suites.iter().map(|suite| named(suite)).collect();
    }
    role.embedding = request.embed.clone().or(role.embedding);
    let mut read = Inputs::default();
    read.add("the roles", &context.models_yaml);
    role.eval.iter().for_each(|suite| {
        read.add("a suite", Path::new(&suite.suite));
    });
    let is_written = |name: &str| name.ends_with(".json") || name == SUMMARY || name == reporting::NAME;
    read.refuse_overwrite_in(&request.output, is_written)?;
    if let Some(path) = &request.junit {
        read.refuse_overwrite(path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        check_writable(folder)?;
    }
    let v1 = match (&request.against, role.model_name.is_empty()) {
        (Some(name), _) => name.clone(),
        (None, false) => role.model_name.clone(),
        (None, true) => {
            return Err(Failure::new(Kind::Usage, "give --against MODEL, or --role, whose model is then v1"));
        }
    };
    if same_model(&v1, &request.model) {
        let whose = if request.against.is_some() { "--against names" } else { "the role uses" };
        let why = format!("{whose} {v1} itself: there is nothing to compare it with");
        return Err(Failure::new(Kind::Usage, why).hint("name another model by --against MODEL"));
    }
    // Before the first question, which may be the first of hours.
    for model in [&v1, &request.model].into_iter().chain(&role.embedding) {
        client.tag(model)?.ok_or_else(|| OllamaError::NoModel(model.clone()))?;
    }
    let base = base_of_both(context, &client, &v1, &request.model)?;
    let opened = match request.likelihood {
        true => Some(ServedModels::open(context, &client, &v1, &request.model)?),
        false => None,
    };
    let made_by = match request.control {
        true => Some(MadeBy::open(context, &request.model)?),
        false => None,
    };
    let trained = trained::records(context, &request.model, &role, base.as_ref());
    let bert = request.bert_score.as_ref().map(|bert| Bert::open(&bert.folder, bert.layers)).transpose()?;
    let comparison = Comparison {
        samples: request.samples,
        bert: bert.as_ref(),
        control: made_by.as_ref().map(MadeBy::plan),
        likelihood: opened.as_ref().map(ServedModels::arms).transpose()?,
        no_cache: request.no_cache,
        general: request.suites.is_empty(),
        v1,
        v2: request.model.clone(),
        held_out: &[],
        trained: &trained,
        base: base.as_ref(),
        output: request.output.clone(),
        limit: request.limit,
        num_thread: request.num_thread,
        seed: context.seed.unwrap_or(42),
        adapter: None,
        junit: request.junit.clone(),
        role: &role,
    };
    let page = request.output.join(reporting::NAME);
    check_replaceable(&page).map_err(|e| Failure::from(e).hint("nothing was asked yet: move it away"))?;
    let judge = request.judge.as_deref().map(|judge| Judge::new(&client, judge, [&comparison.v1, &comparison.v2]));
    let judge = judge.transpose()?;
    let wants_votes = voter.is_some() || judge.is_some();
    let mut votes = wants_votes.then(|| votes::open(context, &request.output)).transpose()?;
    let answers = scored(context, &client, &comparison)?;
    let voted = match (voter, &mut votes) {
        (Some(voter), Some(file)) => Some(votes::ask(file, voter, on(context, &comparison, &answers))?),
        _ => None,
    };
    let pairs = eval::answer_pairs(&answers.measured);
    let equal_answers = eval::equal_answers(&answers.measured);
    let outcome = write(context, &comparison, answers)?;
    reporting::write(context, &request.output);
    let judged = judge.map(|judge| {
        let votes = votes.as_ref().map(VotesFile::votes).unwrap_or_default();
        let judging = Judging { pairs: &pairs, equal_answers, votes, output: &request.output };
        judge.judge(context, &client, &judging)
    });
    Ok(Outcome { votes: voted, judge: judged.transpose()?, ..outcome })
}

fn on<'a>(context: &'a Context<'_>, comparison: &Comparison<'_>, answers: &Scored) -> Voting<'a> {
    Voting {
        pairs: eval::answer_pairs(&answers.measured),
        models: [
            VotedModel::new(&comparison.v1, &answers.provenance.v1_digest),
            VotedModel::new(&comparison.v2, &answers.provenance.v2_digest),
        ],
        // Another order each time, so that nobody votes on the same first pairs only.
        seed: context.seed.unwrap_or_else(|| jiff::Timestamp::now().as_nanosecond() as u64),
        interrupt: &context.interrupt,
    }
}

/// v1, where v2 is a tune of that very file: then both have its template, and are asked as `run` asks them.
fn base_of_both(context: &mut Context<'_>, client: &Client, v1: &str, v2: &str) -> Result<Option<Base>, Failure> {
    let lineage = client.show(v2)?.and_then(|show| crate::commands::delivery::lineage_of(&show, "base"));
    let Some(digest) = lineage.and_then(|text| text.parse::<Digest>().ok()) else { return Ok(None) };
    match client.show(v1)? {
        Some(show) if show.from.ends_with(&digest.blob_name()) => {}
        _ => return Ok(None),
    }
    // The files of a daemon elsewhere can't be read from here: said, and asked otherwise.
    let opened = context.open_base(v1);
    // With another template than its file's, v1 as it is served is not what those prompts would ask.
    if opened.as_ref().is_ok_and(|base| !base.is_served_as_trained()) {
        return Ok(None);
    }
    if let Err(e) = &opened {
        context.report.note(Note::TemplateUnknown { model: v1.to_owned(), reason: e.to_string() });
    }
    Ok(opened.ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_of_the_program_needs_no_prefix_and_a_wrong_word_gets_the_nearest() {
        assert_eq!(suite_name("jarvis").unwrap(), "builtin:jarvis");
        for said in ["builtin:none", "suites/jarvis.jsonl", "jarvis.jsonl", "x"] {
            assert_eq!(suite_name(said).unwrap(), said);
        }
        let e = suite_name("jarvs").unwrap_err();
        assert_eq!(e.hint.as_deref(), Some("did you mean jarvis, a suite of the program?"));
    }

    #[test]
    fn only_a_file_stands_before_a_suite_of_the_program() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("jarvis")).unwrap();
        assert_eq!(suite_name_in(dir.path(), "jarvis").unwrap(), "builtin:jarvis");
        std::fs::write(dir.path().join("smoke"), "{}").unwrap();
        assert_eq!(suite_name_in(dir.path(), "smoke").unwrap(), "smoke");
    }

    #[test]
    fn builtin_suites_are_held_in_every_version() {
        assert_eq!(["builtin:general", "builtin:general-v1"].map(|suite| named(suite).goal), [Goal::Hold; 2]);
        assert_eq!(named("builtin.jsonl").goal, Goal::Improve);
    }
}
