//! A PostgreSQL server for tests: the one that `PERSISTQUEUE_POSTGRES` names, or one that is started by
//! `postgres-server` and ends with this process.
#![allow(dead_code, reason = "not all tests use all of it")]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use persist_queue::PostgresAddress;
use postgres::{Client, NoTls};

#[path = "server_process.rs"]
mod server_process;

use server_process::{ServerProcess, can_be};

/// What a queue is called to which nobody gives a name.
pub(crate) const UNNAMED: &str = "default";
/// How its URLs begin.
pub(crate) const SCHEME: &str = "postgresql";
/// Where the command line finds the password.
pub(crate) const PASSWORD: &str = "PERSISTQUEUE_POSTGRES_PASSWORD";
/// Whether a process that waits has a connection that only listens.
pub(crate) const LISTENS: bool = true;
/// In how many milliseconds a row is found that somebody puts without a word.
pub(crate) const UNTOLD: u64 = 2500;
/// Has a connection wait for a second only for what others have locked.
pub(crate) const SHORT_WAITS: &str = "SET lock_timeout = '1s'";

/// A server of one's own, for who kills it or changes its settings.
pub(crate) struct Server(ServerProcess);

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self(ServerProcess::start("postgres-server", arguments))
    }

    pub(crate) fn kill(&mut self) {
        self.0.kill();
    }

    pub(crate) fn start_again(&mut self) {
        self.0.start_again();
    }

    pub(crate) fn database(&self) -> Database {
        Database::new(&self.0.url)
    }
}

/// Whether there can be a server here.
pub(crate) fn is_there() -> bool {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders: Vec<_> = versions.map(|one| one.path().join("bin")).collect();
    let folders: Vec<_> = folders.iter().filter_map(|folder| folder.to_str()).collect();
    can_be("PERSISTQUEUE_POSTGRES", "postgres", &folders)
}

/// Bytes, as they stand in a statement.
pub(crate) fn bytes(bytes: &[u8]) -> String {
    let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let digits = digits.concat();
    format!("'\\x{digits}'::bytea")
}

/// A connection of somebody else's, for what all makes of server understand.
pub(crate) struct Sql(Option<Client>);

impl Sql {
    pub(crate) fn run(&mut self, text: &str) {
        let client = self.0.as_mut().unwrap();
        outside(|| client.batch_execute(text).unwrap());
    }

    pub(crate) fn numbers(&mut self, text: &str) -> Vec<i64> {
        let client = self.0.as_mut().unwrap();
        outside(|| client.query(text, &[]).unwrap()).iter().map(|row| row.get(0)).collect()
    }
}

impl Drop for Sql {
    fn drop(&mut self) {
        let client = self.0.take();
        outside(move || drop(client));
    }
}

/// A database of a test's own, which is dropped with it.
pub(crate) struct Database {
    pub(crate) name: String,
    url: String,
}

impl Database {
    fn new(url: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        let database = Self { name, url: url.to_owned() };
        database.administer(&format!("CREATE DATABASE {}", database.name));
        database
    }

    /// Does what only the server's owner may.
    pub(crate) fn administer(&self, text: &str) {
        let url = format!("{}/postgres", self.url);
        outside(|| Client::connect(&url, NoTls).unwrap().batch_execute(text).unwrap());
    }

    /// A connection of the driver's to this database.
    pub(crate) fn driver(&self) -> Client {
        Client::connect(&self.url(), NoTls).unwrap()
    }

    pub(crate) fn connection(&self) -> Sql {
        Sql(Some(outside(|| self.driver())))
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/{}", self.url, self.name)
    }

    pub(crate) fn address(&self) -> PostgresAddress {
        PostgresAddress::from_url(&self.url()).unwrap()
    }

    pub(crate) fn host_and_port(&self) -> (String, u16) {
        let (_, server) = self.url.rsplit_once('@').unwrap();
        let (host, port) = server.rsplit_once(':').unwrap();
        (host.to_owned(), port.parse().unwrap())
    }

    /// A user who may do everything in this database.
    pub(crate) fn add_user(&self, user: &str, password: &str) {
        self.administer(&format!("CREATE USER {user} PASSWORD '{password}'"));
        self.connection().run(&format!("GRANT ALL ON SCHEMA public TO {user}"));
    }

    pub(crate) fn drop_user(&self, user: &str) {
        self.connection().run(&format!("DROP OWNED BY {user} CASCADE"));
        self.administer(&format!("DROP USER {user}"));
    }

    fn texts(&self, text: &str) -> Vec<String> {
        let rows = outside(|| self.driver().query(text, &[]).unwrap());
        rows.iter().map(|row| row.get(0)).collect()
    }

    pub(crate) fn tables(&self) -> Vec<String> {
        self.texts("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    }

    /// Something that changes with what is in a table.
    pub(crate) fn checksum(&self, table: &str) -> String {
        let text = format!("SELECT md5(string_agg(t::text, ',' ORDER BY _id)) FROM {table} AS t");
        self.texts(&text).remove(0)
    }

    /// The connections to this database.
    pub(crate) fn connections(&self) -> Vec<i64> {
        self.connection().numbers(
            "SELECT pid::bigint FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
    }

    /// Has the server close them. Gives how many there were.
    pub(crate) fn kill_connections(&self) -> usize {
        let connections = self.connections();
        for connection in &connections {
            self.connection().run(&format!("SELECT pg_terminate_backend({connection}, 5000)"));
        }
        connections.len()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let url = format!("{}/postgres", self.url);
        let text = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        outside(|| {
            if let Ok(mut client) = Client::connect(&url, NoTls) {
                let _ = client.batch_execute(&text);
            }
        });
    }
}

/// A database on the server of all tests; nothing where there can be none.
pub(crate) fn database() -> Option<Database> {
    static SERVER: OnceLock<String> = OnceLock::new();
    if !is_there() {
        eprintln!("skipped: no PostgreSQL here (Debian: postgresql)");
        return None;
    }
    let url = SERVER.get_or_init(|| {
        std::env::var("PERSISTQUEUE_POSTGRES").unwrap_or_else(|_| {
            let server = ServerProcess::start("postgres-server", &[]);
            let url = server.url.clone();
            // It ends with this process.
            std::mem::forget(server);
            url
        })
    });
    Some(Database::new(url))
}

/// The driver must not work in a thread that drives tasks.
fn outside<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}
