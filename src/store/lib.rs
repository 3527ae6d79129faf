//! Where Shipgate keeps what it knows: the `Store` port on SQLite and on PostgreSQL. Not here: any rule about what may be written.
//!
//! # Why `rusqlite`, on threads of our own
//!
//! One thread owns the one connection that writes. It takes everything that waits for it, writes all of it in one
//! transaction, and answers each request after the commit: many commands share one `fsync`, and nothing is
//! acknowledged before it is durable. An async driver would send every statement through a channel and commit every
//! request by itself. A synchronous driver also runs *inline*, on the caller's thread and without ever yielding
//! ([`SqliteStore::in_memory`]): the deterministic simulation runs the SQL that production runs.
//!
//! # Two databases
//!
//! `tests/contract` says what a store does, in functions over `&dyn Store`, and runs them on SQLite, on PostgreSQL, and
//! on PostgreSQL behind a pooler. The adapters share how values are stored (`row`), and no SQL.

pub mod postgres;
mod row;
pub mod sqlite;
pub mod transfer;

pub use postgres::PostgresStore;
pub use sqlite::{OpenError, SqliteStore};
