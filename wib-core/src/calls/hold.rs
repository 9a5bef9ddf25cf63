//! Putting the person of a call on hold, and back. Who is on hold hears music and nobody.
//!
//! Hold is a conference with the person alone in it; the member comes to it when the hold ends, and both stay there.

use serde_json::json;

use super::{
    Call, CallId,
    carry::{main_leg, note},
    legs::names,
};
use crate::{
    kit::{Error, OrNotFound, Result, Role},
    outcomes::{CallCard, card_of, put_card},
    ports::{
        Fault, VendorError,
        voice::{ConferenceCommand, ConferenceOrder, Leg, OpenConference, Seat},
    },
    store::{OrgTx, Repo},
    wib::Org,
};

/// Most changes of one call.
const MOST: i64 = 200;

fn no_leg() -> Error {
    Error::not_found("leg that is up")
}

/// What the vendor's failure is to who asked: a leg that is gone is none.
fn failed(error: VendorError) -> Error {
    if error.fault == Fault::Missing { no_leg() } else { error.into() }
}

/// The call while its person can be put on hold, and back.
async fn up(tx: &mut dyn OrgTx, id: CallId) -> Result<Call> {
    let call: Call = Repo::find(tx, id).await?.or_not_found("call")?;
    let facts = &call.facts;
    if !facts.person_listens() || facts.end_asked_at.is_some() {
        return Err(no_leg());
    }
    if facts.open_handover().is_some() || facts.handed_over() {
        return Err(Error::conflict("the call is being handed on, or was").code("TRANSFER_UNDER_WAY"));
    }
    if facts.open_mask().is_some() {
        return Err(Error::conflict("payment data is being given").code("PAYMENT_UNDER_WAY"));
    }
    Ok(call)
}

/// Whom the order is for.
struct Ends {
    person: Leg,
    member: Option<Leg>,
}

impl Org {
    /// Puts the person of a call on hold, or brings them back; whether they are on hold now. What is so already stays so.
    ///
    /// # Errors
    /// `NotFound`, also when no leg of the person is up; `Conflict` while the call is being handed on or payment data is
    /// being given; the vendor's failure; `Forbidden` below agent.
    pub async fn hold_call(&self, id: CallId, hold: bool) -> Result<bool> {
        self.at_least(Role::Agent)?;
        let mut tx = self.tx().await?;
        let call = up(&mut *tx, id).await?;
        let (card, _) = card_of(&self.wib, &mut *tx, id).await?;
        if card.held == hold {
            return Ok(hold);
        }
        if card.hold_changes >= MOST {
            return Err(Error::conflict(format!("a call is put on hold, and brought back, at most {MOST} times")));
        }
        let person = main_leg(&mut *tx, id).await?.ok_or_else(no_leg)?.names();
        let member = match call.facts.agent().filter(|(_, leg)| leg.up()) {
            Some((leg, _)) => names(&mut *tx, leg).await?,
            None => None,
        };
        drop(tx);
        let ends = Ends { person, member };
        let conference = if hold { self.put_away(&card, &ends).await? } else { self.bring(&card, &ends).await? };
        let mut tx = self.tx().await?;
        tx.lock_call(id).await?;
        let (mut now, known) = card_of(&self.wib, &mut *tx, id).await?;
        if now.hold_changes != card.hold_changes {
            // Somebody else was faster, with the same order: the vendor knows its key.
            return Ok(now.held);
        }
        let at = self.wib.now();
        (now.held, now.hold_changes, now.updated_at) = (hold, card.hold_changes + 1, at);
        now.conference = Some(conference);
        put_card(&mut *tx, &now, known).await?;
        let (word, action) = if hold { ("call.held", "call:held") } else { ("call.resumed", "call:resumed") };
        note(&self.wib, &mut *tx, id, &format!("hold:{}", now.hold_changes), word, json!({}), at).await?;
        self.audit(action, ("call", Some(id.uuid()))).is(&json!({"held": hold})).write(&mut *tx).await;
        tx.commit().await?;
        Ok(hold)
    }

    async fn put_away(&self, card: &CallCard, ends: &Ends) -> Result<String> {
        let (voice, key) = (&self.wib.voice, format!("{}-hold-{}", card.call_id, card.hold_changes));
        let conference = match &card.conference {
            Some(known) => known.clone(),
            None => {
                let name = format!("wib-hold-{}", card.call_id);
                // An opening whose answer nobody saw is looked for.
                match voice.find_conference(&name).await.map_err(failed)? {
                    Some(found) => found.id,
                    None => {
                        let open = OpenConference::new(name, format!("{key}-open"));
                        voice.open_conference(&ends.person, &open).await.map_err(failed)?
                    }
                }
            }
        };
        let held = ConferenceCommand::Hold { legs: vec![ends.person.clone()], music: None };
        voice.confer(&conference, &ConferenceOrder::new(held, key)).await.map_err(failed)?;
        Ok(conference)
    }

    async fn bring(&self, card: &CallCard, ends: &Ends) -> Result<String> {
        let (voice, key) = (&self.wib.voice, format!("{}-hold-{}", card.call_id, card.hold_changes));
        let conference = card.conference.clone().ok_or_else(no_leg)?;
        if let Some(member) = &ends.member {
            let there = voice.participants(&conference).await.map_err(failed)?;
            if !there.iter().any(|one| one.leg.control_id == member.control_id) {
                let join = ConferenceCommand::Join(member.clone(), Seat::default());
                match voice.confer(&conference, &ConferenceOrder::new(join, format!("{key}-join"))).await {
                    // The member has gone meanwhile: their end is on the way to us.
                    Err(gone) if gone.fault == Fault::Missing => {}
                    joined => joined.map_err(failed)?,
                }
            }
        }
        let back = ConferenceCommand::Resume(vec![ends.person.clone()]);
        voice.confer(&conference, &ConferenceOrder::new(back, key)).await.map_err(failed)?;
        Ok(conference)
    }
}
