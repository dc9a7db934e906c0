//! What the queues in SQL databases share.

mod aside;
mod decode;
mod encode;
mod kind;
mod row;
mod settle;
mod table;
mod time;
mod tls;

pub(crate) use aside::aside;
pub use decode::{Decode, Undecoded};
pub(crate) use encode::{encode, encode_all};
pub use kind::{Flavour, Kind, Status};
pub use row::{Put, PutOptions, Row, Which};
#[cfg(feature = "server")]
pub(crate) use settle::LONGEST_BACKOFF;
#[cfg(any(feature = "nats", feature = "sqlite"))]
pub(crate) use settle::backoff;
pub use settle::{Held, Settlement};
pub use table::{QueueTable, Seen};
pub(crate) use time::{milliseconds, now};
pub use tls::Tls;
