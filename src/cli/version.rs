//! What `--version` says.

pub(super) const SHORT: &str = env!("CARGO_PKG_VERSION");

/// The commit that the program was built from, where `build.rs` found one.
const COMMIT: Option<&str> = option_env!("TUNESMITH_COMMIT");
const TARGET: &str = env!("TUNESMITH_TARGET");
/// The features that it was built with, as `build.rs` was told.
const FEATURES: &str = env!("TUNESMITH_FEATURES");

/// Version and commit; target; features.
pub(super) fn long() -> String {
    let commit = COMMIT.map(|commit| format!(" ({commit})")).unwrap_or_default();
    let features = if FEATURES.is_empty() { "none" } else { FEATURES };
    format!("{SHORT}{commit}\ntarget: {TARGET}\nfeatures: {features}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_long_version_names_target_and_features() {
        let text = super::long();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines.len() == 3 && lines[0].starts_with(super::SHORT), "{text}");
        assert!(lines[1].starts_with("target: ") && lines[1].contains(std::env::consts::ARCH), "{text}");
        assert!(lines[2].starts_with("features: "), "{text}");
    }

    /// Each feature that Cargo.toml declares is named if, and only if, it is built in.
    #[test]
    fn the_long_version_names_the_features_that_are_built_in() {
        let text = super::long();
        let named: Vec<_> = text.rsplit("features: ").next().unwrap().split(", ").collect();
        let built = [
            ("cuda", cfg!(feature = "cuda")),
            ("metal", cfg!(feature = "metal")),
            ("pdf", cfg!(feature = "pdf")),
            ("xlsx", cfg!(feature = "xlsx")),
        ];
        let manifest = include_str!("../../Cargo.toml");
        let declared = manifest.split("[features]\n").nth(1).unwrap().split("\n\n").next().unwrap();
        let declared: Vec<_> = declared.lines().filter_map(|line| line.split(" = ").next()).collect();
        assert_eq!(declared.len(), built.len() + 1, "default and {declared:?}");
        for (name, is_built) in built {
            assert!(declared.contains(&name) && named.contains(&name) == is_built, "{name}: {named:?}");
        }
        assert!(!named.contains(&"default"), "{named:?}");
    }
}
