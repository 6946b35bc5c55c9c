//! Refusals and guessable facts in a plan.

use super::*;

#[test]
fn guessable_facts_and_refusals_keep_to_their_shares() {
    let mut made = catalogue(Catalogue { sources: 60, attributes: 6, wordings: 6 });
    made.facts.iter_mut().filter(|fact| fact.attribute == "host").for_each(|fact| fact.low_information = true);
    let mut items: Vec<Item> = (0..made.facts.len()).map(|i| item(Shape::Value, &[i], &made.facts, 6)).collect();
    let others = (0..made.facts.len()).filter(|i| !made.facts[*i].low_information);
    items.extend(others.map(|i| item(Shape::Unanswerable, &[i], &made.facts, 6)));
    made.items = items;
    for count in [100, 1000, 1500] {
        let plan = plan(made.input(), &options(count, 3)).unwrap();
        let train: Vec<_> = plan.examples.iter().filter(|example| example.part == Part::Train).collect();
        let low = train.iter().filter(|e| made.facts[e.draft.facts[0]].low_information).count();
        let refusals = train.iter().filter(|e| e.draft.shape == Shape::Unanswerable).count();
        assert!(low * 20 <= train.len() && low * 40 >= train.len(), "{count}: {low}");
        assert!(refusals * 100 <= 8 * train.len() && refusals * 20 >= train.len(), "{count}: {refusals}");
        for part in [Part::Val, Part::Test] {
            let of = plan.examples.iter().filter(|e| e.part == part && e.draft.shape == Shape::Unanswerable);
            let refused: BTreeSet<Digest> = of.map(|example| example.draft.item).collect();
            assert!(refused.len() * 100 >= 7 * count / 10, "{count}: {} in {}", refused.len(), part.name());
            assert!(!train.iter().any(|example| refused.contains(&example.draft.item)));
        }
        verified(&plan, SplitBy::Wording);
    }
    // Of 1,800 wordings of other facts, 5 % more, and 176 refusals.
    let Err(GenerateError::TooMany { reason, .. }) =
        plan(made.input(), &PlanOptions { parts: None, ..options(2200, 3) })
    else {
        panic!()
    };
    assert_eq!(reason, Shortage::Shares);
}

#[test]
fn refusals_are_as_many_as_corrections() {
    let mut made = catalogue(Catalogue { sources: 60, attributes: 6, wordings: 6 });
    let premises: Vec<Item> = (0..made.facts.len()).map(|i| item(Shape::Unanswerable, &[i], &made.facts, 1)).collect();
    let refusals = premises.iter().enumerate().map(|(i, premise)| Item {
        id: Digest::of_bytes(format!("refusal {i}").as_bytes()),
        facts: Vec::new(),
        attribute: String::new(),
        entity: format!("INVENTED{i}"),
        wordings: vec![wording(i % 12, "owner", &format!("INVENTED{i}"), "not known")],
        ..premise.clone()
    });
    made.items.extend(refusals.collect::<Vec<_>>());
    made.items.extend(premises);
    for seed in 0..5 {
        let plan = plan(made.input(), &options(600, seed)).unwrap();
        let unanswerable: Vec<_> =
            plan.examples.iter().filter(|e| e.draft.shape == Shape::Unanswerable && e.part == Part::Train).collect();
        let refusals = unanswerable.iter().filter(|e| e.draft.facts.is_empty()).count();
        assert!(unanswerable.len() >= 24, "{}", unanswerable.len());
        assert!(refusals * 10 >= unanswerable.len() * 4 && refusals * 10 <= unanswerable.len() * 6, "{refusals}");
    }
}

#[test]
fn refusals_on_one_invented_name_are_on_one_side() {
    let mut made = catalogue(Catalogue { sources: 20, attributes: 6, wordings: 6 });
    for name in 0..40 {
        // A name that was invented after facts of two sources.
        for of in [name % 20, (name * 3 + 1) % 20] {
            let entity = format!("INVENTED{name}");
            made.items.push(Item {
                id: Digest::of_bytes(entity.as_bytes()),
                facts: Vec::new(),
                source: format!("app{of:04}").into(),
                wordings: vec![wording(of % 12, "owner", &entity, "not known")],
                entity,
                ..item(Shape::Unanswerable, &[0], &made.facts, 0)
            });
        }
    }
    for seed in 0..10 {
        let plan = plan(made.input(), &PlanOptions { unseen: Some(0.3), ..options(150, seed) }).unwrap();
        verified(&plan, SplitBy::Wording);
        assert!(plan.examples.iter().any(|example| example.draft.shape == Shape::Unanswerable));
        assert!(plan.rejected.iter().any(|rejected| rejected.code == RejectCode::SeveralParts.name()));
    }
}
