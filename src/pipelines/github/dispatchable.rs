//! Whether a workflow file can be started by others, and with which inputs. It reads as much YAML as such files have there, and
//! says so where a file is written in another way. Not here: fetching the file.

/// What a workflow file says about being started by others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dispatchable {
    /// It has no `workflow_dispatch`.
    No,
    /// It has, with these inputs.
    With(Vec<Input>),
    /// It is written in a way that is not read here.
    Unclear,
}

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Input {
    pub name: String,
    /// GitHub refuses a start without it.
    pub is_needed: bool,
}

/// A line with its depth; what follows is deeper.
#[derive(Clone, Copy, Debug)]
struct Line<'a> {
    depth: usize,
    text: &'a str,
}

pub(super) fn read(file: &str) -> Dispatchable {
    let lines: Vec<Line<'_>> = file.lines().filter_map(line).collect();
    let Some((on, under)) = lines.iter().enumerate().find_map(|(number, line)| {
        let value = (line.depth == 0).then(|| value_of(line.text, "on")).flatten()?;
        Some((value, children(&lines[number + 1..], 0)))
    }) else {
        return Dispatchable::Unclear;
    };
    if !on.is_empty() {
        let words = on.trim_matches(['[', ']']).split(',').map(|word| word.trim().trim_matches(['"', '\'']));
        let is_there = words.into_iter().any(|word| word == "workflow_dispatch");
        return match (is_there, on.contains(['{', '&', '*', '|', '>'])) {
            (_, true) => Dispatchable::Unclear,
            (true, false) => Dispatchable::With(Vec::new()),
            (false, false) => Dispatchable::No,
        };
    }
    let own = direct(under);
    if own.iter().any(|(line, _)| item_of(line.text) == Some("workflow_dispatch")) {
        return Dispatchable::With(Vec::new());
    }
    let found =
        own.iter().find_map(|(line, inside)| Some((value_of(line.text, "workflow_dispatch")?, *inside)));
    match found {
        None if own.iter().any(|(line, _)| is_odd(line.text)) => Dispatchable::Unclear,
        None => Dispatchable::No,
        Some(("" | "{}" | "null" | "~", inside)) => inputs(inside),
        Some(_) => Dispatchable::Unclear,
    }
}

fn inputs(under: &[Line<'_>]) -> Dispatchable {
    let Some((value, inside)) =
        direct(under).into_iter().find_map(|(line, inside)| Some((value_of(line.text, "inputs")?, inside)))
    else {
        return Dispatchable::With(Vec::new());
    };
    if !matches!(value, "" | "{}" | "null" | "~") {
        return Dispatchable::Unclear;
    }
    let mut all = Vec::new();
    for (line, inside) in direct(inside) {
        let Some((name, value)) = line.text.split_once(':').filter(|_| !is_odd(line.text)) else {
            return Dispatchable::Unclear;
        };
        if !value.trim().is_empty() {
            return Dispatchable::Unclear;
        }
        let fields = direct(inside);
        let field = |key: &str| fields.iter().find_map(|(line, _)| value_of(line.text, key));
        let is_needed = field("required") == Some("true") && field("default").is_none();
        all.push(Input { name: name.trim().trim_matches(['"', '\'']).to_owned(), is_needed });
    }
    Dispatchable::With(all)
}

/// A line without its comment; none when nothing is left.
fn line(raw: &str) -> Option<Line<'_>> {
    let text = raw.trim_start_matches(' ');
    let depth = raw.len() - text.len();
    let text = if text.starts_with('#') { "" } else { text.split(" #").next().unwrap_or_default() };
    let text = text.trim_end();
    (!text.is_empty() && text != "---").then_some(Line { depth, text })
}

/// What follows and is deeper. Items of a list may stand as deep as their key.
fn children<'a, 'b>(lines: &'b [Line<'a>], depth: usize) -> &'b [Line<'a>] {
    let is_out =
        |line: &Line<'_>| line.depth < depth || (line.depth == depth && !line.text.starts_with("- "));
    &lines[..lines.iter().position(is_out).unwrap_or(lines.len())]
}

/// The first depth of these lines, each line with what is under it.
fn direct<'a, 'b>(lines: &'b [Line<'a>]) -> Vec<(Line<'a>, &'b [Line<'a>])> {
    let depth = lines.first().map_or(0, |first| first.depth);
    let own = lines.iter().enumerate().filter(|(_, line)| line.depth == depth);
    own.map(|(number, line)| {
        let rest = &lines[number + 1..];
        let end = rest.iter().position(|other| other.depth <= depth).unwrap_or(rest.len());
        (*line, &rest[..end])
    })
    .collect()
}

/// What stands after a key.
fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (name, value) = text.split_once(':')?;
    (name.trim().trim_matches(['"', '\'']) == key).then(|| value.trim())
}

fn item_of(text: &str) -> Option<&str> {
    Some(text.strip_prefix("- ")?.trim().trim_matches(['"', '\'']))
}

/// Anchors, merges and flow forms.
fn is_odd(text: &str) -> bool {
    text.starts_with(['{', '&', '*', '<', '?']) || text.contains('\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(inputs: &[(&str, bool)]) -> Dispatchable {
        let input =
            |(name, is_needed): &(&str, bool)| Input { name: (*name).to_owned(), is_needed: *is_needed };
        Dispatchable::With(inputs.iter().map(input).collect())
    }

    #[test]
    fn inputs_are_read_with_what_is_needed_of_them() {
        let file = "name: Deploy\n# on: push\non:\n  push:\n    branches: [main]\n  workflow_dispatch: # by hand\n    inputs:\n\
                    \x20     sha:\n        required: true\n        type: string\n      \"note\":\n        required: false\n\
                    \x20     stage:\n        required: true\n        default: staging\njobs:\n  build:\n    steps:\n      - run: x\n";
        assert_eq!(read(file), with(&[("sha", true), ("note", false), ("stage", false)]));
    }

    #[test]
    fn every_usual_way_to_write_the_trigger_is_known() {
        let none = with(&[]);
        for on in [
            "on: workflow_dispatch",
            "on: [push, workflow_dispatch]",
            "\"on\": ['workflow_dispatch']",
            "on:\n  - push\n  - workflow_dispatch",
            "on:\n- workflow_dispatch",
            "on:\n  workflow_dispatch:",
            "on:\n  workflow_dispatch: {}\n  push:",
            "on:\n  workflow_dispatch:\n    inputs:",
        ] {
            assert_eq!(read(&format!("---\n{on}\njobs: {{}}\n")), none, "{on}");
        }
    }

    #[test]
    fn a_workflow_without_the_trigger_is_told_from_one_that_is_not_understood() {
        for on in [
            "on: push",
            "on: [push, pull_request]",
            "on:\n  push:\n    branches: [workflow_dispatch]",
            "on:\n  - push",
        ] {
            assert_eq!(read(&format!("{on}\njobs: {{}}\n")), Dispatchable::No, "{on}");
        }
        for on in [
            "on: { workflow_dispatch: { inputs: {} } }",
            "on:\n  workflow_dispatch: { inputs: { a: {} } }",
            "on:\n  workflow_dispatch: *again",
            "on:\n  <<: *triggers",
            "on:\n  workflow_dispatch:\n    inputs:\n      a: { required: true }",
            "name: nothing at all",
        ] {
            assert_eq!(read(&format!("{on}\njobs: {{}}\n")), Dispatchable::Unclear, "{on}");
        }
    }
}
