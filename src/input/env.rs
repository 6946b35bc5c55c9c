//! The only reader of environment variables.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What the environment says; empty values count as unset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Env {
    pub ollama_host: Option<String>,
    pub ollama_models: Option<String>,
    pub home: Option<PathBuf>,
    pub xdg_cache_home: Option<PathBuf>,
    /// `HF_HUB_CACHE`, else `HUGGINGFACE_HUB_CACHE`, else `$HF_HOME/hub`.
    pub hf_hub_cache: Option<PathBuf>,
    /// `NO_COLOR` is set to anything but nothing (no-color.org).
    pub no_color: bool,
    /// `CI` is set and is not `false`.
    pub ci: bool,
    pub user: Option<String>,
    /// The locale's characters are UTF-8 (`LC_ALL`, else `LC_CTYPE`, else `LANG`); on Windows always.
    pub utf8: bool,
    /// `TUNESMITH_<NAME>`, by `<NAME>`.
    pub tunesmith: BTreeMap<String, String>,
}

impl Env {
    pub fn read() -> Self {
        Self::from_vars(std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))))
    }

    /// From pairs (for tests: no test changes the process's own environment).
    pub fn from_vars(vars: impl IntoIterator<Item = (String, String)>) -> Self {
        let vars: BTreeMap<_, _> = vars.into_iter().filter(|(_, v)| !v.trim().is_empty()).collect();
        let get = |name: &str| vars.get(name).cloned();
        Self {
            ollama_host: get("OLLAMA_HOST"),
            ollama_models: get("OLLAMA_MODELS"),
            home: get("HOME").or_else(|| get("USERPROFILE")).map(PathBuf::from),
            xdg_cache_home: get("XDG_CACHE_HOME").map(PathBuf::from).filter(|p| p.is_absolute()),
            hf_hub_cache: get("HF_HUB_CACHE")
                .or_else(|| get("HUGGINGFACE_HUB_CACHE"))
                .map(PathBuf::from)
                .or_else(|| get("HF_HOME").map(|home| PathBuf::from(home).join("hub"))),
            no_color: vars.contains_key("NO_COLOR"),
            ci: get("CI").is_some_and(|v| v != "false" && v != "0"),
            user: get("USER").or_else(|| get("USERNAME")),
            utf8: cfg!(windows)
                || ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| vars.get(*name)).is_some_and(|v| {
                    let v = v.to_lowercase();
                    v.contains("utf-8") || v.contains("utf8")
                }),
            tunesmith: vars
                .iter()
                .filter_map(|(k, v)| Some((k.strip_prefix("TUNESMITH_")?.to_owned(), v.clone())))
                .collect(),
        }
    }

    /// The Hugging Face hub's cache, where the libraries of the hub have it.
    pub fn hub_cache(&self) -> Option<PathBuf> {
        let cache = self.xdg_cache_home.clone().or_else(|| Some(self.home.as_ref()?.join(".cache")));
        self.hf_hub_cache.clone().or_else(|| Some(cache?.join("huggingface/hub")))
    }

    /// `TUNESMITH_CACHE`, else `$XDG_CACHE_HOME/tunesmith`, else `~/.cache/tunesmith`, else a folder of the working folder.
    pub fn cache_dir(&self) -> PathBuf {
        if let Some(dir) = self.tunesmith.get("CACHE") {
            return PathBuf::from(dir);
        }
        match (&self.xdg_cache_home, &self.home) {
            (Some(xdg), _) => xdg.join("tunesmith"),
            (None, Some(home)) => home.join(".cache/tunesmith"),
            (None, None) => PathBuf::from(".tunesmith/cache"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Env {
        Env::from_vars(pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())))
    }

    #[test]
    fn empty_is_unset_and_the_cache_has_an_order() {
        assert!(!env(&[("NO_COLOR", "")]).no_color);
        assert!(env(&[("NO_COLOR", "1")]).no_color);
        assert!(!env(&[("CI", "false")]).ci);
        assert!(env(&[("LANG", "de_CH.UTF-8")]).utf8 && env(&[("LC_CTYPE", "C.utf8"), ("LANG", "C")]).utf8);
        #[cfg(not(windows))]
        assert!(!env(&[("LC_ALL", "C"), ("LANG", "C.UTF-8")]).utf8 && !env(&[]).utf8);
        assert_eq!(env(&[("HOME", "/h")]).cache_dir(), PathBuf::from("/h/.cache/tunesmith"));
        assert_eq!(env(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]).cache_dir(), PathBuf::from("/x/tunesmith"));
        let own = env(&[("HOME", "/h"), ("TUNESMITH_CACHE", "/t")]);
        assert_eq!(own.cache_dir(), PathBuf::from("/t"));
        assert_eq!(own.tunesmith["CACHE"], "/t");
    }
}
