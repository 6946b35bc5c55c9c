//! What long work tells whoever shows it: `cli` draws it, tests collect it.

/// Progress of one thing at a time; every method may be ignored.
pub trait Report {
    /// A stage of the way begins; `total` of its units, when known.
    fn begin(&mut self, what: &str, total: Option<u64>);
    /// The stage stands at `done`, with a few words (loss, rate).
    fn advance(&mut self, done: u64, words: &str);
    /// A number of the stage's work just done (the loss), of which the last ones may be drawn.
    fn mark(&mut self, value: f64);
    /// The stage is over; one line says what came of it.
    fn end(&mut self, outcome: &str);
    /// A line for the user that is neither (what was resolved, what is not done again).
    fn note(&mut self, line: &str);
    /// Something the user should know about.
    fn warn(&mut self, line: &str);
}

/// Shows nothing.
#[derive(Debug, Default)]
pub struct Silent;

impl Report for Silent {
    fn begin(&mut self, _: &str, _: Option<u64>) {}
    fn advance(&mut self, _: u64, _: &str) {}
    fn mark(&mut self, _: f64) {}
    fn end(&mut self, _: &str) {}
    fn note(&mut self, _: &str) {}
    fn warn(&mut self, _: &str) {}
}

/// For tests: what comes of it, and what is noted and warned of.
#[cfg(test)]
pub(super) fn told<T>(doing: impl FnOnce(&mut super::Context<'_>) -> T) -> (T, Vec<String>) {
    #[derive(Default)]
    struct Lines(Vec<String>);
    impl Report for Lines {
        fn begin(&mut self, _: &str, _: Option<u64>) {}
        fn advance(&mut self, _: u64, _: &str) {}
        fn mark(&mut self, _: f64) {}
        fn end(&mut self, _: &str) {}
        fn note(&mut self, line: &str) {
            self.0.push(line.to_owned());
        }
        fn warn(&mut self, line: &str) {
            self.0.push(line.to_owned());
        }
    }
    let mut lines = Lines::default();
    let came = doing(&mut super::Context {
        env: crate::config::Env::default(),
        ollama_host: None,
        models_yaml: "no.yaml".into(),
        models_yaml_said: false,
        seed: None,
        force: false,
        parallel: None,
        interrupt: crate::store::Interrupt::default(),
        report: &mut lines,
    });
    (came, lines.0)
}
