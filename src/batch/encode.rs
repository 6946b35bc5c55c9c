//! Texts and spans to ids and mask.

use std::ops::Range;

use super::{BatchError, Cut, Encoded, Example};
use crate::chat::{ChatTemplate, Message, Rendered, Role};
use crate::dataset::{Content, Fault, FaultList, Record};
use crate::tokenizer::{Token, Tokenizer};

/// What is asked of a tokenizer here.
trait Codec {
    fn tokens(&self, text: &str) -> Result<Vec<Token>, String>;
    fn bytes(&self, id: u32) -> Vec<u8>;
    fn ends(&self, id: u32) -> bool;
}

impl Codec for Tokenizer {
    fn tokens(&self, text: &str) -> Result<Vec<Token>, String> {
        self.encode(text).map_err(|e| e.to_string())
    }
    fn bytes(&self, id: u32) -> Vec<u8> {
        self.token_bytes(id).unwrap_or_default()
    }
    fn ends(&self, id: u32) -> bool {
        self.is_end(id)
    }
}

/// BOS by the tokenizer's rule; the mask covers the trained answers and their end-of-turn tokens; at most
/// `max_seq_len` tokens, cut at the end. Every example that cannot be encoded is listed. Without a template only
/// `text` records can be.
pub fn encode(
    records: &[Record],
    template: Option<&ChatTemplate>,
    tokenizer: &Tokenizer,
    max_seq_len: usize,
) -> Result<Encoded, BatchError> {
    let bos = if tokenizer.adds_bos() { tokenizer.bos() } else { None };
    let (mut whole, mut faults) = (Vec::new(), FaultList::default());
    for record in records {
        match sequences(record, template, tokenizer, tokenizer.eos()) {
            Ok(found) => whole.extend(found.into_iter().map(|s| (&record.place, s))),
            Err(what) => faults.push(Fault { place: record.place.clone(), what }),
        }
    }
    if !faults.is_empty() {
        return Err(BatchError::Records(faults));
    }
    let (mut examples, mut cuts) = (Vec::new(), Vec::new());
    for (place, sequence) in whole {
        // A text may begin with BOS itself.
        let bos = bos.filter(|bos| sequence.ids.first() != Some(bos));
        let fits = max_seq_len.saturating_sub(usize::from(bos.is_some())).min(sequence.ids.len());
        let (trained, ends) = sequence.lost(fits);
        let example = sequence.example(place.number, bos, max_seq_len);
        let left_out = example.trained() == 0;
        if example.cut > 0 || left_out {
            cuts.push(Cut { place: place.clone(), tokens: example.cut, trained, ends, left_out });
        }
        if !left_out {
            examples.push(example);
        }
    }
    if examples.is_empty() {
        return Err(BatchError::NothingTrained);
    }
    Ok(Encoded { examples, cuts })
}

/// Ids with their mask, before BOS and cutting.
#[derive(Debug, Default, PartialEq)]
struct Sequence {
    ids: Vec<u32>,
    mask: Vec<bool>,
}

impl Sequence {
    /// (trained tokens, ends of trained turns) from position `fits` on.
    fn lost(&self, fits: usize) -> (usize, usize) {
        let rest = fits..self.mask.len();
        let trained = rest.clone().filter(|&i| self.mask[i]).count();
        (trained, rest.filter(|&i| self.mask[i] && self.mask.get(i + 1) != Some(&true)).count())
    }

    fn example(self, line: usize, bos: Option<u32>, max_seq_len: usize) -> Example {
        let mut ids: Vec<u32> = bos.into_iter().chain(self.ids).collect();
        let mut mask: Vec<bool> = bos.map(|_| false).into_iter().chain(self.mask).collect();
        let cut = ids.len().saturating_sub(max_seq_len);
        ids.truncate(max_seq_len);
        mask.truncate(max_seq_len);
        // Nothing comes before the first token to predict it from.
        if let Some(first) = mask.first_mut() {
            *first = false;
        }
        Example { ids, mask, line, cut, distilled: false }
    }
}

