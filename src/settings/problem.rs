//! What is wrong with the settings, all of it at once, for people and for programs. Not here: finding it (`rules`,
//! `operations`, `secrets`).

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity, SourceSpan,
};
use serde::Serialize;
use shipgate_app::commands::CommandFileProblem;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// One thing to correct.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// `error` keeps the program from starting, `warning` does not.
    pub severity: Level,
    /// The settings file as it was named, or `environment`.
    pub file: String,
    /// From 1. None for the environment.
    pub line: Option<usize>,
    /// In characters, from 1. None for the environment.
    pub column: Option<usize>,
    /// Stable word for programs: `unknown_key`.
    pub code: &'static str,
    /// What is wrong.
    pub what: String,
    /// Why that matters. May be empty where it is plain.
    pub why: String,
    /// What to write instead.
    pub instead: String,
    /// Bytes of the file that are meant.
    #[serde(skip)]
    span: Option<Range<usize>>,
}

/// Whether the program can start in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It cannot.
    Error,
    /// It can, but somebody should look.
    Warning,
}

/// What was found, before it is known in which line.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    level: Level,
    place: Option<Range<usize>>,
    code: &'static str,
    what: String,
    why: String,
    instead: String,
}

impl Finding {
    /// An error at these bytes of the file.
    pub(super) fn at(place: Range<usize>, code: &'static str, what: impl Into<String>) -> Self {
        let (what, why, instead) = (what.into(), String::new(), String::new());
        Self { level: Level::Error, place: Some(place), code, what, why, instead }
    }

    /// An error in the environment.
    pub(super) fn in_environment(code: &'static str, what: impl Into<String>) -> Self {
        Self { place: None, ..Self::at(0..0, code, what) }
    }

    pub(super) fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    pub(super) fn instead(mut self, instead: impl Into<String>) -> Self {
        self.instead = instead.into();
        self
    }

    pub(super) fn warning(mut self) -> Self {
        self.level = Level::Warning;
        self
    }
}

/// All problems of one reading, those of the file first, in the order of the file.
#[derive(Clone)]
pub struct Problems {
    list: Vec<Problem>,
    source: Arc<NamedSource<String>>,
}

/// The place of problems that have no line.
const ENVIRONMENT: &str = "environment";

impl Problems {
    /// `text` is shown around the problems; it must hold no secrets.
    pub(super) fn new(path: &Path, text: &str, findings: Vec<Finding>) -> Self {
        let file = path.display().to_string();
        let place = |finding: Finding| {
            let (line, column) = finding.place.as_ref().map(|span| line_and_column(text, span.start)).unzip();
            let Finding { level: severity, place: span, code, what, why, instead } = finding;
            let [what, why, instead] =
                [what, why, instead].map(|text| text.chars().filter(is_harmless).collect());
            let file = if span.is_some() { file.clone() } else { ENVIRONMENT.to_owned() };
            Problem { severity, file, line, column, code, what, why, instead, span }
        };
        let mut list: Vec<Problem> = findings.into_iter().map(place).collect();
        in_order(&mut list);
        Self { list, source: Arc::new(NamedSource::new(&file, text.to_owned())) }
    }

    /// Adds problems of command files, which are errors: half of the commands would be another program.
    pub(super) fn add_commands(&mut self, problems: Vec<CommandFileProblem>) {
        self.list.extend(problems.into_iter().map(|problem| {
            let clean = |text: String| text.chars().filter(is_harmless).collect();
            Problem {
                severity: Level::Error,
                file: problem.file,
                line: Some(problem.line),
                column: Some(problem.column),
                code: "bad_command",
                what: clean(problem.what),
                why: String::new(),
                instead: clean(problem.instead),
                span: None,
            }
        }));
        in_order(&mut self.list);
    }

    /// Adds a problem of the same file.
    pub(super) fn add(&mut self, problem: Option<Problem>) {
        self.list.extend(problem);
        in_order(&mut self.list);
    }

    /// A file that could not be read at all.
    pub(super) fn unreadable(path: &Path, why: impl Into<String>, instead: impl Into<String>) -> Self {
        let what = format!("the settings file {} cannot be read", path.display());
        let finding = Finding::at(0..0, "unreadable_file", what).why(why).instead(instead);
        Self::new(path, "", vec![finding])
    }

    /// Each problem.
    #[must_use]
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// Whether one of them keeps the program from starting.
    #[must_use]
    pub fn are_fatal(&self) -> bool {
        self.count(Level::Error) > 0
    }

    fn count(&self, level: Level) -> usize {
        self.list.iter().filter(|problem| problem.severity == level).count()
    }

    /// For programs: an array of problems.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(&self.list).expect("problems are plain text and numbers")
    }

    /// What keeps the program from starting, one line each: place, what, why, what to write instead.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let fatal = self.list.iter().filter(|problem| problem.severity == Level::Error);
        fatal
            .map(|problem| {
                let Problem { file, line, what, why, instead, .. } = problem;
                let place = line.map(|line| format!(":{line}")).unwrap_or_default();
                let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
                let instead = if instead.is_empty() { String::new() } else { format!("; {instead}") };
                format!("{file}{place}: {what}{why}{instead}")
            })
            .collect()
    }

    /// "2 errors, 1 warning".
    #[must_use]
    pub fn summary(&self) -> String {
        let say = |count: usize, word: &str| match count {
            0 => None,
            1 => Some(format!("1 {word}")),
            _ => Some(format!("{count} {word}s")),
        };
        let parts = [say(self.count(Level::Error), "error"), say(self.count(Level::Warning), "warning")];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() { "no problems".to_owned() } else { parts.join(", ") }
    }
}

fn in_order(list: &mut Vec<Problem>) {
    let place = |problem: &Problem| {
        let file = problem.span.is_none().then(|| problem.file.clone());
        (file, problem.line, problem.column, problem.severity)
    };
    list.sort_by_key(place);
    list.dedup();
}

/// For people: each problem with the lines around it, then how many there are.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let page = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(100);
        for problem in &self.list {
            let mut report = String::new();
            page.render_report(&mut report, &Shown { problem, source: &self.source })?;
            writeln!(f, "{}", report.trim_end())?;
            writeln!(f)?;
        }
        write!(f, "{}", self.summary())
    }
}

impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.list).finish()
    }
}

impl std::error::Error for Problems {}

/// One problem with the file it stands in, in the form that miette draws.
#[derive(Debug)]
struct Shown<'a> {
    problem: &'a Problem,
    source: &'a NamedSource<String>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (None, Some(line), Some(column)) = (&self.problem.span, self.problem.line, self.problem.column)
        {
            write!(f, "{}:{line}:{column}: ", self.problem.file)?;
        }
        match self.problem.why.as_str() {
            "" => f.write_str(&self.problem.what),
            why => write!(f, "{}: {why}", self.problem.what),
        }
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.problem.code))
    }

    fn severity(&self) -> Option<Severity> {
        Some(match self.problem.severity {
            Level::Error => Severity::Error,
            Level::Warning => Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        (!self.problem.instead.is_empty()).then(|| Box::new(&self.problem.instead) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.problem.span.is_some().then_some(self.source as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = SourceSpan::from(self.problem.span.clone()?);
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(Some("here".to_owned()), span))))
    }
}

/// Neither moves the cursor nor turns the direction of reading.
pub(super) fn is_harmless(c: &char) -> bool {
    !shipgate_domain::hidden::is_hidden(*c)
}

/// Where a byte stands, both from 1; columns are characters.
fn line_and_column(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte.min(text.len())).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
