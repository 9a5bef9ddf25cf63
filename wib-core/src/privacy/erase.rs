use std::{collections::BTreeMap, time::Duration};

use serde_json::json;
use uuid::Uuid;

use super::{Counted, Erasure, ErasureReason, ErasureReport, ErasureStatus, KeptItem};
use crate::{
    audio,
    audit::Line,
    calls::CallId,
    collections::{Person, PersonId, Suppression},
    compliance::{ListKind, Outcome, RecordClass, judge},
    evidence::EntryKind,
    kit::{Actor, Error, Id, OrNotFound, Result, Role, time, time::Timestamp},
    orgs::OrganizationId,
    retention::{self, Cause, Kept, Look, SubjectKind},
    store::{OrgTx, Repo},
    wib::{Org, Wib},
};

/// What is kept is looked at again at the latest after this.
const LOOK_AGAIN: Duration = Duration::from_secs(30 * 24 * 3600);
/// And at the earliest after this.
const SOONEST: Duration = Duration::from_secs(3600);
/// Erasures that one run goes on with, per organisation.
const ERASURES: i64 = 200;
/// Calls that are read at once.
const STEP: i64 = 100;
/// The most accounts of a person that are judged.
const ACCOUNTS: i64 = 1000;
/// The most numbers of a person.
const NUMBERS_READ: i64 = 1000;
/// Files of audio that were brought of calls with a person: all that an organisation may have.
const FILES: i64 = 10_000;
/// The numbers of an erased person.
const NUMBERS: &str = "numbers";

impl Org {
    /// Erases a person's data but for what a law or a hold keeps, and answers with what is gone and what stays; the rest
    /// goes by itself when its time comes. The person cannot be called any more. Asked again, it answers how it stands.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below admin; `Conflict` with the code `UNDER_HOLD` when a legal hold covers anything of the
    /// person: then nothing was erased.
    pub async fn erase_person(&self, id: PersonId, reason: ErasureReason) -> Result<Erasure> {
        self.at_least(Role::Admin)?;
        self.begin_erasure(id, reason).await?;
        go_on(&self.wib, self.id(), id).await
    }

    /// The erasure of a person's data, when there was one.
    ///
    /// # Errors
    /// `Forbidden` below compliance; when the database does not answer.
    pub async fn erasure(&self, id: PersonId) -> Result<Option<Erasure>> {
        self.at_least(Role::Compliance)?;
        self.tx().await?.erasure_of(id).await
    }

    /// What can go at once goes here, in one transaction with the row that remembers the rest.
    async fn begin_erasure(&self, id: PersonId, reason: ErasureReason) -> Result<()> {
        let now = self.wib.now();
        let mut tx = self.tx().await?;
        tx.lock_person(id).await?.or_not_found("person")?;
        if tx.erasure_of(id).await?.is_some() {
            return Ok(());
        }
        // Holds are links of the chain: behind its lock none can come in between.
        tx.lock_chain_head().await?;
        let holds = tx.holds_on_person(id).await?;
        if holds > 0 {
            let line = self.audit("privacy:erasure_refused", ("person", Some(id.uuid())));
            line.with(json!({"holds": holds, "reason": reason})).write(&mut *tx).await;
            tx.commit().await?;
            return Err(Error::conflict("a legal hold covers this person's records; nothing was erased")
                .code("UNDER_HOLD")
                .with("holds", holds));
        }
        for number in tx.phones(id.into(), NUMBERS_READ).await? {
            if tx.suppression(&number.phone).await?.is_none() {
                let source = "erasure".to_owned();
                let (row, list) = (self.wib.id(), ListKind::Internal);
                tx.insert(&Suppression {
                    id: row,
                    phone: number.phone,
                    list,
                    source,
                    reason: None,
                    added_by: None,
                    created_at: now,
                })
                .await?;
            }
        }
        let files = tx.audio_files_of_person(id, FILES).await?;
        audio::let_go(&mut *tx, &files, now).await?;
        let mut erased = tx.forget_person(id).await?;
        erased.retain(|item| item.count > 0);
        let erasure = Erasure {
            id: self.wib.id(),
            person_id: id,
            reason,
            status: ErasureStatus::Pending,
            report: ErasureReport { erased, kept: vec![] },
            requested_by: self.actor().user(),
            next_look_at: Some(now),
            created_at: now,
            updated_at: now,
        };
        tx.insert(&erasure).await?;
        seal(&self.wib, &mut *tx, &erasure).await?;
        let line = self.audit("privacy:person_erased", ("person", Some(id.uuid())));
        line.is(&erasure).write(&mut *tx).await;
        tx.commit().await
    }
}

