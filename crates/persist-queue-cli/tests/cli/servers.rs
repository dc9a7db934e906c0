//! Queues on a server, whatever its make: every command, through the real binary and a real server.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use persist_queue::sql::Flavour;
use serde_json::Value;

use super::server::{self, Database, PASSWORD, SCHEME};
use crate::anywhere::{
    copy_in_spite_of_kills, copy_through_all_stores, list_requeue_and_drop_the_dead,
    put_show_and_get, tell_no_password,
};
use crate::shell::{Shell, kill_after};
use crate::stream::numbers;

/// A URL of something in a database.
fn url(database: &Database, behind: &str) -> String {
    format!("{}{behind}", database.url())
}

#[test]
fn every_kind_is_put_shown_and_got() {
    let Some(database) = server::database() else { return };
    let shell = Shell::new();
    for flavour in Flavour::ALL {
        let queue = url(&database, &format!("#q?kind={flavour}"));
        put_show_and_get(&shell, &queue);
    }
}

#[test]
fn ls_stats_and_watch_count_and_change_nothing() {
    let Some(database) = server::database() else { return };
    let shell = Shell::new();
    let (jobs, mail) = (url(&database, "#jobs?kind=ack"), url(&database, "#mail?kind=priority"));
    shell.run(&["put", &jobs, "a", "b", "c"]);
    shell.run(&["get", &jobs]);
    shell.run(&["put", &jobs, "later", "--delay", "100"]);
    shell.run(&["put", &mail, "x", "--priority", "4"]);
    let listed = shell.run(&["ls", &url(&database, "")]);
    let lines: Vec<Vec<&str>> =
        listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines, [["2", "ack", &jobs], ["1", "priority", &mail]]);
    let stats: Value = serde_json::from_str(&shell.run(&["stats", &jobs, "--json"])).unwrap();
    for (name, count) in [("depth", 2), ("in_flight", 0), ("acked", 1), ("delayed", 1), ("dead", 0)]
    {
        assert_eq!(stats[name], count, "{name}: {stats}");
    }
    assert!(stats["oldest_seconds"].as_f64().unwrap() < 100.0, "{stats}");
    let stats: Value = serde_json::from_str(&shell.run(&["stats", &mail, "--json"])).unwrap();
    // What is locked cannot be told from what waits.
    assert_eq!((&stats["in_flight"], &stats["kind"]), (&Value::Null, &Value::from("priority")));
    let missing = url(&database, "#missing");
    shell.run(&["watch", &jobs, &missing, "--prometheus", "m.prom", "--once"]);
    let metrics = fs::read_to_string(shell.path("m.prom")).unwrap();
    for line in [
        format!("persistq_up{{queue=\"{missing}\"}} 0"),
        format!("persistq_depth{{queue=\"{jobs}\",kind=\"ack\"}} 2"),
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
    for command in ["len", "peek", "stats", "doctor", "get", "export"] {
        let came = shell.call(&[command, &missing]);
        assert_eq!(came.code, Some(5), "{command}: {came:?}");
        assert!(came.err.contains("#jobs?kind=ack"), "{came:?}");
    }
    assert_eq!(shell.call(&["repair", &jobs]).code, Some(2));
    let tables = database.tables();
    assert_eq!(tables, ["ack_queue_jobs", "priority_queue_mail"]);
}

#[test]
fn dead_letters_are_listed_requeued_and_dropped() {
    let Some(database) = server::database() else { return };
    let shell = Shell::new();
    let queue = url(&database, "#jobs?kind=ack");
    let queue = queue.as_str();
    shell.run(&["put", queue, "a", "b", "c", "--ttl", "0.001"]);
    std::thread::sleep(Duration::from_millis(20));
    shell.run(&["put", queue, "alive"]);
    list_requeue_and_drop_the_dead(&shell, queue);
}

#[test]
fn a_copy_through_all_stores_is_the_same_in_the_end() {
    let Some(database) = server::database() else { return };
    let shell = Shell::new();
    copy_through_all_stores(&shell, &url(&database, "#middle"), &url(&database, "#imported"));
    let (from, to) = (url(&database, "#p?kind=priority"), "sqlite:p.db?kind=priority");
    shell.run(&["put", &from, "late", "--priority", "7"]);
    shell.run(&["put", &from, "soon", "--priority", "2"]);
    shell.run(&["copy", &from, to]);
    assert_eq!(shell.run(&["get", to, "--all"]), "soon\nlate\n");
}

