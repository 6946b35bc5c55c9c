//! The CPU's features, in words.

/// The vector features that kernels choose by. (Every CPU with AVX2 has F16C, and every one with AVX-512 and VNNI its BW, DQ and
/// VL.)
pub fn cpu_features() -> String {
    #[cfg(target_arch = "x86_64")]
    {
        let all = [
            ("avx2", std::arch::is_x86_feature_detected!("avx2")),
            ("fma", std::arch::is_x86_feature_detected!("fma")),
            ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
            ("avx512vnni", std::arch::is_x86_feature_detected!("avx512vnni")),
            ("avxvnni", std::arch::is_x86_feature_detected!("avxvnni")),
            ("avx512bf16", std::arch::is_x86_feature_detected!("avx512bf16")),
            ("amx-bf16", crate::ops::cpu::gemm::tiles()),
        ];
        let found: Vec<_> = all.iter().filter(|(_, has)| *has).map(|(name, _)| *name).collect();
        if found.is_empty() { "x86-64 without AVX2".to_owned() } else { found.join(" ") }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        format!("{}, portable kernels", std::env::consts::ARCH)
    }
}
