//! Counting, and looking at JSON before it is parsed.

use super::*;
use shipgate_domain::ids::Platform;

fn account(id: &str) -> Account {
    Account { platform: Platform::Slack, id: id.to_owned() }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
}

fn taken(limiter: &Limiter, id: &str, ms: impl Iterator<Item = i64>) -> usize {
    ms.filter(|ms| limiter.take(&account(id), at(*ms)).is_ok()).count()
}

#[test]
fn one_person_has_five_at_once_and_five_more_a_second_later() {
    let limiter = Limiter::new(Rates::default());
    assert_eq!(taken(&limiter, "U1", std::iter::repeat_n(0, 20)), 5);
    assert_eq!(taken(&limiter, "U1", std::iter::repeat_n(1000, 20)), 5);
    assert_eq!(taken(&limiter, "U2", std::iter::repeat_n(1000, 20)), 5, "another person has their own");
}

#[test]
fn one_person_has_no_more_than_twice_sixty_in_any_minute_and_sixty_in_the_long_run() {
    let limiter = Limiter::new(Rates::default());
    let ten_minutes = (0..600_000).step_by(50);
    let all = taken(&limiter, "U1", ten_minutes);
    assert!((600..=661).contains(&all), "{all}");
}

#[test]
fn everybody_together_is_limited_too() {
    let limiter = Limiter::new(Rates { all_each_second: 7, ..Rates::default() });
    let all: usize = (0..10).map(|n| taken(&limiter, &format!("U{n}"), std::iter::once(0))).sum();
    assert_eq!(all, 7);
    let refused = limiter.take(&account("U99"), at(0)).unwrap_err();
    assert!(!refused.is_person && refused.sentence().contains("everybody"), "{refused:?}");
}

#[test]
fn the_wait_that_is_named_is_enough_and_only_the_first_refusal_is_worth_a_message() {
    let limiter = Limiter::new(Rates::default());
    taken(&limiter, "U1", std::iter::repeat_n(0, 5));
    let first = limiter.take(&account("U1"), at(0)).unwrap_err();
    let second = limiter.take(&account("U1"), at(1)).unwrap_err();
    assert!(first.is_first && !second.is_first && first.is_person);
    assert!(first.sentence().contains("Try again in a second"), "{}", first.sentence());
    let later = at(i64::try_from(first.wait.as_millis()).unwrap());
    assert_eq!(limiter.take(&account("U1"), later), Ok(()));
    assert!(limiter.take(&account("U1"), later).unwrap_err().is_first);
}

#[test]
fn whoever_is_silent_is_forgotten() {
    let limiter = Limiter::new(Rates { all_each_second: 100_000, ..Rates::default() });
    for n in 0..REMEMBERED {
        limiter.take(&account(&n.to_string()), at(0)).unwrap();
    }
    limiter.take(&account("one more"), at(61_000)).unwrap();
    assert_eq!(limiter.counted.lock().unwrap().people.len(), 1);
}

#[test]
fn a_clock_that_steps_back_gives_nothing_and_breaks_nothing() {
    let limiter = Limiter::new(Rates::default());
    taken(&limiter, "U1", std::iter::repeat_n(10_000, 5));
    assert!(limiter.take(&account("U1"), at(0)).is_err());
}

#[test]
fn deep_and_wide_json_is_seen_before_it_is_parsed() {
    let nested = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
    assert!(json_fits(nested(DEEPEST).as_bytes()));
    assert!(!json_fits(nested(DEEPEST + 1).as_bytes()));
    assert!(!json_fits(nested(10_000).as_bytes()));
    let wide = |n: usize| format!("[{}1]", "1,".repeat(n));
    assert!(json_fits(wide(9_998).as_bytes()));
    assert!(!json_fits(wide(10_000).as_bytes()));
    let words = format!("{:?}", "[{,".repeat(20_000));
    assert!(json_fits(words.as_bytes()), "brackets in words are words");
    assert!(json_fits(br#"{"a":"\\","b":"\"[["}"#));
}

#[test]
fn nought_is_no_limit() {
    let limiter = Limiter::new(Rates { person_each_second: 0, person_each_minute: 0, all_each_second: 0 });
    assert_eq!(taken(&limiter, "U1", std::iter::repeat_n(0, 100_000)), 100_000);
}
