//! `persistq watch`.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use crate::shell::Shell;

const JOBS: &str = "sqlite:d.db#jobs?kind=ack";

fn filled() -> Shell {
    let shell = Shell::new();
    shell.run(&["put", "q\"uote", "a", "b"]);
    shell.run(&["put", JOBS, "a", "b", "c"]);
    shell.run(&["get", JOBS]);
    shell
}

fn check(text: &str) {
    for line in [
        "persistq_up{queue=\"q\\\"uote\"} 1",
        "persistq_up{queue=\"missing\"} 0",
        "persistq_depth{queue=\"q\\\"uote\",kind=\"file\"} 2",
        "persistq_depth{queue=\"sqlite:d.db#jobs?kind=ack\",kind=\"ack\"} 2",
        "persistq_acked{queue=\"sqlite:d.db#jobs?kind=ack\",kind=\"ack\"} 1",
        "# TYPE persistq_dead gauge",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    // Nothing is said of what a queue does not know, or of one that is not there.
    assert!(!text.contains("persistq_acked{queue=\"q"), "{text}");
    assert!(!text.contains("persistq_depth{queue=\"missing"), "{text}");
}

#[test]
fn a_file_holds_what_prometheus_reads() {
    let shell = filled();
    shell.run(&["watch", "q\"uote", JOBS, "missing", "--prometheus", "m.prom", "--once"]);
    check(&fs::read_to_string(shell.path("m.prom")).unwrap());
    assert!(!shell.path("m.prom.new").exists());
}

#[test]
fn prometheus_can_ask_and_only_on_this_machine() {
    let shell = filled();
    let args = ["watch", "q\"uote", JOBS, "missing", "--prometheus", ":0", "--once"];
    let mut watch = shell.start(&args);
    let mut words = String::new();
    BufReader::new(watch.stderr.take().unwrap()).read_line(&mut words).unwrap();
    let address = words.trim().strip_prefix("persistq: http://").unwrap();
    let address = address.strip_suffix("/metrics").unwrap();
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    let ask = |what: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {what} HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(ask("/passwords").starts_with("HTTP/1.1 404"));
    let answer = ask("/metrics");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    check(body);
    assert!(watch.wait().unwrap().success());
}
