//! A node of a Galera cluster: a server that has each commit certified by the others before it says that it
//! is made, and refuses what came into the way of somebody at another node.
//!
//! What it locks, rows and names, nobody at another node sees. So who lives cannot be told there, and what
//! must stay locked between calls cannot be kept: see `Abilities::shares_locks`.

use super::connection::Driven;
use crate::server::{FOR_THE_MOMENT, Gave, NotConnected, Said, Statements, column};

/// Whether it is a node of a cluster, and one that may be used. Both are answered in any state.
const STATE: &str = "SHOW VARIABLES LIKE 'wsrep_on'; SHOW GLOBAL STATUS LIKE 'wsrep_ready'";

/// Reading waits for what was committed on other nodes before: else what was put, or taken, there would be
/// seen or missed here for a moment.
const READ_THE_LATEST: &str = "SET SESSION wsrep_sync_wait = 1";

/// What the server says that it is no part of the majority of its cluster.
pub(super) const NOT_READY: u16 = 1047;

/// Makes the settings that a connection to a node needs; nothing on other servers.
pub(super) fn settle_in(connection: &mut Driven) -> Result<(), NotConnected> {
    let settled = connection.run(STATE).and_then(|mut gave| {
        let ready = is_on(gave.pop())?;
        connection.is_node = is_on(gave.pop())?;
        if connection.is_node && ready {
            connection.run(READ_THE_LATEST)?;
        }
        Ok(ready || !connection.is_node)
    });
    let why = match settled {
        Ok(true) => return Ok(()),
        Ok(false) => "it is not in touch with the majority of its cluster".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(NotConnected::because(&connection.address, format!("{FOR_THE_MOMENT}: {why}")))
}

/// The statements of a text. They must go one by one: where somebody at another node comes into a transaction's
/// way between two statements of one request, MariaDB takes back what was done and carries out the rest as if
/// nothing had been, `COMMIT` included.
pub(super) fn statements(text: &str) -> impl Iterator<Item = &str> {
    let (mut quote, mut escaped) = (None, false);
    let ends = move |character: char| {
        if std::mem::take(&mut escaped) {
            return false;
        }
        match quote {
            None if matches!(character, '\'' | '"' | '`') => quote = Some(character),
            None => return character == ';',
            Some(open) if open == character => quote = None,
            Some(open) => escaped = character == '\\' && open != '`',
        }
        false
    };
    text.split(ends).map(str::trim).filter(|statement| !statement.is_empty())
}

/// The second column of the one row that there is where the server knows the word.
fn is_on(gave: Option<Gave>) -> Result<bool, Said> {
    let row = gave.and_then(|gave| gave.rows.into_iter().next());
    Ok(row.map(|mut row| column::<String>(&mut row, 1)).transpose()?.is_some_and(|on| on == "ON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_parted_between_its_statements_only() {
        for (text, parts) in [
            ("BEGIN; SELECT 1; ", &["BEGIN", "SELECT 1"][..]),
            ("SELECT `a;b`, ';'; COMMIT", &["SELECT `a;b`, ';'", "COMMIT"]),
            (r"SELECT 'it\'s; so', `\`; DO ';'", &[r"SELECT 'it\'s; so', `\`", "DO ';'"]),
            (r#"SELECT ";`", '\\', ''';'; DO 2"#, &[r#"SELECT ";`", '\\', ''';'"#, "DO 2"]),
            ("", &[]),
        ] {
            assert_eq!(statements(text).collect::<Vec<_>>(), parts, "{text}");
        }
    }
}
