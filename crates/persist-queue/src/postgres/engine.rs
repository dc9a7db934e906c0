//! How a PostgreSQL server is reached, and what it can do.

use std::time::Duration;

use postgres::config::{Host, SslMode};
use postgres::{Client, Config, NoTls};

use super::Postgres;
use super::connection::Driven;
use super::dialect::{PostgresDialect, SETTINGS};
use super::failure::explain_connecting;
use super::tls::connector;
use crate::server::{
    Abilities, Connection, Dialect, Engine, NotConnected, Said, ServerAddress, UrlParts,
};
use crate::sql::Tls;

/// A server that vanished without a word is noticed after about this long.
const SILENCE: Duration = Duration::from_secs(20);
/// The most that a message holds.
const PACKET: usize = 0x3fff_ffff;

impl Engine for Postgres {
    fn name(&self) -> &'static str {
        "PostgreSQL"
    }

    fn scheme(&self) -> &'static str {
        "postgresql"
    }

    fn port(&self) -> u16 {
        5432
    }

    fn user(&self) -> &'static str {
        "postgres"
    }

    fn read_url(&self, url: &str) -> Result<UrlParts, String> {
        if !url.starts_with("postgresql://") && !url.starts_with("postgres://") {
            return Err("it begins with something else".to_owned());
        }
        // What the driver says may repeat a part.
        let parsed: Config = url.parse().map_err(|_| "a part of it makes no sense".to_owned())?;
        let host = match parsed.get_hosts() {
            [Host::Tcp(host)] => host.clone(),
            _ => return Err("it must name one host".to_owned()),
        };
        let password = parsed.get_password().map(<[u8]>::to_vec);
        let password = password.map(String::from_utf8).transpose();
        Ok(UrlParts {
            host,
            port: parsed.get_ports().first().copied().unwrap_or(self.port()),
            user: parsed.get_user().map(str::to_owned),
            password: password.map_err(|_| "the password is not UTF-8".to_owned())?,
            database: parsed.get_dbname().map(str::to_owned),
        })
    }

    fn dialect(&self) -> &'static dyn Dialect {
        &PostgresDialect
    }

    fn connect(&self, address: &ServerAddress) -> Result<Box<dyn Connection>, NotConnected> {
        let mut config = config(address);
        let connected = match connector(&address.tls) {
            Ok(None) => config.ssl_mode(SslMode::Disable).connect(NoTls),
            Ok(Some(tls)) => {
                let mode = match address.tls {
                    Tls::Required { .. } => SslMode::Require,
                    Tls::Off | Tls::Preferred => SslMode::Prefer,
                };
                config.ssl_mode(mode).connect(tls)
            }
            Err(reason) => return Err(NotConnected::because(address, reason)),
        };
        let ready = connected.and_then(|mut client: Client| {
            client.batch_execute(SETTINGS)?;
            Ok(client)
        });
        let client = ready.map_err(|error| explain_connecting(address, &error))?;
        Ok(Box::new(Driven::new(client, address.clone())))
    }

    fn abilities(&self, _connection: &mut dyn Connection) -> Result<Abilities, Said> {
        Ok(Abilities { skips_locked: true, packet: PACKET, increment: None, shares_locks: true })
    }
}

fn config(address: &ServerAddress) -> Config {
    let mut config = Config::new();
    config
        .host(&address.host)
        .port(address.port)
        .user(&address.user)
        .password(&address.password)
        .dbname(&address.database)
        .application_name("persist-queue")
        .connect_timeout(address.connect_timeout)
        .keepalives(true)
        .keepalives_idle(SILENCE / 2)
        .keepalives_interval(SILENCE / 8)
        .keepalives_retries(4)
        .tcp_user_timeout(SILENCE);
    config
}