#[test]
fn a_copy_that_is_killed_goes_on_and_doubles_nothing() {
    let Some(database) = server::database() else { return };
    copy_in_spite_of_kills(&Shell::new(), &url(&database, "#to"));
}

#[test]
fn a_put_that_is_killed_and_resumed_has_each_line_once() {
    let Some(database) = server::database() else { return };
    let shell = Shell::new();
    let lines = numbers(100_000);
    fs::write(shell.path("lines"), &lines).unwrap();
    let queue = url(&database, "#q");
    let args = ["put", &queue, "--lines", "lines", "--resume", "lines"];
    let mut kills = 0;
    for round in 1..30 {
        let put = shell.command(&args).spawn().unwrap();
        if kill_after(put, Duration::from_millis(40 * round)) {
            break;
        }
        kills += 1;
    }
    assert_eq!(shell.call(&args).code, Some(0));
    assert!(kills > 0);
    assert_eq!(shell.call(&args).err.matches("done before").count(), 1);
    assert!(shell.run(&["get", &queue, "--all"]) == lines, "other lines came out");
}

/// What a killed one had taken waits again as soon as the server has seen that it is gone.
#[test]
fn a_get_that_is_killed_loses_nothing_and_doubles_at_most_its_last_batch() {
    const LINES: u64 = 10_000;
    let Some(database) = server::database() else { return };
    let shell = Shell::new();
    for kind in ["fifo", "ack"] {
        let queue = url(&database, &format!("#q?kind={kind}"));
        shell.run_with(&["put", &queue], &numbers(LINES));
        let (mut seen, mut kills, mut doubled) = (vec![0_u32; LINES as usize + 1], 0, 0);
        let mut runs = Vec::new();
        for round in 1..5 {
            let path = shell.path(&format!("{kind}{round}"));
            let mut get = shell.command(&["get", &queue, "--all"]);
            let get = get.stdout(fs::File::create(&path).unwrap()).stderr(Stdio::null());
            kills +=
                u32::from(!kill_after(get.spawn().unwrap(), Duration::from_millis(40 * round)));
            runs.push(fs::read_to_string(&path).unwrap());
        }
        loop {
            let run = shell.run(&["get", &queue, "--all", "--timeout", "2"]);
            if run.is_empty() {
                break;
            }
            runs.push(run);
        }
        for run in &runs {
            // A line that was cut off by the kill comes again.
            let whole = run.rfind('\n').map_or("", |end| &run[..=end]);
            for line in whole.lines() {
                let number: usize = line.parse().unwrap();
                doubled += u32::from(seen[number] > 0);
                seen[number] += 1;
            }
        }
        assert!(kills > 0, "{queue}: nobody was killed");
        assert!(seen[1..].iter().all(|times| *times > 0), "{queue}: a line is lost");
        assert!(doubled <= 1000 * kills, "{queue}: {doubled} lines came again");
    }
}

#[test]
fn a_password_is_in_the_environment_or_a_file_and_in_no_message() {
    let Some(database) = server::database() else { return };
    let shell = Shell::new();
    let user = format!("u{}", &database.name["test_".len()..]);
    database.add_user(&user, "s3cret");
    let (host, port) = database.host_and_port();
    let queue = format!("{SCHEME}://{user}@{host}:{port}/{}#q", database.name);
    tell_no_password(&shell, PASSWORD, &queue, "refuses user");
    database.drop_user(&user);
}

#[test]
fn the_url_says_how_it_is_encrypted_and_who_is_not_there_is_named() {
    let Some(database) = server::database() else { return };
    let shell = Shell::new();
    shell.run(&["put", &url(&database, "?tls=preferred#q"), "a"]);
    let came = shell.call(&["len", &url(&database, "?tls=required#q")]);
    assert_eq!(came.code, Some(1), "{came:?}");
    assert!(came.err.contains("TLS"), "{came:?}");
    let came = shell.call(&["len", &url(&database, "?tls=perhaps")]);
    assert_eq!(came.code, Some(2), "{came:?}");
    let came = shell.call(&["len", &format!("{SCHEME}://me@127.0.0.1:1/shop")]);
    assert_eq!(came.code, Some(1), "{came:?}");
    assert!(came.err.contains("port 1"), "{came:?}");
    let durable = ["put", &url(&database, "#q"), "b", "--durability", "disk"];
    assert_eq!(shell.call(&durable).code, Some(2));
}
