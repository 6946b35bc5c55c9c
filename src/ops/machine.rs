//! What the machine has: features of the CPU, free memory.

/// The vector features that kernels choose by.
pub fn cpu_features() -> String {
    #[cfg(target_arch = "x86_64")]
    {
        let all = [
            ("avx2", std::arch::is_x86_feature_detected!("avx2")),
            ("fma", std::arch::is_x86_feature_detected!("fma")),
            ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
            ("avx512vnni", std::arch::is_x86_feature_detected!("avx512vnni")),
            ("avx512bf16", std::arch::is_x86_feature_detected!("avx512bf16")),
            ("amx-bf16", crate::ops::cpu::tiles()),
        ];
        let found: Vec<_> = all.iter().filter(|(_, has)| *has).map(|(name, _)| *name).collect();
        if found.is_empty() { "x86-64 without AVX2".to_owned() } else { found.join(" ") }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        format!("{}, portable kernels", std::env::consts::ARCH)
    }
}

/// Bytes a new allocation may take (Linux: MemAvailable); None where the system does not say.
pub fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()?.checked_mul(1024)
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
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix(field))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn linux_says_the_peak() {
        let held = vec![1u8; 64 << 20];
        assert!(super::peak_memory().unwrap() > held.len() as u64);
        let (all, own) = super::held_memory().unwrap();
        assert!(all > own && own > std::hint::black_box(held).len() as u64);
    }
}
