//! Bases that have only an Ollama TEMPLATE: the Jinja read off it renders as the daemon does (`render_go` is Ollama's
//! own: tests/it/ollama_go.rs), and a tune over such a base is proved by the real daemon.

use std::path::PathBuf;

use tunesmith::base::{Resolver, Source};
use tunesmith::chat::{ChatError, ChatTemplate, Message, Role, SpecialTokens, SystemPlace, TemplateNote, render_go};
use tunesmith::commands::delivery;
use tunesmith::events::Note;
use tunesmith::modelfile::Modelfile;
use tunesmith::ollama::Create;
use tunesmith::proof;
use tunesmith::store::Digest;

use crate::{daemon, tune};

const TOKENS: SpecialTokens = SpecialTokens { bos: Some("<s>"), eos: Some("</s>"), adds_bos: true };

/// The shapes in which Ollama's library writes them, with the place of the system text and the stop word.
const TEMPLATES: [(&str, &str, SystemPlace, &str); 9] = [
    (
        "one turn at a time, with an end of the answer",
        "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}{{ if .Prompt }}<|im_start|>user\n\
         {{ .Prompt }}<|im_end|>\n{{ end }}<|im_start|>assistant\n{{ .Response }}<|im_end|>\n",
        SystemPlace::OwnTurn,
        "<|im_end|>",
    ),
    (
        "one turn at a time, an empty system turn before each, no end of the answer",
        "<|system|>\n{{ .System }}</s>\n<|user|>\n{{ .Prompt }}</s>\n<|assistant|>\n",
        SystemPlace::FirstUser,
        "</s>",
    ),
    (
        "brackets with the system text folded in",
        "[INST] {{ if .System }}<<SYS>>{{ .System }}<</SYS>>\n\n{{ end }}{{ .Prompt }} [/INST] {{ .Response }}</s>",
        SystemPlace::FirstUser,
        "</s>",
    ),
    (
        "headers",
        "{{ range .Messages }}<|head|>{{ .Role }}<|/head|>\n\n{{ .Content }}<|eot|>{{ end }}<|head|>assistant<|/head|>\n\n",
        SystemPlace::OwnTurn,
        "<|eot|>",
    ),
    (
        "the system text in the last user turn",
        "{{- range $index, $_ := .Messages }}{{- if eq .Role \"user\" }}[INST] \
         {{ if and $.System (eq (len (slice $.Messages $index)) 1) }}{{ $.System }}\n\n{{ end }}{{ .Content }}[/INST]\
         {{- else if eq .Role \"assistant\" }} {{ .Content }}</s>{{- end }}{{- end }}",
        SystemPlace::LastUser,
        "</s>",
    ),
    (
        "tools and tool calls, the system text by its field",
        "{{- if .Messages }}{{- if or .System .Tools }}<|im_start|>system\n{{ .System }}{{- if .Tools }}TOOLS{{- range .Tools }}\
         {{ json . }}{{ end }}{{ end }}<|im_end|>\n{{ end }}{{- range $i, $_ := .Messages }}\
         {{- $last := eq (len (slice $.Messages $i)) 1 -}}{{- if eq .Role \"user\" }}<|im_start|>user\n{{ .Content }}<|im_end|>\n\
         {{ else if eq .Role \"assistant\" }}<|im_start|>assistant\n{{ if .Content }}{{ .Content }}{{- else if .ToolCalls }}CALL\
         {{ end }}{{ if not $last }}<|im_end|>\n{{ end }}{{- end }}{{- if and (ne .Role \"assistant\") $last }}<|im_start|>assistant\n\
         {{ end }}{{- end }}{{- else }}{{ .Prompt }}{{ end }}{{ .Response }}{{ if .Response }}<|im_end|>{{ end }}",
        SystemPlace::OwnTurn,
        "<|im_end|>",
    ),
    ("words", "{{ .System }}\nUSER: {{ .Prompt }}\nASSISTANT: {{ .Response }}</s>\n", SystemPlace::OwnTurn, "</s>"),
    (
        "a default system turn",
        "{{ if .System }}S:{{ .System }}{{ else }}S:Be kind.{{ end }}\nU:{{ .Prompt }}\nA:{{ .Response }}</s>",
        SystemPlace::FirstUser,
        "</s>",
    ),
    ("nothing but the prompt", "{{ .Prompt }}", SystemPlace::Nowhere, "</s>"),
];

