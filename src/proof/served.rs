//! Leg 3: the daemon serves that file and computes it right. Our f32 forward over the exported bytes, teacher-forced on
//! the daemon's own greedy tokens, against its top-20 log-probabilities.

use super::divergence::{Rows, kl_of_known, mean};
use super::exported::File;
use super::probes::{Probe, TOKENS};
use super::prompt::greedy;
use super::vocabulary::Vocabulary;
use super::{Leg, ProofError, Request};
use crate::gguf::Gguf;
use crate::lora::{Adapter, Stored};
use crate::model::{Model, argmax};
use crate::ollama::{Answer, Ask, ENGINE_OPTION, Prompt, SECOND_ENGINE, Show, TokenLogprob};
use crate::store::Digest;
use crate::tokenizer::Tokenizer;

/// Share of steps whose most likely token must agree.
const LEAST_AGREEMENT: f64 = 0.85;

/// The daemon's answer to a probe, as ids: `ids` = prompt + answer, `top` = its distributions.
#[derive(Debug)]
pub(super) struct Answered {
    pub ids: Vec<u32>,
    pub top: Vec<Top>,
}

/// What the daemon says of one distribution, as far as its tokens' ids are certain.
#[derive(Debug)]
pub(super) struct Top {
    /// Index in `ids` of the token that it foresees.
    at: usize,
    first: Option<u32>,
    known: Vec<(u32, f64)>,
}

impl Top {
    /// `id`: of the token that was chosen.
    fn new(at: usize, token: &TokenLogprob, id: u32, vocabulary: &Vocabulary) -> Self {
        let mut said: Vec<_> = token.top.iter().collect();
        said.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut top = Self { at, first: None, known: Vec::with_capacity(said.len()) };
        for (i, (bytes, lp)) in said.into_iter().enumerate() {
            let chosen = (i == 0 && *bytes == token.bytes).then_some(id);
            let found = chosen.or_else(|| vocabulary.id_in_list(bytes));
            if i == 0 {
                top.first = found;
            }
            // Of two tokens with the same bytes the second is the one whose id is not certain.
            top.known.extend(found.filter(|f| top.known.iter().all(|k| k.0 != *f)).map(|f| (f, *lp)));
        }
        top
    }
}

pub(super) fn ask(
    request: &Request<'_>,
    probes: &[Probe],
    embedded: bool,
    progress: &mut dyn FnMut(&str, usize, usize),
) -> Result<Vec<Answered>, ProofError> {
    let vocabulary = Vocabulary::of(&request.base.tokenizer);
    let mut answers = Vec::with_capacity(probes.len());
    for (i, probe) in probes.iter().enumerate() {
        request.check_interrupt()?;
        progress("served", i, probes.len());
        let mut options = greedy(TOKENS, request);
        // The daemon holds back what may begin a stop word, and loses its log-probabilities.
        options.extra.insert("stop".to_owned(), serde_json::json!([]));
        if embedded {
            // Its own engine is the one that this forward pass comes from: the other one answers.
            options.extra.insert(ENGINE_OPTION.to_owned(), serde_json::json!(SECOND_ENGINE));
        }
        let ask = Ask {
            model: request.model.to_owned(),
            prompt: Prompt::Raw(probe.text.clone()),
            options,
            top_logprobs: 20,
            format: None,
            keep_alive: None,
            think: Some(false),
            tools: Vec::new(),
        };
        let answer = request.client.ask(&ask, &mut |_| {})?;
        if embedded && answer.engine != SECOND_ENGINE {
            return Err(ProofError::NoSecondOpinion { found: answer.engine });
        }
        answers.push(read(&answer, probe, &request.base.tokenizer, &vocabulary));
    }
    Ok(answers)
}

/// The tokens of an answer up to the first whose id is not certain: what follows it can't be teacher-forced.
fn read(answer: &Answer, probe: &Probe, tokenizer: &Tokenizer, vocabulary: &Vocabulary) -> Answered {
    let mut answered = Answered { ids: probe.ids.clone(), top: Vec::new() };
    let (mut whole, mut before_parts) = (answer.done, None);
    for token in &answer.logprobs {
        let one = vocabulary.id(&token.bytes).map(|id| vec![id]);
        let Some(ids) = one.or_else(|| parts(&token.bytes, tokenizer)) else {
            whole = false;
            break;
        };
        if ids.len() > 1 && before_parts.is_none() {
            before_parts = Some(answered.top.len());
        }
        let last = ids[ids.len() - 1];
        answered.ids.extend(ids);
        answered.top.push(Top::new(answered.ids.len() - 1, token, last, vocabulary));
    }
    let told = answered.ids.len() - probe.ids.len() + usize::from(answer.done_reason == "stop");
    let counted = answer.eval_count as usize;
    let right = match before_parts {
        // A token without a text is left out, and nobody can say where it was.
        None => !whole || told >= counted,
        // So are the parts of a character that the end of the answer breaks.
        Some(_) => whole && (told..told + 4).contains(&counted),
    };
    if !right {
        answered.top.truncate(before_parts.unwrap_or(0));
    }
    answered
}

