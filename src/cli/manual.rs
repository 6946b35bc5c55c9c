//! The man pages, one for each command.

use clap::{Command, CommandFactory};

use super::args::Cli;
use crate::commands::pages::Page;
use crate::commands::{Failure, Kind};

/// `tunesmith.1`, `tunesmith-run.1`, …
pub(super) fn pages() -> Result<Vec<Page>, Failure> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add(&command, &mut pages)?;
    Ok(pages)
}

fn add(command: &Command, pages: &mut Vec<Page>) -> Result<(), Failure> {
    let page = clap_mangen::Man::new(command.clone());
    let mut text = Vec::new();
    page.render(&mut text).map_err(|e| Failure::new(Kind::Error, e))?;
    pages.push(Page { name: page.get_filename(), text });
    command.get_subcommands().try_for_each(|subcommand| add(subcommand, pages))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_command_has_a_page() {
        let pages = super::pages().unwrap();
        let names: Vec<_> = pages.iter().map(|page| page.name.as_str()).collect();
        for name in ["tunesmith.1", "tunesmith-run.1", "tunesmith-data-check.1", "tunesmith-completions.1"] {
            assert!(names.contains(&name), "{name} not in {names:?}");
        }
        let run = &pages[names.iter().position(|name| *name == "tunesmith-run.1").unwrap()];
        let text = String::from_utf8_lossy(&run.text).replace('\\', "");
        for words in ["--learning-rate", "Peak".to_lowercase().as_str(), "Example:", "--ollama-host"] {
            assert!(text.contains(words), "{words} not in {text}");
        }
    }
}
