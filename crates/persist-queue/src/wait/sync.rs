//! What threads share here. A module of its own, since `reliability/interleavings` has another one, under
//! which every order of what threads do can be tried.

pub(super) use std::sync::atomic;
pub(super) use std::sync::{Mutex, MutexGuard};
