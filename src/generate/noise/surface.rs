//! Case, accents and punctuation.

use rand_chacha::ChaCha8Rng;

use super::draw::{below, one_in};
use super::fold::without_accents;
use super::sentence::{Class, Sentence};
use crate::generate::grammar::capitalised;

/// Sentence marks, which many leave out.
const MARKS: &str = "?!.,;:…¿¡";

/// All in lower case (twice as likely), in upper case, or every word with a capital; whether any letter changed.
pub(crate) fn change_case(sentence: &mut Sentence, rng: &mut ChaCha8Rng) -> bool {
    const STYLES: [fn(&str) -> String; 4] =
        [|w| w.to_lowercase(), |w| w.to_lowercase(), |w| w.to_uppercase(), |w| capitalised(&w.to_lowercase())];
    let first = below(rng, STYLES.len());
    let mut styles = STYLES.iter().cycle().skip(first).take(STYLES.len());
    styles.any(|style| change_words(sentence, style))
}

pub(crate) fn strip_accents(sentence: &mut Sentence) -> bool {
    change_words(sentence, without_accents)
}

fn change_words(sentence: &mut Sentence, change: impl Fn(&str) -> String) -> bool {
    let mut changed = false;
    for piece in sentence.pieces.iter_mut().filter(|p| p.is_word()) {
        let new = change(&piece.text);
        // A Roman numeral has a case, and an encircled digit is a plain one with an ornament: numbers stay.
        let numbers = |text: &str| text.chars().filter(|c| c.is_numeric()).collect::<String>();
        if new != piece.text && numbers(&new) == numbers(&piece.text) {
            changed = true;
            piece.text = new;
        }
    }
    changed
}

/// Takes sentence marks off, and, as drawn, puts spaces for apostrophes and hyphens.
pub(crate) fn strip_punctuation(sentence: &mut Sentence, rng: &mut ChaCha8Rng) -> bool {
    let (apostrophes, hyphens) = (one_in(rng, 3), one_in(rng, 3));
    let count = sentence.pieces.len();
    let mut changed = false;
    for (i, piece) in sentence.pieces.iter_mut().enumerate().filter(|(_, p)| p.class == Class::Gap) {
        let is_inner = i > 0 && i + 1 < count;
        let new = match piece.text.as_str() {
            "'" | "’" if is_inner && apostrophes => " ".to_owned(),
            "-" if is_inner && hyphens => " ".to_owned(),
            // A dot within a word belongs to the word.
            gap if is_inner && gap.chars().count() == 1 => gap.to_owned(),
            gap => without_marks(gap, i == 0, i + 1 == count),
        };
        changed |= new != piece.text;
        piece.text = new;
    }
    changed
}

fn without_marks(gap: &str, is_first: bool, is_last: bool) -> String {
    let rest: String = gap.chars().filter(|c| !MARKS.contains(*c)).collect();
    match (rest.len() == gap.len(), rest.trim()) {
        (true, _) => rest,
        (false, "") if is_first || is_last => String::new(),
        (false, "") => " ".to_owned(),
        (false, _) if is_last => rest.trim_end().to_owned(),
        (false, _) => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::noise::EntityNames;
    use crate::generate::noise::draw::seeded;

    fn changed(text: &str, change: impl Fn(&mut Sentence, &mut ChaCha8Rng) -> bool) -> Vec<String> {
        let names = EntityNames::default();
        let mut all: Vec<String> = (0..40)
            .filter_map(|seed| {
                let mut sentence = Sentence::new(text, &names);
                change(&mut sentence, &mut seeded(seed, &["x"])).then(|| sentence.text())
            })
            .collect();
        all.sort();
        all.dedup();
        all
    }

    #[test]
    fn marks_go_and_numbers_stay() {
        let text = "Dis-moi, où est l'app 1.2 ?";
        let all = changed(text, strip_punctuation);
        assert!(all.contains(&"Dis-moi où est l'app 1.2".to_owned()));
        assert!(all.contains(&"Dis moi où est l app 1.2".to_owned()));
        assert_eq!(all.len(), 4, "{all:?}");
        assert!(changed("GIDAF", strip_punctuation).is_empty());
    }

    #[test]
    fn case_and_accents_change() {
        let all = changed("Où est GIDAF ? Voir http://A.fr", change_case);
        let expected =
            ["OÙ EST GIDAF ? VOIR http://A.fr", "Où Est Gidaf ? Voir http://A.fr", "où est gidaf ? voir http://A.fr"];
        assert_eq!(all, expected);
        assert_eq!(changed("Où ? « à »", |s, _| strip_accents(s)), ["Ou ? « à »"]);
        assert!(changed("12", change_case).is_empty());
    }
}
