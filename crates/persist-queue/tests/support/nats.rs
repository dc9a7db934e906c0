//! A NATS server for tests: the one that `PERSISTQUEUE_NATS` names, or one that is started by `nats-server`
//! and ends with this process.
#![allow(dead_code, reason = "not all tests use all of it")]

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use async_nats::jetstream::{self, Context};
use futures_core::Stream;
use persist_queue::{NatsAddress, NatsOptions};

#[path = "server_process.rs"]
mod server_process;

use server_process::{ServerProcess, can_be};

/// A server or a cluster of one's own, for who kills it or changes its settings.
pub(crate) struct Server(ServerProcess);

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self(ServerProcess::start("nats-server", arguments))
    }

    pub(crate) fn kill(&mut self) {
        self.0.kill();
    }

    pub(crate) fn start_again(&mut self) {
        self.0.start_again();
    }

    /// Kills one server of a cluster.
    pub(crate) fn kill_one(&mut self, number: usize) {
        assert_eq!(self.0.order(&format!("kill {number}")), "killed");
    }

    pub(crate) fn start_one(&mut self, number: usize) {
        assert_eq!(self.0.order(&format!("start {number}")), self.0.url);
    }

    pub(crate) fn place(&self) -> Place {
        Place::new(&self.0.url)
    }
}

/// Whether there can be a server here.
pub(crate) fn is_there() -> bool {
    can_be("PERSISTQUEUE_NATS", "nats-server", &["/usr/sbin", "/usr/local/sbin"])
}

/// A queue's name that only one test has, on a server. The queue is deleted with it, and so are all whose names
/// begin with this one and '_'.
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) name: String,
}

impl Place {
    fn new(url: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { url: url.to_owned(), name: format!("test_{}_{number}", std::process::id()) }
    }

    pub(crate) fn address(&self) -> NatsAddress {
        NatsAddress::from_url(&self.url).unwrap()
    }

    pub(crate) fn options(&self) -> NatsOptions {
        NatsOptions::new().name(&self.name)
    }

    /// Does something with the driver, as somebody else would.
    pub(crate) fn drive<R, F>(&self, work: impl FnOnce(Context) -> F) -> R
    where
        F: Future<Output = R>,
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let servers: Vec<_> =
            self.url.trim_start_matches("nats://").split(',').map(str::to_owned).collect();
        runtime.block_on(async {
            work(jetstream::new(async_nats::connect(servers).await.unwrap())).await
        })
    }

    /// Puts bytes into the queue's stream, without a word of ours.
    pub(crate) fn put_foreign(&self, bytes: &[u8]) {
        let (subject, bytes) = (format!("persistqueue.{}", self.name), bytes.to_vec());
        self.drive(|context| async move {
            context.publish(subject, bytes.into()).await.unwrap().await.unwrap();
        });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let (name, more) = (&self.name, format!("{}_", self.name));
        self.drive(|context| async move {
            let mut names = context.stream_names();
            let mut next = async || poll_fn(|task| Pin::new(&mut names).poll_next(task)).await;
            while let Some(Ok(stream)) = next().await {
                let queue = stream.strip_suffix("-dead").unwrap_or(&stream);
                if queue == name || queue.starts_with(&more) {
                    let _ = context.delete_stream(stream).await;
                }
            }
        });
    }
}

/// A place on the server of all tests; nothing where there can be none.
pub(crate) fn place() -> Option<Place> {
    static SERVER: OnceLock<String> = OnceLock::new();
    if !is_there() {
        eprintln!("skipped: no NATS server here (Debian: nats-server)");
        return None;
    }
    let url = SERVER.get_or_init(|| {
        std::env::var("PERSISTQUEUE_NATS").unwrap_or_else(|_| {
            let server = ServerProcess::start("nats-server", &[]);
            let url = server.url.clone();
            // It ends with this process.
            std::mem::forget(server);
            url
        })
    });
    Some(Place::new(url))
}
