//! `compare --bases`: each base trained by one config in a run of its own, none promoted; then the table of their runs.

use std::path::{Path, PathBuf};

use super::compare::Formats;
use super::compare_runs::{ComparedRuns, NamedRun, check_output, table};
use super::pipeline::{self, Options, Step};
use super::{Context, Failure, Kind, promotion, serving};
use crate::config::{Purpose, Raw, RunConfig};
use crate::events::Note;
use crate::roles::{Role, same_model};

#[derive(Clone, Debug)]
pub struct BasesRequest {
    pub bases: Vec<String>,
    /// What the config says, and where it was said. Its own base and the names of its model and output are replaced.
    pub said: Raw,
    pub place: String,
    /// Use the embedded server.
    pub embedded: bool,
    pub output: Option<PathBuf>,
    pub formats: Formats,
}

/// A base, and the config of its run.
#[derive(Clone, Debug)]
struct BaseRun {
    base: String,
    config: RunConfig,
}

/// Trains what is not trained yet; every start goes on where the last one ended.
pub fn run(context: &mut Context<'_>, request: &BasesRequest) -> Result<ComparedRuns, Failure> {
    check(&request.bases)?;
    check_output(request.output.as_deref(), request.formats)?;
    let mut runs = configs(request)?;
    let Some(first) = runs.first().map(|run| run.config.clone()) else { return Err(too_few()) };
    context.adopt(&first)?;
    promotion::check_registry(context)?;
    // It lives as long as the runs.
    let _server = request.embedded.then(|| serving::embedded(context, &first.runs_dir.join("store"))).transpose()?;
    let role = shared_role(context, &runs, request)?;
    for run in &mut runs {
        run.config.role = role.as_ref().map(|role| role.name.clone());
        // A base that can't be trained is heard of before hours of another's training.
        context.open_base_to_train(&run.base)?;
    }
    let mut order: Vec<&BaseRun> = runs.iter().collect();
    if let Some(role) = &role {
        // The embedded server has the role's model once its own run has put it there.
        order.sort_by_key(|run| !same_model(&run.base, &role.model_name));
    }
    let of = order.len();
    let mut folders: Vec<(String, PathBuf)> = Vec::new();
    for (i, run) in order.into_iter().enumerate() {
        context.check_interrupt()?;
        context.report.keep_nowhere();
        context.report.note(Note::ComparedBase { base: run.base.clone(), number: i + 1, of });
        let options = Options {
            until: Step::Eval,
            force: false,
            resumed: None,
            against: None,
            limit: None,
            likelihood: false,
            control: false,
        };
        let ended = pipeline::run(context, &run.config, &options)?;
        folders.push((run.base.clone(), ended.run));
    }
    context.report.keep_nowhere();
    let folder = |base: &str| folders.iter().find(|(found, _)| found == base).map(|(_, folder)| folder.as_path());
    let named = runs.iter().filter_map(|run| Some(NamedRun { folder: folder(&run.base)?, label: run.base.clone() }));
    table(context, &named.collect::<Vec<_>>(), request.output.as_deref(), request.formats)
}

fn too_few() -> Failure {
    Failure::new(Kind::Usage, "there is one base, which can't be compared with itself")
        .hint("give two bases at least: --bases X Y")
}

fn check(bases: &[String]) -> Result<(), Failure> {
    if bases.len() < 2 {
        return Err(too_few());
    }
    match bases.iter().enumerate().find(|(i, base)| bases[..*i].iter().any(|other| same_model(other, base))) {
        Some((_, base)) => {
            Err(Failure::new(Kind::Usage, format!("the base {base} is given twice")).hint("name each base once"))
        }
        None => Ok(()),
    }
}

