//! Our reading of Ollama's templates and Modelfiles against Ollama's own Go packages
//! (tests/oracles/ollama_go → tests/fixtures/ollama_go.json; how to make it again stands in its main.go).

use serde_json::{Value, json};
use tunesmith::chat::{ChatTemplate, Message, Role, SpecialTokens, render_go};
use tunesmith::modelfile::{Command, Modelfile};

const TOKENS: SpecialTokens = SpecialTokens { bos: Some("<s>"), eos: Some("</s>"), adds_bos: true };
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn golden() -> Value {
    let path = format!("{ROOT}/tests/fixtures/ollama_go.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The Go templates derived from the templates of tests/fixtures/chat_templates, and some that people write.
fn templates() -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = std::fs::read_dir(format!("{ROOT}/tests/fixtures/chat_templates"))
        .expect("the folder of templates")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let source = std::fs::read_to_string(&path).expect("a template");
            let template = ChatTemplate::new(&source, TOKENS).expect("derivable");
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            (name, template.go_template().expect("expressible"))
        })
        .collect();
    out.sort();
    let by_hand = [
        "{{ .Prompt }}",
        "{{ if .System }}<s>{{ .System }}</s>{{ end }}{{ if .Prompt }}<u>{{ .Prompt }}</u>{{ end }}<a>{{ .Response }}</a>\n",
        "{{- range $i, $_ := .Messages }}{{- $last := eq (len (slice $.Messages $i)) 1 }}[{{ .Role }}]{{ json .Content }}{{ if and $last (ne .Role \"assistant\") }}[assistant]{{ end }}{{ end }}",
        "{{- if or .System .Tools }}<S>{{ .System }}{{ if .Tools }}T{{ end }}</S>{{ end }}{{- range .Messages }}\n{{ if .ToolCalls }}C{{ end }}{{ .Content }}{{ .Thinking }}{{- end }}{{ if .IsThinkSet }}x{{ end }}",
    ];
    out.extend(by_hand.iter().enumerate().map(|(i, go)| (format!("by-hand-{i}"), go.to_string())));
    out
}

fn conversations() -> Vec<Vec<Message>> {
    use Role::{Assistant as A, System as S, User as U};
    let of = |turns: &[(Role, &str)]| turns.iter().map(|(role, text)| Message::new(*role, *text)).collect();
    vec![
        of(&[(U, "Hello")]),
        of(&[(S, "be <b> & \"terse\""), (U, "é {{ x }} 漢字"), (A, "yes"), (U, "go on")]),
        of(&[(S, "one"), (S, "two"), (U, "a"), (U, "b"), (A, "c"), (A, "d"), (U, "e")]),
        of(&[(U, " \n\t\u{a0}é\u{3000}\u{2009}\u{85} "), (A, "\n\n\nx\u{1680}\n"), (U, "\u{205f}\u{2028}")]),
    ]
}

fn modelfiles() -> Vec<String> {
    let values = [
        "a b",
        " a ",
        "\"a\"",
        "\"\"\"a\nb\"\"\"",
        "\"a\nb\"",
        "\"\"\"a\"\" \"\n\"\"\"",
        "\"open",
        "\"\"\"a\"\"\" b\"\"\"",
        "\"\"",
        "\"\"\"\"\"\"",
        "# no comment",
        "\"\"\"\n\n\"\"\"",
        "a\"b",
        "\ta\t",
        "\"a\" and \"b\"",
        "\"\"\"a \"\"\"\"",
        "\"\"\"\r\na\r\n\"\"\"",
    ];
    let mut out: Vec<String> =
        values.iter().map(|v| format!("FROM x\nSYSTEM {v}\nPARAMETER stop {v}\nMESSAGE user {v}\n")).collect();
    out.extend(
        [
            "",
            "FROM",
            "FROM x",
            "from x\r\nSystem y\r\n",
            "  FROM x\n\t# c\n TEMPLATE {{ .X }}  \n",
            "SYSTEM x",
            "FROM x\nFORM y",
            "FROM x\nPARAMETER num_ctx",
            "FROM x\nPARAMETER num-ctx 1",
            "FROM x\nMESSAGE robot hi",
            "FROM x\nMESSAGE user",
            "FROM x\nSYSTEM",
            "FROM x\nSYSTEM ",
            "\u{feff}FROM x",
            "FROM x\nLICENSE a\nLICENSE b\nREQUIRES 0.14.0\nRENDERER r\nPARSER p\nADAPTER a\nDRAFT d",
            "FROM x # c",
            "#FROM y\nFROM x",
            "FROM\tx",
            "FROM x\n\"SYSTEM\" y",
            "FROM x\nSYSTEM\ty\tz\n\n\nPARAMETER  seed 1",
        ]
        .map(String::from),
    );
    out
}

