use proptest::prelude::*;

use super::*;
use crate::store::Digest;

fn subject(families: [u16; 4], new: u16) -> Subject {
    Subject::for_test(Digest::of_bytes(format!("{families:?}").as_bytes()), families, new)
}

fn demand(sizes: [usize; 3], depth: usize) -> Demand {
    let [train, val, test] = sizes;
    Demand { train, val, test, wordings: depth, depth, low_information: 0, unanswerable: 0 }
}

#[test]
fn few_subjects_are_taught_in_depth_and_each_gives_one_wording() {
    let subjects = vec![subject([2, 1, 1, 1], 0); 1000];
    let order: Vec<&Subject> = subjects.iter().collect();
    let allotments = fill(&order, demand([800, 100, 100], 4)).unwrap();
    assert_eq!(allotments.len(), 200);
    assert!(allotments.iter().all(|a| a.train == 4 && a.held == 1));
}

#[test]
fn depth_gives_way_where_families_are_few_but_never_below_two() {
    let subjects = vec![subject([1, 1, 1, 0], 0); 40];
    let order: Vec<&Subject> = subjects.iter().collect();
    let allotments = fill(&order, demand([80, 20, 20], 4)).unwrap();
    assert!(allotments.iter().all(|a| a.train == 2 && a.held == 1));
    assert!(fill(&order, demand([80, 21, 20], 4)).is_none());
    let proportions = Proportions { parts: [2, 1, 0], wordings: 4, low_information: 0.0, unanswerable: 0.0 };
    assert_eq!(largest(&order, proportions), 120);
}

#[test]
fn more_than_the_depth_is_taught_only_where_all_subjects_are() {
    let subjects = vec![subject([4, 4, 4, 4], 0); 10];
    let order: Vec<&Subject> = subjects.iter().collect();
    let allotments = fill(&order, demand([63, 0, 0], 4)).unwrap();
    let trained: Vec<usize> = allotments.iter().map(|a| a.train).collect();
    assert_eq!(trained, [7, 7, 7, 6, 6, 6, 6, 6, 6, 6]);
}

proptest! {
    #[test]
    fn sizes_are_exact_and_what_is_tested_is_taught(
        families in proptest::collection::vec(proptest::array::uniform4(0u16..4), 1..40),
        sizes in proptest::array::uniform3(0usize..30),
        depth in 1usize..7,
    ) {
        let subjects: Vec<Subject> = families.into_iter().map(|f| subject(f, f[0] % 2)).collect();
        let order: Vec<&Subject> = subjects.iter().collect();
        let demand = demand(sizes, depth);
        let Some(allotments) = fill(&order, demand) else { return Ok(()) };
        let sum = |of: fn(&Allotment) -> usize| allotments.iter().map(of).sum::<usize>();
        prop_assert_eq!((sum(|a| a.train), sum(|a| a.held + a.new)), (sizes[0], sizes[1] + sizes[2]));
        prop_assert!(sum(|a| a.new) <= sizes[2]);
        for (allotment, subject) in allotments.iter().zip(&order) {
            let held: u16 = (0..4).filter(|f| allotment.families >> f & 1 == 1).map(|f| subject.families[f]).sum();
            prop_assert!(allotment.held <= usize::from(held));
            prop_assert!(allotment.train + usize::from(held) <= subject.wordings());
            prop_assert!(allotment.new <= usize::from(subject.new));
            if allotment.held + allotment.new > 0 {
                prop_assert!(allotment.train >= depth.min(2));
            }
        }
    }
}
