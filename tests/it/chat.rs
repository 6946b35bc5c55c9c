//! Chat templates against transformers' own renderings (tests/oracles/chat.py → tests/fixtures/chat.json).

use tunesmith::chat::{
    ChatError, ChatTemplate, Message, Rendered, Role, SpecialTokens, SystemPlace, TemplateNote, render_go,
};

const TOKENS: SpecialTokens = SpecialTokens { bos: Some("<s>"), eos: Some("</s>"), adds_bos: true };
const NONE: SpecialTokens = SpecialTokens { bos: None, eos: None, adds_bos: false };

fn fixture(path: &str) -> String {
    let path = format!("{}/tests/fixtures/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn template(name: &str) -> ChatTemplate {
    let source = fixture(&format!("chat_templates/{name}.jinja"));
    ChatTemplate::new(&source, TOKENS).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn turns(turns: &[(Role, &str)]) -> Vec<Message> {
    turns.iter().map(|(role, text)| Message::new(*role, *text)).collect()
}

fn spans(rendered: &Rendered) -> Vec<&str> {
    rendered.assistant.iter().map(|span| &rendered.text[span.clone()]).collect()
}

#[test]
fn every_golden_rendering_is_equal() {
    let golden: serde_json::Value = serde_json::from_str(&fixture("chat.json")).unwrap();
    let conversations: Vec<Vec<Message>> = serde_json::from_value(golden["conversations"].clone()).unwrap();
    let mut compared = 0;
    for case in golden["cases"].as_array().unwrap() {
        let name = case["template"].as_str().unwrap().trim_end_matches(".jinja");
        // The clock of `header-dated` stands where the template itself falls back to, not at the oracle's day.
        let day =
            |text: &str| if name == "header-dated" { text.replace("01 Jan 2026", "26 Jul 2024") } else { text.into() };
        let messages = &conversations[case["conversation"].as_u64().unwrap() as usize];
        let got = template(name).render(messages, case["generation_prompt"].as_bool().unwrap());
        match case["text"].as_str() {
            Some(text) => {
                let got = got.unwrap_or_else(|e| panic!("{name}, {messages:?}: {e}"));
                let bos = if text.starts_with("<s>") { 3 } else { 0 };
                assert_eq!(got.text, day(&text[bos..]), "{name}, {messages:?}");
                // An answer that no question comes before has no prompt: it is no target.
                if let Some(marked) = case["spans"].as_array().filter(|_| messages[0].role != Role::Assistant) {
                    let marked: Vec<_> =
                        marked.iter().map(|s| s[0].as_u64().unwrap()..s[1].as_u64().unwrap()).collect();
                    let ours: Vec<_> =
                        got.assistant.iter().map(|s| (s.start + bos) as u64..(s.end + bos) as u64).collect();
                    assert_eq!(ours, marked, "{name}, {messages:?}");
                }
            }
            None => {
                assert!(got.is_err(), "{name}: {messages:?} must be refused as transformers does: {}", case["error"])
            }
        }
        compared += 1;
    }
    assert!(compared >= 16 * 9 * 2, "{compared} cases");
}

#[test]
fn every_template_has_a_go_template_that_says_the_same() {
    for (name, place) in [
        ("chatml", SystemPlace::OwnTurn),
        ("chatml-default-system", SystemPlace::OwnTurn),
        ("chatml-generation", SystemPlace::OwnTurn),
        ("header", SystemPlace::OwnTurn),
        ("header-dated", SystemPlace::OwnTurn),
        ("dated", SystemPlace::OwnTurn),
        ("zephyr", SystemPlace::OwnTurn),
        ("inst-folded", SystemPlace::FirstUser),
        ("inst-bos-each-turn", SystemPlace::Nowhere),
        ("inst-last-user", SystemPlace::LastUser),
        ("turn", SystemPlace::FirstUser),
        ("phi", SystemPlace::OwnTurn),
        ("think", SystemPlace::OwnTurn),
        ("think-open", SystemPlace::OwnTurn),
        ("no-end", SystemPlace::OwnTurn),
        ("tools", SystemPlace::OwnTurn),
    ] {
        let template = template(name);
        assert_eq!(template.wrappers().system_place, place, "{name}: {:?}", template.wrappers());
        let go = template.go_template().unwrap_or_else(|e| panic!("{name}: {e}\n{:?}", template.wrappers()));
        // One letter more anywhere is seen.
        let altered = go.replacen("{{ end }}{{ end }}", "{{ end }}{{ end }}\n", 1);
        assert!(matches!(template.verify_go(&altered), Err(ChatError::Differs { .. })), "{name}");
    }
}

#[test]
fn the_default_system_turn_is_kept_and_its_loss_is_seen() {
    let template = template("chatml-default-system");
    assert_eq!(template.wrappers().head, "<|im_start|>system\nYou answer questions of the house.<|im_end|>\n");
    let plain = self::template("chatml").go_template().unwrap();
    let error = template.verify_go(&plain).unwrap_err().to_string();
    assert!(error.contains("one question") && error.contains("questions of the house"), "{error}");
}

#[test]
fn spans_are_the_words_after_the_prompt_with_their_end_of_turn() {
    use Role::{Assistant, System, User};
    let talk = turns(&[(System, "s"), (User, "a"), (Assistant, "b"), (User, "c"), (Assistant, "d")]);
    for (name, expected) in [
        ("chatml", ["b<|im_end|>", "d<|im_end|>"]),
        ("header", ["b<|eot_id|>", "d<|eot_id|>"]),
        ("zephyr", ["b</s>", "d</s>"]),
        ("inst-folded", [" b</s>", " d</s>"]),
        ("turn", ["b<end_of_turn>", "d<end_of_turn>"]),
    ] {
        let training = template(name).training(&talk).unwrap();
        assert_eq!(training.len(), 1, "{name}");
        assert_eq!(spans(&training[0]), expected, "{name}");
    }
    let stop = |name: &str| template(name).wrappers().stop.clone();
    assert_eq!(stop("chatml"), ["<|im_end|>"]);
    assert_eq!(stop("inst-bos-each-turn"), ["</s>"]);
    assert_eq!(stop("no-end"), ["</s>"]);
}

#[test]
fn where_history_is_written_differently_each_answer_is_its_own_text() {
    use Role::{Assistant, User};
    let talk = turns(&[(User, "a"), (Assistant, "b"), (User, "c"), (Assistant, "d")]);
    let training = template("think").training(&talk).unwrap();
    assert_eq!(training.len(), 2);
    assert_eq!(spans(&training[0]), ["<think>\n\n</think>\n\nb<|im_end|>"]);
    assert!(training[1].text.contains("<|im_start|>assistant\nb<|im_end|>"), "the history has no thoughts");
    assert_eq!(spans(&training[1]), ["<think>\n\n</think>\n\nd<|im_end|>"]);

    // The prompt opens the thought: the answer has to close it.
    let open = template("think-open");
    assert!(open.training(&talk).unwrap_err().to_string().contains("</think>"));
    let talk = turns(&[(User, "a"), (Assistant, "why\n</think>\n\nb")]);
    let training = open.training(&talk).unwrap();
    assert_eq!(training[0].text, "<|User|>a<|Assistant|><think>\nwhy\n</think>\n\nb</s>");
    assert_eq!(spans(&training[0]), ["why\n</think>\n\nb</s>"]);

    // No end of turn in the template: the answer ends with eos.
    let talk = turns(&[(User, "a"), (Assistant, "b"), (User, "c"), (Assistant, "d")]);
    let training = template("no-end").training(&talk).unwrap();
    assert_eq!(training.iter().flat_map(spans).collect::<Vec<_>>(), ["b</s>", "d</s>"]);
}

#[test]
fn an_answer_without_a_thought_is_trained_as_it_was_made() {
    for (name, written) in [("think", "<think>\n\n</think>\n\n"), ("think-open", "</think>\n\n"), ("chatml", "")] {
        let template = template(name);
        assert_eq!(template.unthought(), written, "{name}");
        let question = turns(&[(Role::User, "q")]);
        let made_after = template.render(&question, true).unwrap().text + template.unthought();
        let mut all = question;
        all.push(Message::new(Role::Assistant, template.content_unthought("a").unwrap()));
        let trained = template.training(&all).unwrap();
        assert!(trained[0].text.starts_with(&format!("{made_after}a")), "{name}: {:?}", trained[0].text);
    }
}

#[test]
fn neighbours_are_merged_in_training_as_the_daemon_merges_them_in_prompts() {
    use Role::{Assistant, User};
    let talk = turns(&[(User, "a"), (User, "b"), (Assistant, "c"), (Assistant, "d")]);
    let template = template("chatml");
    let training = template.training(&talk).unwrap();
    let go = template.go_template().unwrap();
    assert!(training[0].text.starts_with(&render_go(&go, &talk[..2]).unwrap()));
    assert_eq!(spans(&training[0]), ["c\n\nd<|im_end|>"]);
}

#[test]
fn stripped_contents_are_stripped_by_the_go_template_too() {
    let template = template("header");
    let go = template.go_template().unwrap();
    for text in
        ["", " ", "x", "é ", "\u{2003}\u{205f}\u{1680}é\u{85}\u{2028}", "a\u{3000}b\u{3000}", "\u{200b} z \u{c}\u{b}"]
    {
        let talk = turns(&[(Role::User, text)]);
        assert_eq!(render_go(&go, &talk).unwrap(), template.render(&talk, true).unwrap().text, "{text:?}");
    }
}

#[test]
fn what_cannot_be_said_is_refused_by_name() {
    // Every answer is written in capitals: no wrapper can do that.
    let shout = "{% for m in messages %}<{{ m.role }}>{{ m.content | upper }}</{{ m.role }}>{% endfor %}";
    assert!(ChatTemplate::new(shout, NONE).is_err());
    // The number of the turn is written.
    let counted = "{% for m in messages %}<{{ m.role }} {{ loop.index }}>{{ m.content }}<end>{% endfor %}{% if add_generation_prompt %}<assistant {{ messages | length + 1 }}>{% endif %}";
    let error = ChatTemplate::new(counted, NONE).and_then(|t| t.go_template()).unwrap_err();
    assert!(matches!(error, ChatError::NotExpressible { .. }), "{error}");
    // Nothing ends an answer.
    let endless = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}";
    assert!(ChatTemplate::new(endless, NONE).unwrap_err().to_string().contains("learn to stop"));
    assert!(ChatTemplate::new(endless, TOKENS).is_ok());
    // A system message where there is no place for one.
    let talk = turns(&[(Role::System, "s"), (Role::User, "u"), (Role::Assistant, "a")]);
    assert!(template("inst-bos-each-turn").training(&talk).unwrap_err().to_string().contains("no place"));
}

#[test]
fn a_date_is_baked_and_said() {
    let own = template("header-dated");
    assert_eq!(own.notes()[0], TemplateNote::OwnDate);
    assert!(own.go_template().unwrap().contains("26 Jul 2024"));
    let none = template("dated");
    assert!(matches!(none.notes()[0], TemplateNote::FixedDate(day) if day.to_string() == "2026-01-01"));
    assert!(none.go_template().unwrap().contains("Thursday 1 January 2026, 2026-01-01"));
}

#[test]
fn a_bos_is_taken_off_only_where_the_tokenizer_adds_one() {
    let source = fixture("chat_templates/chatml.jinja");
    let talk = turns(&[(Role::User, "u"), (Role::Assistant, "a")]);
    let text = |source: &str, adds_bos| {
        let tokens = SpecialTokens { bos: Some("<|im_start|>"), eos: Some("<|im_end|>"), adds_bos };
        let template = ChatTemplate::new(source, tokens).expect("derivable");
        assert!(render_go(&template.go_template().expect("expressible"), &talk[..1]).is_ok());
        template.training(&talk).expect("trainable")[0].text.clone()
    };
    assert!(text(&source, false).starts_with("<|im_start|>user\n"), "SmolLM2's BOS is the mark of its turns");
    let written = format!("{{{{ bos_token }}}}{source}");
    assert!(text(&written, false).starts_with("<|im_start|><|im_start|>user\n"));
    assert!(text(&written, true).starts_with("<|im_start|>user\n"));
}

#[test]
fn smollm2s_own_template_renders_as_in_transformers() {
    let Ok(path) = std::env::var("TUNESMITH_SMOLLM2") else {
        panic!("TUNESMITH_SMOLLM2 is not set to SmolLM2's GGUF file: run scripts/test");
    };
    let gguf = tunesmith::gguf::Gguf::open(path).expect("SmolLM2's file");
    let golden: serde_json::Value = serde_json::from_str(&fixture("chat_smollm2.json")).expect("the fixture");
    let conversations: Vec<Vec<Message>> =
        serde_json::from_value(golden["conversations"].clone()).expect("conversations");
    let tokens = SpecialTokens { bos: golden["bos"].as_str(), eos: golden["eos"].as_str(), adds_bos: false };
    let template =
        ChatTemplate::new(gguf.str("tokenizer.chat_template").expect("its template"), tokens).expect("derivable");
    for case in golden["cases"].as_array().expect("cases") {
        let messages = &conversations[case["conversation"].as_u64().expect("a number") as usize];
        let got = template.render(messages, case["generation_prompt"].as_bool().expect("a boolean")).expect("rendered");
        assert_eq!(Some(got.text.as_str()), case["text"].as_str());
    }
    assert!(template.wrappers().head.starts_with("<|im_start|>system\nYou are a helpful AI assistant"));
    assert_eq!(template.wrappers().stop, ["<|im_end|>"]);
    // Ollama's stock `chatml`, which an import without TEMPLATE is given, loses the default system turn.
    let stock =
        "{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n";
    assert!(matches!(template.verify_go(stock), Err(ChatError::Differs { .. })));
    template.verify_go(&template.go_template().expect("expressible")).expect("equal");
}

fn fragments() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let pieces = [
        "{% for m in messages %}",
        "{% endfor %}",
        "{{ m.content }}",
        "{{ m['role'] }}",
        "{% if add_generation_prompt %}",
        "{% endif %}",
        "{% generation %}",
        "{% endgeneration %}",
        "{{ messages[1:] | tojson }}",
        "{{ x[0].y }}",
        "{%- set a = namespace(b=1) -%}",
        "{{",
        "}}",
        "{%",
        "{{ range .Messages }}",
        "{{ .Content }}",
        "{{ end }}",
        "{{ slice .System 1 2 }}",
        "{{ template \"a\" . }}",
        "{{ define \"a\" }}",
        "é\n",
        "((((",
        "{{ printf \"%*s\" 99999999 .System }}",
        "{{ 'a' * 99999999 }}",
        "{{ index .Messages 9 }}",
        "{{ .Response }}",
    ];
    proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..14).prop_map(|p| p.concat())
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]
    #[test]
    fn no_template_brings_us_down(source in fragments()) {
        let talk = turns(&[(Role::System, "s"), (Role::User, "é"), (Role::Assistant, "a")]);
        if let Ok(template) = ChatTemplate::new(&source, TOKENS) {
            let _ = template.training(&talk);
            let _ = template.go_template();
        }
        if let Ok(template) = ChatTemplate::from_go(&source, TOKENS) {
            let _ = template.training(&talk);
        }
        let _ = render_go(&source, &talk[..2]);
    }

    /// A template that works, with a piece of another in the place of some of it.
    #[test]
    fn no_mutation_of_a_template_brings_us_down(at in 0usize..400, cut in 0usize..12, with in fragments(), go in proptest::bool::ANY) {
        let mut source = if go { CHATML_GO } else { CHATML }.to_owned();
        let at = at % source.len();
        source.replace_range(at..(at + cut).min(source.len()), &with);
        let talk = turns(&[(Role::System, "s"), (Role::User, "é"), (Role::Assistant, "a")]);
        let read = if go { ChatTemplate::from_go(&source, TOKENS) } else { ChatTemplate::new(&source, TOKENS) };
        if let Ok(template) = read {
            let _ = template.training(&talk);
            let _ = template.go_template();
        }
        let _ = render_go(&source, &talk);
    }
}

const CHATML: &str = "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}\
    {% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
const CHATML_GO: &str = "{{ range $i, $_ := .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}\
    {{ if .Response }}{{ .Response }}{{ else }}<|im_start|>assistant\n{{ end }}";

#[test]
fn deep_nesting_is_an_error_and_not_an_overflow() {
    for source in ["{{ ".to_string() + &"(".repeat(100_000), "{% if x %}".repeat(20_000), "{{ if .X }}".repeat(20_000)]
    {
        assert!(ChatTemplate::new(&source, TOKENS).is_err());
        // Jinja's marks are plain text in Go.
        let _ = render_go(&source, &turns(&[(Role::User, "u")]));
    }
    let recursive = "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}";
    assert!(ChatTemplate::new(recursive, TOKENS).is_err());
    assert!(
        render_go("{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}{{ .Messages }}", &[])
            .is_err()
    );
}