#[test]
#[ignore = "writes what the oracle reads; see tests/oracles/ollama_go/main.go"]
fn write_the_oracles_input() {
    let renders: Vec<Value> = templates()
        .iter()
        .flat_map(|(name, go)| conversations().into_iter().map(move |m| json!({"name": name, "go": go, "messages": m})))
        .collect();
    let parses: Vec<Value> = modelfiles().iter().map(|text| json!({"text": text})).collect();
    let text = json!({"renders": renders, "parses": parses}).to_string();
    std::fs::write(format!("{ROOT}/target/ollama_go.in.json"), text).expect("written");
}

#[test]
fn go_templates_render_as_in_ollama() {
    let golden = golden();
    let ours = templates();
    let renders = golden["renders"].as_array().expect("renders");
    assert_eq!(renders.len(), ours.len() * conversations().len(), "made for other templates: make it again");
    for case in renders {
        let (name, go) = (case["name"].as_str().expect("a name"), case["go"].as_str().expect("a template"));
        let derived = ours.iter().find(|(n, _)| n == name).map(|(_, go)| go.as_str());
        assert_eq!(derived, Some(go), "the template of {name} changed: make tests/fixtures/ollama_go.json again");
        let messages: Vec<Message> = serde_json::from_value(case["messages"].clone()).expect("messages");
        assert!(case.get("error").is_none(), "{case}");
        let got = render_go(go, &messages).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(Some(got.as_str()), case["text"].as_str(), "{name}: {messages:?}");
    }
}

#[test]
fn modelfiles_are_read_as_in_ollama() {
    let golden = golden();
    let parses = golden["parses"].as_array().expect("parses");
    assert_eq!(parses.len(), modelfiles().len(), "made for other files: make it again");
    for case in parses {
        let text = case["text"].as_str().expect("a text");
        let got = Modelfile::parse(text);
        let Some(commands) = case["commands"].as_array() else {
            assert!(got.is_err(), "Ollama refuses {text:?}, we read {got:?}");
            continue;
        };
        let expected: Vec<(&str, &str)> = commands
            .iter()
            .map(|c| (c["Name"].as_str().unwrap_or_default(), c["Args"].as_str().unwrap_or_default()))
            .collect();
        // Ollama's parser lets a parameter without a name through, and refuses it a step later.
        if expected.iter().any(|(name, _)| name.is_empty()) {
            assert!(got.is_err(), "{text:?}");
            continue;
        }
        let got = got.unwrap_or_else(|e| panic!("Ollama reads {text:?} as {expected:?}: {e}"));
        let said: Vec<(String, String)> = got.commands.iter().map(in_ollamas_words).collect();
        let said: Vec<(&str, &str)> = said.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(said, expected, "{text:?}");
        // And what we write of it is read as the same.
        assert_eq!(Modelfile::parse(&got.to_text().expect("writable")).expect("readable"), got);
    }
}

fn in_ollamas_words(command: &Command) -> (String, String) {
    let (name, args) = match command {
        Command::Parameter { name, value } => return (name.clone(), value.clone()),
        Command::Message { role, content } => return ("message".into(), format!("{role}: {content}")),
        Command::From(text) => ("model", text),
        Command::Adapter(text) => ("adapter", text),
        Command::Draft(text) => ("draft", text),
        Command::Template(text) => ("template", text),
        Command::System(text) => ("system", text),
        Command::License(text) => ("license", text),
        Command::Renderer(text) => ("renderer", text),
        Command::Parser(text) => ("parser", text),
        Command::Requires(text) => ("requires", text),
    };
    (name.into(), args.clone())
}