fn sequences(
    record: &Record,
    template: Option<&ChatTemplate>,
    codec: &impl Codec,
    eos: Option<u32>,
) -> Result<Vec<Sequence>, String> {
    match &record.content {
        Content::Text(text) => {
            let eos = eos.ok_or("a `text` example ends with the eos token, and the base has none")?;
            let tokens = codec.tokens(text)?;
            let mut ids: Vec<u32> = tokens.iter().map(|t| t.id).collect();
            // A text that ends with EOS or an end of turn (but for white space) needs no other one.
            let written = text.trim_end().len();
            let last = tokens.iter().rev().find(|t| t.span.start < written);
            if !last.is_some_and(|t| t.id == eos || codec.ends(t.id)) {
                ids.push(eos);
            }
            Ok(vec![Sequence { mask: vec![true; ids.len()], ids }])
        }
        Content::Chat(messages) => {
            let template = template.ok_or("the base has no chat template: only `text` examples can train it")?;
            no_stop_within(messages, template)?;
            let rendered = template.training(messages).map_err(|e| e.to_string())?;
            let mut trained = trained_turns(messages, &record.untrained).into_iter();
            let mut out = Vec::new();
            for text in &rendered {
                let trained: Vec<bool> = trained.by_ref().take(text.assistant.len()).collect();
                out.extend(encoded(text, &trained, codec)?);
            }
            Ok(out)
        }
    }
}

/// A content that holds an end-of-turn text would end its turn there, in training and in every prompt.
fn no_stop_within(messages: &[Message], template: &ChatTemplate) -> Result<(), String> {
    for (i, message) in messages.iter().enumerate() {
        if let Some(stop) = template.wrappers().stop.iter().find(|s| message.content.contains(s.as_str())) {
            return Err(format!(
                "messages[{i}] holds {stop:?}, which ends a turn in the base's chat template: take it out"
            ));
        }
    }
    Ok(())
}

/// Whether each answer is trained, neighbours joined to one turn as the daemon joins them.
fn trained_turns(messages: &[Message], untrained: &[usize]) -> Vec<bool> {
    let mut turns = Vec::new();
    let answers = messages.iter().enumerate().filter(|(_, m)| m.role == Role::Assistant);
    for (number, (i, message)) in answers.enumerate() {
        let joins = i > 0 && messages[i - 1].role == message.role;
        let trained = !untrained.contains(&number);
        match turns.last_mut() {
            // A reader refuses turns of which a part only is trained.
            Some(last) if joins => *last = *last && trained,
            _ => turns.push(trained),
        }
    }
    turns
}

/// The text as one sequence, where the tokens before each answer are those of the text before it, as the daemon feeds
/// them. Where a prompt's last characters and its answer's first would join into one token, each answer is a sequence
/// of its own, with the two encoded apart.
/// `trained` says which of the answers are targets; a sequence without any is left out.
fn encoded(rendered: &Rendered, trained: &[bool], codec: &impl Codec) -> Result<Vec<Sequence>, String> {
    let (text, spans) = (&rendered.text, &rendered.assistant);
    let tokens = codec.tokens(text)?;
    let mut prompts = Vec::with_capacity(spans.len());
    for span in spans {
        prompts.push(codec.tokens(&text[..span.start])?);
    }
    let agrees = |(prompt, span): (&Vec<Token>, &Range<usize>)| {
        let before = tokens.iter().take_while(|t| t.span.end <= span.start).count();
        before == prompt.len() && prompt.iter().zip(&tokens).all(|(a, b)| a.id == b.id)
    };
    if prompts.iter().zip(spans).all(agrees) {
        let whole = sequence(text, &Spans { answers: spans, trained }, &tokens, codec)?;
        return Ok(Some(whole).filter(|s| !s.ids.is_empty()).into_iter().collect());
    }
    let mut out = Vec::with_capacity(spans.len());
    for ((mut tokens, span), _) in prompts.into_iter().zip(spans).zip(trained).filter(|(_, trained)| **trained) {
        let answer = &text[span.clone()];
        let written = codec.tokens(answer)?;
        // A tokenizer that writes a space before every text would write one here.
        if written.iter().flat_map(|t| codec.bytes(t.id)).ne(answer.bytes()) {
            return Err("an answer's first characters join with the prompt's last into one token, and this tokenizer \
                        can't encode the two apart: begin the answer with another character"
                .into());
        }
        let at = |range: Range<usize>| range.start + span.start..range.end + span.start;
        tokens.extend(written.into_iter().map(|t| Token { id: t.id, span: at(t.span) }));
        let only = Spans { answers: std::slice::from_ref(span), trained: &[true] };
        out.push(sequence(&text[..span.end], &only, &tokens, codec)?);
    }
    Ok(out)
}

/// The answers in a text, and which of them are trained.
struct Spans<'a> {
    answers: &'a [Range<usize>],
    trained: &'a [bool],
}

