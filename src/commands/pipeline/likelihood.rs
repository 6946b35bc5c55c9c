//! What a run with `--likelihood` compares: v1 as the daemon serves it, and the file that was exported.

use std::path::Path;

use super::state::PipelineRun;
use crate::commands::evaluate::{Candidate, LikelihoodArm, LikelihoodArms};
use crate::commands::{Context, Failure};
use crate::config::Delivery;
use crate::lora::{Adapter, Hf};
use crate::roles::Role;

impl PipelineRun<'_> {
    /// What can be refused before the training: v1's file can't be read here, or its vocabulary is not the base's.
    pub(super) fn check_likelihood(&self, context: &mut Context<'_>, role: &Role) -> Result<(), Failure> {
        let v1 = self.v1_arm(context, role)?;
        let arm = LikelihoodArm::of_base(&self.base.name, &self.base, None);
        let candidate = Candidate { arm, template: &self.base.template, system: None };
        LikelihoodArms::new(v1, candidate, 0).map(drop)
    }

    pub(super) fn likelihood(
        &self,
        context: &mut Context<'_>,
        role: &Role,
        exported: &Path,
        adapter: &Adapter<Hf>,
    ) -> Result<LikelihoodArms<'_>, Failure> {
        let v1 = self.v1_arm(context, role)?;
        let name = &self.config.output_model_name;
        let arm = match self.config.delivery {
            Delivery::Adapter => LikelihoodArm::of_base(name, &self.base, Some(adapter.to_stored(&self.base.weights))),
            Delivery::Merged => LikelihoodArm::of_file(name, exported)?,
        };
        let system = self.client.show(name)?.map(|show| show.system).filter(|text| !text.is_empty());
        let candidate = Candidate { arm, template: &self.base.template, system };
        LikelihoodArms::new(v1, candidate, self.config.threads.unwrap_or(0))
    }

    fn v1_arm(&self, context: &mut Context<'_>, role: &Role) -> Result<LikelihoodArm, Failure> {
        let v1 = self.v1(role);
        let with_adapter = self.client.show(v1)?.is_some_and(|show| !show.adapters.is_empty());
        if !with_adapter && self.same_as_v1(role) {
            return Ok(LikelihoodArm::of_base(v1, &self.base, None));
        }
        LikelihoodArm::served(context, &self.client, v1)
    }
}
