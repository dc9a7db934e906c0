//! What processes on one machine share: kernel locks that die with their holder, the thread that
//! keeps a lock until somebody asks for it, and what a fork must undo.

pub(crate) mod fork;
pub(crate) mod gate;
pub(crate) mod keeper;
pub(crate) mod lock;
pub(crate) mod per_process;
