//! `persistq`, as it is called from a shell.

#![expect(
    clippy::unwrap_used,
    reason = "a test may panic; the lint does not see that its helpers are one"
)]

mod anywhere;
mod bench;
mod copy;
mod docs;
mod get;
mod look;
mod mysql;
mod nats;
mod postgres;
mod put;
mod settle;
mod shell;
mod stream;
mod top;
mod watch;
