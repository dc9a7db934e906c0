//! The opcodes of pickle, protocols 0 to 5: how long each is, and which of them only hold data.
//! The numbers are those of Python's `pickletools`.

use super::cursor::Cursor;

pub(super) const PROTO: u8 = 0x80;
pub(super) const STOP: u8 = b'.';

/// What follows an opcode.
enum Argument {
    /// As many bytes.
    Bytes(u64),
    /// A length of as many bytes, and as many bytes as it says.
    Counted(u64),
    /// As many lines of text.
    Lines(u8),
}

/// Goes behind the opcode at the cursor, and says which it was.
pub(super) fn pass(cursor: &mut Cursor<'_>) -> Result<u8, String> {
    let start = cursor.at();
    let opcode = cursor.byte()?;
    let argument = argument(opcode)
        .ok_or_else(|| format!("there is no pickle opcode {opcode:#04x} (at byte {start})"))?;
    match argument {
        Argument::Bytes(count) => drop(cursor.take(count)?),
        Argument::Counted(width) => {
            let count = cursor.little_endian(width)?;
            cursor.take(count)?;
        }
        Argument::Lines(count) => {
            for _ in 0..count {
                cursor.line()?;
            }
        }
    }
    Ok(opcode)
}

fn argument(opcode: u8) -> Option<Argument> {
    Some(match opcode {
        // Stack, containers and objects of protocols 0 and 1; then NEWOBJ, TUPLE1 to TUPLE3,
        // NEWTRUE, NEWFALSE; EMPTY_SET to MEMOIZE; and the two for buffers.
        b'('
        | b'.'
        | b'0'
        | b'1'
        | b'2'
        | b'N'
        | b'Q'
        | b'R'
        | b'a'
        | b'b'
        | b'd'
        | b'e'
        | b'l'
        | b'o'
        | b's'
        | b't'
        | b'u'
        | b'}'
        | b']'
        | b')'
        | 0x81
        | 0x85..=0x89
        | 0x8f..=0x94
        | 0x97
        | 0x98 => Argument::Bytes(0),
        // BININT1, BINGET, BINPUT, EXT1.
        b'K' | b'h' | b'q' | PROTO | 0x82 => Argument::Bytes(1),
        // BININT2, EXT2.
        b'M' | 0x83 => Argument::Bytes(2),
        // BININT, LONG_BINGET, LONG_BINPUT, EXT4.
        b'J' | b'j' | b'r' | 0x84 => Argument::Bytes(4),
        // BINFLOAT. FRAME: its length is a hint for readers, what it frames is opcodes like others.
        b'G' | 0x95 => Argument::Bytes(8),
        // The SHORT_ strings, LONG1.
        b'U' | b'C' | 0x8c | 0x8a => Argument::Counted(1),
        // BINSTRING, BINBYTES, BINUNICODE, LONG4.
        b'T' | b'B' | b'X' | 0x8b => Argument::Counted(4),
        // BINUNICODE8, BINBYTES8, BYTEARRAY8.
        0x8d | 0x8e | 0x96 => Argument::Counted(8),
        // INT, LONG, STRING, UNICODE, FLOAT, PERSID, GET, PUT.
        b'I' | b'L' | b'S' | b'V' | b'F' | b'P' | b'g' | b'p' => Argument::Lines(1),
        // GLOBAL, INST: a module and a name in it.
        b'c' | b'i' => Argument::Lines(2),
        _ => return None,
    })
}

/// Whether an opcode only builds numbers, strings, lists, tuples and dictionaries, and cannot make
/// them grow faster than the pickle itself (as DUP does).
pub(super) fn is_plain(opcode: u8) -> bool {
    let scalars = b"NIJKMLFGSTUVXCB\x8a\x8c";
    let containers = b"(].)}ltdaesu\x85\x86\x87";
    let memo = b"pqrghj\x94";
    let envelope = [PROTO, 0x95, STOP];
    [scalars.as_slice(), containers, memo, &envelope].iter().any(|some| some.contains(&opcode))
}
