//! `eval`'s Answerer and Embedder, answered by a daemon: every option explicit, raw prompts where the template is known.

use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use super::Failure;
use crate::chat::{ChatTemplate, Message, Role};
use crate::eval::{Answered, Answerer, Embedder, Question, REPEAT_LIMIT, Reply, ToolCall};
use crate::ollama::{Answer, Ask, CalledFunction, Client, MOST_PARALLEL, OllamaError, Options, Prompt};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// How every question is asked.
#[derive(Debug)]
pub(super) struct AskOptions<'a> {
    /// None: through `/api/chat`.
    pub template: Option<&'a ChatTemplate>,
    pub options: Options,
    /// For every question; None: each question's own.
    pub seed: Option<i64>,
    pub think: Option<bool>,
    /// The JSON Schema that every answer has to follow.
    pub format: Option<Value>,
}

/// Asks a daemon.
#[derive(Debug)]
pub(super) struct DaemonAnswerer<'a> {
    client: &'a Client,
    template: Option<&'a ChatTemplate>,
    options: Options,
    /// For every question; None: each question's own.
    seed: Option<i64>,
    think: Option<bool>,
    format: Option<Value>,
    version: String,
    /// Questions that are asked at the same time.
    parallel: usize,
}

impl<'a> DaemonAnswerer<'a> {
    /// `parallel`: as the user said it; else what the server answers together, one where it does not say.
    pub(super) fn new(client: &'a Client, asked: AskOptions<'a>, parallel: Option<usize>) -> Result<Self, Failure> {
        let AskOptions { template, options, seed, think, format } = asked;
        let capabilities = client.capabilities()?;
        let parallel = parallel.or(capabilities.parallel).unwrap_or(1).clamp(1, MOST_PARALLEL);
        Ok(Self { client, template, options, seed, think, format, version: capabilities.version.text, parallel })
    }

    /// The template by which such prompts are rendered here; None: through `/api/chat`. Whether and how to think before an
    /// answer is the daemon's to say, and it takes the thought off the answer.
    pub(super) fn raw(&self, plain: bool) -> Option<&'a ChatTemplate> {
        self.template.filter(|t| plain || self.think.is_none() && t.unthought().is_empty())
    }

    /// Whether `model`, which is asked by raw prompts, is served with others: imported without a TEMPLATE, say.
    pub(super) fn served_otherwise(&self, model: &str) -> Result<bool, Failure> {
        let Some(template) = self.raw(false) else { return Ok(false) };
        let hello = [Message::new(Role::User, "Hello.")];
        let system = self.client.show(model)?.map(|show| show.system);
        let expected = template.render(&template.as_served(&hello, system.as_deref()), true)?.text;
        let ask = Ask::new(model, Prompt::Chat(hello.to_vec()), self.options.clone());
        Ok(self.client.rendered(&ask)? != expected)
    }

    /// Where the answers were computed.
    pub(super) fn describe(&self) -> String {
        format!("Ollama {} at {}", self.version, self.client.host())
    }

    fn question(&self, question: &Question) -> Result<Ask, Cause> {
        // How tools are shown to a model, and how a call is read, is the daemon's to say.
        let template = self.raw(question.plain).filter(|_| question.tools.is_empty());
        let prompt = match template {
            Some(template) => {
                let text = template.render(&question.messages, true)?.text;
                Prompt::Raw(if question.plain { text + template.unthought() } else { text })
            }
            None => Prompt::Chat(question.messages.clone()),
        };
        let think = self.think.filter(|_| matches!(prompt, Prompt::Chat(_)));
        let mut options = self.options.clone();
        options.seed = self.seed.unwrap_or(question.seed as i64);
        if let Some(tokens) = question.max_tokens {
            options.num_predict = i64::try_from(tokens).unwrap_or(i64::MAX);
        }
        let mut ask = Ask::new(question.model.clone(), prompt, options);
        ask.think = think;
        ask.format.clone_from(&self.format);
        ask.tools = question.tools.clone();
        Ok(ask)
    }
}

