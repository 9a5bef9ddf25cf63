//! The conformance suite of [`Store`]: a function per promise, each on an empty store.
//!
//! ```text
//! async fn make(name: &'static str) -> Option<impl Store> { .. }   // None: skipped, and `make` has said so
//! wib_core::store_suite!(make);                                    // one named test per case
//! ```

use std::{collections::BTreeSet, fmt::Debug, time::Duration};

use futures_util::future::join_all;
use serde_json::json;

use crate::{
    ai::{AiBudget, AiMonth, AiRun, AiRunStatus},
    analysis::{Analysis, Insight, Sentiment},
    audit::{AuditEvent, Noted},
    auth::{Session, User, UserId},
    billing::{
        BillingAccount, BillingNote, BillingNoteKind, DunningAction, DunningLevel, DunningStep, InvoiceState,
        KnownInvoice, KnownSubscription, SubscriptionState,
    },
    caller_ids::{AgentLine, CallerId, CallerIdStatus, InboundRoute, NumberPurpose, OwnNumber, RouteTarget},
    calls::{Call, CallEvent, CallFacts, CallId, CallLeg, CallStatus, FlowType, LegRole},
    circumstances::Circumstance,
    collections::{Account, AccountId, LocationSource, Person, PersonId, PersonLocation, PersonPhone, Suppression},
    compliance::{
        CircumstanceKind, CollectorRole, ConsentScope, Day, DutyKind, Holder, KeptPack, Line, ListKind, Medium,
        NoticeKind, Place, Purpose, StoredVerdict, Technology, Wish,
    },
    consent::{Consent, ConsentEvent, Preference, Source},
    contacts::{Contact, ContactKind, ContactSource},
    disclosures::{Disclosure, SpokenBy},
    engine::{InboxEvent, JobRun, Message, MessageStatus, NewMessage, Owner, QueueDepth, RunOutcome, Topic},
    evidence::{Checkpoint, EntryKind, EvidenceEntry, EvidenceNode, LinkFormat, Stamp, StampKind},
    imports::AccountStatus,
    kit::{Currency, Id, Kind, OsRandom, Page, PageRequest, Phone, Result, Role, Stretch, time::Timestamp},
    licences::Licence,
    likelihood::{CollectionSettings, Factor, Factors, History, LikelihoodScore},
    lists::ListCheck,
    notices::{Dispute, DisputeKind, Notice, NoticeMethod, NoticeStatus},
    orgs::{Member, Organization, OrganizationId, Plan},
    payments::{
        AuthorizationForm, CollectionPayment, Frequency, PayBy, PaymentAuthorization, PaymentPlan, PlanId, PlanStatus,
        ScheduledPayment, ScheduledStatus,
    },
    ports::{
        transcriber::Utterance,
        voice::{AnsweredBy, Direction, HangupCause, Leg},
        webhook::{Event, EventBody},
    },
    privacy::{Counted, Erasure, ErasureReason, ErasureReport, ErasureStatus, KeptItem, TOMBSTONE},
    recordings::{Recording, RecordingId, RecordingStatus},
    retention::{HoldStatus, LegalHold, MarkStatus, RetentionMark, RetentionPolicy, SubjectKind},
    secrets::TenantSecret,
    store::{ConsentFilter, Edit, Known, KnownKind, NoticeFilter, OrgTx, People, Record, Repo, ScheduledFilter, Store},
    tasks::{Task, TaskKind, TaskStatus},
    transcripts::{Transcript, TranscriptId, TranscriptJob, TranscriptStatus, Utterances},
    translation::{Language, Translation},
    usage::{DaySum, Usage, UsageKind, UsageStats},
    violations::{Violation, ViolationCode, ViolationKind, ViolationStatus},
};

