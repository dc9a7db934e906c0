//! Queues on NATS: the commands, through the real binary and a real server.

use persist_queue::codec::Bytes;
use serde_json::Value;

#[path = "../../../persist-queue/tests/support/nats.rs"]
mod server;

use self::server::{Place, Server, is_there, place};
use crate::anywhere::{
    copy_in_spite_of_kills, copy_through_all_stores, list_requeue_and_drop_the_dead,
    put_show_and_get, tell_no_password,
};
use crate::shell::Shell;

const PASSWORD: &str = "PERSISTQUEUE_NATS_PASSWORD";

fn url(place: &Place, kind: &str) -> String {
    format!("{}/{}?kind={kind}", place.url, place.name)
}

#[test]
fn both_kinds_are_put_shown_and_got() {
    for kind in ["fifo", "ack"] {
        let Some(place) = place() else { return };
        let (shell, queue) = (Shell::new(), url(&place, kind));
        put_show_and_get(&shell, &queue);
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
    list_requeue_and_drop_the_dead(&shell, queue);
}

#[test]
fn a_copy_through_all_stores_is_the_same_in_the_end() {
    let (Some(middle), Some(imported)) = (place(), place()) else { return };
    copy_through_all_stores(&Shell::new(), &url(&middle, "fifo"), &url(&imported, "ack"));
}

#[test]
fn a_copy_that_is_killed_goes_on_and_doubles_nothing() {
    let Some(place) = place() else { return };
    copy_in_spite_of_kills(&Shell::new(), &url(&place, "fifo"));
}

#[test]
fn a_password_is_in_the_environment_or_a_file_and_in_no_message() {
    if !is_there() {
        return;
    }
    let server = Server::start(&["authorization { user: me, password: s3cret }"]);
    // Nobody without the password can delete anything there, and the server ends with the test.
    let place = std::mem::ManuallyDrop::new(server.place());
    let queue = url(&place, "fifo").replace("nats://", "nats://me@");
    tell_no_password(&Shell::new(), PASSWORD, &queue, "check user and password");
}
