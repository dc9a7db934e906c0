//! What a dictionary's keys are in the database.
//!
//! persist-queue 1.x binds a key as it is to a column of texts, where the number 1 becomes the text
//! `1`. Here a number stands as a blob of its own, so that the two are two keys.

use rusqlite::types::{ToSqlOutput, Value, ValueRef};

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// A text, stored as persist-queue 1.x stores it.
    Text(String),
    /// Bytes, stored as persist-queue 1.x stores them.
    Bytes(Vec<u8>),
    /// Anything else, as a Python program would write it down in ASCII: `1`, `0.5`, `None`,
    /// `(1, 'a')`. Equal keys have to be written the same.
    Literal(String),
}

/// Stands before a literal. No text in UTF-8 begins with its first byte.
const MARK: &[u8] = b"\xFFpq\0";

impl Key {
    pub(super) fn stored(&self) -> ToSqlOutput<'_> {
        let marked = |bytes: &[u8]| ToSqlOutput::Owned(Value::Blob([MARK, bytes].concat()));
        match self {
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            // Or else they would be read as a literal.
            Self::Bytes(bytes) if bytes.starts_with(MARK) => marked(bytes),
            Self::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Self::Literal(text) => marked(text.as_bytes()),
        }
    }

    pub(super) fn read(stored: ValueRef<'_>) -> Self {
        match stored {
            ValueRef::Text(text) => Self::Text(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Blob(blob) => match blob.strip_prefix(MARK) {
                Some(bytes) if bytes.starts_with(MARK) => Self::Bytes(bytes.to_vec()),
                Some(bytes) if bytes.is_ascii() => {
                    Self::Literal(String::from_utf8_lossy(bytes).into_owned())
                }
                _ => Self::Bytes(blob.to_vec()),
            },
            // A column of texts turns numbers into texts, but other programs make other tables.
            ValueRef::Integer(number) => Self::Literal(number.to_string()),
            ValueRef::Real(number) => Self::Literal(number.to_string()),
            ValueRef::Null => Self::Literal("None".to_owned()),
        }
    }

    /// What persist-queue 1.x would have bound for this number; SQLite makes the text of it, as it
    /// did there. A whole number is equal to a float, and was another row.
    pub(super) fn bound_by_1x(&self) -> impl Iterator<Item = Value> {
        let text = match self {
            Self::Literal(text) => text.as_str(),
            Self::Text(_) | Self::Bytes(_) => "",
        };
        let whole = text.parse::<i64>().ok();
        let same = |real: &f64| text.contains(['.', 'e']) || format!("{real:.0}") == text;
        let real = text.parse::<f64>().ok().filter(same);
        whole.map(Value::Integer).into_iter().chain(real.map(Value::Real))
    }
}

/// Types whose values can be keys.
pub trait DictKey: Sized {
    /// The key as it is stored.
    fn to_key(&self) -> Key;
    /// The value of a stored key; nothing where it is of another type.
    fn from_key(key: Key) -> Option<Self>;
}

impl DictKey for Key {
    fn to_key(&self) -> Key {
        self.clone()
    }

    fn from_key(key: Key) -> Option<Self> {
        Some(key)
    }
}

impl DictKey for String {
    fn to_key(&self) -> Key {
        Key::Text(self.clone())
    }

    fn from_key(key: Key) -> Option<Self> {
        match key {
            Key::Text(text) => Some(text),
            Key::Bytes(_) | Key::Literal(_) => None,
        }
    }
}

impl DictKey for Vec<u8> {
    fn to_key(&self) -> Key {
        Key::Bytes(self.clone())
    }

    fn from_key(key: Key) -> Option<Self> {
        match key {
            Key::Bytes(bytes) => Some(bytes),
            Key::Text(_) | Key::Literal(_) => None,
        }
    }
}

impl DictKey for i64 {
    fn to_key(&self) -> Key {
        Key::Literal(self.to_string())
    }

    fn from_key(key: Key) -> Option<Self> {
        match key {
            Key::Literal(text) => text.parse().ok(),
            Key::Text(_) | Key::Bytes(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(text: &str) -> Vec<Value> {
        Key::Literal(text.to_owned()).bound_by_1x().collect()
    }

    #[test]
    fn a_key_is_read_as_it_was_stored() {
        let marked = [MARK, b"1"].concat();
        for key in [
            Key::Text("1".to_owned()),
            Key::Literal("1".to_owned()),
            Key::Bytes(b"1".to_vec()),
            Key::Bytes(Vec::new()),
            Key::Bytes(b"\xFF".to_vec()),
            Key::Bytes(MARK.to_vec()),
            Key::Bytes(marked.clone()),
            Key::Bytes([MARK, &marked].concat()),
        ] {
            let stored = key.stored();
            let stored = match &stored {
                ToSqlOutput::Owned(value) => ValueRef::from(value),
                ToSqlOutput::Borrowed(value) => *value,
                other => panic!("{other:?}"),
            };
            assert_eq!(Key::read(stored), key);
        }
    }

    #[test]
    fn a_number_is_looked_for_as_the_original_bound_it() {
        assert_eq!(bound("1"), [Value::Integer(1), Value::Real(1.0)]);
        assert_eq!(bound("0.5"), [Value::Real(0.5)]);
        assert_eq!(bound("100000000000000000000"), [Value::Real(1e20)]);
        assert_eq!(bound("99999999999999999999"), []);
        assert_eq!(bound("9007199254740993"), [Value::Integer(9_007_199_254_740_993)]);
        assert_eq!(bound("None"), []);
        assert_eq!(bound("'inf'"), []);
        assert_eq!(Key::Text("1".to_owned()).bound_by_1x().next(), None);
    }
}
