//! Looking at a queue, whatever holds it, without changing anything.

use super::file_view::FolderView;
use super::locator::Locator;
use super::open::Place;
use super::sql_view::SqlView;
use super::stats::Stats;
use crate::Result;
use crate::file::Folder;
#[cfg(feature = "nats")]
use crate::nats::NatsView;
#[cfg(feature = "server")]
use crate::server::ServerView;
use crate::sql::Seen;
use crate::sqlite::SqliteView;

/// How many rows are read at once.
const PAGE: usize = 1000;

/// A queue that can only be looked at. It gives the items that are not final, in the order of their
/// numbers, without locking anybody out; what changes meanwhile may be seen or not.
#[derive(Debug)]
pub struct AnyView {
    place: Place,
    seen: View,
}

#[derive(Debug)]
enum View {
    Folder(Box<FolderView>),
    Table { view: SqlView, page: std::vec::IntoIter<Seen>, behind: i64 },
}

impl View {
    fn table(view: SqlView) -> Self {
        Self::Table { view, page: Vec::new().into_iter(), behind: i64::MIN }
    }
}

/// An item that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its number.
    pub id: u64,
    /// The serialized item.
    pub payload: Vec<u8>,
    /// When it was put, in seconds since 1970, where that is known.
    pub timestamp: Option<f64>,
    /// Where it stands, as the numbers of [`Status`](crate::sql::Status).
    pub status: i64,
    /// Its priority, 0 where there is none.
    pub priority: i64,
}

impl From<Seen> for Entry {
    fn from(seen: Seen) -> Self {
        Self {
            id: seen.row.id.cast_unsigned(),
            payload: seen.row.data,
            timestamp: Some(seen.row.timestamp),
            status: seen.status,
            priority: seen.priority,
        }
    }
}

impl AnyView {
    /// Looks at the queue, which must be there.
    ///
    /// # Errors
    /// As [`Place::find`]; [`Error::Io`](crate::Error::Io) where it cannot be read.
    pub fn open(locator: &Locator) -> Result<Self> {
        Self::at(Place::find(locator, false)?)
    }

    /// As [`AnyView::open`], for a queue that was found.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) where it cannot be read.
    pub fn at(place: Place) -> Result<Self> {
        let seen = match &place {
            Place::File { dir, folder } => View::Folder(Box::new(FolderView::open(dir, *folder)?)),
            Place::Sqlite { path, .. } => View::table(SqlView::Sqlite(SqliteView::open(path)?)),
            #[cfg(feature = "server")]
            Place::Server { address, .. } => {
                View::table(SqlView::Server(ServerView::open(address)?))
            }
            #[cfg(feature = "nats")]
            Place::Nats { address, .. } => View::table(SqlView::Nats(NatsView::open(address)?)),
        };
        Ok(Self { place, seen })
    }

    /// Where the queue is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The serializer that the queue remembers.
    pub fn codec(&self) -> Option<&str> {
        match &self.seen {
            View::Folder(view) => Some(view.codec()),
            View::Table { .. } => None,
        }
    }

    /// The serializer of the queue in a place, where there is one that remembers it.
    pub(super) fn codec_in(place: &Place) -> Result<Option<String>> {
        match place {
            Place::File { dir, folder } if *folder != Folder::Other => {
                Ok(Some(FolderView::open(dir, *folder)?.codec().into()))
            }
            _ => Ok(None),
        }
    }

    /// The next item, in the order of the numbers, whatever its status.
    ///
    /// # Errors
    /// [`Error::Corrupted`](crate::Error::Corrupted) for each damaged place, and then it goes on;
    /// [`Error::Io`](crate::Error::Io), [`Error::Database`](crate::Error::Database).
    pub fn next_entry(&mut self) -> Result<Option<Entry>> {
        let Some(table) = self.place.table() else {
            let View::Folder(view) = &mut self.seen else { return Ok(None) };
            return view.next_entry();
        };
        let View::Table { view, page, behind } = &mut self.seen else { return Ok(None) };
        if page.as_slice().is_empty() {
            *page = view.rows(table, *behind, PAGE)?.into_iter();
        }
        let Some(seen) = page.next() else { return Ok(None) };
        *behind = seen.row.id;
        Ok(Some(seen.into()))
    }

    /// Goes on behind the item with this number, in a database at once.
    pub fn skip_to(&mut self, id: u64) {
        if let View::Table { page, behind, .. } = &mut self.seen {
            *page = Vec::new().into_iter();
            *behind = id.cast_signed();
        }
    }

    /// The items that would come out next, at most `most`.
    ///
    /// # Errors
    /// As [`AnyView::next_entry`].
    pub fn first(&mut self, most: usize) -> Result<Vec<Entry>> {
        if let (Some(table), View::Table { view, .. }) = (self.place.table(), &self.seen) {
            return Ok(view.waiting(table, most)?.into_iter().map(Entry::from).collect());
        }
        let mut entries = Vec::new();
        while entries.len() < most
            && let Some(entry) = self.next_entry()?
        {
            entries.push(entry);
        }
        Ok(entries)
    }

    /// What can be counted of the queue.
    ///
    /// # Errors
    /// As [`AnyView::next_entry`].
    pub fn stats(&self) -> Result<Stats> {
        match (&self.seen, &self.place) {
            (View::Folder(view), Place::File { dir, .. }) => Stats::of_folder(view, dir),
            (View::Table { view, .. }, place) => {
                place.table().map_or(Ok(Stats::default()), |table| Stats::of_table(view, table))
            }
            _ => Ok(Stats::default()),
        }
    }

    /// What the database's own check finds wrong; nothing for a queue in a folder, whose records are
    /// checked one by one.
    ///
    /// # Errors
    /// As [`AnyView::next_entry`].
    pub fn check(&self) -> Result<Vec<String>> {
        match &self.seen {
            View::Table { view, .. } => {
                self.place.table().map_or(Ok(Vec::new()), |table| view.check(table))
            }
            View::Folder(_) => Ok(Vec::new()),
        }
    }

    /// How many records were ever put in a queue in a folder.
    pub fn put_so_far(&self) -> Option<u64> {
        match &self.seen {
            View::Folder(view) => view.put_so_far(),
            View::Table { .. } => None,
        }
    }
}
