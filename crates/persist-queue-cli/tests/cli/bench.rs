//! `persistq bench`.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use roxmltree::{Document, ParsingOptions};
use serde_json::Value;

use crate::shell::Shell;

const KINDS: [&str; 8] = [
    "limit",
    "file",
    "sqlite-fifo",
    "sqlite-filo",
    "sqlite-unique",
    "sqlite-priority",
    "sqlite-ack",
    "sqlite-dict",
];

/// Little, for tests.
const SMALL: [&str; 5] = ["bench", "--items=500", "--seconds=0.005", "--rounds=2", "--threads=2"];

fn bench(shell: &Shell, more: &[&str]) -> String {
    let came = shell.call(&[&SMALL[..], more].concat());
    assert_eq!(came.code, Some(0), "{came:?}");
    came.out
}

fn names_in(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).collect()
}

#[test]
fn every_kind_is_measured_in_a_folder_that_is_gone_afterwards() {
    let shell = Shell::new();
    let came = shell.call(&SMALL);
    assert_eq!(came.code, Some(0), "{came:?}");
    // Two spaces and more are between the columns.
    let cells = |line| str::split(line, "  ").map(str::trim).filter(|cell| !cell.is_empty());
    let rows: Vec<Vec<&str>> = came.out.lines().map(|line| cells(line).collect()).collect();
    assert!(rows[0].contains(&"an item") && rows[0].contains(&"level"), "{}", came.out);
    assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{}", came.out);
    let kinds = |level: &str| {
        let of_level = rows.iter().filter(|row| row[1] == level);
        let mut kinds: Vec<&str> = of_level.map(|row| row[0]).collect();
        kinds.dedup();
        kinds
    };
    assert_eq!(kinds("process"), KINDS);
    assert_eq!(kinds("disk"), KINDS);
    assert_eq!(kinds("memory"), KINDS[2..]);
    let dir = shell.dir().canonicalize().unwrap().display().to_string();
    assert!(came.err.contains(&format!("measuring in {dir}/persistq-bench-")), "{}", came.err);
    assert_eq!(names_in(shell.dir()), Vec::<String>::new());
}

#[test]
fn json_has_all_rows_in_one_unit() {
    let shell = Shell::new();
    let report: Value = serde_json::from_str(&bench(&shell, &["--json", "--size=64"])).unwrap();
    assert_eq!(report["unit"], "nanoseconds an item");
    assert_eq!((&report["size"], &report["rounds"]), (&64.into(), &2.into()));
    for fact in ["processor", "cores", "kernel", "file_system", "persistq", "sqlite"] {
        assert!(report["machine"][fact].as_str().is_some_and(|fact| !fact.is_empty()), "{report}");
    }
    let rows = report["rows"].as_array().unwrap();
    for kind in KINDS {
        let of_kind: Vec<&Value> = rows.iter().filter(|row| row["queue"] == kind).collect();
        let operations: Vec<&str> =
            of_kind.iter().map(|row| row["operation"].as_str().unwrap()).collect();
        let wanted: &[&str] = match kind {
            "limit" => &["write", "write + fdatasync"],
            "file" => &["put", "get", "put_many", "get_many", "get, task_done"],
            "sqlite-fifo" => &["put", "get", "put_many", "get_many"],
            "sqlite-ack" => &["put", "get", "ack", "put_many", "get_many", "ack_many"],
            "sqlite-dict" => &["set", "get", "remove"],
            _ => &["put", "get"],
        };
        assert!(wanted.iter().all(|one| operations.contains(one)), "{kind}: {operations:?}");
        assert!(operations.iter().all(|one| wanted.contains(one)), "{kind}: {operations:?}");
    }
    for row in rows {
        let [least, median, most, rate] =
            ["least", "median", "most", "per_second"].map(|name| row[name].as_f64().unwrap());
        assert!(0.0 < least && least <= median && median <= most, "{row}");
        assert!((rate * median / 1e9 - 1.0).abs() < 1e-9, "{row}");
        assert!(row["items"].as_u64().unwrap() > 0, "{row}");
        assert!([1, 2].contains(&row["threads"].as_u64().unwrap()), "{row}");
    }
    assert!(rows.iter().any(|row| row["threads"] == 2));
}

#[test]
fn only_what_is_chosen_is_measured_beside_the_limits() {
    let shell = Shell::new();
    let table = bench(&shell, &["--only=file,sqlite-ack"]);
    let mut kinds: Vec<&str> =
        table.lines().skip(1).map(|line| line.split(' ').next().unwrap()).collect();
    kinds.dedup();
    assert_eq!(kinds, ["limit", "file", "sqlite-ack"]);
}