/// Makes one test per case. `make` is an `async fn(&'static str) -> Option<impl Store>`: an empty store for the case of
/// that name, or `None` to skip it.
#[macro_export]
macro_rules! store_suite {
    ($make:path) => {
        $crate::store_suite! { @cases $make:
            the_store_answers
            every_record_comes_back_as_it_went
            every_text_of_an_enum_can_be_kept
            a_changed_row_is_kept_and_an_unknown_one_is_not_found
            what_was_kept_of_a_recording_stays
            another_tenants_rows_are_absent
            every_question_sees_one_tenant_only
            unique_rules_answer_with_a_conflict
            a_transaction_that_was_refused_something_keeps_nothing
            a_transaction_that_is_dropped_keeps_nothing
            text_that_one_database_cannot_hold_is_refused_by_all
            pages_of_calls_join_to_the_whole
            pages_of_recordings_and_of_the_audit_log_join_to_the_whole
            a_page_by_cursor_is_stable_while_rows_arrive
            open_debts_are_found_by_number
            numbers_places_and_suppressions_answer
            a_timeline_line_and_a_usage_are_noted_once
            the_ledger_is_corrected_not_doubled
            legs_lead_to_their_call_by_leg_then_control_then_session
            a_transcript_leads_to_its_job
            versions_jobs_and_analyses_of_a_call_are_listed
            the_chain_is_read_in_order
            links_have_kinds_and_versions
            checkpoints_are_read_in_order_and_in_pages
            nodes_of_the_tree_are_found_by_place_and_along_the_edge
            two_writers_never_fork_the_chain
            a_checkpoint_is_stamped_once_and_the_newest_without_a_stamp_is_found
            a_locked_call_or_person_waits_for_the_first_writer
            a_refused_audit_line_is_queued_and_spoils_nothing
            audit_lines_come_under_a_seal_once
            what_may_be_deleted_is_found_until_it_is_marked
            content_is_taken_away_and_its_hash_stays
            a_person_is_forgotten_but_for_ids
            members_and_users_answer
            sessions_end
            a_token_is_used_once
            a_pack_of_rules_is_kept_once
            the_inbox_receives_once
            a_key_is_queued_once_per_organisation
            no_two_workers_lease_the_same_message
            an_ended_lease_returns_and_its_holder_loses_it
            a_start_is_marked_only_on_a_lease_that_holds
            a_retry_waits_and_counts_as_it_is_told
            dead_letters_are_replayed
            a_message_is_shown_and_a_dead_letter_dropped
            a_lease_that_was_not_begun_goes_back
            the_oldest_due_message_of_each_topic_is_told
            no_step_is_missing
            depths_and_the_next_due_time_are_told
            purging_spares_what_is_not_done
            a_job_has_one_holder
            every_record_of_the_law_comes_back_as_it_went
            every_text_of_the_laws_enums_can_be_kept
            a_debt_has_one_live_validation_notice
            a_list_is_brought_up_to_date_and_never_back
            the_gate_reads_a_span_of_persons_of_one_tenant
            history_is_taken_once
            violations_come_back_change_and_are_locked
            stretches_of_every_list_join_to_the_whole_of_one_tenant
            lists_are_filtered
            runs_of_a_job_are_completed_and_the_last_is_told
            runs_are_read_back_broken_and_purged
            a_lease_of_a_clock_that_went_ahead_holds_nobody_up
            dead_letters_of_a_topic_are_removed
            failed_transcripts_that_nothing_works_on_are_found
            calls_of_a_day_are_added_up
            every_record_of_money_comes_back_as_it_went
            every_text_of_moneys_enums_can_be_kept
            money_is_one_tenants
            unique_rules_of_money_answer_with_a_conflict
            payments_are_due_oldest_first_and_doubtful_when_asked_long_ago
            plans_payments_and_tasks_are_listed_and_locked
            what_happened_with_accounts_is_read
            accounts_at_risk_are_found_once
            a_days_usage_is_kept_once
            customers_lead_to_their_organisation_and_its_plan
            overdue_invoices_are_dunned_when_it_is_time
            organisations_are_scored_in_turn
            numbers_caller_ids_and_lines_come_back_and_change
            the_pool_gives_what_was_shown_longest_ago
            a_number_of_the_pool_is_given_to_one_at_a_time
            a_call_that_comes_in_leads_to_its_organisation
            translations_are_kept_once_per_version
            budgets_and_prompts_come_back_and_change
            reservations_of_a_month_add_up_and_are_settled
            prompts_that_nobody_told_the_end_of_are_found
            secrets_come_back_change_and_go
            what_is_told_is_read_in_order_by_its_organisation
            no_place_is_seen_before_those_before_it
            what_waits_outside_is_taken_once_or_comes_back
            lines_heard_live_come_back_in_order_and_are_forgotten
            a_stream_is_opened_once
            a_translation_is_spoken_once
            sounds_are_kept_by_their_key_and_go_by_their_use
            moods_and_advice_come_back_and_are_forgotten_with_their_lines
            moods_and_advice_go_with_their_person
            wishes_scripts_and_turns_come_back_and_change
            calls_that_were_judged_are_listed
            a_task_that_is_left_to_do_is_found
            conversations_of_a_machine_come_back_change_and_are_forgotten
            a_key_is_claimed_once_and_keeps_its_answer
            one_message_is_leased_by_its_key_when_it_is_due
            what_is_said_of_calls_comes_back_and_changes
            what_is_said_of_calls_goes_with_their_person
            how_calls_begin_and_whom_they_go_to_comes_back
            audio_that_is_brought_comes_back_with_what_was_heard
            every_record_of_the_service_comes_back_and_changes
            methods_mails_and_customers_lead_to_their_tenant
            what_is_used_of_a_month_is_counted_and_told_once
            summaries_by_order_go_with_the_words
            invoices_are_listed_by_their_date
            subscriptions_come_back_change_and_go_with_what_they_were_told
            deliveries_and_failures_are_listed
            old_deliveries_and_failures_are_purged
            the_tables_are_those_that_the_migrations_make
            enquiries_are_kept_for_a_while
            flags_of_an_organisation_come_back_change_and_go
            ways_to_sign_in_come_back_and_change
            flags_for_everybody_and_platform_administrators_come_and_go
            the_whole_is_added_up
            teams_keys_and_invitations_come_back_and_are_one_tenants
            sessions_are_replaced_once_and_resets_used_once
        }
    };
    (@cases $make:path: $($case:ident)+) => {
        $(#[tokio::test]
        async fn $case() {
            if let Some(store) = $make(stringify!($case)).await {
                $crate::testing::store_suite::$case(&store).await;
            }
        })+
    };
}

mod flags;
mod idempotency;
mod keep;
mod law;
mod listening;
mod lists;
mod live;
mod members;
mod minds;
mod money;
mod numbers;
mod operating;
mod platform;
mod questions;
mod rows;
mod samples;
mod secrets;
mod service;
mod speaking;
mod spending;
mod subscriptions;
mod talking;
mod voice;

pub use flags::*;
pub use idempotency::*;
pub use keep::*;
pub use law::*;
pub use listening::*;
pub use lists::*;
pub use live::*;
pub use members::*;
pub use minds::*;
pub use money::*;
pub use numbers::*;
pub use operating::*;
pub use platform::*;
pub use questions::*;
pub use rows::*;
use samples::*;
pub use secrets::*;
pub use service::*;
pub use speaking::*;
pub use spending::*;
pub use subscriptions::*;
pub use talking::*;
pub use voice::*;
