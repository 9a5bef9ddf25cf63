//! Facts that are made up for a test: a debtor, a debt, a number, a day in June.

use uuid::Uuid;
use wib_core::{
    compliance::{
        Act, ActKind, Callee, CircumstanceFact, CircumstanceKind, ConsentFact, ConsentScope, DebtFacts, Facts, Flag,
        LedgerFact, ListFact, ListKind, Location, LocationSource, Medium, PersonFacts, Place, Technology,
    },
    contacts::ContactKind,
    kit::{Phone, Timestamp},
    ports::voice::Direction,
};

pub(crate) const PHONE: &str = "+13125550188";
pub(crate) const DEBT: Uuid = Uuid::from_u128(0xA);
pub(crate) const OTHER: Uuid = Uuid::from_u128(0xB);

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
pub(crate) fn place(source: LocationSource, zones: &[&str]) -> Location {
    Location { source, zones: zones.iter().map(|z| (*z).to_owned()).collect(), regions: vec![], noted_on: None }
}
pub(crate) fn living_in(zones: &[&str]) -> Facts {
    Facts {
        act: Act { technology: Technology::Manual, ..Act::default() },
        person: Some(PersonFacts { id: Uuid::from_u128(1), do_not_call: false, language: None }),
        debt: Some(DebtFacts { id: DEBT, first_communication_at: None }),
        callee: Some(Callee::from(&PHONE.parse::<Phone>().unwrap())),
        locations: vec![place(LocationSource::Address, zones)],
        ..Facts::default()
    }
}
pub(crate) fn stop(since: Timestamp) -> CircumstanceFact {
    CircumstanceFact { kind: CircumstanceKind::Cease, since, debt: Some(DEBT) }
}
pub(crate) fn listing(as_of: Timestamp) -> ListFact {
    ListFact { list: ListKind::Internal, listed: true, as_of, source: "manual".to_owned() }
}
pub(crate) fn attempt(text: &str) -> LedgerFact {
    LedgerFact {
        at: at(text),
        kind: ContactKind::Attempt,
        counts: true,
        debt: DEBT,
        direction: Direction::Outbound,
        medium: Medium::Call,
        technology: Technology::Manual,
        place: Place::Unknown,
        same_number: true,
    }
}
pub(crate) fn conversation(text: &str, direction: Direction) -> LedgerFact {
    LedgerFact { kind: ContactKind::Conversation, direction, ..attempt(text) }
}
/// Chicago, and a call at nine each morning of the first week of June 2026.
pub(crate) fn called_every_day() -> Facts {
    let ledger = (1..=7).map(|day| attempt(&format!("2026-06-0{day}T09:00:00-05:00"))).collect();
    Facts { ledger, ..living_in(&["America/Chicago"]) }
}
/// A manual call to somebody who lives there, whose number is shown lawfully.
pub(crate) fn resident(region: &str, zone: &str) -> Facts {
    let mut facts = living_in(&[zone]);
    facts.locations[0].regions.push(region.to_owned());
    facts.flags.extend([(Flag::CallerIdOwned, true), (Flag::LegalHold, false)]);
    facts
}
/// The same person, another act.
pub(crate) fn act(kind: ActKind, facts: Facts) -> Facts {
    Facts { act: Act { kind, ..facts.act }, ..facts }
}
pub(crate) fn consent(text: &str, scope: ConsentScope, granted: bool) -> ConsentFact {
    ConsentFact { at: at(text), scope, granted, written: false, expires_at: None, used_at: None }
}