/// The parts of a character come as one text, with the log-probabilities of the last part.
fn parts(bytes: &[u8], tokenizer: &Tokenizer) -> Option<Vec<u32>> {
    let text = std::str::from_utf8(bytes).ok().filter(|t| !t.contains('\u{FFFD}'))?;
    let ids: Vec<u32> = tokenizer.encode(text).ok()?.iter().map(|t| t.id).collect();
    let spelled: Vec<u8> = ids.iter().filter_map(|id| tokenizer.token_bytes(*id)).flatten().collect();
    (ids.len() > 1 && spelled == bytes).then_some(ids)
}

/// Tokens that one forward pass takes at most: what it holds grows with them.
const PASS: usize = 4096;

/// Our distributions at the same positions.
pub(super) fn forward(
    model: &Model,
    adapter: Option<&Adapter<Stored>>,
    answers: &[Answered],
) -> Result<Rows, ProofError> {
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
    // Position p predicts token p + 1.
    let positions = |a: &Answered| a.top.iter().map(|t| t.at - 1).collect::<Vec<_>>();
    let chosen: Vec<Vec<usize>> = answers.iter().map(positions).collect();
    let asked: Vec<_> = answers.iter().zip(&chosen).map(|(a, p)| (a.ids.as_slice(), p.as_slice())).collect();
    let flat = model.log_probs_at(adapter, &asked)?;
    let total: usize = chosen.iter().map(Vec::len).sum();
    let mut rows = flat.chunks(flat.len().checked_div(total).unwrap_or(1).max(1)).map(<[f32]>::to_vec);
    Ok(chosen.iter().map(|p| rows.by_ref().take(p.len()).collect()).collect())
}

/// What the daemon serves, and what it was expected to serve.
#[derive(Clone, Copy)]
pub(super) struct Served<'a> {
    pub show: &'a Show,
    /// Digest of the exported file.
    pub digest: Digest,
    pub answers: &'a [Answered],
    /// Our distributions at the answers' positions.
    pub reference: &'a Rows,
    /// Which engine answered, for the summary.
    pub by: &'a str,
}

pub(super) fn leg(request: &Request<'_>, file: &File, served: &Served<'_>) -> Result<Leg, ProofError> {
    let Served { show, digest, answers, reference, by } = *served;
    let mut leg = Leg::new("served");
    let identity = identity(request, show, digest, &mut leg)?;
    let (mut divergences, mut certain, mut agreed) = (Vec::new(), 0usize, 0usize);
    let mut worst = (0.0, 0);
    for (probe, (answer, rows)) in answers.iter().zip(reference).enumerate() {
        for (top, row) in answer.top.iter().zip(rows) {
            if top.known.is_empty() {
                continue;
            }
            let kl = kl_of_known(&top.known, row);
            certain += usize::from(top.first.is_some());
            agreed += usize::from(top.first == Some(argmax(row)));
            divergences.push(kl);
            if kl > worst.0 {
                worst = (kl, probe);
            }
        }
    }
    let limit = file.served_limit(&request.base.weights);
    let kl = mean(&divergences);
    if divergences.len() < answers.len() {
        let fault = format!("only {} positions of {} probes could be compared", divergences.len(), answers.len());
        leg.fault(fault);
    }
    if !divergences.is_empty() && (kl.is_nan() || kl > limit) {
        leg.fault(format!(
            "mean KL(served || exported) {kl:.5} > {limit}; worst at probe {} ({:.4})",
            worst.1 + 1,
            worst.0
        ));
    }
    let agreement = Agreement { agreed, certain };
    if !agreement.suffices() {
        leg.fault(format!("the most likely token differs too often: {agreement}"));
    }
    leg.number("positions", divergences.len() as f64);
    leg.number("mean_kl", kl);
    leg.number("mean_kl_limit", limit);
    leg.number("worst_kl", worst.0);
    leg.number("argmax_agreement", agreed as f64 / certain.max(1) as f64);
    let n = divergences.len();
    leg.summary =
        format!("{identity}; mean KL {kl:.5} (limit {limit}) over {n} positions, top tokens: {agreement}{by}");
    Ok(leg)
}

