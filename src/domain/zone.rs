//! Time zones by their IANA names, with the rules that are built into the program. Not here: windows and freezes.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::LazyLock;

/// The bundled rules: the same answer on every machine. The system's database may be years old.
static RULES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// An IANA time zone, `Europe/Berlin`. Equal by name; cheap to clone.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(TimeZone);

/// A word that is no time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no time zone “{got}”; {}", self.advice())]
pub struct UnknownZone {
    /// The word as it came, cut to 80 characters.
    pub got: String,
    /// The zone whose name is nearest, if one is near.
    pub nearest: Option<String>,
}

impl UnknownZone {
    fn advice(&self) -> String {
        match &self.nearest {
            // POSIX counts to the west: in these names the sign is the other way round.
            Some(name) if offset(&self.got).is_some() => format!(
                "the clocks of “{}” are those of “{name}”, whose sign is the other way round, and they never change; \
                 better write the name of a place, such as “Europe/Berlin”",
                self.got
            ),
            Some(name) => format!("write “{name}”, if that is meant"),
            None => "write an IANA name such as “Europe/Berlin” or “America/New_York”".to_owned(),
        }
    }
}

impl Zone {
    /// The zone of this name, in any case of letters.
    ///
    /// # Errors
    /// The name is not in the IANA database. Abbreviations (`PST`) and offsets (`+02:00`) are not zones: they do not
    /// say when clocks change. Nothing falls back to UTC.
    pub fn named(name: &str) -> Result<Self, UnknownZone> {
        let is_placeholder =
            ["etc/unknown", "factory", "local", "posixrules"].contains(&name.to_lowercase().as_str());
        match RULES.get(name) {
            Ok(rules) if !is_placeholder && rules.iana_name().is_some() => Ok(Self(rules)),
            _ => Err(UnknownZone {
                got: name.chars().filter(|c| !c.is_control()).take(80).collect(),
                nearest: offset(name).unwrap_or_else(|| nearest(name)),
            }),
        }
    }

    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().expect("only zones with a name are let in")
    }

    /// The rules.
    #[must_use]
    pub fn tz(&self) -> &TimeZone {
        &self.0
    }

    /// What calendar and clock show here at an instant.
    #[must_use]
    pub fn civil(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.0.clone())
    }

    /// The first instant after this one at which the calendar here shows another day.
    #[must_use]
    pub fn next_day(&self, at: Timestamp) -> Timestamp {
        let civil = self.civil(at);
        let next = civil.tomorrow().and_then(|day| day.start_of_day());
        next.map_or(Timestamp::MAX, |day| day.timestamp())
    }

    /// An instant for people: `Mon 23 Nov 2026, 00:00 Europe/Berlin`. In the hour that a clock change doubles, the
    /// abbreviation of the offset tells which one is meant: `Sun 25 Oct 2026, 02:30 CET Europe/Berlin`.
    #[must_use]
    pub fn say(&self, at: Timestamp) -> String {
        format!("{} {}", self.written(at, "%a %-d %b %Y, %H:%M"), self.name())
    }

    /// The same without zone, and without the year where it is that of `now`: `Mon 23 Nov, 00:00`,
    /// `Sun 3 Jan 2027, 00:00`.
    #[must_use]
    pub fn say_near(&self, at: Timestamp, now: Timestamp) -> String {
        if self.civil(at).year() == self.civil(now).year() {
            self.say_short(at)
        } else {
            self.written(at, "%a %-d %b %Y, %H:%M")
        }
    }

    /// The same without year and zone: `Mon 23 Nov, 00:00`. Only for times of this year: see [`Self::say_near`].
    #[must_use]
    pub fn say_short(&self, at: Timestamp) -> String {
        self.written(at, "%a %-d %b, %H:%M")
    }

    fn written(&self, at: Timestamp, format: &str) -> String {
        let civil = self.civil(at);
        if self.0.to_ambiguous_timestamp(civil.datetime()).is_ambiguous() {
            civil.strftime(&format!("{format} %Z")).to_string()
        } else {
            civil.strftime(format).to_string()
        }
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name())
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Zone {
    type Err = UnknownZone;
    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        Self::named(name)
    }
}

