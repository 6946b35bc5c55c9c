//! The page that a run, a training and an evaluation leave, and `tunesmith report`, which makes it again.

use serde_json::{Value, json};

use crate::program::Place;
use crate::tiny::QWEN2;
use crate::tiny_run;
use crate::tiny_server::TinyServer;

const ROLES: &str = "models:\n  router:\n    model_name: tiny:v1\n    general: off\n    \
                     options: {num_predict: 4, num_ctx: 512}\n    eval: {suite: suite.jsonl, goal: improve}\n";

/// What a model wrote may be markup.
const PROMPT: &str = "<script>alert(1)</script>";

#[test]
fn a_run_leaves_a_page_that_can_be_made_again() {
    let (base, server) = (QWEN2.folder(), TinyServer::with_models(&["tiny:v1"]));
    let place = Place::new().with("OLLAMA_HOST", server.address());
    tiny_run::lay_out(&place, base.path(), &json!({}));
    let line = |prompt: &str| json!({"prompt": prompt, "expected": "yes"}).to_string();
    place.write("configs/suite.jsonl", &[line("Do birds sing?"), line(PROMPT)].join("\n"));
    place.write("configs/models.yaml", ROLES);
    let ended = place.run(&["run", "--role", "router", "--json"]);
    let result: Value = ended.json();
    let verdict = result["verdict"].as_str().unwrap().to_owned();
    let run = result["run"].as_str().unwrap().to_owned();
    let file = format!("{run}/report.html");
    let page = place.read(&file);
    assert!(page.contains(&format!("<h1>tiny:v2: {verdict}</h1>")), "{verdict}: {page}");
    for part in [
        "<figcaption>Loss</figcaption>",
        "Survival of the tune in each tensor",
        "tunesmith promote --role router --to tiny:v2",
        "✓ <b>served</b>",
        "<td role=\"cell\" data-label=\"expected\" dir=\"auto\">yes</td>",
        "&lt;script&gt;alert(1)",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("<script>alert") && !page.contains("could not be read"), "{page}");
    let reasons = &result["because"];
    let first = reasons.as_str().unwrap().split("; ").next().unwrap();
    assert!(page.contains(first), "{first} in {page}");

    std::fs::remove_file(place.path(&file)).unwrap();
    place.run(&["report", &run]).says(0, &["wrote", "report.html"]);
    assert_eq!(place.read(&file), page, "the same files give the same page");

    place.run(&["eval", "--role", "router", "--model", "tiny:v2", "--output", "judged"]);
    let evaluated = place.read("judged/report.html");
    assert!(
        evaluated.contains("This folder has no training") && evaluated.contains("class=\"answers\""),
        "{evaluated}"
    );
    place.run(&["report", "judged", "--output", "elsewhere.html"]).says(0, &["elsewhere.html"]);
    assert_eq!(place.read("elsewhere.html"), evaluated);

    place.run(&["report", "configs"]).says(3, &["no files of a run", "runs/<id>"]);
    place.run(&["report", "nowhere"]).says(3, &["nowhere"]);
    place.run(&["report", &run, "--output", &format!("{run}/proof.json")]).says(3, &["would be overwritten"]);
}
