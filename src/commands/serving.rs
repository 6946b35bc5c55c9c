//! The embedded server, and the untuned base under a name of a daemon.

use std::path::{Path, PathBuf};

use super::{Context, Failure, delivery};
use crate::base::{Base, Source};
use crate::events::Note;
use crate::ollama::Client;
use crate::serve::Server;

/// The embedded server on a free loopback port; the context's daemon from now on.
pub fn embedded(context: &mut Context<'_>, store: &Path) -> Result<Server, Failure> {
    let server = Server::start(store, ([127, 0, 0, 1], 0).into())?;
    context.ollama_host = Some(server.address().to_string());
    context.report.note(Note::EmbeddedServer { address: server.address().to_string() });
    Ok(server)
}

/// `tunesmith serve`: until Ctrl-C.
pub fn serve(context: &mut Context<'_>, port: u16, store: &Path) -> Result<(), Failure> {
    let server = Server::start(store, ([127, 0, 0, 1], port).into())?;
    context.report.note(Note::Serving { address: server.address().to_string(), store: store.to_path_buf() });
    while !context.interrupt.raised() {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    drop(server);
    Ok(())
}

/// The name under which the daemon serves this very base: its own, else `name`, registered now if need be.
pub fn untuned(context: &mut Context<'_>, client: &Client, base: &Base, name: &str) -> Result<String, Failure> {
    let path: PathBuf = match &base.source {
        Source::Ollama { name, .. } if client.show(name)?.is_some() => return Ok(name.clone()),
        Source::Ollama { gguf, .. } => gguf.clone(),
        Source::GgufFile(path) => path.clone(),
        Source::HfFolder(path) => {
            return Err(Failure::input(format!(
                "{}: the base is registered with the daemon; give a GGUF file of it",
                path.display()
            )));
        }
    };
    // A daemon may rewrite the file (0.30 to 0.34.0 do): then its tensors are compared.
    if let Some(show) = client.show(name)? {
        if show.from.ends_with(&base.weights_digest().blob_name()) || same_tensors(&path, Path::new(&show.from)) {
            return Ok(name.to_owned());
        }
        return Err(Failure::input(format!("the daemon has another model as {name} than the base {}", base.name))
            .hint(format!("if it is of no use any more: `ollama rm {name}`")));
    }
    let options = delivery::DeliveryOptions {
        from: path,
        adapter: None,
        system: None,
        num_ctx: Some(2048),
        trained_len: None,
        lineage: delivery::lineage(base),
        user_template: None,
    };
    let text = delivery::modelfile(base, &options)?;
    delivery::register(context, client, &text, Path::new(""), name)?;
    Ok(name.to_owned())
}

/// Whether two files hold the same tensors, byte for byte; false where one can't be read.
fn same_tensors(ours: &Path, theirs: &Path) -> bool {
    let (Ok(ours), Ok(theirs)) = (crate::gguf::Gguf::open(ours), crate::gguf::Gguf::open(theirs)) else { return false };
    ours.tensors().len() == theirs.tensors().len()
        && ours
            .tensors()
            .iter()
            .all(|t| theirs.tensor(&t.name).is_some_and(|o| o.ty == t.ty && theirs.bytes(o) == ours.bytes(t)))
}
