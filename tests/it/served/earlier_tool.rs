//! The commands that users of the earlier tool type, word for word, against the real daemon. The model that they name is too large
//! for a test: the daemon serves SmolLM2 under that name.

use serde_json::Value;

use crate::daemon;
use crate::documents::{done, place};
use crate::program::{Ended, Place};

const BASE: &str = "qwen2.5:1.5b";

/// Runs one command line, in which quotation marks keep words together.
fn typed(place: &Place, command: &str) -> Ended {
    let mut words = Vec::new();
    for (i, part) in command.split('"').enumerate() {
        match i % 2 {
            0 => words.extend(part.split_whitespace()),
            _ => words.push(part),
        }
    }
    assert_eq!(words.remove(0), "tunesmith");
    place.run(&words)
}

fn lines(place: &Place, name: &str) -> usize {
    place.read(name).lines().count()
}

/// `metrics` has the keys of the earlier tool and no others; how many questions were answered.
fn answered(place: &Place, name: &str) -> usize {
    let file: Value = serde_json::from_str(&place.read(name)).unwrap();
    let keys: Vec<&String> = file["metrics"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["success_rate", "exact_match_rate", "avg_time_seconds", "avg_tokens", "total_tokens"]);
    file["results"].as_array().unwrap().len()
}

/// Results are of the first questions, where all 52 would take minutes.
#[test]
fn documents_become_data_a_model_an_index_and_results() {
    let daemon = daemon::newest();
    let _alone = daemon.alone();
    daemon::register_smollm2(&daemon.client(), BASE);
    let place = place().with("OLLAMA_HOST", daemon.host().to_string()).with("OLLAMA_MODELS", daemon.store());
    done(&typed(
        &place,
        "tunesmith generate-training applications_rag_optimal.jsonl --method rule-based --count 100 --split --output data/finetuning/dataset_100.jsonl",
    ));
    let parts = |stem: &str| ["train", "val", "test"].map(|part| lines(&place, &format!("{stem}_{part}.jsonl")));
    assert_eq!(parts("data/finetuning/dataset_100"), [80, 10, 10]);
    done(&typed(
        &place,
        "tunesmith generate-training examples/applicationsIA_mini_1-10.md --method augmented --count 100 --split --output data/finetuning/dataset_10apps.jsonl",
    ));
    assert_eq!(parts("data/finetuning/dataset_10apps"), [80, 10, 10]);
    // A model of 135 million parameters writes no training data unless it is forced to.
    place.write("notes/apps.md", &place.read("examples/applicationsIA_mini_1-10.md"));
    let refused = typed(
        &place,
        "tunesmith generate-training notes/ --method llm-based --model qwen2.5:1.5b --count 200 --split --output d.jsonl",
    );
    assert!(refused.code == 3 && refused.err.contains("--force"), "{} {}", refused.code, refused.err);
    assert!(!place.path("d_train.jsonl").exists() && !place.path("d.journal.jsonl").exists());
    done(&typed(
        &place,
        "tunesmith finetune --dataset data/finetuning/dataset_100_train.jsonl --output models/m --base-model qwen2.5:1.5b --epochs 3 --batch-size 4",
    ));
    assert!(place.path("models/m/final/adapter_config.json").is_file());
    done(&typed(&place, "tunesmith rag index applications_rag_optimal.jsonl --output index/"));
    // As the guide has it.
    done(&typed(&place, "tunesmith export --base qwen2.5:1.5b --adapter models/m/final --output m.gguf --quant q8_0"));
    let modelfile = typed(&place, "tunesmith modelfile --base qwen2.5:1.5b --gguf m.gguf");
    done(&modelfile);
    place.write("m.Modelfile", &modelfile.out);
    done(&typed(&place, "tunesmith register --modelfile m.Modelfile --name m:v1"));
    let asked = typed(&place, "tunesmith rag ask \"Qui héberge GIDAF ?\" --index index/ --model m:v1");
    done(&asked);
    assert!(!asked.out.trim().is_empty(), "{}", asked.err);
    done(&typed(
        &place,
        "tunesmith evaluate-rag evaluation/questions.jsonl --index index/ --model qwen2.5:1.5b --output evaluation/results_rag.json --limit 4",
    ));
    assert_eq!(answered(&place, "evaluation/results_rag.json"), 4);
    done(&typed(
        &place,
        "tunesmith evaluate-finetuned evaluation/questions.jsonl --model models/m/final --base-model qwen2.5:1.5b --output evaluation/results_ft.json --limit 12 --verbose",
    ));
    assert_eq!(answered(&place, "evaluation/results_ft.json"), 12);
}
