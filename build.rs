//! Says what `--version` shows beside the version: the target, the features, and in a release build from a git checkout the commit.
//! It never fails: what is not found is left out.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=TUNESMITH_TARGET={}", std::env::var("TARGET").unwrap_or_else(|_| "unknown".to_owned()));
    println!("cargo::rustc-env=TUNESMITH_FEATURES={}", features().join(", "));
    // A development build does not name the commit, so that a commit makes nothing compile again.
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if let Some(commit) = release.then(commit).flatten() {
        println!("cargo::rustc-env=TUNESMITH_COMMIT={commit}");
    }
}

/// As cargo names them to a build script: `CARGO_FEATURE_PDF`.
fn features() -> Vec<String> {
    let named =
        std::env::vars_os().filter_map(|(key, _)| Some(key.to_str()?.strip_prefix("CARGO_FEATURE_")?.to_lowercase()));
    let mut named: Vec<_> = named.map(|name| name.replace('_', "-")).filter(|name| name != "default").collect();
    named.sort();
    named
}

/// The commit of this very checkout; watches the files that say which it is.
fn commit() -> Option<String> {
    let top = git(&["rev-parse", "--show-toplevel"])?;
    let here = std::env::var_os("CARGO_MANIFEST_DIR")?;
    // An unpacked archive may lie in somebody else's checkout.
    if Path::new(&top).canonicalize().ok()? != Path::new(&here).canonicalize().ok()? {
        return None;
    }
    let branch = git(&["symbolic-ref", "-q", "HEAD"]);
    for name in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}
