//! Queues on a PostgreSQL server: see `servers.rs`.
#![allow(clippy::duplicate_mod, reason = "one text of the tests for all makes of server")]

// The tests of the queues themselves use more of it.
#[path = "../../../persist-queue/tests/support/postgres.rs"]
pub(crate) mod server;
#[path = "servers.rs"]
mod servers;
