//! What is checked of each fuzzed input: never a panic, never a hang, never wrong data. Each module's
//! `check` is a target of cargo-fuzz (`./dev fuzz`); `crates/persist-queue/tests/fuzz_corpus.rs` runs
//! the same functions over the kept inputs.

pub mod codec;
pub mod control;
mod folder;
mod frames;
pub mod legacy;
pub mod record;
pub mod segment;
pub mod url;
