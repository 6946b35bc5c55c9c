//! The documents, checked: relative links and anchors lead somewhere, and the commands that they show exist with their flags.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// README and the like, and everything below docs/.
fn pages() -> Vec<PathBuf> {
    let named = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
    let mut found: Vec<PathBuf> = named.iter().map(|name| root().join(name)).collect();
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// (line number, language of the code block or None outside of one, line)
fn lines(text: &str) -> Vec<(usize, Option<String>, &str)> {
    let mut block: Option<String> = None;
    let mut found = Vec::new();
    for (i, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), &block) {
            (Some(_), Some(_)) => block = None,
            (Some(language), None) => block = Some(language.trim().to_owned()),
            (None, _) => found.push((i + 1, block.clone(), line)),
        }
    }
    found
}

/// The line without its `code` spans, and those spans.
fn without_code(line: &str) -> (String, Vec<&str>) {
    let parts: Vec<&str> = line.split('`').collect();
    let text = parts.iter().step_by(2).copied().collect::<Vec<_>>().join(" ");
    (text, parts.iter().skip(1).step_by(2).copied().collect())
}

/// The targets of `[text](target)` outside of code.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, block, line) in lines(text) {
        if block.is_some() {
            continue;
        }
        let (prose, _) = without_code(line);
        for part in prose.split("](").skip(1) {
            if let Some((target, _)) = part.split_once(')') {
                found.push((number, target.to_owned()));
            }
        }
    }
    found
}

/// The anchors that GitHub makes of a page's headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut found = BTreeSet::new();
    for (_, block, line) in lines(text) {
        let Some(heading) = line.strip_prefix('#').filter(|_| block.is_none()) else { continue };
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let anchor: String = heading.chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect();
        let n = counts.entry(anchor.clone()).or_default();
        found.insert(if *n == 0 { anchor } else { format!("{anchor}-{n}") });
        *n += 1;
    }
    found
}

/// What is wrong with the links of a page.
fn link_faults(page: &Path, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (line, target) in links(text) {
        if target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let (path, anchor) = target.split_once('#').map_or((target.as_str(), None), |(p, a)| (p, Some(a)));
        let at = if path.is_empty() { page.to_path_buf() } else { page.parent().unwrap().join(path) };
        let place = format!("{}:{line}: ({target})", shown(page));
        if at != page && !at.exists() {
            faults.push(format!("{place}: there is no such file"));
        } else if let Some(anchor) = anchor {
            let there = if at == page { text.to_owned() } else { std::fs::read_to_string(&at).unwrap_or_default() };
            if !anchors(&there).contains(anchor) {
                faults.push(format!("{place}: no heading of that page has this anchor"));
            }
        }
    }
    faults
}

/// The words after `tunesmith` of every command that a page shows: in `sh` and `console` blocks, and in code spans.
fn commands(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    for (number, block, line) in lines(text) {
        let candidates: Vec<&str> = match block.as_deref() {
            Some("sh") => vec![line],
            Some("console") => line.strip_prefix("$ ").into_iter().collect(),
            Some(_) => Vec::new(),
            None => without_code(line).1,
        };
        for candidate in candidates {
            found.extend(candidate.split("&&").filter_map(words).map(|words| (number, words)));
        }
    }
    found
}

/// None where it is no command of the program.
fn words(command: &str) -> Option<Vec<String>> {
    let command = command.trim();
    let rest = command.strip_prefix("tunesmith ").or_else(|| command.strip_prefix("cargo run --release -- "))?;
    // What is in quotes is a value; a comment, a pipe or a redirection ends the command. `<COMMAND>` and `[OPTIONS]` of a
    // usage stand for something.
    let unquoted: String = rest.split(['\'', '"']).step_by(2).collect::<Vec<_>>().join(" VALUE ").replace("\\|", "|");
    Some(
        unquoted
            .split_whitespace()
            .take_while(|word| !word.starts_with(['#', '|', '>']))
            .filter(|word| !word.starts_with(['<', '[']))
            .map(|word| word.trim_end_matches([';', ',']).to_owned())
            .collect(),
    )
}

