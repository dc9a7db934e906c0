//! The examples of docs/cli.md do what they show.

use std::path::Path;
use std::process::Command;

use crate::shell::Shell;

/// The commands in the page's blocks, and what each is shown to write.
fn examples(page: &str) -> Vec<(String, String)> {
    let mut examples: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match (line, inside) {
            ("```console", false) => inside = true,
            ("```", true) => inside = false,
            (line, true) => match (line.strip_prefix("$ "), examples.last_mut()) {
                (Some(command), _) => examples.push((command.to_owned(), String::new())),
                (None, Some((_, shown))) => shown.extend([line, "\n"]),
                (None, None) => {}
            },
            _ => {}
        }
    }
    examples
}

#[test]
fn each_example_writes_what_the_page_shows() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let page = std::fs::read_to_string(page).unwrap();
    let shell = Shell::new();
    let binaries = Path::new(env!("CARGO_BIN_EXE_persistq")).parent().unwrap().display();
    let path = format!("{binaries}:{}", std::env::var("PATH").unwrap());
    let examples = examples(&page);
    assert!(examples.len() > 30, "the page has lost its examples");
    for (command, shown) in examples {
        let output = Command::new("sh")
            .args(["-c", &format!("exec 2>&1\n{command}")])
            .current_dir(shell.dir())
            .env("PATH", &path)
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), shown, "$ {command}");
    }
}
