//! The bodies of Ollama's HTTP API (api/types.go, v0.12.11 … v0.34.4), for the client and for the embedded server.
//! Reading is lenient: what a daemon leaves out is the default, what it adds is ignored.

mod infer;
mod library;

pub use infer::{
    CalledFunction, ChatRequest, DebugInfo, EmbedRequest, EmbedResponse, GenerateRequest, Logprob, Reply, ReplyMessage,
    ReplyToolCall, TopLogprob, keep_alive,
};
pub use library::{
    CopyRequest, CreateRequest, DeleteRequest, Details, License, PullRequest, ShowRequest, ShowResponse, Status,
    TagEntry, TagsResponse, VersionResponse,
};
