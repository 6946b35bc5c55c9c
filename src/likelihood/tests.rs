use super::passages::{answers, general};
use super::result::{Likelihood, Measured, markdown};
use super::sums::Sums;
use super::*;
use crate::chat::{ChatTemplate, Message, Role, SpecialTokens};
use crate::gguf::{Metadata, Value};
use crate::tokenizer::Tokenizer;

/// Bytes are tokens, as GPT-2 writes them; `<end>` ends a turn.
fn tokenizer(extra: &[&str], adds_bos: bool) -> Tokenizer {
    let visible = |b: u8| (33..=126).contains(&b) || (161..=172).contains(&b) || (174..=255).contains(&b);
    let mut hidden = 0;
    let mut letter = |b: u8| {
        let code = if visible(b) {
            u32::from(b)
        } else {
            hidden += 1;
            255 + hidden
        };
        char::from_u32(code).unwrap().to_string()
    };
    let mut tokens: Vec<String> = (0..=255).map(&mut letter).collect();
    tokens.push("<end>".to_owned());
    tokens.extend(extra.iter().map(|t| (*t).to_owned()));
    let types = (0..tokens.len()).map(|i| if i == 256 { 3 } else { 1 }).collect();
    let keys = [
        ("model", Value::String("gpt2".into())),
        ("pre", Value::String("gpt-2".into())),
        ("tokens", Value::Strings(tokens)),
        ("token_type", Value::I32s(types)),
        ("merges", Value::Strings(Vec::new())),
        ("eos_token_id", Value::U32(256)),
        ("bos_token_id", Value::U32(256)),
        ("add_bos_token", Value::Bool(adds_bos)),
    ];
    let keys: Metadata = keys.into_iter().map(|(k, v)| (format!("tokenizer.ggml.{k}"), v)).collect();
    Tokenizer::from_metadata(&keys, "test").unwrap()
}

const TEMPLATE: &str = "{% for m in messages %}[{{ m.role }}]{{ m.content }}<end>{% endfor %}\
                        {% if add_generation_prompt %}[assistant]{% endif %}";

fn exchange(answer: &str) -> Exchange {
    let turns = [(Role::User, "u"), (Role::Assistant, "earlier"), (Role::User, "q")];
    Exchange { messages: turns.map(|(role, text)| Message::new(role, text)).to_vec(), answer: answer.to_owned() }
}

#[test]
fn each_token_of_a_text_is_scored_once() {
    let documents: usize = 14;
    for adds_bos in [false, true] {
        let text = general(&tokenizer(&[], adds_bos), 100).unwrap();
        let scored: usize = text.passages.iter().map(|p| p.scored.len()).sum();
        // Without BOS the first token of a document has nothing before it; a token is a byte.
        assert_eq!(text.bytes, scored as u64);
        assert_eq!((text.texts, text.left_out), (documents, 0));
        assert!(text.passages.iter().all(|p| p.ids.len() <= 100 && p.scored.iter().all(|&i| i > 0)));
        assert_eq!(text.passages[0].scored[0], 1);
        let first = text.passages[1].ids[usize::from(adds_bos)];
        assert_eq!(first, *text.passages[0].ids.last().unwrap(), "a window begins with the token before it");
    }
    let bytes = |adds_bos| general(&tokenizer(&[], adds_bos), 4096).unwrap().bytes;
    assert_eq!(bytes(true) - bytes(false), documents as u64);
}

#[test]
fn only_the_answer_is_scored_and_what_does_not_fit_is_counted() {
    let tokenizer = tokenizer(&[], false);
    let special = SpecialTokens { eos: Some("<end>"), ..SpecialTokens::default() };
    let template = ChatTemplate::new(TEMPLATE, special).unwrap();
    let long = "x".repeat(200);
    let own = answers(&[exchange("yes"), exchange(&long), exchange("<end>")], &template, &tokenizer, 128);
    assert_eq!((own.texts, own.left_out, own.bytes, own.passages.len()), (1, 2, 3, 1));
    let passage = &own.passages[0];
    let text: Vec<u32> = passage.scored.iter().map(|&i| passage.ids[i]).collect();
    assert_eq!(tokenizer.decode(&text).unwrap(), "yes");
    let whole = tokenizer.decode(&passage.ids).unwrap();
    assert!(whole.ends_with("[assistant]earlier<end>[user]q<end>[assistant]yes"), "{whole}");
    assert!(answers(&[], &template, &tokenizer, 128).is_empty());
}

/// The whole answer: its tokens and the one that ends the turn, which tells an answer from one that it begins.
#[test]
fn choices_are_scored_to_the_end_of_the_turn_and_read_once() {
    let tokenizer = tokenizer(&[], false);
    let special = SpecialTokens { eos: Some("<end>"), ..SpecialTokens::default() };
    let template = ChatTemplate::new(TEMPLATE, special).unwrap();
    let question = |choices: &[&str]| ChoiceQuestion {
        messages: exchange("").messages,
        choices: choices.iter().map(|&choice| choice.to_owned()).collect(),
    };
    let long = "x".repeat(200);
    let asked = [question(&["no", "none"]), question(&["a", &long]), question(&["a", "<end>"])];
    let found = choices(&asked, &template, &tokenizer, 128);
    assert!(found[1].is_none() && found[2].is_none(), "too long, and nothing but an end");
    let found = found[0].as_ref().unwrap();
    let scored: Vec<Vec<u32>> = found.passages().iter().map(|p| p.scored.iter().map(|&i| p.ids[i]).collect()).collect();
    let ids =
        |text: &str| tokenizer.encode(text).unwrap().iter().map(|token| token.id).chain([256]).collect::<Vec<_>>();
    assert_eq!(scored, [ids("no"), ids("none")]);
    assert!(found.passages().iter().all(|p| p.ids.last() == Some(&256) && p.scored.last() == Some(&(p.ids.len() - 1))));
    // The second reads "ne" and its end anew.
    assert_eq!(found.tokens(), found.passages()[0].ids.len() as u64 + 3);
}

