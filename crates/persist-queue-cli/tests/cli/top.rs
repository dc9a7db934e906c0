//! `persistq top`, in a real terminal where tmux gives one.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::shell::Shell;

#[test]
fn without_a_terminal_it_says_what_to_use() {
    let shell = Shell::new();
    let came = shell.call(&["top", "q"]);
    assert_eq!((came.code, came.out.as_str()), (Some(2), ""), "{came:?}");
    assert!(came.err.contains("stats --json"), "{came:?}");
}

/// Where there is no tmux this says so and tests nothing; in CI it must be there.
fn has_tmux() -> bool {
    let found = Command::new("tmux").arg("-V").output().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "tmux is missing");
    found
}

#[test]
fn it_shows_depths_and_rates_and_leaves_the_terminal_as_it_was() {
    if !has_tmux() {
        eprintln!("tmux is missing: not tested");
        return;
    }
    let shell = Shell::new();
    shell.run(&["put", "q", "a", "b", "c"]);
    let socket = shell.path("tmux").display().to_string();
    let tmux = |args: &[&str]| {
        let output = Command::new("tmux").args(["-S", &socket]).args(args).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let dir = shell.dir().display().to_string();
    tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "12", "-c", &dir, "sh"]);
    let screen = |wanted: &[&str]| {
        let start = Instant::now();
        loop {
            let text = tmux(&["capture-pane", "-p"]);
            if wanted.iter().all(|word| text.contains(word)) {
                return text;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "{wanted:?} is not in\n{text}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let command =
        format!("echo before; {} top q missing --every 0.2", env!("CARGO_BIN_EXE_persistq"));
    tmux(&["send-keys", &command, "Enter"]);
    screen(&["QUEUE", "file", "3", "+0.0", "there is nothing there", "█", "q ends"]);
    shell.run(&["get", "q", "--all"]);
    screen(&["▁", "0"]);
    tmux(&["send-keys", "q"]);
    let text = screen(&["before"]);
    assert!(!text.contains("QUEUE"), "{text}");
    tmux(&["kill-server"]);
}
