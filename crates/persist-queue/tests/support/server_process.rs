//! A server for tests that a script beside this file starts, and that ends with this process.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// See the module.
pub(crate) struct ServerProcess {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    pub(crate) url: String,
}

impl ServerProcess {
    pub(crate) fn start(script: &str, arguments: &[&str]) -> Self {
        // Tests of other crates use this file too.
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../persist-queue/tests/support");
        let mut child = Command::new(folder.join(script))
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

    /// Gives the answer to an order.
    pub(crate) fn order(&mut self, order: &str) -> String {
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
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.child.wait();
    }
}

/// Whether there can be a server here: one is named, or its program is there. In CI there must be.
pub(crate) fn can_be(variable: &str, program: &str, folders: &[&str]) -> bool {
    let named = std::env::var_os(variable).is_some();
    let must = std::env::var("CI").is_ok_and(|value| value == "true");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).chain(folders.iter().map(Into::into));
    named || must || found.any(|folder| folder.join(program).exists())
}