fn conversations() -> Vec<Vec<Message>> {
    use Role::{Assistant as A, System as S, User as U};
    let of = |turns: &[(Role, &str)]| turns.iter().map(|(role, text)| Message::new(*role, *text)).collect();
    vec![
        of(&[(U, "It's \\n {{ 'x' }}\r\n")]),
        of(&[(S, "be 'terse'"), (U, "é 漢字"), (A, "yes"), (U, "go on")]),
        of(&[(U, "a"), (A, "b\n"), (U, " c "), (A, "d"), (U, "e"), (A, "f"), (U, "g")]),
    ]
}

#[test]
fn the_jinja_read_off_a_template_says_the_same() {
    for (name, go, place, stop) in TEMPLATES {
        let template = ChatTemplate::from_go(go, TOKENS).unwrap_or_else(|e| panic!("{name}: {e}"));
        let w = template.wrappers();
        assert_eq!((w.system_place, w.stop.as_slice()), (place, [stop.to_owned()].as_slice()), "{name}: {w:?}");
        template.verify_go(go).unwrap_or_else(|e| panic!("{name}: {e}"));
        // What goes into the files is read by others as we read it.
        let again = ChatTemplate::new(template.source(), TOKENS).unwrap();
        for messages in conversations() {
            if place == SystemPlace::Nowhere && messages[0].role == Role::System {
                continue;
            }
            let prompt = render_go(go, &messages).unwrap();
            assert_eq!(again.render(&messages, true).unwrap().text, prompt, "{name}\n{}", template.source());
            let mut answered = messages.clone();
            answered.push(Message::new(Role::Assistant, "the answer"));
            let trained = template.training(&answered).unwrap();
            let last = trained.last().unwrap();
            let span = last.assistant.last().unwrap().clone();
            assert_eq!(&last.text[..span.start], prompt, "{name}");
            assert_eq!(last.text[span].trim(), format!("the answer{stop}"), "{name}");
        }
    }
}

#[test]
fn what_a_jinja_cannot_say_is_refused() {
    let counted = "{{ range $i, $_ := .Messages }}{{ $i }}<{{ .Role }}>{{ .Content }}</s>{{ end }}<assistant>";
    let e = ChatTemplate::from_go(counted, TOKENS).unwrap_err();
    assert!(matches!(&e, ChatError::NotExpressible { .. }), "{e}");
    let endless = "{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}";
    for go in [endless, "{{ if }}", "constant", "{{ range .Messages }}{{ .Content }}{{ .Content }}{{ end }}"] {
        assert!(ChatTemplate::from_go(go, TOKENS).is_err(), "{go}");
    }
}

#[test]
fn a_switch_for_thinking_is_left_out_and_the_template_with_it_not_used() {
    let go = "{{ range .Messages }}<{{ .Role }}>{{ .Content }}{{ if and $.IsThinkSet $.Think }} /think{{ end }}</s>{{ end }}<assistant>";
    let template = ChatTemplate::from_go(go, TOKENS).unwrap();
    assert!(matches!(template.notes(), [TemplateNote::WritesMore(_)]), "{:?}", template.notes());
    let e = template.verify_go(go).unwrap_err().to_string();
    assert!(e.contains("where thinking is asked for"), "{e}");
    assert!(!template.go_template().unwrap().contains("think"));
}

#[test]
fn a_date_is_baked_and_the_dated_template_is_not_used() {
    let go = "Today is {{ currentDate }}.\n{{ range .Messages }}<{{ .Role }}>{{ .Content }}</s>{{ end }}<assistant>";
    let template = ChatTemplate::from_go(go, TOKENS).unwrap();
    let [TemplateNote::WritesMore(day)] = template.notes() else { panic!("{:?}", template.notes()) };
    assert_eq!(day.to_string(), "2026-01-01");
    assert!(template.verify_go(go).is_err());
    assert!(template.go_template().unwrap().contains("Today is 2026-01-01."));
}

