//! Where it is written how far puts came that can be ended and gone on with.

/// What the table is called.
pub(super) const NAME: &str = "persistq_resume";

pub(super) const CREATE: &str = "CREATE TABLE IF NOT EXISTS persistq_resume \
     (queue VARBINARY(256) NOT NULL, name VARBINARY(255) NOT NULL, done BIGINT UNSIGNED NOT NULL, \
     finished BOOLEAN NOT NULL, PRIMARY KEY (queue, name)) ENGINE=InnoDB";

/// Notes that nothing was put yet, where nothing is noted: table, name.
pub(super) const BEGIN_NOTING: &str =
    "INSERT INTO persistq_resume VALUES (?, ?, 0, FALSE) ON DUPLICATE KEY UPDATE done = done";

/// How many were put and whether that is all, behind whoever is about to change it: table, name.
pub(super) const NOTED: &str =
    "SELECT done, finished FROM persistq_resume WHERE queue = ? AND name = ? FOR UPDATE";

/// How many were put, whether that is all: both, table, name.
pub(super) const NOTE: &str =
    "UPDATE persistq_resume SET done = ?, finished = ? WHERE queue = ? AND name = ?";
