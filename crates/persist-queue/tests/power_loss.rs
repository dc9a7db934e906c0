//! A machine that loses its power at any moment, at each level of durability, and syncs that fail.
#![cfg(feature = "simulation")]
// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

#[path = "power_loss/at_disk.rs"]
mod at_disk;
#[path = "power_loss/flushed.rs"]
mod flushed;
#[path = "power_loss/moments.rs"]
mod moments;
#[path = "power_loss/shared.rs"]
mod shared;
#[path = "power_loss/states.rs"]
mod states;
#[path = "power_loss/threads.rs"]
mod threads;
#[path = "power_loss/unflushed.rs"]
mod unflushed;
#[path = "power_loss/weaker.rs"]
mod weaker;
