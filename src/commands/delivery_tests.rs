//! The lock on an output name.

use super::*;
use crate::commands::report::reported;
use crate::ollama::Host;
use crate::store::Interrupt;

fn client(host: &str) -> Client {
    Client::new(Host::parse(host).unwrap(), Interrupt::default()).unwrap()
}

#[test]
fn one_run_at_a_time_names_a_model_however_its_name_is_written() {
    let cache = tempfile::tempdir().unwrap();
    reported(|context| {
        context.env.tunesmith.insert("CACHE".to_owned(), cache.path().display().to_string());
        let here = client("127.0.0.1:9");
        let held = lock_name(context, &here, "x").unwrap();
        // Whoever has to wait gives up at once, and says so.
        context.interrupt.raise();
        for same in ["x", "X:Latest", "library/x", "registry.ollama.ai/library/x:latest"] {
            let waits = lock_name(context, &here, same).unwrap_err();
            assert_eq!(waits.kind, Kind::Interrupted, "{same}: {waits}");
        }
        for other in ["y", "x:v2", "mine/x"] {
            lock_name(context, &here, other).unwrap();
        }
        lock_name(context, &client("127.0.0.1:10"), "x").unwrap();
        drop(held);
        lock_name(context, &here, "X:Latest").unwrap();
    });
}
