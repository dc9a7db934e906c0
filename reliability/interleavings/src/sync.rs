//! In the place of the core's `wait/sync.rs`.

pub(super) use shuttle::sync::atomic;
pub(super) use shuttle::sync::{Mutex, MutexGuard};
