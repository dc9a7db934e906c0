//! Making a connection.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use mysql::{Conn, DriverError, Opts, OptsBuilder, SslOpts};

use super::address::ServerAddress;
use super::failure::{NotConnected, explain_connecting};
use super::schema::SETTINGS;
use crate::Error;
use crate::error::Context;
use crate::sql::Tls;

/// A server that vanished without a word is noticed after about this long.
const SILENCE: Duration = Duration::from_secs(20);
/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 64;

/// Connects, within the time that the address says. Some of what takes long has no limit of its own
/// (resolving a name, a server that accepts and says nothing), so a thread does it.
pub(super) fn connect(address: &ServerAddress) -> Result<Conn, NotConnected> {
    let (sender, receiver) = sync_channel(1);
    let theirs = address.clone();
    let started = std::thread::Builder::new()
        .name("persist-queue sql".to_owned())
        .spawn(move || {
            // Nobody may wait any more; the connection is closed then.
            let _ = sender.send(connect_now(&theirs));
        })
        .context("start a thread for", &address.path());
    if let Err(error) = started {
        return Err(NotConnected { error, may_pass: false });
    }
    let failed = |reason: String| NotConnected {
        error: Error::Connect { path: address.path(), reason },
        may_pass: false,
    };
    match receiver.recv_timeout(address.connect_timeout) {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(explain_connecting(address, &error)),
        Err(RecvTimeoutError::Timeout) => Err(failed(format!(
            "no answer within {} s; check host, port and firewall",
            address.connect_timeout.as_secs_f32()
        ))),
        Err(RecvTimeoutError::Disconnected) => {
            Err(failed("the thread that connects panicked".to_owned()))
        }
    }
}

fn connect_now(address: &ServerAddress) -> mysql::Result<Conn> {
    let tls = match &address.tls {
        Tls::Off => None,
        Tls::Preferred => Some(SslOpts::default().with_danger_accept_invalid_certs(true)),
        Tls::Required { ca } => Some(SslOpts::default().with_root_cert_path(ca.clone())),
    };
    match Conn::new(options(address, tls)) {
        Err(mysql::Error::DriverError(DriverError::TlsNotSupported))
            if address.tls == Tls::Preferred =>
        {
            Conn::new(options(address, None))
        }
        connected => connected,
    }
}

fn options(address: &ServerAddress, tls: Option<SslOpts>) -> Opts {
    let silence = SILENCE.as_millis() as u32;
    OptsBuilder::new()
        .ip_or_hostname(Some(address.host.clone()))
        .tcp_port(address.port)
        .user(Some(address.user.clone()))
        .pass(Some(address.password.clone()))
        .db_name(Some(address.database.clone()))
        .ssl_opts(tls)
        // A socket is looked for with a question to the server, and found only where the server runs.
        .prefer_socket(false)
        .tcp_connect_timeout(Some(address.connect_timeout))
        .tcp_keepalive_time_ms(Some(silence / 2))
        .tcp_keepalive_probe_interval_secs(Some(silence / 8000))
        .tcp_keepalive_probe_count(Some(4))
        .tcp_user_timeout_ms(Some(silence))
        .stmt_cache_size(STATEMENTS)
        .init(vec![SETTINGS])
        .into()
}
