//! Acts on a call that is up, judged like its dial: the same facts about person and debt, and what this call has done.

use super::{Call, CallFacts};
use crate::{
    collections::Account,
    compliance::{
        Act, ActKind, DutyKind, Facts, Flag, Outcome, StoredVerdict, Technology, Verdict,
        gate::{self, Hold},
        gather::Planned,
        judge as apply,
    },
    kit::Result,
    ports::voice::Direction,
    store::OrgTx,
    wib::Wib,
};

/// What a verdict on an act means for the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// It is lawful once these are done, in order; now when there are none.
    Owed(Vec<DutyKind>),
    /// It is not.
    Refused,
}
impl Judged {
    pub(super) fn of(verdict: &Verdict) -> Self {
        match verdict.outcome() {
            Outcome::Permit | Outcome::Require => Self::Owed(owed(verdict)),
            _ => Self::Refused,
        }
    }
}

/// The duties that the verdict wants done first, in the order of a call.
pub(super) fn owed(verdict: &Verdict) -> Vec<DutyKind> {
    let due = verdict.explanation().findings.iter().filter(|f| f.outcome == Outcome::Require);
    let mut owed: Vec<_> = due.filter_map(|f| f.duty).collect();
    owed.sort_unstable();
    owed.dedup();
    owed
}

/// Everything the rules ask about that act on that call.
pub(super) async fn facts(wib: &Wib, tx: &mut dyn OrgTx, call: &Call, kind: ActKind) -> Result<Facts> {
    let account: Option<Account> = match call.account_id {
        Some(id) => tx.find(id).await?,
        None => None,
    };
    // What is left on a machine is spoken by one (47 CFR 64.1200(a)(1); FCC 24-17).
    let technology = if kind == ActKind::Voicemail { Technology::ArtificialVoice } else { call.technology };
    let number = if call.direction == Direction::Outbound { &call.to_number } else { &call.from_number };
    let planned = Planned {
        act: Act { kind, purpose: call.purpose, technology },
        number: Some(number),
        email: None,
        from: Some(if call.direction == Direction::Outbound { &call.from_number } else { &call.to_number }),
        call: Some(call.id),
    };
    let mut facts = gate::gather(tx, wib, &planned, account.as_ref(), Hold::Held).await?;
    if let Some(debt) = &mut facts.debt {
        // This very conversation is no earlier communication.
        debt.first_communication_at = debt.first_communication_at.filter(|at| call.answered_at.is_none_or(|a| *at < a));
    }
    facts.done.extend(call.facts.done());
    facts.flags.extend(call.facts.flags());
    facts.flags.insert(Flag::CardData, kind == ActKind::Pay || call.facts.open_mask().is_some());
    if call.facts.payment_state() == super::PaymentState::Capturing {
        facts.done.insert(DutyKind::MaskPayment);
    }
    match kind {
        // A single payment by card, now, without a fee: the only one that is taken here.
        ActKind::Pay => facts.flags.extend(
            [Flag::Recurring, Flag::TelDebit, Flag::FeeCharged, Flag::RePresented, Flag::PostDated, Flag::AlreadyPaid]
                .map(|flag| (flag, false)),
        ),
        // The template says who calls and which number to call.
        ActKind::Voicemail => {
            facts.flags.insert(Flag::LimitedContentTemplate, true);
            facts.done.extend([DutyKind::LimitedContent, DutyKind::Identify, DutyKind::CallBackNumber]);
        }
        _ => {}
    }
    Ok(facts)
}

impl CallFacts {
    /// The plain questions that the call itself answers.
    fn flags(&self) -> [(Flag, bool); 3] {
        let party = self.party.as_ref().map(|p| p.holder);
        [
            (Flag::PartyVerified, party.is_some_and(crate::compliance::Holder::is_consumer)),
            (Flag::ThirdParty, party.is_some_and(|h| !h.is_consumer())),
            (Flag::RecordingRefused, self.recording_refused_at.is_some()),
        ]
    }
}

/// Judges that act on that call now.
pub(super) async fn judge(wib: &Wib, tx: &mut dyn OrgTx, call: &Call, kind: ActKind) -> Result<Verdict> {
    Ok(apply(&facts(wib, tx, call, kind).await?, &wib.rules(), wib.now()))
}

/// Keeps the verdict beside the call, whatever it is.
pub(super) async fn keep(wib: &Wib, tx: &mut dyn OrgTx, call: &Call, verdict: &Verdict) -> Result<StoredVerdict> {
    gate::keep(tx, wib, verdict, (call.person_id, call.account_id), Some(call.id)).await
}
