//! What the core asks of a database: plain reads and writes for every record, and the questions each slice has.
//!
//! A transaction is bound to one organisation ([`OrgTx`]) or to none ([`SystemTx`], a short list for jobs, sign-in and
//! webhook routing). There is no third way to a row. Another tenant's id is absent, never forbidden.

mod flags;
mod idempotency;
mod keep;
mod law;
mod lists;
mod members;
mod minds;
mod money;
mod numbers;
mod operating;
mod secrets;
mod service;
mod speaking;
mod subscriptions;
mod talking;
mod value;
mod voice;
use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
pub use flags::{Desk, Flags};
pub use idempotency::Idempotency;
use jiff::civil::Date;
pub use keep::Keeping;
pub use law::{Gathering, Known, KnownKind, Notices, People, Registers, Wishes};
pub use lists::{ConsentFilter, Lists, NoticeFilter};
pub use members::{Doors, Members};
pub use minds::Minds;
pub use money::{Bills, Payments, ScheduledFilter, Scores, Tasks};
pub use numbers::Numbers;
pub use operating::{Operating, Tables};
pub use secrets::Secrets;
pub use service::{Routing, Service};
pub use speaking::Speaking;
pub use subscriptions::Subscriptions;
pub use talking::Talking;
use uuid::Uuid;
pub use value::{Column, Value, ValueKind};
pub use voice::Workplace;

use crate::{
    ai::{AiBudget, AiMonth, AiRun},
    analysis::Analysis,
    audit::{AuditEvent, Noted},
    auth::{Session, User, UserId},
    calls::{Call, CallEvent, CallId, CallLeg, CallStatus},
    collections::{Account, Person, PersonId, PersonLocation, PersonPhone, Suppression},
    compliance::{CollectorRole, KeptPack, StoredVerdict},
    contacts::Contact,
    engine::{InboxEvent, JobRun, Message, MessageStatus, NewMessage, Owner, QueueDepth, RunOutcome, Topic},
    evidence::{Checkpoint, EntryKind, EvidenceEntry, EvidenceNode, Stamp, StampKind, merkle::Hash},
    kit::{Id, Page, PageRequest, Phone, Result, time::Timestamp},
    live::{LineId, LineTranslation, LiveEvent, LiveGap, LiveKind, LiveLine, MediaStream, StreamId},
    orgs::{Member, Organization, OrganizationId, Plan},
    ports::{Bus, voice::Leg, webhook::Event},
    recordings::{Recording, RecordingId},
    transcripts::{Transcript, TranscriptJob},
    translation::Translation,
    usage::{DaySum, Usage},
};

/// A kind of row of one organisation.
pub trait Record: Sized + Send + Sync + 'static {
    /// Its name in errors.
    const NAME: &'static str;
    /// Its id.
    fn id(&self) -> Id<Self>;
}

/// Adding and reading rows of one kind.
#[async_trait]
pub trait Repo<T: Record>: Send {
    /// The row, when the organisation has it.
    async fn find(&mut self, id: Id<T>) -> Result<Option<T>>;
    /// Adds the row. A row that breaks a unique rule is a `Conflict`.
    async fn insert(&mut self, row: &T) -> Result<()>;
}

/// Changing rows of one kind. Records of evidence have none.
#[async_trait]
pub trait Edit<T: Record>: Repo<T> {
    /// Writes the whole row; `NotFound` when the organisation lacks it.
    async fn update(&mut self, row: &T) -> Result<()>;
}

/// Questions about calls.
#[async_trait]
pub trait Calls: Edit<Call> + Edit<CallLeg> + Repo<CallEvent> {
    /// The row, held against other writers until the end of the transaction.
    async fn lock_call(&mut self, id: CallId) -> Result<Option<Call>>;
    /// A page of calls, newest first; all statuses when none is named.
    async fn page_of_calls(&mut self, statuses: &[CallStatus], request: &PageRequest) -> Result<Page<Call>>;
    /// The legs of a call, oldest first.
    async fn legs(&mut self, call: CallId) -> Result<Vec<CallLeg>>;
    /// The timeline, by time and source.
    async fn timeline(&mut self, call: CallId) -> Result<Vec<CallEvent>>;
    /// Adds a line unless the call has one of that source; whether it was added.
    async fn note_event(&mut self, event: &CallEvent) -> Result<bool>;
}

