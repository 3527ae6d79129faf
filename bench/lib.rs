//! What measuring tools and tests share: signed commands, when they arrive, and a way to fill a database.
//! Not here: what is measured.

pub mod arrive;
pub mod check;
pub mod line;
pub mod seed;
