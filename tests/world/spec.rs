//! Checks requests against the vendors' own descriptions, where these are present. The descriptions are read from
//! `SHIPGATE_SPECS`, else from `shared/specs` beside the checkout; without them every check here passes.

pub mod schema;

use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::{Map, Value};

use crate::serve::{Call, percent_decoded};

/// Query parameters that octocrab adds of its own accord, by the end of the path's template. GitHub ignores them.
const OCTOCRABS_OWN: [(&str, &str); 3] = [
    ("/compare/{basehead}", "base"),
    ("/compare/{basehead}", "head"),
    ("/commits/{commit_sha}/pulls", "target"),
];

/// The descriptions, read once.
#[derive(Debug)]
pub struct Specs {
    /// GitHub's OpenAPI description: the paths we may need, in full.
    pub github: Value,
    /// All paths GitHub has, with their methods.
    pub github_index: Value,
    /// Slack's methods: arguments, and whether a JSON body is read.
    pub slack_methods: Value,
    /// JSON schemas of Block Kit and of payloads.
    pub slack_types: Value,
}

/// The descriptions, or `None` where there are none.
pub fn specs() -> Option<&'static Specs> {
    static SPECS: OnceLock<Option<Specs>> = OnceLock::new();
    SPECS
        .get_or_init(|| {
            Some(Specs {
                github: read("github.json")?,
                github_index: read("github_index.json")?,
                slack_methods: read("slack_methods.json")?,
                slack_types: read("slack_types.json")?,
            })
        })
        .as_ref()
}

/// One description by file name, or `None` where it is absent.
pub fn read(file: &str) -> Option<Value> {
    let folder = std::env::var_os("SHIPGATE_SPECS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/specs")),
        PathBuf::from,
    );
    serde_json::from_slice(&std::fs::read(folder.join(file)).ok()?).ok()
}

/// Arguments that Slack understands although its description does not list them: `client_msg_id` is known from two
/// error names of `chat.postMessage`.
const UNLISTED: [(&str, &str); 1] = [("chat.postMessage", "client_msg_id")];

/// What is wrong with a call of a Slack method.
pub(crate) fn slack_call(method: &str, args: &Map<String, Value>) -> Vec<String> {
    let Some(specs) = specs() else { return Vec::new() };
    let Some(known) = specs.slack_methods.get(method) else {
        return vec![format!("slack: there is no method `{method}`")];
    };
    let mut wrong = Vec::new();
    for (name, value) in args {
        let Some(arg) = known["args"].get(name) else {
            if !UNLISTED.contains(&(method, name.as_str())) {
                wrong.push(format!("slack: {method} has no argument `{name}`"));
            }
            continue;
        };
        if arg["type"] == "string" && (value.is_number() || value.is_boolean()) {
            wrong.push(format!("slack: {method} wants `{name}` as a string, got {value}"));
        }
    }
    for (name, arg) in known["args"].as_object().into_iter().flatten() {
        if name != "token" && arg["required"] == true && !args.contains_key(name) {
            wrong.push(format!("slack: {method} needs `{name}`"));
        }
    }
    wrong
}

/// Whether a Slack method reads a JSON body; `None` where the description is absent or silent.
pub(crate) fn slack_reads_json(method: &str) -> Option<bool> {
    specs()?.slack_methods.get(method)?["json"].as_bool()
}

/// What Slack's own schema says about one block or view; `root` is `block` or `view`.
pub(crate) fn slack_shape(root: &str, value: &Value) -> Vec<String> {
    let Some(specs) = specs() else { return Vec::new() };
    schema::check(&specs.slack_types, &specs.slack_types["roots"][root], value)
}

/// What is wrong with a request to GitLab.
pub(crate) fn gitlab_call(call: &Call) -> Vec<String> {
    static GITLAB: OnceLock<Option<Value>> = OnceLock::new();
    let Some(description) = GITLAB.get_or_init(|| read("gitlab.json")) else { return Vec::new() };
    let line = format!("gitlab: {} {}", call.method, call.path);
    let Some(template) = template(&description["paths"], &call.path) else {
        return vec![format!("{line}: GitLab has no such path")];
    };
    let operation = &description["paths"][template][call.method.to_lowercase()];
    if operation.is_null() {
        return vec![format!("{line}: {template} does not take {}", call.method)];
    }
    let wrong = query_problems(description, operation, template, call);
    wrong.into_iter().map(|problem| format!("{line}: {problem}")).collect()
}

/// What is wrong with a request to GitHub.
pub(crate) fn github_call(call: &Call) -> Vec<String> {
    let Some(specs) = specs() else { return Vec::new() };
    let line = format!("github: {} {}", call.method, call.path);
    let method = call.method.to_lowercase();
    let Some(template) = template(&specs.github["paths"], &call.path) else {
        let listed = self::template(&specs.github_index["paths"], &call.path);
        let known = listed.is_some_and(|path| {
            specs.github_index["paths"][path]
                .as_array()
                .is_some_and(|methods| methods.iter().any(|m| *m == method))
        });
        return if known { Vec::new() } else { vec![format!("{line}: GitHub has no such path or method")] };
    };
    let operation = &specs.github["paths"][template][&method];
    if operation.is_null() {
        return vec![format!("{line}: {template} does not take {}", call.method)];
    }
    let mut wrong = query_problems(&specs.github, operation, template, call);
    wrong.extend(body_problems(&specs.github, operation, call));
    wrong.into_iter().map(|problem| format!("{line}: {problem}")).collect()
}

