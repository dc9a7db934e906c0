//! Random programs against the oracle: on the real disk with several objects and threads, and on a
//! simulated one where the process dies, the disk refuses, the power goes or somebody does damage.
#![cfg(feature = "simulation")]
// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

#[path = "model/damage.rs"]
mod damage;
#[path = "model/lives.rs"]
mod lives;
#[path = "model/objects.rs"]
mod objects;
#[path = "model/programs.rs"]
mod programs;
#[path = "model/trouble.rs"]
mod trouble;
