//! Decides which word is which argument. Words may stand in any order that leaves no doubt; where doubt is left,
//! the answer is a question, never a guess.

mod options;
mod prose;

use std::collections::BTreeMap;

use super::Grammar;
use super::refusal::{Code, Refusal, ambiguous, shown, too_many, twice, typed};
use super::spec::{ArgSpec, FormSpec};
use super::values::{self, Arg, Names, looks_like_version};
use super::vocabulary::Kind;
use super::words::{Form, Word, readable};

/// Words that join others and mean nothing alone. A service or an environment of such a name wins.
const CONNECTING: &[&str] =
    &["to", "on", "of", "for", "at", "from", "in", "with", "because", "the", "a", "an", "please"];

/// Gives every word of `words` its argument.
///
/// # Errors
/// A word that fits nowhere, fits twice, or is no proper value.
pub(super) fn assign(
    grammar: &Grammar,
    form: &FormSpec,
    words: &[Word],
    names: &Names,
) -> Result<BTreeMap<String, Arg>, Refusal> {
    let mut slots = Slots {
        grammar,
        form,
        names,
        args: BTreeMap::new(),
        versions: Vec::new(),
        unsure: Vec::new(),
        prose: None,
        swallowed: Vec::new(),
        connecting: Vec::new(),
    };
    let plain = slots.options(words)?;
    slots.words(&plain)?;
    slots.end_prose()?;
    slots.settle_unsure()?;
    slots.settle_versions()?;
    slots.check_swallowed()?;
    slots.check_place()?;
    Ok(slots.args)
}

struct Slots<'a> {
    grammar: &'a Grammar,
    form: &'a FormSpec,
    names: &'a Names,
    args: BTreeMap<String, Arg>,
    /// Words that may be the version.
    versions: Vec<String>,
    /// Words that name both a service and an environment.
    unsure: Vec<String>,
    /// The text that is being collected.
    prose: Option<Prose<'a>>,
    /// Unquoted texts that might have swallowed another argument.
    swallowed: Vec<Prose<'a>>,
    /// Connecting words seen just now: they belong to a text that starts right after them.
    connecting: Vec<String>,
}

/// A text without quotes.
struct Prose<'a> {
    arg: &'a ArgSpec,
    words: Vec<String>,
    /// Began after a word such as `because`.
    certain: bool,
    /// Is the value of an option.
    by_option: bool,
}

impl<'a> Slots<'a> {
    fn words(&mut self, words: &[Word]) -> Result<(), Refusal> {
        let mut at = 0;
        while let Some(word) = words.get(at) {
            let taken = match word.is_quoted() {
                true => self.quoted(word)?,
                false => match self.introduced(&words[at..])? {
                    0 => self.word(&words[at..])?,
                    taken => taken,
                },
            };
            at += taken;
        }
        Ok(())
    }

    fn quoted(&mut self, word: &Word) -> Result<usize, Refusal> {
        let text = readable(&word.text);
        let prose = |arg: &ArgSpec| matches!(arg.kind, Kind::Text | Kind::Freeze);
        if text.is_empty() {
            return Ok(1);
        }
        if let Some(prose) = &mut self.prose {
            prose.words.push(text);
            return Ok(1);
        }
        if let Some(arg) =
            self.form.args.iter().find(|arg| prose(arg) && arg.is_positional() && self.is_open(arg))
        {
            let value = self.grammar.read_value(arg.kind, &text, self.names)?;
            self.fill(arg, value)?;
            return Ok(1);
        }
        if text.contains(' ') {
            return Err(too_many(&text));
        }
        self.name_or_rest(&Word { text: word.text.clone(), form: Form::Quoted })?;
        Ok(1)
    }

    /// `because …`, `until …`, `version …`: takes the word and the value it introduces; 0 if it introduces none.
    fn introduced(&mut self, words: &[Word]) -> Result<usize, Refusal> {
        let Some((word, after)) = words.split_first() else { return Ok(0) };
        let introduces = |arg: &&ArgSpec| arg.after.iter().any(|lead| lead.eq_ignore_ascii_case(&word.text));
        let Some(arg) = self.form.args.iter().filter(|arg| self.is_open(arg)).find(introduces) else {
            return Ok(0);
        };
        if after.is_empty() {
            return Ok(0);
        }
        if matches!(arg.kind, Kind::Text | Kind::Freeze) {
            if self.prose.as_ref().is_some_and(|prose| prose.arg.name == arg.name) {
                return Ok(0);
            }
            self.end_prose()?;
            self.connecting.clear();
            self.prose = Some(Prose { arg, words: Vec::new(), certain: true, by_option: false });
            return Ok(1);
        }
        let timed = matches!(arg.kind, Kind::Duration | Kind::Time);
        if self.prose.is_some() && !timed {
            return Ok(0);
        }
        if let Some((value, taken)) = self.longest(arg.kind, after) {
            self.fill(arg, value)?;
            return Ok(1 + taken);
        }
        // “for the migration” is prose if there is room for prose, and a mistake if there is not.
        let room = self.prose.is_some() || self.open(Kind::Text).is_some_and(|text| text.rest);
        let connects = CONNECTING.contains(&word.text.to_lowercase().as_str());
        if room || connects && !timed {
            return Ok(0);
        }
        match arg.kind {
            Kind::Version => Ok(0),
            kind => self.grammar.read_value(kind, &after[0].text, self.names).map(|_| 0),
        }
    }

