//! Runs the body `slack_command` of `shipgate_guard::targets`. Not here: the body.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shipgate_guard::targets::run("slack_command", data));
