//! JSON, one value a line.

use serde::de::IgnoredAny;

use super::cursor::Cursor;
use super::{Info, Item, LegacyFormat};

/// Python's json, each item ended by a newline, which is not part of the payload.
#[derive(Debug, Clone, Copy)]
pub struct Json;

impl LegacyFormat for Json {
    fn info(&self, bytes: &[u8]) -> Result<Info, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    fn item(&self, bytes: &[u8]) -> Result<Item, String> {
        let line = Cursor::new(bytes).line()?;
        Ok(Item { length: line.len() + 1, payload: 0..line.len() })
    }

    fn check(&self, payload: &[u8]) -> Result<(), String> {
        let text = str::from_utf8(payload).map_err(|error| error.to_string())?;
        match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => Ok(()),
            // Python writes these words for floats that JSON does not have.
            Err(_) if text.contains("NaN") || text.contains("Infinity") => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_a_line() {
        assert_eq!(Json.item(b"[1]\n[2]\n"), Ok(Item { length: 4, payload: 0..3 }));
        assert!(Json.item(b"[1]").is_err());
    }

    #[test]
    fn accepts_what_python_writes() {
        let lines = ["NaN", "[-Infinity]", r#""\ud800""#, "123456789012345678901234567890"];
        for line in lines {
            assert_eq!(Json.check(line.as_bytes()), Ok(()), "{line}");
        }
        let deep = [vec![b'['; 300_000], vec![b']'; 300_000]].concat();
        assert_eq!(Json.check(&deep), Ok(()));
    }

    #[test]
    fn a_broken_line_is_noticed() {
        for line in ["", "[1", "[1]\x0b[2]", "\0\0"] {
            assert!(Json.check(line.as_bytes()).is_err(), "{line:?}");
        }
        assert!(Json.check(b"\"\xff\"").is_err());
    }
}
