//! Records to facts: what is read of a span of persons, and what of it bears on one act.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Act, Callee, CircumstanceFact, CircumstanceKind, ConsentFact, ConsentScope, DebtFacts, DisputeFact, Facts, Flag,
    Holder, LedgerFact, LicenceFact, ListFact, ListKind, Location, LocationSource, Masked, NoticeFact, PersonFacts,
    Place, PreferenceFact,
    zones::{location_of_area_code, regions_of, zones_of_state},
};
use crate::{
    calls::CallId,
    collections::{self, Account, Person, PersonId, PersonLocation, PersonPhone},
    consent::ConsentEvent,
    contacts::{Contact, ContactKind},
    imports::AccountStatus,
    kit::{Phone, Result, time, time::Timestamp},
    lists::ListCheck,
    notices::NoticeStatus,
    store::{Known, KnownKind, OrgTx, People},
    wib::Wib,
};

/// The ledger is read this far back: the longest window of a rule and a day.
const LOOK_BACK: Duration = Duration::from_secs(32 * 24 * 3600);
/// How long a proof of a number's assignment is fresh (12 CFR 1006.6(d)(5)).
const FRESH: Duration = Duration::from_secs(60 * 24 * 3600);
/// The most rows of one kind that are read; whose rows may be missing is not called.
pub(super) const MOST: i64 = 20_000;

/// What somebody plans.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Planned<'a> {
    pub(crate) act: Act,
    pub(crate) number: Option<&'a Phone>,
    pub(crate) email: Option<&'a str>,
    /// The number shown.
    pub(crate) from: Option<&'a Phone>,
    /// The call itself: its own rows in the ledgers are left out.
    pub(crate) call: Option<CallId>,
}

/// Rows of a span of persons.
pub(super) struct Records {
    pub(super) accounts: Vec<Account>,
    ledger: Vec<Contact>,
    known: Vec<Known>,
    pub(super) phones: Vec<PersonPhone>,
    locations: Vec<PersonLocation>,
    listed: Vec<ListCheck>,
    /// From which person on something was cut off, and what; nobody is everybody.
    cut: Vec<(&'static str, Option<PersonId>)>,
}

fn full<T>(rows: &[T]) -> bool {
    i64::try_from(rows.len()).unwrap_or(MOST) >= MOST
}

impl Records {
    /// Reads them, in a number of questions that does not depend on how many persons there are.
    pub(super) async fn read(
        tx: &mut dyn OrgTx,
        wib: &Wib,
        of: Option<People>,
        number: Option<&Phone>,
    ) -> Result<Self> {
        let since = time::before(wib.now(), LOOK_BACK);
        let (mut accounts, mut ledger, mut phones, mut locations) = (vec![], vec![], vec![], vec![]);
        if let Some(of) = of {
            accounts = tx.accounts(of, MOST).await?;
            ledger = tx.ledger(of, since, MOST).await?;
            phones = tx.phones(of, MOST).await?;
            locations = tx.locations(of, MOST).await?;
        }
        let nobody = People { from: uuid::Uuid::max().into(), to: uuid::Uuid::nil().into() };
        let known = tx.known(of.unwrap_or(nobody), MOST).await?;
        let listed = tx.listed(of, number, MOST).await?;
        let mut cut = vec![];
        let mut check = |name, full: bool, last: Option<PersonId>| cut.extend(full.then_some((name, last)));
        check("accounts", full(&accounts), accounts.last().map(|r| r.person_id));
        check("ledger", full(&ledger), ledger.last().map(|r| r.person_id));
        check("numbers", full(&phones), phones.last().map(|r| r.person_id));
        check("places", full(&locations), locations.last().map(|r| r.person_id));
        check("records", full(&known), known.last().and_then(|r| r.person_id));
        check("lists", full(&listed), None);
        Ok(Self { accounts, ledger, known, phones, locations, listed, cut })
    }

    /// The facts about the act; without a person, what is known of the number alone.
    pub(super) fn facts(&self, wib: &Wib, planned: &Planned<'_>, whom: Option<(&Person, &Account)>) -> Facts {
        let mut facts = Facts { act: planned.act, ..Facts::default() };
        let person_id = whom.map(|(person, _)| person.id);
        let gone = |from: &Option<PersonId>| from.is_none_or(|from| person_id.is_none_or(|id| id >= from));
        facts.unavailable.extend(self.cut.iter().filter(|(_, from)| gone(from)).map(|(name, _)| (*name).to_owned()));
        facts.callee = planned.number.map(Callee::from);
        facts.locations.extend(planned.number.and_then(location_of_area_code));
        if let Some(number) = planned.number {
            facts.lists = lists(&self.listed, number);
        } else if planned.email.is_some() {
            facts.callee = Some(Callee {
                number: Masked::address(),
                holder: Holder::default(),
                line: super::Line::default(),
                place: Place::default(),
            });
        }
        for row in self.known.iter().filter(|k| k.person_id.is_none()) {
            match row.what {
                KnownKind::Organization => match row.word.parse() {
                    Ok(role) => facts.collector = Some(role),
                    Err(_) => facts.unavailable.push("collector role".to_owned()),
                },
                KnownKind::Licence => {
                    facts.licences.push(LicenceFact { region: row.word.clone(), from: row.at, until: row.until });
                }
                _ => {}
            }
        }
        if let Some((person, account)) = whom {
            self.bear(&mut facts, planned, person, account);
        }
        self.flags(&mut facts, wib, planned, whom.map(|(_, account)| account));
        facts
    }

