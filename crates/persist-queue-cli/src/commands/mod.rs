//! The commands, one a file.

mod bench;
mod completions;
mod copy;
mod dead;
mod doctor;
mod exec;
mod export;
mod get;
mod import;
mod legacy;
mod len;
mod ls;
mod man;
mod metrics;
mod peek;
mod purge;
mod put;
mod repair;
mod stats;
mod top;
mod watch;

use clap::Subcommand;

use crate::demo;
use crate::failure::{Exit, Failure, Result};
use crate::streams::Streams;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Put(put::Args),
    Get(get::Args),
    Peek(peek::Args),
    Len(len::Args),
    Stats(stats::Args),
    Ls(ls::Args),
    Doctor(doctor::Args),
    Repair(repair::Args),
    Purge(purge::Args),
    Dead(dead::Args),
    Export(export::Args),
    Import(import::Args),
    Copy(copy::Args),
    Top(top::Args),
    Watch(watch::Args),
    Bench(bench::Args),
    Completions(completions::Args),
    Man(man::Args),
    Demo(demo::Args),
    #[command(hide = true)]
    DemoProduce(demo::produce::Args),
    #[command(hide = true)]
    DemoConsume(demo::consume::Args),
}

impl Command {
    pub(crate) fn run(self, streams: &mut Streams) -> Result<Exit> {
        match self {
            Self::Put(args) => put::run(&args, streams),
            Self::Get(args) => get::run(&args, streams),
            Self::Peek(args) => peek::run(&args, streams),
            Self::Len(args) => len::run(&args, streams),
            Self::Stats(args) => stats::run(&args, streams),
            Self::Ls(args) => ls::run(&args, streams),
            Self::Doctor(args) => doctor::run(&args, streams),
            Self::Repair(args) => repair::run(&args, streams),
            Self::Purge(args) => purge::run(&args, streams),
            Self::Dead(args) => dead::run(&args, streams),
            Self::Export(args) => export::run(&args, streams),
            Self::Import(args) => import::run(args, streams),
            Self::Copy(args) => copy::run(&args, streams),
            Self::Top(args) => top::run(&args),
            Self::Watch(args) => watch::run(&args, streams),
            Self::Bench(args) => bench::run(&args, streams),
            Self::Completions(args) => completions::run(&args, streams),
            Self::Man(args) => man::run(&args, streams),
            Self::Demo(args) => demonstrate(demo::run(&args)),
            Self::DemoProduce(args) => demonstrate(demo::produce::run(&args)),
            Self::DemoConsume(args) => demonstrate(demo::consume::run(&args)),
        }
    }
}

fn demonstrate(done: Result<(), Box<dyn std::error::Error>>) -> Result<Exit> {
    done.map(|()| Exit::Done).map_err(Failure::failed)
}