/// The program's own help, by subcommand.
#[derive(Default)]
struct Help(BTreeMap<String, String>);

impl Help {
    fn of(&mut self, path: &[&str]) -> &str {
        self.0.entry(path.join(" ")).or_insert_with(|| {
            let mut program = Command::new(env!("CARGO_BIN_EXE_tunesmith"));
            let output = program.args(path).arg("--help").output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        })
    }

    /// The subcommands that a help lists, with their aliases.
    fn subcommands(&mut self, path: &[&str]) -> BTreeSet<String> {
        let Some((_, list)) = self.of(path).split_once("Commands:\n") else { return BTreeSet::new() };
        let list = list.split("\n\n").next().unwrap_or_default();
        // A name stands two columns in; what it does may go on over further lines.
        let names = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        let names = names.filter_map(|line| line.split_whitespace().next());
        names.map(str::to_owned).chain(aliases(list)).collect()
    }

    /// The flags that a help lists, `--` or `-` included.
    fn flags(&mut self, path: &[&str]) -> BTreeSet<String> {
        let help = self.of(path);
        // `-o, --output <OUTPUT>  …`: what the flag does may name others.
        let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
        let words = lines.flat_map(|line| line.split("  ").next().unwrap_or_default().split([' ', ',', '[', '=']));
        let flags = words.filter(|word| word.starts_with('-')).map(|word| word.trim_end_matches("...").to_owned());
        flags.chain(aliases(help)).collect()
    }
}

/// What stands in `[alias: …]` and `[aliases: …]`, which may go on over lines.
fn aliases(help: &str) -> Vec<String> {
    let joined = help.split_whitespace().collect::<Vec<_>>().join(" ").replace("[alias: ", "[aliases: ");
    let lists = joined.split("[aliases: ").skip(1).filter_map(|rest| rest.split(']').next());
    lists.flat_map(|list| list.split(", ")).map(str::to_owned).collect()
}

/// What is wrong with the commands of a page.
fn command_faults(page: &Path, text: &str, help: &mut Help) -> Vec<String> {
    let mut faults = Vec::new();
    for (line, words) in commands(text) {
        let place = format!("{}:{line}: tunesmith {}", shown(page), words.join(" "));
        let mut path: Vec<&str> = Vec::new();
        for word in words.iter().filter(|word| !word.starts_with('-')) {
            if !help.subcommands(&path).contains(word.as_str()) {
                break;
            }
            path.push(word);
        }
        let first = words.iter().find(|word| !word.starts_with('-'));
        // `tunesmith COMMAND --help`, `tunesmith …`
        if first.is_some_and(|word| word.chars().all(|c| c.is_uppercase() || c == '…')) {
            continue;
        }
        let next = words.iter().filter(|word| !word.starts_with('-')).nth(path.len());
        if let Some(next) = next.filter(|_| !help.subcommands(&path).is_empty()) {
            faults.push(format!("{place}: there is no command {next}"));
            continue;
        }
        let flags = help.flags(&path);
        for word in words.iter().filter(|word| word.starts_with('-')) {
            let flag = word.split('=').next().unwrap_or(word);
            if !flags.contains(flag) {
                faults.push(format!("{place}: {} has no flag {flag}", path.join(" ")));
            }
        }
    }
    faults
}

