//! The bodies of the fuzz targets: each takes any bytes, and says by panicking what must never be. Not here: the
//! fuzzer (`fuzz/`), the corpora (`fuzz/corpus`).

mod requests;
mod rules;
mod texts;

/// A body.
pub type Target = fn(&[u8]);

/// All of them, by the names of `fuzz/fuzz_targets` and `fuzz/corpus`.
pub const ALL: [(&str, Target); 20] = [
    ("slack_command", requests::slack_command),
    ("slack_interaction", requests::slack_interaction),
    ("slack_event", requests::slack_event),
    ("slack_signature", requests::slack_signature),
    ("socket_envelope", requests::socket_envelope),
    ("github_webhook", requests::github_webhook),
    ("github_signature", requests::github_signature),
    ("json_limits", requests::json_limits),
    ("addresses", requests::addresses),
    ("link_header", requests::link_header),
    ("grammar", texts::grammar),
    ("times", texts::times),
    ("ids", texts::ids),
    ("rendering", texts::rendering),
    ("logs", texts::logs),
    ("calendar", rules::calendar),
    ("settings", rules::settings),
    ("commands_toml", rules::commands_toml),
    ("audit", rules::audit),
    ("stored", rules::stored),
];

/// The bytes as text, for targets that take text.
fn text(data: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(data)
}

/// Runs one of them by its name.
///
/// # Panics
/// When there is none of that name, and when the body finds what must never be.
pub fn run(name: &str, data: &[u8]) {
    let (_, body) =
        ALL.iter().find(|(known, _)| *known == name).expect("the names are tested against each other");
    body(data);
}
