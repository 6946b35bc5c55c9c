//! What is made from the table of options: `configs/defaults.yaml`, the reference page and the JSON schema.

use serde_json::{Map, Value, json};

use crate::config::generated_tests::{check, wrapped};
use crate::config::{Commands, Kind, OPTIONS, Section, Spec};

fn of(section: Section) -> impl Iterator<Item = &'static Spec> {
    OPTIONS.iter().filter(move |spec| spec.section == section)
}

/// Everything that is known of an option, as sentences.
fn described(spec: &Spec) -> String {
    let mut sentences = vec![format!("{}.", spec.help())];
    sentences.extend(spec.details().map(str::to_owned));
    match spec.kind {
        Kind::Words { .. } => sentences.push(format!("One of: {}.", spec.kind.words().join(", "))),
        _ => sentences.extend(spec.range.map(|_| format!("Expected: {}.", spec.expected()))),
    }
    if !spec.unset.is_empty() {
        sentences.push(format!("Null: {}.", spec.unset));
    }
    sentences.join(" ")
}

#[test]
fn defaults_yaml_is_made_from_the_table() {
    let mut text = "# Every key of a config file, with its default. A config file (YAML or JSON) needs three of them:\n\
                    # model_to_fine_tune, dataset_path and output_model_name. Flags override the file, the file overrides this.\n\
                    # Relative paths start at the working folder.\n"
        .to_owned();
    for section in Section::ALL {
        text += &format!("\n# {:-<98}\n", format!("--- {} ", section.title()));
        for spec in of(section) {
            for line in wrapped(&described(spec), 98) {
                text += &format!("# {line}\n");
            }
            text += &format!("{}: {}\n", spec.key, spec.default);
        }
    }
    check("configs/defaults.yaml", &text);
}

#[test]
fn the_reference_of_the_configuration_is_made_from_the_table() {
    let mut text = "# Configuration\n\nEvery option of a config file (YAML or JSON). A file needs `model_to_fine_tune`, `dataset_path` and `output_model_name`; \
                    every other option has a default. A flag of the command line overrides the file. Unknown keys are refused.\n\n\
                    The same as a commented file: [`configs/defaults.yaml`](../../configs/defaults.yaml); as a JSON schema: \
                    [`config.schema.json`](../config.schema.json).\n"
        .to_owned();
    for section in Section::ALL {
        text += &format!("\n## {}\n\n| key | type | default | what it does |\n|---|---|---|---|\n", section.title());
        for spec in of(section) {
            let kind = match spec.kind {
                Kind::Words { .. } => {
                    spec.kind.words().iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
                }
                _ => spec.expected(),
            };
            let default = match (spec.default, spec.unset) {
                ("null", "") if spec.required => "required".to_owned(),
                ("null", "") => "none".to_owned(),
                ("null", unset) => unset.to_owned(),
                (default, _) => format!("`{default}`"),
            };
            let mut words = vec![format!("{}.", spec.help())];
            words.extend(spec.details().map(str::to_owned));
            words.push(match spec.taken_by {
                Commands::None => "No flag.".to_owned(),
                Commands::All => format!("Flag of every command: `--{}`.", spec.flag()),
                Commands::Some(commands) => {
                    let commands: Vec<_> = commands.iter().map(|command| format!("`{command}`")).collect();
                    format!("Flag of {}: `--{}`.", commands.join(", "), spec.flag())
                }
            });
            let others: Vec<_> = spec.aliases.iter().map(|alias| format!("`{alias}`")).collect();
            words.extend((!others.is_empty()).then(|| format!("Also {}.", others.join(", "))));
            let cells = [format!("`{}`", spec.key), kind, default, words.join(" ")]
                .map(|cell| cell.replace('|', "\\|").replace('<', "&lt;"));
            text += &format!("| {} |\n", cells.join(" | "));
        }
    }
    check("docs/reference/configuration.md", &text);
}

#[test]
fn the_schema_is_made_from_the_table() {
    let mut properties = Map::new();
    for spec in OPTIONS {
        properties.insert(spec.key.to_owned(), schema(spec));
        for alias in spec.aliases {
            let description = format!("The same as {}.", spec.key);
            properties.insert(
                (*alias).to_owned(),
                json!({"$ref": format!("#/properties/{}", spec.key), "description": description}),
            );
        }
    }
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A config of tunesmith",
        "description": "Of `tunesmith run`, `plan` and `train`, as YAML or JSON.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    check("docs/config.schema.json", &format!("{schema:#}\n"));
}

/// The schema of one option. `null` is what leaving it out is.
fn schema(spec: &Spec) -> Value {
    let mut schema = Map::new();
    let mut put = |key: &str, value: Value| schema.insert(key.to_owned(), value);
    let details: Vec<_> = spec.details().collect();
    put("description", json!(format!("{}. {}", spec.help(), details.join(" ")).trim_end()));
    let texts = json!({"type": "string", "minLength": 1});
    match spec.kind {
        Kind::Bool => put("type", json!(["boolean", "null"])),
        Kind::Whole => put("type", json!(["integer", "null"])),
        Kind::Number => put("type", json!(["number", "null"])),
        Kind::Text | Kind::Path | Kind::Size => put("type", json!(["string", "null"])),
        // YAML reads on and off as booleans.
        Kind::WordOrPath(_) => put("type", json!(["string", "boolean", "null"])),
        Kind::Words { .. } => {
            let words = spec.kind.words();
            let mut all = json!(words);
            if let (Some(all), true) = (all.as_array_mut(), words.contains(&"on")) {
                all.extend([json!(true), json!(false)]);
            }
            if let Some(all) = all.as_array_mut() {
                all.push(Value::Null);
            }
            put("enum", all)
        }
        Kind::Paths | Kind::Modules => {
            put("items", texts);
            put("minItems", json!(1));
            put("type", json!(["string", "array", "null"]))
        }
        Kind::List => {
            put("items", json!({"type": "integer", "minimum": 0}));
            put("minimum", json!(0));
            put("type", json!(["integer", "array", "null"]))
        }
        Kind::Numbers => {
            put("additionalProperties", json!({"type": "number"}));
            put("type", json!(["object", "null"]))
        }
    };
    if let Some(range) = spec.range {
        let whole = spec.kind == Kind::Whole;
        let number = |value: f64| if whole { json!(value as u64) } else { json!(value) };
        put(if range.least_included { "minimum" } else { "exclusiveMinimum" }, number(range.least));
        if range.most.is_finite() {
            put(if range.most_included { "maximum" } else { "exclusiveMaximum" }, number(range.most));
        }
    } else if spec.kind == Kind::Whole {
        put("minimum", json!(0));
    }
    let default: Value = serde_yaml::from_str(spec.default).unwrap();
    put("default", default);
    Value::Object(schema)
}
