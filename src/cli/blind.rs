//! Two answers shown without their models' names, and the key by which a person says which is better.

use std::io::{ErrorKind, IsTerminal as _};

use console::{Key, Term, measure_text_width};

use super::layout::{BOLD, DIM, Style};
use super::terminal;
use crate::commands::votes::{Reply, Shown, Voter};
use crate::commands::{Failure, Kind};
use crate::input::Env;

const KEYS: &str = "[←] left  [→] right  [=] as good  [b] neither will do  [s] later  [q] end";
/// Columns of the terminal from which answers stand side by side.
const SIDE_BY_SIDE: usize = 100;
/// Lines of an answer that are shown.
const MOST_LINES: usize = 60;

/// A person at this terminal.
pub(super) struct AtTerminal {
    style: Style,
}

impl AtTerminal {
    /// Refused where nobody could see or press anything.
    pub(super) fn new(env: &Env) -> Result<Self, Failure> {
        if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
            return Ok(Self { style: Style::of_stderr(env) });
        }
        Err(Failure::new(Kind::Usage, "--blind asks you at the terminal, and here is none")
            .hint("start it in a terminal, without redirecting input or error output"))
    }
}

impl Voter for AtTerminal {
    fn choose(&mut self, shown: &Shown<'_>) -> Result<Reply, Failure> {
        let rule = if self.style.utf8 { "─" } else { "-" };
        let title = format!("{} of {} · {}", shown.number, shown.of, shown.pair.pair.suite);
        terminal::report(self.style.paint(DIM, &format!("\n{} {title}", rule.repeat(3))));
        lines(shown, self.style).into_iter().for_each(terminal::report);
        terminal::report(self.style.paint(BOLD, KEYS));
        loop {
            match Term::stderr().read_key() {
                Ok(key) => {
                    if let Some(reply) = reply(&key) {
                        return Ok(reply);
                    }
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => return Err(Failure::interrupted()),
                Err(e) => return Err(Failure::input(format!("the terminal can't be read: {e}"))),
            }
        }
    }
}

fn reply(key: &Key) -> Option<Reply> {
    match key {
        Key::ArrowLeft | Key::Char('1') => Some(Reply::Left),
        Key::ArrowRight | Key::Char('2') => Some(Reply::Right),
        Key::Char('=') => Some(Reply::Tie),
        Key::Char('b' | 'B') => Some(Reply::Bad),
        Key::Char('s' | 'S') => Some(Reply::Skip),
        Key::Char('q' | 'Q') | Key::Escape => Some(Reply::End),
        _ => None,
    }
}

/// Prompt, what is expected, and both answers: side by side where the terminal is wide enough.
fn lines(shown: &Shown<'_>, style: Style) -> Vec<String> {
    let pair = &shown.pair.pair;
    let mut lines = style.wrap(&pair.prompt, 0);
    if !pair.expected.is_empty() {
        lines.push(String::new());
        lines.extend(style.wrap(&format!("expected: {}", pair.expected.join(" | ")), 0));
    }
    lines.push(String::new());
    let columns = style.width.filter(|width| *width >= SIDE_BY_SIDE).map(|width| (width - 3) / 2);
    let bar = if style.utf8 { '│' } else { '|' };
    match columns {
        Some(column) => {
            let column_style = Style { width: Some(column), ..style };
            let answer = |title: &str, text: &str| {
                std::iter::once(title.to_owned()).chain(answer_lines(text, column_style)).collect::<Vec<_>>()
            };
            let (left, right) = (answer("LEFT", shown.pair.left()), answer("RIGHT", shown.pair.right()));
            for row in 0..left.len().max(right.len()) {
                let at = |side: &[String]| side.get(row).cloned().unwrap_or_default();
                let (left, right) = (at(&left), at(&right));
                let fill = " ".repeat(column.saturating_sub(measure_text_width(&left)));
                lines.push(format!("{left}{fill} {bar} {right}").trim_end().to_owned());
            }
        }
        None => {
            for (title, text) in [("LEFT", shown.pair.left()), ("RIGHT", shown.pair.right())] {
                lines.push(format!("{title}:"));
                let indented = Style { width: style.width.map(|width| width.saturating_sub(2)), ..style };
                lines.extend(answer_lines(text, indented).into_iter().map(|line| format!("  {line}")));
                lines.push(String::new());
            }
        }
    }
    lines
}

fn answer_lines(text: &str, style: Style) -> Vec<String> {
    let mut lines = style.wrap(&text.replace('\t', "    "), 0);
    if lines.len() > MOST_LINES {
        let more = lines.len() - MOST_LINES;
        lines.truncate(MOST_LINES);
        lines.push(format!("… {more} more lines"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::votes::{BlindPair, Side};
    use crate::eval::AnswerPair;

    fn pair() -> BlindPair {
        BlindPair {
            pair: AnswerPair {
                suite: "tickets.jsonl".into(),
                id: "7".into(),
                prompt: "Which queue takes a lost badge?".into(),
                expected: vec!["security".into()],
                v1: "Security takes it.\nAsk at the desk.".into(),
                v2: "facilities".into(),
            },
            left: Side::V2,
        }
    }

    fn style(width: Option<usize>) -> Style {
        Style { utf8: true, colour: false, width }
    }

    fn shown(width: Option<usize>) -> Vec<String> {
        lines(&Shown { pair: &pair(), number: 1, of: 3 }, style(width))
    }

    #[test]
    fn answers_stand_side_by_side_where_there_is_room_and_no_name_is_shown() {
        let wide = shown(Some(103));
        assert!(wide.contains(&format!("{:<50} │ RIGHT", "LEFT")), "{wide:#?}");
        assert!(wide.contains(&format!("{:<50} │ Security takes it.", "facilities")), "{wide:#?}");
        assert!(wide.contains(&format!("{:<50} │ Ask at the desk.", "")), "{wide:#?}");
        let narrow = shown(Some(60));
        assert_eq!(
            narrow[4..],
            ["LEFT:", "  facilities", "", "RIGHT:", "  Security takes it.", "  Ask at the desk.", ""]
        );
        assert_eq!(narrow[..3], ["Which queue takes a lost badge?", "", "expected: security"]);
    }

    #[test]
    fn a_long_answer_is_cut_with_the_number_of_lines() {
        let long = answer_lines(&"x\n".repeat(100), style(Some(80)));
        assert_eq!((long.len(), long[60].as_str()), (61, "… 40 more lines"));
    }

    #[test]
    fn keys_are_the_ones_that_are_shown() {
        let all = [
            (Key::ArrowLeft, Reply::Left),
            (Key::ArrowRight, Reply::Right),
            (Key::Char('='), Reply::Tie),
            (Key::Char('b'), Reply::Bad),
            (Key::Char('s'), Reply::Skip),
            (Key::Char('q'), Reply::End),
        ];
        for (key, expected) in all {
            assert_eq!(reply(&key), Some(expected));
        }
        assert_eq!(reply(&Key::Char('x')), None);
        assert_eq!(reply(&Key::Enter), None);
    }
}
