//! What can't be trained is refused before the first step, and what goes wrong at one says what helps.

use crate::daemon;
use crate::program::Place;

fn dataset(lines: usize) -> String {
    include_str!("../../data/demo/train.jsonl").lines().take(lines).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_the_base_cannot_take_is_refused_before_the_first_step() {
    let base = daemon::smollm2();
    let place = Place::new();
    place.write("d.jsonl", &dataset(4));
    place.write("asked.jsonl", r#"{"messages": [{"role": "user", "content": "no answer"}]}"#);
    place.write("short.jsonl", &"{\"text\": \"one two three\"}\n".repeat(4));
    let common = ["train", "--base-model", base.to_str().unwrap(), "--output", "o", "--dataset"];
    for (more, words) in [
        (&["d.jsonl", "--max-seq-len", "9000"][..], &["max_seq_len is 9000", "holds 8192 tokens", "at most 8192"][..]),
        (&["d.jsonl", "--lora-rank", "1000"], &["lora_rank: 1000 is more than", "q_proj (576 × 576)", "at most 576"]),
        (&["d.jsonl", "--target-modules", "q_porj"], &["matches no linear layer", "did you mean \"q_proj\"?"]),
        (&["d.jsonl", "--max-seq-len", "8"], &["no token of the dataset is trained", "max_seq_len"]),
        (
            &["short.jsonl", "--max-seq-len", "8", "--replay", "auto"],
            &["replay: max_seq_len 8 cuts off every answer", "--replay off"],
        ),
        (&["asked.jsonl"], &["line 1"]),
    ] {
        place.run(&[&common[..], more].concat()).says(3, words);
        assert!(!place.path("o/metrics.jsonl").exists(), "{words:?}");
    }
    let whole = [&common[..], &["d.jsonl", "--modules-to-save", "lm_head"]].concat();
    place.run(&whole).says(2, &["--modules-to-save", "whole modules are not trained", "target_modules"]);
}

#[test]
fn a_training_that_diverges_stops_at_the_step_with_the_remedy() {
    let base = daemon::smollm2();
    let place = Place::new();
    place.write("d.jsonl", &dataset(4));
    let mut args = vec!["train", "--base-model", base.to_str().unwrap(), "--output", "o", "--dataset", "d.jsonl"];
    args.extend(["--batch-size", "1", "--lora-rank", "4", "--max-steps", "10", "--save-every", "1"]);
    // The first step has a rate of zero: what is saved after it is good. What is saved after the second is not.
    args.extend(["--learning-rate", "1", "--lr-scheduler", "constant_with_warmup", "--warmup-ratio", "0.2"]);
    args.extend(["--lora-alpha", "1e15", "--target-modules", "gate_proj,up_proj,down_proj", "--save-total-limit", "1"]);
    let ended = place.run(&args);
    ended.says(1, &["the loss became", "at step 3", "lower the learning rate", "--from-adapter", "checkpoint-1"]);
    let good = place.path("o/checkpoint-1/adapter_model.safetensors");
    assert!(good.is_file() && !place.path("o/final").exists());
    // Its own remedy: not into the output that a new training empties.
    let mut again = vec!["train", "--base-model", base.to_str().unwrap(), "--dataset", "d.jsonl", "--batch-size", "1"];
    again.extend(["--max-steps", "1", "--learning-rate", "1e-5", "--from-adapter", "o/checkpoint-1", "--output"]);
    place.run(&[&again[..], &["o"]].concat()).says(3, &["from_adapter", "lies in the output", "another --output"]);
    assert!(good.is_file());
    place
        .run(&[&again[..], &["p"]].concat())
        .says(0, &["from_adapter: its own rank 4, alpha 1000000000000000 and 90 linears stay"]);
    // By the words that it was made with nothing is left unused.
    let same = ["q", "--lora-rank", "4", "--lora-alpha", "1e15", "--target-modules", "gate_proj,up_proj,down_proj"];
    let same = place.run(&[&again[..], &same].concat());
    assert!(!same.says(0, &["cpu"]).err.contains("from_adapter:"), "{}", same.err);
    assert!(good.is_file() && place.path("p/final/adapter_model.safetensors").is_file());
}