/// Goes on with erasures of an organisation that are due; how many were looked at.
pub(crate) async fn go_on_where_due(wib: &Wib, organization: OrganizationId) -> Result<i64> {
    let due = wib.store.org(organization).await?.erasures_due(wib.now(), ERASURES).await?;
    let mut done = 0;
    for erasure in due {
        go_on(wib, organization, erasure.person_id).await?;
        done += 1;
    }
    Ok(done)
}

/// What the link tells.
async fn seal(wib: &Wib, tx: &mut dyn OrgTx, erasure: &Erasure) -> Result<()> {
    let data = json!({
        "person_id": erasure.person_id, "reason": erasure.reason, "status": erasure.status, "report": erasure.report,
    });
    retention::record(wib, tx, EntryKind::Erasure, erasure.id.uuid(), None, data).await.map(drop)
}

/// What stays, by what it is and what keeps it.
#[derive(Default)]
struct Rest(BTreeMap<(String, String), (i64, Option<Timestamp>)>);
impl Rest {
    fn add(&mut self, what: &str, count: i64, kept: Kept) {
        let item = self.0.entry((what.to_owned(), kept.why)).or_default();
        item.0 += count;
        item.1 = item.1.max(kept.until);
    }
    fn until(&self) -> Option<Timestamp> {
        self.0.values().filter_map(|(_, until)| *until).min()
    }
    fn items(self) -> Vec<KeptItem> {
        self.0.into_iter().map(|((what, why), (count, until))| KeptItem { what, count, why, until }).collect()
    }
}

/// Looks at everything of the person that is left, and writes how it stands. Every thing is its own transaction, and what
/// is reported is counted from the rows: a crash in between loses nothing, and two at once write the same.
async fn go_on(wib: &Wib, organization: OrganizationId, id: PersonId) -> Result<Erasure> {
    let erasure = wib.store.org(organization).await?.erasure_of(id).await?.or_not_found("erasure")?;
    if erasure.status == ErasureStatus::Done {
        return Ok(erasure);
    }
    let cause = Cause { word: "erasure", wanted_days: 0 };
    let mut rest = Rest::default();
    let mut after = CallId::from(Uuid::nil());
    loop {
        let mut tx = wib.store.org(organization).await?;
        let calls = tx.calls_of_person(id, after, STEP).await?;
        let Some(last) = calls.last() else { break };
        after = last.id;
        let mut subjects = Vec::new();
        for call in &calls {
            subjects.extend(retention::subjects_of_call(&mut *tx, call.id).await?);
        }
        drop(tx);
        for subject in subjects {
            if let Look::Kept(kept) = retention::look(wib, organization, subject, cause).await? {
                rest.add(plural(subject.kind), 1, kept);
            }
        }
    }
    conclude(wib, organization, id, rest).await
}

const fn plural(kind: SubjectKind) -> &'static str {
    match kind {
        SubjectKind::Recording => "recordings",
        SubjectKind::Transcript => "transcripts",
        SubjectKind::Timeline => "timelines",
    }
}

