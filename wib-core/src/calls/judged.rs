//! Acts on a call that is up, judged like its dial: the same facts about person and debt, and what this call has done.

use super::{Call, CallFacts};
use crate::{
    collections::Account,
    compliance::{Act, ActKind, DutyKind, Facts, Flag, Outcome, StoredVerdict, Verdict, gate, judge as apply},
    kit::Result,
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
    let mut facts = gate::gather(tx, wib, account.as_ref(), &call.to_number, Some(call.id)).await?;
    facts.act = Act { kind, ..facts.act };
    facts.done.extend(call.facts.done());
    facts.flags.extend(call.facts.flags());
    if kind == ActKind::Pay {
        facts.flags.insert(Flag::CardData, true);
        if call.facts.payment_state() == super::PaymentState::Capturing {
            facts.done.insert(DutyKind::MaskPayment);
        }
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
