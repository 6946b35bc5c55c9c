//! What a Modelfile of ours says, through tera.

use std::collections::HashMap;

use super::{Command, Modelfile, ModelfileError, write};
use crate::render::{Bounded, Engine, Prepared, RenderError, Template};

/// The template that is used where the user has none.
pub const BUILT_IN: &str = include_str!("../../templates/modelfile.tera");

/// What a Modelfile of ours says; the fields of the tera templates in `templates/`.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Spec {
    /// FROM: a GGUF file's path or a model's name.
    pub from: String,
    /// ADAPTER: a LoRA GGUF's path.
    pub adapter: Option<String>,
    /// TEMPLATE: Go template text.
    pub template: String,
    pub system: Option<String>,
    /// PARAMETER, in order (`stop` may repeat).
    pub parameters: Vec<(String, String)>,
    pub license: Vec<String>,
    pub renderer: Option<String>,
    pub parser: Option<String>,
    /// `# key: value` lines at the top.
    pub lineage: Vec<(String, String)>,
}

impl Spec {
    /// The commands that a rendering must hold.
    pub fn commands(&self) -> Vec<Command> {
        let mut out = vec![Command::From(self.from.clone())];
        out.extend(self.adapter.clone().map(Command::Adapter));
        out.push(Command::Template(self.template.clone()));
        out.extend(self.renderer.clone().map(Command::Renderer));
        out.extend(self.parser.clone().map(Command::Parser));
        out.extend(self.system.clone().map(Command::System));
        let parameter =
            |(name, value): &(String, String)| Command::Parameter { name: name.clone(), value: value.clone() };
        out.extend(self.parameters.iter().map(parameter));
        out.extend(self.license.iter().cloned().map(Command::License));
        out
    }
}

/// Renders `spec` through tera: the template at `templates/modelfile.tera` (embedded), or the user's text. The result
/// is parsed back and must hold the same commands; a user's template may add PARAMETER, MESSAGE, LICENSE and REQUIRES.
pub fn render(spec: &Spec, user_template: Option<&str>) -> Result<String, ModelfileError> {
    // What no quoting can hold is said better by the writer than by the comparison below.
    let wanted = Modelfile { commands: spec.commands() };
    wanted.to_text()?;
    let text = through_tera(spec, user_template.unwrap_or(BUILT_IN))?;
    let said = Modelfile::parse(&text)?;
    let mut extra = said.commands;
    for command in wanted.commands {
        match extra.iter().position(|c| *c == command) {
            Some(at) => drop(extra.remove(at)),
            None => return Err(ModelfileError::Lost(format!("`{}` is missing", first_line(&command)))),
        }
    }
    for command in &extra {
        let free = matches!(
            command,
            Command::Parameter { .. } | Command::Message { .. } | Command::License(_) | Command::Requires(_)
        );
        if !free {
            return Err(ModelfileError::Lost(format!("`{}` was added by the template", first_line(command))));
        }
    }
    Ok(text)
}

fn first_line(command: &Command) -> String {
    let text = write::command(command);
    let line = text.lines().next().unwrap_or_default();
    line.chars().take(80).collect()
}

fn through_tera(spec: &Spec, template: &str) -> Result<String, ModelfileError> {
    let fault = |e: RenderError| ModelfileError::Template(e.to_string());
    let input = serde_json::to_string(spec).map_err(|e| ModelfileError::Template(e.to_string()))?;
    let rendered = Template::new(Engine::Tera, template, template.to_owned(), prepare).map_err(fault)?;
    Ok(rendered.render(&input).map_err(fault)?.trim_start().to_string())
}

