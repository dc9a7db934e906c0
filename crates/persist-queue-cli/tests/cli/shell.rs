//! A folder of its own, and the command in it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use persist_queue::sql::Flavour;
use tempfile::TempDir;

pub(crate) struct Shell(TempDir);

/// What came of a call.
#[derive(Debug, PartialEq)]
pub(crate) struct Came {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Shell {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn dir(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_persistq"));
        command.args(args).current_dir(self.dir());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args).spawn().unwrap()
    }

    /// With nothing on its standard input.
    pub(crate) fn call(&self, args: &[&str]) -> Came {
        self.feed(args, "")
    }

    pub(crate) fn feed(&self, args: &[&str], input: &str) -> Came {
        let mut child = self.start(args);
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        let feeder = std::thread::spawn(move || {
            let _ = stdin.write_all(input.as_bytes());
        });
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Came { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// As [`Shell::call`], for what must do as it is told; gives its output.
    pub(crate) fn run(&self, args: &[&str]) -> String {
        self.run_with(args, "")
    }

    pub(crate) fn run_with(&self, args: &[&str], input: &str) -> String {
        let came = self.feed(args, input);
        assert_eq!((came.code, came.err.as_str()), (Some(0), ""), "{args:?}");
        came.out
    }
}

/// Kills a process after a while. Says whether it had ended before.
pub(crate) fn kill_after(mut child: Child, time: Duration) -> bool {
    std::thread::sleep(time);
    child.kill().unwrap();
    child.wait().unwrap().code().is_some()
}

/// A name for each kind of queue.
pub(crate) fn all_kinds() -> Vec<String> {
    let tables = Flavour::ALL.into_iter().map(|flavour| format!("sqlite:d.db#q?kind={flavour}"));
    std::iter::once("folder".to_owned()).chain(tables).collect()
}
