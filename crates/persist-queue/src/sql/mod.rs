//! What the queues in SQL databases share.

mod kind;

pub use kind::{Flavour, Kind, Status};
