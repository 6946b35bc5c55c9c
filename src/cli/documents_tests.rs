//! The help of every command, and the reference page that is made from the same declarations.

use clap::{Arg, Command, CommandFactory, Parser};

use super::args::Cli;
use crate::config::generated_tests::check;

/// The program, built as it is run, and each of its commands by its whole name.
fn commands() -> Vec<(String, Command)> {
    fn add(command: &Command, name: &str, found: &mut Vec<(String, Command)>) {
        found.push((name.to_owned(), command.clone()));
        for subcommand in command.get_subcommands() {
            add(subcommand, &format!("{name} {}", subcommand.get_name()), found);
        }
    }
    let mut program = Cli::command().disable_help_subcommand(true).term_width(100);
    program.build();
    let mut found = Vec::new();
    add(&program, "tunesmith", &mut found);
    found
}

/// What `--help` prints of a command, by its whole name.
fn help(name: &str) -> String {
    let words = name.split(' ').chain(["--help"]);
    let help = Cli::command().term_width(100).try_get_matches_from(words).unwrap_err().to_string();
    help.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[test]
fn an_answer_has_at_least_one_token_and_an_end() {
    let commands: [&[&str]; 4] = [
        &["query", "q", "--model", "m"],
        &["rag", "ask", "q", "--index", "i", "--model", "m"],
        &["evaluate-rag", "q.jsonl", "--index", "i", "--model", "m", "--output", "o"],
        &["evaluate-finetuned", "q.jsonl", "--model", "m", "--output", "o"],
    ];
    for command in commands {
        let read = |tokens: &str| {
            let words = ["tunesmith"].iter().chain(command).chain(&["--max-tokens"]).copied().chain([tokens]);
            Cli::command().try_get_matches_from(words.collect::<Vec<_>>()).map(|_| ())
        };
        read("1").unwrap();
        for tokens in ["0", "18446744073709551615", "9223372036854775808"] {
            let said = read(tokens).unwrap_err().to_string();
            assert!(said.contains("is not in 1..=1000000"), "{command:?}: {said}");
        }
    }
}

#[test]
fn the_help_of_every_command() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (name, _) in commands() {
        settings.bind(|| insta::assert_snapshot!(name.replace(' ', "-"), help(&name)));
    }
}

#[test]
fn own_options_come_before_the_common_ones() {
    for (name, _) in commands() {
        let help = help(&name);
        let (own, common) = help.split_once("\nCommon options:\n").unwrap_or_else(|| panic!("{name}: {help}"));
        for flag in ["--json", "--quiet", "--seed", "--ollama-host", "--models-yaml", "--help", "--version"] {
            assert!(common.contains(flag) && !own.contains(&format!("  {flag}")), "{name}: {flag}");
        }
        let (_, end) = common.split_once("\nExample:\n").unwrap_or_else(|| panic!("{name} has no example: {help}"));
        assert!(end.trim_start().starts_with("tunesmith"), "{name}: {end}");
    }
    let help = help("tunesmith train");
    let headings =
        ["Data", "LoRA", "Training", "Evaluation during training", "Memory and device", "Delivery", "Common options"];
    let places: Vec<_> = headings.iter().map(|heading| help.find(&format!("\n{heading}:\n"))).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
}

/// `finetune --help` shows `tunesmith finetune`, and so do usage errors; a command by its own name shows that.
#[test]
fn help_and_errors_name_an_alias_as_it_was_typed() {
    let said = |line: &str| {
        let words = std::iter::once("tunesmith").chain(line.split(' ')).map(str::to_owned).collect();
        crate::cli::parse(words).unwrap_err().render().to_string()
    };
    for (line, usage) in [
        ("finetune --help", "tunesmith finetune "),
        ("train --help", "tunesmith train "),
        ("--quiet merge-lora --help", "tunesmith merge-lora "),
        ("compare-models --rag-results a", "tunesmith compare-models "),
        ("query-finetuned --no-such-option", "tunesmith query-finetuned "),
        ("compare --help", "tunesmith compare "),
    ] {
        assert!(said(line).contains(&format!("Usage: {usage}")), "{line}: {}", said(line));
    }
    let words = ["tunesmith", "finetune", "--dataset", "d.jsonl"].map(str::to_owned);
    assert!(matches!(crate::cli::parse(words.into()).unwrap().command, crate::cli::args::Command::Train(_)));
}

/// The models that examples ask are those that the guide pulls or makes.
#[test]
fn examples_name_models_that_the_pages_have() {
    const KNOWN: [&str; 4] = ["smollm2:135m", "qwen2.5-coder:0.5b", "demo-assistant:v1", "support:v1"];
    let mut seen = 0;
    for (name, command) in commands() {
        let after = command.get_after_help().unwrap().to_string();
        let words: Vec<&str> = after.split_whitespace().collect();
        for pair in
            words.windows(2).filter(|pair| ["--model", "--base-model", "--base", "--against"].contains(&pair[0]))
        {
            let is_path = pair[1].contains('/') || pair[1].ends_with(".jsonl");
            seen += usize::from(!is_path);
            assert!(is_path || KNOWN.contains(&pair[1]), "{name}: {}", pair[1]);
        }
    }
    assert!(seen > 5, "{seen}");
}

