//! Times the file queue, in the current folder.
//!
//! ```text
//! cargo run --release -p persist-queue-bench            the calls, beside one plain write call of the same bytes
//! cargo run --release -p persist-queue-bench -- size    items of 16 bytes to 16 MB
//! cargo run --release -p persist-queue-bench -- streams threads that put while others take
//! cargo run --release -p persist-queue-bench -- depth   a thousand to ten million waiting items; takes 2 GB of disk
//! ```
#![allow(clippy::print_stdout, reason = "it prints its results")]
#![allow(clippy::unwrap_used, reason = "without a disk there is nothing to measure")]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "what is counted is small"
)]

mod calls;
mod depth;
mod measure;
mod size;
mod streams;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("depth") => depth::depths(),
        Some("size") => size::sizes(),
        Some("streams") => streams::streams(),
        _ => calls::calls(),
    }
}
