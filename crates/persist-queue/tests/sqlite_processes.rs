//! Several processes on one database: real ones, started and killed.
//!
//! The processes are this test binary again, with only the test `child`. What is measured is printed
//! with `--nocapture`. `PERSIST_QUEUE_KILL_ROUNDS` says how many processes a kill test kills (25 by
//! default), `PERSIST_QUEUE_ROWS` how many rows are drained (4,000 by default).

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "sqlite_processes/actor.rs"]
mod actor;
#[path = "sqlite_processes/kill.rs"]
mod kill;
#[path = "processes/measure.rs"]
mod measure;
#[path = "sqlite_processes/sharing.rs"]
mod sharing;
#[path = "support/this_program.rs"]
mod this_program;
#[path = "sqlite_processes/transaction.rs"]
mod transaction;

/// What a child process does. In the test binary itself there is nothing to do.
#[test]
fn child() {
    actor::perform();
}

/// A number from the environment.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}
