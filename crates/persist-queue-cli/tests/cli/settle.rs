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
    shell.run(&["put", "sqlite:d.db", "a"]);
    assert_eq!(shell.call(&["repair", "sqlite:d.db"]).code, Some(2));
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