impl Answerer for DaemonAnswerer<'_> {
    fn warm_up(&self, model: &str) -> Result<(), Cause> {
        let messages = vec![Message::new(Role::User, "Hello.")];
        let hello = Question {
            model: model.to_owned(),
            messages,
            seed: 0,
            max_tokens: Some(1),
            plain: false,
            tools: Vec::new(),
        };
        self.client.ask(&self.question(&hello)?, &mut |_| {})?;
        Ok(())
    }

    fn ask(&self, question: &Question) -> Result<Reply, Cause> {
        reply(self.client.ask(&self.question(question)?, &mut |_| {}))
    }

    fn ask_many(&self, questions: &[&Question], on: &mut dyn FnMut(usize, Result<Reply, Cause>) -> bool) {
        let ask = |_, question: &&Question| {
            let ask = self.question(question);
            ask.and_then(|ask| reply(self.client.ask(&ask, &mut |_| {})))
        };
        for_each_parallel(questions, self.parallel, &ask, on);
    }

    fn served_system(&self, model: &str) -> Result<Option<String>, Cause> {
        match self.raw(false) {
            // What the template has no place for, nobody is served.
            Some(template) if template.takes_system() => {
                let show = self.client.show(model)?.ok_or_else(|| OllamaError::NoModel(model.to_owned()))?;
                Ok(Some(show.system).filter(|text| !text.is_empty()))
            }
            _ => Ok(None),
        }
    }

    fn digest(&self, model: &str) -> Result<String, Cause> {
        let found = match self.client.tag(model) {
            Err(OllamaError::Interrupted) => self.client.uninterrupted()?.tag(model)?,
            found => found?,
        };
        Ok(found.ok_or_else(|| OllamaError::NoModel(model.to_owned()))?.digest)
    }

    fn request(&self, question: &Question) -> Result<String, Cause> {
        let mut ask = self.question(question)?;
        // Greedy answers are the same for every seed, which here follows from the suite's name.
        if ask.options.temperature == 0.0 {
            ask.options.seed = 0;
        }
        let prompt = match &ask.prompt {
            Prompt::Raw(text) => json!({"raw": text}),
            Prompt::Templated(text) => json!({"prompt": text}),
            Prompt::Chat(messages) => json!({"messages": messages}),
        };
        let mut request = json!({"version": self.version, "ask": prompt, "options": ask.options, "think": ask.think});
        if let Some(format) = &ask.format {
            request["format"] = format.clone();
        }
        if !ask.tools.is_empty() {
            request["tools"] = ask.tools.into();
        }
        Ok(request.to_string())
    }
}

/// Calls `ask` for each of `questions` from `parallel` threads, with the number of the thread, and `on` with the index and the
/// result, in the order in which the results arrive. Once `on` returns false, no further question is begun.
pub(super) fn for_each_parallel<Q: Sync, T: Send>(
    questions: &[Q],
    parallel: usize,
    ask: &(dyn Fn(usize, &Q) -> T + Sync),
    on: &mut dyn FnMut(usize, T) -> bool,
) {
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (sender, results) = mpsc::channel();
    std::thread::scope(|scope| {
        for thread in 0..parallel.min(questions.len()) {
            let (sender, next, stopped) = (sender.clone(), &next, &stopped);
            scope.spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(question) = questions.get(index) else { return };
                    // The receiver is read until every thread has ended.
                    drop(sender.send((index, ask(thread, question))));
                }
            });
        }
        drop(sender);
        for (index, result) in results {
            if !stopped.load(Ordering::Relaxed) && !on(index, result) {
                stopped.store(true, Ordering::Relaxed);
            }
        }
    });
}

fn tool_call(call: CalledFunction) -> ToolCall {
    let arguments = match call.arguments {
        Value::String(json) => json,
        value => value.to_string(),
    };
    ToolCall { name: call.name.into(), arguments: arguments.into() }
}

/// A fault of this one answer is a reply; one that the next question would meet too (503: overloaded) is an error.
fn reply(answered: Result<Answer, OllamaError>) -> Result<Reply, Cause> {
    match answered {
        Ok(a) => Ok(Reply::Answer(Answered {
            done: a.done,
            done_reason: a.done_reason,
            prompt_tokens: a.prompt_eval_count,
            tokens: a.eval_count,
            seconds: a.total.saturating_sub(a.load).as_secs_f64(),
            eval_seconds: a.eval.as_secs_f64(),
            text: a.text,
            tool_calls: a.tool_calls.into_iter().map(tool_call).collect(),
        })),
        // 0.34.4 says the limit in a line of a stream whose status is 200.
        Err(OllamaError::Said { status, message, .. }) if status == 500 || message.contains(REPEAT_LIMIT) => {
            Ok(Reply::Failed(message))
        }
        Err(e) => Err(e.into()),
    }
}

