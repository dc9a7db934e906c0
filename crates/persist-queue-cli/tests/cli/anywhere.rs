//! What holds for queues on servers of every kind: each check is told where its queue is.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use crate::look::put_two_and_peek;
use crate::shell::{Shell, kill_after};
use crate::stream::numbers;

/// Puts, shows, gets and purges.
pub(crate) fn put_show_and_get(shell: &Shell, queue: &str) {
    let both = put_two_and_peek(shell, queue);
    assert_eq!(shell.run(&["export", queue]), "\"a\"\n{\"b\":2}\n", "{queue}");
    assert!(shell.run(&["doctor", queue]).starts_with("2 whole record(s)"), "{queue}");
    // An item whose command fails goes back.
    let came = shell.call(&["get", queue, "--exec", "exit 9"]);
    assert_eq!(came.code, Some(1), "{came:?}");
    assert_eq!(shell.run(&["get", queue, "--all", "--json"]), both, "{queue}");
    assert_eq!(shell.call(&["get", queue]).code, Some(3), "{queue}");
    shell.run(&["put", queue, "c"]);
    assert_eq!(shell.call(&["purge", queue]).code, Some(2));
    assert_eq!(shell.run(&["purge", queue, "--yes"]), "1\n", "{queue}");
    assert_eq!(shell.run(&["len", queue]), "0\n", "{queue}");
}

/// The queue has the dead letters `a`, `b` and `c`, in this order, and one that is alive.
pub(crate) fn list_requeue_and_drop_the_dead(shell: &Shell, queue: &str) {
    assert_eq!(shell.run(&["get", queue, "--all"]), "alive\n");
    assert_eq!(shell.run(&["dead", "list", queue]), "1\ta\n2\tb\n3\tc\n");
    assert_eq!(shell.run(&["dead", "requeue", queue, "2"]), "1\n");
    assert_eq!(shell.run(&["get", queue, "--all"]), "b\n");
    assert_eq!(shell.run(&["dead", "drop", queue, "--all"]), "2\n");
    assert_eq!(shell.run(&["dead", "list", queue]), "");
}

/// Copies from a folder to a database, to one server's queue and to a folder; imports into another one.
pub(crate) fn copy_through_all_stores(shell: &Shell, on_server: &str, imported: &str) {
    let mut items = String::from("{\"$map\":[[1,2]]}\n{\"$bytes\":\"/wA=\"}\n\"\"\n");
    items.push_str(&numbers(3000));
    shell.run_with(&["put", "first", "--json"], &items);
    for (from, to) in [("first", "sqlite:d.db"), ("sqlite:d.db", on_server), (on_server, "last")] {
        shell.run(&["copy", from, to]);
        // What is done is not done again by accident.
        assert!(shell.call(&["copy", from, to]).err.contains("--again"));
    }
    assert_eq!(shell.run(&["export", "last"]), items);
    assert_eq!(shell.run(&["get", on_server, "--all", "--json"]), items);
    shell.run_with(&["import", imported], &items);
    assert_eq!(shell.run(&["export", imported]), items);
}

/// Copies are killed, and go on.
pub(crate) fn copy_in_spite_of_kills(shell: &Shell, to: &str) {
    let items = numbers(30_000);
    shell.run_with(&["put", "from"], &items);
    let mut kills = 0;
    for round in 1..40 {
        let copy = shell.command(&["copy", "from", to]).stderr(Stdio::null()).spawn().unwrap();
        if kill_after(copy, Duration::from_millis(20 * round)) {
            break;
        }
        kills += 1;
    }
    assert_eq!(shell.call(&["copy", "from", to]).code, Some(0));
    assert!(kills > 1);
    assert!(shell.run(&["get", to, "--all"]) == items, "other lines came out");
}

/// The password of the user in `queue` is `s3cret`; `variable` of the environment has it, or the file that its
/// twin names. `refusal` is what the server's refusal contains.
pub(crate) fn tell_no_password(shell: &Shell, variable: &str, queue: &str, refusal: &str) {
    let file = format!("{variable}_FILE");
    fs::write(shell.path("password"), "s3cret\n").unwrap();
    let call = |variables: &[(&str, &str)], args: &[&str]| {
        let mut command = shell.command(args);
        command.env_remove(variable);
        command.envs(variables.iter().copied()).stdin(Stdio::null());
        let output = command.output().unwrap();
        let words =
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        assert!(!words.contains("s3cret"), "{words}");
        (output.status.code(), words)
    };
    let (right, in_file) = ((variable, "s3cret"), (file.as_str(), "password"));
    assert_eq!(call(&[right], &["put", queue, "a", "--count"]), (Some(0), "1\n".to_owned()));
    assert_eq!(call(&[in_file], &["get", queue]), (Some(0), "a\n".to_owned()));
    let wrong = (variable, "not s3cret");
    for variables in [&[][..], &[wrong], &[wrong, in_file]] {
        let (code, words) = call(variables, &["len", queue]);
        assert_eq!(code, Some(1), "{words}");
        assert!(words.contains(refusal), "{words}");
    }
    let (code, words) = call(&[(file.as_str(), "none")], &["len", queue]);
    assert_eq!(code, Some(1), "{words}");
    assert!(words.contains("none"), "{words}");
    let scheme = queue.split("://").next().unwrap();
    let (refused, a_url) = (queue.replace('@', ":s3cret@"), format!("{scheme}://me:s3cret@host"));
    for (args, why) in [
        (&["len", &refused][..], variable),
        (&["copy", "q", &a_url], variable),
        (&["len", "q", &refused], "unexpected argument"),
        (&[&refused], "unrecognized subcommand"),
    ] {
        let (code, words) = call(&[], args);
        assert_eq!(code, Some(2), "{words}");
        assert!(words.contains(why), "{words}");
    }
}
