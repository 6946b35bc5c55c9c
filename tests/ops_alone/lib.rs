//! `ops` and what it uses, without the rest of the program.
#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test may panic"))]

#[path = "../../src/machine.rs"]
pub mod machine;
#[path = "../../src/ops/mod.rs"]
#[cfg_attr(test, expect(dead_code, reason = "what only the decoder's tests call"))]
pub mod ops;
