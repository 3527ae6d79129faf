//! Strings that want to be more than text: made by rules from small parts, so that each class meets each kind of
//! neighbour. Not here: the places they are put into.

use serde_json::Value;
use shipgate_domain::hidden::is_hidden_in_prose;
use std::collections::BTreeSet;

/// What wants to act, by whom it wants to act on.
const ACTS: &[&str] = &[
    // Slack: mentions, links, markup, entities.
    "<!channel>",
    "<!here>",
    "<!everyone>",
    "<@U0EVE>",
    "<#C0GENERAL>",
    "<!subteam^S0RELEASE>",
    "<!date^1^{date}|x>",
    "<https://evil.example|click>",
    "<https://evil.example>",
    "<mailto:x@evil.example|y>",
    "<tel:1>",
    "@channel",
    "@here",
    "@everyone",
    "@ada",
    "#general",
    "*bold*",
    "_it_",
    "~no~",
    "`code`",
    "```block```",
    "> quote",
    "&lt;!here&gt;",
    "&amp;lt;!here&amp;gt;",
    ":tada:",
    ":skull::skin-tone-2:",
    "• item",
    "1. item",
    "https://evil.example/?a=b",
    "evil.example",
    "|",
    "^",
    // HTML.
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg/onload=alert(1)>",
    "' onmouseover='alert(1)",
    "</textarea><script>",
    "</title>",
    "<!--",
    "-->",
    "]]>",
    "<![CDATA[",
    "&#60;script&#62;",
    "&lt;script&gt;",
    "javascript:alert(1)",
    "data:text/html,x",
    "<iframe src=//evil.example>",
    "<a href=javascript:x>",
    "<style>@import'//evil'</style>",
    "{{7*7}}",
    "{% raw %}",
    "<%= 7 %>",
    // Shells.
    "$(id)",
    "`id`",
    "; id",
    "&& id",
    "|| id",
    "| id",
    "> /etc/passwd",
    "< /etc/passwd",
    "${IFS}",
    "$HOME",
    "~root",
    "*",
    "?",
    "[a-z]",
    "{a,b}",
    "!!",
    "!$",
    "\\",
    "\\n",
    "'; rm -rf /; '",
    "\"; id; \"",
    "zzz\";echo${IFS}\"x\";#",
    "-rf",
    "--help",
    "-o ProxyCommand=id",
    "--upload-pack=id",
    "#",
    "%COMSPEC%",
    "^&",
    "$((1))",
    "$'\\x41'",
    "\u{0}id",
    "../../etc/passwd",
    "..\\..",
    "/dev/tcp/x/1",
    "file:///etc/passwd",
    // GitHub Actions, YAML, TOML, JSON.
    "${{ secrets.TOKEN }}",
    "${{ github.token }}",
    "::set-output name=a::b",
    "::error::x",
    "::add-mask::x",
    "::stop-commands::x",
    "##[error]x",
    "- item",
    "key: value",
    "!!python/object:os.system",
    "&a *a",
    "<<: *a",
    "---",
    "...",
    "%YAML 1.2",
    "\"\"\"",
    "'''",
    "[table]",
    "a = 1",
    "{\"a\":1}",
    "\",\"admin\":true,\"x\":\"",
    "\\u0000",
    "\\ud800",
    "null",
    "true",
    "1e999",
    "-0",
    "NaN",
    "\"",
    "'",
    // Format strings, SQL, LDAP, XML, spreadsheets, logs, addresses.
    "%s%s%s%n",
    "%x",
    "{}",
    "{0}",
    "{name}",
    "{sha}",
    "{deploy}",
    "{:?}",
    "%d",
    "' OR '1'='1",
    "'; DROP TABLE deploys; --",
    "*)(uid=*",
    "<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>",
    "=cmd|' /C calc'!A0",
    "=HYPERLINK(\"http://evil\")",
    "+1+1",
    "@SUM(1)",
    "INFO forged line",
    "{\"level\":\"INFO\"}",
    "\r\nX-Odd: y",
    "%0d%0aX-Odd: y",
    "a\r\n\r\nHTTP/1.1 200 OK",
    "http://127.0.0.1/",
    "//evil.example",
    "\\\\evil\\x",
];

/// What hides or turns.
const HIDES: &[&str] = &[
    "",
    "\u{0}",
    "\u{7}",
    "\u{8}",
    "\u{b}",
    "\u{c}",
    "\u{1b}[31m",
    "\u{1b}[2J",
    "\u{1b}]0;title\u{7}",
    "\u{1b}]8;;https://evil\u{1b}\\",
    "\u{1b}c",
    "\u{1b}",
    "\u{9b}31m",
    "\u{7f}",
    "\u{85}",
    "\r",
    "\n",
    "\t",
    "\r\n",
    "\u{2028}",
    "\u{2029}",
    "\u{200b}",
    "\u{200c}",
    "\u{200d}",
    "\u{200e}",
    "\u{200f}",
    "\u{202a}",
    "\u{202d}",
    "\u{202e}",
    "\u{202c}",
    "\u{2066}",
    "\u{2067}",
    "\u{2068}",
    "\u{2069}",
    "\u{61c}",
    "\u{2060}",
    "\u{2061}",
    "\u{feff}",
    "\u{ad}",
    "\u{34f}",
    "\u{180e}",
    "\u{115f}",
    "\u{3164}",
    "\u{ffa0}",
    "\u{fff9}",
    "\u{fffb}",
    "\u{e0001}",
    "\u{e0041}",
    "\u{e007f}",
    "\u{e0100}",
    "\u{1d173}",
    "\u{301}\u{301}\u{301}",
    "\u{fffd}",
    "\u{ffff}",
    "\u{10ffff}",
    "\u{a0}",
    "\u{3000}",
];