    /// One word that nothing introduces; how many words it took.
    fn word(&mut self, words: &[Word]) -> Result<usize, Refusal> {
        let Some(word) = words.first() else { return Ok(0) };
        if let Some(prose) = &mut self.prose {
            prose.words.push(word.text.clone());
            return Ok(1);
        }
        if let Some((arg, value)) = self.listed(&word.text) {
            self.fill(arg, value)?;
            return Ok(1);
        }
        for kind in [Kind::Duration, Kind::Time, Kind::Command] {
            if let Some(arg) = self.open(kind)
                && let Some((value, taken)) = self.longest(kind, words)
            {
                self.fill(arg, value)?;
                return Ok(taken);
            }
        }
        self.name_or_rest(word)?;
        Ok(1)
    }

    /// The choice that lists this word, or the number that it can be, and no other argument.
    fn listed(&self, word: &str) -> Option<(&'a ArgSpec, Arg)> {
        let kinds = [Kind::Choice, Kind::Number];
        let is_open = |arg: &&ArgSpec| kinds.contains(&arg.kind) && arg.is_positional() && self.is_open(arg);
        self.form.args.iter().filter(is_open).find_map(|arg| {
            let value = values::read(arg.kind, word, self.names).ok()?;
            Some((arg, arg.fitted(value).ok()?))
        })
    }

    /// A service, environment, deploy, person or version; else the beginning of a text; else a refusal.
    fn name_or_rest(&mut self, word: &Word) -> Result<(), Refusal> {
        let text = word.text.as_str();
        let environment = self.names.environment(text).filter(|_| self.takes(Kind::Environment));
        let service = self.names.service(text).filter(|_| self.takes(Kind::Service));
        match (environment, service) {
            (Some(_), Some(_)) => {
                self.unsure.push(text.to_owned());
                return Ok(());
            }
            (Some(name), None) => {
                return self.named(Kind::Environment, Arg::Environment(name.to_owned()), word);
            }
            (None, Some(name)) => return self.named(Kind::Service, Arg::Service(name.to_owned()), word),
            (None, None) => {}
        }
        if let Some(arg) = self.open(Kind::Deploy)
            && let Ok(id) = values::read(Kind::Deploy, text, self.names)
            && (self.open(Kind::Text).is_none() || self.names.is_deploy_among_prose(text))
        {
            return self.fill(arg, id);
        }
        if let Some(arg) = self.open(Kind::Person)
            && let Ok(person) = values::read(Kind::Person, text, self.names)
        {
            return self.fill(arg, person);
        }
        if let Some((left, right)) =
            text.split_once('@').filter(|(left, right)| !left.is_empty() && !right.is_empty())
            && let Some(service) = self.open(Kind::Service)
            && let Some(version) = self.open(Kind::Version)
        {
            let left = values::read(Kind::Service, left, self.names)?;
            let right = values::read(Kind::Version, right, self.names)?;
            self.fill(service, left)?;
            return self.fill(version, right);
        }
        if word.is_plain() && CONNECTING.contains(&text.to_lowercase().as_str()) {
            self.connecting.push(text.to_owned());
            return Ok(());
        }
        self.rest(word)
    }

    /// A word that is surely a service or an environment.
    fn named(&mut self, kind: Kind, value: Arg, word: &Word) -> Result<(), Refusal> {
        if let Some(arg) = self.open(kind) {
            return self.fill(arg, value);
        }
        if let Some(arg) = self.open(Kind::Text).filter(|arg| arg.rest) {
            return self.begin_prose(arg, &word.text);
        }
        if self.open(Kind::Version).is_some() {
            return Err(ambiguous(&word.text, &[kind, Kind::Version]));
        }
        Err(twice(kind.as_str(), &word.text))
    }

    /// A word that is no known name.
    fn rest(&mut self, word: &Word) -> Result<(), Refusal> {
        let text = word.text.as_str();
        if self.open(Kind::Version).is_some() {
            self.connecting.clear();
            self.versions.push(text.to_owned());
            return Ok(());
        }
        for kind in [Kind::Environment, Kind::Service] {
            if self.open(kind).is_some() && self.names.near(kind, text).is_some() {
                return Err(self.names.unknown(kind, text));
            }
        }
        if self.open(Kind::Command).is_some() {
            return Err(self.grammar.unknown_command(text));
        }
        for kind in [Kind::Text, Kind::Freeze] {
            let Some(arg) = self.open(kind) else { continue };
            if arg.rest {
                return self.begin_prose(arg, text);
            }
            let value = self.grammar.read_value(kind, text, self.names)?;
            return self.fill(arg, value);
        }
        Err(self.fits_nowhere(text))
    }

