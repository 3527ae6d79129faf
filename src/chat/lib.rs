//! Chat adapters: payloads in, cards out. Not here: what anybody may do, or what happens next (`app`, `domain`).

pub mod slack;
