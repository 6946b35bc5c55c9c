//! One client's template holds up no other client.

use std::time::Duration;

use tunesmith::chat::{Message, Role};
use tunesmith::ollama::{Ask, Create, Options, Prompt};

use crate::tiny_server::TinyServer;

/// As many turns as give some millions of rounds in three loops, each inside the other: some seconds.
const TURNS: usize = 200;
const SLOW: &str = "{{ range $a := .Messages }}{{ range $b := $.Messages }}{{ range $c := $.Messages }}\
                    {{ if eq $c.Role \"nobody\" }}x{{ end }}{{ end }}{{ end }}{{ end }}";

#[test]
fn slow_templates_hold_up_nobody_who_asks_something_else() {
    let server = TinyServer::with_models(&["x:v1"]);
    let create =
        Create { model: "slow".into(), from: Some("x:v1".into()), template: Some(SLOW.into()), ..Create::default() };
    server.client().create(&create, &mut |_| {}).unwrap();
    let role = |i: usize| if i.is_multiple_of(2) { Role::User } else { Role::Assistant };
    let turns: Vec<_> = (0..TURNS).map(|i| Message::new(role(i), "a")).collect();
    // More of them than the server has threads of its own.
    let slow: Vec<_> = (0..3)
        .map(|_| {
            let (client, turns) = (server.client(), turns.clone());
            std::thread::spawn(move || client.rendered(&Ask::new("slow", Prompt::Chat(turns), Options::greedy(1, 64))))
        })
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    assert!(slow.iter().all(|thread| !thread.is_finished()), "the templates were not slow");
    assert_eq!(server.client().tags().unwrap().len(), 2);
    assert!(slow.iter().all(|thread| !thread.is_finished()), "the list of models came after the templates");
    for thread in slow {
        thread.join().unwrap().unwrap();
    }
}
