//! The program, killed for real (SIGKILL) at random moments: the next start finds everything whole, ends as if nothing had
//! been, and leaves nothing over.
//!
//! `TUNESMITH_KILLS` says how many kills of each kind (8 where it is not set, 200 is the long form; from 50 on it is also
//! asserted that they hit what they were to hit), `TUNESMITH_KILLS_SEED` which.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use tunesmith::store::Digest;

use crate::program::{Place, unfinished};
use crate::tiny::{QWEN2, Tiny};
use crate::tiny_run;
use crate::tiny_server::{self, TinyServer};

/// From this many kills on, chance can't have missed what a kill may hit.
const MANY: u32 = 50;
/// And not any step of a run, however short.
const LONG_FORM: u32 = 200;
const V1: &str = "tiny:v1";
const V2: &str = "tiny:v2";
const ROLES: &str = "# who answers what\nmodels:\n  router: # kept\n    model_name: \"tiny:v1\"  # swapped\n    general: off\n    \
                     options: {num_predict: 4, num_ctx: 512}\n    eval: {suite: suite.jsonl, goal: improve}\n    \
                     gate: {on_inconclusive: promote, degenerate_margin: 0.99}\n";

fn number(variable: &str) -> Option<u32> {
    std::env::var(variable).ok()?.parse().ok()
}

fn kills() -> u32 {
    number("TUNESMITH_KILLS").unwrap_or(8)
}

fn random() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(number("TUNESMITH_KILLS_SEED").unwrap_or(1).into())
}

/// A project, and a server that outlives the program and has the model that the project's role uses.
struct Project {
    place: Place,
    server: TinyServer,
}

impl Project {
    /// `v1`: the role's model, a GGUF.
    fn new(v1: &Path) -> Self {
        let server = TinyServer::of(v1, &[V1]);
        let place = Place::new().with("OLLAMA_HOST", server.address());
        place.write("configs/models.yaml", ROLES);
        Self { place, server }
    }

    fn start(&self, args: &[&str]) -> Child {
        self.place.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn roles(&self) -> String {
        self.place.read("configs/models.yaml")
    }

    /// Whether the history has a change that was neither done nor reverted.
    fn has_open_change(&self) -> bool {
        let history = self.place.run(&["history", "--role", "router"]);
        history.says(0, &[]).out.lines().any(|line| line.ends_with("  open"))
    }

    /// No temporary file in the project, and `clean` finds none, in the cache neither.
    #[track_caller]
    fn assert_clean(&self, when: &str) {
        assert_eq!(unfinished(&self.place.path("")), [""; 0], "{when}");
        let cleaned = self.place.run(&["--json", "clean"]);
        cleaned.says(0, &[]);
        assert_eq!(cleaned.json()["leftovers"], json!([]), "{when}");
    }

    /// The names of the server's models.
    fn models(&self) -> Vec<String> {
        let mut names: Vec<_> = self.server.client().tags().unwrap().into_iter().map(|tag| tag.name).collect();
        names.sort();
        names
    }
}

/// A model of other weights than the base that is tuned: their answers differ.
fn other_model(dir: &Path) -> PathBuf {
    let path = dir.join("v1.gguf");
    Tiny { name: "another", ..QWEN2 }.gguf(&path);
    path
}

/// Of the files in a folder.
fn digests(folder: &Path) -> BTreeMap<String, Digest> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    files.map(|path| (name(&path), Digest::of_file(&path).unwrap())).collect()
}

/// Waits until `sign` is seen, or the program has ended.
fn wait_until(child: &mut Child, sign: impl Fn() -> bool) {
    let began = Instant::now();
    while !sign() && child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(120), "neither the sign nor the end came");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// SIGKILL; whether the program was still at work.
fn kill(mut child: Child) -> bool {
    let at_work = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    at_work
}

/// A share of `span`.
fn part(random: &mut ChaCha8Rng, span: Duration) -> Duration {
    span.mul_f64(random.random())
}

/// What a kill hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Hit {
    /// The program had not ended.
    at_work: bool,
    /// The intent was on record, and neither done nor reverted.
    open: bool,
    /// The change was in the file.
    in_file: bool,
}