    /// What is known of the person and the debt.
    fn bear(&self, facts: &mut Facts, planned: &Planned<'_>, person: &Person, account: &Account) {
        let debts: BTreeMap<_, _> =
            slice(&self.accounts, person.id, |a| a.person_id).iter().map(|a| (a.id, a.particular_debt_id())).collect();
        let debt = account.particular_debt_id();
        let debt_of = |id| debts.get(&id).copied().unwrap_or_else(|| id.uuid());
        let same_debt = |id: Option<_>| id.is_none_or(|id| debt_of(id) == debt);
        facts.person = Some(PersonFacts {
            id: person.id.uuid(),
            do_not_call: person.do_not_call,
            language: person.language.clone(),
        });
        let accounts = || slice(&self.accounts, person.id, |a| a.person_id).iter().filter(|a| debt_of(a.id) == debt);
        let first_communication_at = accounts().filter_map(|a| a.first_communication_at).min();
        facts.debt = Some(DebtFacts { id: debt, first_communication_at });
        let phones = slice(&self.phones, person.id, |p| p.person_id);
        if let (Some(callee), Some(row)) = (&mut facts.callee, phones.iter().find(|p| Some(&p.phone) == planned.number))
        {
            (callee.holder, callee.line, callee.place) = (row.holder, row.line, row.place);
        }
        facts.locations.extend(slice(&self.locations, person.id, |l| l.person_id).iter().filter_map(place));
        for row in slice(&self.ledger, person.id, |c| c.person_id) {
            let own = planned.call.is_some() && row.call_id == planned.call;
            // A conversation that turned out to be none stays in the ledger uncounted.
            if own || !(row.counts || row.kind == ContactKind::Attempt) {
                continue;
            }
            facts.ledger.push(LedgerFact {
                at: row.at,
                kind: row.kind,
                counts: row.counts,
                debt: debt_of(row.account_id),
                direction: row.direction,
                medium: row.medium,
                technology: row.technology,
                place: row.place,
                same_number: row.phone.is_some() && row.phone.as_ref() == planned.number,
            });
        }
        if matches!(account.status, AccountStatus::Paid | AccountStatus::Archived) {
            let (kind, since) = (CircumstanceKind::Closed, account.created_at);
            facts.circumstances.push(CircumstanceFact { kind, since, debt: Some(debt) });
        }
        let bears = |row: &Known| {
            same_debt(row.account_id)
                && row.phone.as_ref().is_none_or(|phone| Some(phone) == planned.number)
                && row.email.as_ref().is_none_or(|email| Some(email.as_str()) == planned.email)
        };
        let known = &self.known[self.known.partition_point(|k| k.person_id < Some(person.id))..];
        for row in known.iter().take_while(|k| k.person_id == Some(person.id)).filter(|k| bears(k)) {
            if fact(facts, row, &debt_of).is_none() {
                // Such a row was written by another version: whoever cannot read it does not call.
                facts.unavailable.push(row.what.to_string());
            }
        }
        if account.status == AccountStatus::Disputed && facts.disputes.is_empty() {
            // A file said so, and not in which form.
            facts.disputes.push(DisputeFact { at: account.created_at, written: true, answered_at: None });
        }
        for consent in facts.consents.iter_mut().filter(|c| c.granted && c.scope == ConsentScope::Contact) {
            let talks = facts.ledger.iter().filter(|l| l.kind == ContactKind::Conversation && l.debt == debt);
            consent.used_at = talks.map(|l| l.at).filter(|at| *at > consent.at).min();
        }
    }

