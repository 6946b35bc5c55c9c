//! The memory that the machine has free, and what this process holds of it.

use std::path::{Component, Path};

/// Bytes a new allocation may take: what the machine has free (Linux: MemAvailable), or what a container's limit leaves,
/// where that is less; None where the system does not say.
pub fn available_memory() -> Option<u64> {
    available_under(Path::new("/proc"), Path::new("/sys/fs/cgroup"))
}

fn available_under(proc: &Path, cgroups: &Path) -> Option<u64> {
    let free = kib(&proc.join("meminfo"), "MemAvailable:");
    let groups = std::fs::read_to_string(proc.join("self/cgroup")).unwrap_or_default();
    free.into_iter().chain(groups.lines().filter_map(|line| left_of_group(line, cgroups))).min()
}

/// What a group's limit is called, what it holds, and what of that are files' pages, which the kernel takes back first:
/// a mapped base's, as MemAvailable counts them too.
const VERSION_2: [&str; 4] = ["memory.max", "memory.current", "inactive_file ", "active_file "];
const VERSION_1: [&str; 4] =
    ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ", "total_active_file "];

/// The least that is left in a group of /proc/self/cgroup (`id:controllers:path`; version 2 names no controllers) and in
/// those above it. In a container the path may be the host's, which is not there: the root is, and holds the limit.
fn left_of_group(line: &str, cgroups: &Path) -> Option<u64> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, path) = (fields.next()?, fields.next()?);
    let (root, names) = match controllers {
        "" => (cgroups.to_path_buf(), VERSION_2),
        named if named.split(',').any(|c| c == "memory") => (cgroups.join("memory"), VERSION_1),
        _ => return None,
    };
    // A path with `..` leads out of what is mounted here.
    let path = Path::new(path.trim_start_matches('/'));
    let inside = path.components().all(|c| matches!(c, Component::Normal(_)));
    let path = if inside { path } else { Path::new("") };
    path.ancestors().filter_map(|group| left_in(&root.join(group), names)).min()
}

fn left_in(group: &Path, [limit, used, inactive, active]: [&str; 4]) -> Option<u64> {
    // No limit is the word `max`.
    let number = |name| std::fs::read_to_string(group.join(name)).ok()?.trim().parse::<u64>().ok();
    let (limit, used) = (number(limit)?, number(used)?);
    let stat = std::fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    let files = |key| stat.lines().find_map(|l| l.strip_prefix(key)?.trim().parse::<u64>().ok()).unwrap_or(0);
    Some(limit.saturating_sub(used.saturating_sub(files(inactive).saturating_add(files(active)))))
}

/// What this process holds (Linux: VmRSS), and how much of it without the files it maps (RssAnon); None where the system
/// does not tell.
pub fn held_memory() -> Option<(u64, u64)> {
    Some((status("VmRSS:")?, status("RssAnon:")?))
}

/// The most memory this process has held (Linux: VmHWM); None where the system does not say.
pub fn peak_memory() -> Option<u64> {
    status("VmHWM:")
}

fn status(field: &str) -> Option<u64> {
    kib(Path::new("/proc/self/status"), field)
}

/// The bytes of a line `field  N kB`.
fn kib(file: &Path, field: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix(field))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1000 KiB are free on the machine; what the files of a cgroup tree leave of them.
    fn available(cgroup: &str, files: &[(&str, &str)]) -> Option<u64> {
        let dir = tempfile::tempdir().unwrap();
        let (proc, cgroups) = (dir.path().join("proc"), dir.path().join("cgroup"));
        let write = |path: std::path::PathBuf, text: &str| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(proc.join("meminfo"), "MemTotal: 4000 kB\nMemAvailable:    1000 kB\n");
        write(proc.join("self/cgroup"), cgroup);
        // Beside the tree: a path that leads out of it finds this.
        write(dir.path().join("memory.max"), "1\n");
        write(dir.path().join("memory.current"), "0\n");
        files.iter().for_each(|(name, text)| write(cgroups.join(name), text));
        available_under(&proc, &cgroups)
    }

    #[test]
    fn the_least_that_a_cgroup_or_one_above_it_leaves_is_what_is_available() {
        let free = Some(1000 << 10);
        assert_eq!(available("", &[]), free);
        let own = [("a/b/memory.max", "max\n"), ("a/b/memory.current", "5\n")];
        let above = [("a/memory.max", "90000\n"), ("a/memory.current", "50000\n")];
        assert_eq!(available("0::/a/b\n", &own), free);
        assert_eq!(available("0::/a/b\n", &[own, above].concat()), Some(40_000));
        // Pages of files are given back; not more than is used.
        let stat = |text| [&above[..], &[("a/memory.stat", text)]].concat();
        let files = "anon 7\nfile 30000\ninactive_file 20000\nactive_file 10000\n";
        assert_eq!(available("0::/a/b\n", &stat(files)), Some(70_000));
        assert_eq!(available("0::/a/b\n", &stat("inactive_file 60000\n")), Some(90_000));
        // A limit above what the machine has.
        assert_eq!(available("0::/a\n", &[("a/memory.max", "9000000"), ("a/memory.current", "1")]), free);
        // More is used than was allowed.
        assert_eq!(available("0::/a\n", &[("a/memory.max", "1000"), ("a/memory.current", "2000")]), Some(0));
    }

    #[test]
    fn a_container_that_sees_only_its_own_cgroup_finds_the_limit_at_the_root() {
        let root = [("memory.max", "90000\n"), ("memory.current", "50000\n")];
        for path in ["/", "/system.slice/docker-1234.scope", "/../other"] {
            assert_eq!(available(&format!("0::{path}\n"), &root), Some(40_000), "{path}");
        }
    }

    #[test]
    fn cgroups_of_version_1_count_too() {
        let lines = "12:cpu,cpuacct:/x\n4:memory:/docker/1\n0::/y\n";
        let own = [
            ("memory/docker/1/memory.limit_in_bytes", "80000\n"),
            ("memory/docker/1/memory.usage_in_bytes", "30000\n"),
            ("memory/docker/1/memory.stat", "inactive_file 1\ntotal_inactive_file 9000\ntotal_active_file 1000\n"),
        ];
        // No limit is a large number.
        let root =
            [("memory/memory.limit_in_bytes", "9223372036854771712\n"), ("memory/memory.usage_in_bytes", "70000\n")];
        assert_eq!(available(lines, &[&own[..], &root].concat()), Some(60_000));
        assert_eq!(available(lines, &root), Some(1000 << 10));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn linux_says_the_peak() {
        let held = vec![1u8; 64 << 20];
        assert!(super::peak_memory().unwrap() > held.len() as u64);
        let (all, own) = super::held_memory().unwrap();
        assert!(all > own && own > std::hint::black_box(held).len() as u64);
    }
}
