//! Tests of a deploy's life by topic. Not here: tests of whether it may start (`gates`).

mod digest;
mod explore;
mod pairs;
mod past;
mod stored;
mod supersede;
mod table;
