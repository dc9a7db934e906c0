//! The `info` file: where persist-queue stands.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::super::segment::MOST_CHUNKS;

/// Where an end of the queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// The chunk's number.
    pub file: u64,
    /// How many of the chunk's items are before this place.
    pub count: u64,
    /// How many of the chunk's bytes are before this place.
    pub offset: u64,
}

/// What the `info` file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Info {
    /// How many items a chunk holds before the next one is started; 0: there is one endless chunk.
    pub chunk_records: u64,
    /// How many items are unread.
    pub size: u64,
    /// The oldest unread item.
    pub tail: Place,
    /// Where the next item would have been put.
    pub head: Place,
}

impl Info {
    /// Refuses what persist-queue cannot have written, so that nothing is guessed from it.
    pub fn checked(self) -> Result<Self, String> {
        let (tail, head) = (self.tail, self.head);
        if (tail.file, tail.count) > (head.file, head.count) {
            return Err("its tail is behind its head".to_owned());
        }
        if head.file >= MOST_CHUNKS {
            return Err(format!("no queue has come to the chunk {}", head.file));
        }
        match self.chunk_records {
            0 if tail.file != head.file => Err("its one endless chunk has a successor".to_owned()),
            0 => Ok(self),
            limit if tail.count >= limit || head.count >= limit => {
                Err("it counts more items in a chunk than a chunk holds".to_owned())
            }
            _ => Ok(self),
        }
    }

    /// How many unread items belong in the chunks from `first` to `last`.
    pub(super) fn records(&self, first: u64, last: u64) -> u64 {
        let end = if last >= self.head.file {
            self.index(self.head.file, self.head.count)
        } else {
            self.index(last + 1, 0)
        };
        end.saturating_sub(self.index(first, 0))
    }

    /// How many unread items are before the item `count` of the chunk `file`.
    fn index(&self, file: u64, count: u64) -> u64 {
        file.saturating_sub(self.tail.file)
            .saturating_mul(self.chunk_records)
            .saturating_add(count)
            .saturating_sub(self.tail.count)
    }
}

/// The file as it is written. Unknown keys are refused, not skipped: persist-queue never had any,
/// and skipping a pickle's value can take for ever.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    chunksize: ChunkSize,
    size: i64,
    tail: (u64, u64, u64),
    head: (u64, u64, u64),
}

impl<'de> Deserialize<'de> for Info {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let place = |(file, count, offset)| Place { file, count, offset };
        let info = Self {
            chunk_records: written.chunksize.0,
            size: written.size.try_into().unwrap_or(0),
            tail: place(written.tail),
            head: place(written.head),
        };
        info.checked().map_err(D::Error::custom)
    }
}

/// persist-queue starts a new chunk when a count equals this, so that a size that no count can
/// reach (negative, fractional, infinite) is legal there and means one endless chunk: 0 here.
struct ChunkSize(u64);

impl<'de> Deserialize<'de> for ChunkSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ChunkSizeVisitor)
    }
}

struct ChunkSizeVisitor;

impl Visitor<'_> for ChunkSizeVisitor {
    type Value = ChunkSize;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number of items")
    }

    fn visit_u64<E>(self, number: u64) -> Result<ChunkSize, E> {
        Ok(ChunkSize(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<ChunkSize, E> {
        Ok(ChunkSize(number.try_into().unwrap_or(0)))
    }

    #[expect(clippy::cast_sign_loss, reason = "a negative number becomes 0, as it should")]
    fn visit_f64<E>(self, number: f64) -> Result<ChunkSize, E> {
        Ok(ChunkSize(if number.fract() == 0.0 { number as u64 } else { 0 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(json: &str) -> Result<Info, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    fn written(chunksize: &str, tail: [u64; 3], head: [u64; 3]) -> Result<Info, String> {
        info(&format!(
            r#"{{"chunksize": {chunksize}, "size": 1, "tail": {tail:?}, "head": {head:?}}}"#
        ))
    }

    #[test]
    fn reads_every_number() {
        let read = written("3", [1, 2, 30], [4, 1, 7]).unwrap();
        assert_eq!((read.chunk_records, read.size), (3, 1));
        assert_eq!(read.tail, Place { file: 1, count: 2, offset: 30 });
        assert_eq!(read.head, Place { file: 4, count: 1, offset: 7 });
    }

    #[test]
    fn a_chunk_size_that_no_count_reaches_is_one_endless_chunk() {
        for (size, records) in [("100.0", 100), ("-1", 0), ("2.5", 0), ("0", 0)] {
            assert_eq!(written(size, [0; 3], [0; 3]).unwrap().chunk_records, records, "{size}");
        }
    }

    #[test]
    fn refuses_what_cannot_be() {
        assert!(written("3", [2, 0, 0], [1, 0, 0]).is_err());
        assert!(written("3", [1, 2, 9], [1, 1, 0]).is_err());
        assert!(written("3", [0, 3, 9], [1, 0, 0]).is_err());
        assert!(written("0", [0, 0, 0], [1, 0, 0]).is_err());
        assert!(written("3", [0, 0, 0], [1 << 59, 0, 0]).is_err());
        assert!(written("\"3\"", [0; 3], [0; 3]).is_err());
        assert!(info("{}").is_err());
        assert!(info(r#"{"chunksize":1,"size":0,"tail":[0,0],"head":[0,0,0]}"#).is_err());
        assert!(info(r#"{"chunksize":1,"size":0,"tail":[0,-1,0],"head":[0,0,0]}"#).is_err());
    }

    #[test]
    fn counts_the_records_of_chunks() {
        let info = written("3", [1, 2, 30], [4, 1, 7]).unwrap();
        let counts = [(1, 1, 1), (2, 2, 3), (4, 4, 1), (1, 4, 8), (2, 9, 7)];
        for (first, last, records) in counts {
            assert_eq!(info.records(first, last), records, "{first}..={last}");
        }
        let last = MOST_CHUNKS - 1;
        let vast = written("100", [0; 3], [last, 1, 1]).unwrap();
        assert_eq!(vast.records(0, last), u64::MAX);
    }
}
