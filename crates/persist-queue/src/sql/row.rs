//! What goes into a queue and what comes out of it, as bytes.

use std::time::Duration;

use super::{Flavour, Kind};
use crate::{Error, Result};

/// A row of the queue.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// Its number, never used again.
    pub id: i64,
    /// The serialized item.
    pub data: Vec<u8>,
    /// When it was put, in seconds since 1970.
    pub timestamp: f64,
    /// Whether the database holds it as text.
    pub text: bool,
    /// Its place in a queue of [`Kind::Priority`](super::Kind::Priority), for who puts it back.
    pub(crate) priority: Option<i64>,
}

/// An item to put.
#[derive(Debug, Clone, Default)]
pub struct Put {
    /// The serialized item.
    pub data: Vec<u8>,
    /// When it comes out.
    pub options: PutOptions,
    /// Whether it is text to the serializer, and so to the database; then it is valid UTF-8.
    pub text: bool,
    /// Other bytes for the same item, which somebody else may have put: while they wait, a queue of
    /// [`Kind::Unique`](super::Kind::Unique) does not take this one.
    pub also: Option<Vec<u8>>,
}

/// When an item comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PutOptions {
    /// The lowest comes first, in a queue of [`Kind::Priority`](super::Kind::Priority).
    pub priority: i64,
    /// How long it is not delivered yet. For acknowledged queues.
    pub delay: Option<Duration>,
    /// How long it may wait before it is a dead letter; the queue's where it is not given. For
    /// acknowledged queues.
    pub ttl: Option<Duration>,
}

impl PutOptions {
    /// Refuses what a queue of this flavour has not.
    pub(crate) fn check(self, flavour: Flavour) -> Result<()> {
        let wrong = |text: &str| Err(Error::Invalid(text.to_owned()));
        if self.priority != 0 && flavour.kind != Kind::Priority {
            return wrong("only items of a priority queue have a priority");
        }
        if !flavour.acks && (self.delay.is_some() || self.ttl.is_some()) {
            return wrong("only items of a queue with acknowledgements have a delay or a ttl");
        }
        Ok(())
    }
}

/// Which item a get is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Which {
    /// The next one.
    #[default]
    Next,
    /// The one with this number, where it waits.
    Id(i64),
    /// The one behind this number, and behind the last one the first. For acknowledged queues.
    Behind(i64),
}
