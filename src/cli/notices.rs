//! The words of notes and warnings.

use crate::events::{BasePlace, ComputeChoice, HeldOutUnused, Note, Part, Warning};

pub(super) fn note(note: &Note) -> String {
    const OWN_TEMPLATE: &str = "base: the tune is trained and served with the chat template of the base's file";
    match note {
        Note::Run { path } => format!("run: {}", path.display()),
        Note::Base { role, model, hub_id, place } => {
            let role = role.as_ref().map(|role| format!("role {role} -> {model} -> ")).unwrap_or_default();
            let hub = hub_id.as_ref().map(|id| format!("{id} is ")).unwrap_or_default();
            format!("base: {role}{hub}{}", base_place(place))
        }
        Note::BaseFetched { base, package, package_version } => {
            format!("base: {base} is fetched by pip, once (the package {package} {package_version})")
        }
        Note::TokensWithoutRow { tokens, example, rows } => format!(
            "base: {tokens} added token(s) such as {example:?} have no row in the embedding ({rows} rows), which was \
             not resized: texts that hold one are refused"
        ),
        Note::TemplateDateFixed { date } => {
            let used = date.as_ref().map_or_else(|| "its own fixed date".to_owned(), String::clone);
            format!("base: the chat template writes today's date: {used} is used in training and serving")
        }
        Note::TemplateWithoutSystem {} => {
            "base: the chat template has no place for a system message: examples with one are refused".to_owned()
        }
        Note::TemplateWithoutEnd {} => {
            "base: the chat template writes no end of turn: answers end with the eos token".to_owned()
        }
        Note::TemplateWritesMore { date } => format!(
            "base: the TEMPLATE writes more than the messages (the date, whether to think): training and serving use \
             what it writes on {date}, with thinking not set"
        ),
        Note::RendererNotCompared { renderer } => {
            format!("{OWN_TEMPLATE}; Ollama uses its RENDERER {renderer} for the base, which can't be compared")
        }
        Note::TemplateDiffers { reason } => {
            format!("{OWN_TEMPLATE}; Ollama's TEMPLATE of the base renders another prompt: {reason}")
        }
        Note::AskedByOwnTemplate {} => {
            "base: its file's chat template makes the prompts; Ollama's differs (`tunesmith plan` and `train` say how)"
                .to_owned()
        }
        Note::SystemNotTaken {} => {
            "the base's SYSTEM is not taken over: its chat template has no place for it".to_owned()
        }
        Note::MessagesNotTaken { messages } => {
            format!("the base's {messages} MESSAGEs are not taken over: they are no part of the training")
        }
        Note::OwnModelfileTemplate { path } => format!("Modelfile by {}", path.display()),
        Note::Dataset { text } => format!("dataset: {text}"),
        Note::Documents { text } => format!("documents: {text}"),
        Note::DocumentsMore { texts } => format!("documents: and {} more files (-v lists them)", texts.len()),
        Note::LexicalOnly { reason } => format!("index: {reason}: documents are found by words and trigrams alone"),
        Note::NoPrefixes { model } => {
            format!("index: no task prefixes are known for {model}; none are used (--query-prefix, --doc-prefix)")
        }
        Note::SystemAdded { examples, of, base } => {
            let whose = base.as_deref().unwrap_or("the config");
            format!(
                "{examples} of {of} examples have no system turn: trained with the SYSTEM of {whose}, as the daemon \
                 will show them"
            )
        }
        Note::AdapterBaseUnverified { adapter, base } => format!(
            "{} does not record the digest of its base: that it is {base} can't be verified; shapes and module names \
             are checked",
            adapter.display()
        ),
        Note::TrainedAgain { changed, run } => {
            format!("{} changed since the last training ({}): it is trained again", changed.join(", "), run.display())
        }
        Note::Engine { route, threads, plan } => format!("{route}, {threads} threads: {plan}"),
        Note::ComputeChosen { choice } => format!("compute auto: {}", compute_choice(*choice)),
        Note::DropoutUnshared { lora_dropout } => format!(
            "lora_dropout {lora_dropout}: each example has masks of its own, so what examples have in common is \
             computed for each of them (without dropout: once a step)"
        ),
        Note::AdapterSettingsKept { rank, alpha, linears } => format!(
            "from_adapter: its own rank {rank}, alpha {alpha} and {linears} linears stay; those of this config are \
             not used"
        ),
        Note::FinalAdapter { best_step, eval_loss, final_step, last_step, stopped_early, best_checkpoint } => {
            let made = match final_step == last_step {
                true => "the last step",
                false => "the best evaluation (load_best_model_at_end)",
            };
            let stopped = if *stopped_early { "stopped early: no better evaluation came; " } else { "" };
            let best = best_checkpoint.as_ref().map(|folder| {
                format!("; the best is in {} (load_best_model_at_end makes final/ from it)", folder.display())
            });
            format!(
                "{stopped}least eval loss {eval_loss:.3} at step {best_step}; final/ is made from step {final_step}, \
                 {made}{}",
                best.unwrap_or_default()
            )
        }
        Note::TrainingCost {
            trainable_params,
            trainable_percent,
            tokens_per_second,
            trained_tokens_per_second,
            examples_per_second,
            seconds,
            peak_memory_bytes,
        } => format!(
            "{trainable_params} trainable parameters ({trainable_percent:.2} %); {tokens_per_second:.0} tok/s, \
             {trained_tokens_per_second:.0} trained, {examples_per_second:.2} examples/s; {seconds:.0} s, peak {} MiB",
            peak_memory_bytes >> 20
        ),
        Note::NotProved { model } => format!("{model} is registered, not proved"),
        Note::Daemon { daemon_version, host } => format!("Ollama {daemon_version} at {host}"),
        Note::EmbeddedInstead {} => {
            "no Ollama daemon answers and none is installed: the embedded server stands in".to_owned()
        }
        Note::EmbeddedServer { address } => {
            format!("embedded server at {address} (its proofs are self-checks, not Ollama's)")
        }
        Note::Serving { address, store } => {
            format!("http://{address} speaks Ollama's API; store {}; Ctrl-C ends it", store.display())
        }
        Note::QuickDemo {} => {
            "--quick: a few steps and a few prompts; the verdict will be INCONCLUSIVE (exit 101)".to_owned()
        }
        Note::AskedByChat { suites } => {
            format!("{}: asked through /api/chat, of each model with its own template and SYSTEM", suites.join(", "))
        }
        Note::ServedWithOtherPrompt { model } => format!(
            "{model} is served with another prompt than its base's template writes: both are asked with the latter"
        ),
        Note::AskedOtherwise { difference } => format!("the arms were not asked alike: {difference}"),
        Note::AnswersKeptApart { path, reason } => {
            format!("answers are kept in {} for this run alone: {reason}", path.display())
        }
        Note::AdapterFound { path, of: 1 } => format!("adapter: {}, the only one below output/", path.display()),
        Note::AdapterFound { path, of } => format!("adapter: {}, the latest of {of} below output/", path.display()),
        Note::NoAdapterFound { folder } => {
            format!("adapter: none below {}: the base is asked alone", folder.display())
        }
        Note::CosineBy { model, hidden_state: false } => format!("cosine similarity: by the embedding model {model}"),
        Note::CosineBy { model, hidden_state: true } => format!(
            "cosine similarity: no embedding model is named, so by the last hidden state of {model} (mean over the \
             answer's tokens)"
        ),
        Note::NoCosine { reason } => format!("cosine similarity: none: {reason}"),
        Note::AnswerScored { prompt, number, of, finetuned, keywords_found, keywords, relevance, cosine } => {
            let arm = if *finetuned { "tuned" } else { "base" };
            let width = of.to_string().len();
            let found = keywords_found
                .map_or_else(|| "the request failed".to_owned(), |found| format!("keywords {found} of {keywords}"));
            let relevance = relevance.map(|share| format!(", relevance {:.0} %", 100.0 * share)).unwrap_or_default();
            let cosine = cosine.map(|cosine| format!(", cosine {cosine:.3}")).unwrap_or_default();
            format!("{number:>width$}/{of} {prompt:<14} {arm:<5} {found}{relevance}{cosine}")
        }
        Note::TemplateUnknown { model, reason } => format!("the template of {model} is not known here: {reason}"),
        Note::TrainingDataUnknown { model, reason } => format!(
            "no suite was compared with the training data, because what {model} was trained on is not known here: \
             {reason}"
        ),
        Note::HeldOutNotAsked { questions, of } => format!(
            "{questions} of {of} held-out questions are not asked: the training part asks the same, or nearly the same"
        ),
        Note::RoleWithoutSuite { role, reason, general } => {
            let left = if *general { "only builtin:general is asked" } else { "nothing is judged" };
            let why = match reason {
                HeldOutUnused::AllTrained => "the training part asks every held-out question too",
                HeldOutUnused::NoConversation => "the held-out data has no conversation",
            };
            format!("the role {role} has no suite, and {why}: {left}")
        }
        Note::ComparedBase { base, number, of } => format!("base {number} of {of}: {base}"),
        Note::NotPromoted { reason } => format!("not promoted: {reason}"),
        Note::RoleUsesAlready { role, model } => format!("role {role} uses {model} already"),
        Note::SwapFinished { role, from, to } => {
            format!("an interrupted swap is finished: the role {role} serves {to} (was {from})")
        }
        Note::SwapNotDone { role, from } => {
            format!("an interrupted swap never reached the file: the role {role} still serves {from}")
        }
        Note::SwapOvertaken { role, from, to, now } => format!(
            "an interrupted swap of the role {role} ({from} to {to}) was overtaken: it serves {now} now, and stays so"
        ),
        Note::WrittenInPlace { path } => format!(
            "{} can't be renamed over (a mount of its own?), so it was written in place, with a backup until it was \
             done",
            path.display()
        ),
    }
}