/// Words in other clothes.
const CLOTHES: &[&str] = &[
    "ргоduсtіоn",
    "ｐｒｏｄｕｃｔｉｏｎ",
    "𝐩𝐫𝐨𝐝𝐮𝐜𝐭𝐢𝐨𝐧",
    "productıon",
    "PRODUCTION",
    "p\u{301}roduction",
    "שלום production",
    "مرحبا",
    "ﷺ",
    "Ω≈ç√∫",
    "👩‍🚀",
    "🇩🇪",
    "ß",
    "ﬀ",
    "İ",
    "ẞ",
    "v1.2.3",
    "v１.2.3",
    "v1．2．3",
    "v1.2.3 ",
    " v1.2.3",
    "v1.2.3\u{200b}",
    "main",
    "HEAD",
    "HEAD~1",
    "refs/heads/main",
    "@{-1}",
    "main..x",
    "main.lock",
    "-main",
    "a//b",
];

/// At least five thousand strings, each once.
pub fn strings() -> Vec<String> {
    let mut all: BTreeSet<String> = BTreeSet::new();
    for act in ACTS.iter().chain(CLOTHES) {
        all.insert((*act).to_owned());
        all.insert(format!("{act}{act}"));
        all.insert(format!(" {act} "));
        for hide in HIDES {
            // Inside the thing that acts, so that whoever drops the hidden character puts it together.
            let middle = act.char_indices().nth(act.chars().count() / 2).map_or(0, |(at, _)| at);
            all.insert(format!("{}{hide}{}", &act[..middle], &act[middle..]));
        }
    }
    for hide in HIDES {
        for other in HIDES {
            all.insert(format!("{hide}x{other}"));
        }
    }
    for piece in ["A", "<", "&", "\u{202e}", "\u{301}", "👩‍🚀", "\"", "\\", "\n", "`", "${{"] {
        all.insert(piece.repeat(3_000));
        all.insert(piece.repeat(50_000));
    }
    for c in 0..=0xff_u32 {
        all.extend(char::from_u32(c).map(|c| format!("a{c}b")));
    }
    all.into_iter().collect()
}

/// What people are to see of a text in one line: what hides is gone, breaks are spaces, terminal codes are dropped.
/// Written apart from the code that does it.
pub fn visible(text: &str) -> String {
    let mut seen = String::new();
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        at += 1;
        if c == '\u{1b}' {
            match chars.get(at) {
                Some('[') => {
                    at += 1;
                    while at < chars.len() && !('@'..='~').contains(&chars[at]) {
                        at += 1;
                    }
                    at += 1;
                }
                Some(']') => {
                    while at < chars.len() && !matches!(chars[at], '\u{7}' | '\u{1b}') {
                        at += 1;
                    }
                    at += 1;
                    if chars.get(at - 1) == Some(&'\u{1b}') && chars.get(at) == Some(&'\\') {
                        at += 1;
                    }
                }
                _ => {}
            }
        } else if matches!(c, '\n' | '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}') {
            seen.push(' ');
        } else if !is_hidden_in_prose(c) {
            seen.push(c);
        }
    }
    seen
}

/// Whether a drawn piece is the text, or the beginning of it with a mark that it was cut.
fn is_text(drawn: &str, text: &str) -> bool {
    let whole = visible(text);
    drawn == whole || drawn.strip_suffix('…').is_some_and(|start| whole.starts_with(start))
}

/// Asserts that what was drawn for Slack is the literal text wherever it stands, and that nothing acts on readers.
pub fn literal(text: &str, fallback: &str, blocks: &[Value]) {
    fn texts<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                let kind = members.get("type").and_then(Value::as_str).unwrap_or_default();
                assert!(
                    matches!(
                        kind,
                        "" | "rich_text"
                            | "rich_text_section"
                            | "rich_text_list"
                            | "rich_text_preformatted"
                            | "rich_text_quote"
                            | "text"
                            | "emoji"
                            | "plain_text"
                    ),
                    "{kind} may act on readers: {value}"
                );
                if let (true, Some(text)) = (kind == "text", members.get("text").and_then(Value::as_str)) {
                    into.push(text);
                }
                members.values().for_each(|member| texts(member, into));
            }
            Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
            _ => {}
        }
    }
    let mut drawn = Vec::new();
    blocks.iter().for_each(|block| texts(block, &mut drawn));
    let wire = serde_json::to_string(blocks).expect("blocks are data");
    assert_eq!(serde_json::from_str::<Vec<Value>>(&wire).expect("they read back"), blocks);
    let ours = |piece: &str| piece.len() <= 12 || piece.starts_with("… ") || piece == "(no output)";
    for piece in &drawn {
        assert!(!piece.chars().any(|c| is_hidden_in_prose(c) && c != '\n'), "{piece:?} of {text:?}");
        assert!(ours(piece) || is_text(piece, text), "{piece:?} is not {:?}", visible(text));
    }
    let seen = visible(text);
    assert!(
        seen.trim().is_empty() || drawn.iter().any(|piece| is_text(piece, text)),
        "{text:?} is not shown: {drawn:?}"
    );
    // Slack reads markup in the fallback: it has none, once its three entities are read.
    assert!(!fallback.contains(['<', '>']), "{fallback:?}");
    let entities = fallback.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
    assert!(!entities.contains('&'), "{fallback:?}");
}
