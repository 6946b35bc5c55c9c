//! What the two real daemons do differently, and what happens when one dies.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tunesmith::ollama::{Ask, Client, Create, OllamaError, Options, Prompt};
use tunesmith::proof;
use tunesmith::store::{Digest, Interrupt};

use crate::daemon::{self, Daemon};
use crate::tune;

fn long_question(model: &str) -> Ask {
    Ask::new(model, Prompt::Raw("1 2 3".into()), Options { num_thread: Some(1), ..Options::greedy(-1, 2048) })
}

#[test]
fn adapters_are_taken_by_the_older_daemon_and_refused_by_the_newest() {
    let old = daemon::with_adapters().client().capabilities().unwrap();
    assert!(old.lora_adapters && old.rewrites_gguf && old.adapter_refusal("qwen3").is_none(), "{old:?}");
    let client = daemon::newest().client();
    let new = client.capabilities().unwrap();
    assert!(!new.lora_adapters && !new.rewrites_gguf, "{new:?}");
    assert!(new.adapter_refusal("llama").unwrap().contains("merged"));
    daemon::register_smollm2(&client, "deliveries:base");
    let create = Create {
        model: "deliveries:adapter".into(),
        from: Some("deliveries:base".into()),
        adapters: vec![("a.gguf".into(), Digest::of_bytes(b""))],
        ..Create::default()
    };
    let e = client.create(&create, &mut |_| {}).unwrap_err();
    assert!(
        matches!(&e, OllamaError::Said { status: 400, message, .. } if message.contains("no longer supported")),
        "{e}"
    );
}

/// The other delivery, by the last daemon that takes it: base and LoRA GGUF apart, proved as a merged file is.
#[test]
fn an_adapter_is_delivered_and_proved_by_the_older_daemon() {
    let daemon = daemon::with_adapters();
    let _alone = daemon.alone();
    let client = daemon.client();
    daemon::register_smollm2(&client, "adapter:base");
    let (tune, dir) = (tune::strong(), tempfile::tempdir().unwrap());
    let mut zero = tune.adapter.clone();
    zero.pairs.values_mut().for_each(|p| p.b.fill(0.0));
    for (name, adapter, right) in [("right", &tune.adapter, true), ("zero", &zero, false)] {
        let path = dir.path().join(format!("{name}.gguf"));
        tune.lora_gguf(adapter, &path);
        let digest = Digest::of_file(&path).unwrap();
        client.upload(&path, digest, &mut |_, _| {}).unwrap();
        let model = format!("adapter:{name}");
        let create = Create {
            model: model.clone(),
            from: Some("adapter:base".into()),
            adapters: vec![("adapter.gguf".into(), digest)],
            ..Create::default()
        };
        client.create(&create, &mut |_| {}).unwrap();
        let (tuned, sample) = ((&tune.base, &tune.adapter, path.as_path()), tune::conversations());
        let request = tune::asked(&client, &model, tuned, &sample);
        let proof = proof::prove(&request, &mut |_, _, _| {}).unwrap();
        let legs: Vec<_> = proof.legs.iter().map(|l| (l.name.as_str(), l.passed)).collect();
        println!("{name}: {:#?}", proof.legs.iter().map(|l| &l.summary).collect::<Vec<_>>());
        assert_eq!(legs, [("prompt", true), ("exported", right), ("served", right)], "{name}: {:#?}", proof.legs);
    }
}

#[test]
fn a_daemon_that_dies_while_it_answers_tears_the_answer() {
    let daemon = Daemon::start(&daemon::needed("TUNESMITH_OLLAMA_NEW"));
    let client = daemon.client();
    daemon::register_smollm2(&client, "dies");
    let crashed = AtomicBool::new(false);
    let e = client.ask(&long_question("dies"), &mut |_| {
        if !crashed.swap(true, Ordering::SeqCst) {
            daemon.crash();
        }
    });
    assert!(matches!(&e, Err(OllamaError::Torn { .. })), "{e:?}");
    assert!(crashed.load(Ordering::SeqCst));
    // The first call may still be reset on a connection that was open.
    let first = client.version().unwrap_err();
    let e = if matches!(first, OllamaError::Torn { .. }) { client.version().unwrap_err() } else { first };
    assert!(
        matches!(&e, OllamaError::Unreachable { .. }) && e.remedy().is_some_and(|hint| hint.contains("ollama serve")),
        "{e}"
    );
}

#[test]
fn a_daemon_that_dies_while_it_is_sent_a_file_leaves_no_blob() {
    let daemon = Daemon::start(&daemon::needed("TUNESMITH_OLLAMA_NEW"));
    let client = daemon.client();
    let path = daemon::smollm2();
    let digest = Digest::of_file(&path).unwrap();
    let mut crashed = false;
    let e = client.upload(&path, digest, &mut |_, _| {
        if !std::mem::replace(&mut crashed, true) {
            daemon.crash();
        }
    });
    assert!(matches!(&e, Err(OllamaError::Torn { .. })), "{e:?}");
    assert!(!daemon.store().join("blobs").join(digest.blob_name()).exists());
}

#[test]
fn an_interruption_ends_a_long_answer_and_the_daemon_goes_on() {
    let daemon = daemon::newest();
    let _alone = daemon.alone();
    daemon::register_smollm2(&daemon.client(), "interrupted");
    let interrupt = Interrupt::default();
    let client = Client::new(daemon.host(), interrupt.clone()).unwrap();
    let mut begun = None;
    let e = client.ask(&long_question("interrupted"), &mut |_| {
        begun.get_or_insert_with(Instant::now);
        interrupt.raise();
    });
    assert!(matches!(e, Err(OllamaError::Interrupted)), "{e:?}");
    assert!(begun.unwrap().elapsed() < Duration::from_secs(5));
    daemon.client().version().unwrap();
}

#[test]
fn a_real_embedding_model_tells_near_from_far() {
    let daemon = daemon::newest();
    let _alone = daemon.alone();
    daemon::register_minilm("deliveries-minilm");
    let client = daemon.client();
    let texts = ["someone is eating food", "someone is eating bread", "the stock market fell"].map(str::to_owned);
    let vectors = client.embed("deliveries-minilm", &texts).unwrap();
    let dot = |a: usize, b: usize| vectors[a].iter().zip(&vectors[b]).map(|(x, y)| x * y).sum::<f32>();
    assert!(vectors.iter().all(|v| v.len() == 384) && (dot(0, 0) - 1.0).abs() < 1e-4, "{}", dot(0, 0));
    assert!(dot(0, 1) > 0.6 && dot(0, 2) < 0.3, "{} {}", dot(0, 1), dot(0, 2));
    let too_long = client.embed("deliveries-minilm", &["word ".repeat(2000)]).unwrap_err();
    assert!(matches!(too_long, OllamaError::Said { .. }), "{too_long}");
    let answers = Ask::new("deliveries-minilm", Prompt::Raw("a".into()), Options::greedy(1, 512));
    let e = client.ask(&answers, &mut |_| {}).unwrap_err();
    assert!(e.to_string().contains("does not support generate"), "{e}");
}
