//! `persistq demo`, as it is called from a shell.

#![expect(
    clippy::unwrap_used,
    reason = "a test may panic; the lint does not see that its helpers are one"
)]

use std::process::{Command, Output};

fn persistq(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_persistq")).args(args).output().unwrap()
}

#[test]
fn a_killed_producer_costs_no_line_and_doubles_none() {
    let folder = tempfile::tempdir().unwrap();
    let parent = folder.path().to_str().unwrap();
    let output = persistq(&["demo", "--lines=4000", "--folder", parent]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for line in ["lines in 4,000", "lines out 4,000", "lost 0", "doubled 0", "out of order 0"] {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.lines().any(|found| words(found) == line), "{line} is not in\n{text}");
    }
    assert!(text.contains("was killed (SIGKILL)"), "{text}");
    let left = folder.path().read_dir().unwrap().count();
    assert_eq!(left, 0, "the run's folder is left");
}

#[test]
fn too_few_lines_to_kill_anybody_are_refused() {
    let output = persistq(&["demo", "--lines=10", "--producers=4"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("8 lines or more"));
}

#[test]
fn an_unknown_command_is_another_exit_code_than_a_failure() {
    assert_eq!(persistq(&["no-such-command"]).status.code(), Some(2));
}
