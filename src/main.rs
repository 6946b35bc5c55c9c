//! The binary: `cli` does the rest.

fn main() -> std::process::ExitCode {
    tunesmith::cli::main()
}
