//! What every command is given: the environment, the daemon's address, the interrupt, and the reporter.

use std::path::{Path, PathBuf};

use super::Failure;
use crate::base::{Base, Resolver, ServedOtherwise, Source};
use crate::chat::TemplateNote;
use crate::config::RunConfig;
use crate::events::{BasePlace, Note, Reporter, Warning};
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

/// What a base is opened for.
#[derive(Clone, Copy)]
enum BaseUse {
    /// It is trained, exported or served, or what is served is compared with it.
    Delivered,
    /// It answers here, or its tokens are counted.
    Asked,
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
            begins_digest: false,
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

    /// Says which keys of the roles mean nothing.
    pub fn warn_of_roles(&mut self, roles: Option<&ModelsYaml>) {
        for unknown in roles.iter().flat_map(|roles| &roles.unknown_keys) {
            let (key, nearest) = (unknown.key.clone(), unknown.nearest.clone());
            self.report.warn(Warning::UnknownRoleKey { key, nearest });
        }
    }

    /// Path · role · model in the store · Hugging Face id · shortcut; says what it found, and whose template counts.
    pub fn open_base(&mut self, name: &str) -> Result<Base, Failure> {
        let resolver = self.resolver();
        self.opened(name, resolver, BaseUse::Delivered)
    }

    /// As [`Self::open_base`], for what only asks it or reads with its tokens: how its prompt differs from the one that
    /// Ollama makes concerns nothing that is served.
    pub fn open_base_to_ask(&mut self, name: &str) -> Result<Base, Failure> {
        let resolver = self.resolver();
        self.opened(name, resolver, BaseUse::Asked)
    }

    /// As [`Self::open_base`], for what is trained: the digest of its weights, which adapters record, is computed meanwhile.
    pub fn open_base_to_train(&mut self, name: &str) -> Result<Base, Failure> {
        let resolver = Resolver { begins_digest: true, ..self.resolver() };
        self.opened(name, resolver, BaseUse::Delivered)
    }

    fn opened(&mut self, name: &str, mut resolver: Resolver, base_use: BaseUse) -> Result<Base, Failure> {
        let named = self.role_model(name)?.unwrap_or_else(|| name.to_owned());
        let served = self.served(resolver.to_pull(&named).unwrap_or(&named))?;
        resolver.store_roots.splice(0..0, served.as_deref().and_then(store_of));
        if let Some(package) = resolver.to_fetch(&named) {
            let (package, package_version) = (package.pip.to_owned(), package.version.to_owned());
            self.report.note(Note::BaseFetched { base: named.clone(), package, package_version });
        }
        let base = resolver.open(&named)?;
        if let [example, ..] = base.tokenizer.beyond_embedding() {
            let (tokens, rows) = (base.tokenizer.beyond_embedding().len(), base.weights.config().vocab);
            self.report.note(Note::TokensWithoutRow { tokens, example: example.clone(), rows });
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
        self.report_base(name, named, &base);
        self.report_other_template(&base, base_use);
        Ok(base)
    }

    /// Says where a base was found that was named `name`, as a role or as the `model` itself, and whose template counts.
    fn report_base(&mut self, name: &str, model: String, base: &Base) {
        let place = match &base.source {
            Source::HfFolder(path) if base.hub_id.is_some() => BasePlace::HubCache { path: path.clone() },
            Source::HfFolder(path) => BasePlace::Folder { path: path.clone() },
            Source::GgufFile(path) => BasePlace::File { path: path.clone() },
            Source::Ollama { name, .. } => {
                BasePlace::OllamaStore { model: name.clone(), digest: base.weights_digest().short() }
            }
        };
        let in_store = matches!(place, BasePlace::OllamaStore { .. });
        let hub_id = (in_store && crate::base::is_hub_id(&model) && base.name != model).then(|| model.clone());
        let role = (model != name).then(|| name.to_owned());
        self.report.note(Note::Base { role, model, hub_id, place });
        for note in base.template.notes() {
            self.report.note(match note {
                TemplateNote::OwnDate => Note::TemplateDateFixed { date: None },
                TemplateNote::FixedDate(day) => Note::TemplateDateFixed { date: Some(day.to_string()) },
                TemplateNote::NoSystem => Note::TemplateWithoutSystem {},
                TemplateNote::NoEndOfTurn => Note::TemplateWithoutEnd {},
                TemplateNote::WritesMore(day) => Note::TemplateWritesMore { date: day.to_string() },
            });
        }
    }

    fn report_other_template(&mut self, base: &Base, base_use: BaseUse) {
        if let Some(other) = base.served_otherwise() {
            self.report.note(match (other, base_use) {
                (_, BaseUse::Asked) => Note::AskedByOwnTemplate {},
                (ServedOtherwise::Renderer(renderer), _) => Note::RendererNotCompared { renderer },
                (ServedOtherwise::Differs(fault), _) => Note::TemplateDiffers { reason: fault.to_string() },
            });
        }
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
pub(super) fn store_of(blob: &Path) -> Option<PathBuf> {
    let root = blob.parent()?.parent()?;
    root.join("manifests").is_dir().then(|| root.to_path_buf())
}
