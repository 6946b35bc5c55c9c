//! Errors of the fingers: a neighbouring key, a letter left out, doubled, or swapped with the next.

use rand_chacha::ChaCha8Rng;

use crate::corpus::Language;
use crate::generate::Noise;

use super::casing::letter_like;
use super::draw::{below, choose, one_in, shuffle};
use super::sentence::{Piece, Sentence};

/// Words with at most this many letters get one error, longer ones up to two.
const SHORT: usize = 8;
/// Fewer letters are too few to be recognised with an error in them; a name needs fewer than other words.
const LEAST: usize = 4;
const LEAST_OF_NAME: usize = 3;
/// Sentences of this many words may get an error in two.
const LONG_SENTENCE: usize = 8;

const AZERTY: [&str; 3] = ["azertyuiop", "qsdfghjklm", "wxcvbn"];
const QWERTY: [&str; 3] = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];

/// How many errors a word of so many letters gets at most.
pub(crate) fn budget(letters: usize) -> usize {
    if letters <= SHORT { 1 } else { 2 }
}

/// Puts errors of one kind into a word or two; whether there was a word for it.
pub(crate) fn mistype(sentence: &mut Sentence, kind: Noise, language: Language, rng: &mut ChaCha8Rng) -> bool {
    let mut words = sentence.words();
    let wanted = if words.len() >= LONG_SENTENCE && one_in(rng, 3) { 2 } else { 1 };
    shuffle(rng, &mut words);
    let mut done = 0;
    for word in words {
        let Some(piece) = sentence.pieces.get_mut(word).filter(|p| has_room(p)) else { continue };
        let most = budget(piece.letters()) - piece.edits;
        let edits = 1 + below(rng, most);
        let made = (0..edits).filter(|_| mistype_word(piece, kind, language, rng)).count();
        done += usize::from(made > 0);
        if done == wanted {
            break;
        }
    }
    done > 0
}

fn has_room(piece: &Piece) -> bool {
    let letters = piece.letters();
    letters >= if piece.mention.is_some() { LEAST_OF_NAME } else { LEAST } && piece.edits < budget(letters)
}

fn mistype_word(piece: &mut Piece, kind: Noise, language: Language, rng: &mut ChaCha8Rng) -> bool {
    let chars: Vec<char> = piece.text.chars().collect();
    let Some(new) = choose(rng, &mistyped(&chars, kind, language)).cloned() else { return false };
    piece.text = new;
    piece.edits += 1;
    true
}

/// Every result of one error of a kind.
pub(crate) fn mistyped(word: &[char], kind: Noise, language: Language) -> Vec<String> {
    let mut found = Vec::new();
    for (i, c) in word.iter().enumerate().filter(|(_, c)| is_letter(**c)) {
        let mut put = |letters: &[char], behind: usize| {
            let start = word.iter().take(i).chain(letters);
            found.push(start.chain(word.iter().skip(behind)).collect::<String>());
        };
        match kind {
            Noise::Keyboard => neighbours(*c, language).into_iter().for_each(|n| put(&[letter_like(*c, n)], i + 1)),
            Noise::Drop => put(&[], i + 1),
            Noise::Double => put(&[*c, letter_like(*word.last().unwrap_or(c), *c)], i + 1),
            Noise::Swap => {
                if let Some(next) = word.get(i + 1).filter(|n| is_letter(**n)) {
                    put(&[letter_like(*c, *next), letter_like(*next, *c)], i + 2);
                }
            }
            _ => {}
        }
    }
    let old: String = word.iter().collect();
    found.retain(|new| *new != old && !new.is_empty());
    found
}

/// The letters whose keys touch a letter's key.
fn neighbours(letter: char, language: Language) -> Vec<char> {
    let rows: [Vec<char>; 3] = match language {
        Language::Fr => AZERTY,
        Language::En => QWERTY,
    }
    .map(|row| row.chars().collect());
    let lower = letter.to_lowercase().next().unwrap_or(letter);
    let place = rows.iter().enumerate().find_map(|(r, row)| Some((r, row.iter().position(|c| *c == lower)?)));
    let Some((r, i)) = place else { return Vec::new() };
    // Each row is shifted to the right by half a key: above lie the same column and the next, below the last and the same.
    let key = |row: Option<usize>, column: Option<usize>| rows.get(row?)?.get(column?).copied();
    let (above, below) = (r.checked_sub(1), Some(r + 1));
    let left = i.checked_sub(1);
    [
        key(Some(r), left),
        key(Some(r), Some(i + 1)),
        key(above, Some(i)),
        key(above, Some(i + 1)),
        key(below, left),
        key(below, Some(i)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A Roman numeral (`Ⅳ`) is alphabetic, and a number.
fn is_letter(c: char) -> bool {
    c.is_alphabetic() && !c.is_numeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_touch_each_other_both_ways() {
        let of = |c, language| neighbours(c, language).into_iter().collect::<String>();
        assert_eq!(of('a', Language::Fr), "zq");
        assert_eq!(of('A', Language::En), "sqwz");
        assert_eq!(of('s', Language::Fr), "qdzewx");
        assert_eq!(of('é', Language::Fr), "");
        for language in Language::ALL {
            for a in 'a'..='z' {
                assert!(!neighbours(a, language).is_empty());
                assert!(neighbours(a, language).into_iter().all(|b| neighbours(b, language).contains(&a)), "{a}");
            }
        }
    }

    #[test]
    fn errors_touch_letters_only() {
        let all = |word: &str, kind| mistyped(&word.chars().collect::<Vec<_>>(), kind, Language::Fr);
        assert_eq!(all("6Tz", Noise::Drop), ["6z", "6T"]);
        assert_eq!(all("6Tz", Noise::Swap), ["6Zt"]);
        assert_eq!(all("Ab", Noise::Double), ["Aab", "Abb"]);
        assert_eq!(all("AB", Noise::Double), ["AAB", "ABB"]);
        assert_eq!(all("aa", Noise::Swap), Vec::<String>::new());
        assert_eq!(all("12", Noise::Keyboard), Vec::<String>::new());
        assert!(all("Zo", Noise::Keyboard).contains(&"Ao".to_owned()));
    }
}
