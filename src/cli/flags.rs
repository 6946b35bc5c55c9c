//! Training's flags, and the config's own words for them: what was said on the command line lies over the file.

use std::path::PathBuf;

use clap::Args;

use crate::config::{Modules, NO_MODULES_TO_SAVE, Numbers, Paths, Raw};

/// Training's settings; the same words with `_` are the config's keys.
#[derive(Clone, Debug, Default, Args)]
pub struct Flags {
    /// JSONL, a JSON list, CSV or TSV, also gzipped; a path or a glob; may repeat
    #[arg(long, value_name = "FILE")]
    pub dataset: Vec<PathBuf>,
    /// Which shape to take where records have several: messages, conversations, instruction, prompt or text
    #[arg(long)]
    pub shape: Option<String>,
    /// Held-out records whose loss is reported, written as --dataset
    #[arg(long, value_name = "FILE")]
    pub eval_dataset: Vec<PathBuf>,
    /// Or this share of the dataset is held out
    #[arg(long, value_name = "SHARE")]
    pub eval_split: Option<f64>,
    /// Path, role, name in the daemon's store, Hugging Face id in the local cache, or shortcut
    #[arg(long, value_name = "BASE")]
    pub base_model: Option<String>,
    /// Name of the tuned model in the daemon
    #[arg(long, value_name = "NAME")]
    pub output_model_name: Option<String>,
    /// Start from this adapter (tunesmith's, PEFT's or mlx-lm's); rank, alpha and targets are its own
    #[arg(long, value_name = "DIR")]
    pub from_adapter: Option<PathBuf>,
    /// Passes over the dataset
    #[arg(long)]
    pub epochs: Option<f64>,
    /// Optimiser steps, whatever the epochs say
    #[arg(long)]
    pub max_steps: Option<u64>,
    /// Examples in a micro-batch
    #[arg(long)]
    pub batch_size: Option<usize>,
    /// Micro-batches in a step
    #[arg(long)]
    pub gradient_accumulation: Option<usize>,
    /// The highest learning rate
    #[arg(long)]
    pub learning_rate: Option<f64>,
    /// linear, cosine, constant or constant_with_warmup
    #[arg(long)]
    pub lr_scheduler: Option<String>,
    /// Share of the steps in which the rate rises, rounded up to whole steps; rounded down in a run of fewer than 10 steps
    #[arg(long)]
    pub warmup_ratio: Option<f64>,
    /// AdamW's decoupled weight decay
    #[arg(long)]
    pub weight_decay: Option<f64>,
    /// 0 = off
    #[arg(long)]
    pub max_grad_norm: Option<f64>,
    /// Share of the target that all tokens get together, as PyTorch's label_smoothing; 0 = off
    #[arg(long, value_name = "SHARE")]
    pub label_smoothing_factor: Option<f64>,
    /// Rank (r)
    #[arg(long)]
    pub lora_rank: Option<usize>,
    /// The update is scaled by alpha / rank (twice the rank if left out)
    #[arg(long)]
    pub lora_alpha: Option<f64>,
    /// Dropout of the adapter's input
    #[arg(long)]
    pub lora_dropout: Option<f64>,
    /// rsLoRA: the update is scaled by alpha / sqrt(rank)
    #[arg(long)]
    pub use_rslora: bool,
    /// all-linear, a list such as q_proj,v_proj, or a regular expression of the whole path
    #[arg(long)]
    pub target_modules: Option<Modules>,
    /// Refused with the reason, as the config's key is
    #[arg(long, hide = true, value_parser = |_: &str| Err::<String, _>(NO_MODULES_TO_SAVE))]
    pub modules_to_save: Option<String>,
    /// Only these layers, counted from 0
    #[arg(long, value_delimiter = ',', value_name = "N")]
    pub layers_to_transform: Option<Vec<usize>>,
    /// Another rank for some modules; may repeat, the first that matches decides
    #[arg(long, value_name = "MODULE=N", value_parser = entry)]
    pub rank_pattern: Vec<(String, f64)>,
    /// Another alpha for some modules; may repeat, the first that matches decides
    #[arg(long, value_name = "MODULE=N", value_parser = entry)]
    pub alpha_pattern: Vec<(String, f64)>,
    /// Tokens of an example; what is longer is cut and listed
    #[arg(long)]
    pub max_seq_len: Option<usize>,
    /// General prompts against forgetting: auto, off or a file
    #[arg(long)]
    pub replay: Option<String>,
    /// Their share of all examples
    #[arg(long)]
    pub replay_share: Option<f64>,
    /// Keep the file's order
    #[arg(long)]
    pub no_shuffle: bool,
    /// Examples of like length side by side
    #[arg(long)]
    pub group_by_length: bool,
    /// Steps between evaluations, beside those at the end of each epoch
    #[arg(long, value_name = "N")]
    pub eval_steps: Option<u64>,
    /// Stop after so many evaluations without one better than the best, whose checkpoint is kept
    #[arg(long, value_name = "N")]
    pub early_stopping_patience: Option<u64>,
    /// By how much eval_loss must fall to be better
    #[arg(long, value_name = "NATS")]
    pub early_stopping_threshold: Option<f64>,
    /// final/ from the checkpoint with the least eval_loss, not from the last
    #[arg(long)]
    pub load_best_model_at_end: bool,
    /// Steps between checkpoints
    #[arg(long, visible_alias = "save-steps", value_name = "N")]
    pub save_every: Option<u64>,
    /// Checkpoints kept, the best one beside them
    #[arg(long, value_name = "N")]
    pub save_total_limit: Option<u64>,
    /// auto (the GPU that this program was built for, where there is one), cpu, cuda or metal
    #[arg(long)]
    pub device: Option<String>,
    /// The same as --device cpu
    #[arg(long)]
    pub force_cpu: bool,
    /// Arithmetic of training's matrix products with the base: auto (the fastest of these that this CPU has), f32 (exact), bf16 (CPUs with AMX) or int8 (CPUs with AVX-512 VNNI or AVX-VNNI and no AMX) [default: auto]
    #[arg(long)]
    pub compute: Option<String>,
    /// 0 = all cores
    #[arg(long)]
    pub threads: Option<usize>,
    /// Hold no more than this (2GiB, 800MiB; on a GPU, of its memory): layers' values are computed again rather than kept
    #[arg(long, value_name = "SIZE")]
    pub max_memory: Option<String>,
    /// keep, f16, bf16 or q8_0
    #[arg(long)]
    pub quant: Option<String>,
    /// With keep: the type of touched tensors below 8 bit, q8_0 or same (they keep their type) [default: q8_0]
    #[arg(long, value_name = "FLOOR")]
    pub quant_floor: Option<String>,
}

