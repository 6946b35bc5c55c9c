//! Which linear layers get a pair: PEFT's `target_modules` and `layers_to_transform`.

use super::path::{module, names};
use super::pattern::{compiled, matches};
use super::{LoraConfig, LoraError, Ranks, TargetModules};
use crate::weights::{LinearId, LinearSpec, ModelSpec};

impl LoraConfig {
    /// The linears of a base that get a pair, in order.
    ///
    /// # Errors
    /// A name, an expression or a pattern's key that matches nothing; a layer that the base does not have; a rank above
    /// a matrix's smaller side, which adds parameters and nothing else.
    pub fn targeted(&self, model: &ModelSpec) -> Result<Vec<LinearId>, LoraError> {
        let layers = self.layers(model)?;
        let within = model.linears().filter(|(id, _)| layers.contains(&id.layer));
        let within: Vec<(LinearId, String)> = within.map(|(id, _)| (id, module(id))).collect();
        let known = || within.iter().map(|(_, path)| path.clone()).collect::<Vec<_>>();
        let chosen: Vec<_> = match &self.targets {
            TargetModules::AllLinear => within.iter().collect(),
            TargetModules::Names(said) => {
                if let Some(name) = said.iter().find(|n| !within.iter().any(|(_, path)| names(n, path))) {
                    return Err(LoraError::NoTarget { key: "target_modules", said: name.clone(), known: known() });
                }
                within.iter().filter(|(_, path)| said.iter().any(|n| names(n, path))).collect()
            }
            TargetModules::Regex(said) => {
                let fault = |e| LoraError::Config(format!("target_modules: {said:?} is no regular expression ({e})"));
                let regex = compiled(&format!("^(?:{said})$")).map_err(fault)?;
                within.iter().filter(|(_, path)| matches(&regex, path)).collect()
            }
        };
        let (ids, paths): (Vec<_>, Vec<_>) = chosen.into_iter().cloned().unzip();
        if ids.is_empty() {
            let said = self.targets.to_json().as_str().unwrap_or_default().to_owned();
            return Err(LoraError::NoTarget { key: "target_modules", said, known: known() });
        }
        for (key, pattern) in [("rank_pattern", &self.rank_pattern), ("alpha_pattern", &self.alpha_pattern)] {
            if let Some(idle) = pattern.idle(&paths) {
                return Err(LoraError::NoTarget { key, said: idle.to_owned(), known: paths });
            }
        }
        ids.iter()
            .filter_map(|id| Some((*id, model.linear(*id)?)))
            .try_for_each(|(id, l)| self.fits(id, l))
            .map(|()| ids)
    }

    /// The linears that get a pair, with its rank.
    ///
    /// # Errors
    /// Those of [`LoraConfig::targeted`].
    pub fn ranks(&self, model: &ModelSpec) -> Result<Ranks, LoraError> {
        Ok(self.targeted(model)?.into_iter().map(|id| (id, self.rank_of(id))).collect())
    }

    fn layers(&self, model: &ModelSpec) -> Result<Vec<usize>, LoraError> {
        let Some(said) = &self.layers_to_transform else { return Ok((0..model.blocks.len()).collect()) };
        if matches!(self.targets, TargetModules::Regex(_)) {
            let what = "layers_to_transform goes with names, not with a regular expression: write the layers into it";
            return Err(LoraError::Config(what.to_owned()));
        }
        if let Some(layer) = said.iter().find(|l| **l >= model.blocks.len()) {
            let last = model.blocks.len() - 1;
            return Err(LoraError::Config(format!("layers_to_transform: {layer}: the base's layers are 0 to {last}")));
        }
        let mut layers = said.clone();
        layers.sort_unstable();
        layers.dedup();
        if layers.is_empty() {
            let what = "layers_to_transform names no layer: leave it out for all of them";
            return Err(LoraError::Config(what.to_owned()));
        }
        Ok(layers)
    }

