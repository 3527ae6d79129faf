//! Texts without quotes: where they begin, and whether they took a word that was meant as something else.

use super::super::refusal::{Code, Refusal, shown, typed};
use super::super::spec::ArgSpec;
use super::super::values::{self, looks_like_version};
use super::super::vocabulary::Kind;
use super::super::words::readable;
use super::{Prose, Slots};

impl<'a> Slots<'a> {
    /// Begins a text with a word that is nothing else.
    ///
    /// `cancel staging` must not cancel something on production with the reason “staging”, and `unlock production
    /// web` must not give back more than the lock of web: a name where one is missing is a question.
    pub(super) fn begin_prose(&mut self, arg: &'a ArgSpec, word: &str) -> Result<(), Refusal> {
        let is_name = self.names.environment(word).is_some() || self.names.service(word).is_some();
        let sentence = !self.connecting.is_empty();
        if is_name && !sentence && self.open(Kind::Deploy).is_some() {
            let quotes = format!("A {} that begins like this needs quotes.", arg.name);
            return Err(values::not_a_deploy(word).also(&quotes));
        }
        let optional = self.form.args.iter().find(|arg| arg.kind == Kind::Service && self.is_open(arg));
        if optional.is_some() && !sentence && self.names.service(word).is_some() {
            return Err(self.part_of_text(Kind::Service, word, arg));
        }
        let mut words = std::mem::take(&mut self.connecting);
        words.push(word.to_owned());
        self.prose = Some(Prose { arg, words, certain: false, by_option: false });
        Ok(())
    }

    pub(super) fn end_prose(&mut self) -> Result<(), Refusal> {
        let Some(prose) = self.prose.take() else { return Ok(()) };
        let text = readable(&prose.words.join(" "));
        if text.is_empty() {
            return Ok(());
        }
        let value = self.grammar.read_value(prose.arg.kind, &text, self.names)?;
        let arg = prose.arg;
        if !prose.certain {
            self.swallowed.push(prose);
        }
        self.fill(arg, value)
    }

    /// A text without quotes may have taken a word that was meant as something else.
    pub(super) fn check_swallowed(&self) -> Result<(), Refusal> {
        for prose in self.swallowed.iter().filter(|prose| prose.words.len() > 1) {
            for word in &prose.words {
                let Some(kind) = self.also_fits(word, prose.by_option) else { continue };
                return Err(self.part_of_text(kind, word, prose.arg));
            }
        }
        Ok(())
    }

    fn part_of_text(&self, kind: Kind, word: &str, text: &ArgSpec) -> Refusal {
        let named = self.form.args.iter().find(|arg| arg.kind == kind);
        let option = named.map_or(kind.as_str(), |arg| arg.name.as_str());
        Refusal::new(
            Code::Ambiguous,
            format!("{} can be meant in two ways.", shown(word)),
            format!("It may be the {kind}, or a part of the {}.", text.name),
            format!("Write --{option} {}, or put the whole {} in quotes.", typed(word), text.name),
        )
    }

    /// `unlock mars`: a text of one word, where the environment should have been.
    pub(super) fn check_place(&self) -> Result<(), Refusal> {
        let Some(needed) = self.open(Kind::Environment).filter(|arg| arg.required) else { return Ok(()) };
        let alone = self.swallowed.iter().find(|prose| !prose.by_option && prose.words.len() == 1);
        alone.map_or(Ok(()), |prose| Err(self.names.unknown(needed.kind, &prose.words[0])))
    }

    fn also_fits(&self, word: &str, by_option: bool) -> Option<Kind> {
        if self.open(Kind::Deploy).is_some() && self.names.is_deploy_among_prose(word) {
            return Some(Kind::Deploy);
        }
        let environment = self.open(Kind::Environment).filter(|arg| by_option || arg.required);
        if environment.is_some() && self.names.environment(word).is_some() {
            return Some(Kind::Environment);
        }
        if !by_option {
            return None;
        }
        let version = word.contains(|c: char| c.is_ascii_digit())
            && looks_like_version(word)
            && values::read(Kind::Version, word, self.names).is_ok();
        if self.open(Kind::Version).is_some() && version {
            return Some(Kind::Version);
        }
        let service = self.names.service(word).filter(|name| Some(*name) != self.names.usual_service());
        (self.open(Kind::Service).is_some() && service.is_some()).then_some(Kind::Service)
    }
}
