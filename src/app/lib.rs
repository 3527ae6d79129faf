//! The use cases, the ports they need, and the words people read. Not here: any rule (`domain`), any vendor, any SQL.

mod alive;
mod asks;
mod away;
pub mod bot;
pub mod cards;
pub mod commands;
mod dispatch;
pub mod effects;
mod emergency;
pub mod feeds;
pub mod follow;
mod freezes;
pub mod inbound;
mod intake;
mod judge;
pub mod limits;
pub mod messages;
pub mod outlook;
mod outside;
mod places;
pub mod points;
mod poison;
pub mod ports;
mod reading;
mod remind;
pub mod requests;
pub mod restore;
pub mod selfcheck;
pub mod store;
mod sweep;
pub mod words;
mod worker;

pub use bot::{App, CronReminder, Ports, Rules};
pub use intake::FORMS;
pub use worker::WORKERS;
