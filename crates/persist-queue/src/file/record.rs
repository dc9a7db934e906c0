//! One record in a segment: a frame with a checksum around the serialized item.
//!
//! ```text
//! offset  bytes  field
//!      0      4  length of the frame without its padding: 24 + payload; 0 ends the segment
//!      4      4  CRC-32C of sequence number and payload, begun with salt, length and kind
//!      8      4  completion mark: 0, or the CRC-32C of salt, sequence number and "done"
//!     12      4  kind: 0
//!     16      8  sequence number, less than 2^63
//!     24      n  payload
//!            0-7 zeros up to a multiple of 8
//! ```
//! All numbers are little-endian. The salt is the queue's own random number: it keeps a payload that
//! looks like a frame from being taken for one. The checksum's first state is salt
//! exclusive-or length exclusive-or kind * 0x9E3779B1. The mark is written in place when a record is finished before an older
//! one; it is not covered by the checksum and counts only when it is exactly right, so damage to it
//! can only bring an item back.

use super::checksum::{crc32c, crc32c_append};

/// Bytes in front of the payload.
pub(super) const HEADER: usize = 24;
/// Where the completion mark stands in a frame.
pub(super) const MARK: u64 = 8;
/// Frames start at multiples of this.
pub(super) const ALIGNMENT: usize = 8;
/// No record has this sequence number or a higher one: what claims to was never written, whatever its checksum
/// says, and a put that would need it is refused. So numbers are added up without a thought.
pub(super) const MOST: u64 = 1 << 63;
/// The largest payload.
pub(super) const MAX_PAYLOAD: usize = u32::MAX as usize - 2 * HEADER;

/// Where the bytes start that the checksum runs over.
const COVERED: usize = 16;
const ITEM: u32 = 0;

/// A whole record, as found in a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) sequence: u64,
    pub(super) payload: &'a [u8],
    pub(super) marked: bool,
}

impl Record<'_> {
    /// The bytes that the frame takes in its segment.
    pub(super) fn size(&self) -> u64 {
        frame_size(self.payload.len())
    }
}

/// What stands at a place in a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed<'a> {
    Record(Record<'a>),
    /// A zero length, or nothing.
    End,
    /// The frame needs this many bytes, more than there were.
    Short(usize),
    Bad,
}

/// The bytes that a frame takes, padding included.
pub(super) fn frame_size(payload: usize) -> u64 {
    (HEADER + payload).next_multiple_of(ALIGNMENT) as u64
}

/// Appends the frame of `payload` to `buffer`.
#[inline]
pub(super) fn encode(buffer: &mut Vec<u8>, salt: u32, sequence: u64, payload: &[u8]) {
    let start = buffer.len();
    let (length, header) = unsealed(sequence, payload);
    buffer.extend_from_slice(&header);
    buffer.extend_from_slice(payload);
    let checksum = checksum(salt, length, ITEM, &buffer[start + COVERED..]);
    buffer[start + 4..start + 8].copy_from_slice(&checksum.to_le_bytes());
    buffer.extend_from_slice(padding(payload));
}

/// What stands before `payload` in a frame. As [`encode`], for a payload that is not to be copied.
pub(super) fn header(salt: u32, sequence: u64, payload: &[u8]) -> [u8; HEADER] {
    let (length, mut header) = unsealed(sequence, payload);
    let checksum = crc32c_append(checksum(salt, length, ITEM, &header[COVERED..]), payload);
    header[4..8].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// What stands behind `payload` in a frame.
pub(super) fn padding(payload: &[u8]) -> &'static [u8] {
    let length = HEADER + payload.len();
    &[0; ALIGNMENT][..length.next_multiple_of(ALIGNMENT) - length]
}

/// The length of a frame, and its header without the checksum.
#[inline]
fn unsealed(sequence: u64, payload: &[u8]) -> (u32, [u8; HEADER]) {
    let length = (HEADER + payload.len()) as u32;
    let mut header = [0; HEADER];
    header[0..4].copy_from_slice(&length.to_le_bytes());
    header[12..16].copy_from_slice(&ITEM.to_le_bytes());
    header[16..24].copy_from_slice(&sequence.to_le_bytes());
    (length, header)
}

/// The frames of which `bytes`, that this process encoded, consists.
pub(super) fn frames(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let size = (frame_at(bytes) as usize).min(bytes.len());
        let (frame, rest) = bytes.split_at(size);
        bytes = rest;
        (!frame.is_empty()).then_some(frame)
    })
}

/// How many bytes of the segment it takes to read the frame at the start of `bytes`, as far as
/// these tell.
pub(super) fn needed(bytes: &[u8]) -> usize {
    match bytes.first_chunk::<HEADER>() {
        Some(header) => (number32(header, 0) as usize).max(HEADER),
        None => HEADER,
    }
}

/// The bytes that the frame at the start of `bytes` takes, padding included, as far as these tell.
pub(super) fn frame_at(bytes: &[u8]) -> u64 {
    needed(bytes).next_multiple_of(ALIGNMENT) as u64
}

/// The payload of the frame at the start of `bytes`, which this process encoded itself.
pub(super) fn trusted_payload(bytes: &[u8]) -> &[u8] {
    bytes.get(HEADER..needed(bytes)).unwrap_or_default()
}

/// Reads the frame at the start of `bytes`, as far as it is there.
pub(super) fn parse(bytes: &[u8], salt: u32) -> Parsed<'_> {
    if let Some(record) = whole(bytes, salt) {
        return Parsed::Record(record);
    }
    let Some(header) = bytes.first_chunk::<HEADER>() else {
        return if bytes.iter().all(|byte| *byte == 0) {
            Parsed::End
        } else {
            Parsed::Short(HEADER)
        };
    };
    match number32(header, 0) as usize {
        0 => Parsed::End,
        length if length > bytes.len() => Parsed::Short(length),
        _ => Parsed::Bad,
    }
}