/// Compiles a template; what it is rendered with is the fields of a [`Spec`] as JSON. It can't include other files,
/// since there are none, nor read the environment.
pub fn prepare(template: &str) -> Result<Prepared, RenderError> {
    let mut tera = tera::Tera::default();
    tera.autoescape_on(vec![]);
    tera.register_filter("quoted", |value: &tera::Value, _: &HashMap<String, tera::Value>| {
        Ok(write::quoted(&text_of(value)?).into())
    });
    tera.register_filter("line", |value: &tera::Value, _: &HashMap<String, tera::Value>| {
        Ok(text_of(value)?.split(['\r', '\n']).collect::<Vec<_>>().join(" ").into())
    });
    tera.register_function("get_env", |_: &HashMap<String, tera::Value>| -> tera::Result<tera::Value> {
        Err(tera::Error::msg("a Modelfile template can't read the environment"))
    });
    tera.add_raw_template("modelfile", template).map_err(tera_error)?;
    Ok(Box::new(move |fields| {
        let engine = |e: &dyn std::fmt::Display| RenderError::Engine(e.to_string());
        let fields = serde_json::from_str(fields).map_err(|e| engine(&e))?;
        let context = tera::Context::from_value(fields).map_err(|e| engine(&e))?;
        let mut out = Bounded::default();
        let rendered = tera.render_to("modelfile", &context, &mut out);
        if out.is_full() {
            return Err(RenderError::Output);
        }
        rendered.map_err(tera_error)?;
        out.text().ok_or(RenderError::Output)
    }))
}

fn text_of(value: &tera::Value) -> tera::Result<String> {
    match value {
        tera::Value::String(text) => Ok(text.clone()),
        tera::Value::Number(number) => Ok(number.to_string()),
        _ => Err(tera::Error::msg("`quoted` and `line` take a text")),
    }
}

fn tera_error(error: tera::Error) -> RenderError {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    RenderError::Template(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Spec {
        Spec {
            from: "./model q8_0.gguf".into(),
            adapter: None,
            template: "{{ if .System }}<|im_start|>system\n\"{{ .System }}\"<|im_end|>\n{{ end }}\n".into(),
            system: Some("You are <b> & \"terse\".".into()),
            parameters: vec![
                ("stop".into(), "<|im_end|>".into()),
                ("stop".into(), "\" ".into()),
                ("num_ctx".into(), "2048".into()),
            ],
            license: vec!["Apache\nLicense".into(), "other".into()],
            renderer: None,
            parser: None,
            lineage: vec![("run".into(), "r1".into()), ("note".into(), "a\nFROM evil".into())],
        }
    }

    #[test]
    fn the_built_in_template_says_it_all() {
        let text = render(&spec(), None).unwrap();
        assert!(
            text.starts_with("# run: r1\n# note: a FROM evil\nFROM ./model q8_0.gguf\nTEMPLATE \"\"\"{{ if"),
            "{text}"
        );
        assert!(text.contains("SYSTEM You are <b> & \"terse\".\n"), "{text}");
        assert_eq!(Modelfile::parse(&text).unwrap().commands, spec().commands());
        let mut adapter = spec();
        adapter.adapter = Some("a.gguf".into());
        adapter.renderer = Some("qwen3".into());
        adapter.parser = Some("qwen3".into());
        adapter.system = None;
        adapter.license.clear();
        let text = render(&adapter, None).unwrap();
        assert_eq!(Modelfile::parse(&text).unwrap().commands, adapter.commands());
        assert!(!text.contains("\n\n"), "no blank lines: {text}");
    }

    #[test]
    fn a_users_template_may_add_but_not_change() {
        let own = format!("{BUILT_IN}PARAMETER temperature 0.2\nMESSAGE user hi\n");
        assert!(render(&spec(), Some(&own)).unwrap().contains("PARAMETER temperature 0.2"));
        let lost = BUILT_IN.replace("TEMPLATE {{ template | quoted }}", "TEMPLATE {{ template | trim | quoted }}");
        assert!(render(&spec(), Some(&lost)).unwrap_err().to_string().contains("TEMPLATE"));
        let added = format!("{BUILT_IN}SYSTEM obey\n");
        assert!(render(&spec(), Some(&added)).unwrap_err().to_string().contains("added by the template"));
        assert!(matches!(render(&spec(), Some("{{ nope }}")), Err(ModelfileError::Template(_))));
        assert!(matches!(render(&spec(), Some("FORM x")), Err(ModelfileError::Syntax { .. })));
    }
}
