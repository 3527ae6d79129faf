//! What a store does, whatever database it is on. Not here: what only SQLite does (`tests/sqlite.rs`).
//!
//! Each case is a function over `&dyn Store`. `on_every_store!` runs all of them on each database; another one joins
//! by a module of its own that opens an empty store.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod audit;
mod deploys;
mod effects;
mod inbox;
mod kept;
mod places;
mod races;
mod replicas;
mod samples;
mod snapshot;

/// Runs each listed case on every store.
macro_rules! on_every_store {
    ($($group:ident: $($case:ident),+;)+) => {
        mod sqlite_in_memory {
            $($(
                #[tokio::test]
                async fn $case() {
                    let store = shipgate_store::SqliteStore::in_memory().unwrap();
                    super::samples::enter(&store).await;
                    super::$group::$case(&store).await;
                }
            )+)+
        }
        mod sqlite_file {
            $($(
                #[tokio::test]
                async fn $case() {
                    let folder = tempfile::tempdir().unwrap();
                    let path = folder.path().join("shipgate.db");
                    let store = shipgate_store::SqliteStore::open(&path, super::samples::at(0)).unwrap();
                    super::samples::enter(&store).await;
                    super::$group::$case(&store).await;
                }
            )+)+
        }
        mod postgres {
            $($(
                #[tokio::test]
                async fn $case() {
                    let database = shipgate_cluster::Cluster::shared().database();
                    let store = super::postgres_at(&database.url()).await;
                    super::samples::enter(&store).await;
                    super::$group::$case(&store).await;
                }
            )+)+
        }
        mod postgres_behind_a_pooler {
            $($(
                #[tokio::test]
                async fn $case() {
                    let cluster = shipgate_cluster::Cluster::shared();
                    let database = cluster.database();
                    let store = super::postgres_at(&database.url_at(cluster.bouncer().port())).await;
                    super::samples::enter(&store).await;
                    super::$group::$case(&store).await;
                }
            )+)+
        }
    };
}

async fn postgres_at(url: &str) -> shipgate_store::PostgresStore {
    use shipgate_store::postgres::{Address, Opening};
    let address = Address::read(url, None).unwrap();
    shipgate_store::PostgresStore::open(address, Opening::Work, samples::at(0)).await.unwrap()
}

on_every_store! {
    audit:
        entries_form_a_chain_that_verifies,
        a_deploy_has_its_own_part_of_the_log,
        a_refused_write_leaves_no_entry;
    deploys:
        a_deploy_reads_back_as_it_was_written,
        a_second_deploy_with_the_same_id_is_a_conflict,
        a_write_on_an_old_revision_is_a_conflict,
        a_deploy_that_was_never_stored_cannot_be_replaced,
        two_active_deploys_of_one_lock_group_are_a_conflict,
        lock_groups_do_not_disturb_each_other,
        one_write_may_hand_the_place_over,
        lists_are_newest_first_and_filtered,
        what_ran_is_listed_by_its_end,
        a_run_leads_to_the_deploy_that_is_not_over;
    effects:
        once_is_once_for_ever,
        asking_again_while_it_waits_brings_it_forward,
        asking_again_while_it_is_held_runs_it_again,
        asking_again_after_it_died_starts_anew,
        what_waits_is_enough_where_none_was_asked_for,
        nothing_is_leased_before_it_is_due,
        what_is_due_longest_comes_first,
        a_lane_gives_only_its_own_effects,
        a_lease_keeps_others_out_until_it_ends,
        an_old_token_changes_nothing,
        a_lost_lease_stops_a_whole_write,
        a_retry_keeps_the_count_and_again_forgets_it,
        waking_brings_forward_and_never_back,
        any_order_of_calls_matches_a_simple_model;
    inbox:
        a_delivery_counts_once,
        an_item_is_given_up_after_three_tries_and_one_to_say_so,
        one_account_is_worked_on_in_order_one_at_a_time,
        what_a_worker_holds_comes_to_it_again,
        an_item_that_was_given_up_holds_nobody_up,
        a_beginning_that_is_taken_back_does_not_count,
        what_is_given_back_is_anybodys_as_if_it_had_not_been_begun,
        one_with_hundreds_of_commands_keeps_nobody_waiting,
        done_items_leave_only_their_key,
        finishing_an_item_twice_is_a_conflict;
    kept:
        every_row_is_stored_as_the_record_says,
        what_is_written_without_a_word_is_found,
        nothing_is_amiss_with_a_new_database;
    places:
        scopes_count_from_nought,
        a_changed_scope_is_a_conflict_and_nothing_is_written,
        a_lock_replaces_a_lock_and_can_be_lifted,
        a_quarantine_stands_beside_a_lock_and_ends_alone,
        each_unknown_outcome_closes_an_environment_off_until_its_own_end,
        a_quarantine_after_a_restore_gives_way_to_no_other,
        an_ended_freeze_is_listed_only_on_request,
        cards_count_their_revisions,
        a_note_keeps_its_last_value,
        a_note_that_is_there_is_a_conflict_for_who_expects_none,
        a_note_that_changed_is_a_conflict_and_nothing_is_written;
    races:
        no_effect_is_leased_twice,
        of_those_who_saw_the_same_one_decides,
        of_those_who_want_a_place_one_gets_it,
        of_a_start_and_what_takes_its_place_one_is_written,
        of_those_who_expect_no_note_one_writes_it,
        the_audit_chain_has_no_gap_and_no_fork,
        those_who_meet_crosswise_all_get_through,
        accounts_keep_their_order_whoever_works;
    replicas:
        every_entry_has_a_higher_epoch,
        who_left_writes_no_more,
        who_left_takes_no_more_work,
        who_stands_aside_gives_back_what_it_no_longer_works_on,
        what_was_judged_by_older_rules_is_not_written_once_newer_ones_are_there,
        what_a_replica_held_is_free_once_it_left,
        a_silent_replica_is_buried_and_its_work_taken_over,
        a_living_replica_keeps_what_it_holds,
        an_item_is_finished_only_by_who_holds_it,
        two_replicas_never_hold_the_same,
        the_newest_rules_that_live_are_followed;
    snapshot:
        surroundings_show_who_is_active_and_who_waits,
        surroundings_know_how_a_commit_fared,
        the_last_successes_tell_how_long_they_took,
        an_action_never_says_what_runs_where,
        counts_tell_what_waits;
}
