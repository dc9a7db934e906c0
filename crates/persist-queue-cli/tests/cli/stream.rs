//! A long stream through a queue, and kills on either side of it.

use std::fs::{self, File};
use std::process::Stdio;
use std::time::Duration;

use crate::shell::{Shell, kill_after};

/// So many lines, from 1 on.
pub(crate) fn numbers(count: u64) -> String {
    let mut lines = String::new();
    for number in 1..=count {
        lines.push_str(&number.to_string());
        lines.push('\n');
    }
    lines
}

#[test]
fn a_million_lines_come_out_as_they_went_in() {
    let shell = Shell::new();
    let lines = numbers(1_000_000);
    shell.run_with(&["put", "q"], &lines);
    assert!(shell.run(&["get", "q", "--all"]) == lines, "other lines came out");
}

#[test]
fn a_put_that_is_killed_and_resumed_has_each_line_once() {
    let shell = Shell::new();
    let lines = numbers(200_000);
    fs::write(shell.path("lines"), &lines).unwrap();
    for queue in ["folder", "sqlite:d.db"] {
        let args = ["put", queue, "--lines", "lines", "--resume", "lines"];
        let mut kills = 0;
        for round in 1..30 {
            let put = shell.command(&args).spawn().unwrap();
            if kill_after(put, Duration::from_millis(7 * round)) {
                break;
            }
            kills += 1;
        }
        assert_eq!(shell.call(&args).code, Some(0));
        assert!(kills > 0);
        assert!(shell.run(&["get", queue, "--all"]) == lines, "{queue}: other lines came out");
    }
}

/// Killed in the middle of making the first file.
#[test]
fn a_queue_that_was_only_begun_is_none_yet_and_is_made() {
    let shell = Shell::new();
    fs::write(shell.path("lines"), "1\n2\n").unwrap();
    for (queue, first) in [("none", &b""[..]), ("some", b"PQRSSEG1"), ("blank", &[0; 4096])] {
        fs::create_dir(shell.path(queue)).unwrap();
        fs::write(shell.path(queue).join("q00000"), first).unwrap();
        assert_ne!(shell.call(&["stats", queue]).code, Some(6), "it is not damaged");
        let args = ["put", queue, "--lines", "lines", "--resume", queue];
        assert_eq!(shell.call(&args).code, Some(0), "{queue}");
        assert_eq!(shell.run(&["get", queue, "--all"]), "1\n2\n");
    }
}

/// Each run writes a file of its own. What a killed one wrote last may come again, at most a batch.
#[test]
fn a_get_that_is_killed_loses_nothing_and_doubles_at_most_its_last_batch() {
    let shell = Shell::new();
    let lines = numbers(100_000);
    for queue in ["folder", "sqlite:d.db", "sqlite:d.db#q?kind=ack"] {
        shell.run_with(&["put", queue], &lines);
        let mut runs = Vec::new();
        for round in 1..30 {
            let path = shell.path(&format!("out{round}"));
            let mut get = shell.command(&["get", queue, "--all"]);
            let get = get.stdout(File::create(&path).unwrap()).stderr(Stdio::null());
            let ended = kill_after(get.spawn().unwrap(), Duration::from_millis(5 * round));
            runs.push(fs::read_to_string(&path).unwrap());
            if ended {
                break;
            }
        }
        runs.push(shell.run(&["get", queue, "--all"]));
        assert!(runs.len() > 2, "{queue}: nobody was killed");
        let mut next = 1;
        for run in &runs {
            // A line that was cut off by the kill comes again.
            let whole = run.rfind('\n').map_or("", |end| &run[..=end]);
            let numbers: Vec<u64> = whole.lines().map(|line| line.parse().unwrap()).collect();
            let Some(first) = numbers.first() else { continue };
            assert!(*first <= next, "{queue}: {next} is lost");
            assert!(next - first <= 1000, "{queue}: {first} comes again after {next}");
            assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{queue}");
            next = first + numbers.len() as u64;
        }
        assert_eq!(next, 100_001, "{queue}");
    }
}
