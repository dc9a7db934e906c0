//! A MySQL server for tests: the one that `PERSISTQUEUE_MYSQL` names, or one that is started by
//! `mysql-server` and ends with this process.
#![allow(dead_code, reason = "not all tests use all of it")]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use mysql::prelude::Queryable;
use persist_queue::MySqlAddress;

#[path = "server_process.rs"]
mod server_process;

use server_process::{ServerProcess, can_be};

/// What a queue is called to which nobody gives a name, as in persist-queue 1.x.
pub(crate) const UNNAMED: &str = "sql";
/// How its URLs begin.
pub(crate) const SCHEME: &str = "mysql";
/// Where the command line finds the password.
pub(crate) const PASSWORD: &str = "PERSISTQUEUE_MYSQL_PASSWORD";
/// Whether a process that waits has a connection that only listens.
pub(crate) const LISTENS: bool = false;
/// In how many milliseconds a row is found that somebody puts without a word.
pub(crate) const UNTOLD: u64 = 400;
/// Has a connection wait for a second only for what others have locked.
pub(crate) const SHORT_WAITS: &str = "SET innodb_lock_wait_timeout = 1";

/// A server of one's own, for who kills it or changes its settings.
pub(crate) struct Server(ServerProcess);

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self(ServerProcess::start("mysql-server", arguments))
    }

    pub(crate) fn kill(&mut self) {
        self.0.kill();
    }

    pub(crate) fn start_again(&mut self) {
        self.0.start_again();
    }

    pub(crate) fn url(&self) -> &str {
        &self.0.url
    }

    pub(crate) fn database(&self) -> Database {
        Database::new(self.url())
    }
}

/// Whether there can be a server here.
pub(crate) fn is_there() -> bool {
    can_be("PERSISTQUEUE_MYSQL", "mariadbd", &["/usr/sbin", "/usr/local/sbin"])
}

/// Bytes, as they stand in a statement.
pub(crate) fn bytes(bytes: &[u8]) -> String {
    let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let digits = digits.concat();
    format!("X'{digits}'")
}

/// A connection of somebody else's, for what all makes of server understand.
pub(crate) struct Sql(mysql::Conn);

impl Sql {
    pub(crate) fn run(&mut self, text: &str) {
        self.0.query_drop(text).unwrap();
    }

    pub(crate) fn numbers(&mut self, text: &str) -> Vec<i64> {
        self.0.query(text).unwrap()
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
        database.admin().query_drop(format!("CREATE DATABASE {}", database.name)).unwrap();
        database
    }

    /// A connection of the driver's that may do everything.
    pub(crate) fn admin(&self) -> mysql::Conn {
        mysql::Conn::new(mysql::Opts::from_url(&self.url).unwrap()).unwrap()
    }

    /// The same, to this database.
    pub(crate) fn driver(&self) -> mysql::Conn {
        let mut connection = self.admin();
        connection.query_drop(format!("USE {}", self.name)).unwrap();
        connection
    }

    pub(crate) fn connection(&self) -> Sql {
        Sql(self.driver())
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/{}", self.url, self.name)
    }

    pub(crate) fn address(&self) -> MySqlAddress {
        MySqlAddress::from_url(&self.url()).unwrap()
    }

    pub(crate) fn host_and_port(&self) -> (String, u16) {
        let opts = mysql::Opts::from_url(&self.url).unwrap();
        (opts.get_ip_or_hostname().into_owned(), opts.get_tcp_port())
    }

    /// A user who may do everything in this database.
    pub(crate) fn add_user(&self, user: &str, password: &str) {
        let mut admin = self.admin();
        for text in [
            format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{password}'"),
            format!("GRANT ALL ON {}.* TO '{user}'@'%'", self.name),
        ] {
            admin.query_drop(text).unwrap();
        }
    }

    pub(crate) fn drop_user(&self, user: &str) {
        self.admin().query_drop(format!("DROP USER '{user}'@'%'")).unwrap();
    }

    pub(crate) fn tables(&self) -> Vec<String> {
        self.driver().query("SHOW TABLES").unwrap()
    }

    /// Something that changes with what is in a table.
    pub(crate) fn checksum(&self, table: &str) -> String {
        let text = format!("CHECKSUM TABLE {table}");
        let checksum: Option<(String, u64)> = self.driver().query_first(text).unwrap();
        checksum.unwrap().1.to_string()
    }

    /// The connections to this database.
    pub(crate) fn connections(&self) -> Vec<i64> {
        let text = "SELECT id FROM information_schema.processlist WHERE db =";
        self.admin().query(format!("{text} '{}'", self.name)).unwrap()
    }

    /// Has the server close them. Gives how many there were.
    pub(crate) fn kill_connections(&self) -> usize {
        let connections = self.connections();
        for connection in &connections {
            self.admin().query_drop(format!("KILL {connection}")).unwrap();
        }
        connections.len()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Ok(opts) = mysql::Opts::from_url(&self.url) else { return };
        if let Ok(mut connection) = mysql::Conn::new(opts) {
            let _ = connection.query_drop(format!("DROP DATABASE {}", self.name));
        }
    }
}

/// A database on the server of all tests; nothing where there can be none.
pub(crate) fn database() -> Option<Database> {
    static SERVER: OnceLock<String> = OnceLock::new();
    if !is_there() {
        eprintln!("skipped: no MariaDB here (Debian: mariadb-server-core mariadb-client-core)");
        return None;
    }
    let url = SERVER.get_or_init(|| {
        std::env::var("PERSISTQUEUE_MYSQL").unwrap_or_else(|_| {
            let server = ServerProcess::start("mysql-server", &[]);
            let url = server.url.clone();
            // It ends with this process.
            std::mem::forget(server);
            url
        })
    });
    Some(Database::new(url))
}
