//! What the processes of a run tell the one that started them: one line of text each.

use std::fmt;
use std::str::FromStr;

/// The item that the parent puts to see when everything before it was taken. No line has its number.
pub(crate) const MARKER: u64 = u64::MAX;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    /// The puts of the lines `first..=last` have returned.
    Put { first: u64, last: u64 },
    /// These lines were taken, in this order.
    Took(Vec<u64>),
    /// A line came out with another text than it went in with.
    Altered(u64),
    /// Asked to, the consumer has told everything that it had taken before it was asked.
    Synced,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { first, last } => write!(f, "put {first} {last}"),
            Self::Took(lines) => {
                f.write_str("took")?;
                lines.iter().try_for_each(|line| write!(f, " {line}"))
            }
            Self::Altered(line) => write!(f, "altered {line}"),
            Self::Synced => f.write_str("synced"),
        }
    }
}

impl FromStr for Message {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("a process of the demonstration said '{text}'");
        let mut words = text.split(' ');
        let kind = words.next().ok_or_else(unknown)?;
        let numbers: Vec<u64> =
            words.map(str::parse).collect::<Result<_, _>>().map_err(|_| unknown())?;
        match (kind, numbers.as_slice()) {
            ("put", &[first, last]) => Ok(Self::Put { first, last }),
            ("took", _) => Ok(Self::Took(numbers)),
            ("altered", &[line]) => Ok(Self::Altered(line)),
            ("synced", []) => Ok(Self::Synced),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_as_they_were_written() {
        for message in [
            Message::Put { first: 0, last: 63 },
            Message::Took(vec![3, 1, MARKER]),
            Message::Altered(7),
            Message::Synced,
        ] {
            assert_eq!(message.to_string().parse(), Ok(message));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "put 1", "put 1 x", "synced 4", "hello"] {
            assert!(text.parse::<Message>().is_err(), "{text}");
        }
    }
}
