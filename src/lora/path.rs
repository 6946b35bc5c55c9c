//! The paths of a model's linear layers, which PEFT's names are matched against.

use crate::weights::LinearId;

/// `model.layers.3.self_attn.q_proj`: a linear's path in transformers, which PEFT matches against.
pub fn module(id: LinearId) -> String {
    format!("model.layers.{}.{}", id.layer, id.site.hf())
}

/// Whether `name` is `module` or its last dotted parts.
pub(super) fn names(name: &str, module: &str) -> bool {
    module.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
