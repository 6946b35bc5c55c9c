//! The commands that promote the model, take it back, or remove it.

use super::escape::{escaped, shell_argument};
use super::files::RunFiles;

pub(super) fn section(files: &RunFiles) -> String {
    let mut out =
        String::from("<section id=\"commands\" aria-labelledby=\"commands-h\">\n<h2 id=\"commands-h\">Commands</h2>\n");
    let commands = commands(files);
    if commands.is_empty() {
        let what = if files.earlier.is_any() { "of this adapter" } else { "here" };
        out.push_str(&format!("<p>No model was made {what}, so there is nothing to promote or to take back.</p>\n"));
    }
    for Command { what, line } in commands {
        out.push_str(&format!(
            "<p>{}:</p>\n<pre class=\"command\" tabindex=\"0\">{}</pre>\n",
            escaped(&what),
            escaped(&line)
        ));
    }
    out.push_str("</section>\n");
    out
}

struct Command {
    what: String,
    line: String,
}

fn commands(files: &RunFiles) -> Vec<Command> {
    let Some(model) = files.model() else { return Vec::new() };
    let is_served = files.proof.as_ref().is_some_and(|p| p.passed) || !files.scorecards.is_empty();
    if !is_served {
        return Vec::new();
    }
    let log = &files.log;
    let roles = files.option("models_yaml").filter(|path| *path != "configs/models.yaml");
    let roles = roles.map(|path| format!(" --models-yaml {}", shell_argument(path))).unwrap_or_default();
    let promoted = log.promoted.as_ref().map(|p| p.role.as_str()).or(log.used_already.as_deref());
    let role = promoted.or_else(|| files.evaluation()?.role.as_deref()).or_else(|| files.option("role"));
    let mut commands = Vec::new();
    let mut add = |what: &str, line: String| commands.push(Command { what: what.to_owned(), line });
    let name = shell_argument(model);
    match (promoted, role) {
        (Some(role), _) => {
            let role = shell_argument(role);
            add("Undo: give the role the model that it had before", format!("tunesmith rollback --role {role}{roles}"));
            add("Promote it again after that", format!("tunesmith promote --role {role} --to {name}{roles}"));
        }
        (None, Some(role)) => {
            let role = shell_argument(role);
            let what = match super::verdict::headline(files).outcome {
                super::verdict::Outcome::Good => "Promote it",
                _ => "Promote it, which is refused without a passed gate on record (`--force` overrides the refusal)",
            };
            add(what, format!("tunesmith promote --role {role} --to {name}{roles}"));
            add("Undo a promotion", format!("tunesmith rollback --role {role}{roles}"));
        }
        (None, None) => {}
    }
    // The embedded server ended with the run: its model is asked natively.
    let embedded = log.embedded || files.proof.as_ref().is_some_and(|p| p.kind == "self-check");
    match (embedded, &log.folder) {
        (true, Some(folder)) => {
            let adapter = shell_argument(&format!("{folder}/final"));
            add("Ask it", format!("tunesmith query --model {adapter}"));
        }
        (true, None) => {}
        (false, _) => {
            add("Ask it", format!("ollama run {name}"));
            if promoted.is_none() {
                add("Remove it", format!("ollama rm {name}"));
            }
        }
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::files::Proof;
    use crate::report::options::RunOptions;

    fn files(options: &str) -> RunFiles {
        RunFiles {
            options: Some(RunOptions::parse(options.to_owned()).unwrap()),
            proof: Some(Proof { passed: true, ..Proof::default() }),
            ..RunFiles::default()
        }
    }

    #[test]
    fn commands_name_role_model_and_file() {
        let html = section(&files("output_model_name: x:v2\nrole: router\nmodels_yaml: a b/m.yaml\n"));
        assert!(
            html.contains("tunesmith promote --role router --to x:v2 --models-yaml &#39;a b/m.yaml&#39;"),
            "{html}"
        );
        assert!(html.contains("ollama rm x:v2"), "{html}");
        let own = section(&files("output_model_name: x:v2\nmodels_yaml: configs/models.yaml\n"));
        assert!(own.contains("ollama run x:v2") && !own.contains("promote"), "{own}");
        assert!(section(&RunFiles::default()).contains("No model was made here"));
    }

    #[test]
    fn a_hostile_name_stays_one_argument() {
        let html = section(&files("output_model_name: x; rm -rf ~\nrole: r\n"));
        assert!(
            html.contains("--to &#39;x; rm -rf ~&#39;") && html.contains("ollama run &#39;x; rm -rf ~&#39;"),
            "{html}"
        );
    }
}
