//! What people see in a browser: the demo's page, and the addresses that operations ask. Not here: any rule, any
//! sentence of a deploy; both come from `app` ready to be drawn.

mod assets;
pub mod calendar;
pub mod ops;
pub mod playground;
pub mod security;
pub mod server;