#[test]
fn a_system_text_without_a_place_is_left_behind_or_refused() {
    let mut base = tune::base();
    base.template = ChatTemplate::from_go("{{ .Prompt }}", TOKENS).unwrap();
    base.system = Some("Be brief.".into());
    let modelfile = |system: Option<&str>| {
        let options = delivery::DeliveryOptions {
            from: "x.gguf".into(),
            adapter: None,
            system: system.map(str::to_owned),
            num_ctx: None,
            trained_len: None,
            lineage: Vec::new(),
            user_template: None,
        };
        delivery::modelfile(&base, &options)
    };
    assert_eq!(Modelfile::parse(&modelfile(None).unwrap()).unwrap().system(), None);
    assert_eq!(delivery::left_behind(&base), [Note::SystemNotTaken {}]);
    assert!(modelfile(Some("Be kind.")).unwrap_err().to_string().contains("no place for a system text"));
    let records = tunesmith::dataset::parse("{\"prompt\": \"p\", \"completion\": \"c\"}").unwrap();
    assert_eq!(tunesmith::commands::data::as_served(records, &base, None).1, 0);
}

/// SmolLM2's file without its chat template, as many models of Ollama's library are.
fn without_jinja(to: PathBuf) -> PathBuf {
    let mut bytes = std::fs::read(daemon::smollm2()).unwrap();
    let key = b"tokenizer.chat_template";
    let at = bytes.windows(key.len()).position(|w| w == key).expect("the key");
    bytes[at..at + key.len()].copy_from_slice(b"tokenizer.chat_templatx");
    std::fs::write(&to, bytes).unwrap();
    to
}

#[test]
fn a_base_that_has_only_a_template_is_tuned_and_proved() {
    let daemon = daemon::newest();
    let _alone = daemon.alone();
    let client = daemon.client();
    let dir = tempfile::tempdir().unwrap();
    let file = without_jinja(dir.path().join("base.gguf"));
    let digest = Digest::of_file(&file).unwrap();
    client.upload(&file, digest, &mut |_, _| {}).unwrap();
    let (_, template, ..) = TEMPLATES[0];
    let create = Create {
        model: "template-only".into(),
        files: vec![("model.gguf".into(), digest)],
        template: Some(template.into()),
        system: Some("You answer shortly.".into()),
        ..Create::default()
    };
    client.create(&create, &mut |_| {}).unwrap();
    // The file alone is refused; by its name in Ollama it has a template.
    let e = Resolver::default().open(file.to_str().unwrap()).unwrap_err().to_string();
    assert!(e.contains("no chat template") && e.contains("TEMPLATE"), "{e}");
    let resolver = Resolver { store_roots: vec![daemon.store()], ..Resolver::default() };
    let base = resolver.open("template-only").unwrap();
    assert!(matches!(&base.source, Source::Ollama { name, .. } if name.contains("template-only")));
    // Examples without a system turn are shown as the daemon will show them.
    let lines =
        "{\"prompt\": \"p\", \"completion\": \"c\"}\n{\"system\": \"s\", \"instruction\": \"i\", \"output\": \"o\"}";
    let (records, given) = tunesmith::commands::data::as_served(tunesmith::dataset::parse(lines).unwrap(), &base, None);
    let shown: Vec<_> =
        tunesmith::commands::data::conversations(&records).iter().map(|c| c[0].content.clone()).collect();
    assert_eq!((given, shown), (1, vec!["You answer shortly.".to_owned(), "s".to_owned()]));
    let merged = tune::Tune { name: "template-only", base, adapter: tune::weak().adapter.clone() };
    let out = merged.merged(&merged.adapter, tunesmith::export::Quant::Q8_0, dir.path().join("merged.gguf"));
    let digest = Digest::of_file(&out).unwrap();
    client.upload(&out, digest, &mut |_, _| {}).unwrap();
    let create = Create { model: "template-only:tuned".into(), files: vec![("model.gguf".into(), digest)], ..create };
    client.create(&create, &mut |_| {}).unwrap();
    let (tuned, sample) = ((&merged.base, &merged.adapter, out.as_path()), tune::conversations());
    let request = proof::Request {
        system: Some("You answer shortly."),
        ..tune::asked(&client, "template-only:tuned", tuned, &sample)
    };
    let proof = proof::prove(&request, &mut |_, _, _| {}).unwrap();
    assert!(proof.legs.iter().all(|leg| leg.passed), "{:#?}", proof.legs);
}