/// Numbers, the report, and the date of the next look.
async fn conclude(wib: &Wib, organization: OrganizationId, id: PersonId, mut rest: Rest) -> Result<Erasure> {
    let now = wib.now();
    let mut tx = wib.store.org(organization).await?;
    tx.lock_person(id).await?.or_not_found("person")?;
    let before = tx.erasure_of(id).await?.or_not_found("erasure")?;
    let mut after = before.clone();
    let first = |item: &&Counted| !["recordings", "transcripts", "timelines"].contains(&item.what.as_str());
    after.report.erased = before.report.erased.iter().filter(first).cloned().collect();
    let numbers = i64::try_from(tx.phones(id.into(), NUMBERS_READ).await?.len()).unwrap_or(i64::MAX);
    if numbers > 0 {
        match numbers_kept(wib, &mut *tx, id).await? {
            Some(kept) => rest.add(NUMBERS, numbers, kept),
            // Nobody has to prove any more that these were called; the wish not to be called keeps its own.
            None => {
                let count = tx.forget_numbers(id).await?;
                after.report.erased.push(Counted { what: NUMBERS.to_owned(), count });
            }
        }
    }
    // What was answered to a request may name anybody.
    tx.forget_answers().await?;
    for purged in tx.purged_of_person(id).await? {
        let what = purged.what.parse().map_or(purged.what, |kind| plural(kind).to_owned());
        after.report.erased.push(Counted { what, count: purged.count });
    }
    let (soonest, latest) = (time::after(now, SOONEST), time::after(now, LOOK_AGAIN));
    let pending = !rest.0.is_empty();
    after.next_look_at = pending.then(|| rest.until().unwrap_or(latest).clamp(soonest, latest));
    after.status = if pending { ErasureStatus::Pending } else { ErasureStatus::Done };
    after.report.kept = rest.items();
    after.report.kept.extend(always_kept(&mut *tx, id).await?);
    let told = after.report != before.report || after.status != before.status;
    after.updated_at = if told { now } else { before.updated_at };
    tx.update(&after).await?;
    if told {
        seal(wib, &mut *tx, &after).await?;
        let line = Line::by(wib, Actor::System, "privacy:erasure_went_on", ("person", Some(id.uuid())));
        line.changed(&before, &after).write(&mut *tx).await;
    }
    tx.commit().await?;
    Ok(after)
}

/// What keeps the numbers: that they were called, and how often, must be provable for every debt of the person.
async fn numbers_kept(wib: &Wib, tx: &mut dyn OrgTx, id: PersonId) -> Result<Option<Kept>> {
    let person: Person = Repo::find(tx, id).await?.or_not_found("person")?;
    let collector = tx.organization().await?.collector_role;
    let mut worst: Option<Kept> = None;
    for account in tx.accounts_of_person(id, ACCOUNTS).await? {
        let last = tx.last_activity(account.id).await?.or(Some(account.created_at));
        let holds = tx.holds_on(Some(account.id), None).await?;
        let facts =
            retention::facts(Some(&account), RecordClass::Compliance, person.created_at, last, holds, 0, collector);
        let verdict = judge(&facts, &wib.rules(), wib.now());
        if verdict.outcome() != Outcome::Permit {
            let kept = retention::kept(&verdict);
            worst = Some(worst.filter(|w| w.until.is_none() || w.until >= kept.until).unwrap_or(kept));
        }
    }
    Ok(worst)
}

/// What no erasure takes: ids, and the wish that it would undo.
async fn always_kept(tx: &mut dyn OrgTx, id: PersonId) -> Result<Vec<KeptItem>> {
    let item =
        |what: &str, count, why: &str| KeptItem { what: what.to_owned(), count, why: why.to_owned(), until: None };
    let ledger = tx.count_contacts_of_person(id).await?;
    Ok([
        item("wish not to be called", 1, "47 CFR 64.1200(d)(3), (d)(6)"),
        item("ledger of attempts and conversations, ids only", ledger, "12 CFR 1006.100(a)"),
    ]
    .into_iter()
    .filter(|item| item.count > 0)
    .collect())
}

/// Whether what a creditor's file says of a person is to be learnt: not of one whose data was erased.
pub(crate) async fn erased(tx: &mut dyn OrgTx, id: Id<Person>) -> Result<bool> {
    Ok(tx.erasure_of(id).await?.is_some())
}
