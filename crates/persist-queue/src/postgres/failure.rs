//! What the driver says, in words that help.

use std::error::Error as _;
use std::io;

use postgres::Error;
use postgres::error::{DbError, SqlState};

use crate::server::{
    FOR_THE_MOMENT, Failure, NotConnected, Said, ServerAddress, is_resolving, unreachable,
    unresolved,
};
use crate::sql::Tls;

/// The server goes down or comes up, has too many connections, or closed one that did nothing for long.
fn is_for_now(state: &SqlState) -> bool {
    [
        &SqlState::TOO_MANY_CONNECTIONS,
        &SqlState::ADMIN_SHUTDOWN,
        &SqlState::CRASH_SHUTDOWN,
        &SqlState::CANNOT_CONNECT_NOW,
        &SqlState::IDLE_SESSION_TIMEOUT,
        &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ]
    .contains(&state)
        || state.code().starts_with("08")
}

fn kind(error: &Error) -> Failure {
    let Some(said) = error.as_db_error() else { return Failure::Broken };
    match said.code() {
        state if is_for_now(state) => Failure::Broken,
        &SqlState::LOCK_NOT_AVAILABLE => Failure::InTheWay,
        state if state.code().starts_with("40") => Failure::InTheWay,
        &SqlState::UNIQUE_VIOLATION | &SqlState::DUPLICATE_TABLE | &SqlState::DUPLICATE_OBJECT => {
            Failure::Duplicate
        }
        &SqlState::PROGRAM_LIMIT_EXCEEDED => Failure::TooLarge,
        _ => Failure::Refused,
    }
}

/// What it means, and what to do.
pub(super) fn failure(address: &ServerAddress, error: &Error) -> Said {
    let advice = error.as_db_error().and_then(|said| advice(address, said));
    Said { failure: kind(error), source: advice.unwrap_or_else(|| words(error)).into() }
}

/// With the cause, which the driver keeps to itself.
fn words(error: &Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(said), _) => said.to_string(),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}

fn advice(address: &ServerAddress, said: &DbError) -> Option<String> {
    let ServerAddress { user, database, .. } = address;
    let message = said.message();
    match *said.code() {
        SqlState::INSUFFICIENT_PRIVILEGE => Some(format!(
            "user '{user}' has not all of the rights SELECT, INSERT, UPDATE, DELETE on the table, or \
             USAGE and CREATE on the schema of '{database}'; GRANT what is missing ({message})"
        )),
        SqlState::DISK_FULL | SqlState::OUT_OF_MEMORY => {
            Some(format!("there is no room on the server ({message})"))
        }
        SqlState::UNDEFINED_TABLE => {
            Some(format!("the table is gone; open the queue again to make it ({message})"))
        }
        SqlState::READ_ONLY_SQL_TRANSACTION => {
            Some(format!("the server is read-only; use the primary ({message})"))
        }
        _ => None,
    }
}

/// Why there is no connection, and what to do.
pub(super) fn explain_connecting(address: &ServerAddress, error: &Error) -> NotConnected {
    let ServerAddress { host, user, database, .. } = address;
    let reason = match error.as_db_error() {
        Some(said) => {
            let message = said.message();
            match said.code() {
                &SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                    format!(
                        "the server refuses user '{user}' or the password; check both, and that this \
                         account may connect from here ({message})"
                    )
                }
                &SqlState::INSUFFICIENT_PRIVILEGE => format!(
                    "user '{user}' has no rights on the database '{database}'; GRANT CONNECT on it, \
                     and USAGE and CREATE on a schema ({message})"
                ),
                &SqlState::INVALID_CATALOG_NAME => format!(
                    "there is no database '{database}'; check the name, or create it: CREATE DATABASE \
                     \"{database}\" ({message})"
                ),
                state if is_for_now(state) => format!("{FOR_THE_MOMENT} ({message})"),
                state => format!("the server says {}: {message}", state.code()),
            }
        }
        None => without_a_word(address, host, error),
    };
    NotConnected::because(address, reason)
}

/// What the server did not say itself.
fn without_a_word(address: &ServerAddress, host: &str, error: &Error) -> String {
    let said = words(error);
    if is_resolving(&said) {
        return unresolved(host, &said);
    }
    if said.contains("server does not support TLS") {
        return "the server has no TLS; set it up there, or ask for none (Tls::Off)".to_owned();
    }
    if said.contains("TLS") {
        return match &address.tls {
            Tls::Required { ca: None } => format!(
                "the server's certificate is not good for '{host}'; give the authority's certificate \
                 (ca) where it is not a public one ({said})"
            ),
            _ => format!("TLS failed; check the certificate and its authority (ca) ({said})"),
        };
    }
    if said.contains("password missing") {
        return format!("the server wants a password for user '{user}'", user = address.user);
    }
    let is_io = error.source().is_some_and(<dyn std::error::Error>::is::<io::Error>);
    if is_io || error.is_closed() { unreachable(address, &said) } else { said }
}