fn base_place(place: &BasePlace) -> String {
    match place {
        BasePlace::HubCache { path } => format!("the hub's cache, {}", path.display()),
        BasePlace::Folder { path } => format!("the folder {}", path.display()),
        BasePlace::File { path } => format!("the file {}", path.display()),
        BasePlace::OllamaStore { model, digest } => format!("{model} in Ollama's store, {digest}"),
    }
}

fn compute_choice(choice: ComputeChoice) -> &'static str {
    match choice {
        ComputeChoice::Int8 => "int8: the fastest on this CPU (VNNI or AMX); `--compute f32` is exact",
        ComputeChoice::Bf16 => "bf16: the fastest on this CPU (AMX); `--compute f32` is exact",
        ComputeChoice::F32NarrowBase => "f32: bases this narrow stay in f32",
        ComputeChoice::F32 => "f32: nothing is faster on this machine",
    }
}

pub(super) fn warning(warning: &Warning) -> String {
    match warning {
        Warning::Dataset { text } => format!("dataset, {text}"),
        Warning::Documents { text } => format!("documents: {text}"),
        Warning::FactConflict { entity, attribute, stated } => {
            format!("{entity}, {attribute}: the documents disagree, and nothing of it is taught: {}", stated.join("; "))
        }
        Warning::FactConflictsMore { conflicts } => format!("and {conflicts} more conflicts (the report lists them)"),
        Warning::DatasetMore { findings } => {
            format!("dataset: {findings} more like these (`tunesmith data check` lists them)")
        }
        Warning::SequencesCut { part, sequences, of, max_seq_len, tokens, trained, turns, places } => format!(
            "{}: {sequences} of {of} sequences are longer than max_seq_len {max_seq_len}: {tokens} tokens are cut, \
             {trained} of them trained, and with them the end of {turns} turns ({}); a larger max_seq_len keeps them",
            part_name(*part),
            listed(places, *sequences)
        ),
        Warning::SequencesLeftOut { part, sequences, max_seq_len, places } => format!(
            "{}: {sequences} sequences are left out: nothing that is trained is left of them within max_seq_len \
             {max_seq_len} ({})",
            part_name(*part),
            listed(places, *sequences)
        ),
        Warning::FewReplayPrompts { wanted, prompts, share } => {
            format!("replay: {wanted} prompts were wanted for a share of {share}, {prompts} are there")
        }
        Warning::ReplayAnswersLost { path, reason } => {
            format!("{}: {reason}; its answers are made again", path.display())
        }
        Warning::NoGpu { reason, seconds, steps, seconds_left } => {
            let why = reason.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
            format!(
                "no GPU computes this{why}: about {} on this CPU for {steps} steps, {} of that to come (--force-cpu: \
                 without this warning)",
                span(*seconds),
                span(*seconds_left)
            )
        }
        Warning::CheckpointPassedOver { path, reason } => format!("{}: passed over: {reason}", path.display()),
        Warning::NothingToResume { path } => {
            format!("nothing to resume: {} holds no checkpoint; the training begins at its first step", path.display())
        }
        Warning::FinishedTraining { path, checkpoints } => format!(
            "{} holds a finished training: {}its final/ is replaced when this one ends",
            path.display(),
            removed(checkpoints)
        ),
        Warning::AdapterReplaced { path } => {
            format!("{} holds a trained adapter: its final/ is replaced when this training ends", path.display())
        }
        Warning::OtherBase { adapter, trained_on, base, reason } => format!(
            "{}: the adapter was trained on {trained_on}, and {base} is another base: {reason}; used all the same \
             (--force)",
            adapter.display()
        ),
        Warning::AdapterNamesOtherBase { adapter, base, named } => format!(
            "{} does not record the digest of its base: that it is {base} can't be verified, and it names another \
             one, {named}",
            adapter.display()
        ),
        Warning::LowSurvival { tensor, survival, from, to } => {
            format!("{tensor}: {:.1} % of the tune survives {from} -> {to}", 100.0 * survival)
        }
        Warning::ParameterLeftOut { parameter, reason } => format!("PARAMETER {parameter} is left out: {reason}"),
        Warning::Daemon { reason } => reason.clone(),
        Warning::UnknownRoleKey { key, nearest } => format!("{key} is an unknown key; did you mean {nearest:?}?"),
        Warning::WaitingForLock { path, seconds } => {
            format!("another tunesmith is at work ({}): waiting for it, at most {seconds} s", path.display())
        }
        Warning::AdapterWithoutEffect {} => {
            "the adapter changes nothing: of each of its pairs A or B is zero, so what is exported is the base"
                .to_owned()
        }
        Warning::NoiseFloorUnknown { model, reason } => {
            format!("the noise floor is not known: {model} was not asked a second time: {reason}")
        }
        Warning::ModelNotRemoved { model, reason } => {
            format!("{model} can't be removed from the daemon: {reason}; remove it with `ollama rm {model}`")
        }
        Warning::ReportNotWritten { path, reason } => {
            format!("{}: the page can't be written: {reason}", path.display())
        }
        Warning::TensorBoardNotWritten { path, reason } => format!(
            "{}: it can't be written, so TensorBoard lacks what follows; `metrics.jsonl` has all: {reason}",
            path.display()
        ),
        Warning::VerdictNotRecorded { reason } => {
            format!("the verdict is not on record, so `promote` will not know of it: {reason}")
        }
        Warning::RegistryDamaged { path, line, reason } => format!(
            "{}: line {line} is damaged and passed over: {reason}; until it is restored, promote, rollback, run and \
             eval are refused",
            path.display()
        ),
    }
}

fn part_name(part: Part) -> &'static str {
    match part {
        Part::Training => "training",
        Part::HeldOut => "held out",
        Part::Replay => "replay",
    }
}

/// The places of `all` things of which `places` are the first.
fn listed(places: &[String], all: usize) -> String {
    let more = all.saturating_sub(places.len());
    let more = (more > 0).then(|| format!("and {more} more"));
    places.iter().cloned().chain(more).collect::<Vec<_>>().join(", ")
}

/// `checkpoint-50 is removed, and `
fn removed(checkpoints: &[String]) -> String {
    match checkpoints {
        [] => String::new(),
        [one] => format!("{one} is removed, and "),
        [first, .., last] => format!("{} checkpoints, {first} to {last}, are removed, and ", checkpoints.len()),
    }
}

fn span(seconds: f64) -> String {
    if seconds < 90.0 { format!("{seconds:.0} s") } else { format!("{:.0} min", seconds / 60.0) }
}
