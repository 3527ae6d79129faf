//! Public holidays of countries and their parts, as a list that is built in. Not here: where it comes from
//! (`release/holidays`), how long a holiday lasts (`stretch`: its local day).

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

/// One list after the other: `=DE`, or `=DE-BE+` for what Berlin has besides Germany; below it a name and its days on
/// each line, `1225` in every year, `260403` in one.
const TABLE: &str = include_str!("holidays.tsv");

/// First and last year of the table.
static YEARS: LazyLock<(i16, i16)> = LazyLock::new(|| {
    let line = TABLE.lines().find_map(|line| line.strip_prefix("years\t"));
    let years = line.and_then(|line| line.split_once('\t'));
    let years = years.and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    years.expect("the table that is built in says its years")
});

/// The public holidays of a country, `US`, or of a part of one, `DE-BE`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HolidayList(String);

/// A word that is no list of holidays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no list of holidays “{got}”; {advice}")]
pub struct UnknownList {
    /// The word as it came, cut to 80 characters.
    pub got: String,
    /// What can be written.
    pub advice: String,
}

/// A holiday.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holiday {
    /// The day.
    pub day: Date,
    /// What it is called, in English.
    pub name: &'static str,
}

impl FromStr for HolidayList {
    type Err = UnknownList;
    fn from_str(text: &str) -> Result<Self, UnknownList> {
        let code = text.trim().to_ascii_uppercase();
        if codes().any(|(known, _)| known == code) {
            return Ok(Self(code));
        }
        let country = code.split('-').next().unwrap_or_default();
        let under = format!("{country}-");
        let parts: Vec<&str> = codes().filter_map(|(known, _)| known.strip_prefix(under.as_str())).collect();
        let is_known = codes().any(|(known, _)| known == country);
        let advice = match (is_known, parts.is_empty()) {
            (true, true) => format!("write “{country}”; its parts have no lists of their own"),
            (true, false) => format!("write “{country}”, or a part of it: {}", parts.join(", ")),
            (false, _) => {
                let countries: Vec<&str> =
                    codes().map(|(known, _)| known).filter(|known| !known.contains('-')).collect();
                format!("write a country ({}), or a part of one, such as “DE-BE”", countries.join(", "))
            }
        };
        Err(UnknownList { got: text.chars().filter(|c| !c.is_control()).take(80).collect(), advice })
    }
}

/// Every code, and whether its list adds to that of its country.
fn codes() -> impl Iterator<Item = (&'static str, bool)> {
    TABLE.lines().filter_map(|line| line.strip_prefix('=')).map(|code| match code.strip_suffix('+') {
        Some(code) => (code, true),
        None => (code, false),
    })
}

impl HolidayList {
    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// First and last year of which holidays are known. In others nobody can say which day is one.
    #[must_use]
    pub fn years() -> (i16, i16) {
        *YEARS
    }

    /// All holidays of these years, as far as they are known, in order.
    #[must_use]
    pub fn between(&self, from: i16, until: i16) -> Vec<Holiday> {
        let (first, last) = *YEARS;
        let years = from.max(first)..=until.min(last);
        let adds = codes().any(|(code, adds)| code == self.0 && adds);
        let country = self.0.split('-').next().filter(|_| adds);
        let mut found: Vec<Holiday> = [country, Some(self.0.as_str())]
            .into_iter()
            .flatten()
            .flat_map(lines_of)
            .flat_map(|(name, days)| {
                let days = days.split(' ').flat_map(|day| dates(day, years.clone()));
                days.map(move |day| Holiday { day, name }).collect::<Vec<_>>()
            })
            .collect();
        found.sort();
        found
    }
}

/// The lines of one list.
fn lines_of(code: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let is_head = |line: &&str| line.strip_prefix('=').is_some_and(|head| head.trim_end_matches('+') == code);
    let mut lines = TABLE.lines();
    let _ = lines.by_ref().find(is_head);
    lines.take_while(|line| !line.starts_with('=')).filter_map(|line| line.split_once('\t'))
}

fn dates(written: &str, years: std::ops::RangeInclusive<i16>) -> Vec<Date> {
    let number = |part: Option<&str>| part.and_then(|part| part.parse::<i8>().ok());
    let date = |year: i16, rest: &str| {
        let (month, day) = (number(rest.get(..2))?, number(rest.get(2..))?);
        Date::new(year, month, day).ok()
    };
    match number(written.get(..2)).filter(|_| written.len() == 6) {
        Some(short) => {
            let year = 2000 + i16::from(short);
            years.contains(&year).then(|| date(year, &written[2..])).flatten().into_iter().collect()
        }
        None => years.filter_map(|year| date(year, written)).collect(),
    }
}

impl fmt::Debug for HolidayList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HolidayList({})", self.0)
    }
}

impl fmt::Display for HolidayList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for HolidayList {
    type Error = UnknownList;
    fn try_from(text: String) -> Result<Self, UnknownList> {
        text.parse()
    }
}

impl From<HolidayList> for String {
    fn from(list: HolidayList) -> String {
        list.0
    }
}