fn query_problems(root: &Value, operation: &Value, template: &str, call: &Call) -> Vec<String> {
    let known: Vec<&Value> = operation["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|parameter| schema::resolve(root, parameter))
        .filter(|parameter| parameter["in"] == "query")
        .collect();
    let mut wrong = Vec::new();
    for (name, value) in form_urlencoded::parse(call.query.as_bytes()) {
        let Some(parameter) = known.iter().find(|parameter| parameter["name"] == *name) else {
            let octocrab = OCTOCRABS_OWN.iter().any(|(path, own)| template.ends_with(path) && *own == name);
            if !octocrab {
                wrong.push(format!("unknown query parameter `{name}`"));
            }
            continue;
        };
        let is_number = value.parse::<i64>().is_ok();
        if parameter["schema"]["type"] == "integer" && !is_number {
            wrong.push(format!("query parameter `{name}` must be a whole number, got `{value}`"));
        }
        if name == "per_page" && value.parse::<i64>().is_ok_and(|n| !(1..=100).contains(&n)) {
            wrong.push(format!("per_page is at most 100, got {value}"));
        }
    }
    wrong
}

fn body_problems(root: &Value, operation: &Value, call: &Call) -> Vec<String> {
    let shape = &schema::resolve(root, &operation["requestBody"])["content"]["application/json"]["schema"];
    if shape.is_null() || (call.body.is_empty() && operation["requestBody"]["required"] != true) {
        return Vec::new();
    }
    let body = call.json();
    let mut wrong = schema::check(root, shape, &body);
    let shape = schema::resolve(root, shape);
    if let (Some(sent), Some(known)) = (body.as_object(), shape["properties"].as_object()) {
        wrong.extend(
            sent.keys().filter(|k| !known.contains_key(*k)).map(|k| format!("unknown body property `{k}`")),
        );
    }
    wrong
}

/// Placeholders that may hold slashes when they come last.
const SPANNING: [&str; 5] = ["{ref}", "{path}", "{branch}", "{basehead}", "{base}...{head}"];

/// The best template for a path: literal parts win over placeholders.
fn template<'a>(paths: &'a Value, path: &str) -> Option<&'a str> {
    let parts: Vec<String> = path.trim_matches('/').split('/').map(percent_decoded).collect();
    paths
        .as_object()?
        .keys()
        .filter_map(|template| Some((literal_parts(template, &parts)?, template.as_str())))
        .max_by_key(|(score, _)| *score)
        .map(|(_, template)| template)
}

fn literal_parts(template: &str, parts: &[String]) -> Option<usize> {
    let wanted: Vec<&str> = template.trim_matches('/').split('/').collect();
    let spans = wanted.last().is_some_and(|last| SPANNING.contains(last)) && parts.len() >= wanted.len();
    if wanted.len() != parts.len() && !spans {
        return None;
    }
    let mut literal = 0;
    for (want, part) in wanted.iter().zip(parts) {
        if !want.contains('{') {
            if want != part {
                return None;
            }
            literal += 2;
        } else if want.contains("...") && !part.contains("...") {
            return None;
        }
    }
    // An exact length beats a placeholder that spans slashes.
    Some(literal + usize::from(wanted.len() == parts.len()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(method: &str, path: &str, query: &str, body: &Value) -> Call {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        Call {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            headers: vec![],
            body,
            status: None,
        }
    }

    #[test]
    fn a_dispatch_without_ref_or_with_foreign_keys_is_named() {
        if specs().is_none() {
            return;
        }
        let path = "/repos/acme/shop/actions/workflows/deploy.yml/dispatches";
        assert_eq!(github_call(&call("POST", path, "", &json!({"ref": "main"}))), Vec::<String>::new());
        let wrong = github_call(&call("POST", path, "", &json!({"reff": "main"})));
        assert_eq!(wrong.len(), 2, "{wrong:?}");
    }

    #[test]
    fn paths_methods_and_query_parameters_are_known() {
        if specs().is_none() {
            return;
        }
        for good in ["/repos/a/b/git/ref/tags/v1", "/repos/a/b/compare/x...y", "/repos/a/b/git/tags/1234"] {
            assert_eq!(github_call(&call("GET", good, "", &Value::Null)), Vec::<String>::new());
        }
        assert_eq!(github_call(&call("GET", "/repos/a/b/nonsense", "", &Value::Null)).len(), 1);
        assert_eq!(github_call(&call("GET", "/repos/a/b/tags", "per_page=200&x=1", &Value::Null)).len(), 2);
    }

    #[test]
    fn unknown_and_missing_slack_arguments_are_named() {
        if specs().is_none() {
            return;
        }
        let args = json!({"channel": "C1", "thread_ts": 12.5, "colour": "red"});
        let wrong = slack_call("chat.postEphemeral", args.as_object().unwrap());
        assert!(wrong.iter().any(|w| w.contains("colour")), "{wrong:?}");
        assert!(wrong.iter().any(|w| w.contains("needs `user`")), "{wrong:?}");
        assert_eq!(slack_reads_json("users.info"), Some(false));
    }
}
