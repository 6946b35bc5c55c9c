//! The adapter as data: rank, alpha, targets; initialisation; ΔW; PEFT's layout on disk.

mod adapter;
mod config;
mod delta;
mod disk;
mod error;
mod init;
mod mlx;
mod order;
mod origin;
mod path;
mod pattern;
mod peft;
mod targeted;
mod targets;
#[cfg(test)]
pub(crate) mod tests;

pub use adapter::{Adapter, Ggml, Hf, Pair, Ranks, Stored};
pub use config::LoraConfig;
pub use disk::{Floats, base_name, save_floats};
pub use error::LoraError;
pub use order::{b_in_hf, ggml_row_of_hf, hf_row_of_ggml, permute_rows, unpermute_rows};
pub use origin::{ORIGIN, Origin, weights_in_manifest};
pub use path::module;
pub use pattern::Pattern;
pub use targets::TargetModules;
