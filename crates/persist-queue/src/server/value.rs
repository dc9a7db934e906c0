//! Values as servers take and give them.

use super::failure::Said;

/// A parameter of a statement, or a field of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// None at all.
    Null,
    /// A truth.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// Bytes; servers also give numbers as the bytes of their digits.
    Bytes(Vec<u8>),
    /// Text. As a field it may be any value as it is written in text: bytes begin with `\x` then, and each
    /// is two digits.
    Text(String),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

/// A row of whatever a statement gave.
#[derive(Debug, Clone)]
pub(crate) struct Fields(pub(crate) Vec<Value>);

/// What one statement gave.
#[derive(Debug, Default)]
pub struct Gave {
    /// How many rows it changed.
    pub(crate) affected: u64,
    /// The first number that it gave to a row, where the server says that so.
    pub(crate) id: Option<u64>,
    pub(crate) rows: Vec<Fields>,
}

/// What a field can be taken for.
pub(crate) trait FromValue: Sized {
    fn from_value(value: Value) -> Option<Self>;
}

/// A value of a row, where it is what the schema says.
pub(crate) fn column<T: FromValue>(row: &mut Fields, at: usize) -> Result<T, Said> {
    let value = row.0.get_mut(at).map(|value| std::mem::replace(value, Value::Null));
    value.and_then(T::from_value).ok_or_else(|| {
        Said::refused(format!("column {} of a row is not what it should be", at + 1))
    })
}

/// The one value that a statement gave.
pub(super) fn one<T: FromValue>(gave: Gave) -> Result<Option<T>, Said> {
    let row = gave.rows.into_iter().next();
    Ok(row.map(|mut row| column::<Option<T>>(&mut row, 0)).transpose()?.flatten())
}

/// The first column of all rows.
pub(super) fn numbers(gave: Gave) -> Result<Vec<i64>, Said> {
    gave.rows.into_iter().map(|mut row| column(&mut row, 0)).collect()
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

/// What a number is read from that is written in digits.
fn digits<T: std::str::FromStr>(value: &Value) -> Option<T> {
    match value {
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

impl FromValue for i64 {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Int(number) => Some(number),
            value => digits(&value),
        }
    }
}

macro_rules! whole_numbers {
    ($($kind:ty),*) => {$(
        impl FromValue for $kind {
            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::Int(number) => number.try_into().ok(),
                    value => digits(&value),
                }
            }
        }
    )*};
}

whole_numbers!(u32, u64, usize);

impl FromValue for f64 {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Double(number) => Some(number),
            value => digits(&value),
        }
    }
}

impl FromValue for bool {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Bool(truth) => Some(truth),
            Value::Int(number) => Some(number != 0),
            _ => None,
        }
    }
}

impl FromValue for String {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text),
            Value::Bytes(bytes) => Self::from_utf8(bytes).ok(),
            _ => None,
        }
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => Some(bytes),
            Value::Text(text) => match text.strip_prefix("\\x") {
                Some(digits) => from_digits(digits),
                None => Some(text.into_bytes()),
            },
            _ => None,
        }
    }
}

/// Two digits a byte.
fn from_digits(digits: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| (digit as char).to_digit(16);
    let pairs = digits.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_read_as_its_server_writes_it() {
        let read = |value: Value| column::<Option<i64>>(&mut Fields(vec![value]), 0).unwrap();
        for value in [Value::Int(-7), Value::Bytes(b"-7".to_vec()), Value::from("-7")] {
            assert_eq!(read(value), Some(-7));
        }
        assert_eq!(read(Value::Null), None);
        let bytes = |value: Value| column::<Vec<u8>>(&mut Fields(vec![value]), 0);
        assert_eq!(bytes(Value::from("\\x00fFa0")).unwrap(), [0, 255, 160]);
        assert_eq!(bytes(Value::Bytes(b"\\x00".to_vec())).unwrap(), b"\\x00");
        assert!(bytes(Value::from("\\x0")).is_err());
        assert!(bytes(Value::from("\\x0g")).is_err());
        assert!(bytes(Value::Int(1)).is_err());
        assert!(column::<i64>(&mut Fields(Vec::new()), 0).is_err());
    }
}
