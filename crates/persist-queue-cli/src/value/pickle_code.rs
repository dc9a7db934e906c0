//! The instructions of Python's pickles (`pickletools` describes each), as far as both the reader and
//! the writer use them.

pub(super) const PROTOCOL: u8 = 0x80;
pub(super) const FRAME: u8 = 0x95;
pub(super) const STOP: u8 = b'.';
pub(super) const MARK: u8 = b'(';
pub(super) const MEMOIZE: u8 = 0x94;
pub(super) const NONE: u8 = b'N';
pub(super) const TRUE: u8 = 0x88;
pub(super) const FALSE: u8 = 0x89;
pub(super) const INT_1: u8 = b'K';
pub(super) const INT_2: u8 = b'M';
pub(super) const INT_4: u8 = b'J';
pub(super) const LONG_1: u8 = 0x8a;
pub(super) const FLOAT_8: u8 = b'G';
pub(super) const TEXT_1: u8 = 0x8c;
pub(super) const TEXT_4: u8 = b'X';
pub(super) const TEXT_8: u8 = 0x8d;
pub(super) const BYTES_1: u8 = b'C';
pub(super) const BYTES_4: u8 = b'B';
pub(super) const BYTES_8: u8 = 0x8e;
pub(super) const EMPTY_LIST: u8 = b']';
pub(super) const APPEND: u8 = b'a';
pub(super) const APPENDS: u8 = b'e';
pub(super) const EMPTY_DICT: u8 = b'}';
pub(super) const SET_ITEM: u8 = b's';
pub(super) const SET_ITEMS: u8 = b'u';
