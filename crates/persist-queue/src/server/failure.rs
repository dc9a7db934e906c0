//! What goes wrong between us and a server, in words that help.

use std::fmt;

use super::address::ServerAddress;
use crate::{Error, Result};

/// What a failure means for whoever may try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The connection is gone.
    Broken,
    /// Somebody else was in the way; nothing was changed.
    InTheWay,
    /// The server says no.
    Refused,
    /// The server says no: an equal one is there already.
    Duplicate,
    /// The server says no: an item was too large for the table or the server.
    TooLarge,
}

/// What the server or its driver said.
#[derive(Debug)]
pub struct Said {
    pub(crate) failure: Failure,
    /// With what to do, where that is known.
    pub(crate) source: Box<dyn std::error::Error + Send + Sync>,
}

impl Said {
    pub(crate) fn refused(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { failure: Failure::Refused, source: why.into() }
    }

    pub(crate) fn broken(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { failure: Failure::Broken, source: why.into() }
    }

    /// The server says no, and will say it again.
    pub(super) fn is_refused(&self) -> bool {
        !matches!(self.failure, Failure::Broken | Failure::InTheWay)
    }

    pub(super) fn is_broken(&self) -> bool {
        self.failure == Failure::Broken
    }

    pub(super) fn is_duplicate(&self) -> bool {
        self.failure == Failure::Duplicate
    }
}

impl fmt::Display for Said {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(formatter)
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub struct NotConnected {
    pub(crate) error: Error,
    /// Whether it may come true by itself: the server is down, or full.
    pub(crate) may_pass: bool,
}

/// How a reason begins that may pass.
pub(crate) const FOR_THE_MOMENT: &str = "the server cannot be reached";

impl NotConnected {
    pub(crate) fn because(address: &ServerAddress, reason: String) -> Self {
        let may_pass = reason.starts_with(FOR_THE_MOMENT);
        Self { error: Error::Connect { path: address.path(), reason }, may_pass }
    }
}

/// Nobody answers there.
pub(crate) fn unreachable(address: &ServerAddress, said: &dyn fmt::Display) -> String {
    let ServerAddress { host, port, .. } = address;
    format!(
        "{FOR_THE_MOMENT} at {host}, port {port}; check that it runs and listens there ({said})"
    )
}

/// The host has no address.
pub(crate) fn unresolved(host: &str, said: &dyn fmt::Display) -> String {
    format!("the host name '{host}' cannot be resolved; check the name ({said})")
}

pub(crate) fn is_resolving(said: &str) -> bool {
    said.contains("lookup address") || said.contains("resolve")
}

/// What the server refused, as our callers are told it.
pub(super) fn explain(action: &'static str, address: &ServerAddress, said: Said) -> Error {
    Error::Database { action, path: address.path(), source: said.source }
}

/// A failure as one of ours, for what cannot be tried again.
pub(super) fn refused<T>(
    result: Result<T, Said>,
    action: &'static str,
    address: &ServerAddress,
) -> Result<T> {
    result.map_err(|said| explain(action, address, said))
}

/// The same error for somebody else who asked for the same.
pub(super) fn copy(error: &Error) -> Error {
    match error {
        Error::Connect { path, reason } => {
            Error::Connect { path: path.clone(), reason: reason.clone() }
        }
        Error::Database { action, path, source } => {
            Error::Database { action, path: path.clone(), source: source.to_string().into() }
        }
        other => Error::Invalid(other.to_string()),
    }
}
