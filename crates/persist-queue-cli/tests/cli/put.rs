//! `persistq put`.

use std::fs;

use crate::shell::{Shell, all_kinds};

#[test]
fn items_come_from_arguments_lines_and_files() {
    let shell = Shell::new();
    fs::write(shell.path("lines"), "three\nfour").unwrap();
    fs::write(shell.path("whole"), "fi\nve").unwrap();
    assert_eq!(shell.run(&["put", "q", "one", "two"]), "");
    shell.run(&["put", "q", "--lines", "lines"]);
    shell.run(&["put", "q", "--file", "whole"]);
    assert_eq!(shell.run_with(&["put", "q", "--count"], "six\n\n"), "2\n");
    assert_eq!(shell.run(&["get", "q", "--all"]), "one\ntwo\nthree\nfour\nfi\nve\nsix\n\n");
}

#[test]
fn json_keeps_its_types_with_each_serializer() {
    let shell = Shell::new();
    let items = "{\"b\":1,\"a\":[null,true,-2,0.5,\"ü\"]}\n\"text\"\n18446744073709551615\n";
    for serializer in ["pickle", "json", "msgpack", "cbor"] {
        shell.run_with(&["put", serializer, "--serializer", serializer, "--json"], items);
        assert_eq!(shell.run(&["get", serializer, "--all", "--json"]), items, "{serializer}");
    }
}

#[test]
fn bytes_that_are_no_text_come_out_as_they_were() {
    let shell = Shell::new();
    fs::write(shell.path("bytes"), b"\xff\x00\xfe").unwrap();
    shell.run(&["put", "q", "--file", "bytes"]);
    let output = shell.command(&["get", "q"]).output().unwrap();
    assert_eq!(output.stdout, b"\xff\x00\xfe\n");
}

#[test]
fn a_bad_line_is_named_and_what_came_before_is_told() {
    let shell = Shell::new();
    let came = shell.feed(&["put", "q", "--json", "--maxsize", "9"], "1\n2\noops\n");
    assert_eq!(came.code, Some(1));
    assert!(came.err.contains("line 3 cannot be put"), "{}", came.err);
    assert!(came.err.contains("2 item(s) before it were stored"), "{}", came.err);
    assert_eq!(shell.run(&["len", "q"]), "2\n");
}

#[test]
fn a_full_queue_has_an_exit_code_of_its_own() {
    let shell = Shell::new();
    for queue in all_kinds() {
        shell.run(&["put", &queue, "one", "two", "--maxsize", "2"]);
        let came = shell.call(&["put", &queue, "three", "--maxsize", "2"]);
        assert_eq!(came.code, Some(4), "{came:?}");
        assert!(came.err.contains("full"), "{came:?}");
        let came = shell.call(&["put", &queue, "three", "--maxsize", "2", "--timeout", "0.1"]);
        assert_eq!(came.code, Some(4), "{came:?}");
        assert_eq!(shell.run(&["len", &queue]), "2\n");
    }
}

#[test]
fn another_serializer_than_the_queues_is_refused() {
    let shell = Shell::new();
    shell.run(&["put", "q", "one"]);
    let came = shell.call(&["put", "q", "two", "--serializer", "json"]);
    assert_eq!(came.code, Some(1));
    assert!(came.err.contains("'pickle'") && came.err.contains("'json'"), "{}", came.err);
    assert_eq!(shell.run(&["len", "q"]), "1\n");
}

#[test]
fn priorities_order_what_comes_out() {
    let shell = Shell::new();
    let queue = "sqlite:d.db?kind=priority";
    shell.run(&["put", queue, "late", "--priority", "5"]);
    shell.run(&["put", queue, "first", "--priority", "-1"]);
    assert_eq!(shell.run(&["peek", queue]), "first\n");
    assert_eq!(shell.run(&["get", queue, "--all"]), "first\nlate\n");
    let came = shell.call(&["put", "folder", "x", "--priority", "1"]);
    assert_eq!(came.code, Some(2), "{came:?}");
}

#[test]
fn a_line_does_not_wait_for_the_next_one() {
    use std::io::Write;
    let shell = Shell::new();
    shell.run(&["put", "q", "first"]);
    let mut put = shell.start(&["put", "q"]);
    let mut input = put.stdin.take().unwrap();
    input.write_all(b"second\n").unwrap();
    let out = shell.run(&["get", "q", "-n", "2", "--timeout", "20"]);
    assert_eq!(out, "first\nsecond\n");
    drop(input);
    assert!(put.wait().unwrap().success());
}
