//! What `--version` says.

pub(super) const SHORT: &str = env!("CARGO_PKG_VERSION");

/// The commit that the program was built from, where `build.rs` found one.
const COMMIT: Option<&str> = option_env!("TUNESMITH_COMMIT");
const TARGET: &str = env!("TUNESMITH_TARGET");

/// Version and commit; target; features.
pub(super) fn long() -> String {
    let commit = COMMIT.map(|commit| format!(" ({commit})")).unwrap_or_default();
    let features = [("cuda", cfg!(feature = "cuda")), ("metal", cfg!(feature = "metal"))];
    let on: Vec<_> = features.into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect();
    let features = if on.is_empty() { "none".to_owned() } else { on.join(", ") };
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
}