/// `seed` is a common option.
pub fn raw(flags: &Flags, seed: Option<u64>) -> Raw {
    let flags = flags.clone();
    Raw {
        model_to_fine_tune: flags.base_model,
        dataset_path: paths(flags.dataset),
        shape: flags.shape,
        output_model_name: flags.output_model_name,
        eval_dataset: paths(flags.eval_dataset),
        eval_split: flags.eval_split,
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
        label_smoothing_factor: flags.label_smoothing_factor,
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
        group_by_length: flags.group_by_length.then_some(true),
        eval_steps: flags.eval_steps,
        early_stopping_patience: flags.early_stopping_patience,
        early_stopping_threshold: flags.early_stopping_threshold,
        load_best_model_at_end: flags.load_best_model_at_end.then_some(true),
        save_every: flags.save_every,
        save_total_limit: flags.save_total_limit,
        replay: flags.replay,
        replay_share: flags.replay_share,
        device: flags.device,
        force_cpu: flags.force_cpu.then_some(true),
        compute: flags.compute,
        threads: flags.threads.filter(|n| *n > 0).map(|n| n as u64),
        max_memory: flags.max_memory,
        quant: flags.quant,
        quant_floor: flags.quant_floor,
        ..Raw::default()
    }
}

fn paths(said: Vec<PathBuf>) -> Option<Paths> {
    (!said.is_empty()).then_some(Paths(said))
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