#[test]
fn links_and_anchors_lead_somewhere() {
    let faults: Vec<String> =
        pages().iter().flat_map(|page| link_faults(page, &std::fs::read_to_string(page).unwrap())).collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn commands_that_are_shown_exist_with_their_flags() {
    let mut help = Help::default();
    let (mut faults, mut seen) = (Vec::new(), 0);
    // The changelog speaks of commands as they were, too.
    for page in pages().iter().filter(|page| !page.ends_with("CHANGELOG.md")) {
        let text = std::fs::read_to_string(page).unwrap();
        seen += commands(&text).len();
        faults.extend(command_faults(page, &text, &mut help));
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    assert!(seen > 50, "only {seen} commands were found");
}

/// All of `src/`, as the program says it: escapes undone, texts over several lines joined.
fn sources() -> String {
    let (mut text, mut folders) = (String::new(), vec![root().join("src")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => text.push_str(&std::fs::read_to_string(&path).unwrap()),
            }
        }
    }
    let mut joined = String::with_capacity(text.len());
    for part in text.split("\\\n") {
        joined.push_str(if joined.is_empty() { part } else { part.trim_start() });
    }
    joined.replace("\\\"", "\"")
}

/// Of a message as a page quotes it the longest part without a place for something: `…`, a quoted value, a WORD, a number.
fn fixed_part(message: &str) -> String {
    let message = message.replace("\\|", "|");
    let mut parts = vec![String::new()];
    for word in message.split(' ') {
        let letters = word.trim_matches(|c: char| !c.is_alphanumeric());
        let place = word.contains('…')
            || word.starts_with('"')
            || letters.chars().all(|c| c.is_uppercase() || c.is_ascii_digit()) && letters != "Ollama";
        match place {
            true => parts.push(String::new()),
            false => {
                let part = parts.last_mut().unwrap();
                part.push_str(if part.is_empty() { "" } else { " " });
                part.push_str(word);
            }
        }
    }
    parts.into_iter().max_by_key(String::len).unwrap()
}

#[test]
fn messages_of_the_troubleshooting_page_are_the_programs() {
    let text = std::fs::read_to_string(root().join("docs/guide/7-troubleshooting.md")).unwrap();
    let sources = sources();
    let (mut faults, mut seen, mut column) = (Vec::new(), 0, None);
    for (number, block, line) in lines(&text) {
        let cells: Vec<&str> = line.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
        if block.is_some() || !line.starts_with('|') {
            column = None;
        } else if let Some(at) = cells.iter().position(|cell| matches!(*cell, "message" | "reason")) {
            column = Some(at);
        } else if let Some(at) = column
            && let Some(quoted) = cells.get(at).and_then(|cell| cell.strip_prefix('`'))
        {
            seen += 1;
            let message = quoted.split('`').next().unwrap_or_default();
            let fixed = fixed_part(message);
            if !sources.contains(&fixed) {
                faults.push(format!(
                    "7-troubleshooting.md:{number}: {fixed:?} of {message:?} is in no message of the program"
                ));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    assert!(seen > 40, "only {seen} messages were found");
    assert_eq!(
        fixed_part("\"lr\" is an unknown key; did you mean \"learning_rate\"?"),
        "is an unknown key; did you mean"
    );
    assert_eq!(fixed_part("not enough room in FOLDER"), "not enough room in");
}

#[test]
fn planted_faults_are_found() {
    let page = root().join("docs/planted.md");
    let text = "# One thing\n[a](guide/README.md) [b](nowhere.md) [c](#one-thing) [d](#two)\n\
                [e](guide/README.md#no-such-heading) `[f](nowhere.md)` [g](https://example.org)\n\
                ```console\n$ tunesmith plan --no-such-flag\n$ tunesmith dance\ntunesmith output\n```\n\
                ```sh\ncd x && tunesmith --json data check --shape text f.jsonl   # --what\ntunesmith data chek\n```\n\
                `tunesmith train --epoch 3`, `tunesmith COMMAND --help`, `tunesmith finetune --save-steps 3 -o x`\n";
    let found = link_faults(&page, text);
    let lines = |faults: &[String]| -> Vec<String> {
        faults.iter().map(|f| f.split(':').nth(1).unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(lines(&found), ["2", "2", "3"], "{found:#?}");
    let found = command_faults(&page, text, &mut Help::default());
    assert_eq!(lines(&found), ["5", "6", "11", "13"], "{found:#?}");
}
