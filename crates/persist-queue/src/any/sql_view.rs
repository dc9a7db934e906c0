//! Looking at the queues of a database, whichever it is.

use crate::Result;
#[cfg(feature = "nats")]
use crate::nats::NatsView;
#[cfg(feature = "server")]
use crate::server::ServerView;
use crate::sql::{QueueTable, Seen, Status};
use crate::sqlite::SqliteView;

#[derive(Debug)]
pub(super) enum SqlView {
    Sqlite(SqliteView),
    #[cfg(feature = "server")]
    Server(ServerView),
    /// No database, but a queue is a table to who looks.
    #[cfg(feature = "nats")]
    Nats(NatsView),
}

/// Calls that both have.
macro_rules! calls {
    ($(fn $name:ident($($argument:ident: $kind:ty),*) -> $given:ty;)*) => {$(
        pub(super) fn $name(&self, table: &QueueTable, $($argument: $kind),*) -> Result<$given> {
            match self {
                Self::Sqlite(view) => view.$name(table, $($argument),*),
                #[cfg(feature = "server")]
                Self::Server(view) => view.$name(table, $($argument),*),
                #[cfg(feature = "nats")]
                Self::Nats(view) => view.$name(table, $($argument),*),
            }
        }
    )*};
}

impl SqlView {
    calls! {
        fn rows(behind: i64, most: usize) -> Vec<Seen>;
        fn waiting(most: usize) -> Vec<Seen>;
        fn counts() -> Vec<(i64, u64)>;
        fn age_and_size() -> (Option<f64>, u64);
    }

    /// What the database's own check finds wrong: of the whole file, or of the table on a server.
    pub(super) fn check(
        &self,
        #[cfg_attr(not(feature = "server"), expect(unused_variables))] table: &QueueTable,
    ) -> Result<Vec<String>> {
        match self {
            Self::Sqlite(view) => view.check(),
            #[cfg(feature = "server")]
            Self::Server(view) => view.check(table),
            #[cfg(feature = "nats")]
            Self::Nats(_) => Ok(Vec::new()),
        }
    }

    /// Whether it can be seen what somebody has taken of a queue without acknowledgements. On a server
    /// that is locked, and only who wants it himself would notice.
    pub(super) fn sees_taken(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// Whether it is known which items of a queue with acknowledgements have this status.
    pub(super) fn knows(
        &self,
        #[cfg_attr(not(feature = "nats"), expect(unused_variables))] status: Status,
    ) -> bool {
        match self {
            #[cfg(feature = "nats")]
            Self::Nats(_) => matches!(status, Status::New | Status::Held | Status::Dead),
            _ => true,
        }
    }
}
