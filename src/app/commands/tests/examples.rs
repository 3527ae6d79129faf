//! Runs every example of every file.

use super::*;

#[test]
fn every_example_means_what_it_says() {
    let grammar = Grammar::builtin();
    let mut lines = Vec::new();
    for command in grammar.commands() {
        for form in &command.forms {
            for example in &form.examples {
                let parsed = grammar.parse(example, &names(), Entry::Mention);
                let Parsed::Understood(invocation) = &parsed else { panic!("{example}: {}", line(&parsed)) };
                assert_eq!(invocation.action, form.action, "{example}");
                lines.push(format!("{example}\n    {}", line(&parsed)));
            }
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn every_example_means_the_same_whichever_way_it_came() {
    let (grammar, names) = (Grammar::builtin(), names());
    for command in grammar.commands() {
        for example in command.forms.iter().flat_map(|form| &form.examples) {
            let expected = grammar.parse(example, &names, Entry::Mention);
            let root = grammar.parse(example, &names, Entry::Slash("/shipgate"));
            assert_eq!(root, expected, "/shipgate {example}");
            let typed = grammar.parse(&format!("/shipgate {example}"), &names, Entry::Typed);
            assert_eq!(typed, expected, "/shipgate {example}");
            if let Some(rest) = example.strip_prefix(&command.name) {
                let slash = format!("/{}", command.name);
                assert_eq!(grammar.parse(rest, &names, Entry::Slash(&slash)), expected, "{slash}{rest}");
                assert_eq!(
                    grammar.parse(&format!("/{example}"), &names, Entry::Typed),
                    expected,
                    "/{example}"
                );
            }
        }
    }
}
