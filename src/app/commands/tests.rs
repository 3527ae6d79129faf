//! Tests of the command files and of what is understood from them.

mod examples;
mod files;
mod help;
mod manifest;
mod own;
mod refusals;
mod understood;

use super::{Arg, Entry, Grammar, Invocation, Names, Parsed};

fn names() -> Names {
    let environment = |name: &str, alias: &str| (name.to_owned(), vec![alias.to_owned()]);
    Names {
        services: ["api", "web", "shop-backend"].map(str::to_owned).to_vec(),
        default_service: Some("api".to_owned()),
        environments: vec![
            environment("development", "dev"),
            environment("staging", "stage"),
            environment("production", "prod"),
        ],
        people: vec!["ada".to_owned(), "grace".to_owned()],
        freezes: vec!["Black Friday".to_owned(), "Month end".to_owned()],
        deploys: vec!["01K9ZZZZZZZZZZZZZZZZABCDEF".to_owned()],
    }
}

fn parse(text: &str) -> Parsed {
    Grammar::builtin().parse(text, &names(), Entry::Mention)
}

fn understood(text: &str) -> Invocation {
    match parse(text) {
        Parsed::Understood(invocation) => invocation,
        other => panic!("{text}: {other:?}"),
    }
}

fn refused(text: &str) -> super::Refusal {
    match parse(text) {
        Parsed::Refused(refusal) => refusal,
        other => panic!("{text}: {other:?}"),
    }
}

/// `deploy.request environment=production service=api version=v1`: an outcome on one line.
fn line(parsed: &Parsed) -> String {
    let (invocation, missing) = match parsed {
        Parsed::Understood(invocation) => (invocation, Vec::new()),
        Parsed::Missing { invocation, missing } => (invocation, missing.clone()),
        Parsed::Refused(refusal) => return format!("refused {}: {refusal}", refusal.code()),
    };
    let args = invocation.args.iter().map(|(name, arg)| match arg {
        Arg::Service(text)
        | Arg::Environment(text)
        | Arg::Version(text)
        | Arg::Person(text)
        | Arg::Deploy(text)
        | Arg::Command(text) => format!(" {name}={text}"),
        Arg::Text(text) | Arg::Freeze(text) => format!(" {name}=\"{text}\""),
        Arg::Duration(duration) => format!(" {name}={duration:#}"),
        Arg::Time(time) => format!(" {name}={time:?}"),
        Arg::Choice(word) => format!(" {name}={word}"),
        Arg::Number(number) => format!(" {name}={number}"),
        Arg::Flag => format!(" {name}"),
    });
    let missing = missing.iter().map(|arg| format!(" ?{}", arg.name));
    format!("{}{}", invocation.action, args.chain(missing).collect::<String>())
}
