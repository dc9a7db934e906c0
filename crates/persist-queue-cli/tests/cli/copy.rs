//! `persistq copy`, `export` and `import`.

use std::process::Stdio;
use std::time::Duration;

use crate::shell::{Shell, all_kinds, kill_after};

#[test]
fn a_copy_has_all_items_and_leaves_the_first_queue_alone() {
    let shell = Shell::new();
    let items = "\"a\"\n{\"b\":[2,null]}\n\"c\"\n";
    shell.run_with(&["put", "from", "--json"], items);
    for (at, queue) in all_kinds().iter().enumerate() {
        let to = queue.replace("folder", "to").replace("d.db", &format!("{at}.db"));
        shell.run(&["copy", "from", &to]);
        let all = shell.run(&["get", &to, "--all", "--json"]);
        let mut lines: Vec<_> = all.lines().collect();
        if queue.contains("filo") {
            lines.reverse();
        }
        assert_eq!(lines.join("\n") + "\n", items, "{queue}");
        // What is done is not done again by accident.
        let came = shell.call(&["copy", "from", &to]);
        assert_eq!(came.code, Some(0), "{came:?}");
        assert!(came.err.contains("--again"), "{came:?}");
        assert_eq!(shell.run(&["len", &to]), "0\n", "{queue}");
        shell.run(&["copy", "from", &to, "--again"]);
        assert_eq!(shell.run(&["len", &to]), "3\n", "{queue}");
        shell.run(&["purge", &to, "--yes"]);
    }
    assert_eq!(shell.run(&["len", "from"]), "3\n");
}

#[test]
fn a_copy_translates_between_serializers_and_keeps_priorities() {
    let shell = Shell::new();
    shell.run(&["put", "sqlite:a.db?kind=priority", "late", "--priority", "7"]);
    shell.run(&["put", "sqlite:a.db?kind=priority", "soon", "--priority", "2"]);
    shell.run(&["copy", "a.db", "sqlite:b.db?kind=priority", "--to-serializer", "json"]);
    let read = ["get", "b.db", "--all", "--serializer", "json"];
    assert_eq!(shell.run(&read), "soon\nlate\n");
}

#[test]
fn a_copy_that_is_killed_goes_on_and_doubles_nothing() {
    let shell = Shell::new();
    let items = crate::stream::numbers(60_000);
    shell.run_with(&["put", "from"], &items);
    for to in ["to", "sqlite:to.db"] {
        let mut kills = 0;
        for round in 1..40 {
            let copy = shell.command(&["copy", "from", to]).stderr(Stdio::null()).spawn().unwrap();
            if kill_after(copy, Duration::from_millis(8 * round)) {
                break;
            }
            kills += 1;
        }
        assert_eq!(shell.call(&["copy", "from", to]).code, Some(0));
        assert!(kills > 0);
        let got = shell.run(&["get", to, "--all"]);
        let first = got.lines().zip(items.lines()).position(|(got, put)| got != put);
        let lines = got.lines().count();
        assert!(got == items, "{to}: line {first:?} of {lines} is another one after {kills} kills");
    }
}

#[test]
fn what_is_exported_can_be_imported() {
    let shell = Shell::new();
    let items = "\"a\"\n{\"$map\":[[1,2]]}\n{\"$bytes\":\"/wA=\"}\n";
    shell.run_with(&["put", "q", "--json"], items);
    assert_eq!(shell.run(&["export", "q"]), items);
    shell.run_with(&["import", "sqlite:d.db#copy"], items);
    assert_eq!(shell.run(&["export", "sqlite:d.db#copy"]), items);
    assert_eq!(shell.run(&["len", "q"]), "3\n");
}

#[test]
fn a_folder_of_persist_queue_1_is_written_and_read() {
    let shell = Shell::new();
    for count in [0, 1, 99, 100, 101, 250] {
        for serializer in ["pickle", "json", "msgpack", "cbor"] {
            let (queue, old) = (format!("q{serializer}{count}"), format!("o{serializer}{count}"));
            let lines = crate::stream::numbers(count);
            shell.run_with(&["put", &queue, "--json", "--serializer", serializer], &lines);
            shell.run(&["export", &queue, "--legacy", &old]);
            assert_eq!(shell.run(&["len", &old]), format!("{count}\n"));
            assert_eq!(shell.run(&["peek", &old, "--all", "--json"]), lines, "{old}");
            let new = format!("n{serializer}{count}");
            shell.run(&["import", &new, &old]);
            assert_eq!(shell.run(&["get", &new, "--all", "--json"]), lines, "{old}");
        }
    }
    assert_eq!(shell.call(&["export", "qjson1", "--legacy", "ojson1"]).code, Some(1));
}
