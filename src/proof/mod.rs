//! Does the daemon serve what was trained? Three legs, each gates: prompt, exported ≡ trained, served ≡ exported.
//!
//! The limits (docs/internals/proof.md) were measured with SmolLM2-135M-Instruct under Ollama 0.34.4; `docs/benchmarks/parity.md` has
//! our own measurements.

mod divergence;
mod error;
mod exported;
mod leg;
mod probes;
mod prompt;
mod request;
mod served;
mod vocabulary;

pub use error::ProofError;
pub use leg::Leg;
pub use request::Request;

use crate::model::Model;
use crate::ollama::SECOND_ENGINE;
use crate::store::Digest;

/// What `proof.json` holds.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Proof {
    pub model: String,
    /// `proved`, or `self-check` against the embedded server, which is no Ollama.
    pub kind: String,
    pub passed: bool,
    pub legs: Vec<Leg>,
    pub daemon_version: String,
    pub exported: Digest,
    pub probes: usize,
    pub seed: u64,
}

impl Proof {
    /// The first fault, for the line that ends a failed way.
    pub fn first_fault(&self) -> Option<String> {
        let leg = self.legs.iter().find(|l| !l.passed)?;
        Some(format!("leg {}: {}", leg.name, leg.faults.first().map_or(leg.summary.as_str(), String::as_str)))
    }
}

/// Runs the three legs; a leg that fails does not stop the others. `progress(leg, done, total)`.
pub fn prove(request: &Request<'_>, progress: &mut dyn FnMut(&str, usize, usize)) -> Result<Proof, ProofError> {
    let version = request.client.capabilities()?.version;
    let digest = Digest::of_file(request.exported)?;
    let show =
        request.client.show(request.model)?.ok_or_else(|| ProofError::NotRegistered(request.model.to_owned()))?;
    let mut legs = vec![prompt::leg(request, progress)?];

    let probes = probes::make(request)?;
    let embedded = version.is_embedded_server();
    let answers = served::ask(request, &probes, embedded, progress)?;
    request.check_interrupt()?;

    // One resident model at a time: the exported one first, then the base with and without the adapter.
    let file = exported::open(request.exported)?;
    let adapter = request.adapter.to_stored(&request.base.weights);
    let exported_rows = match &file {
        exported::File::Merged(weights) => {
            let model = Model::new(weights, request.threads)?;
            Some(served::forward(&model, None, &answers)?)
        }
        exported::File::Adapter => None,
    };
    request.check_interrupt()?;
    let (tuned_rows, base_rows) = {
        let model = Model::new(&request.base.weights, request.threads)?;
        let tuned = served::forward(&model, Some(&adapter), &answers)?;
        request.check_interrupt()?;
        (tuned, served::forward(&model, None, &answers)?)
    };

    let reference = exported_rows.as_ref().unwrap_or(&tuned_rows);
    let rows = exported::Distributions { tuned: &tuned_rows, exported: reference, base: &base_rows };
    legs.push(exported::leg(request, &file, rows)?);
    let by = if embedded { format!("; its log-probabilities are {SECOND_ENGINE}'s") } else { String::new() };
    let served = served::Served { show: &show, digest, answers: &answers, reference, by: &by };
    legs.push(served::leg(request, &file, &served)?);
    let kind = if embedded { "self-check" } else { "proved" };
    Ok(Proof {
        model: request.model.to_owned(),
        kind: kind.to_owned(),
        passed: legs.iter().all(|l| l.passed),
        legs,
        daemon_version: version.text,
        exported: digest,
        probes: probes.len(),
        seed: request.seed,
    })
}