/// The same config for each base, with names of its own for the model and the copy of its adapter.
fn configs(request: &BasesRequest) -> Result<Vec<BaseRun>, Failure> {
    let words = words(&request.bases);
    let config = |(base, word): (&String, &String)| {
        let mut said = request.said.clone();
        said.model_to_fine_tune = Some(base.clone());
        said.output_model_name = said.output_model_name.map(|name| named_for(&name, word));
        said.output = said.output.map(|folder| folder.join(word));
        let config = RunConfig::resolve(said, Purpose::Run, &request.place)?;
        Ok(BaseRun { base: base.clone(), config })
    };
    request.bases.iter().zip(&words).map(config).collect()
}

/// A word for each base that names of models and folders may have in them; all differ.
fn words(bases: &[String]) -> Vec<String> {
    /// The part of a model's name has at most 80 characters.
    const LONGEST: usize = 32;
    let word = |base: &String| {
        let path = Path::new(base);
        let is_path = base.contains(['/', '\\']);
        let name = path.file_name().map_or_else(|| base.clone(), |name| name.to_string_lossy().into_owned());
        let name = if is_path { name.trim_end_matches(".gguf").to_owned() } else { base.clone() };
        let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
        let plain: String = plain.trim_matches(['-', '.']).chars().take(LONGEST).collect();
        if plain.is_empty() { "base".to_owned() } else { plain }
    };
    let mut words: Vec<String> = Vec::new();
    for plain in bases.iter().map(word) {
        // Names of models and, on some systems, of folders do not differ by case.
        let is_free = |word: &String| !words.iter().any(|other| other.eq_ignore_ascii_case(word));
        let numbered = (2..).map(|n| format!("{plain}-{n}"));
        words.extend(std::iter::once(plain.clone()).chain(numbered).find(is_free));
    }
    words
}

/// `home:v1` for the base `smollm2:135m` is `home-smollm2-135m:v1`.
fn named_for(model: &str, word: &str) -> String {
    match model.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => format!("{name}-{word}:{tag}"),
        _ => format!("{model}-{word}"),
    }
}

/// One role judges them all: the config's, else the one that uses the config's own base, or the first base that a role uses.
fn shared_role(context: &Context<'_>, runs: &[BaseRun], request: &BasesRequest) -> Result<Option<Role>, Failure> {
    let own = request.said.model_to_fine_tune.as_ref().zip(runs.first());
    let own = own.map(|(base, run)| RunConfig { model_to_fine_tune: base.clone(), ..run.config.clone() });
    for config in own.iter().chain(runs.iter().map(|run| &run.config)) {
        if let (Some(role), _) = pipeline::find_role(context, config)? {
            return Ok(Some(role));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_base_has_a_word_of_its_own() {
        let bases = ["smollm2:135m", "/models/a/Qwen 0.5B.gguf", "b/Qwen 0.5B.gguf", "Qwen/Qwen2.5-0.5B", "/"];
        let words = words(&bases.map(str::to_owned));
        assert_eq!(words, ["smollm2-135m", "Qwen-0.5B", "Qwen-0.5B-2", "Qwen2.5-0.5B", "base"]);
        let same = |bases: [&str; 3]| super::words(&bases.map(str::to_owned));
        assert_eq!(same(["a/x", "b/x", "x-2"]), ["x", "x-2", "x-2-2"]);
        assert_eq!(same(["x-2", "a/x", "b/X"]), ["x-2", "x", "X-3"]);
    }

    #[test]
    fn models_are_named_for_their_bases() {
        assert_eq!(named_for("home:v1", "smollm2-135m"), "home-smollm2-135m:v1");
        assert_eq!(named_for("me/home", "q"), "me/home-q");
        assert_eq!(named_for("localhost:5000/me/x", "q"), "localhost:5000/me/x-q");
    }

    #[test]
    fn one_base_and_a_base_given_twice_are_refused() {
        let refused = |bases: &[&str]| check(&bases.iter().map(|b| (*b).to_owned()).collect::<Vec<_>>()).unwrap_err();
        assert!(refused(&["a"]).to_string().contains("give two bases at least"));
        assert!(refused(&["a", "b", "a:latest"]).to_string().contains("a:latest is given twice"));
    }
}
