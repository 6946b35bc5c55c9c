//! All faults of a file, in one message.

/// One fault on the line of its place; several in a list.
pub fn listed(faults: &[String]) -> String {
    match faults {
        [one] => one.clone(),
        many => {
            let lines: Vec<_> = many.iter().map(|f| format!("\n  - {f}")).collect();
            format!("{} faults{}", many.len(), lines.concat())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_are_listed() {
        assert_eq!(listed(&["a: b".to_owned()]), "a: b");
        assert_eq!(listed(&["a: b".to_owned(), "c: d".to_owned()]), "2 faults\n  - a: b\n  - c: d");
    }
}
