//! An answerer with retrieval before it, evaluated as any other.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::test_catalogue::catalogue;
use super::*;
use crate::chat::{Message, Role};
use crate::corpus::Language;
use crate::eval::{Answered, Answerer, Question, Reply};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Keeps what it was asked; answers with the number of words of the prompt.
#[derive(Default)]
struct Recorder {
    asked: RefCell<Vec<Question>>,
}

impl Answerer for Recorder {
    fn warm_up(&self, _: &str) -> Result<(), Cause> {
        Ok(())
    }
    fn ask(&self, question: &Question) -> Result<Reply, Cause> {
        self.asked.borrow_mut().push(question.clone());
        if question.seed == 13 {
            return Ok(Reply::Failed("500".into()));
        }
        let prompt_tokens = question.messages.iter().map(|m| words(&m.content) as u64).sum();
        Ok(Reply::Answer(Answered {
            text: "a [4]".into(),
            done: true,
            prompt_tokens,
            seconds: 2.0,
            ..Answered::default()
        }))
    }
    fn served_system(&self, model: &str) -> Result<Option<String>, Cause> {
        Ok(Some(format!("system of {model}")))
    }
    fn digest(&self, model: &str) -> Result<String, Cause> {
        Ok(format!("digest of {model}"))
    }
    fn request(&self, question: &Question) -> Result<String, Cause> {
        Ok(serde_json::to_string(question)?)
    }
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

fn asked(messages: Vec<Message>, seed: u64) -> Question {
    Question { model: "m".into(), messages, seed, max_tokens: None, plain: false, tools: Vec::new() }
}

fn prompt() -> RagPrompt<'static> {
    RagPrompt { style: PromptStyle::new(Language::Fr), budget: 10_000, count: &words }
}

/// Counts searches; finds as the index does.
struct Counting<'a> {
    inner: Retriever<'a>,
    searches: usize,
    fails: bool,
}

impl Search for Counting<'_> {
    fn chunks(&self) -> &[Chunk] {
        self.inner.chunks()
    }
    fn find(&mut self, question: &str, k: usize) -> Result<Vec<Hit>, RagError> {
        self.searches += 1;
        if self.fails { Err(RagError::NoVectors) } else { self.inner.find(question, k) }
    }
}

fn index() -> (Index, Vec<String>) {
    let catalogue = catalogue(40, 8);
    let excluded = BTreeSet::new();
    let plan =
        IndexPlan { corpus: &catalogue.corpus, chunker: ChunkOptions::default(), excluded: &excluded, size: &words };
    (Index::build(&plan, None).unwrap(), catalogue.names)
}

#[test]
fn the_last_user_turn_gets_the_extracts() {
    let (index, names) = index();
    let mut search = Counting { inner: Retriever::lexical(&index), searches: 0, fails: false };
    let recorder = Recorder::default();
    let arm = Retrieving::new(&recorder, &mut search, prompt());
    let text = format!("Qui est responsable de {} ?", names[6]);
    let turns = vec![
        Message::new(Role::System, "Sois bref.\n"),
        Message::new(Role::User, "Bonjour"),
        Message::new(Role::Assistant, "Bonjour !"),
        Message::new(Role::User, &text),
    ];
    let Reply::Answer(answer) = arm.ask(&asked(turns.clone(), 1)).unwrap() else { panic!("failed") };
    let retrieved = arm.retrieved(&turns).unwrap();
    assert_eq!((retrieved.used.len(), retrieved.used[3], retrieved.left_out), (4, 6, 0));
    assert_eq!(retrieved.found[0], index.chunks()[6].id);
    assert!(retrieved.found.len() == 10 && retrieved.scores.is_sorted_by(|a, b| a >= b));
    assert!(answer.seconds == 2.0 && retrieved.seconds > 0.0);
    assert_eq!(citations(&answer.text, &retrieved.used).cited, [6]);
    let sent = recorder.asked.borrow()[0].clone();
    assert_eq!(answer.prompt_tokens, sent.messages.iter().map(|m| words(&m.content) as u64).sum::<u64>());
    assert!(sent.messages[0].content.starts_with("Sois bref.\n\nTu réponds à une question"));
    assert!(sent.messages[1..3] == turns[1..3] && sent.messages.len() == 4);
    let last = &sent.messages[3].content;
    assert!(
        last.contains(&format!("[4] {} › Applications\n", names[6])) && last.ends_with(&format!("Question : {text}"))
    );
    // Without a system turn there is one of its own; the request is that of the assembled prompt.
    let bare = asked(vec![Message::new(Role::User, &text)], 13);
    let request = arm.request(&bare).unwrap();
    assert!(request.contains("Extraits :") && request.contains("Tu réponds à une question"));
    assert_eq!(arm.ask(&bare).unwrap(), Reply::Failed("500".into()));
    assert!(recorder.asked.borrow()[1].messages[1].content.ends_with(&format!("Question : {text}")));
    assert_eq!(
        (arm.digest("m").unwrap(), arm.served_system("m").unwrap().unwrap()),
        ("digest of m".into(), "system of m".into())
    );
    arm.warm_up("m").unwrap();
    drop(arm);
    // Once to load, once for each of the two conversations.
    assert_eq!(search.searches, 3);
}

#[test]
fn a_question_that_continues_another_is_searched_with_it() {
    let (index, names) = index();
    let mut search = Counting { inner: Retriever::lexical(&index), searches: 0, fails: false };
    let recorder = Recorder::default();
    let arm = Retrieving::new(&recorder, &mut search, prompt());
    for entity in [3, 5] {
        let turns = vec![
            Message::new(Role::User, format!("Qui est responsable de {} ?", names[entity])),
            Message::new(Role::Assistant, "Je ne sais pas."),
            Message::new(Role::User, "Et sa version ?"),
        ];
        arm.ask(&asked(turns.clone(), 1)).unwrap();
        assert_eq!(arm.retrieved(&turns).unwrap().found[0], index.chunks()[entity].id);
    }
}

#[test]
fn many_questions_are_asked_at_once_and_a_fault_stops_them() {
    let (index, names) = index();
    let questions: Vec<Question> =
        (0..5).map(|i| asked(vec![Message::new(Role::User, format!("{} version", names[i]))], i as u64)).collect();
    let sent: Vec<&Question> = questions.iter().collect();
    for fails in [false, true] {
        let mut search = Counting { inner: Retriever::lexical(&index), searches: 0, fails };
        let recorder = Recorder::default();
        let arm = Retrieving::new(&recorder, &mut search, prompt());
        let mut replies = Vec::new();
        arm.ask_many(&sent, &mut |i, reply| {
            replies.push((i, reply.is_ok()));
            i < 3
        });
        let expected = if fails { vec![(0, false)] } else { (0..4).map(|i| (i, true)).collect() };
        assert_eq!(replies, expected);
        assert_eq!(recorder.asked.borrow().len(), if fails { 0 } else { 4 });
        let none = asked(vec![Message::new(Role::System, "x")], 1);
        assert!(arm.ask(&none).unwrap_err().to_string().contains("no user turn"));
    }
}
