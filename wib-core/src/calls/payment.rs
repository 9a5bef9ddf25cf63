//! Card data is given behind a mask: nothing is recorded, heard, written down or shown meanwhile (PCI DSS v4.0.1
//! requirement 3.3.1; a file that holds a security code is storage of it).

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Call, CallEvent, CallFacts, CallId,
    carry::follow_up,
    judged::{self, Judged},
};
use crate::{
    compliance::{ActKind, DutyKind},
    kit::{Error, OrNotFound, Result, Role, time::Timestamp},
    text_enum,
    wib::Org,
};

/// Most masks of one call.
const MOST: usize = 50;

text_enum! {
    /// Why something is kept out of the recording.
    pub enum MaskCause {
        /// Card data is given.
        CardData = "card_data",
    }
}

/// A stretch that is kept out of the recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mask {
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// Why.
    pub cause: MaskCause,
    /// When the vendor said that nothing is recorded any more; none while it has not, and when nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_at: Option<Timestamp>,
    /// When pausing was given up: the recording is ended instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<Timestamp>,
    /// When its end was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_asked_at: Option<Timestamp>,
    /// When the recording went on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_at: Option<Timestamp>,
}
impl Mask {
    /// Whether card data may still come.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.end_asked_at.is_none()
    }
    /// The first instant that is behind it; `None` while it lasts, which is the end of the call at the latest.
    #[must_use]
    pub fn ends(&self) -> Option<Timestamp> {
        self.end_asked_at.and_then(|asked| match self.paused_at {
            Some(_) => self.resumed_at,
            None => Some(asked),
        })
    }
}

text_enum! {
    /// How a payment on a call stands.
    pub enum PaymentState {
        /// Nobody may give card data.
        Idle = "idle",
        /// The mask is being put on: nobody may give card data yet.
        Masking = "masking",
        /// The mask is on: card data may be given.
        Capturing = "capturing",
        /// The mask could not be put on: card data must not be given on this call.
        Unmaskable = "unmaskable",
    }
}

impl CallFacts {
    /// The mask that is on, or being put on.
    #[must_use]
    pub fn open_mask(&self) -> Option<(&String, &Mask)> {
        self.masks.iter().find(|(_, m)| m.is_open())
    }
    /// How a payment stands: capturing is only ever reached while the vendor is known to record nothing.
    #[must_use]
    pub fn payment_state(&self) -> PaymentState {
        let Some((_, mask)) = self.open_mask().filter(|_| self.hangup.is_none()) else { return PaymentState::Idle };
        match () {
            () if mask.paused_at.is_some() || !self.may_be_recording() => PaymentState::Capturing,
            () if mask.failed_at.is_some() => PaymentState::Unmaskable,
            () => PaymentState::Masking,
        }
    }
    /// Whether that instant lies behind a mask. Whatever shows, writes or sends on what is said on a call as it is said
    /// must ask this first.
    #[must_use]
    pub fn masked_at(&self, instant: Timestamp) -> bool {
        self.masks.values().any(|m| m.asked_at <= instant && m.ends().is_none_or(|end| instant < end))
    }
}

impl Call {
    /// How a payment stands.
    #[must_use]
    pub fn payment_state(&self) -> PaymentState {
        self.facts.payment_state()
    }
}

/// The answer to the wish to take card data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Payment {
    /// How it stands: card data may be given in `capturing` alone.
    pub state: PaymentState,
    /// What is owed before money may be taken, in order.
    pub owed: Vec<DutyKind>,
}

impl Org {
    /// Puts the mask on, and judges whether a payment may be taken. The mask goes on whatever the verdict is: somebody is
    /// about to say a card's number. Repeating it changes nothing.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when the call is not up, or has had too many masks; `Forbidden` below agent; `Blocked`
    /// when the law does not permit a payment (the mask stays on until [`end_payment`](Self::end_payment)).
    pub async fn begin_payment(&self, id: CallId) -> Result<Payment> {
        self.at_least(Role::Agent)?;
        let mut tx = self.tx().await?;
        let mut call = tx.lock_call(id).await?.or_not_found("call")?;
        let before = call.clone();
        if call.answered_at.is_none() || call.status.terminal() {
            return Err(Error::conflict("the call is not up"));
        }
        let now = self.wib.now();
        if call.facts.open_mask().is_none() {
            let n = call.facts.masks.len() + 1;
            if n > MOST {
                return Err(Error::conflict("the call has had too many masks"));
            }
            let mask = Mask {
                asked_at: now,
                cause: MaskCause::CardData,
                paused_at: None,
                failed_at: None,
                end_asked_at: None,
                resumed_at: None,
            };
            call.facts.masks.insert(format!("{n:02}"), mask);
            let event_data = json!({"mask": format!("{n:02}"), "cause": MaskCause::CardData});
            tx.note_event(&CallEvent {
                id: self.wib.id(),
                call_id: id,
                source: format!("mask:{n:02}"),
                event_type: "call.mask.asked".to_owned(),
                event_data,
                at: now,
            })
            .await?;
            follow_up(&self.wib, &mut *tx, &mut call).await?;
            self.audit("payment:begun", ("call", Some(id.uuid()))).changed(&before, &call).write(&mut *tx).await;
        }
        let verdict = judged::judge(&self.wib, &mut *tx, &call, ActKind::Pay).await?;
        let stored = judged::keep(&self.wib, &mut *tx, &call, &verdict).await?;
        tx.commit().await?;
        self.wib.wake();
        match Judged::of(&verdict) {
            Judged::Owed(owed) => {
                let owed = owed.into_iter().filter(|d| *d != DutyKind::MaskPayment).collect();
                Ok(Payment { state: call.facts.payment_state(), owed })
            }
            Judged::Refused => Err(crate::compliance::gate::refusal(&verdict, &stored)),
        }
    }

    /// Takes the mask off: the recording goes on. A call without a mask stays as it is.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below agent.
    pub async fn end_payment(&self, id: CallId) -> Result<Call> {
        self.at_least(Role::Agent)?;
        let mut tx = self.tx().await?;
        let mut call = tx.lock_call(id).await?.or_not_found("call")?;
        let before = call.clone();
        let Some(open) = call.facts.open_mask().map(|(n, _)| n.clone()) else { return Ok(call) };
        let now = self.wib.now();
        if let Some(mask) = call.facts.masks.get_mut(&open) {
            mask.end_asked_at.get_or_insert(now);
        }
        tx.note_event(&CallEvent {
            id: self.wib.id(),
            call_id: id,
            source: format!("mask_end:{open}"),
            event_type: "call.mask.ended".to_owned(),
            event_data: json!({"mask": open}),
            at: now,
        })
        .await?;
        follow_up(&self.wib, &mut *tx, &mut call).await?;
        self.audit("payment:ended", ("call", Some(id.uuid()))).changed(&before, &call).write(&mut *tx).await;
        tx.commit().await?;
        self.wib.wake();
        Ok(call)
    }
}