/// Steps whose most likely token is known, and how many of them agree with our forward pass. Printed as counts, because a
/// rounded percentage can equal the limit that it misses.
struct Agreement {
    agreed: usize,
    certain: usize,
}

impl Agreement {
    fn needed(&self) -> usize {
        (LEAST_AGREEMENT * self.certain as f64).ceil() as usize
    }

    fn suffices(&self) -> bool {
        self.certain > 0 && self.agreed >= self.needed()
    }
}

impl std::fmt::Display for Agreement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} are the same (at least {})", self.agreed, self.certain, self.needed())
    }
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
        return Ok("another file is served".to_owned());
    }
    Ok("the daemon rewrote the file, every tensor byte-equal".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::{Metadata, Value};

    /// a, b, a space, and the four bytes of an emoji, the first also with a space before it.
    fn tokenizer() -> Tokenizer {
        let keys = [
            ("model", Value::String("gpt2".into())),
            ("pre", Value::String("gpt-2".into())),
            ("tokens", Value::Strings(["a", "b", "Ġ", "ð", "Ł", "İ", "Ī", "Ġð"].map(str::to_owned).to_vec())),
            ("merges", Value::Strings(vec!["Ġ ð".to_owned()])),
        ];
        let keys: Metadata = keys.into_iter().map(|(k, v)| (format!("tokenizer.ggml.{k}"), v)).collect();
        Tokenizer::from_metadata(&keys, "test").unwrap()
    }

    /// (at, first, known ids) of an answer of these texts after a prompt of one token.
    fn read(texts: &[&str], done: bool, eval_count: u64) -> Vec<(usize, Option<u32>, Vec<u32>)> {
        let one = |text: &&str| {
            let top = [*text, "b", " "].map(|t| t.as_bytes().to_vec()).into_iter().zip([-0.1, -3.0, -4.0]).collect();
            TokenLogprob { token: (*text).to_owned(), bytes: text.as_bytes().to_vec(), logprob: -0.1, top }
        };
        let logprobs = texts.iter().map(one).collect();
        let done_reason = "length".to_owned();
        let answer = Answer { done, done_reason, eval_count, logprobs, ..Answer::default() };
        let (tokenizer, probe) = (tokenizer(), Probe { text: "b".to_owned(), ids: vec![1] });
        let answered = super::read(&answer, &probe, &tokenizer, &Vocabulary::of(&tokenizer));
        answered.top.into_iter().map(|t| (t.at, t.first, t.known.into_iter().map(|k| k.0).collect())).collect()
    }

    #[test]
    fn agreement_is_said_in_counts_that_do_not_contradict_its_verdict() {
        let of = |agreed, certain| Agreement { agreed, certain };
        // 84.6 %, which would be rounded to the 85 % that are needed.
        let short = of(33, 39);
        assert!(!short.suffices() && of(34, 39).suffices());
        assert_eq!(short.to_string(), "33 of 39 are the same (at least 34)");
        assert!(of(17, 20).suffices() && !of(0, 0).suffices());
    }

    #[test]
    fn tokens_whose_places_are_certain_are_compared() {
        let (a, space) = ((1, Some(0), vec![0, 1]), (2, Some(2), vec![2, 1]));
        assert_eq!(read(&["a", " "], true, 2), [a.clone(), space.clone()]);
        assert_eq!(read(&["a", " ", "\u{fffd}"], true, 3), [a.clone(), space.clone()]);
        // The daemon cut the answer: it counts nothing.
        assert_eq!(read(&["a", " "], false, 0), [a, space]);
        // Somewhere there was a token without a text.
        assert_eq!(read(&["a", " "], true, 3), []);
    }

    #[test]
    fn a_character_of_several_tokens_is_followed() {
        let (a, emoji) = ((1, Some(0), vec![0, 1]), (5, Some(6), vec![6, 1]));
        let b = (6, Some(1), vec![1]);
        assert_eq!(read(&["a", " 🎈", "b"], true, 6), [a.clone(), emoji.clone(), b.clone()]);
        // The end of the answer breaks another.
        assert_eq!(read(&["a", " 🎈", "b"], true, 8), [a.clone(), emoji, b]);
        // It was written in other parts than we would.
        for counted in [5, 12] {
            assert_eq!(read(&["a", " 🎈", "b"], true, counted), vec![a.clone()]);
        }
    }
}