/// Questions about persons and accounts.
#[async_trait]
pub trait Collections:
    Edit<Person> + Edit<Account> + Edit<PersonPhone> + Repo<PersonLocation> + Repo<Suppression>
{
    /// The row, held until the end of the transaction: whoever counts a person's calls holds the person.
    async fn lock_person(&mut self, id: PersonId) -> Result<Option<Person>>;
    /// Open accounts of persons with that number, oldest first, at most `limit`.
    async fn accounts_by_phone(&mut self, phone: &Phone, limit: i64) -> Result<Vec<Account>>;
    /// The account with the creditor's number.
    async fn account_by_external_id(&mut self, external_id: &str) -> Result<Option<Account>>;
    /// The first account with that debt key.
    async fn account_by_debt_key(&mut self, debt_key: &str) -> Result<Option<Account>>;
    /// Persons with that number, by id, at most `limit`.
    async fn persons_by_phone(&mut self, phone: &Phone, limit: i64) -> Result<Vec<PersonId>>;
    /// Numbers, by person, oldest first.
    async fn phones(&mut self, of: People, limit: i64) -> Result<Vec<PersonPhone>>;
    /// Places, by person, oldest first.
    async fn locations(&mut self, of: People, limit: i64) -> Result<Vec<PersonLocation>>;
    /// The do-not-call entry of a number.
    async fn suppression(&mut self, phone: &Phone) -> Result<Option<Suppression>>;
    /// Takes a number off the list; whether it was on it.
    async fn unsuppress(&mut self, phone: &Phone) -> Result<bool>;
}

/// The verdicts and the ledgers.
#[async_trait]
pub trait Contacts: Repo<StoredVerdict> + Repo<Contact> {
    /// Adds or corrects the row of that call, debt and kind.
    async fn put_contact(&mut self, contact: &Contact) -> Result<()>;
    /// Adds a row that has no call, unless it is known; whether it was added.
    async fn note_contact(&mut self, contact: &Contact) -> Result<bool>;
    /// The ledger rows of a call, by kind.
    async fn contacts_of_call(&mut self, call: CallId) -> Result<Vec<Contact>>;
}

/// Recordings, transcripts and what was made of them.
#[async_trait]
pub trait Recordings:
    Edit<Recording> + Repo<Transcript> + Edit<TranscriptJob> + Repo<Analysis> + Repo<Translation> + Repo<Usage>
{
    /// A page of recordings, newest first; of one call when named.
    async fn page_of_recordings(&mut self, call: Option<CallId>, request: &PageRequest) -> Result<Page<Recording>>;
    /// A call's recordings, by the vendor's id.
    async fn recordings_of_call(&mut self, call: CallId) -> Result<Vec<Recording>>;
    /// A call's transcript versions, by recording and version.
    async fn transcripts_of_call(&mut self, call: CallId) -> Result<Vec<Transcript>>;
    /// The job of a recording.
    async fn transcript_job(&mut self, recording: RecordingId) -> Result<Option<TranscriptJob>>;
    /// A call's transcript jobs, oldest first.
    async fn transcript_jobs_of_call(&mut self, call: CallId) -> Result<Vec<TranscriptJob>>;
    /// A call's analyses, oldest first.
    async fn analyses_of_call(&mut self, call: CallId) -> Result<Vec<Analysis>>;
    /// A call's translations, every version, oldest first.
    async fn translations_of_call(&mut self, call: CallId) -> Result<Vec<Translation>>;
    /// Adds the usage unless the call has one of that source and kind.
    async fn note_usage(&mut self, usage: &Usage) -> Result<()>;
    /// A call's usage, by source and kind.
    async fn usage_of_call(&mut self, call: CallId) -> Result<Vec<Usage>>;
}

