//! Runs the body `slack_interaction` of `shipgate_guard::targets`. Not here: the body.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shipgate_guard::targets::run("slack_interaction", data));
