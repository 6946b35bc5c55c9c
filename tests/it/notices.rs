//! What a command says beside its result: the log, the hint of an error, a damaged registry, and a reader that is gone.

use crate::program::Place;

#[test]
fn the_remedy_of_a_missing_daemon_is_said_once() {
    let doctor = Place::new().run(&["doctor"]);
    doctor.says(1, &["no Ollama daemon answers"]);
    assert_eq!(doctor.out.matches("ollama serve").count(), 1, "{}", doctor.out);
}