    /// Answers that are known; the others stay open.
    fn flags(&self, facts: &mut Facts, wib: &Wib, planned: &Planned<'_>, account: Option<&Account>) {
        let mut known = BTreeMap::new();
        if let Some(from) = planned.from {
            let ours = wib.voice.default_number().as_ref() == Some(from) || wib.settings.caller_ids.contains(from);
            known.extend(ours.then_some((Flag::CallerIdOwned, true)));
        }
        if let Some(account) = account {
            let holds =
                |k: &&Known| k.what == KnownKind::Hold && (k.person_id.is_none() || k.account_id == Some(account.id));
            known.insert(Flag::LegalHold, self.known.iter().any(|k| holds(&k)));
            known.insert(Flag::PaysDisputed, facts.disputes.iter().any(|d| d.answered_at.is_none()));
        }
        match facts.callee.as_ref().map(|c| (c.holder, c.place)) {
            Some((Holder::Employer, _) | (_, Place::Work)) => known.extend([(Flag::WorkAddress, true)]),
            Some((_, Place::Personal)) => known.extend([(Flag::WorkAddress, false)]),
            _ => {}
        }
        let basis = facts.consents.iter().filter(|c| matches!(c.scope, ConsentScope::Text | ConsentScope::Email));
        let agreed = basis.max_by_key(|c| (c.at, !c.granted)).is_some_and(|c| c.granted && c.expires_at.is_none());
        known.extend(agreed.then_some((Flag::ContactBasis, true)));
        let fresh =
            |l: &ListFact| l.list == ListKind::Reassigned && !l.listed && l.as_of >= time::before(wib.now(), FRESH);
        known.extend(facts.lists.iter().any(fresh).then_some((Flag::FreshProof, true)));
        facts.flags.extend(known);
    }
}

/// Rows of a person among rows that are ordered by person.
fn slice<T>(rows: &[T], person: PersonId, of: impl Fn(&T) -> PersonId) -> &[T] {
    let start = rows.partition_point(|row| of(row) < person);
    let end = rows.partition_point(|row| of(row) <= person);
    &rows[start..end]
}

/// Adds what the row says; `None` when it cannot be read.
fn fact(facts: &mut Facts, row: &Known, debt_of: &impl Fn(collections::AccountId) -> uuid::Uuid) -> Option<()> {
    match row.what {
        KnownKind::Consent => {
            let event: ConsentEvent = row.state.as_ref()?.parse().ok()?;
            facts.consents.push(ConsentFact {
                at: row.at,
                scope: row.word.parse().ok()?,
                granted: event.grants(),
                written: row.written?,
                expires_at: row.until,
                used_at: None,
            });
        }
        KnownKind::Preference => {
            let medium = if row.word.is_empty() { None } else { Some(row.word.parse().ok()?) };
            let wish = serde_json::from_value(row.wish.clone()?).ok()?;
            facts.preferences.push(PreferenceFact { since: row.at, medium, wish });
        }
        KnownKind::Circumstance => {
            let debt = row.account_id.map(debt_of);
            facts.circumstances.push(CircumstanceFact { kind: row.word.parse().ok()?, since: row.at, debt });
        }
        KnownKind::Notice => {
            let status: NoticeStatus = row.state.as_ref()?.parse().ok()?;
            facts.notices.push(NoticeFact {
                kind: row.word.parse().ok()?,
                sent_at: row.at,
                returned: status == NoticeStatus::Returned,
                period_ends: row.until,
            });
        }
        KnownKind::Dispute => {
            facts.disputes.push(DisputeFact { at: row.at, written: row.written?, answered_at: row.until });
        }
        KnownKind::Hold | KnownKind::Licence | KnownKind::Organization => {}
    }
    Some(())
}

/// What each list says of the number: its own row, unless the whole version is newer and does not name it.
fn lists(rows: &[ListCheck], number: &Phone) -> Vec<ListFact> {
    let mut latest: BTreeMap<(ListKind, &str), &ListCheck> = BTreeMap::new();
    let rank = |row: &ListCheck| (row.as_of, row.phone.is_some());
    for row in rows.iter().filter(|r| r.phone.as_ref().is_none_or(|phone| phone == number)) {
        let best = latest.entry((row.list, &row.source)).or_insert(row);
        if rank(row) > rank(best) {
            *best = row;
        }
    }
    let said = |row: &ListCheck| ListFact {
        list: row.list,
        listed: row.listed && row.phone.is_some(),
        as_of: row.as_of,
        source: row.source.clone(),
    };
    latest.into_values().map(said).collect()
}

fn place(row: &PersonLocation) -> Option<Location> {
    let zones = match (&row.zone, &row.state) {
        (Some(zone), _) => vec![zone.clone()],
        (None, Some(state)) => zones_of_state(state).iter().map(|z| (*z).to_owned()).collect(),
        (None, None) => return None,
    };
    let source = match row.source {
        collections::LocationSource::Address => LocationSource::Address,
        collections::LocationSource::Statement => LocationSource::Statement,
    };
    let regions = row.state.as_deref().map(|state| regions_of(state, row.text.as_deref())).unwrap_or_default();
    Some(Location { source, zones, regions, noted_on: Some::<Timestamp>(row.created_at) })
}
