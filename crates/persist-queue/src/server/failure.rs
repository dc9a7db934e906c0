//! What the driver says, in words that help.

use std::io;

use mysql::DriverError;

use super::address::ServerAddress;
use crate::sql::Tls;
use crate::{Error, Result};

const DEADLOCK: u16 = 1213;
const LOCK_WAIT_TIMEOUT: u16 = 1205;
const DUPLICATE: u16 = 1062;
const DATA_TOO_LONG: u16 = 1406;
const PACKET_TOO_LARGE: u16 = 1153;
/// Too many connections; the server goes down; the same by its administrator; this connection was
/// killed; it was idle for too long (MySQL 8.0.24 and later).
const FOR_NOW: [u16; 5] = [1040, 1053, 1077, 1927, 4031];

/// What a failure means for whoever may try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The connection is gone.
    Broken,
    /// Somebody else was in the way; nothing was changed.
    InTheWay,
    /// The server says no.
    Refused,
}

impl Failure {
    pub(super) fn of(error: &mysql::Error) -> Self {
        match error {
            mysql::Error::MySqlError(error) => match error.code {
                DEADLOCK | LOCK_WAIT_TIMEOUT => Self::InTheWay,
                code if FOR_NOW.contains(&code) => Self::Broken,
                _ => Self::Refused,
            },
            mysql::Error::IoError(_) | mysql::Error::CodecError(_) | mysql::Error::TlsError(_) => {
                Self::Broken
            }
            mysql::Error::DriverError(_)
            | mysql::Error::UrlError(_)
            | mysql::Error::FromValueError(_)
            | mysql::Error::FromRowError(_) => Self::Refused,
        }
    }
}

pub(super) fn is_duplicate(error: &mysql::Error) -> bool {
    matches!(error, mysql::Error::MySqlError(error) if error.code == DUPLICATE)
}

/// Whether an item was too large for the table or the server.
pub(super) fn is_too_large(error: &mysql::Error) -> bool {
    matches!(
        error,
        mysql::Error::MySqlError(error) if [DATA_TOO_LONG, PACKET_TOO_LARGE].contains(&error.code)
    )
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) struct NotConnected {
    pub(super) error: Error,
    /// Whether it may come true by itself: the server is down, or full.
    pub(super) may_pass: bool,
}

const FOR_THE_MOMENT: &str = "the server cannot be reached";

/// Why there is no connection, and what to do.
pub(super) fn explain_connecting(address: &ServerAddress, error: &mysql::Error) -> NotConnected {
    let ServerAddress { host, port, user, database, .. } = address;
    let reason = match error {
        mysql::Error::MySqlError(error) => {
            let said = &error.message;
            match error.code {
                1045 | 1698 => format!(
                    "the server refuses user '{user}' or the password; check both, and that this \
                     account may connect from here ({said})"
                ),
                1044 => format!(
                    "user '{user}' has no rights on the database '{database}'; GRANT SELECT, \
                     INSERT, UPDATE, DELETE, CREATE, INDEX ON `{database}`.* to it ({said})"
                ),
                1049 => format!(
                    "there is no database '{database}'; check the name, or create it: CREATE \
                     DATABASE `{database}` ({said})"
                ),
                1130 => format!(
                    "the server takes no connections from this machine; let the account connect \
                     from here, '{user}'@'<this machine>' ({said})"
                ),
                1040 | 1203 => {
                    format!("{FOR_THE_MOMENT}: it has too many connections ({said})")
                }
                code if FOR_NOW.contains(&code) => format!("{FOR_THE_MOMENT} ({said})"),
                code => format!("the server says {code}: {said}"),
            }
        }
        mysql::Error::DriverError(DriverError::TlsNotSupported) => {
            "the server has no TLS; set it up there, or ask for none (Tls::Off)".to_owned()
        }
        mysql::Error::TlsError(error) => match &address.tls {
            Tls::Required { ca: None } => format!(
                "the server's certificate is not good for '{host}'; give the authority's \
                 certificate (ca) where it is not a public one ({error})"
            ),
            _ => format!("TLS failed ({error})"),
        },
        mysql::Error::IoError(error) if is_resolving(&error.to_string()) => unresolved(host, error),
        mysql::Error::DriverError(DriverError::CouldNotConnect(Some((_, said, _))))
            if is_resolving(said) =>
        {
            unresolved(host, said)
        }
        mysql::Error::IoError(error) if error.kind() == io::ErrorKind::InvalidData => {
            format!("TLS failed; check the certificate and its authority (ca) ({error})")
        }
        mysql::Error::IoError(error) => broken(host, *port, &error.to_string()),
        // The server went down in the middle of it.
        mysql::Error::CodecError(error) => broken(host, *port, &error.to_string()),
        mysql::Error::DriverError(DriverError::CouldNotConnect(said)) => {
            let said = said.as_ref().map_or("no address", |(_, said, _)| said.as_str());
            broken(host, *port, said)
        }
        mysql::Error::DriverError(DriverError::ConnectTimeout | DriverError::Timeout) => {
            broken(host, *port, "no answer in time")
        }
        other => other.to_string(),
    };
    let may_pass = reason.starts_with(FOR_THE_MOMENT);
    NotConnected { error: Error::Connect { path: address.path(), reason }, may_pass }
}

fn broken(host: &str, port: u16, said: &str) -> String {
    format!(
        "{FOR_THE_MOMENT} at {host}, port {port}; check that it runs and listens there ({said})"
    )
}

fn unresolved(host: &str, said: &dyn std::fmt::Display) -> String {
    format!("the host name '{host}' cannot be resolved; check the name ({said})")
}

fn is_resolving(said: &str) -> bool {
    said.contains("lookup address") || said.contains("resolve")
}

/// What the server refused, and what to do.
pub(super) fn explain(action: &'static str, address: &ServerAddress, error: mysql::Error) -> Error {
    let path = address.path();
    let ServerAddress { user, database, .. } = address;
    let advice = match &error {
        mysql::Error::MySqlError(error) => match error.code {
            1142 | 1143 | 1044 | 1227 => Some(format!(
                "user '{user}' has not all of the rights SELECT, INSERT, UPDATE, DELETE, CREATE, \
                 INDEX on `{database}`.*; GRANT what is missing ({})",
                error.message
            )),
            1114 | 1021 | 1030 => {
                Some(format!("there is no room on the server ({})", error.message))
            }
            1146 => Some(format!(
                "the table is gone; open the queue again to make it ({})",
                error.message
            )),
            1290 | 1792 | 1836 => {
                Some(format!("the server is read-only; use the primary ({})", error.message))
            }
            _ => None,
        },
        _ => None,
    };
    let source = match advice {
        Some(advice) => advice.into(),
        None => Box::new(error) as Box<dyn std::error::Error + Send + Sync>,
    };
    Error::Database { action, path, source }
}

/// A value of a row, where it is what the schema says.
pub(super) fn column<T: mysql::prelude::FromValue>(
    row: &mut mysql::Row,
    at: usize,
) -> mysql::Result<T> {
    match row.take_opt::<T, usize>(at) {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(error.into()),
        None => Err(mysql::Error::FromRowError(row.clone())),
    }
}

/// A failure of the driver as one of ours, for what cannot be tried again.
pub(super) fn refused<T>(
    result: mysql::Result<T>,
    action: &'static str,
    address: &ServerAddress,
) -> Result<T> {
    result.map_err(|error| explain(action, address, error))
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
