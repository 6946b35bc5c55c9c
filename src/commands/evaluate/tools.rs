//! Suites whose prompts are asked with tools need models that can be given tools.

use super::suites::open;
use crate::commands::Failure;
use crate::eval::Suite;
use crate::ollama::{Client, OllamaError};
use crate::roles::Role;

/// Ollama's word for it.
const TOOLS: &str = "tools";

/// Refuses models without tools before anything is asked.
pub(super) fn check<'a>(
    client: &Client,
    suites: impl Iterator<Item = &'a Suite>,
    models: &[&str],
) -> Result<(), Failure> {
    for suite in suites {
        let Some(case) = suite.with_tools() else { continue };
        for model in models {
            let show = client.show(model)?.ok_or_else(|| OllamaError::NoModel((*model).to_owned()))?;
            if show.capabilities.iter().all(|capability| capability != TOOLS) {
                let (suite, id) = (&suite.name, &case.id);
                return Err(Failure::input(format!(
                    "the suite {suite} asks with tools (the first prompt is {id:?}), and the model {model} cannot be given any: its capabilities are {}",
                    show.capabilities.join(", ")
                ))
                .hint("name models whose template has tools (`ollama show MODEL` lists `tools`), or leave the suite out"));
            }
        }
    }
    Ok(())
}

/// As [`check`], of a role's suites and one model, before anything trains.
pub fn check_role_tools(client: &Client, role: &Role, model: &str) -> Result<(), Failure> {
    let suites = role.eval.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    check(client, suites.iter(), &[model])
}

/// As [`check_role_tools`], of the template that the tuned model will be served with; None: its file's own.
pub fn check_template_tools(role: &Role, template: Option<&str>) -> Result<(), Failure> {
    if template.is_none_or(|template| template.contains(".Tools")) {
        return Ok(());
    }
    for suite in &role.eval {
        let suite = open(suite)?;
        if suite.with_tools().is_some() {
            let what = format!(
                "the suite {} asks with tools, and the template that the tuned model will be served with has none",
                suite.name
            );
            return Err(Failure::input(what)
                .hint("tune a base whose template in Ollama has `.Tools`, or leave the suite out of the role"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::commands::test_daemon::daemon;

    #[test]
    fn a_template_without_tools_is_refused_where_a_suite_asks_with_them() {
        let mut role = Role::bare("r", "v1");
        let suite = |name: &str| crate::roles::SuiteRef {
            goal: crate::eval::Goal::Hold,
            suite: name.to_owned(),
            metric: None,
            margin: None,
            min_gain: None,
        };
        role.eval = vec![suite("builtin:smoke")];
        assert!(check_template_tools(&role, Some("{{ .Prompt }}")).is_ok());
        role.eval.push(suite("builtin:tools"));
        for template in [None, Some("{{ range .Tools }}{{ end }}{{ .Prompt }}")] {
            assert!(check_template_tools(&role, template).is_ok());
        }
        let e = check_template_tools(&role, Some("{{ .Prompt }}")).unwrap_err();
        assert!(e.message().contains("builtin:tools asks with tools"), "{}", e.message());
    }

    #[test]
    fn a_model_without_tools_is_refused_by_name_and_none_is_looked_at_without_need() {
        let show =
            |capabilities: &[&str]| (200, json!({"modelfile": "FROM m", "capabilities": capabilities}).to_string());
        let tools = r#"{"id": "q1", "prompt": "p", "tools": [{"type": "function", "function": {"name": "a"}}], "assert": [{"type": "tool-call"}]}"#;
        let (with, without) =
            (Suite::parse(tools, "t").unwrap(), Suite::parse("{\"prompt\": \"p\", \"expected\": \"e\"}", "s").unwrap());
        let (client, _asked) = daemon(vec![show(&["completion", "tools"]), show(&["completion"])]);
        assert!(check(&client, [&without].into_iter(), &["v1", "v2"]).is_ok());
        let e = check(&client, [&without, &with].into_iter(), &["v1", "v2"]).unwrap_err();
        let said = e.to_string();
        assert!(said.contains("the suite t asks with tools") && said.contains("\"q1\""), "{said}");
        assert!(said.contains("the model v2 cannot be given any: its capabilities are completion"), "{said}");
        assert!(e.hint.unwrap().contains("leave the suite out"));
    }
}
