//! Where a base comes from: an HF folder, a GGUF file, a name in Ollama's store, the shortcut registry.

mod error;
mod hub;
mod identity;
mod open;
mod opened;
mod package;
mod resolve;
mod shortcuts;
mod template;

pub use error::BaseError;
pub use hub::{is_id as is_hub_id, ollama_name};
pub use opened::{Base, ServedOtherwise, Source};
pub use package::{Package, fetch_package};
pub use resolve::Resolver;
pub use shortcuts::{SHORTCUTS, Shortcut};
