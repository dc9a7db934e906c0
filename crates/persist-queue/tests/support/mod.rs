//! What the tests of the file queue share: items that name themselves, an oracle that is nothing but
//! a list, a queue that is driven by the same operations, and the question what survived.

// Each test file uses another part of it.
#![allow(dead_code)]

pub(crate) mod gate;
pub(crate) mod item;
pub(crate) mod oracle;
pub(crate) mod run;
pub(crate) mod script;
pub(crate) mod subject;
pub(crate) mod survivors;