/// Embeds through `/api/embed`.
#[derive(Debug)]
pub(super) struct DaemonEmbedder<'a> {
    client: &'a Client,
    model: String,
    /// Bytes of the longest text that is known to be embedded whole.
    whole: usize,
}

/// Bytes of a text that no embedding model cuts.
const SHORT: usize = 800;

impl<'a> DaemonEmbedder<'a> {
    pub(super) fn new(client: &'a Client, model: &str) -> Self {
        Self { client, model: model.to_owned(), whole: SHORT }
    }

    /// What its vectors depend on beside the text.
    pub(super) fn identity(client: &Client, model: &str) -> Result<String, Failure> {
        let tag = client.tag(model)?.ok_or_else(|| OllamaError::NoModel(model.to_owned()))?;
        Ok(format!("{} {}", tag.digest, client.version()?))
    }

    /// Whether the daemon feeds the whole text: with more words at its end it has more tokens, or is refused as too long.
    fn check_whole(&mut self, text: &str, tokens: u64) -> Result<(), Cause> {
        let longer = format!("{text} one two three four five six seven eight");
        match self.client.embed_counted(&self.model, &[longer]) {
            Ok(fed) if tokens > 0 && fed.tokens <= tokens => {
                let bytes = text.len();
                Err(format!("{} cuts texts: of {bytes} bytes it reads {tokens} tokens and no more", self.model).into())
            }
            Err(e) if !is_too_long(&e) => Err(e.into()),
            _ => {
                self.whole = text.len();
                Ok(())
            }
        }
    }
}

/// Whether the daemon refused a text for its length.
fn is_too_long(fault: &OllamaError) -> bool {
    let OllamaError::Said { message, .. } = fault else { return false };
    let message = message.to_ascii_lowercase();
    ["context length", "context size", "too large", "too long", "batch size"]
        .iter()
        .any(|words| message.contains(words))
}