fn sequence(text: &str, spans: &Spans, tokens: &[Token], codec: &impl Codec) -> Result<Sequence, String> {
    let mut out = Sequence::default();
    for (i, token) in tokens.iter().enumerate() {
        let within = |s: &Range<usize>| s.start <= token.span.start && token.span.start < s.end;
        let answer = spans.answers.iter().position(within);
        if let Some(span) = answer.and_then(|at| spans.answers.get(at))
            && codec.ends(token.id)
            && tokens.get(i + 1).is_some_and(|next| next.span.start < span.end)
        {
            let text = text.get(token.span.clone()).unwrap_or("a token");
            return Err(format!("an answer holds {text:?}, which ends a turn for the daemon: take it out"));
        }
        out.ids.push(token.id);
        out.mask.push(answer.is_some_and(|at| spans.trained.get(at) != Some(&false)));
    }
    // What follows the last answer (the newline after its end of turn) has no part in the loss.
    let trained = out.mask.iter().rposition(|m| *m).map_or(0, |last| last + 1);
    out.ids.truncate(trained);
    out.mask.truncate(trained);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Role, SpecialTokens};

    /// `<…>` is one token, `\n\n` another, everything else goes byte by byte; `<end>` ends.
    struct Toy;

    const END: u32 = 1000;

    impl Codec for Toy {
        fn tokens(&self, text: &str) -> Result<Vec<Token>, String> {
            let (mut out, mut at) = (Vec::new(), 0);
            while at < text.len() {
                let rest = &text.as_bytes()[at..];
                let (id, n) = if rest.starts_with(b"<end>") {
                    (END, 5)
                } else if rest.starts_with(b"<user>") {
                    (1001, 6)
                } else if rest.starts_with(b"<bot>") {
                    (1002, 5)
                } else if rest.starts_with(b"\n\n") {
                    (1003, 2)
                } else {
                    (rest[0].into(), 1)
                };
                out.push(Token { id, span: at..at + n });
                at += n;
            }
            Ok(out)
        }
        fn bytes(&self, id: u32) -> Vec<u8> {
            match id {
                END => b"<end>".to_vec(),
                1001 => b"<user>".to_vec(),
                1002 => b"<bot>".to_vec(),
                1003 => b"\n\n".to_vec(),
                byte => vec![byte as u8],
            }
        }
        fn ends(&self, id: u32) -> bool {
            id == END
        }
    }

    fn template() -> ChatTemplate {
        let source = "{% for m in messages %}{{ '<user>' if m.role == 'user' else '<bot>' }}\n{{ m.content }}<end>\n{% endfor %}{% if add_generation_prompt %}{{ '<bot>\n' }}{% endif %}";
        ChatTemplate::new(source, SpecialTokens { eos: Some("<eos>"), ..Default::default() }).unwrap()
    }

    fn chat(turns: &[(Role, &str)]) -> Record {
        let messages = turns.iter().map(|(role, text)| Message::new(*role, *text)).collect();
        Record::new(7, Content::Chat(messages))
    }

    fn one(record: &Record) -> Sequence {
        let mut found = sequences(record, Some(&template()), &Toy, Some(9)).unwrap();
        assert_eq!(found.len(), 1);
        found.remove(0)
    }

    fn shown(sequence: &Sequence, trained: bool) -> String {
        let ids = sequence.ids.iter().zip(&sequence.mask).filter(|(_, m)| **m == trained).map(|(id, _)| *id);
        String::from_utf8(ids.flat_map(|id| Toy.bytes(id)).collect()).unwrap()
    }

    #[test]
    fn only_answers_and_their_end_are_trained() {
        use Role::{Assistant, User};
        let found = one(&chat(&[(User, "hi"), (Assistant, "yo é"), (User, "b"), (Assistant, "c")]));
        assert_eq!(shown(&found, true), "yo é<end>c<end>");
        assert_eq!(shown(&found, false), "<user>\nhi<end>\n<bot>\n\n<user>\nb<end>\n<bot>\n");
    }

    #[test]
    fn a_token_over_the_prompts_edge_is_divided_as_the_daemon_divides_it() {
        use Role::{Assistant, User};
        let talk = chat(&[(User, "a"), (Assistant, "\nb"), (User, "c"), (Assistant, "d")]);
        let found = sequences(&talk, Some(&template()), &Toy, Some(9)).unwrap();
        assert_eq!(
            found.len(),
            2,
            "in the second prompt the history's newlines are one token, in the first answer two"
        );
        assert_eq!(shown(&found[0], true), "\nb<end>");
        assert_eq!(shown(&found[0], false), "<user>\na<end>\n<bot>\n");
        assert!(!found[0].ids.contains(&1003));
        assert_eq!(shown(&found[1], true), "d<end>");
        assert!(found[1].ids.contains(&1003));
    }

    #[test]
    fn bos_is_never_a_target_and_a_cut_end_is_not_trained() {
        let text = Record::new(1, Content::Text("ab".into()));
        let example = one(&text).example(1, Some(5), 10);
        assert_eq!((example.ids, example.mask), (vec![5, 97, 98, 9], vec![false, true, true, true]));
        let example = one(&text).example(1, None, 10);
        assert_eq!(example.mask, [false, true, true], "nothing stands before the first token");
        let answered = one(&chat(&[(Role::User, "q"), (Role::Assistant, "abc")]));
        let whole = answered.ids.len();
        let example = answered.example(1, Some(5), whole - 1);
        assert_eq!(example.cut, 2);
        assert_eq!(example.trained(), 2, "`a` and `b`: `c` and the end of turn are cut");
        assert!(!example.ids.contains(&9) && example.ids.iter().filter(|id| **id == END).count() == 1);
    }

    #[test]
    fn an_answer_that_is_masked_is_read_and_not_trained() {
        use Role::{Assistant, User};
        let mut talk = chat(&[(User, "a"), (Assistant, "bad"), (User, "b"), (Assistant, "good")]);
        talk.untrained = vec![0];
        let found = one(&talk);
        assert_eq!(shown(&found, true), "good<end>");
        assert_eq!(shown(&found, false), "<user>\na<end>\n<bot>\nbad<end>\n<user>\nb<end>\n<bot>\n");
        // Where nothing trained follows it, it is not read either.
        talk.untrained = vec![1];
        let found = one(&talk);
        assert_eq!(shown(&found, true), "bad<end>");
        assert_eq!(shown(&found, false), "<user>\na<end>\n<bot>\n");
        // The number is the message's, though neighbours are one turn.
        let mut talk = chat(&[(User, "a"), (Assistant, "b"), (Assistant, "c"), (User, "d"), (Assistant, "e")]);
        talk.untrained = vec![2];
        assert_eq!(shown(&one(&talk), true), "b\n\nc<end>");
    }

    #[test]
    fn a_masked_answer_among_sequences_with_a_common_prefix_gives_none() {
        use Role::{Assistant, User};
        let mut talk = chat(&[(User, "a"), (Assistant, "\nb"), (User, "c"), (Assistant, "d")]);
        talk.untrained = vec![0];
        let found = sequences(&talk, Some(&template()), &Toy, Some(9)).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(shown(&found[0], true), "d<end>");
        talk.untrained = vec![1];
        let found = sequences(&talk, Some(&template()), &Toy, Some(9)).unwrap();
        assert_eq!(found.iter().map(|s| shown(s, true)).collect::<Vec<_>>(), ["\nb<end>"]);
    }

    #[test]
    fn a_text_gets_only_the_special_tokens_that_it_lacks() {
        let ids = |text: &str, eos: u32| {
            let record = Record::new(1, Content::Text(text.into()));
            let mut found = sequences(&record, None, &Toy, Some(eos)).unwrap();
            found.remove(0).ids
        };
        assert_eq!(ids("a", END), [97, END]);
        assert_eq!(ids("a<end>", END), [97, END]);
        // Another token that ends a turn, and white space after it.
        assert_eq!(ids("a<end>", 9), [97, END]);
        assert_eq!(ids("a<end>\n", 9), [97, END, 10]);
        assert_eq!(ids("a<end>b", 9), [97, END, 98, 9]);
        assert_eq!(ids("<end>a", 9), [END, 97, 9]);
    }

    #[test]
    fn what_is_lost_is_counted() {
        use Role::{Assistant, User};
        let talk = one(&chat(&[(User, "a"), (Assistant, "bc"), (User, "d"), (Assistant, "e")]));
        let n = talk.ids.len();
        // `bc<end>` and `e<end>` are trained.
        assert_eq!([talk.lost(n), talk.lost(n - 1), talk.lost(n - 2), talk.lost(0)], [(0, 0), (1, 1), (2, 1), (5, 2)]);
    }

    #[test]
    fn what_cannot_be_encoded_is_said() {
        use Role::{Assistant, User};
        let fails = |record: &Record| sequences(record, Some(&template()), &Toy, None).unwrap_err();
        assert!(fails(&chat(&[(User, "a <end> b"), (Assistant, "c")])).contains("messages[0]"));
        let text = Record::new(1, Content::Text("ab".into()));
        assert!(fails(&text).contains("eos"));
        let talk = chat(&[(User, "a"), (Assistant, "b")]);
        assert!(sequences(&talk, None, &Toy, None).unwrap_err().contains("no chat template"));
    }
}
