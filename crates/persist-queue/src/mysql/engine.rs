//! How a MySQL server is reached, and what it can do.

use std::time::Duration;

use mysql::{Conn, DriverError, Opts, OptsBuilder, SslOpts};

use super::MySql;
use super::connection::Driven;
use super::dialect::{MySqlDialect, SETTINGS};
use super::failure::explain_connecting;
use super::galera;
use crate::server::{
    Abilities, Connection, Dialect, Engine, NotConnected, Said, ServerAddress, UrlParts, column,
};
use crate::sql::Tls;

/// A server that vanished without a word is noticed after about this long.
const SILENCE: Duration = Duration::from_secs(20);
/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 64;

impl Engine for MySql {
    fn name(&self) -> &'static str {
        "MySQL"
    }

    fn scheme(&self) -> &'static str {
        "mysql"
    }

    fn port(&self) -> u16 {
        3306
    }

    fn user(&self) -> &'static str {
        "root"
    }

    fn read_url(&self, url: &str) -> Result<UrlParts, String> {
        let parsed = Opts::from_url(url).map_err(|error| error.to_string())?;
        let owned = |part: Option<&str>| part.map(str::to_owned);
        Ok(UrlParts {
            host: parsed.get_ip_or_hostname().into_owned(),
            port: parsed.get_tcp_port(),
            user: owned(parsed.get_user()),
            password: owned(parsed.get_pass()),
            database: owned(parsed.get_db_name()),
        })
    }

    fn dialect(&self) -> &'static dyn Dialect {
        &MySqlDialect
    }

    fn connect(&self, address: &ServerAddress) -> Result<Box<dyn Connection>, NotConnected> {
        let connected = connect(address).map_err(|error| explain_connecting(address, &error))?;
        let mut driven = Driven { connection: connected, address: address.clone(), is_node: false };
        galera::settle_in(&mut driven)?;
        Ok(Box::new(driven))
    }

    fn abilities(&self, connection: &mut dyn Connection) -> Result<Abilities, Said> {
        let gave = connection.run(ABILITIES)?.pop().unwrap_or_default();
        let mut row = gave.rows.into_iter().next().ok_or_else(|| Said::broken("no answer"))?;
        let version: String = column(&mut row, 0)?;
        Ok(Abilities {
            skips_locked: skips_locked(&version),
            packet: column(&mut row, 1)?,
            increment: Some(column(&mut row, 2)?),
            shares_locks: connection.shares_locks(),
        })
    }
}

/// Version, the largest packet, and the distance of two numbers in a row.
const ABILITIES: &str = "SELECT VERSION(), @@max_allowed_packet, @@auto_increment_increment";

fn connect(address: &ServerAddress) -> mysql::Result<Conn> {
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

/// MySQL does since 8.0.1, MariaDB since 10.6.
fn skips_locked(version: &str) -> bool {
    let is_mariadb = version.to_ascii_lowercase().contains("mariadb");
    // Some of MariaDB's proxies put this before its own version.
    let version = version.strip_prefix("5.5.5-").unwrap_or(version);
    let mut parts = version
        .split(|character: char| !character.is_ascii_digit())
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let version = [(); 3].map(|()| parts.next().unwrap_or(0));
    version >= if is_mariadb { [10, 6, 0] } else { [8, 0, 1] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_skips_what_is_locked_is_told_by_the_version() {
        for (version, skips) in [
            ("8.0.36", true),
            ("8.0.0-dmr", false),
            ("5.7.44-log", false),
            ("9.1.0", true),
            ("10.11.14-MariaDB-0+deb12u2", true),
            ("10.5.23-MariaDB", false),
            ("5.5.5-10.6.1-MariaDB-log", true),
            ("11.4.2-MariaDB", true),
        ] {
            assert_eq!(skips_locked(version), skips, "{version}");
        }
    }
}
