//! The program as its user runs it: a folder, arguments, an environment of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};

use serde_json::Value;

/// A user's folder; gone when dropped.
#[derive(Debug)]
pub struct Place {
    dir: tempfile::TempDir,
    env: Vec<(String, String)>,
}

impl Place {
    /// An empty folder, and no daemon anywhere.
    pub fn new() -> Self {
        // Port 9 is discard: nothing listens there.
        Self { dir: tempfile::tempdir().unwrap(), env: vec![("OLLAMA_HOST".into(), "127.0.0.1:9".into())] }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<Path>) -> Self {
        self.env.push((name.into(), value.as_ref().to_str().unwrap().into()));
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// A command of the program in this folder; its caches are in it too.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tunesmith"));
        command.args(args).current_dir(self.dir.path());
        for name in [
            "OLLAMA_MODELS",
            "TUNESMITH_CACHE",
            "XDG_CACHE_HOME",
            "HF_HOME",
            "HF_HUB_CACHE",
            "HUGGINGFACE_HUB_CACHE",
            "CI",
            "TUNESMITH_LOG",
        ] {
            command.env_remove(name);
        }
        command.env("HOME", self.dir.path()).env("NO_COLOR", "1");
        command.envs(self.env.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        command
    }

    /// As [`Self::command`], once the shell has done `setting` (`ulimit -n 8`, `umask 077`).
    pub fn command_after(&self, setting: &str, args: &[&str]) -> Command {
        let program = self.command(args);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{setting} && exec \"$0\" \"$@\"")]).arg(program.get_program());
        shell.args(program.get_args()).current_dir(self.dir.path());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell
    }

    /// Runs [`Self::command_after`].
    pub fn run_after(&self, setting: &str, args: &[&str]) -> Ended {
        Ended::of(&self.command_after(setting, args).output().unwrap())
    }

    pub fn run(&self, args: &[&str]) -> Ended {
        Ended::of(&self.command(args).output().unwrap())
    }
}

#[cfg(unix)]
fn code_of(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().or_else(|| status.signal().map(|signal| -signal)).expect("it ended by neither code nor signal")
}

#[cfg(not(unix))]
fn code_of(status: ExitStatus) -> i32 {
    status.code().expect("no exit code")
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code, or the negative number of the signal that ended it.
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ended {
    pub fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: code_of(output.status), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Ended with `code`, and says each of `words` (on stdout or stderr); never a panic.
    #[track_caller]
    pub fn says(&self, code: i32, words: &[&str]) -> &Self {
        let all = format!("{}\n{}", self.out, self.err);
        assert_eq!(self.code, code, "{all}");
        assert!(!all.contains("panicked"), "{all}");
        for word in words {
            assert!(all.contains(word), "{word:?} not in:\n{all}");
        }
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}\n{}", self.out, self.err))
    }
}

/// Temporary files and folders below `root`.
pub fn unfinished(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(".tunesmith-") || name.ends_with(".backup") {
            found.push(entry.path().display().to_string());
        } else if entry.file_type().unwrap().is_dir() {
            found.extend(unfinished(&entry.path()));
        }
    }
    found
}
