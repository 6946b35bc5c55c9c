//! Topics that ask a real daemon. Its threads spin, so on few cores these run one at a time, and the other topics beside
//! them at the lowest priority (`scripts/test`).

mod chat_go;
mod conformance;
mod deliveries;
mod documents_asked;
mod earlier_tool;
mod families;
mod faults;
mod gate;
mod pipeline;
mod pipeline_qwen;
pub mod qwen;
mod thinking;
