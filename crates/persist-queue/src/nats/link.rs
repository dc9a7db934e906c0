//! A connection to a server or a cluster, which all queues of a process with the same address share.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::address::{Login, NatsAddress};
use super::ask::block;
use super::failure::{ANSWER, FIRST_PAUSE, LONGEST_PAUSE, Said};
use crate::process::per_process::PerProcess;
use crate::sql::Tls;
use crate::{Error, Result};

/// See the module.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) address: NatsAddress,
    pub(super) client: Client,
    pub(super) jetstream: Context,
    /// How often it was connected: what a server knows of us only in memory is gone behind that.
    connections: watch::Receiver<u64>,
}

type Registry = Mutex<HashMap<NatsAddress, Weak<Link>>>;

/// The connections of this process.
static REGISTRY: LazyLock<PerProcess<Registry>> = LazyLock::new(|| PerProcess::new(Arc::default()));

/// How long a connection is tried again at most that was lost, before the next try.
const AGAIN: Duration = Duration::from_millis(250);
/// A server that vanished without a word is noticed after about twice as long.
const SILENCE: Duration = Duration::from_secs(10);

impl Link {
    /// Connects, unless it is connected already.
    pub(super) fn open(address: &NatsAddress) -> Result<Arc<Self>> {
        let registry = REGISTRY.get(|| Ok::<_, Error>(Arc::default()))?;
        let lock = || registry.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = lock().get(address).and_then(Weak::upgrade) {
            return Ok(open);
        }
        let theirs = address.clone();
        let opened = Arc::new(block(async move { Self::connect(theirs).await })?);
        let mut registry = lock();
        if let Some(open) = registry.get(address).and_then(Weak::upgrade) {
            return Ok(open);
        }
        registry.retain(|_, open| open.strong_count() > 0);
        registry.insert(address.clone(), Arc::downgrade(&opened));
        Ok(opened)
    }

    async fn connect(address: NatsAddress) -> Result<Self> {
        let (counter, connections) = watch::channel(0);
        let counter = Arc::new(counter);
        let options = options(&address)?.event_callback(move |event| {
            let counter = Arc::clone(&counter);
            async move {
                match event {
                    Event::Connected => counter.send_modify(|count| *count += 1),
                    event => tracing::debug!(%event, "NATS"),
                }
            }
        });
        let servers: Vec<_> =
            address.servers.iter().map(|(host, port)| bracketed(host, *port)).collect();
        let refused = |reason| Error::Connect { path: address.path(), reason };
        let connected = timeout(2 * address.connect_timeout, options.connect(servers)).await;
        let client = match connected {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(refused(why(&error))),
            Err(_) => return Err(refused("the server does not answer".to_owned())),
        };
        let jetstream = ContextBuilder::new().timeout(ANSWER).ack_timeout(ANSWER);
        let jetstream = jetstream.build(client.clone());
        Ok(Self { address, client, jetstream, connections })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.address.path()
    }

    /// Ends where the connection is another one than now.
    pub(super) fn renewed(&self) -> impl Future<Output = ()> + use<> {
        let mut connections = self.connections.clone();
        connections.mark_unchanged();
        async move {
            if connections.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until there is a connection.
    pub(super) async fn ready(&self, deadline: Instant) -> Result<()> {
        let mut pause = FIRST_PAUSE;
        while self.client.connection_state() != State::Connected {
            if Instant::now() >= deadline {
                return Err(Error::Connect {
                    path: self.path(),
                    reason:
                        "the server cannot be reached; check that it runs, and is reached from here"
                            .to_owned(),
                });
            }
            sleep_until(deadline.min(Instant::now() + pause)).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
        Ok(())
    }

    /// Does what may be done again, until it gets through.
    pub(super) async fn repeat<R, F>(
        &self,
        action: &'static str,
        deadline: Instant,
        mut work: impl FnMut() -> F,
    ) -> Result<R>
    where
        F: Future<Output = Result<R, Said>>,
    {
        let mut pause = FIRST_PAUSE;
        loop {
            self.ready(deadline).await?;
            match work().await {
                Ok(done) => return Ok(done),
                Err(said) if said.may_pass() && Instant::now() < deadline => sleep(pause).await,
                Err(said) => return Err(self.explain(action, said)),
            }
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    pub(super) fn explain(&self, action: &'static str, said: Said) -> Error {
        Error::Database { action, path: self.path(), source: said.source() }
    }

    /// Asks `JetStream`.
    pub(super) async fn api<A: DeserializeOwned>(
        &self,
        subject: String,
        question: &(impl Serialize + ?Sized + Sync),
    ) -> Result<A, Said> {
        match self.jetstream.request(subject, question).await? {
            Response::Ok(answer) => Ok(answer),
            Response::Err { error } => Err(error.into()),
        }
    }
}

fn options(address: &NatsAddress) -> Result<ConnectOptions> {
    let mut options = ConnectOptions::new()
        .name("persist-queue")
        .connection_timeout(address.connect_timeout)
        .ping_interval(SILENCE)
        .reconnect_delay_callback(|tries| match tries {
            0 | 1 => Duration::ZERO,
            tries => AGAIN.min(FIRST_PAUSE * u32::try_from(tries).unwrap_or(u32::MAX)),
        });
    options = match &address.login {
        Login::Nobody => options,
        Login::User { name, password } => options.user_and_password(name.clone(), password.clone()),
        Login::Token(token) => options.token(token.clone()),
        Login::Credentials(file) => {
            let unusable = |error: &dyn std::fmt::Display| Error::Connect {
                path: address.path(),
                reason: format!("the credentials in {} cannot be used ({error})", file.display()),
            };
            let text = std::fs::read_to_string(file).map_err(|error| unusable(&error))?;
            options.credentials(&text).map_err(|error| unusable(&error))?
        }
    };
    Ok(match &address.tls {
        Tls::Off => options,
        Tls::Preferred => {
            return Err(Error::Invalid(
                "a NATS server says itself whether it takes TLS: use 'off' or 'required'"
                    .to_owned(),
            ));
        }
        Tls::Required { ca: None } => options.require_tls(true),
        Tls::Required { ca: Some(ca) } => {
            options.require_tls(true).add_root_certificates(ca.clone())
        }
    })
}

fn bracketed(host: &str, port: u16) -> String {
    if host.contains(':') && !host.starts_with('[') {
        return format!("nats://[{host}]:{port}");
    }
    format!("nats://{host}:{port}")
}

const CERTIFICATES: &str = "no encrypted connection came about; check the certificates";

fn why(error: &async_nats::ConnectError) -> String {
    use std::error::Error as _;
    // What rustls does not like comes as bad data.
    let source = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    let bad_data = source.is_some_and(|source| source.kind() == std::io::ErrorKind::InvalidData);
    let what = match error.kind() {
        ConnectErrorKind::Io if bad_data => CERTIFICATES,
        ConnectErrorKind::Dns => "the host name cannot be resolved; check the name",
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
            "the server does not let this login in; check user and password"
        }
        ConnectErrorKind::Tls => CERTIFICATES,
        ConnectErrorKind::ServerParse => "the address makes no sense",
        ConnectErrorKind::TimedOut | ConnectErrorKind::Io | ConnectErrorKind::MaxReconnects => {
            "the server cannot be reached; check that it runs and listens there"
        }
    };
    format!("{what} ({error})")
}

/// What `JetStream` says of a message that it took.
pub(super) type Stored = jetstream::publish::PublishAck;