/// A suite that is sorted by its answers is not read for the first answers only.
#[test]
fn what_is_read_of_many_questions_is_spread_over_them() {
    let tokenizer = tokenizer(&[], false);
    let special = SpecialTokens { eos: Some("<end>"), ..SpecialTokens::default() };
    let template = ChatTemplate::new(TEMPLATE, special).unwrap();
    let question = |i: usize| ChoiceQuestion {
        messages: vec![Message::new(Role::User, format!("{i:1000}"))],
        choices: vec!["a".to_owned(), "b".to_owned()],
    };
    let asked: Vec<_> = (0..200).map(question).collect();
    let found = choices(&asked, &template, &tokenizer, 2048);
    let taken = |part: std::ops::Range<usize>| found[part].iter().flatten().count();
    let tokens: u64 = found.iter().flatten().map(ChoicePassages::tokens).sum();
    let one = found.iter().flatten().next().unwrap().tokens();
    // As many as fit, of each quarter as many, but for one.
    assert!(tokens <= 65_536 && tokens + one > 65_536, "{tokens} {one}");
    let quarters = [taken(0..50), taken(50..100), taken(100..150), taken(150..200)];
    let (least, most) = (quarters.iter().min().unwrap(), quarters.iter().max().unwrap());
    assert!(*least > 10 && most - least <= 4, "{quarters:?}");
}

#[test]
fn other_vocabularies_are_refused_by_name() {
    let (plain, bos) = (tokenizer(&[], false), tokenizer(&[], true));
    let (one, other) = (tokenizer(&["ab"], false), tokenizer(&["ba"], false));
    fn of<'a>(name: &'a str, tokenizer: &'a Tokenizer) -> Vocabulary<'a> {
        Vocabulary { name, tokenizer, rows: 300 }
    }
    let fault = |a: Vocabulary<'_>, b: Vocabulary<'_>| check_same(a, b, 4096).unwrap_err().to_string();
    check_same(of("v1", &plain), of("v2", &plain), 4096).unwrap();
    let said = fault(of("x:v1", &one), of("x:v2", &other));
    assert!(
        said.contains("the vocabularies of x:v1 and x:v2 differ") && said.contains("token 257 is \"ab\" and \"ba\""),
        "{said}"
    );
    assert!(fault(of("a", &plain), of("b", &one)).contains("257 tokens and 258 tokens"));
    assert!(fault(of("a", &plain), Vocabulary { rows: 301, ..of("b", &plain) }).contains("300 logits and 301 logits"));
    assert!(fault(of("a", &plain), of("b", &bos)).contains("BOS"));
}

/// By hand: two tokens of three bytes together.
#[test]
fn numbers_follow_from_the_rows() {
    let log = |p: [f64; 3]| p.map(|x| x.ln() as f32);
    let mut sums = Sums::default();
    sums.add(&log([0.5, 0.25, 0.25]), &log([0.25, 0.5, 0.25]), 0);
    sums.add(&log([0.5, 0.25, 0.25]), &log([0.5, 0.25, 0.25]), 1);
    let found = sums.of(&Passages::of_ids("own", Vec::new(), 3));
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} is not {b}");
    near(found.bits_per_byte_v1, (1.0 + 2.0) / 3.0);
    near(found.bits_per_byte_v2, (2.0 + 2.0) / 3.0);
    near(found.bits_per_byte_difference, 1.0 / 3.0);
    // Differences of 1 and 0 bits: standard deviation √½, of the mean ½; two means per three bytes.
    near(found.bits_per_byte_difference_standard_error, 0.5 * 2.0 / 3.0);
    near(found.mean_kl, 0.125 * 2f64.ln());
    near(found.p99_kl, 0.99 * 0.25 * 2f64.ln());
    near(found.max_kl, 0.25 * 2f64.ln());
    near(found.same_top, 0.5);
    near(found.rms_delta_p, (0.25f64.powi(2) / 2.0).sqrt());
}

#[test]
fn the_summary_says_what_was_left_out() {
    let mut sums = Sums::default();
    sums.add(&[0.5f32.ln(); 2], &[0.25f32.ln(), 0.75f32.ln()], 0);
    let mut text = sums.of(&Passages::of_ids("own", Vec::new(), 1));
    text.left_out = 3;
    let measured = || Measured { model: "m".to_owned(), digest: "d".to_owned() };
    let timestamp = "2026-01-01T00:00:00Z".to_owned();
    let device = "cpu".to_owned();
    let found = Likelihood { version: 1, v1: measured(), v2: measured(), timestamp, device, texts: vec![text] };
    insta::assert_snapshot!(markdown(&found), @r"
    ## Likelihood (shown, not judged)

    | text | tokens | bits per byte v1 | v2 | KL(v1 ‖ v2), nats per token | 99 % of tokens below | same likeliest token |
    |---|--:|--:|--:|--:|--:|--:|
    | expected answers of the suites | 1 | 1.0000 | 2.0000 | 0.14384 ± 0.00000 | 0.1438 | 0.0 % |

    - expected answers of the suites: v2 needs +1.0000 ± 0.0000 bits per byte (+100.0 %); 0 texts, 1 bytes; 3 texts too long, or beyond the limit, were left out
    ");
}
