//! What the driver says, in words that help.

use std::io;

use mysql::DriverError;

use super::galera::NOT_READY;
use crate::server::{
    FOR_THE_MOMENT, Failure, NotConnected, Said, ServerAddress, is_resolving, unreachable,
    unresolved,
};
use crate::sql::Tls;

const DEADLOCK: u16 = 1213;
const LOCK_WAIT_TIMEOUT: u16 = 1205;
const DUPLICATE: u16 = 1062;
const DATA_TOO_LONG: u16 = 1406;
const PACKET_TOO_LARGE: u16 = 1153;
/// Too many connections; the server goes down; the same by its administrator; this connection was
/// killed; it was idle for too long (MySQL 8.0.24 and later).
const FOR_NOW: [u16; 5] = [1040, 1053, 1077, 1927, 4031];

fn kind(error: &mysql::Error) -> Failure {
    match error {
        mysql::Error::MySqlError(error) => match error.code {
            DEADLOCK | LOCK_WAIT_TIMEOUT | NOT_READY => Failure::InTheWay,
            DUPLICATE => Failure::Duplicate,
            DATA_TOO_LONG | PACKET_TOO_LARGE => Failure::TooLarge,
            code if FOR_NOW.contains(&code) => Failure::Broken,
            _ => Failure::Refused,
        },
        mysql::Error::IoError(_) | mysql::Error::CodecError(_) | mysql::Error::TlsError(_) => {
            Failure::Broken
        }
        mysql::Error::DriverError(_)
        | mysql::Error::UrlError(_)
        | mysql::Error::FromValueError(_)
        | mysql::Error::FromRowError(_) => Failure::Refused,
    }
}

/// What it means, and what to do.
pub(super) fn failure(address: &ServerAddress, error: mysql::Error) -> Said {
    let failure = kind(&error);
    match advice(address, &error) {
        Some(advice) => Said { failure, source: advice.into() },
        None => Said { failure, source: Box::new(error) },
    }
}

fn advice(address: &ServerAddress, error: &mysql::Error) -> Option<String> {
    let ServerAddress { user, database, .. } = address;
    let mysql::Error::MySqlError(error) = error else { return None };
    let said = &error.message;
    match error.code {
        1142 | 1143 | 1044 | 1227 => Some(format!(
            "user '{user}' has not all of the rights SELECT, INSERT, UPDATE, DELETE, CREATE, \
             INDEX on `{database}`.*; GRANT what is missing ({said})"
        )),
        1114 | 1021 | 1030 => Some(format!("there is no room on the server ({said})")),
        1146 => Some(format!("the table is gone; open the queue again to make it ({said})")),
        1290 | 1792 | 1836 => Some(format!("the server is read-only; use the primary ({said})")),
        _ => None,
    }
}

/// Why there is no connection, and what to do.
pub(super) fn explain_connecting(address: &ServerAddress, error: &mysql::Error) -> NotConnected {
    let ServerAddress { host, user, database, .. } = address;
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
        mysql::Error::IoError(error) => unreachable(address, error),
        // The server went down in the middle of it.
        mysql::Error::CodecError(error) => unreachable(address, error),
        mysql::Error::DriverError(DriverError::CouldNotConnect(said)) => {
            let said = said.as_ref().map_or("no address", |(_, said, _)| said.as_str());
            unreachable(address, &said)
        }
        mysql::Error::DriverError(DriverError::ConnectTimeout | DriverError::Timeout) => {
            unreachable(address, &"no answer in time")
        }
        other => other.to_string(),
    };
    NotConnected::because(address, reason)
}
