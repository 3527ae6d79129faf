//! Wires the adapters together and starts the bot; decides nothing.

#[allow(dead_code, unused_imports, reason = "the commands that use them are wired next")]
mod settings;

fn main() {}