/// The chain and its checkpoints.
#[async_trait]
pub trait EvidenceLog: Repo<EvidenceEntry> + Repo<Checkpoint> {
    /// The last link, held until the end of the transaction so that the chain never forks.
    async fn lock_chain_head(&mut self) -> Result<Option<EvidenceEntry>>;
    /// The newest version of that subject.
    async fn newest_entry(&mut self, kind: EntryKind, subject: Uuid) -> Result<Option<EvidenceEntry>>;
    /// Links with a place above `after`, in order, at most `limit`.
    async fn chain_after(&mut self, after: i64, limit: i64) -> Result<Vec<EvidenceEntry>>;
    /// The newest checkpoint of the largest size up to `most`; one with a root goes before one without.
    async fn newest_checkpoint(&mut self, most: i64) -> Result<Option<Checkpoint>>;
    /// Checkpoints of a signer behind a size, time and id, in that order, at most `limit`.
    async fn checkpoints_after(
        &mut self,
        after: (i64, Timestamp, Uuid),
        signer: &str,
        limit: i64,
    ) -> Result<Vec<Checkpoint>>;
    /// A page of checkpoints, newest first.
    async fn page_of_checkpoints(&mut self, request: &PageRequest) -> Result<Page<Checkpoint>>;
    /// Leaves of the tree.
    async fn tree_size(&mut self) -> Result<i64>;
    /// The complete subtrees that the first `size` leaves fall into, as far as they are there.
    async fn tree_edge(&mut self, size: i64) -> Result<Vec<EvidenceNode>>;
    /// The hash of a node, when it is there.
    async fn tree_node(&mut self, level: u32, position: u64) -> Result<Option<Hash>>;
    /// Adds nodes; one that is there is a `Conflict`.
    async fn add_nodes(&mut self, nodes: &[EvidenceNode]) -> Result<()>;
}

/// What outsiders say of checkpoints.
#[async_trait]
pub trait Stamps: Repo<Stamp> {
    /// Adds a stamp unless the checkpoint has one of that kind by that name; whether it was added.
    async fn note_stamp(&mut self, stamp: &Stamp) -> Result<bool>;
    /// Stamps of checkpoints that cover the place, the nearest first, at most `limit`.
    async fn stamps_covering(&mut self, seq: i64, limit: i64) -> Result<Vec<Stamp>>;
}

/// What happens in calls, in order.
#[async_trait]
pub trait Telling: Send {
    /// Tells of something with the commit: a row in the next place of the organisation, then a note on the bus.
    fn tell(&mut self, kind: LiveKind, call: CallId, subject: Uuid);
    /// What was told behind a place, in order, at most `limit`.
    async fn told_after(&mut self, after: i64, limit: i64) -> Result<Vec<LiveEvent>>;
    /// The last place that was given out; 0 before the first.
    async fn newest_told(&mut self) -> Result<i64>;
}

/// What is heard of calls while they are spoken.
#[async_trait]
pub trait Listening: Edit<MediaStream> + Repo<LiveLine> + Repo<LineTranslation> + Edit<LiveGap> {
    /// A call's streams, oldest first.
    async fn streams_of_call(&mut self, call: CallId) -> Result<Vec<MediaStream>>;
    /// Opens a stream that was ordered; whether it was. Nobody else opens it afterwards.
    async fn open_stream(&mut self, id: StreamId, at: Timestamp) -> Result<bool>;
    /// The place of the call's next line. Whoever adds one holds the call.
    async fn next_line(&mut self, call: CallId) -> Result<i64>;
    /// A call's lines with a place above `after`, in order, at most `limit`.
    async fn lines_after(&mut self, call: CallId, after: i64, limit: i64) -> Result<Vec<LiveLine>>;
    /// Puts other words in the place of a line's, and of those that its translations were made of: a number was known for a
    /// card's at its end.
    async fn blank_line(&mut self, id: LineId, text: &str) -> Result<()>;
    /// Adds a line's translation unless there is one into that language; whether it was added.
    async fn note_line_translation(&mut self, translation: &LineTranslation) -> Result<bool>;
    /// Translations of a call's lines with a place above `after`, by place, at most `limit`.
    async fn line_translations_after(&mut self, call: CallId, after: i64, limit: i64) -> Result<Vec<LineTranslation>>;
    /// A call's gaps, oldest first.
    async fn gaps_of_call(&mut self, call: CallId) -> Result<Vec<LiveGap>>;
    /// Deletes everything that was heard of a call while it was spoken.
    async fn forget_lines(&mut self, call: CallId) -> Result<()>;
}

