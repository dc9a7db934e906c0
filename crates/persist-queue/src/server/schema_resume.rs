//! Where it is written how far puts came that can be ended and gone on with.

use super::dialect::Dialect;

/// What the table is called.
pub(super) const NAME: &str = "persistq_resume";

/// How many were put and whether that is all, behind whoever is about to change it: table, name.
pub(super) fn noted(dialect: &dyn Dialect) -> String {
    let (queue, name) = (dialect.mark(1), dialect.mark(2));
    format!(
        "SELECT done, finished FROM persistq_resume WHERE queue = {queue} AND name = {name} FOR UPDATE"
    )
}

/// How many were put, whether that is all: both, table, name.
pub(super) fn note(dialect: &dyn Dialect) -> String {
    let [done, finished, queue, name] = [1, 2, 3, 4].map(|number| dialect.mark(number));
    format!(
        "UPDATE persistq_resume SET done = {done}, finished = {finished} \
         WHERE queue = {queue} AND name = {name}"
    )
}