/// Calls with a plot into a file; gives the rows of the same run, and what was drawn.
fn drawn(name: &str) -> (usize, String) {
    let shell = Shell::new();
    let report = bench(&shell, &["--only=file,sqlite-dict", "--json", "--plot", name]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(names_in(shell.dir()), [name]);
    (report["rows"].as_array().unwrap().len(), fs::read_to_string(shell.path(name)).unwrap())
}

fn count(document: &Document<'_>, tag: &str) -> usize {
    document.descendants().filter(|node| node.has_tag_name(tag)).count()
}

/// Of an SVG, by the name of its elements.
fn check_picture(document: &Document<'_>, rows: usize) {
    let svg = |tag| ("http://www.w3.org/2000/svg", tag);
    let find = |tag| document.descendants().filter(move |node| node.has_tag_name(svg(tag)));
    let picture = find("svg").next().unwrap();
    assert_eq!(picture.attribute("role"), Some("img"));
    let described = picture.attribute("aria-labelledby").unwrap().split(' ');
    for id in described {
        let words = document.descendants().find(|node| node.attribute("id") == Some(id));
        assert!(!words.unwrap().text().unwrap().is_empty(), "{id}");
    }
    assert!(find("style").next().unwrap().text().unwrap().contains("prefers-color-scheme: dark"));
    assert_eq!(find("rect").count(), 1 + rows, "a bar for each row, on the paper");
    for bar in find("rect") {
        assert!(bar.attribute("width").unwrap().parse::<f64>().unwrap() > 0.0);
    }
    assert_eq!(find("script").count(), 0);
}

#[test]
fn a_picture_has_a_bar_for_each_row() {
    let (rows, svg) = drawn("times.svg");
    check_picture(&Document::parse(&svg).unwrap(), rows);
}

#[test]
fn a_page_has_the_picture_all_rows_and_what_was_measured() {
    let (rows, html) = drawn("times.html");
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let page = Document::parse_with_options(&html, options).unwrap();
    check_picture(&page, rows);
    assert_eq!(count(&page, "tr"), 1 + rows);
    let facts: Vec<_> = page
        .descendants()
        .filter(|node| node.has_tag_name("dt"))
        .filter_map(|dt| dt.text())
        .collect();
    assert_eq!(facts, ["processor", "cores", "kernel", "file system", "persistq", "sqlite"]);
    assert_eq!(count(&page, "script") + count(&page, "link") + count(&page, "img"), 0);
    for place in ["{plot}", "{facts}", "{words}", "{head}", "{rows}"] {
        assert!(!html.contains(place), "{place} was not filled");
    }
}

#[test]
fn a_picture_is_drawn_though_nobody_reads_the_table() {
    let shell = Shell::new();
    let mut child = shell.start(&[&SMALL[..], &["--only=file", "--plot=times.svg"]].concat());
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(names_in(shell.dir()), ["times.svg"]);
}

const LONG: [&str; 4] = ["bench", "--items=10000000", "--dir=here", "--plot=here/times.svg"];

/// One that takes long, once it has made its folder in `here`.
fn started(shell: &Shell, command: &mut Command) -> Child {
    fs::create_dir(shell.path("here")).unwrap();
    let child = command.current_dir(shell.dir()).spawn().unwrap();
    let start = Instant::now();
    // The other one is to be the picture.
    while names_in(&shell.path("here")).len() < 2 {
        assert!(start.elapsed() < Duration::from_secs(20), "it makes no folder");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

fn send(signal: &str, child: &Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
}

#[test]
fn asked_to_end_by_a_signal_it_leaves_nothing() {
    for (signal, code) in [("HUP", 129), ("INT", 130), ("TERM", 143)] {
        let shell = Shell::new();
        let child = started(&shell, &mut shell.command(&LONG));
        send(signal, &child);
        let output = child.wait_with_output().unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), output.stdout),
            (Some(code), vec![]),
            "{signal}: {words}"
        );
        assert!(words.contains("asked to end"), "{words}");
        assert_eq!(names_in(&shell.path("here")), Vec::<String>::new(), "{signal}");
    }
}

#[test]
fn a_signal_that_was_ignored_before_stays_so() {
    let shell = Shell::new();
    let mut sh = Command::new("sh");
    let bench = ["-c", "trap '' HUP; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_persistq")];
    let mut child = started(&shell, sh.args(bench).args(LONG));
    send("HUP", &child);
    send("TERM", &child);
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let shell = Shell::new();
    for (args, word) in [
        (["--only", "file,flie"], "sqlite-priority"),
        (["--only", "limit"], "sqlite-priority"),
        (["--plot", "times.png"], ".svg or .html"),
        (["--size", "7"], "8.."),
        (["--rounds", "0"], "1.."),
    ] {
        let came = shell.call(&["bench", args[0], args[1]]);
        assert_eq!((came.code, came.out.as_str()), (Some(2), ""), "{came:?}");
        assert!(came.err.contains(word), "{came:?}");
    }
}

#[test]
fn a_folder_that_cannot_be_used_is_named_before_anything_is_measured() {
    let shell = Shell::new();
    fs::write(shell.path("file"), "").unwrap();
    for dir in ["missing", "file", "/proc"] {
        let came = shell.call(&["bench", "--dir", dir]);
        assert_eq!((came.code, came.out.as_str()), (Some(1), ""), "{came:?}");
        let wanted = format!("persistq: cannot measure in {dir}: ");
        assert!(came.err.starts_with(&wanted) && came.err.contains("--dir"), "{came:?}");
    }
    let came = shell.call(&["bench", "--plot", "missing/times.svg"]);
    assert_eq!((came.code, came.out.as_str()), (Some(1), ""), "{came:?}");
    assert!(came.err.contains("cannot write missing/times.svg"), "{came:?}");
    assert_eq!(names_in(shell.dir()), ["file"]);
}