impl TryFrom<String> for Zone {
    type Error = UnknownZone;
    fn try_from(name: String) -> Result<Self, UnknownZone> {
        Self::named(&name)
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> String {
        zone.name().to_owned()
    }
}

/// The zone of `GMT+2`, `UTC-5` or `utc +02:00`, as people mean it: whole hours ahead of UTC. Its name has the other sign.
/// None inside: no zone is so far ahead, and no other name is meant. None: this is no such word.
fn offset(word: &str) -> Option<Option<String>> {
    let lower: String = word.trim().to_lowercase().chars().filter(|c| *c != ' ').collect();
    let rest = lower.strip_prefix("gmt").or_else(|| lower.strip_prefix("utc"))?;
    let (sign, hours) = match rest.strip_prefix('+') {
        Some(hours) => ('-', hours),
        None => ('+', rest.strip_prefix(['-', '−'])?),
    };
    let hours: u8 = hours.strip_suffix(":00").unwrap_or(hours).parse().ok()?;
    let name = format!("Etc/GMT{sign}{hours}");
    Some((hours > 0 && RULES.get(&name).is_ok()).then_some(name))
}

/// The zone whose whole name, or whose place alone (`Berlin`), is at most a third of its letters away.
fn nearest(word: &str) -> Option<String> {
    let word: String = word.trim().to_lowercase().replace(' ', "_").chars().take(40).collect();
    let offers = RULES.available().map(|name| {
        let lower = name.as_str().to_lowercase();
        let place = lower.rsplit('/').next().unwrap_or(&lower);
        let away = distance(&word, &lower).min(distance(&word, place));
        // Among equals, the real zones with a continent come before old aliases such as `Turkey`.
        (away, !lower.contains('/'), name.as_str().to_owned())
    });
    let (away, _, name) = offers.min()?;
    (away * 3 <= word.chars().count()).then_some(name)
}

/// How many letters have to be added, dropped or changed to get from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_zone_is_refused_with_the_nearest_name() {
        for (typed, nearest) in [
            ("Europe/Berln", Some("Europe/Berlin")),
            ("berlin", Some("Europe/Berlin")),
            ("America/New York", Some("America/New_York")),
            ("Amercia/Los_Angeles", Some("America/Los_Angeles")),
            ("", None),
            ("+02:00", None),
            ("the moon", None),
            ("GMT+2", Some("Etc/GMT-2")),
            ("UTC-5", Some("Etc/GMT+5")),
            ("utc +02:00", Some("Etc/GMT-2")),
            ("GMT+99", None),
        ] {
            let refused = Zone::named(typed).expect_err(typed);
            assert_eq!(refused.nearest.as_deref(), nearest, "{typed}");
        }
        assert_eq!(
            Zone::named("Europe/Berln").expect_err("a typo").to_string(),
            "there is no time zone “Europe/Berln”; write “Europe/Berlin”, if that is meant"
        );
        let east = Zone::named("GMT+2").expect_err("an offset").to_string();
        assert!(east.contains("“Etc/GMT-2”, whose sign is the other way round"), "{east}");
        let now = "2026-06-01T12:00Z".parse().expect("an instant");
        assert_eq!(Zone::named("Etc/GMT-2").expect("a zone").civil(now).hour(), 14, "two hours ahead of UTC");
        assert!(Zone::named("Etc/Unknown").is_err());
    }

    #[test]
    fn a_zone_is_stored_as_its_name() {
        let zone = Zone::named("europe/berlin").expect("known");
        assert_eq!(zone.name(), "Europe/Berlin");
        let stored = serde_json::to_string(&zone).expect("a string");
        assert_eq!(stored, r#""Europe/Berlin""#);
        assert_eq!(serde_json::from_str::<Zone>(&stored).expect("stored before"), zone);
        assert!(serde_json::from_str::<Zone>(r#""Europe/Atlantis""#).is_err());
        assert_eq!(Zone::utc().name(), "UTC");
        assert_eq!(Zone::named("UTC").expect("known"), Zone::utc());
    }

    #[test]
    fn an_instant_is_said_as_people_read_it() {
        let zone = Zone::named("Europe/Berlin").expect("known");
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        assert_eq!(zone.say(at("2026-11-22T23:00Z")), "Mon 23 Nov 2026, 00:00 Europe/Berlin");
        assert_eq!(zone.say_short(at("2026-11-02T23:00Z")), "Tue 3 Nov, 00:00");
        let now = at("2026-12-31T22:59Z");
        assert_eq!(zone.say_near(at("2026-11-02T23:00Z"), now), "Tue 3 Nov, 00:00");
        assert_eq!(zone.say_near(at("2026-12-31T23:00Z"), now), "Fri 1 Jan 2027, 00:00");
        assert_eq!(zone.say_near(at("2026-12-31T22:59Z"), at("2026-12-31T23:00Z")), "Thu 31 Dec 2026, 23:59");
        assert_eq!(zone.say(at("2026-10-25T00:30Z")), "Sun 25 Oct 2026, 02:30 CEST Europe/Berlin");
        assert_eq!(zone.say(at("2026-10-25T01:30Z")), "Sun 25 Oct 2026, 02:30 CET Europe/Berlin");
    }

    #[test]
    fn the_next_day_begins_when_the_calendar_shows_it() {
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        for (zone, now, next) in [
            ("Europe/Berlin", "2026-11-22T22:59:59Z", "2026-11-22T23:00Z"),
            ("Europe/Berlin", "2026-11-22T23:00Z", "2026-11-23T23:00Z"),
            // 25 hours, 23 hours, a day without a midnight, and one that was left out.
            ("Europe/Berlin", "2026-10-24T22:00Z", "2026-10-25T23:00Z"),
            ("Europe/Berlin", "2026-03-28T23:00Z", "2026-03-29T22:00Z"),
            ("Africa/Cairo", "2026-04-23T12:00Z", "2026-04-23T22:00Z"),
            ("Pacific/Apia", "2011-12-30T09:00Z", "2011-12-30T10:00Z"),
        ] {
            let zone = Zone::named(zone).expect("known");
            assert_eq!(zone.next_day(at(now)), at(next), "{zone} {now}");
        }
    }

    #[test]
    fn the_rules_know_that_vancouver_keeps_summer_time_from_2026() {
        // tzdb 2026b; older databases fall back on 1 November 2026 and would be an hour off.
        let zone = Zone::named("America/Vancouver").expect("known");
        let winter = "2026-12-01T12:00Z".parse::<Timestamp>().expect("an instant");
        assert_eq!(zone.civil(winter).hour(), 5);
    }
}
