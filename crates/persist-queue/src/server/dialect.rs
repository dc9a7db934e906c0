//! The statements that each make of server has its own words for. All others are in the files called
//! `schema`.

use std::fmt;

use super::schema::Table;

/// The SQL of a make of server.
pub trait Dialect: fmt::Debug + Send + Sync {
    /// Texts that are always the same.
    fn texts(&self) -> &'static Texts;

    /// Whether a table can be called so; else why not.
    fn check_name(&self, _name: &str) -> Result<(), String> {
        Ok(())
    }

    /// A name as SQL takes it, whatever is in it.
    fn quote(&self, name: &str) -> String;

    /// The place of the parameter with this number, the first being 1.
    fn mark(&self, number: usize) -> String;

    /// The SHA-256 of bytes.
    fn hash(&self, bytes: &str) -> String;

    /// Makes the table, and the indexes that it needs.
    fn creation(&self, table: &Table) -> String;

    /// How many bytes a column of this type takes.
    fn capacity(&self, data_type: &str) -> usize;

    /// How a table is made to take larger items, as advice.
    fn widen(&self, table: &Table) -> String;

    /// How the server is made to take so many bytes at a time, as advice.
    fn larger_packets(&self, needed: usize) -> String;

    /// As [`Dialect::telling`], for an INSERT. Of a unique queue it may leave rows out that wait already, or fail.
    fn insert(&self, table: &Table, text: String) -> String;

    /// Has a change of rows say which they were and tell others of it, where the server can.
    fn telling(&self, _table: &Table, change: String) -> String {
        change
    }

    /// A statement that tells who listens that the table changed, with the commit of its transaction; empty
    /// where the server cannot.
    fn tell(&self, _table: &Table) -> String {
        String::new()
    }

    /// Has the server give so many numbers out, and never again: the last result is all of them, or the first.
    fn give_numbers(&self, table: &Table, count: u8) -> String;

    /// The index that has waiting rows in their order, behind the table's name.
    fn hint(&self, table: &Table) -> &'static str;

    /// Restricts an UPDATE to some of the rows that a condition is true of.
    fn some_of(&self, table: &Table, condition: &str, most: usize) -> String;

    /// Gives a row a number behind all others, in a transaction: the last result is that number.
    fn move_back(&self, table: &Table, id: i64) -> String;

    /// Has the server give the bytes of what is gone back to its disk.
    fn shrink(&self, table: &Table) -> String;

    /// The server's own check: the third column of what it gives is the kind of word, the fourth the word.
    fn check(&self, table: &Table) -> String;
}

/// See [`Dialect::texts`].
#[derive(Debug)]
pub struct Texts {
    /// What a connection begins with that keeps rows locked between calls.
    pub(crate) batch_settings: &'static str,
    /// What such a connection ends with.
    pub(crate) plain_settings: &'static str,
    /// What the connection begins with that holds the locks of holders.
    pub(crate) holders_settings: &'static str,
    /// The columns of a table and their types: table.
    pub(crate) columns: &'static str,
    /// The tables of the database and their columns, table by table.
    pub(crate) tables: &'static str,
    /// Milliseconds since 1970, by the server's clock.
    pub(crate) now: &'static str,
    /// What a cast calls a number of 64 bits.
    pub(crate) whole_number: &'static str,
    /// Takes a holder's lock that is not held here yet: name. 1 where it is held then.
    pub(crate) lock: &'static str,
    /// Gives it back: name.
    pub(crate) unlock: &'static str,
    /// 1 where nobody has it: name.
    pub(crate) free_lock: &'static str,
    /// For how many seconds the locks that it knows of have been all: a name, and that.
    pub(crate) uptime: &'static str,
    /// How far two numbers in a row are from each other now, where the server tells only the first.
    pub(crate) increment: &'static str,
    /// Makes the table of notes.
    pub(crate) create_notes: &'static str,
    /// Notes that nothing was put yet, where nothing is noted: table, name.
    pub(crate) begin_noting: &'static str,
}
