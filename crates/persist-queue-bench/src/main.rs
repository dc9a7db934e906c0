//! Times the file queue, in the current folder.
//!
//! ```text
//! cargo run --release -p persist-queue-bench            the calls, beside one plain write call of the same bytes
//! cargo run --release -p persist-queue-bench -- size    items of 16 bytes to 16 MB
//! cargo run --release -p persist-queue-bench -- streams threads that put while others take
//! cargo run --release -p persist-queue-bench -- locks   processes that share a queue
//! cargo run --release -p persist-queue-bench -- depth   a thousand to ten million waiting items; takes 2 GB of disk
//! ```
//! Several at once are measured one after the other. `--rounds N` makes more or fewer rounds than each
//! has, `--json FILE` writes the figures also as JSON.
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

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Times the file queue, in the current folder.
#[derive(Parser)]
struct Arguments {
    #[arg(value_enum, default_values_t = [Scene::Calls])]
    scenes: Vec<Scene>,
    /// How many rounds, where not as many as each has
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// Where to write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Scene {
    Calls,
    Size,
    Streams,
    Locks,
    Depth,
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if let [_, other, work, dir] = &words[..]
        && other == "other"
    {
        return locks::other(work, dir);
    }
    let arguments = Arguments::parse();
    let rounds = |usual| arguments.rounds.map_or(usual, usize::from);
    let mut rows = Vec::new();
    for scene in &arguments.scenes {
        match scene {
            Scene::Calls => rows.extend(calls::calls(rounds(9))),
            Scene::Size => rows.extend(size::sizes(rounds(7))),
            Scene::Streams => rows.extend(streams::streams(rounds(9))),
            Scene::Locks => rows.extend(locks::locks(rounds(7))),
            Scene::Depth => rows.extend(depth::depths(rounds(49))),
        }
    }
    if let Some(file) = arguments.json {
        persist_queue_bench::write_json(&file, &rows).unwrap();
    }
}
