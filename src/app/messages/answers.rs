//! Private answers to one person: done, refused, not understood, too late. Not here: what everybody sees.

use super::{Words, groups, what};
use crate::cards::Press;
use crate::commands::{ArgSpec, Grammar, Invocation, Kind, Refusal};
use crate::words::{Block, Field, FieldKind, Form, Message, Text, Tone};
use shipgate_domain::deploy::{Deploy, Event, Illegal, Step};
use shipgate_domain::people::{Action, Denied};

pub(super) fn no(title: impl Into<Text>) -> Message {
    Message::line(Tone::Bad, title)
}

pub(super) fn hint(title: impl Into<Text>) -> Message {
    Message::line(Tone::Neutral, title)
}

impl Words<'_> {
    pub(crate) fn too_busy(&self) -> Message {
        no("Too much changed at once, and your request was not carried out.").paragraph("Try it once more.")
    }

    pub(crate) fn turned_away(&self, say: &str) -> Message {
        no(say)
    }

    pub(crate) fn not_understood(&self, refusal: &Refusal) -> Message {
        no(refusal.what.clone()).paragraph(refusal.why.clone()).paragraph(refusal.next.clone())
    }

    pub(crate) fn missing_words(&self, grammar: &Grammar, said: &Invocation, missing: &[ArgSpec]) -> Message {
        let names: Vec<String> = missing.iter().map(|arg| arg.name.clone()).collect();
        let message = no(format!("“{}” also needs: {}.", said.command, names.join(", ")));
        let page = grammar.help(Some(&said.command)).ok();
        let examples = page.map(|page| page.examples).unwrap_or_default();
        let items = examples.into_iter().take(3).map(|e| Text::default().code(e)).collect();
        message.paragraph("For example:").list(items)
    }

    pub(crate) fn denied(&self, action: Action, denied: &Denied) -> Message {
        self.denied_to(action.phrase(), denied)
    }

    /// Why somebody may not do something: "you may not … ".
    pub(crate) fn denied_to(&self, what: &str, denied: &Denied) -> Message {
        match denied {
            Denied::NotInGroup { environment, groups: g, people, .. } => {
                let only = Text::plain(format!("Only {} may", groups(g)));
                no(format!("You may not {what} on {environment}. Nothing changed."))
                    .paragraph(match people.as_slice() {
                        [] => only.and("."),
                        people => only.and(". Ask ").text(self.some_of(people)).and("."),
                    })
                    .paragraph(Text::plain("See ").code(format!("/who-can {environment}")).and("."))
            }
            Denied::Bot => no(format!("Bots, apps and workflows may not {what}. Nothing changed."))
                .paragraph("A person must do it."),
            Denied::Guest => {
                no(format!("Guests and people of other organisations may not {what}. Nothing changed."))
                    .paragraph("Ask a member of this workspace.")
            }
            Denied::Deactivated => {
                no(format!("This account is deactivated and may not {what}. Nothing changed."))
            }
            Denied::Unreadable { why } => {
                no(format!("Shipgate cannot check now whether you may {what}. Nothing changed."))
                    .paragraph(format!("The reason: {why}. Try again in a minute."))
            }
        }
    }

    pub(crate) fn own_approval(&self, deploy: &Deploy) -> Message {
        no(format!(
            "You asked for {} yourself, so your own approval does not count. Nothing changed.",
            what(deploy)
        ))
        .paragraph("Somebody else who may approve must do it.")
    }
    pub(crate) fn own_resolution(&self, deploy: &Deploy) -> Message {
        let title =
            format!("You asked for {} yourself, so somebody else must say what became of it.", what(deploy));
        no(format!("{title} Nothing changed.")).paragraph("Tell them what you saw in the CI system.")
    }

    pub(crate) fn illegal(&self, deploy: &Deploy, illegal: &Illegal) -> Message {
        match illegal {
            Illegal::WrongState { state, .. } => {
                no(format!("Too late: {} is {}. Nothing changed.", what(deploy), state.replace('_', " ")))
                    .paragraph("The card shows where it stands.")
            }
            Illegal::AlreadyApproved { at, .. } => {
                hint(format!("You approved {} already, {}. Once is enough.", what(deploy), self.at(*at)))
            }
            Illegal::OtherDigest { given } => {
                no("What would be deployed has changed since you saw it. Your approval was not counted.")
                    .paragraph(
                        Text::plain("You saw digest ")
                            .code(given.short())
                            .and("; look at the card and decide again."),
                    )
            }
            Illegal::NotApproved => {
                hint(format!("You have no approval of {} that could be taken back.", what(deploy)))
            }
            Illegal::NotHeld => hint(format!("{} is not on hold.", what(deploy))),
            Illegal::AlreadyHeld => hint(format!("{} is on hold already.", what(deploy))),
            Illegal::AlreadyAsked => {
                hint(format!("Somebody asked to stop {} before; it is being stopped.", what(deploy)))
            }
            Illegal::WrongGrant => no("Shipgate cannot do this here. Nothing changed.")
                .paragraph(format!("Please report it with the reference {}.", deploy.id)),
        }
    }

    pub(crate) fn unknown_button(&self) -> Message {
        no("This button is not one of Shipgate's, or it is too old. Nothing changed.")
            .paragraph("Use the buttons on the deploy's own card, or the command.")
    }

    pub(crate) fn early_button(&self) -> Message {
        no("The chat does not say where this card stands. Nothing changed.")
            .paragraph("Press again in a few seconds, or use the command.")
    }

    pub(crate) fn stale_button(&self, deploy: &Deploy, press: Press) -> Message {
        let word = press.name().replace('_', " ");
        no(format!("The card changed before you pressed “{word}”. Nothing happened.")).paragraph(format!(
            "{} is {} now. The card shows what can be done.",
            what(deploy),
            deploy.state.name().replace('_', " ")
        ))
    }

    pub(crate) fn reason_needed(&self) -> Message {
        no("A rejection needs a reason. Nothing changed.")
            .paragraph(Text::plain("Say it like ").code("/reject because the tests are red").and("."))
    }

    pub(crate) fn say_reject_instead(&self, deploy: &Deploy) -> Message {
        no("The form could not be opened in time. Nothing changed.").paragraph(
            Text::plain("Press Reject again, or type ")
                .code(format!("/reject {} because …", deploy.id.short())),
        )
    }

    pub(crate) fn too_late_for_form(&self) -> Message {
        no("The form could not be opened in time. Nothing changed.").paragraph("Press the button again.")
    }

    pub(crate) fn one_approval_at_a_time(&self) -> Message {
        no("One deploy is approved at a time. Nothing changed.").paragraph(
            "Say it once for each, or press Approve on its card; a comment has more than one word.",
        )
    }

    pub(crate) fn not_pinned_yet(&self, deploy: &Deploy) -> Message {
        no(format!("The version of {} is still being looked up. Nothing changed.", what(deploy)))
            .paragraph("Approve when the card shows the commit.")
    }

    pub(crate) fn not_shown_yet(&self, deploy: &Deploy) -> Message {
        no(format!(
            "The card of {} is being redrawn: what you would agree to is new. Nothing happened.",
            what(deploy)
        ))
        .paragraph("Look at it, then approve again.")
    }

    pub(crate) fn no_such_run(&self, link: &str) -> Message {
        no("That is no run of this deploy's repository. Nothing changed.")
            .paragraph(Text::plain("You gave ").code(link).and("; copy the address of the run's page."))
    }

    pub(crate) fn cannot_look(&self, why: &str) -> Message {
        no(format!("The CI system cannot be asked now ({why}). Nothing changed."))
            .paragraph("Try again in a minute.")
    }

    pub(crate) fn which_deploy(&self, said: &Invocation, several: &[Deploy]) -> Message {
        if several.is_empty() {
            return match said.deploy() {
                Some(id) => no("There is no deploy with this id. Nothing changed.").paragraph(
                    Text::plain("No id ends in ").code(id).and("; see ").code("/deploy history").and("."),
                ),
                None => no(format!("There is no deploy to {} now. Nothing changed.", said.command))
                    .paragraph(Text::plain("See ").code("/deploy status").and(".")),
            };
        }
        let items = several
            .iter()
            .take(8)
            .map(|d| {
                Text::default()
                    .code(format!("/{} {}", said.command, d.id.short()))
                    .and(format!(" — {} → {}", what(d), d.request.environment))
                    .text(Self::with_arguments(d))
                    .and(format!(", {}", d.state.name().replace('_', " ")))
            })
            .collect();
        no("More than one deploy fits. Nothing changed.").paragraph("Say which:").list(items)
    }

    /// What a person's ask led to, for them alone. The card and its thread tell everybody.
    pub(crate) fn done(&self, deploy: &Deploy, step: &Step) -> Message {
        let what = what(deploy);
        let line = match &step.event {
            Some(Event::Approved { digest, .. }) => {
                return hint(
                    Text::plain(format!("You approved {what}, digest ")).code(digest.short()).and("."),
                )
                .paragraph(
                    Text::plain("Until its start is decided, you can take it back: ")
                        .code(format!("/withdraw {}", deploy.id.short())),
                );
            }
            Some(Event::Withdrawn { .. }) => format!("You took your approval of {what} back."),
            Some(Event::Rejected { .. }) => format!("You rejected {what}."),
            Some(Event::Held { .. }) => format!("{what} is on hold."),
            Some(Event::Resumed { .. }) => format!("{what} goes on."),
            Some(Event::CancelAsked { .. }) if step.deploy.is_done() => {
                format!("{what} is cancelled. Nothing was started.")
            }
            Some(Event::CancelAsked { .. }) => {
                format!("{what} is being stopped; the card shows whether it was in time.")
            }
            Some(Event::Closed { .. }) => format!("The failure of {what} is closed."),
            Some(_) => "Noted.".to_owned(),
            None => "Nothing changed.".to_owned(),
        };
        hint(line)
    }

    pub(crate) fn reject_form(&self, deploy: &Deploy, context: String) -> Form {
        Form {
            title: "Reject a deploy".into(),
            submit: "Reject".into(),
            intro: self.title(deploy),
            fields: vec![Field {
                name: "reason".into(),
                label: "Why?".into(),
                hint: "Everybody in the channel reads it.".into(),
                optional: false,
                kind: FieldKind::Text { multiline: true, initial: String::new() },
            }],
            context,
        }
    }

    pub(crate) fn which_run_form(&self, deploy: &Deploy, context: String) -> Form {
        Form {
            title: "Which run is it?".into(),
            submit: "This one".into(),
            intro: self.title(deploy),
            fields: vec![Field {
                name: "run".into(),
                label: "Address of the run's page".into(),
                hint: "Shipgate reads the run before it believes it.".into(),
                optional: false,
                kind: FieldKind::Text { multiline: false, initial: String::new() },
            }],
            context,
        }
    }

    /// A page of help.
    pub(crate) fn help(&self, page: &crate::commands::HelpPage) -> Message {
        let mut message = Message::line(Tone::Neutral, Text::default().bold(page.title.clone()));
        message = message.paragraph(page.summary.clone());
        message = message.code(page.usage.clone());
        let args = page
            .args
            .iter()
            .map(|a| {
                (a.name.clone(), Text::plain(a.help.clone()).and(if a.required { " (needed)" } else { "" }))
            })
            .collect::<Vec<_>>();
        if !args.is_empty() {
            message.blocks.push(Block::Fields(args));
        }
        if !page.examples.is_empty() && page.see.is_empty() {
            let items = page.examples.iter().map(|e| Text::default().code(e.clone())).collect();
            message = message.paragraph("For example:").list(items);
        }
        let see = page
            .see
            .iter()
            .map(|(name, about)| Text::default().code(name.clone()).and(format!(" — {about}")));
        message = message.list(see.collect());
        for note in &page.notes {
            message = message.paragraph(note.clone());
        }
        message
    }
}

/// What a form's field for an argument looks like.
pub(crate) fn field_for(arg: &ArgSpec, options: Vec<(String, String)>) -> Field {
    let kind = if options.is_empty() {
        // What goes to a run is one line.
        let multiline = arg.kind == Kind::Text && arg.limits.are_none();
        FieldKind::Text { multiline, initial: arg.default.clone().unwrap_or_default() }
    } else {
        let initial = arg.default.clone().filter(|d| options.iter().any(|(value, _)| value == d));
        FieldKind::Select { options, initial }
    };
    Field {
        name: arg.name.clone(),
        label: arg.question().chars().take(48).collect(),
        hint: arg.help.clone(),
        optional: !arg.required,
        kind,
    }
}
