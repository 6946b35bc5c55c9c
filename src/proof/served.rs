//! Leg 3: the daemon serves that file and computes it right. Our f32 forward over the exported bytes, teacher-forced on
//! the daemon's own greedy tokens, against its top-20 log-probabilities.

use super::divergence::{argmax, kl_of_known, mean};
use super::exported::File;
use super::probes::Probe;
use super::prompt::greedy;
use super::vocabulary::Vocabulary;
use super::{Leg, ProofError, Request};
use crate::gguf::Gguf;
use crate::lora::{Adapter, Stored};
use crate::model::Model;
use crate::ollama::{Ask, Prompt, Show};
use crate::store::Digest;

/// Tokens generated per probe.
pub const TOKENS: i64 = 16;
/// Share of steps whose most likely token must agree.
const LEAST_AGREEMENT: f64 = 0.85;

/// The daemon's answer to a probe, as ids: `ids` = prompt + answer, `top[i]` = its distribution before answer token i.
#[derive(Debug)]
pub struct Answered {
    pub ids: Vec<u32>,
    pub prompt: usize,
    pub top: Vec<Vec<(u32, f64)>>,
}

/// One row of log-probabilities per answered position, probe by probe.
pub type Rows = Vec<Vec<Vec<f32>>>;

pub fn ask(
    request: &Request<'_>,
    probes: &[Probe],
    progress: &mut dyn FnMut(&str, usize, usize),
) -> Result<Vec<Answered>, ProofError> {
    let vocabulary = Vocabulary::of(&request.base.tokenizer);
    let mut answers = Vec::with_capacity(probes.len());
    for (i, probe) in probes.iter().enumerate() {
        request.check_interrupt()?;
        progress("served", i, probes.len());
        let ask = Ask {
            model: request.model.to_owned(),
            prompt: Prompt::Raw(probe.text.clone()),
            options: greedy(TOKENS, request),
            top_logprobs: 20,
            format: None,
            keep_alive: None,
            think: None,
        };
        let answer = request.client.ask(&ask, &mut |_| {})?;
        let mut answered = Answered { ids: probe.ids.clone(), prompt: probe.ids.len(), top: Vec::new() };
        for token in &answer.logprobs {
            let top = token.top.iter().filter_map(|(bytes, lp)| Some((vocabulary.id(bytes)?, *lp))).collect();
            answered.top.push(top);
            // Where the id of the daemon's own token is not certain, what follows can't be teacher-forced.
            match vocabulary.id(&token.bytes) {
                Some(id) => answered.ids.push(id),
                None => break,
            }
        }
        answers.push(answered);
    }
    Ok(answers)
}

/// Tokens that one forward pass takes at most: what it holds grows with them.
const PASS: usize = 4096;

/// Our distributions at the same positions.
pub fn forward(model: &Model, adapter: Option<&Adapter<Stored>>, answers: &[Answered]) -> Result<Rows, ProofError> {
    let mut rows = Rows::with_capacity(answers.len());
    while rows.len() < answers.len() {
        let rest = &answers[rows.len()..];
        let mut tokens = 0;
        let fit = rest.iter().take_while(|a| {
            tokens += a.ids.len();
            tokens <= PASS
        });
        rows.extend(pass(model, adapter, &rest[..fit.count().max(1)])?);
    }
    Ok(rows)
}

/// The weights are read once for all of these.
fn pass(model: &Model, adapter: Option<&Adapter<Stored>>, answers: &[Answered]) -> Result<Rows, ProofError> {
    // Position p predicts token p + 1: the first answer token is predicted at the prompt's last position.
    let positions = |a: &Answered| (0..a.top.len()).map(|i| a.prompt - 1 + i).collect::<Vec<_>>();
    let chosen: Vec<Vec<usize>> = answers.iter().map(positions).collect();
    let asked: Vec<_> = answers.iter().zip(&chosen).map(|(a, p)| (a.ids.as_slice(), p.as_slice())).collect();
    let flat = model.log_probs_at(adapter, &asked)?;
    let total: usize = chosen.iter().map(Vec::len).sum();
    let mut rows = flat.chunks(flat.len().checked_div(total).unwrap_or(1).max(1)).map(<[f32]>::to_vec);
    Ok(chosen.iter().map(|p| rows.by_ref().take(p.len()).collect()).collect())
}