/// The audit log.
#[async_trait]
pub trait Audit: Repo<AuditEvent> {
    /// Adds the line. One that is refused is queued as [`Topic::WriteAudit`] with the
    /// payload `{"event": line}` and its id as key. Neither refusal spoils the transaction.
    async fn note_audit(&mut self, line: &AuditEvent) -> Noted;
    /// Lines that no batch has, up to a date, by date and id, at most `limit`.
    async fn unsealed_audit(&mut self, until: Timestamp, limit: i64) -> Result<Vec<AuditEvent>>;
    /// How many lines no batch has.
    async fn count_unsealed_audit(&mut self) -> Result<i64>;
    /// The date of the youngest line under a seal.
    async fn sealed_until(&mut self) -> Result<Option<Timestamp>>;
    /// Puts the lines that no batch has, up to this one, under the link of that place; how many.
    async fn seal_audit(&mut self, last: (Timestamp, Id<AuditEvent>), seq: i64) -> Result<i64>;
    /// The lines under a link, by date and id, at most `limit`.
    async fn audit_of_seal(&mut self, seq: i64, limit: i64) -> Result<Vec<AuditEvent>>;
    /// Places above `after` that lines are put under, in order, at most `limit`.
    async fn audit_seals(&mut self, after: i64, limit: i64) -> Result<Vec<i64>>;
    /// A page of the log, newest first.
    async fn page_of_audit(&mut self, request: &PageRequest) -> Result<Page<AuditEvent>>;
}

/// What language models may cost, and what they did.
#[async_trait]
pub trait Spending: Edit<AiBudget> + Edit<AiRun> {
    /// What models may cost in a month, when that was set.
    async fn ai_budget(&mut self) -> Result<Option<AiBudget>>;
    /// What models cost in a month (`YYYY-MM`).
    async fn ai_month(&mut self, month: &str) -> Result<AiMonth>;
    /// The same, held until the end of the transaction: whoever reserves holds the month.
    async fn lock_ai_month(&mut self, month: &str) -> Result<AiMonth>;
    /// Reserves so many millionths of a US dollar more.
    async fn reserve_ai(&mut self, month: &str, micros: i64) -> Result<()>;
    /// Takes a reservation back, and counts what was spent.
    async fn settle_ai(&mut self, month: &str, reserved: i64, spent: i64) -> Result<()>;
    /// The row, held until the end of the transaction.
    async fn lock_ai_run(&mut self, id: Id<AiRun>) -> Result<Option<AiRun>>;
    /// Prompts that have been asked since before then and not ended, oldest first, held; those that somebody else holds are
    /// left out.
    async fn lost_ai_runs(&mut self, before: Timestamp, limit: i64) -> Result<Vec<AiRun>>;
    /// A page of prompts, newest first.
    async fn page_of_ai_runs(&mut self, request: &PageRequest) -> Result<Page<AiRun>>;
}

/// One transaction of one organisation. Dropped without [`commit`](Self::commit) it leaves nothing.
#[async_trait]
pub trait OrgTx:
    Calls
    + Collections
    + Contacts
    + Gathering
    + Wishes
    + Notices
    + Registers
    + Lists
    + Numbers
    + Secrets
    + Recordings
    + EvidenceLog
    + Stamps
    + Audit
    + Keeping
    + Spending
    + Listening
    + Speaking
    + Minds
    + Telling
    + Talking
    + Payments
    + Tasks
    + Scores
    + Bills
    + Idempotency
    + Workplace
    + Service
    + Subscriptions
    + Flags
    + Members
{
    /// The organisation it is bound to.
    fn organization_id(&self) -> OrganizationId;
    /// The organisation's own row.
    async fn organization(&mut self) -> Result<Organization>;
    /// Queues a message with the business rows; whether its key was new.
    async fn enqueue(&mut self, message: &NewMessage) -> Result<bool>;
    /// Makes everything so.
    async fn commit(self: Box<Self>) -> Result<()>;
}