/// `promote` and `rollback` in turn, half of them killed at any moment, half from when the intent is on record.
#[test]
fn a_swap_killed_at_any_moment_is_done_or_not_begun() {
    let dir = tempfile::tempdir().unwrap();
    let project = Project::new(&other_model(dir.path()));
    project.server.client().copy(V1, V2).unwrap();
    let place = &project.place;
    let promote = &["promote", "--role", "router", "--to", V2, "--force"][..];
    let rollback = &["rollback", "--role", "router"][..];
    let (v1, v2) = (ROLES.to_owned(), ROLES.replace(V1, V2));

    let began = Instant::now();
    place.run(promote).says(0, &[]);
    let whole = began.elapsed();
    place.run(rollback).says(0, &[]);
    let on_record = || std::fs::metadata(place.path("configs/.tunesmith/registry.jsonl")).map_or(0, |m| m.len());

    let (mut random, mut seen) = (random(), BTreeMap::new());
    for i in 0..kills() {
        let promoting = i % 2 == 0;
        let (change, back) = if promoting { (promote, rollback) } else { (rollback, promote) };
        let (before, after) = if promoting { (&v1, &v2) } else { (&v2, &v1) };
        assert_eq!(project.roles(), *before, "kill {i}");
        let recorded = on_record();
        let mut child = project.start(change);
        if i % 4 < 2 {
            std::thread::sleep(part(&mut random, whole));
        } else {
            wait_until(&mut child, || on_record() > recorded);
            std::thread::sleep(part(&mut random, whole / 10));
        }
        let at_work = kill(child);
        // Whole at once, for programs that read it now …
        let found = project.roles();
        assert!(found == *before || found == *after, "kill {i}: {found}");
        // … and the history, which is only read, says where a change is open.
        let open = project.has_open_change();
        assert_eq!(project.roles(), found, "kill {i}");
        *seen.entry(Hit { at_work, open, in_file: found == *after }).or_insert(0) += 1;
        // The next change finishes or reverts what was open, as the file says: one that was done can be taken back, one
        // that was not can be made.
        let (next, then) = if found == *after { (back, before) } else { (change, after) };
        place.run(next).says(0, &[]);
        assert_eq!(project.roles(), *then, "kill {i}");
        assert!(!project.has_open_change(), "kill {i}");
        project.assert_clean(&format!("kill {i}"));
        if then == before {
            place.run(change).says(0, &[]);
        }
    }
    println!("a change takes {whole:?}; kills: {seen:?}");
    if kills() >= MANY {
        let some = |is: fn(&Hit) -> bool| seen.keys().any(is);
        let before_and_after = some(|hit| hit.at_work && !hit.in_file) && some(|hit| hit.in_file);
        assert!(before_and_after && some(|hit| hit.open), "the kills missed the swap: {seen:?}");
    }
}

const RUN: [&str; 3] = ["run", "--role", "router"];
/// Against the server in the program, whose store the kill leaves as it is, too.
const EMBEDDED: [&str; 4] = ["run", "--role", "router", "--embedded"];
const STORE: &str = "runs/store";

/// What a run's folder has when a step ends, in their order.
const SIGNS: [&str; 7] = [
    "run.yaml",
    "data/fingerprint.json",
    "train.json",
    "gguf/survival.json",
    "Modelfile",
    "registered.json",
    "eval/summary.md",
];

impl Project {
    /// With what a run needs.
    fn with_run(self, base: &Path) -> Self {
        tiny_run::lay_out(&self.place, base, &json!({"output_model_name": V2}));
        let case = |prompt| json!({"prompt": prompt, "expected": "yes"}).to_string();
        let suite = ["Is it late?", "Do birds sing?", "Is one more than two?"].map(case);
        self.place.write("configs/suite.jsonl", &suite.join("\n"));
        self
    }

    /// The folder of its one run, once there is one.
    fn run_folder(&self) -> Option<PathBuf> {
        let mut runs = std::fs::read_dir(self.place.path("runs")).ok()?.map(|entry| entry.unwrap().path());
        runs.find(|path| *path != self.place.path(STORE))
    }

    /// Steps whose signs are there.
    fn reached(&self) -> usize {
        self.run_folder().map_or(0, |run| SIGNS.iter().filter(|sign| run.join(sign).exists()).count())
    }

    /// Digests of the adapter's files and of the exported ones.
    fn made(&self) -> BTreeMap<String, Digest> {
        let run = self.run_folder().unwrap();
        let of = |folder| digests(&run.join(folder)).into_iter().map(move |(name, d)| (format!("{folder}/{name}"), d));
        ["final", "gguf"].into_iter().flat_map(of).collect()
    }

    /// A run by these arguments that has come to its end: promoted, the candidate's name gone.
    #[track_caller]
    fn assert_promoted(&self, run: &[&str], when: &str) {
        assert_eq!(self.roles(), ROLES.replace(V1, V2), "{when}");
        let models = match run == EMBEDDED {
            true => tunesmith::ollama::stored_names(&self.place.path(STORE)).unwrap(),
            false => self.models(),
        };
        assert_eq!(models, [V1, V2], "{when}");
        self.assert_clean(when);
    }
}

