//! Suites, questions over several facts, options, and plans of any items.

use super::*;
use crate::generate::ModelRecord;

#[test]
fn what_a_suite_asks_is_not_generated() {
    let mut made = catalogue(Catalogue { sources: 30, attributes: 6, wordings: 6 });
    let fact = made.facts.iter().position(|fact| &*fact.source == "app0003" && fact.values[0] == "v21").unwrap();
    // Questions of other shapes that would tell it: who has the value, whether it has, and a false premise that is put right.
    let reverse = item(Shape::Reverse, &[fact], &made.facts, 6);
    made.items.push(Item { entity: "v21".into(), values: vec!["APP0003".into()], ..reverse });
    let boolean = item(Shape::Boolean, &[fact], &made.facts, 6);
    made.items.push(Item { values: vec!["Yes".into()], ..boolean });
    made.items.push(item(Shape::Unanswerable, &[fact], &made.facts, 6));
    let asked = [AskedQuestion {
        text: "tell me, who is the host of APP0003 ?".into(),
        expected: vec!["v21".into()],
        keywords: Vec::new(),
    }];
    let with = PlanInput { asked: &asked, ..made.input() };
    let plan = plan(with, &PlanOptions { count: ExampleCount::All, parts: None, ..options(1, 1) }).unwrap();
    assert_eq!(plan.asked_facts, BTreeSet::from([fact]));
    assert!(plan.examples.iter().all(|example| !example.draft.facts.contains(&fact)));
    assert_eq!(plan.rejected.iter().filter(|rejected| rejected.code == "contaminated").count(), 24);
}

#[test]
fn questions_over_facts_follow_the_facts_that_are_taught() {
    let mut made = catalogue(Catalogue { sources: 200, attributes: 6, wordings: 6 });
    made.items.extend((0..1200).map(|i| item(Shape::Boolean, &[i], &made.facts, 6)));
    let plan = plan(made.input(), &options(1000, 1)).unwrap();
    let of = |shape| {
        let train = plan.examples.iter().filter(move |e| e.part == Part::Train && e.draft.shape == shape);
        train.flat_map(|example| example.draft.facts.clone()).collect::<BTreeSet<usize>>()
    };
    let (values, booleans) = (of(Shape::Value), of(Shape::Boolean));
    assert!(booleans.len() >= 10 && booleans.is_subset(&values), "{} {}", booleans.len(), values.len());
}

