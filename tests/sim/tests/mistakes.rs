//! Mistakes planted in the models and wrappers: each must be found. Not here: seeds without mistakes, or mistakes
//! planted in the product (`planted`).

use shipgate_sim::Mistake;
use shipgate_sim::planted::search;

/// Within so many seeds a mistake must be found.
const SEEDS: u64 = 10_000;

fn is_found(mistake: Mistake) {
    let found = search(Some(mistake), SEEDS, 1);
    let found = found.unwrap_or_else(|| panic!("{mistake:?} was not found within {SEEDS} seeds"));
    println!("{mistake:?}: seed {}: {}", found.seed, found.violation);
    assert!(found.is_by(mistake.breaks()), "found as “{}”", found.violation);
}

macro_rules! mistakes {
    ($($test:ident: $mistake:ident),+ $(,)?) => {
        $(#[test]
        fn $test() {
            is_found(Mistake::$mistake);
        })+

        #[test]
        fn every_mistake_has_its_test() {
            assert_eq!(Mistake::ALL, [$(Mistake::$mistake),+]);
        }
    };
}

mistakes! {
    a_store_that_forgets_to_check_scopes_is_found: ScopeNotExpected,
    a_store_that_loses_a_commit_is_found: CommitLost,
    a_store_that_drops_audit_entries_is_found: AuditDropped,
    an_acknowledgement_before_the_write_is_found: AckBeforeStored,
    a_store_that_hides_freezes_is_found: FreezesHidden,
    a_clock_that_is_late_is_found: ClockWrong,
    a_start_that_is_sent_twice_is_found: SentTwice,
    another_commit_than_was_approved_is_found: OtherCommitSent,
    a_failure_read_as_success_is_found: FailureReadAsSuccess,
    a_tag_that_is_believed_for_ever_is_found: TagRemembered,
    checks_that_are_always_green_are_found: ChecksAlwaysGreen,
    a_chat_that_ignores_keys_is_found: KeyIgnored,
    groups_that_are_believed_for_ever_are_found: GroupRemembered,
    bots_that_look_like_people_are_found: BotsLookLikePeople,
    buttons_of_other_channels_are_found: ButtonsLookAtHome,
}
