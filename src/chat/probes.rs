//! The conversations a template is probed and checked with.

use super::{Message, Role};

/// Words that no template writes by itself.
pub(super) const SYSTEM: &str = "SYSTEMxq";
pub(super) const USERS: [&str; 3] = ["USERAxq", "USERBxq", "USERCxq"];
pub(super) const ANSWERS: [&str; 3] = ["ASSTAxq", "ASSTBxq", "ASSTCxq"];

/// `turns` user turns with the answers between them; `answered` adds the answer of the last one.
pub(super) fn sentinels(system: bool, turns: usize, answered: bool) -> Vec<Message> {
    let mut messages = Vec::new();
    if system {
        messages.push(Message::new(Role::System, SYSTEM));
    }
    for i in 0..turns {
        messages.push(Message::new(Role::User, USERS[i]));
        if i + 1 < turns || answered {
            messages.push(Message::new(Role::Assistant, ANSWERS[i]));
        }
    }
    messages
}

/// A conversation with its name, for messages.
#[derive(Debug)]
pub(super) struct Probe {
    pub name: &'static str,
    pub messages: Vec<Message>,
}

/// The strict conversations over which two templates must agree: all end with the user, as every prompt does.
/// With `system` those with a system message too; `padded` adds contents with whitespace at their ends.
pub(super) fn strict(system: bool, padded: bool) -> Vec<Probe> {
    use Role::{Assistant as A, System as S, User as U};
    let mut probes = vec![
        probe("one question", &[(U, "Hello")]),
        probe("a multi-line question", &[(U, "first line\n\n  second line\n\tthird")]),
        probe("two turns", &[(U, "Hi"), (A, "Hello! How can I help?"), (U, "Tell me a joke.")]),
        probe("four turns", &[(U, "a"), (A, "b"), (U, "c"), (A, "d"), (U, "e"), (A, "f"), (U, "g")]),
        probe(
            "quotes, braces, markup and accents",
            &[
                (U, "\"x\" '{{ y }}' {% z %} <b>&amp;</b> \\n é 漢字 🙂"),
                (A, "```rust\nfn f() {}\n```"),
                (U, "$x {} #"),
            ],
        ),
        probe("two user messages in a row", &[(U, "one"), (U, "two"), (A, "three"), (A, "four"), (U, "five")]),
    ];
    if system {
        probes.extend([
            probe("a system message", &[(S, "You are terse."), (U, "Hello")]),
            probe(
                "a system message and two turns",
                &[(S, "Line one.\nLine two."), (U, "Hi"), (A, "Yes?"), (U, "Go on")],
            ),
            probe(
                "a system message and three turns",
                &[(S, "s é \"q\" {{ }}"), (U, "a"), (A, "b"), (U, "c"), (A, "d"), (U, "e")],
            ),
            probe("two system messages", &[(S, "one"), (S, "two"), (U, "three")]),
        ]);
    }
    if padded {
        probes.push(probe(
            "contents with whitespace at their ends",
            &[(U, " \n\t a b\u{a0}\u{3000}\u{202f} \n"), (A, "\n\n c \n"), (U, "\u{a0}é "), (A, "é\u{85}"), (U, "\t")],
        ));
        if system {
            let own = [(S, "\n rule \n\n"), (U, "\u{3000}a  "), (A, " b"), (U, " c ")];
            probes.push(probe("a system message with whitespace at its ends", &own));
        }
    }
    probes
}

fn probe(name: &'static str, turns: &[(Role, &str)]) -> Probe {
    Probe { name, messages: turns.iter().map(|(role, text)| Message::new(*role, *text)).collect() }
}
