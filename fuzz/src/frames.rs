//! The bytes of a queue, read and written by code of its own, as docs/format.md has them.

use std::collections::BTreeSet;

pub(crate) const SEGMENT_HEADER: usize = 128;
pub(crate) const SLOT: usize = 256;
pub(crate) const SLOTS: [usize; 2] = [0, 4096];
pub(crate) const NOTE: usize = 40;
/// From the beginning of their slot.
pub(crate) const NOTES: [usize; 4] = [256, 320, 384, 448];
const RECORD_HEADER: usize = 24;
const ALIGNMENT: usize = 8;

/// CRC-32C, a bit at a time.
pub(crate) fn crc(before: u32, bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!before, |state, byte| {
        (0..8).fold(state ^ u32::from(*byte), |state, _| (state >> 1) ^ (0x82F6_3B78 * (state & 1)))
    })
}

fn number32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The checksum of the record of `length` bytes at the start of `bytes`.
fn checksum(bytes: &[u8], length: usize, salt: u32) -> Option<u32> {
    let kind = number32(bytes, 12)?.wrapping_mul(0x9E37_79B1);
    Some(crc(salt ^ length as u32 ^ kind, bytes.get(16..length)?))
}

/// The record at the start of `bytes`, if it is a whole one: its sequence number and its payload.
pub(crate) fn record(bytes: &[u8], salt: u32) -> Option<(u64, Vec<u8>)> {
    let length = number32(bytes, 0)? as usize;
    let sequence = u64::from_le_bytes(*bytes.get(16..)?.first_chunk()?);
    let payload = bytes.get(RECORD_HEADER..length)?.to_vec();
    let is_right = number32(bytes, 4)? == checksum(bytes, length, salt)?;
    (is_right && number32(bytes, 12)? == 0).then_some((sequence, payload))
}

/// Every record that is anywhere in `bytes`.
pub(crate) fn records(bytes: &[u8], salt: u32) -> BTreeSet<(u64, Vec<u8>)> {
    (0..bytes.len()).step_by(ALIGNMENT).filter_map(|at| record(&bytes[at..], salt)).collect()
}

/// The salt in a segment's header or in a slot of a control file.
pub(crate) fn salt(bytes: &[u8]) -> Option<u32> {
    number32(bytes, 12)
}

/// Gives a header or a slot the checksum that it should have.
pub(crate) fn seal(bytes: &mut [u8], size: usize) {
    if let Some(covered) = bytes.get(..size - 4) {
        let checksum = crc(0, covered);
        if let Some(place) = bytes.get_mut(size - 4..size) {
            place.copy_from_slice(&checksum.to_le_bytes());
        }
    }
}

/// Gives a note behind the slot at the start of `sector` the checksum that it should have.
pub(crate) fn seal_note(sector: &mut [u8], at: usize) {
    let Some(salt) = salt(sector) else { return };
    if let Some((covered, place)) = sector[at..].split_at_mut_checked(NOTE - 8)
        && let Some(place) = place.first_chunk_mut()
    {
        *place = crc(salt, covered).to_le_bytes();
    }
}

/// Gives a segment's header, and its records one behind the other, the checksums that they should have.
pub(crate) fn seal_segment(bytes: &mut [u8]) {
    seal(bytes, SEGMENT_HEADER);
    let Some(salt) = salt(bytes) else { return };
    let mut at = SEGMENT_HEADER;
    while let Some(frame) = bytes.get_mut(at..) {
        let Some(length) = number32(frame, 0).map(|length| length as usize) else { return };
        let (true, Some(checksum)) = (length > 16, checksum(frame, length, salt)) else { return };
        frame[4..8].copy_from_slice(&checksum.to_le_bytes());
        at += length.next_multiple_of(ALIGNMENT);
    }
}