    fn fits_nowhere(&self, text: &str) -> Refusal {
        if self.open(Kind::Deploy).is_some()
            && let Err(refusal) = values::read(Kind::Deploy, text, self.names)
        {
            return refusal;
        }
        // Nothing else is left that it could have been.
        for arg in [Kind::Choice, Kind::Number].into_iter().filter_map(|kind| self.open(kind)) {
            let fitted = values::read(arg.kind, text, self.names).and_then(|value| arg.fitted(value));
            if let Err(refusal) = fitted {
                return refusal;
            }
        }
        match (self.open(Kind::Environment), self.open(Kind::Service)) {
            // What the command cannot do without is what was meant.
            (Some(arg), Some(_)) if arg.required => self.names.unknown(Kind::Environment, text),
            (Some(_), Some(_)) => {
                let known =
                    [self.names.spellings(Kind::Environment), self.names.spellings(Kind::Service)].concat();
                Refusal::new(
                    Code::UnknownName,
                    format!("There is no service or environment {}.", shown(text)),
                    format!("Known are {}.", known.into_iter().take(12).collect::<Vec<_>>().join(", ")),
                    "Write one of these.",
                )
            }
            (Some(_), None) => self.names.unknown(Kind::Environment, text),
            (None, Some(_)) => self.names.unknown(Kind::Service, text),
            (None, None) => {
                let near = [Kind::Environment, Kind::Service]
                    .into_iter()
                    .find(|kind| self.takes(*kind) && self.names.near(*kind, text).is_some());
                near.map_or_else(|| too_many(text), |kind| self.names.unknown(kind, text))
            }
        }
    }

    // ---- what could not be decided word by word ----

    fn settle_unsure(&mut self) -> Result<(), Refusal> {
        for word in std::mem::take(&mut self.unsure) {
            match (self.open(Kind::Environment), self.open(Kind::Service)) {
                (Some(_), Some(_)) => return Err(ambiguous(&word, &[Kind::Service, Kind::Environment])),
                (Some(arg), None) | (None, Some(arg)) => {
                    let value = values::read(arg.kind, &word, self.names)?;
                    self.fill(arg, value)?;
                }
                (None, None) => return Err(too_many(&word)),
            }
        }
        Ok(())
    }

    fn settle_versions(&mut self) -> Result<(), Refusal> {
        let words = std::mem::take(&mut self.versions);
        let Some(arg) = self.open(Kind::Version) else {
            return words.first().map_or(Ok(()), |word| Err(self.fits_nowhere(word)));
        };
        let hinted = |word: &str| format!("If it is a version, write --version {}.", typed(word));
        for word in words.iter().filter(|word| !looks_like_version(word)) {
            for kind in [Kind::Environment, Kind::Service] {
                if self.takes(kind) && self.names.near(kind, word).is_some() {
                    return Err(self.names.unknown(kind, word).also(&hinted(word)));
                }
            }
        }
        let (sure, others): (Vec<&String>, Vec<&String>) =
            words.iter().partition(|word| looks_like_version(word));
        match (sure.as_slice(), others.as_slice()) {
            ([], []) => Ok(()),
            ([only], []) | ([], [only]) => {
                let value = values::read(Kind::Version, only, self.names)?;
                self.fill(arg, value)
            }
            ([_, second, ..], _) => Err(twice("version", second)),
            (_, [other, ..]) => Err(self.fits_nowhere(other)),
        }
    }

    // ---- slots ----

    fn fill(&mut self, arg: &ArgSpec, value: Arg) -> Result<(), Refusal> {
        self.connecting.clear();
        match self.args.insert(arg.name.clone(), arg.fitted(value)?) {
            None => Ok(()),
            Some(_) => Err(Refusal::new(
                Code::Twice,
                format!("{} was given twice.", arg.name),
                "Only one of them can be meant.",
                format!("Leave one {} out.", arg.name),
            )),
        }
    }

    /// Whether some word may be of this kind, used up or not.
    fn takes(&self, kind: Kind) -> bool {
        self.form.args.iter().any(|arg| arg.kind == kind && arg.is_positional())
    }

    /// The argument of this kind that still waits for a word.
    fn open(&self, kind: Kind) -> Option<&'a ArgSpec> {
        self.form.args.iter().find(|arg| arg.kind == kind && arg.is_positional() && self.is_open(arg))
    }

    fn is_open(&self, arg: &ArgSpec) -> bool {
        !self.args.contains_key(&arg.name)
    }
}