    fn fits(&self, id: LinearId, linear: &LinearSpec) -> Result<(), LoraError> {
        let LinearSpec { rows, cols, .. } = *linear;
        let (rank, most) = (self.rank_of(id), rows.min(cols));
        if rank <= most {
            return Ok(());
        }
        let key = if self.rank_pattern.is_empty() { "lora_rank" } else { "lora_rank or rank_pattern" };
        Err(LoraError::Config(format!(
            "{key}: {rank} is more than {} ({rows} × {cols}) can hold: give at most {most}, or for it alone \
             rank_pattern: {{{}: {most}}}",
            module(id),
            id.site.module()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lora::Pattern;
    use crate::lora::tests::model;
    use crate::weights::Site;

    fn config(targets: TargetModules) -> LoraConfig {
        LoraConfig { rank: 4, targets, ..LoraConfig::default() }
    }

    fn said(names: &[&str]) -> TargetModules {
        TargetModules::Names(names.iter().map(|n| (*n).to_owned()).collect())
    }

    fn paths(config: &LoraConfig) -> Vec<String> {
        config.targeted(&model(2, 1, 16, 24).spec()).unwrap().into_iter().map(module).collect()
    }

    #[test]
    fn names_expressions_and_layers() {
        let all = paths(&config(TargetModules::AllLinear));
        assert_eq!(all.len(), 14);
        assert_eq!(paths(&config(TargetModules::from(&Site::ALL[..]))), all);
        assert_eq!(
            paths(&config(said(&["v_proj", "layers.1.mlp.up_proj", "v_proj"]))),
            ["model.layers.0.self_attn.v_proj", "model.layers.1.self_attn.v_proj", "model.layers.1.mlp.up_proj"]
        );
        // The whole path, as re.fullmatch: an end alone is not enough.
        let regex = |r: &str| config(TargetModules::Regex(r.to_owned()));
        assert_eq!(paths(&regex(r".*\.1\..*\.(q|k)_proj")).len(), 2);
        assert!(regex("q_proj").targeted(&model(2, 1, 16, 24).spec()).is_err());
        let last = LoraConfig { layers_to_transform: Some(vec![1, 1]), ..config(said(&["q_proj"])) };
        assert_eq!(paths(&last), ["model.layers.1.self_attn.q_proj"]);
    }

    #[test]
    fn what_fits_no_layer_is_refused_by_name() {
        let said_of = |c: LoraConfig| c.targeted(&model(2, 1, 16, 24).spec()).unwrap_err().to_string();
        let e = said_of(config(said(&["q_proj", "lm_head"])));
        assert!(e.contains("\"lm_head\"") && e.contains("down_proj") && e.contains("all-linear"), "{e}");
        let e = said_of(config(TargetModules::Regex("q_proj".to_owned())));
        assert!(e.contains("\"q_proj\" matches no linear layer"), "{e}");
        let e = said_of(config(TargetModules::Regex("(".to_owned())));
        assert!(e.contains("no regular expression"), "{e}");
        let layers = |l: &[usize]| LoraConfig { layers_to_transform: Some(l.to_vec()), ..config(said(&["q_proj"])) };
        assert!(said_of(layers(&[2])).contains("0 to 1"));
        assert!(said_of(layers(&[])).contains("names no layer"));
        let regex = LoraConfig { targets: TargetModules::Regex(".*".to_owned()), ..layers(&[1]) };
        assert!(said_of(regex).contains("layers_to_transform"));
        let idle = Pattern::new([("o_proj".to_owned(), 2.0)]).unwrap();
        let e = said_of(LoraConfig { rank_pattern: idle, ..config(said(&["q_proj"])) });
        assert!(e.contains("rank_pattern") && e.contains("\"o_proj\""), "{e}");
    }

    #[test]
    fn a_rank_above_the_matrix_is_refused() {
        let wide = LoraConfig { rank: 9, ..config(TargetModules::AllLinear) };
        let e = wide.targeted(&model(2, 1, 16, 24).spec()).unwrap_err().to_string();
        assert!(e.contains("k_proj (8 × 16)") && e.contains("at most 8") && e.contains("rank_pattern"), "{e}");
        let narrower = Pattern::new([("(k|v)_proj".to_owned(), 8.0)]).unwrap();
        assert!(LoraConfig { rank_pattern: narrower, ..wide }.targeted(&model(2, 1, 16, 24).spec()).is_ok());
    }
}
