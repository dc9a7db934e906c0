//! A MySQL server for tests: the one that `PERSISTQUEUE_MYSQL` names, or one that is started by
//! `mysql-server` and ends with this process.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use mysql::prelude::Queryable;
use persist_queue::MySqlAddress;

/// A server of one's own, for who kills it or changes its settings.
pub(crate) struct Server {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        // Tests of other crates use this file too.
        let script = "../persist-queue/tests/support/mysql-server";
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
        let mut child = Command::new(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut server = Self { child, orders, answers, url: String::new() };
        server.url = server.answer();
        server
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "the server did not start");
        line.trim_end().to_owned()
    }

    fn order(&mut self, order: &str) -> String {
        writeln!(self.orders.as_mut().unwrap(), "{order}").unwrap();
        self.answer()
    }

    /// As `kill -9` does.
    pub(crate) fn kill(&mut self) {
        assert_eq!(self.order("kill"), "killed");
    }

    pub(crate) fn start_again(&mut self) {
        assert_eq!(self.order("start"), self.url);
    }

    pub(crate) fn database(&self) -> Database {
        Database::new(&self.url)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.child.wait();
    }
}

/// Whether there can be a server here. In CI there must be.
pub(crate) fn is_there() -> bool {
    let named = std::env::var_os("PERSISTQUEUE_MYSQL").is_some();
    let must = std::env::var("CI").is_ok_and(|value| value == "true");
    let found = || {
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/local/sbin";
        std::env::split_paths(&path).any(|folder| folder.join("mariadbd").exists())
    };
    named || must || found()
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

    /// A connection that may do everything.
    pub(crate) fn admin(&self) -> mysql::Conn {
        mysql::Conn::new(mysql::Opts::from_url(&self.url).unwrap()).unwrap()
    }

    /// A connection of somebody else's.
    pub(crate) fn connection(&self) -> mysql::Conn {
        let mut connection = self.admin();
        connection.query_drop(format!("USE {}", self.name)).unwrap();
        connection
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
            let server = Server::start(&[]);
            let url = server.url.clone();
            // It ends with this process.
            std::mem::forget(server);
            url
        })
    });
    Some(Database::new(url))
}
