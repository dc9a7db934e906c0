//! Queues on NATS: the commands, through the real binary and a real server.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use persist_queue::codec::Bytes;
use serde_json::Value;

#[path = "../../../persist-queue/tests/support/nats.rs"]
mod server;

use self::server::{Place, Server, is_there, place};
use crate::look::put_two_and_peek;
use crate::shell::{Shell, kill_after};
use crate::stream::numbers;

const PASSWORD: &str = "PERSISTQUEUE_NATS_PASSWORD";

fn url(place: &Place, kind: &str) -> String {
    format!("{}/{}?kind={kind}", place.url, place.name)
}

#[test]
fn both_kinds_are_put_shown_and_got() {
    for kind in ["fifo", "ack"] {
        let Some(place) = place() else { return };
        let (shell, queue) = (Shell::new(), url(&place, kind));
        let both = put_two_and_peek(&shell, &queue);
        assert_eq!(shell.run(&["export", &queue]), "\"a\"\n{\"b\":2}\n", "{queue}");
        assert!(shell.run(&["doctor", &queue]).starts_with("2 whole record(s)"), "{queue}");
        // An item whose command fails goes back.
        let came = shell.call(&["get", &queue, "--exec", "exit 9"]);
        assert_eq!(came.code, Some(1), "{came:?}");
        assert_eq!(shell.run(&["get", &queue, "--all", "--json"]), both, "{queue}");
        assert_eq!(shell.call(&["get", &queue]).code, Some(3), "{queue}");
        shell.run(&["put", &queue, "c"]);
        assert_eq!(shell.call(&["purge", &queue]).code, Some(2));
        assert_eq!(shell.run(&["purge", &queue, "--yes"]), "1\n", "{queue}");
        assert_eq!(shell.run(&["len", &queue]), "0\n", "{queue}");
    }
}

#[test]
fn ls_and_stats_count_and_change_nothing() {
    let (Some(place), Some(missing)) = (place(), place()) else { return };
    let (shell, jobs) = (Shell::new(), url(&place, "ack"));
    shell.run(&["put", &jobs, "a", "b", "c"]);
    shell.run(&["get", &jobs]);
    let listed = shell.run(&["ls", &place.url]);
    let mut lines = listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert!(lines.any(|line| line == ["2", "ack", &jobs]), "{listed}");
    let stats: Value = serde_json::from_str(&shell.run(&["stats", &jobs, "--json"])).unwrap();
    for (name, count) in [("depth", 2), ("in_flight", 0), ("dead", 0)] {
        assert_eq!(stats[name], count, "{name}: {stats}");
    }
    for name in ["acked", "delayed", "failed"] {
        assert_eq!(stats[name], Value::Null, "{name}: {stats}");
    }
    let missing = url(&missing, "fifo");
    for command in ["len", "peek", "stats", "doctor", "get", "export"] {
        let came = shell.call(&[command, &missing]);
        assert_eq!(came.code, Some(5), "{command}: {came:?}");
    }
    assert_eq!(shell.call(&["repair", &jobs]).code, Some(2));
    let durable = ["put", &jobs, "b", "--durability", "disk"];
    assert_eq!(shell.call(&durable).code, Some(2));
    let late = shell.call(&["put", &jobs, "b", "--delay", "1"]);
    assert!(late.err.contains("PostgreSQL"), "{late:?}");
    assert_eq!(shell.run(&["get", &jobs, "--all"]), "b\nc\n");
}

#[test]
fn dead_letters_are_listed_requeued_and_dropped() {
    let Some(place) = place() else { return };
    let shell = Shell::new();
    let queue = url(&place, "ack");
    let queue = queue.as_str();
    shell.run(&["put", queue, "a", "b", "c", "alive"]);
    let ours = place.options().open_ack_with::<Vec<u8>, _>(&place.address(), Bytes).unwrap();
    for _ in 0..3 {
        ours.get().unwrap().fail().unwrap();
    }
    assert_eq!(shell.run(&["get", queue, "--all"]), "alive\n");
    assert_eq!(shell.run(&["dead", "list", queue]), "1\ta\n2\tb\n3\tc\n");
    assert_eq!(shell.run(&["dead", "requeue", queue, "2"]), "1\n");
    assert_eq!(shell.run(&["get", queue, "--all"]), "b\n");
    assert_eq!(shell.run(&["dead", "drop", queue, "--all"]), "2\n");
    assert_eq!(shell.run(&["dead", "list", queue]), "");
}

