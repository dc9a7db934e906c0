//! `persistq top`, in a real terminal where tmux gives one.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::mysql::server;
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

/// A terminal with a shell in it, 100 columns wide.
struct Terminal<'a> {
    shell: &'a Shell,
    socket: String,
}

impl<'a> Terminal<'a> {
    fn open(shell: &'a Shell) -> Self {
        let terminal = Self { shell, socket: shell.path("tmux").display().to_string() };
        let dir = shell.dir().display().to_string();
        let size = ["-x", "100", "-y", "12"];
        let start = ["-f", "/dev/null", "new-session", "-d", "-c", &dir];
        terminal.tmux(&[&start[..], &size, &["sh"]].concat());
        terminal
    }

    fn tmux(&self, args: &[&str]) -> String {
        let mut tmux = Command::new("tmux");
        let output = tmux.args(["-S", &self.socket]).args(args).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn type_line(&self, line: &str) {
        self.tmux(&["send-keys", line, "Enter"]);
    }

    /// Waits until all words are on the screen, and gives what is on it.
    fn screen(&self, wanted: &[&str]) -> String {
        let start = Instant::now();
        loop {
            let text = self.tmux(&["capture-pane", "-p"]);
            if wanted.iter().all(|word| text.contains(word)) {
                return text;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "{wanted:?} is not in\n{text}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What the shell's terminal is set to, as `stty` reads it back.
    fn settings(&self) -> String {
        let file = self.shell.path("settings");
        self.type_line("stty -g > fresh; mv fresh settings");
        let start = Instant::now();
        loop {
            if let Ok(settings) = std::fs::read_to_string(&file) {
                std::fs::remove_file(&file).unwrap();
                return settings;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "the shell does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[test]
fn it_shows_depths_and_rates_and_leaves_the_terminal_as_it_was() {
    if !has_tmux() {
        eprintln!("tmux is missing: not tested");
        return;
    }
    let shell = Shell::new();
    shell.run(&["put", "q", "a", "b", "c"]);
    let database = server::database();
    let mut on_server = String::new();
    if let Some(database) = &database {
        let queue = format!("{}#q?kind=ack-filo", database.url());
        shell.run(&["put", &queue, "a"]);
        on_server = format!("'{queue}'");
    }
    let terminal = Terminal::open(&shell);
    let persistq = env!("CARGO_BIN_EXE_persistq");
    let command = format!("echo before; {persistq} top q missing {on_server} --every 0.2");
    terminal.type_line(&command);
    terminal.screen(&["QUEUE", "file", "3", "+0.0", "there is nothing there", "█", "q ends"]);
    if database.is_some() {
        terminal.screen(&["ack-filo"]);
    }
    shell.run(&["get", "q", "--all"]);
    terminal.screen(&["▁", "0"]);
    terminal.tmux(&["send-keys", "q"]);
    let text = terminal.screen(&["before"]);
    assert!(!text.contains("QUEUE"), "{text}");
}

#[test]
fn asked_to_end_by_a_signal_it_leaves_the_terminal_as_it_was() {
    if !has_tmux() {
        eprintln!("tmux is missing: not tested");
        return;
    }
    let shell = Shell::new();
    shell.run(&["put", "q", "a"]);
    let terminal = Terminal::open(&shell);
    let before = terminal.settings();
    let persistq = env!("CARGO_BIN_EXE_persistq");
    for (signal, code) in [("HUP", 129), ("INT", 130), ("TERM", 143)] {
        // It is to end at once, not when it looks again.
        let top = format!("echo $$ > pid; exec {persistq} top q --every 3600");
        terminal.type_line(&format!("sh -c '{top}'; echo code $?"));
        terminal.screen(&["QUEUE", "q ends"]);
        let pid = std::fs::read_to_string(shell.path("pid")).unwrap();
        let killed = Command::new("kill").args(["-s", signal, pid.trim()]).status().unwrap();
        assert!(killed.success());
        let text = terminal.screen(&[&format!("code {code}")]);
        assert!(!text.contains("QUEUE"), "{text}");
        let shown = terminal.tmux(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]);
        assert_eq!(shown.trim(), "0 1", "{signal}: the screen or the cursor");
        assert_eq!(terminal.settings(), before, "{signal}");
    }
}
