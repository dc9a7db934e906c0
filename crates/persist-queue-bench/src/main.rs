//! Times the file queue, in the current folder.
//!
//! ```text
//! cargo run --release -p persist-queue-bench            the calls, beside one plain write call of the same bytes
//! cargo run --release -p persist-queue-bench -- size    items of 16 bytes to 16 MB
//! cargo run --release -p persist-queue-bench -- streams threads that put while others take
//! cargo run --release -p persist-queue-bench -- locks   processes that share a queue
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
mod locks;
mod measure;
mod size;
mod streams;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["depth"] => depth::depths(),
        ["size"] => size::sizes(),
        ["streams"] => streams::streams(),
        ["locks"] => locks::locks(),
        ["other", work, dir] => locks::other(work, dir),
        _ => calls::calls(),
    }
}
