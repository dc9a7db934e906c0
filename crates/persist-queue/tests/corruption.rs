//! Damage to every bit, byte and file of a small queue. Never a panic, never a wrong item, no error
//! without end, and the queue goes on; where one record is damaged, that one is lost and no other.
#![cfg(feature = "simulation")]
// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

#[path = "corruption/bits.rs"]
mod bits;
#[path = "corruption/ends.rs"]
mod ends;
#[path = "corruption/files.rs"]
mod files;
#[path = "corruption/image.rs"]
mod image;
#[path = "corruption/in_use.rs"]
mod in_use;
#[path = "corruption/numbers.rs"]
mod numbers;
#[path = "corruption/trial.rs"]
mod trial;
