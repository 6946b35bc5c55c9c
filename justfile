# Recipes; `just` alone lists them. They only call what also works by hand.

default:
    @just --list

# Everything that continuous integration runs (ARGS go to `cargo test`).
test *ARGS:
    bash scripts/test {{ ARGS }}

# Does everything compile? The shortest answer after an edit.
check:
    cargo check --all-targets

# Only the unit tests: no daemon, no model.
unit *ARGS:
    cargo test --lib {{ ARGS }}

# The tests of `ops` under AddressSanitizer and ThreadSanitizer (ARGS choose tests).
sanitize *ARGS:
    bash scripts/sanitize address {{ ARGS }}
    bash scripts/sanitize thread {{ ARGS }}

# Pool, arena, encodings and block formats under Miri.
miri *ARGS:
    bash scripts/sanitize miri {{ ARGS }}

# The properties of all parsers with CASES random inputs each, instead of 256.
fuzz CASES="200000":
    PROPTEST_CASES={{ CASES }} cargo test --release --lib -- no_bytes no_line no_text no_mutation mutated_ any_text what_is_written
    PROPTEST_CASES={{ CASES }} cargo test --release --test it -- no_template no_mutation

# Formatting and lints.
lint:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    if cargo deny --version >/dev/null 2>&1; then cargo deny --locked check; fi

# Formats the source.
fmt:
    cargo fmt

# Builds the real Ollama daemons of the tests and prints where they are.
ollama *ARGS:
    @bash scripts/ollama {{ ARGS }}

# Makes the golden numbers again from PyTorch, PEFT and transformers, and compares.
oracles:
    bash scripts/oracles

# The whole pipeline on a real model and bundled data.
demo:
    cargo run --release -- demo

# tunesmith beside PEFT + TRL on this machine; hours without names of cases.
bench *ARGS:
    bash scripts/bench-vs-peft {{ ARGS }}

# The archive of a release, for this machine's platform.
release *ARGS:
    packaging/release {{ ARGS }}
