//! A conversation as the daemon sees it before it renders.

use super::{Message, Role};

/// Merges neighbours of one role with a blank line between them, as Ollama's `collate` does before it renders
/// (template/template.go, v0.34.4); tool messages stay apart.
pub fn merge_neighbours(messages: &[Message]) -> Vec<Message> {
    let mut merged: Vec<Message> = Vec::with_capacity(messages.len());
    for message in messages {
        match merged.last_mut() {
            Some(last) if last.role == message.role && message.role != Role::Tool => {
                last.content.push_str("\n\n");
                last.content.push_str(&message.content);
            }
            _ => merged.push(message.clone()),
        }
    }
    merged
}

/// Puts the model's SYSTEM before a conversation that does not begin with a system turn, as the daemon does
/// (ChatHandler in server/routes.go, v0.34.4).
pub(super) fn with_system(messages: &[Message], system: Option<&str>) -> Vec<Message> {
    let system = system.filter(|text| !text.is_empty() && messages.first().is_none_or(|m| m.role != Role::System));
    let first = system.map(|text| Message::new(Role::System, text));
    first.into_iter().chain(messages.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_role_become_one_turn_and_tools_stay_apart() {
        let turns = [
            Message::new(Role::User, "a"),
            Message::new(Role::User, "b"),
            Message::new(Role::Tool, "c"),
            Message::new(Role::Tool, "d"),
        ];
        let merged = merge_neighbours(&turns);
        assert_eq!(merged.len(), 3);
        assert_eq!(merged[0].content, "a\n\nb");
    }

    #[test]
    fn the_system_text_comes_first_unless_there_is_one() {
        let (user, system) = ([Message::new(Role::User, "a")], Message::new(Role::System, "s"));
        let both = [system, user[0].clone()];
        assert_eq!(with_system(&user, Some("s")), both);
        assert_eq!(with_system(&both, Some("other")), both);
        assert_eq!((with_system(&user, Some("")), with_system(&user, None)), (user.to_vec(), user.to_vec()));
    }
}
