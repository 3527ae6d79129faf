//! CI systems and code hosts: start a run once, find it, follow it, stop it; read versions, checks and differences.
//! Not here: any rule about when a deploy may start.

pub mod artifacts;
pub mod command;
pub mod github;

#[doc(hidden)]
pub mod probe;
mod refs;
mod text;
