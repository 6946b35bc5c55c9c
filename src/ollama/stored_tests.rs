//! The store, made by hand in Ollama's layout.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Writes a blob; gives its layer.
fn layer(root: &Path, kind: &str, bytes: &[u8]) -> Value {
    let digest = Digest::of_bytes(bytes);
    std::fs::create_dir_all(root.join("blobs")).unwrap();
    std::fs::write(root.join("blobs").join(digest.blob_name()), bytes).unwrap();
    json!({"mediaType": format!("application/vnd.ollama.image.{kind}"), "digest": digest.to_string(), "size": bytes.len()})
}

fn write_manifest(root: &Path, path: &str, bytes: &[u8]) {
    let path = root.join("manifests").join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn manifest(root: &Path, config: &Value, layers: &[Value]) -> Vec<u8> {
    let config = layer(root, "config", config.to_string().as_bytes());
    json!({"schemaVersion": 2, "config": config, "layers": layers}).to_string().into_bytes()
}

fn whole(root: &Path) -> Vec<u8> {
    let config = json!({"model_format": "gguf", "renderer": "r1", "parser": ""});
    let layers = [
        layer(root, "model", b"GGUF weights"),
        layer(root, "adapter", b"GGUF adapter"),
        layer(root, "template", b"{{ .Prompt }}"),
        layer(root, "system", b"Be brief."),
        layer(root, "license", b"MIT"),
        layer(root, "license", b"Apache"),
        layer(root, "params", br#"{"num_ctx":512,"stop":["a","b"],"temperature":0.7,"use_mmap":true}"#),
        layer(root, "messages", br#"[{"role":"user","content":"hi"}]"#),
        layer(root, "what-comes-later", b"x"),
    ];
    manifest(root, &config, &layers)
}

const PLACE: &str = "registry.ollama.ai/library/Smol/V1";

#[test]
fn a_name_becomes_files_and_texts_whatever_its_case() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write_manifest(root, PLACE, &whole(root));
    let model = resolve(root, "smol:v1").unwrap().unwrap();
    assert_eq!(std::fs::read(&model.gguf).unwrap(), b"GGUF weights");
    assert_eq!(model.gguf_digest, Some(Digest::of_bytes(b"GGUF weights")));
    assert_eq!((model.adapters.len(), model.projectors.len()), (1, 0));
    assert_eq!((model.template.as_deref(), model.system.as_deref()), (Some("{{ .Prompt }}"), Some("Be brief.")));
    assert_eq!(model.license, ["MIT", "Apache"]);
    let parameters = [("num_ctx", "512"), ("stop", "a"), ("stop", "b"), ("temperature", "0.7"), ("use_mmap", "true")];
    assert_eq!(model.parameters, parameters.map(|(k, v)| (k.to_owned(), v.to_owned())));
    assert_eq!(model.messages, [("user".to_owned(), "hi".to_owned())]);
    assert_eq!((model.renderer.as_deref(), model.parser), (Some("r1"), None));
    assert_eq!(resolve(root, "smol").unwrap(), None);
    assert_eq!(resolve(&root.join("no"), "smol").unwrap(), None);
    assert_eq!(stored_names(root).unwrap(), ["Smol:V1"]);
    assert!(matches!(resolve(root, "../x"), Err(OllamaError::BadName { .. })));
}

#[test]
fn what_has_no_single_gguf_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let gguf = json!({"model_format": "gguf"});
    let one = || layer(root, "model", b"one");
    let mut long = one();
    long["size"] = json!(4);
    let mut gone = one();
    gone["digest"] = json!(Digest::of_bytes(b"gone").to_string());
    let mut escape = one();
    escape["digest"] = json!("sha256:../../../etc/passwd");
    for (config, layers, word) in [
        (&gguf, vec![one(), layer(root, "model", b"two")], "names 2 model files"),
        (&gguf, vec![], "names 0 model files"),
        (&gguf, vec![layer(root, "tensor", b"t")], "safetensors"),
        (&json!({"model_format": "safetensors"}), vec![one()], "safetensors"),
        (&json!({"remote_host": "https://ollama.com"}), vec![one()], "runs at"),
        (&gguf, vec![long], "3 bytes where its manifest says 4"),
        (&gguf, vec![gone], "reading"),
        (&gguf, vec![escape], "no SHA-256"),
        (&gguf, vec![one(), layer(root, "template", b"\xff")], "UTF-8"),
        (&gguf, vec![one(), layer(root, "params", b"[1]")], "can't be read"),
        (&gguf, vec![one(), layer(root, "license", &vec![b'x'; (4 << 20) + 1])], "larger"),
    ] {
        write_manifest(root, PLACE, &manifest(root, config, &layers));
        let e = resolve(root, "Smol:V1").unwrap_err().to_string();
        assert!(e.contains(word), "{word}: {e}");
    }
    write_manifest(root, PLACE, &vec![b' '; (8 << 20) + 1]);
    assert!(resolve(root, "smol:v1").unwrap_err().to_string().contains("larger"));
}

#[test]
fn roots_are_those_that_exist() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    let service = Path::new("/usr/share/ollama/.ollama/models");
    let without_service =
        |roots: Vec<std::path::PathBuf>| roots.into_iter().filter(|r| r != service).collect::<Vec<_>>();
    assert!(without_service(store_roots(None, Some(home))).is_empty());
    let own = home.join(".ollama/models");
    std::fs::create_dir_all(own.join("manifests")).unwrap();
    assert_eq!(without_service(store_roots(None, Some(home))), std::slice::from_ref(&own));
    assert_eq!(store_roots(Some(&format!(" \"{}\" ", own.display())), None), [own]);
    assert!(store_roots(Some("/nowhere/at/all"), Some(home)).is_empty(), "where OLLAMA_MODELS is set, it alone counts");
}

proptest! {

    #[test]
    fn mutated_manifests_never_panic(at in 0usize..3000, bytes in proptest::collection::vec(any::<u8>(), 0..16)) {
        let dir = tempfile::tempdir().unwrap();
        let mut manifest = whole(dir.path());
        let at = at % manifest.len();
        let end = (at + bytes.len()).min(manifest.len());
        manifest.splice(at..end, bytes);
        write_manifest(dir.path(), PLACE, &manifest);
        let _ = resolve(dir.path(), "smol:v1");
    }

    #[test]
    fn any_text_is_a_name_or_an_error(text in "\\PC{0,40}", host in "[a-z/:.@0-9-]{0,40}") {
        for text in [text, host] {
            if let Ok(name) = ModelName::parse(&text) {
                prop_assert_eq!(ModelName::parse(&name.to_string()).unwrap(), name);
            }
            let _ = Host::parse(&text);
        }
    }
}
