//! What every backend must do, tried on all of them with the same checks. docs/features.md has a table that is made of
//! the outcomes: a cell says "yes" only where the check has passed. Where a run gives another table than the one that
//! stands there, its test fails.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::duplicate_mod, reason = "the support of each server has what starts one")]

mod backend;
mod backends;
mod checks;
mod matrix;
#[path = "../support/this_program.rs"]
mod this_program;
mod typed;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use backend::{Backend, Missing};
use checks::{Check, GROUPS, Place};

/// Runs all checks, and compares their outcomes with what the table says.
fn conforms(backend: &dyn Backend) {
    let checks = GROUPS.iter().flat_map(|group| group.checks).enumerate();
    let column: Vec<_> =
        checks.map(|(number, check)| (check.title, run(backend, number, check))).collect();
    let broken: Vec<_> =
        column.iter().filter(|(_, cell)| *cell == matrix::BROKEN).map(|(title, _)| title).collect();
    assert!(broken.is_empty(), "{} breaks what it must do: {broken:#?}", backend.name());
    matrix::compare(backend.name(), &column);
}

fn run(backend: &dyn Backend, number: usize, check: &Check) -> &'static str {
    let place = Place { backend, queue: format!("check_{number}") };
    let start = Instant::now();
    // One that fails does not hide the others.
    let outcome = catch_unwind(AssertUnwindSafe(|| (check.run)(&place)));
    let (cell, why) = match outcome {
        Ok(Ok(())) => (matrix::YES, String::new()),
        Ok(Err(Missing::NoType)) => (matrix::NONE, String::new()),
        Ok(Err(Missing::Refused(why))) => (matrix::REFUSED, why),
        Err(_) => (matrix::BROKEN, String::new()),
    };
    eprintln!("{:6} ms  {cell:7}  {}  {why}", start.elapsed().as_millis(), check.title);
    cell
}

#[test]
fn file() {
    conforms(&backends::File::new());
}

#[test]
fn sqlite() {
    conforms(&backends::Sqlite::new());
}

#[test]
fn mysql() {
    let Some(backend) = backends::MySql::new() else { return };
    conforms(&backend);
}

#[test]
fn postgres() {
    let Some(backend) = backends::Postgres::new() else { return };
    conforms(&backend);
}

#[test]
fn nats() {
    let Some(backend) = backends::Nats::new() else { return };
    conforms(&backend);
}

#[test]
fn the_table_has_each_check_and_each_backend() {
    matrix::is_whole();
}

/// The other processes of the checks begin here; in the test program itself there is nothing to do.
#[test]
fn child() {
    checks::child();
}
