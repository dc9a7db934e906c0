//! Paths and URLs that name queues.

use persist_queue::any::Locator;

const SECRET: &str = "kEpT-tO-oNeSeLf";

/// The input: the text, or what is around the password of a URL, with a line's end between.
pub fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    if let Ok(locator) = text.parse::<Locator>() {
        let shown = locator.to_string();
        let again = shown.parse::<Locator>();
        assert_eq!(again.ok(), Some(locator), "'{text}' is shown as '{shown}'");
    }
    let Some((user, host)) = text.split_once('\n') else { return };
    if user.contains(['/', '#', '?']) {
        return; // that is no user any more
    }
    let told = match format!("mysql://{user}:{SECRET}@{host}").parse::<Locator>() {
        Ok(locator) => locator.to_string(),
        Err(error) => error.to_string(),
    };
    assert!(!told.contains(SECRET), "a password is repeated: {told}");
}
