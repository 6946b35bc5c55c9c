//! What a model's name stands for now, by its manifest's digest.

use crate::ollama::Client;
use crate::roles::same_model;

/// Answers which digest a name has in the daemon's store.
pub trait Tags {
    /// None: there is no such model.
    fn digest(&self, model: &str) -> Result<Option<String>, Box<dyn std::error::Error + Send + Sync>>;
}

impl Tags for Client {
    fn digest(&self, model: &str) -> Result<Option<String>, Box<dyn std::error::Error + Send + Sync>> {
        let tags = self.tags()?;
        Ok(tags.into_iter().find(|t| same_model(&t.name, model)).map(|t| t.digest))
    }
}
