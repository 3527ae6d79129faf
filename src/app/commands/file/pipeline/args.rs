//! Whether the arguments of a team's own command fit what it starts. Not here: what a value must be like (`limits`).

use super::{GIVEN, OF_THE_REQUEST, at_of, of_the_request, placeholders};
use crate::commands::file::Reader;
use crate::commands::spec::{ArgSpec, FormSpec, PipelineSpec};
use crate::commands::values::{self, Names};
use crate::commands::vocabulary::Kind;
use std::collections::BTreeSet;
use std::ops::Range;
use toml::de::DeTable;

/// Words in the name of an argument that would be a secret: it would stand on the card and in the record.
const SECRETS: [&str; 6] = ["password", "passwd", "secret", "token", "credential", "apikey"];

impl Reader<'_> {
    /// The arguments as a whole: one place, no surprise, and nothing that is asked for in vain.
    pub(super) fn check_args(&mut self, table: &DeTable<'_>, form: &FormSpec, spec: &PipelineSpec) {
        let spans: Vec<Range<usize>> = self.tables(table, "args").iter().map(|arg| arg.span()).collect();
        let top = at_of(table, "action");
        for (kind, key) in [(Kind::Service, "service"), (Kind::Environment, "environment")] {
            let is_it = |arg: &ArgSpec| arg.name == key && arg.kind == kind && arg.required;
            if !form.args.iter().any(is_it) && spans.len() == form.args.len() {
                let instead =
                    format!("Add [[args]] with name = \"{key}\", kind = \"{key}\", required = true.");
                self.problem(&top, format!("Nothing says on which {key} it acts."), instead);
            }
        }
        for (arg, at) in form.args.iter().zip(&spans) {
            self.check_arg(arg, at, spec);
        }
        let used_in = |templates: &mut dyn Iterator<Item = &String>| -> BTreeSet<String> {
            templates.flat_map(|template| placeholders(template)).map(str::to_owned).collect()
        };
        let ways = [
            ("inputs", !spec.workflow.is_empty(), used_in(&mut spec.inputs.values())),
            ("command", !spec.command.is_empty(), used_in(&mut spec.command.iter())),
        ];
        let is_own = |arg: &&ArgSpec| !GIVEN.contains(&arg.name.as_str()) && of_the_request(arg).is_none();
        for (arg, at) in form.args.iter().zip(&spans).filter(|(arg, _)| is_own(arg)) {
            for (way, _, _) in
                ways.iter().filter(|(_, is_there, used)| *is_there && !used.contains(&arg.name))
            {
                let instead = format!("Write {{{}}} in {way}, or leave the argument out.", arg.name);
                self.problem(at, format!("{} is asked for and stands nowhere in {way}.", arg.name), instead);
            }
        }
    }

    fn check_arg(&mut self, arg: &ArgSpec, at: &Range<usize>, spec: &PipelineSpec) {
        let name = arg.name.as_str();
        if let Some((_, kind)) = OF_THE_REQUEST.iter().find(|(own, _)| *own == name) {
            if arg.kind != *kind {
                let instead = format!("Write kind = \"{kind}\", or take another name.");
                self.problem(
                    at,
                    format!("{name} speaks of the request, and is a {kind} everywhere."),
                    instead,
                );
            } else if spec.read_only && name != "reason" {
                let instead = "Leave it out.";
                self.problem(
                    at,
                    format!("What changes nothing starts at once, so it has no {name}."),
                    instead,
                );
            }
            return;
        }
        let is_place = matches!(name, "service" | "environment") && arg.kind.as_str() == name;
        if GIVEN.contains(&name) && !is_place {
            self.problem(at, format!("{{{name}}} means something else already."), "Take another name.");
            return;
        }
        let fits = matches!(
            arg.kind,
            Kind::Choice | Kind::Number | Kind::Text | Kind::Flag | Kind::Duration | Kind::Version
        );
        if !fits && !is_place {
            let instead =
                "Use choice, number, text, flag, duration or version; service and environment once each.";
            self.problem(at, format!("A {} cannot be given to a run.", arg.kind), instead);
        }
        let lower = name.replace('-', "");
        if SECRETS.iter().any(|word| lower.contains(word)) {
            let instead = "Keep secrets where the workflow runs.";
            let what = format!("{name} would stand on the card and in the record for everybody.");
            self.problem(at, what, instead);
        }
        if let Some(default) = &arg.default {
            self.check_secret(default, at);
            let fitted =
                values::read(arg.kind, default, &Names::default()).and_then(|value| arg.fitted(value));
            if !is_place && let Err(refusal) = fitted {
                self.problem(
                    at,
                    format!("The default of {name} does not fit: {}", refusal.what),
                    refusal.why,
                );
            }
        }
    }
}
