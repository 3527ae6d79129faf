//! Tests of reading: files, addresses, GitLab, and all that can be wrong with them. Not here: when events freeze
//! (`domain::calendar`).

mod fetched;
mod files;
