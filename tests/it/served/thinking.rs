//! A base that thinks: its file's own Jinja shows thoughts and tools, so newer daemons take that instead of any TEMPLATE;
//! what is trained must be what that Jinja writes.

use tunesmith::base::Resolver;
use tunesmith::batch;
use tunesmith::chat::Message;
use tunesmith::commands::delivery;
use tunesmith::export::{self, Floor, Quant};
use tunesmith::ollama::Create;
use tunesmith::proof;
use tunesmith::store::{Digest, Interrupt};

use crate::tune::{self, To, Tune};
use crate::{daemon, oracle};

/// SmolLM2's weights with the template of a thinking model.
fn thinking_base(path: &std::path::Path) {
    let tune = tune::weak();
    let source = std::fs::read_to_string(oracle::fixture("../chat_templates/think.jinja")).unwrap();
    let mut nothing = tune.adapter.clone();
    nothing.pairs.values_mut().for_each(|p| p.b.fill(0.0));
    let request = export::Request {
        weights: &tune.base.weights,
        tokenizer: &tune.base.tokenizer,
        // Only to be spoken of: tools are what makes the daemon prefer it.
        chat_template: Some(&format!("{{# tools #}}{source}")),
        adapter: &nothing,
        lineage: &[],
        seed: 1,
        output: path,
        interrupt: Interrupt::default(),
    };
    export::merged_gguf(&request, Quant::Keep, Floor::Same, &mut |_, _| {}).unwrap();
}

#[test]
fn a_base_that_thinks_is_proved_by_its_own_jinja() {
    let daemon = daemon::newest();
    let _alone = daemon.alone();
    let client = daemon.client();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("base.gguf");
    thinking_base(&file);
    let base = Resolver::default().open(file.to_str().unwrap()).unwrap();
    assert_eq!(base.template.unthought(), "<think>\n\n</think>\n\n");
    // Answers without a thought are trained with an empty one, as the template writes them.
    let line = "{\"prompt\": \"p\", \"completion\": \"c\"}";
    let records = tunesmith::dataset::parse(line).unwrap();
    let encoded = batch::encode(&records, Some(&base.template), &base.tokenizer, 512).unwrap();
    let trained: String = batch::preview(&encoded.examples[0], &base.tokenizer)
        .iter()
        .filter(|t| t.trained)
        .map(|t| t.text.as_str())
        .collect();
    assert_eq!(trained, "<think>\n\n</think>\n\nc<|im_end|>");
    let thinking = Tune { name: "thinking", base, adapter: tune::weak().adapter.clone() };
    let path = dir.path().join("merged.gguf");
    thinking.export(
        &thinking.base.weights,
        &thinking.adapter,
        To { quant: Quant::Q8_0, floor: Floor::Q8_0, seed: 1, path: &path },
    );
    let options = delivery::DeliveryOptions {
        from: path.clone(),
        adapter: None,
        system: None,
        num_ctx: None,
        trained_len: None,
        lineage: Vec::new(),
        user_template: None,
    };
    let modelfile = delivery::modelfile(&thinking.base, &options).unwrap();
    let modelfile = tunesmith::modelfile::Modelfile::parse(&modelfile).unwrap();
    let digest = Digest::of_file(&path).unwrap();
    client.upload(&path, digest, &mut |_, _| {}).unwrap();
    let create = Create {
        model: "thinking:v2".into(),
        files: vec![("model.gguf".into(), digest)],
        template: modelfile.template().map(str::to_owned),
        parameters: modelfile.parameters().unwrap().json,
        ..Create::default()
    };
    client.create(&create, &mut |_| {}).unwrap();
    let sample = [vec![Message::new(tunesmith::chat::Role::User, "What is the capital of France?")]];
    let tuned = (&thinking.base, &thinking.adapter, path.as_path());
    let request = proof::Request { probes: 4, ..tune::asked(&client, "thinking:v2", tuned, &sample) };
    let proof = proof::prove(&request, &mut |_, _, _| {}).unwrap();
    println!("{:#?}", proof.legs);
    assert!(proof.legs.iter().all(|leg| leg.passed), "{:#?}", proof.legs);
}