#[test]
fn the_number_of_a_dry_run_says_what_it_is() {
    let words = "tunesmith data generate d.md --output x.jsonl --dry-run all".split(' ').map(str::to_owned).collect();
    let said = crate::cli::parse(words).unwrap_err().to_string();
    assert!(said.contains("expected the number of examples to show, such as 5"), "{said}");
}

#[test]
fn words_are_completed() {
    for (shell, wanted) in
        [(clap_complete::Shell::Bash, "constant_with_warmup"), (clap_complete::Shell::Zsh, "(auto cpu cuda metal)")]
    {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "tunesmith", &mut script);
        let script = String::from_utf8(script).unwrap();
        assert!(script.contains(wanted) && script.contains("--learning-rate"), "{shell}");
    }
}

#[test]
fn the_reference_of_the_commands_is_made_from_their_declarations() {
    let mut text = "# Commands\n\nEvery command and its flags, as `tunesmith COMMAND --help` prints them. The options that config files have too are \
                    described in [configuration.md](configuration.md).\n"
        .to_owned();
    for (name, command) in commands() {
        let (about, after) = (command.get_about().unwrap(), command.get_after_help().unwrap().to_string());
        text += &format!("\n## {name}\n\n{about}.\n\n```sh\n{}\n```\n", usage(&command));
        let aliases: Vec<_> = command.get_visible_aliases().map(|alias| format!("`{alias}`")).collect();
        if !aliases.is_empty() {
            text += &format!("\nAlso {}.\n", aliases.join(", "));
        }
        if command.has_subcommands() {
            text += "\n| command | what it does |\n|---|---|\n";
            for subcommand in command.get_subcommands() {
                let whole = format!("{name} {}", subcommand.get_name());
                let link = whole.replace(' ', "-");
                text += &format!("| [`{whole}`](#{link}) | {} |\n", cell(&subcommand.get_about().unwrap().to_string()));
            }
        }
        // The common options are described once.
        let shown = |arg: &&Arg| !arg.is_hide_set() && (name == "tunesmith" || !arg.is_global_set());
        let mut headings: Vec<Option<&str>> = Vec::new();
        command.get_arguments().filter(shown).for_each(|arg| {
            if !headings.contains(&arg.get_help_heading()) {
                headings.push(arg.get_help_heading());
            }
        });
        for heading in headings {
            text += &format!("\n| {} | |\n|---|---|\n", heading.unwrap_or("Options"));
            for arg in command.get_arguments().filter(shown).filter(|arg| arg.get_help_heading() == heading) {
                text += &format!("| {} | {} |\n", cell(&signature(arg)), cell(&described(arg)));
            }
        }
        let (example, codes) = after.split_once("\n\n").unwrap_or((&after, ""));
        let example: Vec<_> = example.lines().skip(1).map(str::trim).collect();
        text += &format!("\n```sh\n{}\n```\n", example.join("\n"));
        if !codes.is_empty() {
            text += &format!("\n{}\n", codes.replace('\n', " "));
        }
    }
    check("docs/reference/commands.md", &text);
}

fn usage(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    usage.trim_start_matches("Usage:").lines().map(str::trim).collect::<Vec<_>>().join("\n")
}

/// `-o`, `--output <DIR>`, also `--save-steps`
fn signature(arg: &Arg) -> String {
    let value = match arg.get_value_names() {
        Some(names) if arg.get_action().takes_values() => names.iter().map(|name| format!(" <{name}>")).collect(),
        _ => String::new(),
    };
    if arg.is_positional() {
        return format!("`{}`", value.trim());
    }
    let short = arg.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    let aliases = arg.get_visible_aliases().unwrap_or_default();
    let aliases: String = aliases.iter().map(|alias| format!(", `--{alias}`")).collect();
    format!("{short}`--{}{value}`{aliases}", arg.get_long().unwrap_or_default())
}

fn described(arg: &Arg) -> String {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let words: Vec<_> = arg.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    let words = match arg.get_action().takes_values() && !words.is_empty() {
        true => format!(" One of {}.", words.join(", ")),
        false => String::new(),
    };
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    let default = if defaults.is_empty() || !arg.get_action().takes_values() {
        String::new()
    } else {
        format!(" [default: {}]", defaults.join(", "))
    };
    let stop = if help.ends_with(']') { "" } else { "." };
    format!("{help}{stop}{default}{words}").replace('<', "&lt;")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[test]
fn calls_at_once_need_a_model_that_is_called() {
    let read = |more: &[&str]| {
        let words = ["tunesmith", "data", "generate", "d.md", "--output", "x.jsonl"].iter().chain(more).copied();
        let Cli { command, .. } = Cli::try_parse_from(words).unwrap();
        match command {
            super::args::Command::Data(super::args::Data::Generate(args)) => super::documents::writer(&args),
            _ => unreachable!(),
        }
    };
    let refused = read(&["--parallel", "4"]).unwrap_err().message();
    assert!(refused.starts_with("--parallel has no effect without --model"), "{refused}");
    assert_eq!(read(&["--method", "llm-based", "--model", "m"]).unwrap().unwrap().parallel, 1);
}