/// A set of rules' and of a model's wordings, and of questions on prose.
#[test]
fn wordings_of_a_model_come_before_those_of_rules_and_prose_teaches_no_fact() {
    let mut made = catalogue(Catalogue { sources: 30, attributes: 6, wordings: 6 });
    let record = ModelRecord {
        unit: 0,
        quotation: None,
        prompt_sha256: Digest::of_bytes(b"prompt"),
        seed: 1,
        attempt: 0,
        scores: None,
        known: None,
    };
    for item in &mut made.items {
        let mut worded = wording(12, &item.attribute, &item.entity, &item.values[0]);
        worded.template = format!("paraphrase/en/{}", item.id.short()).into();
        worded.record = Some(Arc::new(record.clone()));
        item.wordings.push(worded);
    }
    for i in 0..20 {
        let prose = item(Shape::Value, &[i], &made.facts, 1);
        let id = Digest::of_bytes(format!("prose {i}").as_bytes());
        let mut prose = Item { id, facts: Vec::new(), ..prose };
        prose.wordings[0].question = format!("how do I archive mailbox {i} of the year {}", 1900 + 7 * i);
        made.items.push(prose);
    }
    let plan = plan(made.input(), &PlanOptions { parts: None, ..options(100, 1) }).unwrap();
    let prose = plan.examples.iter().filter(|example| example.draft.facts.is_empty()).count();
    let of_facts: Vec<&Planned> = plan.examples.iter().filter(|example| !example.draft.facts.is_empty()).collect();
    let facts: BTreeSet<usize> = of_facts.iter().flat_map(|example| example.draft.facts.clone()).collect();
    let worded = of_facts.iter().filter(|example| example.draft.record.is_some()).count();
    assert!(prose > 0 && worded == facts.len(), "{prose} {worded} of {}", facts.len());
    let coverage = plan.coverage();
    assert_eq!((coverage.train_facts, coverage.facts_taught), (of_facts.len(), facts.len()));
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let made = catalogue(Catalogue { sources: 3, attributes: 3, wordings: 4 });
    let refused = |options: PlanOptions| plan(made.input(), &options).unwrap_err().to_string();
    assert!(refused(PlanOptions { unseen: Some(1.0), ..options(5, 1) }).contains("less than 1"));
    assert!(refused(PlanOptions { unseen: Some(f64::NAN), ..options(5, 1) }).contains("less than 1"));
    assert!(refused(PlanOptions { parts: Some([0, 1, 1]), ..options(5, 1) }).contains("0/1/1"));
    assert!(refused(PlanOptions { wordings: 0, ..options(5, 1) }).contains("1 or more"));
    let e = plan(PlanInput { facts: &made.facts[..2], ..made.input() }, &options(5, 1)).unwrap_err().to_string();
    assert!(e.contains("names fact 2, and there are 2 facts"), "{e}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn a_plan_is_exact_and_sound_or_is_refused_with_what_is_possible(
        shape in (1usize..30, 1usize..8, 1usize..14),
        count in 1usize..400,
        depth in 1usize..7,
        mode in 0usize..4,
        seed in 0u64..1000,
        cut in 0u32..40,
    ) {
        let (sources, attributes, wordings) = shape;
        let mut made = catalogue(Catalogue { sources, attributes, wordings });
        // Items with fewer wordings.
        for (i, item) in made.items.iter_mut().enumerate() {
            let left = 1 + i * 5 % wordings;
            item.wordings.truncate(left);
        }
        let split_by = [SplitBy::Wording, SplitBy::Source, SplitBy::Random, SplitBy::Wording][mode];
        let parts = (mode < 3).then_some([60 + cut, 10 + cut % 7, 30 - cut / 2]);
        let options = PlanOptions { wordings: depth, split_by, parts, unseen: None, ..options(count, seed) };
        match plan(made.input(), &options) {
            Ok(plan) => {
                let expected = quotas(count, parts.unwrap_or([1, 0, 0])).unwrap();
                prop_assert_eq!(&sizes(&plan)[..3], &expected[..]);
                verified(&plan, if parts.is_some() { split_by } else { SplitBy::Random });
            }
            Err(GenerateError::TooMany { largest, .. }) => {
                prop_assert!(largest < count);
                if largest > 0 {
                    let most = plan(made.input(), &PlanOptions { count: ExampleCount::Number(largest), ..options });
                    prop_assert_eq!(most.unwrap().coverage().examples, largest);
                }
            }
            Err(e) => prop_assert!(false, "{e}"),
        }
    }
}

/// Run by hand with optimisation; prints the time and the peak of this process.
#[test]
#[ignore = "a measurement"]
fn fifty_thousand_of_a_hundred_thousand_facts() {
    let made = catalogue(Catalogue { sources: 12_500, attributes: 8, wordings: 8 });
    let peak = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        status.lines().find(|line| line.starts_with("VmHWM")).unwrap().to_owned()
    };
    println!("items made: {}", peak());
    for split_by in [SplitBy::Wording, SplitBy::Source] {
        let start = std::time::Instant::now();
        let options = PlanOptions { split_by, unseen: None, ..options(50_000, 1) };
        let plan = plan(made.input(), &options).unwrap();
        println!("{split_by:?} {:?} {} {:?}", start.elapsed(), peak(), sizes(&plan)[0]);
        assert_eq!(sizes(&plan)[..3], [40_000, 5000, 5000]);
    }
}
