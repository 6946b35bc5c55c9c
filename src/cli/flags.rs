//! Flags to the config's own words: what was said on the command line lies over the file.

use super::args::Flags;
use crate::config::{Numbers, Raw};

/// `seed` is a common option.
pub fn raw(flags: &Flags, seed: Option<u64>) -> Raw {
    let flags = flags.clone();
    Raw {
        model_to_fine_tune: flags.base_model,
        dataset_path: flags.dataset,
        output_model_name: flags.output_model_name,
        eval_dataset: flags.eval_dataset,
        from_adapter: flags.from_adapter,
        epochs: flags.epochs,
        max_steps: flags.max_steps,
        batch_size: flags.batch_size.map(|n| n as u64),
        gradient_accumulation: flags.gradient_accumulation.map(|n| n as u64),
        learning_rate: flags.learning_rate,
        lr_scheduler: flags.lr_scheduler,
        warmup_ratio: flags.warmup_ratio,
        weight_decay: flags.weight_decay,
        max_grad_norm: flags.max_grad_norm,
        lora_rank: flags.lora_rank.map(|n| n as u64),
        lora_alpha: flags.lora_alpha,
        lora_dropout: flags.lora_dropout,
        use_rslora: flags.use_rslora.then_some(true),
        target_modules: flags.target_modules,
        layers_to_transform: flags.layers_to_transform,
        rank_pattern: numbers(flags.rank_pattern),
        alpha_pattern: numbers(flags.alpha_pattern),
        max_seq_len: flags.max_seq_len.map(|n| n as u64),
        no_shuffle: flags.no_shuffle.then_some(true),
        seed,
        save_every: flags.save_every,
        replay: flags.replay,
        replay_share: flags.replay_share,
        device: flags.device,
        force_cpu: flags.force_cpu.then_some(true),
        threads: flags.threads.filter(|n| *n > 0).map(|n| n as u64),
        quant: flags.quant,
        ..Raw::default()
    }
}

fn numbers(said: Vec<(String, f64)>) -> Option<Numbers> {
    (!said.is_empty()).then_some(Numbers(said))
}

/// `MODULE=NUMBER`: the last `=` divides, since a regular expression may hold one.
pub fn entry(text: &str) -> Result<(String, f64), String> {
    let fault = || format!("{text:?} is no MODULE=NUMBER, such as q_proj=4");
    let (key, value) = text.rsplit_once('=').filter(|(key, _)| !key.is_empty()).ok_or_else(fault)?;
    Ok((key.to_owned(), value.trim().parse().map_err(|_| fault())?))
}
