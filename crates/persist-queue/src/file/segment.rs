//! A segment: a file of records behind a header that says whose they are.
//!
//! ```text
//! offset  bytes  field
//!      0      8  "PQRSSEG1"
//!      8      4  format version: 1
//!     12      4  salt of the queue
//!     16      8  sequence number of the first record, at most 2^63
//!     24      1  length of the serializer's name
//!     25     95  the serializer's name, UTF-8, zeros behind it
//!    120      4  zeros
//!    124      4  CRC-32C of the 124 bytes before
//!    128         records
//! ```

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checksum::crc32c;
use super::record;
use crate::error::Context;
use crate::storage::{Access, Storage, StorageFile};
use crate::{Error, Result};

/// Where the first record starts.
pub(super) const HEADER: u64 = 128;
/// The longest serializer name in bytes.
pub(super) const MAX_NAME: usize = 95;

/// No segment has this number or a higher one: what claims to is none, whatever its checksum says, and none
/// such is made.
pub(super) const MOST: u64 = 1 << 60;
/// As [`MOST`], for chunks of persist-queue 1.x: the segments that they are converted to have higher numbers.
#[cfg(feature = "legacy")]
pub(super) const MOST_CHUNKS: u64 = MOST / 2;
const MAGIC: &[u8; 8] = b"PQRSSEG1";
const VERSION: u32 = 1;

/// What a segment says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) salt: u32,
    pub(super) first_sequence: u64,
    pub(super) codec: String,
}

/// What stands at the start of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Recognised {
    Ours(Header),
    /// One of ours, from a later version.
    Later(u32),
    Unknown,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER as usize] {
        let mut bytes = [0; HEADER as usize];
        bytes[0..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.salt.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first_sequence.to_le_bytes());
        put_name(&mut bytes[24..120], &self.codec);
        seal(&mut bytes);
        bytes
    }

    pub(super) fn parse(bytes: &[u8]) -> Recognised {
        let Some(bytes) = bytes.first_chunk::<{ HEADER as usize }>() else {
            return Recognised::Unknown;
        };
        if !bytes.starts_with(MAGIC) || !is_sealed(bytes) {
            return Recognised::Unknown;
        }
        let first_sequence = number64(bytes, 16);
        match number32(bytes, 8) {
            VERSION => match get_name(&bytes[24..120]) {
                Some(codec) if first_sequence <= record::MOST => {
                    Recognised::Ours(Self { salt: number32(bytes, 12), first_sequence, codec })
                }
                _ => Recognised::Unknown,
            },
            later => Recognised::Later(later),
        }
    }
}

/// The file name of a segment.
pub(super) fn name(number: u64) -> String {
    format!("q{number:05}")
}

/// The number of the segment that is called `name`.
pub(super) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix('q')?;
    let plain = digits.len() >= 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let sane = |number: &u64| plain && *number < MOST && self::name(*number) == name;
    digits.parse().ok().filter(sane)
}

/// The number of the segment at `path`.
pub(super) fn number_of(path: &Path) -> Option<u64> {
    number(path.file_name()?.to_str()?)
}

/// An existing segment.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn StorageFile>,
    /// Missing where the header is damaged.
    pub(super) header: Option<Header>,
}

impl Segment {
    /// Whether this is the beginning of a segment whose process died while it was made.
    pub(super) fn is_begun(&self) -> Result<bool> {
        let mut bytes = [0; HEADER as usize];
        let read = self.file.read_at(&mut bytes, 0).context("read", &self.path)?;
        let compared = read.min(MAGIC.len());
        Ok(read < bytes.len() && bytes[..compared] == MAGIC[..compared])
    }

    /// Whether its header never reached the disk: the power went when it was new.
    pub(super) fn is_blank(&self) -> Result<bool> {
        let mut bytes = [0; HEADER as usize];
        self.file.read_at(&mut bytes, 0).context("read", &self.path)?;
        Ok(bytes.iter().all(|byte| *byte == 0))
    }
}

/// Opens a segment; nothing where there is no such file.
pub(super) fn open(
    storage: &dyn Storage,
    dir: &Path,
    number: u64,
    access: Access,
) -> Result<Option<Segment>> {
    let path = dir.join(name(number));
    let file = match storage.open(&path, access) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context("open", &path),
    };
    let mut bytes = [0; HEADER as usize];
    let read = file.read_at(&mut bytes, 0).context("read", &path)?;
    let header = match Header::parse(&bytes[..read]) {
        Recognised::Ours(header) => Some(header),
        Recognised::Later(version) => {
            let reason = format!(
                "it has format version {version} and this library knows {VERSION}; \
                 use a later persist-queue"
            );
            return Err(Error::Unrecognised { path, reason });
        }
        Recognised::Unknown => None,
    };
    Ok(Some(Segment { number, path, file, header }))
}

/// The numbers of all files that are called like segments, in order.
pub(super) fn numbers(storage: &dyn Storage, dir: &Path) -> Result<Vec<u64>> {
    let names = storage.list(dir).context("list", dir)?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| number(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Writes a length and a name into a field.
pub(super) fn put_name(field: &mut [u8], name: &str) {
    let name = name.as_bytes();
    field[0] = name.len() as u8;
    field[1..=name.len()].copy_from_slice(name);
}

/// Reads what [`put_name`] wrote.
pub(super) fn get_name(field: &[u8]) -> Option<String> {
    let name = field.get(1..=usize::from(*field.first()?))?;
    String::from_utf8(name.to_vec()).ok()
}

/// Writes the checksum of all bytes before into the last four.
pub(super) fn seal(bytes: &mut [u8]) {
    let end = bytes.len() - 4;
    let checksum = crc32c(&bytes[..end]);
    bytes[end..].copy_from_slice(&checksum.to_le_bytes());
}

/// Whether the last four bytes are what [`seal`] writes.
pub(super) fn is_sealed(bytes: &[u8]) -> bool {
    let (covered, checksum) = bytes.split_at(bytes.len() - 4);
    crc32c(covered).to_le_bytes() == *checksum
}

pub(super) fn number32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub(super) fn number64(bytes: &[u8], at: usize) -> u64 {
    u64::from(number32(bytes, at)) | u64::from(number32(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_agree() {
        assert_eq!(name(0), "q00000");
        assert_eq!(number("q00012"), Some(12));
        assert_eq!(number(&name(1_234_567)), Some(1_234_567));
        for foreign in ["q1", "q000012", "qabcde", "queue", "q00001.bak", "q-0001", "q+0001"] {
            assert_eq!(number(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn every_flipped_bit_of_a_header_is_noticed() {
        let header = Header { salt: 9, first_sequence: 70, codec: "pickle".to_owned() };
        let bytes = header.encode();
        assert_eq!(Header::parse(&bytes), Recognised::Ours(header));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::parse(&damaged), Recognised::Unknown, "bit {bit}");
        }
    }
}
