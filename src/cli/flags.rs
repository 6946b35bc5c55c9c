//! The flags of the table of options (`config::OPTIONS`): what was said on the command line lies over the file.

use std::ffi::OsStr;
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, RangedU64ValueParser, TypedValueParser, ValueParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use crate::config::{Commands, Kind, OPTIONS, Raw, Section, Spec, UNSUPPORTED, option};

/// What the command line says of the options. Each command takes those that the table names it for.
#[derive(Clone, Debug, Default)]
pub struct Flags(pub Raw);

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        let name = command.get_name().to_owned();
        let taken = OPTIONS.iter().filter(|spec| spec.taken_by != Commands::All && spec.is_flag_of(&name));
        // Refused with the reason, as the key of a file is.
        let unsupported = UNSUPPORTED.iter().map(|(key, why)| {
            let refuse = |_: &str| Err::<String, _>(*why);
            Arg::new(*key).long(key.replace('_', "-")).hide(true).help(*why).value_parser(refuse)
        });
        command.args(taken.map(flag)).args(unsupported)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for spec in OPTIONS.iter().filter(|spec| spec.taken_by != Commands::All) {
            let texts: Vec<&str> = match spec.kind {
                Kind::Bool if matches!(matches.try_get_one(spec.key), Ok(Some(true))) => vec![""],
                Kind::Bool => continue,
                _ => match matches.try_get_many::<String>(spec.key) {
                    Ok(Some(texts)) => texts.map(String::as_str).collect(),
                    _ => continue,
                },
            };
            let invalid = |what| clap::Error::raw(clap::error::ErrorKind::ValueValidation, format!("{what}\n"));
            self.0.set_flag(spec.key, &texts).map_err(invalid)?;
        }
        Ok(())
    }
}

/// Most tokens of an answer that can be asked for: more than a model's context has. Without a limit a large number becomes a
/// negative one on its way to the daemon, which takes that as no limit.
const MAX_ANSWER_TOKENS: u64 = 1_000_000;

/// Reads how many tokens an answer may have.
pub fn answer_tokens() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=MAX_ANSWER_TOKENS)
}

/// The flag of an option.
fn flag(spec: &'static Spec) -> Arg {
    let arg = Arg::new(spec.key).long(spec.flag()).help(help(spec));
    let arg = arg
        .short(spec.short)
        .visible_aliases(spec.aliases.iter().map(|a| a.replace('_', "-")).filter(|a| *a != spec.flag()));
    let arg = if spec.section == Section::Model { arg } else { arg.help_heading(spec.section.title()) };
    match spec.kind {
        Kind::Bool => arg.action(ArgAction::SetTrue),
        Kind::Paths | Kind::Numbers | Kind::List => valued(arg, spec).action(ArgAction::Append),
        _ => valued(arg, spec),
    }
}

fn valued(arg: Arg, spec: &'static Spec) -> Arg {
    let name = if spec.value.is_empty() { spec.key.to_uppercase() } else { spec.value.to_owned() };
    arg.value_name(name).value_parser(Texts(spec))
}

/// The help of an option, with its default.
fn help(spec: &Spec) -> String {
    match spec.default_text() {
        "" => spec.help().to_owned(),
        default => format!("{} [default: {default}]", spec.help()),
    }
}

/// The help of a common option, by its key.
pub fn common(key: &str) -> String {
    option(key).map(help).unwrap_or_default()
}

/// Texts that an option can read. Words are listed, for help and completion, and checked with the rest of the config, which
/// names all faults at once.
#[derive(Clone)]
struct Texts(&'static Spec);

impl TypedValueParser for Texts {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        let accepts = self.0.accepts;
        let read = move |text: &str| accepts(&[text]).map(|()| text.to_owned());
        read.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        match self.0.kind {
            Kind::Words { .. } => Some(Box::new(self.0.kind.words().into_iter().map(PossibleValue::new))),
            _ => None,
        }
    }
}

/// One of a type's words.
pub fn words<T>() -> ValueParser
where
    T: FromStr<Err = strum::ParseError> + strum::VariantNames + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(T::VARIANTS).try_map(|text| text.to_ascii_lowercase().parse::<T>()).into()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::{Numbers, Paths};

    #[derive(Debug, Parser)]
    #[command(name = "train")]
    struct Train {
        #[command(flatten)]
        flags: Flags,
    }

    fn said(args: &[&str]) -> Result<Raw, String> {
        let args = ["train"].iter().chain(args);
        Train::try_parse_from(args).map(|t| t.flags.0).map_err(|e| e.to_string())
    }

    #[test]
    fn a_flag_says_what_its_key_would() {
        let args = "--base-model m --dataset a --dataset b --save-steps 7 --use-rslora --layers-to-transform 1,2 --learning-rate 1e-4 \
                    --rank-pattern q_proj=4 --rank-pattern v_proj=2 --target-modules q_proj,v_proj --device gpu -o out";
        let raw = said(&args.split_whitespace().collect::<Vec<_>>()).unwrap();
        assert_eq!(
            (raw.model_to_fine_tune.as_deref(), raw.save_every, raw.use_rslora),
            (Some("m"), Some(7), Some(true))
        );
        assert_eq!(raw.dataset_path, Some(Paths(vec!["a".into(), "b".into()])));
        assert_eq!((raw.layers_to_transform, raw.learning_rate), (Some(vec![1, 2]), Some(1e-4)));
        assert_eq!(raw.rank_pattern, Some(Numbers(vec![("q_proj".into(), 4.0), ("v_proj".into(), 2.0)])));
        // Words are checked with the rest of the config.
        assert_eq!((raw.device.as_deref(), raw.output), (Some("gpu"), Some("out".into())));
        assert_eq!(said(&[]).unwrap(), Raw::default());
        assert!(said(&["--epochs", "many"]).unwrap_err().contains("expected a number, got \"many\""));
        assert!(said(&["--modules-to-save", "lm_head"]).unwrap_err().contains("whole modules are not trained"));
        // A flag of `run` only.
        assert!(said(&["--role", "r"]).unwrap_err().contains("--role"));
    }
}
