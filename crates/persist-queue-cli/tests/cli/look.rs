//! Commands that change nothing: `peek`, `len`, `stats`, `ls`, `doctor`, `completions`, `man`.

use std::fs;

use serde_json::Value;

use crate::shell::{Shell, all_kinds};

/// Puts two items and peeks at them, which leaves them; gives both as they come out.
pub(crate) fn put_two_and_peek(shell: &Shell, queue: &str) -> &'static str {
    shell.run_with(&["put", queue, "--json"], "\"a\"\n{\"b\":2}\n");
    let (first, both) = if queue.contains("filo") {
        ("{\"b\":2}\n", "{\"b\":2}\n\"a\"\n")
    } else {
        ("\"a\"\n", "\"a\"\n{\"b\":2}\n")
    };
    assert_eq!(shell.run(&["peek", queue, "--json"]), first, "{queue}");
    assert_eq!(shell.run(&["peek", queue, "--all", "--json"]), both, "{queue}");
    assert_eq!(shell.run(&["len", queue]), "2\n", "{queue}");
    both
}

#[test]
fn a_peek_shows_what_comes_next_and_leaves_it() {
    let shell = Shell::new();
    for queue in all_kinds() {
        put_two_and_peek(&shell, &queue);
    }
}

#[test]
fn an_empty_queue_has_nothing_to_peek_at() {
    let shell = Shell::new();
    shell.run(&["put", "q", "a"]);
    shell.run(&["get", "q"]);
    assert_eq!(shell.call(&["peek", "q"]).code, Some(3));
    assert_eq!(shell.run(&["peek", "q", "--all"]), "");
}

#[test]
fn stats_count_what_waits_is_held_and_is_done() {
    let shell = Shell::new();
    let queue = "sqlite:d.db#jobs?kind=ack";
    shell.run(&["put", queue, "a", "b", "c"]);
    shell.run(&["get", queue]);
    shell.run(&["put", queue, "later", "--delay", "100"]);
    let stats: Value = serde_json::from_str(&shell.run(&["stats", queue, "--json"])).unwrap();
    for (name, count) in [("depth", 2), ("in_flight", 0), ("acked", 1), ("delayed", 1), ("dead", 0)]
    {
        assert_eq!(stats[name], count, "{name}: {stats}");
    }
    assert!(stats["oldest_seconds"].as_f64().unwrap() < 100.0);
    assert_eq!(stats["kind"], "ack");
    shell.run(&["put", "folder", "a"]);
    let text = shell.run(&["stats", "folder"]);
    for line in ["kind              file", "serializer        pickle", "segments          1"] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[test]
fn ls_finds_queues_in_folders_and_databases() {
    let shell = Shell::new();
    shell.run(&["put", "a/folder", "x", "y"]);
    shell.run(&["put", "sqlite:b/data.db#jobs?kind=ack", "x"]);
    shell.run(&["put", "sqlite:b/data.db#mail?kind=filo", "x"]);
    let text = shell.run(&["ls"]);
    let lines: Vec<Vec<&str>> =
        text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        lines,
        [
            ["2", "file", "./a/folder"],
            ["1", "ack", "sqlite:./b/data.db#jobs?kind=ack"],
            ["1", "filo", "sqlite:./b/data.db#mail?kind=filo"],
        ]
    );
    let json = shell.run(&["ls", "b/data.db", "--json"]);
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["depth"]), (2, &Value::from(1)));
    // What is shown can be used.
    assert_eq!(shell.run(&["len", lines[1]["queue"].as_str().unwrap()]), "1\n");
    assert_eq!(shell.call(&["ls", "nowhere"]).code, Some(5));
}

#[test]
fn doctor_reads_each_record_and_finds_a_bit_that_flipped() {
    let shell = Shell::new();
    for queue in all_kinds() {
        shell.run(&["put", &queue, "a", "b", "c"]);
        let report = shell.run(&["doctor", &queue]);
        assert!(report.starts_with("3 whole record(s)"), "{queue}: {report}");
    }
    let segment = shell.path("folder/q00000");
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(4).position(|window| window == b"\x01b\x94.").unwrap();
    bytes[at + 1] = b'x';
    fs::write(&segment, &bytes).unwrap();
    let came = shell.call(&["doctor", "folder"]);
    assert_eq!(came.code, Some(6), "{came:?}");
    assert!(came.out.contains("1 record(s) lost"), "{came:?}");
    let json: Value =
        serde_json::from_str(&shell.call(&["doctor", "folder", "--json"]).out).unwrap();
    assert_eq!((&json["sound"], &json["records"]), (&Value::from(false), &Value::from(2)));
    assert_eq!(fs::read(&segment).unwrap(), bytes);
    // The other items come out, and the loss is told.
    let came = shell.call(&["get", "folder", "--all"]);
    assert_eq!((came.code, came.out.as_str()), (Some(6), "a\nc\n"), "{came:?}");
}

#[test]
fn doctor_names_what_does_not_decode() {
    let shell = Shell::new();
    shell.run(&["put", "sqlite:d.db", "no pickle", "--serializer", "raw"]);
    let came = shell.call(&["doctor", "sqlite:d.db"]);
    assert_eq!(came.code, Some(6), "{came:?}");
    assert!(came.out.contains("item 1 is no pickle"), "{came:?}");
}

#[test]
fn shells_can_be_taught_and_manuals_be_written() {
    let shell = Shell::new();
    for kind in ["bash", "zsh", "fish"] {
        let script = shell.run(&["completions", kind]);
        assert!(script.contains("persistq") && script.contains("doctor"), "{kind}");
    }
    assert!(shell.run(&["man"]).contains(".TH"));
    shell.run(&["man", "--dir", "."]);
    assert!(shell.path("persistq-put.1").exists());
}