pub fn leg(
    request: &Request<'_>,
    file: &File,
    (show, digest): (&Show, Digest),
    (answers, rows): (&[Answered], &Rows),
) -> Result<Leg, ProofError> {
    let mut leg = Leg::new("served");
    let identity = identity(request, show, digest, &mut leg)?;
    let (mut divergences, mut agreed) = (Vec::new(), 0usize);
    let mut worst = (0.0, 0);
    for (probe, (answer, rows)) in answers.iter().zip(rows).enumerate() {
        for (top, row) in answer.top.iter().zip(rows) {
            let Some(&(first, _)) = top.iter().max_by(|a, b| a.1.total_cmp(&b.1)) else { continue };
            let kl = kl_of_known(top, row);
            agreed += usize::from(first == argmax(row));
            divergences.push(kl);
            if kl > worst.0 {
                worst = (kl, probe);
            }
        }
    }
    let limit = file.served_limit(&request.base.weights);
    let (kl, agreement) = (mean(&divergences), agreed as f64 / divergences.len().max(1) as f64);
    if divergences.len() < answers.len() {
        let fault = format!("only {} positions of {} probes could be compared", divergences.len(), answers.len());
        leg.fault(fault);
    }
    if kl.is_nan() || kl > limit {
        leg.fault(format!(
            "mean KL(served || exported) {kl:.5} > {limit}; worst at probe {} ({:.4})",
            worst.1 + 1,
            worst.0
        ));
    }
    if agreement < LEAST_AGREEMENT {
        leg.fault(format!(
            "the most likely token agrees in {:.0} % of steps, {:.0} % are needed",
            100.0 * agreement,
            100.0 * LEAST_AGREEMENT
        ));
    }
    leg.number("positions", divergences.len() as f64);
    leg.number("mean_kl", kl);
    leg.number("mean_kl_limit", limit);
    leg.number("worst_kl", worst.0);
    leg.number("argmax_agreement", agreement);
    let n = divergences.len();
    leg.summary = format!(
        "{identity}; mean KL {kl:.5} (limit {limit}) over {n} positions, same top token in {:.0} %",
        100.0 * agreement
    );
    Ok(leg)
}

/// The file behind the tag is the one that was uploaded, or, where the daemon rewrites files, its tensors are byte-equal.
fn identity(request: &Request<'_>, show: &Show, digest: Digest, leg: &mut Leg) -> Result<String, ProofError> {
    let wanted = if matches!(super::exported::open(request.exported)?, File::Adapter) { "ADAPTER" } else { "FROM" };
    let Some(path) = show.modelfile.lines().find_map(|l| l.strip_prefix(wanted).map(str::trim)) else {
        leg.fault(format!("{} shows no {wanted} line", request.model));
        return Ok("file unknown".to_owned());
    };
    if path.ends_with(&digest.blob_name()) {
        return Ok("the uploaded file is served".to_owned());
    }
    let path = std::path::Path::new(path);
    if !path.is_file() {
        // On another host the blob can't be read; the log-probabilities must do.
        return Ok(format!("its file {} can't be read from here", path.display()));
    }
    let (ours, theirs) = (Gguf::open(request.exported)?, Gguf::open(path)?);
    for info in ours.tensors() {
        let same = theirs.tensor(&info.name).is_some_and(|t| t.ty == info.ty && theirs.bytes(t) == ours.bytes(info));
        if !same {
            leg.fault(format!("another file is behind the tag: tensor {} differs from the uploaded one", info.name));
            return Ok("another file is served".to_owned());
        }
    }
    if theirs.tensors().len() != ours.tensors().len() {
        leg.fault("another file is behind the tag: it holds more tensors than the uploaded one".to_owned());
    }
    Ok("the daemon rewrote the file, every tensor byte-equal".to_owned())
}
