//! Mistakes planted in the models and wrappers: each must be found. Not here: seeds without mistakes.

use shipgate_sim::{Mistake, Options, run};

/// Within so many seeds a mistake must be found.
const SEEDS: u64 = 10_000;

fn is_found(mistake: Mistake, promise: &str) {
    let options = Options { mistake: Some(mistake), ..Options::default() };
    let found = (0..SEEDS).find_map(|seed| Some((seed, run(seed, &options).violation?)));
    let Some((seed, violation)) = found else { panic!("{mistake:?} was not found within {SEEDS} seeds") };
    println!("{mistake:?}: seed {seed}: {violation}");
    assert!(promise.split(' ').any(|promise| violation.starts_with(promise)), "found as “{violation}”");
}

macro_rules! mistakes {
    ($($test:ident: $mistake:ident breaks $promise:literal),+ $(,)?) => {
        $(#[test]
        fn $test() {
            is_found(Mistake::$mistake, $promise);
        })+

        #[test]
        fn every_mistake_has_its_test() {
            assert_eq!(Mistake::ALL, [$(Mistake::$mistake),+]);
        }
    };
}

mistakes! {
    a_store_that_forgets_to_check_scopes_is_found: ScopeNotExpected breaks "S4 S5",
    a_store_that_loses_a_commit_is_found: CommitLost breaks "S L",
    a_store_that_drops_audit_entries_is_found: AuditDropped breaks "S10",
    an_acknowledgement_before_the_write_is_found: AckBeforeStored breaks "S8",
    a_store_that_hides_freezes_is_found: FreezesHidden breaks "S5",
    a_clock_that_is_late_is_found: ClockWrong breaks "S5",
    a_start_that_is_sent_twice_is_found: SentTwice breaks "S3",
    another_commit_than_was_approved_is_found: OtherCommitSent breaks "S2",
    a_failure_read_as_success_is_found: FailureReadAsSuccess breaks "S14",
    a_tag_that_is_believed_for_ever_is_found: TagRemembered breaks "S2",
    checks_that_are_always_green_are_found: ChecksAlwaysGreen breaks "S2",
    a_chat_that_ignores_keys_is_found: KeyIgnored breaks "S9",
    groups_that_are_believed_for_ever_are_found: GroupRemembered breaks "S1",
    bots_that_look_like_people_are_found: BotsLookLikePeople breaks "S11",
    buttons_of_other_channels_are_found: ButtonsLookAtHome breaks "S13",
}