/// From the data to the promotion, killed once in any step: the next start comes to the same end by the same bytes.
#[test]
fn a_run_killed_at_any_moment_comes_to_the_same_end() {
    let (base, dir) = (QWEN2.folder(), tempfile::tempdir().unwrap());
    let v1 = other_model(dir.path());
    let project = || Project::new(&v1).with_run(base.path());
    let straight = project();
    let began = Instant::now();
    straight.place.run(&RUN).says(0, &["role router now uses it"]);
    let whole = began.elapsed();
    straight.assert_promoted(&RUN, "the straight run");
    let made = straight.made();
    for part in ["final/adapter_model.safetensors", "gguf/model-f16.gguf"] {
        assert!(made.contains_key(part), "{made:?}");
    }

    let (mut random, mut by_step) = (random(), [0_u32; SIGNS.len() + 1]);
    let (mut killed, mut with_unfinished) = (0, 0);
    for i in 0..kills() {
        let project = project();
        let run = if i % 2 == 0 { &RUN[..] } else { &EMBEDDED[..] };
        if run == EMBEDDED {
            drop(tiny_server::filled(&project.place.path(STORE), &v1, &[V1]));
        }
        let mut child = project.start(run);
        // At any moment of the whole, or of the time after a step's end: some steps are short.
        match random.random_range(0..2 * SIGNS.len()) {
            step if step < SIGNS.len() => {
                wait_until(&mut child, || project.run_folder().is_some_and(|run| run.join(SIGNS[step]).exists()));
                // Mostly soon after it.
                let most = part(&mut random, whole / 20);
                std::thread::sleep(part(&mut random, most));
            }
            _ => std::thread::sleep(part(&mut random, whole)),
        }
        killed += u32::from(kill(child));
        let reached = project.reached();
        by_step[reached] += 1;
        with_unfinished += u32::from(!unfinished(&project.place.path("")).is_empty());
        let when = format!("kill {i} of {}, after {reached} steps", run.join(" "));
        let again = project.place.run(run);
        assert_eq!(again.code, 0, "{when}: {}", again.err);
        assert_eq!(project.made(), made, "{when}");
        project.assert_promoted(run, &when);
    }
    println!(
        "a run takes {whole:?}; {killed} of {} killed at work, {with_unfinished} with a temporary file; by steps: {by_step:?}",
        kills()
    );
    assert!(killed > kills() / 2, "{killed}: the kills came too late");
    if kills() >= MANY {
        assert!(with_unfinished > 0, "no kill came while something was being written");
    }
    if kills() >= LONG_FORM {
        for (step, reached) in
            [("data", 0..2), ("train", 2..3), ("export", 3..4), ("register and prove", 4..6), ("eval", 6..7)]
        {
            assert!(by_step[reached].iter().sum::<u32>() > 0, "no kill in the step {step}: {by_step:?}");
        }
        assert!(by_step[SIGNS.len()] > 0, "no kill while it promoted, or after: {by_step:?}");
    }
}

/// Half of them over weights that are there already.
#[test]
fn a_merge_killed_at_any_moment_is_made_again_whole() {
    let base = QWEN2.folder();
    let base = base.path().to_str().unwrap();
    let place = Place::new();
    tiny_run::lay_out(&place, Path::new(base), &json!({"output": "tuned"}));
    place.run(&["train", "--config", "configs/training_config.json"]).says(0, &[]);
    let merge = |output: &'static str, quant: &'static str| {
        ["merge", "--base", base, "--adapter", "tuned/final", "--output", output, "--format", "hf", "--quant", quant]
    };
    place.run(&merge("earlier", "bf16")).says(0, &[]);
    let began = Instant::now();
    place.run(&merge("straight", "f16")).says(0, &[]);
    let whole = began.elapsed();
    let [made, old] = ["straight", "earlier"].map(|output| digests(&place.path(output)));
    assert!(made.contains_key("model.safetensors") && made != old);
    let (mut random, mut killed) = (random(), 0);
    for i in 0..kills() {
        drop(std::fs::remove_dir_all(place.path("merged")));
        let over = i % 2 == 1;
        if over {
            place.run(&merge("merged", "bf16")).says(0, &[]);
        }
        let child = place.command(&merge("merged", "f16")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(part(&mut random, whole));
        killed += u32::from(kill(child));
        // What loads is one of the two, and nothing of the other. A new folder is there in full or not at all.
        if place.path("merged").exists() {
            let found = digests(&place.path("merged"));
            let loads = found.contains_key("config.json");
            assert!(found == made || over && (found == old || !loads), "kill {i}: {found:?}");
        }
        place.run(&merge("merged", "f16")).says(0, &[]);
        assert_eq!(digests(&place.path("merged")), made, "kill {i}");
        assert_eq!(unfinished(&place.path("")), [""; 0], "kill {i}");
    }
    println!("a merge takes {whole:?}; {killed} of {} killed at work", kills());
    assert!(killed > kills() / 4, "{killed}: the kills came too late");
}
