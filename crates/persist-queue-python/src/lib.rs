//! The Python face of persist-queue: extract, call, map errors. It decides nothing.

mod ackqueue;
mod async_ackqueue;
mod async_dict;
mod async_dict_walk;
mod async_queue;
mod async_sqlqueue;
mod async_transaction;
mod awaited;
mod command;
mod cursor;
mod dict;
mod errors;
mod event_loop;
mod finding;
mod first_call;
mod folder;
mod green;
mod held;
mod host;
mod ids;
mod items;
mod legacy;
mod opening;
mod operation;
mod options;
mod owner;
mod plain_pickle;
mod protection;
mod queue;
mod rows;
mod serializer;
mod sqlqueue;
mod transaction;
mod view;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::ackqueue::SqliteAckQueue;
    #[pymodule_export]
    use super::async_ackqueue::AsyncSqliteAckQueue;
    #[pymodule_export]
    use super::async_dict::AsyncSqliteDict;
    #[pymodule_export]
    use super::async_queue::AsyncFileQueue;
    #[pymodule_export]
    use super::async_sqlqueue::AsyncSqliteQueue;
    #[pymodule_export]
    use super::async_transaction::AsyncTransaction;
    #[pymodule_export]
    use super::command::run_command;
    #[pymodule_export]
    use super::dict::SqliteDict;
    #[pymodule_export]
    use super::finding::find_queue;
    #[pymodule_export]
    use super::folder::FolderQueue;
    #[pymodule_export]
    use super::protection::Protection;
    #[pymodule_export]
    use super::queue::FileQueue;
    #[pymodule_export]
    use super::sqlqueue::SqliteQueue;
    #[pymodule_export]
    use super::transaction::Transaction;
    #[pymodule_export]
    use super::view::FileView;
}
