//! What processes on one machine share: kernel locks that die with their holder, the thread that
//! keeps a lock until somebody asks for it, and what a fork must undo.

// What differs between systems is in two files of one name.
#[cfg_attr(windows, path = "windows/bell.rs")]
mod bell;
#[cfg_attr(windows, path = "windows/fork.rs")]
pub(crate) mod fork;
#[cfg(unix)]
pub(crate) mod gate;
pub(crate) mod keeper;
#[cfg_attr(windows, path = "windows/lock.rs")]
pub(crate) mod lock;
pub(crate) mod per_process;
