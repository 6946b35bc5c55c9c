//! The arithmetic: trait `Ops`, every operation a forward and a backward side by side; block formats; the thread pool.
#![allow(unsafe_code)]

mod blocks;
mod encoding;
mod machine;
mod random;

pub use blocks::{decode, encode_dithered, encode_nearest, steps};
pub use machine::{available_memory, cpu_features};
pub use encoding::{Encoding, OpsError, RowOrder, WeightRef};
pub use random::{bits_at, subkey, uniform_at};