/// The record at the start of `bytes`, where all of it is there and right.
#[inline]
pub(super) fn whole(bytes: &[u8], salt: u32) -> Option<Record<'_>> {
    let header = bytes.first_chunk::<HEADER>()?;
    let length = number32(header, 0);
    let payload = bytes.get(HEADER..length as usize)?;
    let kind = number32(header, 12);
    let checksum = checksum(salt, length, kind, &bytes[COVERED..length as usize]);
    checked(header, payload, salt, checksum)
}

/// The record of a header and a payload that was read apart from it, as long as the header says,
/// where they are right.
pub(super) fn joined<'a>(
    header: &[u8; HEADER],
    payload: &'a [u8],
    salt: u32,
) -> Option<Record<'a>> {
    let (length, kind) = (number32(header, 0), number32(header, 12));
    let checksum = crc32c_append(checksum(salt, length, kind, &header[COVERED..]), payload);
    checked(header, payload, salt, checksum)
}

/// The record of a header and a payload with this checksum, where that is what the header says.
#[inline]
fn checked<'a>(
    header: &[u8; HEADER],
    payload: &'a [u8],
    salt: u32,
    checksum: u32,
) -> Option<Record<'a>> {
    if number32(header, 4) != checksum || number32(header, 12) != ITEM {
        return None;
    }
    let (sequence, marked) = (number64(header, 16), number32(header, 8));
    Some(Record { sequence, payload, marked: marked != 0 && marked == mark(salt, sequence) })
}

/// The completion mark of a record.
#[cold]
pub(super) fn mark(salt: u32, sequence: u64) -> u32 {
    let seed = crc32c(&salt.to_le_bytes());
    let mark = crc32c_append(crc32c_append(seed, &sequence.to_le_bytes()), b"done");
    // Zero means: not finished.
    mark.max(1)
}

/// What a mark is written with: it and the kind behind it, in one piece.
pub(super) fn mark_bytes(mark: u32) -> [u8; 8] {
    (u64::from(mark) | u64::from(ITEM) << 32).to_le_bytes()
}

/// Runs over bytes that start at a multiple of 8, which is faster than over all of the frame.
fn checksum(salt: u32, length: u32, kind: u32, covered: &[u8]) -> u32 {
    crc32c_append(salt ^ length ^ kind.wrapping_mul(0x9E37_79B1), covered)
}

fn number32(header: &[u8; HEADER], at: usize) -> u32 {
    u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
}

fn number64(header: &[u8; HEADER], at: usize) -> u64 {
    u64::from(number32(header, at)) | u64::from(number32(header, at + 4)) << 32
}

/// The offset in `bytes` of the first whole frame at or behind `from` whose sequence number is in
/// `wanted`. How records are found again behind damage.
pub(super) fn find(
    bytes: &[u8],
    salt: u32,
    from: usize,
    wanted: std::ops::Range<u64>,
) -> Option<usize> {
    (from.next_multiple_of(ALIGNMENT)..bytes.len()).step_by(ALIGNMENT).find(|at| {
        let candidate = &bytes[*at..];
        let Some(header) = candidate.first_chunk::<HEADER>() else { return false };
        // The cheap test first: a checksum at each place would cost the square of the size.
        wanted.contains(&number64(header, 16))
            && matches!(parse(candidate, salt), Parsed::Record(_))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(sequence: u64, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(&mut bytes, 7, sequence, payload);
        bytes
    }

    #[test]
    fn a_frame_comes_back_as_it_went_in() {
        for size in [0, 1, 7, 8, 9, 1000] {
            let payload = vec![0xA5; size];
            let bytes = frame(3, &payload);
            assert_eq!(bytes.len() as u64, frame_size(size));
            let expected = Record { sequence: 3, payload: &payload, marked: false };
            assert_eq!(parse(&bytes, 7), Parsed::Record(expected));
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed_or_only_unmarks() {
        let bytes = frame(3, b"some payload");
        let end = HEADER + b"some payload".len();
        for bit in 0..end * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let parsed = parse(&damaged, 7);
            if (8 * 8..12 * 8).contains(&bit) {
                let whole = Record { sequence: 3, payload: b"some payload", marked: false };
                assert_eq!(parsed, Parsed::Record(whole), "bit {bit}");
            } else {
                assert!(!matches!(parsed, Parsed::Record(_)), "bit {bit}: {parsed:?}");
            }
        }
    }

    #[test]
    fn a_mark_counts_only_when_exact() {
        let mut bytes = frame(3, b"x");
        bytes[8..12].copy_from_slice(&mark(7, 3).to_le_bytes());
        assert!(matches!(parse(&bytes, 7), Parsed::Record(Record { marked: true, .. })));
        bytes[8] ^= 1;
        assert!(matches!(parse(&bytes, 7), Parsed::Record(Record { marked: false, .. })));
    }

    #[test]
    fn a_payload_that_looks_like_a_frame_is_not_found_without_the_salt() {
        let mut inner = Vec::new();
        encode(&mut inner, 8, 5, b"forged");
        let bytes = frame(4, &inner);
        assert_eq!(find(&bytes, 7, ALIGNMENT, 4..10), None);
        assert_eq!(find(&bytes, 8, ALIGNMENT, 4..10), Some(HEADER));
    }
}