/// One transaction without an organisation: sign-in, webhook routing, the engine. Kept short on purpose.
#[async_trait]
pub trait SystemTx: Desk + Doors + Operating + Routing + Send {
    /// Adds a user; an address that is taken is a `Conflict`.
    async fn insert_user(&mut self, user: &User) -> Result<()>;
    /// The user.
    async fn user(&mut self, id: UserId) -> Result<Option<User>>;
    /// The user with that lower-case address.
    async fn user_by_email(&mut self, email: &str) -> Result<Option<User>>;
    /// Replaces a password's hash.
    async fn set_password_hash(&mut self, user: UserId, hash: &str) -> Result<()>;
    /// Adds an organisation.
    async fn insert_organization(&mut self, organization: &Organization) -> Result<()>;
    /// Changes in which role an organisation collects.
    async fn set_collector_role(&mut self, id: OrganizationId, role: CollectorRole) -> Result<()>;
    /// Changes what an organisation pays for.
    async fn set_plan(&mut self, id: OrganizationId, plan: Plan) -> Result<()>;
    /// Adds a member.
    async fn insert_member(&mut self, member: &Member) -> Result<()>;
    /// The organisation.
    async fn organization(&mut self, id: OrganizationId) -> Result<Option<Organization>>;
    /// Organisations with ids above `after`, by id, at most `limit`.
    async fn organizations_after(&mut self, after: OrganizationId, limit: i64) -> Result<Vec<OrganizationId>>;
    /// A user's memberships, oldest first.
    async fn memberships(&mut self, user: UserId) -> Result<Vec<Member>>;
    /// Adds a session.
    async fn insert_session(&mut self, session: &Session) -> Result<()>;
    /// The session of a token's hash, expired or not.
    async fn session_by_hash(&mut self, token_hash: &str) -> Result<Option<Session>>;
    /// Ends a session.
    async fn delete_session(&mut self, token_hash: &str) -> Result<()>;
    /// Removes sessions and one-time tokens that ended before then; how many.
    async fn delete_expired(&mut self, now: Timestamp) -> Result<i64>;
    /// Keeps the hash of a one-time token.
    async fn put_token(&mut self, purpose: &str, hash: &str, expires_at: Timestamp) -> Result<()>;
    /// Uses up a one-time token; whether it was there and fresh.
    async fn take_token(&mut self, purpose: &str, hash: &str, now: Timestamp) -> Result<bool>;
    /// Keeps a pack of rules under the hash of its text, unless it is there; whether it was new.
    async fn keep_pack(&mut self, pack: &KeptPack) -> Result<bool>;
    /// The pack of that hash.
    async fn kept_pack(&mut self, hash: &str) -> Result<Option<KeptPack>>;
    /// Writes an event to the inbox, and its message to the queue, unless the vendor's event id is known. Whether it was
    /// new.
    async fn receive(
        &mut self,
        id: Id<InboxEvent>,
        vendor: &str,
        event: &Event,
        body: &[u8],
        now: Timestamp,
    ) -> Result<bool>;
    /// An event of the inbox.
    async fn inbox_event(&mut self, id: Id<InboxEvent>) -> Result<Option<InboxEvent>>;
    /// The call that a vendor's leg belongs to: by leg, then control id, then session.
    async fn owner_of_leg(&mut self, vendor: &str, leg: &Leg) -> Result<Option<Owner>>;
    /// The organisation of a call: for operators, who know a call by its id alone.
    async fn owner_of_call(&mut self, call: CallId) -> Result<Option<Owner>>;
    /// The number that is called, when an organisation has it in use for calls that come in.
    async fn owner_of_number(&mut self, vendor: &str, phone: &Phone) -> Result<Option<Owner>>;
    /// Organisations with an open account of a person with that number, by id, at most `limit`.
    async fn organizations_of_phone(&mut self, phone: &Phone, limit: i64) -> Result<Vec<OrganizationId>>;
    /// The transcript job of a vendor's transcript.
    async fn owner_of_transcript(&mut self, vendor: &str, vendor_id: &str) -> Result<Option<Owner>>;
    /// Queues a message for an organisation or none; whether its key was new.
    async fn enqueue(&mut self, organization: Option<OrganizationId>, message: &NewMessage) -> Result<bool>;
    /// Takes up to `limit` due messages (ready, or with a lease that ended) until `now + lease`, oldest due first.
    async fn lease(&mut self, now: Timestamp, lease: Duration, limit: i64) -> Result<Vec<Message>>;
    /// Takes the message of an organisation with that topic and key, when it is due and nobody has it, until `now + lease`.
    async fn lease_one(
        &mut self,
        organization: OrganizationId,
        topic: Topic,
        key: &str,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Option<Message>>;
    /// Marks that a request for it leaves now, on a lease that still holds; whether it did.
    async fn mark_started(&mut self, message: &Message, now: Timestamp) -> Result<bool>;
    /// Done.
    async fn acknowledge(&mut self, message: &Message, now: Timestamp) -> Result<()>;
    /// To be tried again at `run_at`. `started` keeps the mark that a request's outcome is unknown. A retry that is only
    /// a wait (`counted` false) does not use up a try.
    async fn retry(
        &mut self,
        message: &Message,
        run_at: Timestamp,
        error: &str,
        started: bool,
        counted: bool,
    ) -> Result<()>;
    /// Lets it wait with a queue outside until then, when it comes back by itself. Otherwise as [`retry`](Self::retry), but
    /// without an `error` the last one stays; whether the lease still held.
    async fn hand_on(
        &mut self,
        message: &Message,
        until: Timestamp,
        error: Option<&str>,
        started: bool,
        counted: bool,
    ) -> Result<bool>;
    /// Takes a message of that topic that waits with a queue outside, until `now + lease`.
    async fn take_handed(
        &mut self,
        id: Id<Message>,
        topic: Topic,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Option<Message>>;
    /// Gives back a lease whose work has not begun, as if it had never been taken; whether it was still held.
    async fn release(&mut self, message: &Message) -> Result<bool>;
    /// Given up, with the reason.
    async fn bury(&mut self, message: &Message, now: Timestamp, error: &str) -> Result<()>;
    /// Dead letters, oldest first; of one topic when it is named.
    async fn dead_letters(&mut self, topic: Option<Topic>, limit: i64) -> Result<Vec<Message>>;
    /// A message, and how it stands.
    async fn message(&mut self, id: Id<Message>) -> Result<Option<(Message, MessageStatus)>>;
    /// Settles a dead letter without its work being done; whether it was one. Its key stays taken until it is purged.
    async fn drop_letter(&mut self, id: Id<Message>, now: Timestamp) -> Result<bool>;
    /// Puts a dead letter back; whether it was one.
    async fn replay(&mut self, id: Id<Message>, now: Timestamp) -> Result<bool>;
    /// Messages by topic and status.
    async fn queue_depths(&mut self) -> Result<Vec<QueueDepth>>;
    /// Since when the oldest message of each topic has been due: what waits for a worker, or was left by one.
    async fn oldest_due(&mut self, now: Timestamp) -> Result<Vec<(Topic, Timestamp)>>;
    /// When the next message that is not done or dead is due.
    async fn next_due(&mut self) -> Result<Option<Timestamp>>;
    /// Removes done messages, applied inbox events and what was told of calls, older than then; how many.
    async fn purge(&mut self, before: Timestamp) -> Result<i64>;
    /// Takes the lease of a job for a node, unless another one holds it; whether it was got.
    async fn lease_job(&mut self, job: &str, node: &str, now: Timestamp, lease: Duration) -> Result<bool>;
    /// Gives a job's lease back.
    async fn release_job(&mut self, job: &str, node: &str) -> Result<()>;
    /// Gives a job's lease back in the name of whoever holds it: for operators who know that it is gone.
    async fn break_job(&mut self, job: &str) -> Result<()>;
    /// Notes that the runs of a job which go on are broken: whoever holds its lease ran none of them. How many.
    async fn break_runs(&mut self, job: &str, now: Timestamp) -> Result<i64>;
    /// Runs of a job that are due at or after then, by due and start, at most `limit`.
    async fn runs_since(&mut self, job: &str, since: Timestamp, limit: i64) -> Result<Vec<JobRun>>;
    /// Runs, of one job when named, that ended so when named, the latest start first, at most `limit`.
    async fn history(&mut self, job: Option<&str>, outcome: Option<RunOutcome>, limit: i64) -> Result<Vec<JobRun>>;
    /// Removes runs that ended before then; how many.
    async fn purge_runs(&mut self, before: Timestamp) -> Result<i64>;
    /// Removes a dead letter whose work was done otherwise; whether it was one.
    async fn remove_letter(&mut self, id: Id<Message>) -> Result<bool>;
    /// Transcript jobs that failed and that no message works on, of calls that ended since then and rest since `idle`,
    /// oldest first, at most `limit`.
    async fn failed_transcripts(
        &mut self,
        ended_since: Timestamp,
        idle: Timestamp,
        failures: i64,
        limit: i64,
    ) -> Result<Vec<Owner>>;
    /// Calls of every organisation that were made from then until before then, added up.
    async fn sums_of_calls(&mut self, from: Timestamp, until: Timestamp) -> Result<Vec<(OrganizationId, DaySum)>>;
    /// Scheduled payments whose day has come and that may be tried, the oldest first, at most `limit`.
    async fn due_payments(&mut self, today: Date, limit: i64) -> Result<Vec<Owner>>;
    /// Scheduled payments that the vendor was asked for before then and that nobody heard of, oldest first, at most
    /// `limit`.
    async fn doubtful_payments(&mut self, before: Timestamp, limit: i64) -> Result<Vec<Owner>>;
    /// The organisation that is that customer of a vendor.
    async fn organization_of_customer(&mut self, vendor: &str, customer: &str) -> Result<Option<OrganizationId>>;
    /// Has an organisation's plan be what its billing account says, when it says one.
    async fn follow_plan(&mut self, organization: OrganizationId) -> Result<()>;
    /// Mail addresses of an organisation's owners, the oldest members first, at most `limit`.
    async fn owners_addresses(&mut self, organization: OrganizationId, limit: i64) -> Result<Vec<String>>;
    /// Organisations whose subscription is past due, with an unpaid invoice that was declined since then and whose next
    /// dunning step is due by now; by id, at most `limit`.
    async fn organizations_to_dun(
        &mut self,
        since: Timestamp,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<OrganizationId>>;
    /// Organisations that pay for the service and have open accounts, those that were scored longest ago first, at most
    /// `limit`.
    async fn organizations_to_score(&mut self, limit: i64) -> Result<Vec<OrganizationId>>;
    /// The last run of a job.
    async fn last_run(&mut self, job: &str) -> Result<Option<JobRun>>;
    /// Adds or completes a run.
    async fn put_run(&mut self, run: &JobRun) -> Result<()>;
    /// Organisations with an id above `after` whose newest checkpoint has no stamp of that kind by that name, by id, at
    /// most `limit`.
    async fn organizations_without_stamp(
        &mut self,
        kind: StampKind,
        name: &str,
        after: Option<OrganizationId>,
        limit: i64,
    ) -> Result<Vec<OrganizationId>>;
    /// When the last stamp of that kind by that name was kept, for whichever organisation.
    async fn last_stamp(&mut self, kind: StampKind, name: &str) -> Result<Option<Timestamp>>;
    /// Makes everything so.
    async fn commit(self: Box<Self>) -> Result<()>;
}

/// The connections of one login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// Whose: `app` or `jobs`.
    pub login: &'static str,
    /// How many there are.
    pub size: u32,
    /// How many of them nobody uses.
    pub idle: u32,
    /// How many there may be.
    pub most: u32,
}

/// A database.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Opens a transaction of one organisation.
    async fn org(&self, organization: OrganizationId) -> Result<Box<dyn OrgTx>>;
    /// Opens a transaction without an organisation.
    async fn system(&self) -> Result<Box<dyn SystemTx>>;
    /// From now on what a commit tells of calls is told on that bus too, for as long as somebody else holds it.
    fn tell_on(&self, bus: &Arc<dyn Bus>);
    /// Whether the database answers.
    async fn ping(&self) -> Result<()>;
    /// How its connections stand, by login.
    fn connections(&self) -> Vec<Connections> {
        vec![]
    }
    /// How many steps of this program's tables the database lacks.
    async fn missing_steps(&self) -> Result<usize> {
        Ok(0)
    }
}

/// The statuses that the wire calls active.
pub const ACTIVE: &[CallStatus] = &[
    CallStatus::Initiated,
    CallStatus::Ringing,
    CallStatus::InProgress,
    CallStatus::Bridged,
    CallStatus::Transferring,
];
