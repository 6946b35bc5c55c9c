//! Thoughts written into an answer (`<think>…</think>`), cut before it is scored: the answer is what follows them.

/// An answer without its thoughts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    pub text: String,
    /// A thought was opened and never closed: there may be no answer at all.
    pub unclosed: bool,
}

/// Opening and closing tag, and whether it is a thought wherever it stands; the others are common words, which are thoughts
/// only where the answer begins with them.
const TAGS: &[(&str, &str, bool)] = &[
    ("<think>", "</think>", true),
    ("<thinking>", "</thinking>", false),
    ("<thought>", "</thought>", false),
    ("[think]", "[/think]", false),
];

/// Tags are compared without regard to case; one in backticks is quoted, and left.
pub fn without_thoughts(answer: &str) -> Spoken {
    let mut text = answer.to_owned();
    // A chat template may open the thought itself: then only its end is in the answer.
    let (open, close, _) = TAGS[0];
    if let Some(end) = find(&text, close)
        && find(&text, open).is_none_or(|start| start > end)
    {
        text.replace_range(..end + close.len(), "");
    }
    while let Some((start, open, close)) = first_thought(&text) {
        let after = start + open.len();
        match find(&text[after..], close) {
            Some(end) => text.replace_range(start..after + end + close.len(), ""),
            None => return Spoken { text: text[..start].trim().to_owned(), unclosed: true },
        }
    }
    Spoken { text: text.trim().to_owned(), unclosed: false }
}

/// Where the first thought begins, with its tags.
fn first_thought(text: &str) -> Option<(usize, &'static str, &'static str)> {
    let beginning = text.len() - text.trim_start().len();
    let starts = |open: &str| find(&text[beginning..], open) == Some(0);
    TAGS.iter().find_map(|&(open, close, anywhere)| {
        let start = if anywhere { find(text, open) } else { starts(open).then_some(beginning) };
        start.map(|start| (start, open, close))
    })
}

/// The first place of an ASCII tag, in any case, that is not in backticks.
fn find(text: &str, tag: &str) -> Option<usize> {
    // Lower-casing ASCII moves no byte.
    let lower = text.to_ascii_lowercase();
    let mut places = lower.match_indices(tag).map(|(at, _)| at);
    places.find(|&at| !(text[..at].ends_with('`') && text[at + tag.len()..].starts_with('`')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_are_cut_and_words_are_not() {
        for (answer, text, unclosed) in [
            ("<think>2 + 2 is 5? No.</think>\n\n4", "4", false),
            ("<think>\n\n</think>\n\n4", "4", false),
            ("hmm, 5</think> 4", "4", false),
            ("Well. <THINK>a</Think> 4 <think>b</think>", "Well.  4", false),
            ("<think>so it is 4", "", true),
            ("4 <think>or 5", "4", true),
            ("<think>a</think> 4 <think>b", "4", true),
            ("<thinking>a</thinking>4", "4", false),
            (" <thought>a</thought> 4", "4", false),
            ("[THINK]a[/THINK]4", "4", false),
            ("<thinking>a", "", true),
            ("Use <thinking> in HTML", "Use <thinking> in HTML", false),
            ("Write `<think>` there", "Write `<think>` there", false),
            ("I think 4", "I think 4", false),
            ("<think>été 東京</think>4", "4", false),
        ] {
            assert_eq!(without_thoughts(answer), Spoken { text: text.into(), unclosed }, "{answer}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_ends(parts in proptest::collection::vec("<think>|</think>|<thinking>|</THINKING>|`|é|[a-z ]{0,3}", 0..12)) {
            let spoken = without_thoughts(&parts.concat());
            proptest::prop_assert!(spoken.unclosed || first_thought(&spoken.text).is_none());
        }
    }
}
