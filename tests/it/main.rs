mod chat;
mod data;
