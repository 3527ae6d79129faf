//! Programs that would read what people type as a program of its own. Not here: what an argument must be like
//! (`limits`).

use super::{OF_THE_REQUEST, placeholders};
use crate::commands::file::Reader;
use crate::commands::spec::FormSpec;
use crate::commands::vocabulary::Kind;
use std::ops::Range;

/// Shells: nothing at all is to be given to them as a line.
const SHELLS: [&str; 9] = ["sh", "bash", "dash", "zsh", "ksh", "fish", "busybox", "pwsh", "powershell"];
/// Programs that run a text which follows one of these flags, without the version at the end of their names.
const INTERPRETERS: [(&str, &[&str]); 15] = [
    ("python", &["-c"]),
    ("pypy", &["-c"]),
    ("perl", &["-e", "-E"]),
    ("ruby", &["-e"]),
    ("node", &["-e", "-p", "--eval", "--print"]),
    ("nodejs", &["-e", "-p", "--eval", "--print"]),
    ("bun", &["-e", "-p", "--eval", "--print"]),
    ("deno", &["eval"]),
    ("php", &["-r"]),
    ("lua", &["-e"]),
    ("Rscript", &["-e"]),
    ("osascript", &["-e"]),
    ("sed", &["-e", "--expression"]),
    ("psql", &["-c", "--command"]),
    ("mysql", &["-e", "--execute"]),
];

/// Programs that start another one, named among their arguments.
const LEADING_ON: [&str; 8] = ["env", "sudo", "doas", "nice", "timeout", "nohup", "setsid", "xargs"];

impl Reader<'_> {
    /// Refuses a command line in which a text that somebody types would be run.
    pub(super) fn check_programs(&mut self, words: &[(String, Range<usize>)], form: &FormSpec) {
        for pair in words.windows(2) {
            let ((program, _), (flag, at)) = (&pair[0], &pair[1]);
            let name = base(program);
            if SHELLS.contains(&name) && flag.starts_with('-') && flag.to_lowercase().contains('c') {
                let instead = "Put the lines into a script, and name the script.";
                let what = format!("{name} {flag} would read what people type as a program.");
                self.problem(at, what, instead);
            }
        }
        let leads_on = words.first().is_some_and(|(program, _)| LEADING_ON.contains(&base(program)));
        for (number, (word, _)) in words.iter().enumerate().take(if leads_on { words.len() } else { 1 }) {
            let name = base(word).trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
            let rest = &words[number + 1..];
            if name == "ssh" {
                self.check_remote(rest, form);
            } else if let Some((name, flags)) = INTERPRETERS.iter().find(|(known, _)| *known == name) {
                self.check_run_text(name, flags, rest, form);
            }
        }
    }

    /// The text after the flag of an interpreter, and one that is written to the flag.
    fn check_run_text(
        &mut self,
        name: &str,
        flags: &[&str],
        rest: &[(String, Range<usize>)],
        form: &FormSpec,
    ) {
        for (number, (word, at)) in rest.iter().enumerate() {
            let follows = number > 0 && is_flag(&rest[number - 1].0, flags);
            let dashed = || flags.iter().filter(|flag| flag.starts_with('-'));
            let is_joined = dashed().any(|flag| word.len() > flag.len() && word.starts_with(flag));
            if (follows || is_joined)
                && let Some(text) = free_text(word, form)
            {
                let what = format!("{name} would run what people type as {{{text}}}.");
                let instead =
                    format!("Put the program into a file, and give it {{{text}}} as an argument of its own.");
                self.problem(at, what, instead);
            }
        }
    }

    /// ssh joins its words, and a shell on the other machine takes them apart again.
    fn check_remote(&mut self, rest: &[(String, Range<usize>)], form: &FormSpec) {
        for (word, at) in rest {
            if let Some(text) = free_text(word, form) {
                let what = format!("A shell on the other machine would read what people type as {{{text}}}.");
                let instead = "Leave it out, or start a script here that quotes it for the other machine.";
                self.problem(at, what, instead);
            }
        }
    }
}

/// Whether a word is one of these flags, alone or at the end of several short ones: `-c`, `-Ic`.
fn is_flag(word: &str, flags: &[&str]) -> bool {
    flags.iter().any(|flag| {
        let short = flag.strip_prefix('-').filter(|rest| rest.len() == 1);
        word == *flag
            || short.is_some_and(|letter| {
                word.starts_with('-') && !word.starts_with("--") && word.ends_with(letter)
            })
    })
}

/// The first placeholder of a word for which people may type any text.
fn free_text<'a>(word: &'a str, form: &FormSpec) -> Option<&'a str> {
    placeholders(word).find(|name| {
        let of_request = OF_THE_REQUEST.iter().any(|(own, kind)| own == name && *kind == Kind::Text);
        of_request || form.args.iter().any(|arg| arg.name == *name && arg.kind == Kind::Text)
    })
}

fn base(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or_default()
}
