//! What a speech recogniser, or a writer by ear, puts for the same sound.

use rand_chacha::ChaCha8Rng;

use crate::corpus::Language;

use super::casing::like;
use super::draw::{below, choose, one_in, shuffle};
use super::sentence::{Class, Piece, Sentence};
use super::sound_rules::{Place, homophones, rules};

/// Shorter words are replaced only by words that sound alike.
const LEAST: usize = 4;
/// From here on two rules may hold in one word (`chrome`, `crom`).
const LONG: usize = 5;
/// In a sentence.
const MOST_WORDS: usize = 3;
/// From here on a word may be split.
const SPLIT: usize = 6;

/// Writes words as they sound; whether any was written otherwise.
pub(crate) fn mishear(sentence: &mut Sentence, language: Language, rng: &mut ChaCha8Rng) -> bool {
    let borders = one_in(rng, 6) && mishear_border(sentence, rng);
    let mut words = sentence.words();
    let wanted = 1 + below(rng, words.len().min(MOST_WORDS));
    shuffle(rng, &mut words);
    let mut done = 0;
    for word in words {
        let Some(piece) = sentence.pieces.get_mut(word) else { continue };
        done += usize::from(piece.edits == 0 && mishear_word(piece, language, rng));
        if done == wanted {
            break;
        }
    }
    borders || done > 0
}

fn mishear_word(piece: &mut Piece, language: Language, rng: &mut ChaCha8Rng) -> bool {
    let steps = if piece.letters() >= LONG { 1 + below(rng, 2) } else { 1 };
    let old = piece.text.clone();
    for _ in 0..steps {
        let Some(new) = choose(rng, &alike(&piece.text, language)).cloned() else { break };
        piece.text = new;
        piece.edits += 1;
    }
    piece.text != old
}

/// Joins two words, or splits one.
fn mishear_border(sentence: &mut Sentence, rng: &mut ChaCha8Rng) -> bool {
    let mut places: Vec<usize> = (0..sentence.pieces.len()).filter(|i| is_border(sentence, *i)).collect();
    let splits = sentence.words().into_iter().filter(|i| {
        sentence
            .pieces
            .get(*i)
            .is_some_and(|p| p.edits == 0 && p.text.chars().filter(|c| c.is_alphabetic()).count() >= SPLIT)
    });
    places.extend(splits.collect::<Vec<_>>());
    let Some(piece) = choose(rng, &places).and_then(|i| sentence.pieces.get_mut(*i)) else { return false };
    if piece.class == Class::Gap {
        piece.text.clear();
        return true;
    }
    let chars: Vec<char> = piece.text.chars().collect();
    let at = 2 + below(rng, chars.len() - 3);
    let between_letters = chars.get(at - 1..=at).is_some_and(|pair| pair.iter().all(|c| c.is_alphabetic()));
    if between_letters {
        piece.text = chars.iter().take(at).chain([&' ']).chain(chars.iter().skip(at)).collect();
        piece.edits += 1;
    }
    between_letters
}

/// Whether a piece is a space between two letters that may be changed.
fn is_border(sentence: &Sentence, at: usize) -> bool {
    let word = |i: Option<usize>| sentence.pieces.get(i?).filter(|p| p.is_word());
    let (before, behind) = (word(at.checked_sub(1)), word(Some(at + 1)));
    let is_space = sentence.pieces.get(at).is_some_and(|p| p.class == Class::Gap && p.text == " ");
    is_space
        && before.is_some_and(|p| p.text.ends_with(char::is_alphabetic))
        && behind.is_some_and(|p| p.text.starts_with(char::is_alphabetic))
}

/// Every word that one rule makes of a word.
pub(crate) fn alike(word: &str, language: Language) -> Vec<String> {
    let chars: Vec<char> = word.chars().collect();
    let lower: Vec<char> = chars.iter().map(|c| c.to_lowercase().next().unwrap_or(*c)).collect();
    let text: String = lower.iter().collect();
    let groups = homophones(language).iter().filter(|group| group.contains(&text.as_str()));
    let mut found: Vec<String> = groups.flat_map(|g| g.iter()).map(|w| like(&chars, w)).collect();
    if chars.iter().filter(|c| c.is_alphabetic()).count() >= LEAST {
        by_rules(&chars, &lower, language, &mut found);
        doubled(&chars, &lower, &mut found);
    }
    found.sort();
    found.dedup();
    found.retain(|new| new != word);
    found
}

