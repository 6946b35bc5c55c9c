//! Files that somebody cuts or extends while they are mapped.

use super::*;

fn set_length(file: &Path, bytes: u64) {
    std::fs::File::options().write(true).open(file).unwrap().set_len(bytes).unwrap();
}

#[test]
fn a_file_that_was_cut_or_extended_since_it_was_opened_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let gguf = dir.path().join("m.gguf");
    let c = config(&families()[0], true);
    let (metadata, tensors) = planned(&c);
    let folder = folder_of(&hf_json(&c), &tensors_of(&c));
    let opened = [
        (Weights::from_gguf(gguf_of(&metadata, &tensors, &gguf)).unwrap(), gguf),
        (Weights::from_hf(folder.path()).unwrap(), folder.path().join("model.safetensors")),
    ];
    for (weights, file) in opened {
        let whole = std::fs::metadata(&file).unwrap().len();
        weights.check_length().unwrap();
        for bytes in [whole - 1, whole + 1, whole / 2, 0] {
            set_length(&file, bytes);
            let e = weights.check_length().unwrap_err();
            assert!(matches!(&e, WeightsError::Changed { path } if *path == file), "{bytes} bytes: {e}");
        }
        set_length(&file, whole);
        weights.check_length().unwrap();
    }
}
