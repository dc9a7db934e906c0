//! Commands that remove or bring back: `purge`, `dead`.

use std::fs;

use crate::shell::{Shell, all_kinds};

#[test]
fn a_repair_has_all_whole_records_and_keeps_the_old_queue() {
    let shell = Shell::new();
    shell.run(&["put", "q", "a", "b", "c"]);
    let segment = shell.path("q/q00000");
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(4).position(|window| window == b"\x01b\x94.").unwrap();
    bytes[at + 1] = b'x';
    fs::write(&segment, &bytes).unwrap();
    let came = shell.call(&["repair", "q"]);
    assert_eq!(came.code, Some(0), "{came:?}");
    assert!(came.err.contains("1 record(s) lost"), "{came:?}");
    assert!(shell.run(&["doctor", "q"]).starts_with("2 whole record(s)"));
    assert_eq!(fs::read(shell.path("q.before-repair-1/q00000")).unwrap(), bytes);
    // A sound queue loses nothing; and one that was killed between its last steps comes to its end.
    assert!(shell.run(&["repair", "q/"]).contains("before-repair-2"));
    fs::rename(shell.path("q"), shell.path("q.repaired")).unwrap();
    shell.run(&["repair", "q"]);
    assert_eq!(shell.run(&["get", "q", "--all"]), "a\nc\n");
}

#[test]
fn a_database_that_somebody_uses_is_not_repaired() {
    let shell = Shell::new();
    shell.run(&["put", "sqlite:d.db", "a"]);
    let opening = persist_queue::any::Opening::new();
    let url = format!("sqlite:{}", shell.path("d.db").display());
    let queue = persist_queue::any::open(&url, &opening).unwrap();
    let came = shell.call(&["repair", "sqlite:d.db"]);
    assert!(came.err.contains("must be stopped"), "{came:?}");
    assert!(!shell.path("d.db.before-repair-1").exists());
    queue.close().unwrap();
    drop(queue);
    shell.run(&["repair", "sqlite:d.db"]);
    assert_eq!(shell.run(&["get", "sqlite:d.db"]), "a\n");
}

#[test]
fn a_repair_of_a_database_has_all_rows_that_can_be_read() {
    let shell = Shell::new();
    let queue = "sqlite:d.db#jobs?kind=ack";
    let items: Vec<String> = (0..5000).map(|number| format!("item {number}")).collect();
    for some in items.chunks(500) {
        let mut args = vec!["put", queue];
        args.extend(some.iter().map(String::as_str));
        shell.run(&args);
    }
    shell.run(&["put", "sqlite:d.db#other", "whole"]);
    let sound = shell.run(&["repair", "sqlite:d.db"]);
    assert!(sound.contains("5000 row(s) of ack_queue_jobs"), "{sound}");
    let path = shell.path("d.db");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(9).position(|window| window == b"item 2500").unwrap();
    let page = at / 4096 * 4096;
    bytes[page..page + 4096].fill(0xFF);
    fs::write(&path, &bytes).unwrap();
    let came = shell.call(&["repair", queue]);
    assert_eq!(came.code, Some(0), "{came:?}");
    assert!(came.err.contains("some rows of ack_queue_jobs are lost"), "{came:?}");
    assert_eq!(fs::read(shell.path("d.db.before-repair-2")).unwrap(), bytes);
    assert_eq!(shell.run(&["get", "sqlite:d.db#other", "--all"]), "whole\n");
    let got = shell.run(&["get", queue, "--all"]);
    let got: Vec<&str> = got.lines().collect();
    let lost: Vec<usize> = (0..5000).filter(|at| !got.contains(&items[*at].as_str())).collect();
    assert_eq!(got.len() + lost.len(), 5000, "each at most once");
    let whole = lost.len() == lost.last().unwrap() - lost.first().unwrap() + 1;
    assert!(whole && lost.len() < 100, "only those of the page: {lost:?}");
    // What comes next gets a number of its own.
    shell.run(&["put", queue, "next"]);
    assert_eq!(shell.run(&["get", queue]), "next\n");
}

/// As all other commands take it.
#[test]
fn a_repair_of_a_folder_with_a_queue_and_a_database_is_that_of_the_queue() {
    let shell = Shell::new();
    shell.run(&["put", "q", "in the folder"]);
    shell.run(&["put", "sqlite:q/data.db", "in the database"]);
    assert_eq!(shell.run(&["peek", "q"]), "in the folder\n");
    let came = shell.run(&["repair", "q"]);
    assert!(came.starts_with("1 record(s)"), "{came}");
}

#[test]
fn purge_removes_only_what_was_agreed_to() {
    let shell = Shell::new();
    for queue in all_kinds() {
        shell.run(&["put", &queue, "a", "b"]);
        let came = shell.call(&["purge", &queue]);
        assert_eq!(came.code, Some(2), "{came:?}");
        assert_eq!(shell.run(&["len", &queue]), "2\n");
        assert_eq!(shell.run(&["purge", &queue, "--yes"]), "2\n");
        assert_eq!(shell.run(&["len", &queue]), "0\n");
    }
}

#[test]
fn dead_letters_are_listed_requeued_and_dropped() {
    let shell = Shell::new();
    let queue = "sqlite:d.db#jobs?kind=ack";
    shell.run(&["put", queue, "a", "b", "c", "--ttl", "0.001"]);
    std::thread::sleep(std::time::Duration::from_millis(20));
    shell.run(&["put", queue, "alive"]);
    assert_eq!(shell.run(&["get", queue, "--all"]), "alive\n");
    assert_eq!(shell.run(&["dead", "list", queue]), "1\ta\n2\tb\n3\tc\n");
    assert_eq!(shell.run(&["dead", "requeue", queue, "2"]), "1\n");
    assert_eq!(shell.run(&["get", queue, "--all"]), "b\n");
    assert_eq!(shell.run(&["dead", "drop", queue, "1", "77"]), "1\n");
    assert!(shell.run(&["dead", "list", queue, "--json"]).contains("\"item\":\"c\""));
    assert_eq!(shell.run(&["dead", "drop", queue, "--all"]), "1\n");
    assert_eq!(shell.run(&["dead", "list", queue]), "");
    let came = shell.call(&["dead", "list", "sqlite:d.db#jobs?kind=fifo"]);
    assert_eq!(came.code, Some(5), "{came:?}");
    shell.run(&["put", "folder", "a"]);
    assert_eq!(shell.call(&["dead", "list", "folder"]).code, Some(2));
}
