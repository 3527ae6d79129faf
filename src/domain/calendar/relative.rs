//! Days that each year has in another place: “4th Thu of November + 1d”, “Easter + 1d”, “25 December”. Not here: how
//! long a freeze lasts from there, holidays of a country (`holidays`).

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A day of each year by a rule, moved by some days.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelativeDay {
    text: String,
    base: Base,
    /// Days after the base; less than nought before it.
    moved: i32,
}

#[derive(Clone, Copy, Debug)]
enum Base {
    /// The n-th of its kind in a month; -1 is the last.
    Weekday(i8, Weekday, i8),
    Easter,
    /// Day and month.
    Fixed(i8, i8),
}

/// A text that names no day of a year.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "“{got}” is not a day of the year ({problem}); write “4th Thu of November + 1d”, “last Mon of May”, \
     “Easter + 1d” or “25 December”"
)]
pub struct BadDay {
    /// The text as it came, cut to 80 characters.
    pub got: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// No feast is farther from what it hangs on.
const FARTHEST: i32 = 100;
/// The months' names in lower case, from January on.
pub const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

impl FromStr for RelativeDay {
    type Err = BadDay;
    fn from_str(text: &str) -> Result<Self, BadDay> {
        let bad =
            |problem| BadDay { got: text.chars().filter(|c| !c.is_control()).take(80).collect(), problem };
        let spaced = text.to_lowercase().replace('+', " + ").replace('-', " - ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let (words, moved) = match words.as_slice() {
            [base @ .., sign @ ("+" | "-"), days] => {
                let days = days_of(days).ok_or(bad("after + and - stand 1 to 100 days, such as 1d"))?;
                (base, if *sign == "+" { days } else { -days })
            }
            // “1 d” and “1 day” are as good as “1d”.
            [base @ .., sign @ ("+" | "-"), days, "d" | "day" | "days"] => {
                let days = days_of(&format!("{days}d"))
                    .ok_or(bad("after + and - stand 1 to 100 days, such as 1d"))?;
                (base, if *sign == "+" { days } else { -days })
            }
            base => (base, 0),
        };
        let base = base(words).map_err(bad)?;
        Ok(Self { text: text.split_whitespace().collect::<Vec<_>>().join(" "), base, moved })
    }
}

fn days_of(text: &str) -> Option<i32> {
    let digits = ["days", "day", "d"].iter().find_map(|unit| text.strip_suffix(unit))?;
    let is_plain = (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    is_plain.then(|| digits.parse().ok()).flatten().filter(|days| (1..=FARTHEST).contains(days))
}

fn base(words: &[&str]) -> Result<Base, &'static str> {
    match words {
        ["easter"] | ["easter", "sunday"] => Ok(Base::Easter),
        [number, day, "of" | "in", month] => {
            let number = ordinal(number).ok_or("which one is 1st, 2nd, 3rd, 4th, 5th or last")?;
            let weekday = named(day, &WEEKDAYS.map(|(name, _)| name)).ok_or("there is no such weekday")?;
            let month = named(month, &MONTHS).ok_or("there is no such month")?;
            Ok(Base::Weekday(number, WEEKDAYS[weekday].1, month_number(month)))
        }
        [day, month] | [day, "of", month] => {
            let month = named(month, &MONTHS).ok_or("there is no such month")?;
            let digits = day.trim_end_matches('.');
            let is_plain = (1..=2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            let day: i8 = is_plain.then(|| digits.parse().ok()).flatten().ok_or("a day is a number")?;
            // 2024 was a leap year: 29 February is a day of some years.
            Date::new(2024, month_number(month), day).map_err(|_| "no year has this day")?;
            Ok(Base::Fixed(day, month_number(month)))
        }
        _ => Err("it says neither a day of a month nor Easter"),
    }
}

fn ordinal(word: &str) -> Option<i8> {
    Some(match word {
        "1st" | "first" => 1,
        "2nd" | "second" => 2,
        "3rd" | "third" => 3,
        "4th" | "fourth" => 4,
        "5th" | "fifth" => 5,
        "last" => -1,
        _ => return None,
    })
}

/// Names count from three letters on.
fn named(word: &str, names: &[&str]) -> Option<usize> {
    let word = word.trim_end_matches('.');
    names.iter().position(|name| word.len() >= 3 && name.starts_with(word))
}

fn month_number(index: usize) -> i8 {
    i8::try_from(index + 1).expect("a dozen months")
}

impl RelativeDay {
    /// The day that hangs on this year's base: it may lie in the year before or after. None in years without the base,
    /// such as one without a fifth Monday of May.
    #[must_use]
    pub fn in_year(&self, year: i16) -> Option<Date> {
        let base = match self.base {
            Base::Fixed(day, month) => Date::new(year, month, day).ok()?,
            Base::Weekday(number, weekday, month) => {
                Date::new(year, month, 1).ok()?.nth_weekday_of_month(number, weekday).ok()?
            }
            Base::Easter => easter(year)?,
        };
        base.checked_add(self.moved.days()).ok()
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Easter Sunday of the western churches: the first Sunday after the ecclesiastical full moon of spring (Meeus,
/// Astronomical Algorithms, chapter 8: the letters are the book's).
fn easter(year: i16) -> Option<Date> {
    let year = i32::from(year);
    let a = year % 19;
    let (b, c) = (year / 100, year % 100);
    let (d, e) = (b / 4, b % 4);
    let f = (b + 8) / 25;
    let g = (b - f + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    let (month, day) = (n / 31, n % 31 + 1);
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

impl PartialEq for RelativeDay {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for RelativeDay {}

impl fmt::Debug for RelativeDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RelativeDay({})", self.text)
    }
}

impl fmt::Display for RelativeDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for RelativeDay {
    type Error = BadDay;
    fn try_from(text: String) -> Result<Self, BadDay> {
        text.parse()
    }
}

impl From<RelativeDay> for String {
    fn from(day: RelativeDay) -> String {
        day.text
    }
}