#[test]
fn a_copy_through_all_stores_is_the_same_in_the_end() {
    let (Some(middle), Some(imported)) = (place(), place()) else { return };
    let shell = Shell::new();
    let mut items = String::from("{\"$map\":[[1,2]]}\n{\"$bytes\":\"/wA=\"}\n\"\"\n");
    items.push_str(&numbers(3000));
    shell.run_with(&["put", "first", "--json"], &items);
    let on_server = url(&middle, "fifo");
    for (from, to) in
        [("first", "sqlite:d.db"), ("sqlite:d.db", on_server.as_str()), (&on_server, "last")]
    {
        shell.run(&["copy", from, to]);
        // What is done is not done again by accident.
        assert!(shell.call(&["copy", from, to]).err.contains("--again"));
    }
    assert_eq!(shell.run(&["export", "last"]), items);
    assert_eq!(shell.run(&["get", &on_server, "--all", "--json"]), items);
    let imported = url(&imported, "ack");
    shell.run_with(&["import", &imported], &items);
    assert_eq!(shell.run(&["export", &imported]), items);
}

#[test]
fn a_copy_that_is_killed_goes_on_and_doubles_nothing() {
    let Some(place) = place() else { return };
    let shell = Shell::new();
    let items = numbers(30_000);
    shell.run_with(&["put", "from"], &items);
    let to = url(&place, "fifo");
    let mut kills = 0;
    for round in 1..40 {
        let copy = shell.command(&["copy", "from", &to]).stderr(Stdio::null()).spawn().unwrap();
        if kill_after(copy, Duration::from_millis(20 * round)) {
            break;
        }
        kills += 1;
    }
    assert_eq!(shell.call(&["copy", "from", &to]).code, Some(0));
    assert!(kills > 1);
    assert!(shell.run(&["get", &to, "--all"]) == items, "other lines came out");
}

#[test]
fn a_password_is_in_the_environment_or_a_file_and_in_no_message() {
    if !is_there() {
        return;
    }
    let server = Server::start(&["authorization { user: me, password: s3cret }"]);
    // Nobody without the password can delete anything there, and the server ends with the test.
    let place = std::mem::ManuallyDrop::new(server.place());
    let shell = Shell::new();
    let queue = url(&place, "fifo").replace("nats://", "nats://me@");
    fs::write(shell.path("password"), "s3cret\n").unwrap();
    let call = |variables: &[(&str, &str)], args: &[&str]| {
        let mut command = shell.command(args);
        command.env_remove(PASSWORD);
        command.envs(variables.iter().copied()).stdin(Stdio::null());
        let output = command.output().unwrap();
        let words =
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        assert!(!words.contains("s3cret"), "{words}");
        (output.status.code(), words)
    };
    let right = (PASSWORD, "s3cret");
    let in_file = ("PERSISTQUEUE_NATS_PASSWORD_FILE", "password");
    assert_eq!(call(&[right], &["put", &queue, "a", "--count"]), (Some(0), "1\n".to_owned()));
    assert_eq!(call(&[in_file], &["get", &queue]), (Some(0), "a\n".to_owned()));
    let wrong = (PASSWORD, "not s3cret");
    for variables in [&[][..], &[wrong], &[wrong, in_file]] {
        let (code, words) = call(variables, &["len", &queue]);
        assert_eq!(code, Some(1), "{words}");
        assert!(words.contains("check user and password"), "{words}");
    }
    let refused = queue.replace('@', ":s3cret@");
    for (args, why) in [
        (&["len", &refused][..], PASSWORD),
        (&["copy", "q", "nats://me:s3cret@host"], PASSWORD),
        (&["len", "q", &refused], "unexpected argument"),
        (&[&refused], "unrecognized subcommand"),
    ] {
        let (code, words) = call(&[], args);
        assert_eq!(code, Some(2), "{words}");
        assert!(words.contains(why), "{words}");
    }
}
