//! ROUGE (Lin 2004) from 0 to 1: the F1 of ROUGE-N, ROUGE-L and ROUGE-Lsum, with [`RougeTokenizer::Ascii`] equal to rouge_score
//! 0.1.2 without a stemmer. Of several references the one with the best F1 counts, as in its `score_multi`.

use std::collections::{HashMap, HashSet};

use super::lcs::Candidate;
use super::ngrams::{NgramCounts, ngram_total};
use super::tokens::RougeTokenizer;
use super::vocabulary::Vocabulary;

/// Common runs of `order` words.
pub(crate) fn rouge_n(order: usize, tokenizer: RougeTokenizer, answer: &str, references: &[&str]) -> f64 {
    let answer = tokenizer.tokens(answer);
    let given = NgramCounts::new(&answer, order);
    best(references, |reference| {
        let reference = tokenizer.tokens(reference);
        let common = given.matched(&NgramCounts::new(&reference, order));
        f1(common, ngram_total(answer.len(), order) + ngram_total(reference.len(), order))
    })
}

/// The longest common subsequence of words.
pub(crate) fn rouge_l(tokenizer: RougeTokenizer, answer: &str, references: &[&str]) -> f64 {
    let answer = tokenizer.tokens(answer);
    best(references, |reference| {
        let reference = tokenizer.tokens(reference);
        let mut vocabulary = Vocabulary::default();
        let given = vocabulary.ids(answer.iter().map(String::as_str));
        let wanted = vocabulary.ids(reference.iter().map(String::as_str));
        f1(Candidate::new(&given).lcs_length(&wanted), given.len() + wanted.len())
    })
}

/// Of each line of the reference, the words that are in its longest common subsequence with any line of the answer. Lines end
/// at `\n`.
pub(crate) fn rouge_lsum(tokenizer: RougeTokenizer, answer: &str, references: &[&str]) -> f64 {
    let answer = lines(tokenizer, answer);
    best(references, |reference| {
        let reference = lines(tokenizer, reference);
        let mut vocabulary = Vocabulary::default();
        let mut ids = |lines| -> Vec<Vec<u32>> { lines_ids(&mut vocabulary, lines) };
        let (given, wanted) = (ids(&answer), ids(&reference));
        let words = given.iter().chain(&wanted).map(Vec::len).sum();
        f1(union_lcs(&given, &wanted), words)
    })
}

/// The words of the unions, each at most as often as it is in the answer.
fn union_lcs(given: &[Vec<u32>], wanted: &[Vec<u32>]) -> usize {
    let mut left: HashMap<u32, usize> = HashMap::new();
    given.iter().flatten().for_each(|word| *left.entry(*word).or_default() += 1);
    // Equal lines add nothing to a union.
    let different: HashSet<&Vec<u32>> = given.iter().collect();
    let candidates: Vec<_> = different.into_iter().map(|line| Candidate::new(line)).collect();
    let mut hits = 0;
    for line in wanted {
        let places: HashSet<usize> = candidates.iter().flat_map(|candidate| candidate.lcs_places(line)).collect();
        for place in places {
            // A reference's word is in one union once: its count in the reference is no further limit.
            if let Some(count) = left.get_mut(&line[place]).filter(|count| **count > 0) {
                *count -= 1;
                hits += 1;
            }
        }
    }
    hits
}

fn lines(tokenizer: RougeTokenizer, text: &str) -> Vec<Vec<String>> {
    text.split('\n').map(|line| tokenizer.tokens(line)).collect()
}

fn lines_ids<'a>(vocabulary: &mut Vocabulary<'a>, lines: &'a [Vec<String>]) -> Vec<Vec<u32>> {
    lines.iter().map(|line| vocabulary.ids(line.iter().map(String::as_str))).collect()
}

fn best(references: &[&str], score: impl Fn(&str) -> f64) -> f64 {
    references.iter().map(|reference| score(reference)).fold(0.0, f64::max)
}

/// The harmonic mean of precision and recall, from the sum of both texts' counts; 0 where nothing is common.
fn f1(common: usize, sum: usize) -> f64 {
    if common == 0 { 0.0 } else { 2.0 * common as f64 / sum as f64 }
}
