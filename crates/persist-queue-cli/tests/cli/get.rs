//! `persistq get`.

use std::io::{BufRead, BufReader};
use std::time::Instant;

use persist_queue::Wait;
use persist_queue::sqlite::PutOptions;

use crate::shell::{Shell, all_kinds};

#[test]
fn one_item_or_some_or_all_come_out_and_are_gone() {
    let shell = Shell::new();
    for queue in all_kinds() {
        shell.run(&["put", &queue, "a", "b", "c", "d"]);
        let order =
            if queue.contains("filo") { ["d", "c", "b", "a"] } else { ["a", "b", "c", "d"] };
        assert_eq!(shell.run(&["get", &queue]), format!("{}\n", order[0]), "{queue}");
        assert_eq!(shell.run(&["get", &queue, "-n", "2"]), format!("{}\n{}\n", order[1], order[2]));
        assert_eq!(shell.run(&["get", &queue, "--all"]), format!("{}\n", order[3]));
        assert_eq!(shell.run(&["get", &queue, "--all"]), "");
        let came = shell.call(&["get", &queue]);
        assert_eq!((came.code, came.out.as_str()), (Some(3), ""), "{came:?}");
    }
}

#[test]
fn a_timeout_waits_and_then_says_that_there_was_nothing() {
    let shell = Shell::new();
    shell.run(&["put", "q", "a"]);
    shell.run(&["get", "q"]);
    let start = Instant::now();
    assert_eq!(shell.call(&["get", "q", "--timeout", "0.3"]).code, Some(3));
    assert!(start.elapsed().as_millis() >= 300);
}

#[test]
fn what_is_not_there_is_not_made() {
    let shell = Shell::new();
    for command in ["get", "peek", "len", "stats", "doctor"] {
        for queue in ["nothing", "sqlite:no.db", "sqlite:no.db#q?kind=ack"] {
            let came = shell.call(&[command, queue]);
            assert_eq!(came.code, Some(5), "{command}: {came:?}");
        }
    }
    assert_eq!(shell.dir().read_dir().unwrap().count(), 0);
}

#[test]
fn follow_writes_each_item_when_it_comes() {
    let shell = Shell::new();
    for queue in ["folder", "sqlite:d.db#q", "sqlite:d.db#q?kind=ack"] {
        shell.run(&["put", queue, "first"]);
        let mut follow = shell.start(&["get", queue, "--follow"]);
        let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "first");
        shell.run(&["put", queue, "second"]);
        assert_eq!(lines.next().unwrap().unwrap(), "second");
        follow.kill().unwrap();
        follow.wait().unwrap();
    }
}

#[test]
fn a_command_that_fails_gives_its_item_back_and_one_that_succeeds_finishes_it() {
    let shell = Shell::new();
    for queue in all_kinds() {
        shell.run(&["put", &queue, "a", "b"]);
        let first = if queue.contains("filo") { "b" } else { "a" };
        let came = shell.call(&["get", &queue, "--all", "--exec", "cat; exit 3"]);
        assert_eq!((came.code, came.out), (Some(1), format!("{first}\n")), "{queue}");
        assert!(came.err.contains("went back"), "{}", came.err);
        assert_eq!(shell.run(&["peek", &queue]), format!("{first}\n"), "{queue}");
        let both = if queue.contains("filo") { "b\na\n" } else { "a\nb\n" };
        assert_eq!(shell.run(&["get", &queue, "--all", "--exec", "cat"]), both, "{queue}");
        assert_eq!(shell.run(&["len", &queue]), "0\n", "{queue}");
    }
}

#[test]
fn of_a_folder_one_process_takes_and_another_one_is_told_which() {
    let shell = Shell::new();
    shell.run(&["put", "q", "a", "b"]);
    let mut follow = shell.start(&["get", "q", "--follow"]);
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "a");
    let came = shell.call(&["get", "q", "--timeout", "5"]);
    assert_eq!(came.code, Some(1), "{came:?}");
    assert!(came.err.contains(&follow.id().to_string()), "{came:?}");
    // It can be looked at and put into all the same.
    shell.run(&["put", "q", "c"]);
    shell.run(&["len", "q"]);
    assert_eq!(lines.by_ref().take(2).map(Result::unwrap).collect::<Vec<_>>(), ["b", "c"]);
    follow.kill().unwrap();
    follow.wait().unwrap();
}

#[test]
fn a_closed_pipe_is_no_error_and_loses_no_item() {
    let shell = Shell::new();
    for queue in all_kinds() {
        shell.run(&["put", &queue, "a", "b"]);
        let mut command = shell.command(&["get", &queue, "--all"]);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command.stdout(writer).output().unwrap();
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{queue}");
        assert_eq!(shell.run(&["len", &queue]), "2\n", "{queue}");
        shell.run(&["get", &queue, "--all"]);
    }
}

#[test]
fn what_python_alone_can_make_stays_and_its_bytes_can_be_had() {
    let shell = Shell::new();
    let pickle = b"\x80\x04cdatetime\ndate\nC\x04\x07\xea\x0b\x18\x85R.";
    std::fs::write(shell.path("date"), pickle).unwrap();
    shell.run(&["put", "q", "before"]);
    let opening = persist_queue::any::Opening::new();
    let queue = persist_queue::any::open(shell.path("q").to_str().unwrap(), &opening).unwrap();
    queue.put(&[pickle.to_vec()], PutOptions::default(), Wait::No).unwrap();
    drop(queue);
    let came = shell.call(&["get", "q", "--all"]);
    assert_eq!((came.code, came.out.as_str()), (Some(1), "before\n"), "{came:?}");
    assert!(came.err.contains("datetime.date"), "{}", came.err);
    let shown = shell.run(&["peek", "q"]);
    assert!(shown.contains("datetime.date"), "{shown}");
    let output = shell.command(&["get", "q", "--serializer", "raw"]).output().unwrap();
    assert_eq!(output.stdout, [&pickle[..], b"\n"].concat());
}

#[test]
fn wrong_usage_has_exit_code_2() {
    let shell = Shell::new();
    for args in [
        &["get"][..],
        &["get", "q", "--all", "--follow"],
        &["get", "q", "--timeout", "-1"],
        &["get", "sqlite:a?kind=stack"],
        &["stack", "q"],
    ] {
        let came = shell.call(args);
        assert_eq!((came.code, came.out.as_str()), (Some(2), ""), "{came:?}");
        assert!(!came.err.is_empty());
    }
}
