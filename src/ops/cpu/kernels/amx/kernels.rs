//! The innermost loops: two units of rows by two halves of a panel's columns, by the parts of B.

use std::arch::asm;

/// An instruction, or some, of a kernel: tiles 0–3 are C, 4 and 5 A, 6 and 7 B; one or two units of rows (r) by one or two
/// halves of columns (h). `pa`, `pl`, `pb` ask for the next depth's lines of A, its lower unit and B.
#[rustfmt::skip]
macro_rules! step {
    (a0 $r:tt $h:tt) => { step!(@a $r "0") };
    (a1 $r:tt $h:tt) => { step!(@a $r "1024") };
    (a2 $r:tt $h:tt) => { step!(@a $r "2048") };
    (b0 $r:tt $h:tt) => { step!(@b $h "0" "1024") };
    (b1 $r:tt $h:tt) => { step!(@b $h "2048" "3072") };
    (b2 $r:tt $h:tt) => { step!(@b $h "4096" "5120") };
    (@a 1 $at:literal) => { concat!("tileloadd tmm4, [{a} + {s}*1 + ", $at, "]") };
    (@a 2 $at:literal) => { concat!(
        "tileloadd tmm4, [{a} + {s}*1 + ", $at, "]\n", "tileloadd tmm5, [{below} + {s}*1 + ", $at, "]") };
    (@b 1 $at:literal $next:literal) => { concat!("tileloadd tmm6, [{b} + {s}*1 + ", $at, "]") };
    (@b 2 $at:literal $next:literal) => { concat!(
        "tileloadd tmm6, [{b} + {s}*1 + ", $at, "]\n", "tileloadd tmm7, [{b} + {s}*1 + ", $next, "]") };
    (dot 1 1) => { "tdpbf16ps tmm0, tmm4, tmm6" };
    (dot 1 2) => { "tdpbf16ps tmm0, tmm4, tmm6\ntdpbf16ps tmm1, tmm4, tmm7" };
    (dot 2 1) => { "tdpbf16ps tmm0, tmm4, tmm6\ntdpbf16ps tmm2, tmm5, tmm6" };
    (dot 2 2) => {
        "tdpbf16ps tmm0, tmm4, tmm6\ntdpbf16ps tmm1, tmm4, tmm7\ntdpbf16ps tmm2, tmm5, tmm6\ntdpbf16ps tmm3, tmm5, tmm7"
    };
    (pa0 $r:tt $h:tt) => { step!(@p "{a} + 3072") };
    (pa1 $r:tt $h:tt) => { step!(@p "{a} + 4096") };
    (pa2 $r:tt $h:tt) => { step!(@p "{a} + 5120") };
    (pl0 $r:tt $h:tt) => { step!(@p "{below} + 3072") };
    (pl1 $r:tt $h:tt) => { step!(@p "{below} + 4096") };
    (pl2 $r:tt $h:tt) => { step!(@p "{below} + 5120") };
    (pb0 $r:tt $h:tt) => { step!(@p "{b} + {next}") };
    (pb1 $r:tt $h:tt) => { step!(@p "{b} + {next} + 1024") };
    (pb2 $r:tt $h:tt) => { step!(@p "{b} + {next} + 2048") };
    (pb3 $r:tt $h:tt) => { step!(@p "{b} + {next} + 3072") };
    (pb4 $r:tt $h:tt) => { step!(@p "{b} + {next} + 4096") };
    (pb5 $r:tt $h:tt) => { step!(@p "{b} + {next} + 5120") };
    (@p $from:literal) => { concat!(
        ".irp at, 0, 64, 128, 192, 256, 320, 384, 448, 512, 576, 640, 704, 768, 832, 896, 960\n",
        "prefetcht0 [", $from, " + \\at]\n.endr") };
}

/// C += a·b for two units of rows (`below` the second) and all of a panel, `depths` tiles deep.
macro_rules! kernel {
    ($name:ident, $next:literal, $r:tt, $h:tt, [$($step:ident)*]) => {
        unsafe fn $name(a: *const f32, below: *const f32, b: *const f32, depths: usize) {
            // SAFETY: by the contract of `panel`: configured tiles, whole packed rows and columns.
            unsafe {
                asm!(
                    "2:",
                    $(step!($step $r $h),)*
                    "add {a}, 3072",
                    "add {below}, 3072",
                    "add {b}, {next}",
                    "dec {n}",
                    "jnz 2b",
                    a = inout(reg) a => _,
                    below = inout(reg) below => _,
                    b = inout(reg) b => _,
                    n = inout(reg) depths => _,
                    s = in(reg) 64_usize,
                    next = const $next,
                    options(nostack, readonly),
                );
            }
        }
    };
}

/// For each shape one; the products stand in an order that changes one operand at a time.
macro_rules! kernels {
    ($name:ident, $next:literal, $steps:tt) => {
        pub(super) mod $name {
            use super::*;
            kernel!(two_by_two, $next, 2, 2, $steps);
            kernel!(two_by_one, $next, 2, 1, $steps);
            kernel!(one_by_two, $next, 1, 2, $steps);
            kernel!(one_by_one, $next, 1, 1, $steps);

            pub(crate) fn of(tall: bool, wide: bool) -> Inner {
                match (tall, wide) {
                    (true, true) => two_by_two,
                    (true, false) => two_by_one,
                    (false, true) => one_by_two,
                    (false, false) => one_by_one,
                }
            }
        }
    };
}
/// (rows of A, the unit below, columns of B, tiles of depth).
pub(super) type Inner = unsafe fn(*const f32, *const f32, *const f32, usize);
kernels!(three, 6144, [a0 b0 dot pb0 pa0  b2 dot pb1 pl0  b1 dot pb2 pa1  a1 dot pb3 pl1  b0 dot pb4 pa2  a2 dot pb5 pl2]);
kernels!(two, 4096, [a0 b0 dot pb0 pa0  b1 dot pb1 pl0  a1 dot pb2 pa1 pl1  b0 dot pb3 pa2  a2 dot pl2]);
// In bf16: of A, too, the first part alone.
kernels!(bare, 2048, [a0 b0 dot pb0 pb1 pa0 pl0]);
kernels!(one, 2048, [a0 b0 dot pb0 pa0 pl0  a1 dot pb1 pa1 pl1  a2 dot pa2 pl2]);
