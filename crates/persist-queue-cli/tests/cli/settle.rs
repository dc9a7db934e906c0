//! Commands that remove or bring back: `purge`, `dead`.

use crate::shell::{Shell, all_kinds};

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
