//! The count that teaches every fact, tried out before it is said.

use super::items::with_refusals;
use super::material::Material;
use super::request::GenerateRequest;
use crate::commands::Failure;
use crate::generate::{self, AskedQuestion, ExampleCount, GenerateError, Item, Plan};

/// Counts that are tried, at most.
const TRIES: usize = 6;
/// The next count is this part larger, where the plan names none.
const STEP: usize = 50;

/// What is planned again for other counts.
#[derive(Clone, Copy)]
pub(super) struct Planned<'a> {
    pub(super) material: &'a Material,
    pub(super) request: &'a GenerateRequest,
    pub(super) items: &'a [Item],
    pub(super) asked: &'a [AskedQuestion],
}

impl Planned<'_> {
    /// The plan names a count for as many refusals as were made for its own; more are made for a larger one, and take the
    /// place of facts. The plan then names the first count that teaches all facts when it is planned itself, or none.
    pub(super) fn confirm(&self, plan: &mut Plan) -> Result<(), Failure> {
        let coverage = plan.coverage();
        let Some(named) = coverage.count_for_all.filter(|_| !coverage.teaches_all()) else { return Ok(()) };
        let confirmed = self.first_that_teaches_all(named)?;
        plan.name_count_for_all(confirmed);
        Ok(())
    }

    fn first_that_teaches_all(&self, named: usize) -> Result<Option<usize>, Failure> {
        let mut count = named;
        for _ in 0..TRIES {
            let request = GenerateRequest { count: ExampleCount::Number(count), ..self.request.clone() };
            let items = with_refusals(self.material, &request, self.items)?;
            let input = self.material.plan_input(&items, self.asked);
            let coverage = match generate::plan(input, &request.plan_options()?) {
                Err(GenerateError::TooMany { .. }) => return Ok(None),
                plan => plan?.coverage(),
            };
            if coverage.teaches_all() {
                return Ok(Some(count));
            }
            let next = coverage.count_for_all.filter(|next| *next > count);
            count = next.unwrap_or(count + count / STEP + 1);
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::generating::items;
    use crate::commands::generating::request::{self, Shares, Variations};
    use crate::corpus::{self, FactOptions, Language, ReadOptions};
    use crate::generate::{Method, Templates};
    use crate::store::Interrupt;

    /// By the path as the guide has it, below the root of the package, where tests run: the names of sources seed what is chosen.
    fn material(path: &str) -> Material {
        let corpus = corpus::read(&[path.into()], &ReadOptions::default()).unwrap().corpus;
        let facts = corpus::facts(&corpus, &FactOptions::default());
        let languages = vec![Language::Fr];
        let templates = Templates::builtin().unwrap();
        Material { corpus, facts, languages, own_languages: Vec::new(), templates, interrupt: Interrupt::default() }
    }

    fn request(method: Method, count: usize) -> GenerateRequest {
        let (count, parts) = (ExampleCount::Number(count), Some(Shares([80, 10, 10])));
        GenerateRequest { method, count, parts, ..request::tests::request() }
    }

    fn planned(material: &Material, request: &GenerateRequest) -> Plan {
        let items = items::items(material, request, Variations::of(request).unwrap()).unwrap();
        super::super::planned(material, request, &items).unwrap().plan
    }

    #[test]
    fn the_counts_that_are_said_are_true() {
        let material = material("examples/applicationsIA_mini_1-10.md");
        for method in [Method::RuleBased, Method::Augmented] {
            for parts in [None, Some(Shares([80, 10, 10]))] {
                for (count, seed) in [(40, 42), (120, 7), (400, 42)] {
                    let of = |count: usize| {
                        planned(&material, &GenerateRequest { parts, seed, ..request(method, count) }).coverage()
                    };
                    let said = of(count);
                    let all = said.count_for_all.unwrap();
                    assert!(of(all).teaches_all(), "{method} {parts:?} {count}: {all}");
                }
            }
        }
    }

    #[test]
    fn the_guide_says_what_is_said() {
        let material = material("examples/applicationsIA_mini_1-10.md");
        let guide = include_str!("../../../docs/guide/9-from-documents.md");
        let augmented = request(Method::Augmented, 400);
        let said = [GenerateRequest { parts: None, ..request(Method::RuleBased, 100) }, augmented]
            .map(|request| planned(&material, &request).coverage().sentence());
        assert!(said.iter().all(|sentence| guide.contains(sentence.as_str())), "{said:#?}");
    }
}