fn by_rules(chars: &[char], lower: &[char], language: Language, found: &mut Vec<String>) {
    for rule in rules(language) {
        let length = rule.from.chars().count();
        for at in 0..=lower.len().saturating_sub(length) {
            let Some(span) = lower.get(at..at + length) else { break };
            if span.iter().copied().eq(rule.from.chars()) && holds(rule.place, lower, at, at + length) {
                let old = chars.get(at..at + length).unwrap_or_default();
                found.push(replaced(chars, at, length, &like(old, rule.to)));
            }
        }
    }
}

/// A double consonant is written once, one between two vowels twice.
fn doubled(chars: &[char], lower: &[char], found: &mut Vec<String>) {
    for (at, (c, shown)) in lower.iter().zip(chars).enumerate().filter(|(_, (c, _))| is_consonant(**c)) {
        if lower.get(at + 1) == Some(c) {
            found.push(replaced(chars, at, 1, ""));
        } else if holds(Place::Within, lower, at, at + 1) {
            found.push(replaced(chars, at, 1, &[*shown, *shown].iter().collect::<String>()));
        }
    }
}

fn replaced(chars: &[char], at: usize, length: usize, new: &str) -> String {
    chars.iter().take(at).copied().chain(new.chars()).chain(chars.iter().skip(at + length).copied()).collect()
}

fn is_vowel(c: char) -> bool {
    "aeiouyàâäéèêëîïôöùûüœæ".contains(c)
}

fn is_consonant(c: char) -> bool {
    c.is_alphabetic() && !is_vowel(c)
}

/// Whether a rule's place is `start..end`.
fn holds(place: Place, lower: &[char], start: usize, end: usize) -> bool {
    let before = start.checked_sub(1).and_then(|i| lower.get(i)).copied();
    let next = lower.get(end).copied();
    let is_soft = next.is_some_and(|c| "eiyéèêëîï".contains(c));
    match place {
        Place::Anywhere => true,
        Place::End => end == lower.len() && start > 0,
        Place::Within => before.is_some_and(is_vowel) && next.is_some_and(is_vowel),
        Place::Hard => !is_soft && next != Some('h'),
        Place::Soft => is_soft,
        Place::Consonant => next.is_some_and(is_consonant),
        Place::AfterConsonant => end == lower.len() && before.is_some_and(is_consonant),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn reached(word: &str, steps: usize) -> BTreeSet<String> {
        let mut all = BTreeSet::from([word.to_owned()]);
        for _ in 0..steps {
            let next: Vec<String> = all.iter().flat_map(|w| alike(w, Language::Fr)).collect();
            all.extend(next);
        }
        all
    }

    #[test]
    fn the_known_pairs_are_two_rules_away_at_most() {
        for (clean, heard) in [("ouvre", "ouvres"), ("chrome", "crom"), ("status", "statu"), ("cluster", "cluteur")] {
            assert!(reached(clean, 2).contains(heard), "{clean} -> {heard}");
        }
    }

    #[test]
    fn each_sound_of_the_french_ear_is_there() {
        for (clean, heard) in [
            ("carte", "karte"),
            ("kilo", "quilo"),
            ("quatre", "katre"),
            ("chrome", "crome"),
            ("taxi", "taksi"),
            ("maison", "maizon"),
            ("gazon", "gason"),
            ("lancer", "lancé"),
            ("lancé", "lancez"),
            ("petite", "petit"),
            ("personne", "persone"),
            ("adresse", "adrese"),
            ("moteur", "motteur"),
            ("où", "ou"),
            ("à", "a"),
            ("ces", "ses"),
            ("Quelle", "Quel"),
            ("CARTE", "KARTE"),
            ("Chrome", "Crome"),
        ] {
            assert!(alike(clean, Language::Fr).contains(&heard.to_owned()), "{clean} -> {heard}");
        }
        assert!(alike("their", Language::En).contains(&"there".to_owned()));
        assert!(alike("photo", Language::En).contains(&"foto".to_owned()));
    }

    #[test]
    fn no_word_stays_and_digits_stay() {
        for word in ["de", "l", "12", "6Tzen", "x86_64", "été", "ss", "ŒUVRE"] {
            let digits = |w: &str| w.chars().filter(char::is_ascii_digit).collect::<String>();
            for new in Language::ALL.into_iter().flat_map(|l| alike(word, l)) {
                assert!(new != word && digits(&new) == digits(word), "{word} -> {new}");
            }
        }
    }
}
