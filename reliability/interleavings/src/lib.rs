//! The sleeping and waking of the core (`wait/signal.rs`, the very file) under shuttle, which runs its
//! threads and tasks in one order after the other and tells where all of them wait for ever.
#![allow(dead_code, unused_imports)]

#[path = "../../../crates/persist-queue/src/wait/signal.rs"]
mod signal;
mod sleepers;
mod sync;

#[cfg(test)]
mod tests;
