//! Whether bytes are one `MessagePack` value. A damaged length prefix is noticed by this.

use super::cursor::Cursor;

/// Whether `bytes` are exactly one value. Walks without recursion, so that no nesting is too deep.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    let mut cursor = Cursor::new(bytes);
    let mut left = 1_u64;
    while left > 0 {
        left = (left - 1).saturating_add(pass(&mut cursor)?);
    }
    if cursor.is_at_end() { Ok(()) } else { Err("bytes follow the value".to_owned()) }
}

/// Goes behind the head of a value, and the value if it is a plain one. Says how many values it
/// contains, which follow.
fn pass(cursor: &mut Cursor<'_>) -> Result<u64, String> {
    let head = cursor.byte()?;
    let low = u64::from(head);
    let (skip, inside) = match head {
        // Small integers, nil, false, true.
        0x00..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff => (0, 0),
        0xc1 => return Err("MessagePack has no value 0xc1".to_owned()),
        // A small map, array, string.
        0x80..=0x8f => (0, 2 * (low & 0x0f)),
        0x90..=0x9f => (0, low & 0x0f),
        0xa0..=0xbf => return cursor.text(low & 0x1f).map(|()| 0),
        // Binaries and strings; extensions have a byte for their type.
        0xc4..=0xc6 => (cursor.big_endian(1 << (head - 0xc4))?, 0),
        0xd9..=0xdb => {
            let length = cursor.big_endian(1 << (head - 0xd9))?;
            return cursor.text(length).map(|()| 0);
        }
        0xc7..=0xc9 => (1 + cursor.big_endian(1 << (head - 0xc7))?, 0),
        0xd4..=0xd8 => (1 + (1 << (head - 0xd4)), 0),
        // Floats, unsigned and signed integers.
        0xca | 0xcb => (4 << (head - 0xca), 0),
        0xcc..=0xcf => (1 << (head - 0xcc), 0),
        0xd0..=0xd3 => (1 << (head - 0xd0), 0),
        // Arrays and maps.
        0xdc | 0xdd => (0, cursor.big_endian(2 << (head - 0xdc))?),
        0xde | 0xdf => (0, 2 * cursor.big_endian(2 << (head - 0xde))?),
    };
    cursor.take(skip)?;
    Ok(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_every_head() {
        for head in 0..=255_u8 {
            // Zeros are lengths, numbers and values: some count of them ends the value.
            let whole = (0..40).any(|zeros| {
                let mut value = vec![head];
                value.resize(1 + zeros, 0);
                check(&value).is_ok()
            });
            assert_eq!(whole, head != 0xc1, "{head:#04x}");
        }
    }

    #[test]
    fn wants_exactly_one_value() {
        assert_eq!(check(&[0x92, 0x01, 0xa1, b'a']), Ok(()));
        assert!(check(&[]).is_err() && check(&[1, 2]).is_err() && check(&[0x92, 1]).is_err());
        assert!(check(&[0xdf, 255, 255, 255, 255]).is_err());
        let deep = [vec![0x91; 1_000_000], vec![0xc0]].concat();
        assert_eq!(check(&deep), Ok(()));
    }
}