impl Embedder for DaemonEmbedder<'_> {
    fn name(&self) -> String {
        self.model.clone()
    }

    fn embed(&mut self, texts: &[String]) -> Result<Vec<Vec<f32>>, Cause> {
        let embedded = self.client.embed_counted(&self.model, texts)?;
        if let [text] = texts
            && text.len() > self.whole
        {
            self.check_whole(text, embedded.tokens)?;
        }
        Ok(embedded.vectors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::SpecialTokens;
    use crate::commands::test_daemon::daemon;
    use crate::eval::degenerate;
    use crate::store::Interrupt;

    fn answerer<'a>(client: &'a Client, template: Option<&'a ChatTemplate>, think: Option<bool>) -> DaemonAnswerer<'a> {
        let mut options = Options::greedy(8, 512);
        options.stop = vec!["\n".into()];
        DaemonAnswerer {
            client,
            template,
            options,
            seed: Some(7),
            think,
            format: None,
            version: "0".into(),
            parallel: 1,
        }
    }

    fn question() -> Question {
        let messages = vec![Message::new(Role::User, "u")];
        Question { model: "m".into(), messages, seed: 1, max_tokens: None, plain: false, tools: Vec::new() }
    }

    fn said(status: u16, message: &str) -> (u16, String) {
        (status, json!({"error": message}).to_string())
    }

    #[test]
    fn a_model_that_cannot_load_or_a_busy_daemon_stops_it_and_a_loop_does_not() {
        let limit = "prediction aborted, token repeat limit reached";
        let (client, _asked) = daemon(vec![
            said(500, "model requires more system memory"),
            said(500, "odd"),
            said(503, "server busy"),
            said(500, limit),
            said(200, limit),
        ]);
        let answerer = answerer(&client, None, None);
        let e = answerer.warm_up("m").unwrap_err();
        assert!(matches!(e.downcast_ref(), Some(OllamaError::Said { status: 500, .. })), "{e}");
        assert_eq!(answerer.ask(&question()).unwrap(), Reply::Failed("odd".into()));
        assert!(answerer.ask(&question()).unwrap_err().to_string().contains("server busy"));
        for _ in 0..2 {
            let reply = answerer.ask(&question()).unwrap();
            assert_eq!(
                (&reply, degenerate(&reply)),
                (&Reply::Failed(limit.into()), Some(crate::eval::Degenerate::Loop))
            );
        }
    }

    #[test]
    fn what_a_model_is_can_be_asked_after_an_interruption() {
        let tags = json!({"models": [{"name": "m:latest", "digest": "d"}]}).to_string();
        let (client, _asked) = daemon(vec![(200, tags)]);
        let interrupt = Interrupt::default();
        interrupt.raise();
        let interrupted = Client::new(client.host().clone(), interrupt).unwrap();
        assert!(matches!(interrupted.tag("m"), Err(OllamaError::Interrupted)));
        assert_eq!(answerer(&interrupted, None, None).digest("m").unwrap(), "d");
    }

    #[test]
    fn a_kept_answer_is_known_by_its_request_and_the_daemons_version() {
        let (client, _asked) = daemon(Vec::new());
        let request = |change: fn(&mut DaemonAnswerer<'_>, &mut Question)| {
            let (mut answerer, mut question) = (answerer(&client, None, None), question());
            answerer.seed = None;
            change(&mut answerer, &mut question);
            answerer.request(&question).unwrap()
        };
        let plain = request(|_, _| {});
        assert_eq!(plain, request(|_, q| (q.seed, q.model) = (2, "other name".into())));
        for other in [
            request(|_, q| q.messages[0].content = "v".into()),
            request(|_, q| q.max_tokens = Some(9)),
            request(|a, _| a.options.temperature = 0.5),
            request(|a, _| a.think = Some(false)),
            request(|a, _| a.version = "1".into()),
            request(|_, q| q.tools = vec![json!({"type": "function", "function": {"name": "lamp"}})]),
        ] {
            assert_ne!(plain, other);
        }
        let warm = |seed| {
            request(if seed {
                |a, q| (a.options.temperature, q.seed) = (1.0, 5)
            } else {
                |a, _| a.options.temperature = 1.0
            })
        };
        assert_ne!(warm(true), warm(false));
    }

    #[test]
    fn tools_are_sent_to_chat_and_calls_recorded() {
        let source = "{% for m in messages %}[{{ m.role }}]{{ m.content }}</s>{% endfor %}\
                      {% if add_generation_prompt %}[assistant]{% endif %}";
        let template =
            ChatTemplate::new(source, SpecialTokens { eos: Some("</s>"), ..SpecialTokens::default() }).unwrap();
        let call = |arguments: Value| json!({"function": {"name": "lamp", "arguments": arguments}});
        let line = |message: Value, done: bool| json!({"message": message, "done": done}).to_string();
        let said = |calls: Value| json!({"role": "assistant", "content": "", "tool_calls": calls});
        let lines = [
            line(said(json!([call(json!({"on": true}))])), false),
            line(said(json!([call(json!("{\"on\": false}"))])), false),
            line(json!({"role": "assistant", "content": "", "tool_calls": null}), true),
        ];
        let (client, asked) = daemon(vec![(200, lines.join("\n"))]);
        let tool = json!({"type": "function", "function": {"name": "lamp"}});
        let reply = answerer(&client, Some(&template), None)
            .ask(&Question { tools: vec![tool.clone()], ..question() })
            .unwrap();
        let calls: Vec<_> = reply.tool_calls().iter().map(ToString::to_string).collect();
        assert_eq!(calls, ["lamp({\"on\":true})", "lamp({\"on\": false})"]);
        assert_eq!((degenerate(&reply), reply.shown()), (None, calls.join("\n")));
        // Through /api/chat, though the template is known.
        let body = &asked.join().unwrap()[0];
        assert_eq!((&body["tools"], &body["messages"][0]["content"]), (&json!([tool]), &json!("u")));
    }

    #[test]
    fn thought_stop_and_seed_are_passed_on() {
        let done = json!({"message": {"role": "assistant", "content": "a"}, "done": true}).to_string();
        let (client, asked) = daemon(vec![(200, done)]);
        let answerer = answerer(&client, None, Some(false));
        assert_eq!(answerer.ask(&question()).unwrap().text(), "a");
        let body = &asked.join().unwrap()[0];
        assert_eq!((&body["think"], &body["options"]["stop"]), (&json!(false), &json!(["\n"])));
        assert_eq!((&body["options"]["seed"], &body["messages"][0]["content"]), (&json!(7), &json!("u")));
    }

    #[test]
    fn a_model_that_thinks_is_asked_as_it_is_served_and_general_questions_without_a_thought() {
        let source = "{% for m in messages %}[{{ m.role }}]{% if m.role == 'assistant' %}<think></think>{% endif %}\
                      {{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}";
        let tokens = SpecialTokens { eos: Some("</s>"), ..SpecialTokens::default() };
        let template = ChatTemplate::new(source, tokens).unwrap();
        let (client, _) = daemon(Vec::new());
        let plain = Question { plain: true, ..question() };
        for think in [None, Some(false)] {
            let answerer = answerer(&client, Some(&template), think);
            let (own, general) = (answerer.question(&question()).unwrap(), answerer.question(&plain).unwrap());
            assert!(matches!(own.prompt, Prompt::Chat(_)) && own.think == think);
            assert!(matches!(&general.prompt, Prompt::Raw(text) if text == "[user]u</s>[assistant]<think></think>"));
            assert_eq!(general.think, None);
        }
    }

    #[test]
    fn a_model_that_is_served_with_another_prompt_is_seen() {
        let source = "{% for m in messages %}[{{ m.role }}]{{ m.content }}</s>{% endfor %}\
                      {% if add_generation_prompt %}[assistant]{% endif %}";
        let tokens = SpecialTokens { eos: Some("</s>"), ..SpecialTokens::default() };
        let template = ChatTemplate::new(source, tokens).unwrap();
        for (feeds, otherwise) in
            [("[system]Be brief.</s>[user]Hello.</s>[assistant]", false), ("[user]Hello.</s>[assistant]", true)]
        {
            let rendered = json!({"_debug_info": {"rendered_template": feeds}}).to_string();
            let (client, _asked) =
                daemon(vec![(200, json!({"modelfile": "FROM m", "system": "Be brief."}).to_string()), (200, rendered)]);
            assert_eq!(answerer(&client, Some(&template), None).served_otherwise("m").unwrap(), otherwise);
        }
        let (client, _asked) = daemon(Vec::new());
        assert!(!answerer(&client, None, None).served_otherwise("m").unwrap());
        // A SYSTEM that the template has no place for is shown to nobody.
        let only = ChatTemplate::from_go("{{ .Prompt }}", tokens).unwrap();
        let rendered = json!({"_debug_info": {"rendered_template": "Hello."}}).to_string();
        let (client, _asked) =
            daemon(vec![(200, json!({"modelfile": "FROM m", "system": "Be brief."}).to_string()), (200, rendered)]);
        assert!(!answerer(&client, Some(&only), None).served_otherwise("m").unwrap());
    }

    #[test]
    fn the_served_system_is_said_only_in_raw_prompts() {
        let tokens = SpecialTokens { eos: Some("</s>"), ..SpecialTokens::default() };
        let template = "{% for m in messages %}[{{ m.role }}]{{ m.content }}</s>{% endfor %}\
                        {% if add_generation_prompt %}[assistant]{% endif %}";
        let template = ChatTemplate::new(template, tokens).unwrap();
        let show = |system: &str| (200, json!({"modelfile": "FROM m", "system": system}).to_string());
        let (client, _asked) = daemon(vec![show("Be brief."), show(""), said(404, "model 'm' not found")]);
        let raw = answerer(&client, Some(&template), None);
        assert_eq!(raw.served_system("m").unwrap().as_deref(), Some("Be brief."));
        assert_eq!(raw.served_system("m").unwrap(), None);
        assert!(raw.served_system("m").unwrap_err().to_string().contains("ollama pull m"));
        assert_eq!(answerer(&client, None, None).served_system("m").unwrap(), None);
    }
}
