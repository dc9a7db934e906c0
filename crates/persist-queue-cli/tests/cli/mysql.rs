//! Queues on a MySQL server: see `servers.rs`.
#![allow(clippy::duplicate_mod, reason = "one text of the tests for all makes of server")]

// The tests of the queues themselves use more of it.
#[path = "../../../persist-queue/tests/support/mysql.rs"]
pub(crate) mod server;
#[path = "servers.rs"]
mod servers;
