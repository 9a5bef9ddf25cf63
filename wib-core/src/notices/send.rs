use jiff::{
    civil::Date,
    tz::{Offset, TimeZone},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Notice, NoticeId, NoticeMethod, NoticeStatus};
use crate::{
    collections::{Account, AccountId, PersonId, subject},
    compliance::{NoticeKind, calendar::validation_period, zones::zones_of_state},
    kit::{Error, OrNotFound, Result, Role, time::Timestamp},
    store::{OrgTx, Repo},
    wib::Org,
};

/// Makes a validation notice that has to be sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateNotice {
    /// About which debt.
    pub account_id: AccountId,
    /// How it is to be given.
    #[serde(default)]
    pub method: NoticeMethod,
}

/// The most places of a person that are looked through.
const PLACES: i64 = 200;
/// The most notices of an account that are looked through.
pub(super) const MOST: i64 = 200;

/// Every zone a person may be in; the last one on Earth where none is known.
async fn zones(tx: &mut dyn OrgTx, person: PersonId) -> Result<Vec<TimeZone>> {
    let places = tx.locations(person.into(), PLACES).await?;
    let ids = places.iter().flat_map(|p| match (&p.zone, &p.state) {
        (Some(zone), _) => vec![zone.as_str()],
        (None, Some(state)) => zones_of_state(state).to_vec(),
        (None, None) => vec![],
    });
    let zones: Vec<_> = ids.filter_map(|id| TimeZone::get(id).ok()).collect();
    Ok(if zones.is_empty() { vec![TimeZone::fixed(Offset::constant(-12))] } else { zones })
}

/// The first instant after the period that runs from that sending, and the assumed receipt or a known later one: never
/// earlier than in any zone the person may be in (12 CFR 1006.34(b)(5)).
fn period_ends(sent: Timestamp, received: Option<Timestamp>, zones: &[TimeZone]) -> Timestamp {
    let end = |zone: &TimeZone| {
        let date = |at: Timestamp| at.to_zoned(zone.clone()).date();
        let (assumed, last) = validation_period(date(sent));
        let later = received.map(date).filter(|known| *known > assumed);
        let last = later.map_or(last, |known| known.checked_add(jiff::Span::new().days(30)).unwrap_or(Date::MAX));
        Some(last.tomorrow().ok()?.to_zoned(zone.clone()).ok()?.timestamp())
    };
    zones.iter().map(|zone| end(zone).unwrap_or(Timestamp::MAX)).max().unwrap_or(Timestamp::MAX)
}

impl Org {
    /// Makes the validation notice of a debt, to be sent. A debt has one that stands at a time.
    ///
    /// # Errors
    /// `Conflict` when one stands; `NotFound`; `Forbidden` below agent.
    pub async fn create_notice(&self, command: CreateNotice) -> Result<Notice> {
        self.at_least(Role::Agent)?;
        let mut tx = self.tx().await?;
        let (person, _) = subject(&mut *tx, None, Some(command.account_id)).await?;
        let known = tx.notices(command.account_id, MOST).await?;
        if known.iter().any(|n| n.kind == NoticeKind::Validation && n.status.live()) {
            return Err(Error::conflict("the debt has a validation notice"));
        }
        let notice = Notice {
            id: self.wib.id(),
            person_id: person.id,
            account_id: command.account_id,
            kind: NoticeKind::Validation,
            status: NoticeStatus::Pending,
            method: command.method,
            sent_at: None,
            period_ends: None,
            created_by: self.actor().user(),
            created_at: self.wib.now(),
        };
        tx.insert(&notice).await?;
        let about = ("notice", Some(notice.id.uuid()));
        self.audit_change("compliance:validation_notice_created", about, None, Some(json!(notice)))
            .write(&mut *tx)
            .await;
        tx.commit().await?;
        Ok(notice)
    }

    /// Keeps that a notice left: receipt is assumed five business days later, and the period in which the debt can be
    /// disputed ends thirty days after that.
    ///
    /// # Errors
    /// `Conflict` unless it is pending; `Invalid` for a time in the future or before it was made; `NotFound`; `Forbidden`
    /// below agent.
    pub async fn notice_sent(&self, id: NoticeId, at: Option<Timestamp>) -> Result<Notice> {
        let (mut tx, mut notice) = self.held_notice(id, "sent", &[NoticeStatus::Pending]).await?;
        let now = self.wib.now();
        let at = at.unwrap_or(now);
        if at > now {
            return Err(Error::field("at", "lies in the future"));
        }
        let old = json!(notice);
        (notice.status, notice.sent_at) = (NoticeStatus::Sent, Some(at));
        if notice.kind == NoticeKind::Validation {
            notice.period_ends = Some(period_ends(at, None, &zones(&mut *tx, notice.person_id).await?));
        }
        tx.update(&notice).await?;
        let mut account: Account = Repo::find(&mut *tx, notice.account_id).await?.or_not_found("account")?;
        if account.first_communication_at.is_none_or(|first| first > at) {
            account.first_communication_at = Some(at);
            tx.update(&account).await?;
        }
        self.note_notice(tx, "compliance:validation_notice_sent", old, notice).await
    }

    /// Keeps when a notice arrived; a receipt later than assumed moves the end of the period.
    ///
    /// # Errors
    /// `Conflict` unless it was sent; `Invalid` for a time before it left or in the future; `NotFound`; `Forbidden` below
    /// agent.
    pub async fn notice_delivered(&self, id: NoticeId, at: Timestamp) -> Result<Notice> {
        let (mut tx, mut notice) = self.held_notice(id, "delivered", &[NoticeStatus::Sent]).await?;
        let Some(sent) = notice.sent_at.filter(|sent| *sent <= at && at <= self.wib.now()) else {
            return Err(Error::field("at", "lies in the future or before it was sent"));
        };
        let old = json!(notice);
        notice.status = NoticeStatus::Delivered;
        if notice.kind == NoticeKind::Validation {
            notice.period_ends = Some(period_ends(sent, Some(at), &zones(&mut *tx, notice.person_id).await?));
        }
        tx.update(&notice).await?;
        self.note_notice(tx, "compliance:validation_notice_delivered", old, notice).await
    }

    /// Keeps that a notice came back: it counts as not delivered (12 CFR 1006.42), and another one is due.
    ///
    /// # Errors
    /// `Conflict` unless it was sent; `NotFound`; `Forbidden` below agent.
    pub async fn notice_returned(&self, id: NoticeId) -> Result<Notice> {
        let from = [NoticeStatus::Sent, NoticeStatus::Delivered];
        let (mut tx, mut notice) = self.held_notice(id, "returned", &from).await?;
        let old = json!(notice);
        (notice.status, notice.period_ends) = (NoticeStatus::Returned, None);
        tx.update(&notice).await?;
        self.note_notice(tx, "compliance:validation_notice_returned", old, notice).await
    }

    /// An account's notices, newest first.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below viewer.
    pub async fn notices(&self, account: AccountId) -> Result<Vec<Notice>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        Repo::<Account>::find(&mut *tx, account).await?.or_not_found("account")?;
        tx.notices(account, MOST).await
    }

    /// The notice behind its person's lock, when it stands as it must.
    async fn held_notice(&self, id: NoticeId, to: &str, from: &[NoticeStatus]) -> Result<(Box<dyn OrgTx>, Notice)> {
        self.at_least(Role::Agent)?;
        let mut tx = self.tx().await?;
        let found: Notice = Repo::find(&mut *tx, id).await?.or_not_found("notice")?;
        tx.lock_person(found.person_id).await?;
        let notice: Notice = Repo::find(&mut *tx, id).await?.or_not_found("notice")?;
        if !from.contains(&notice.status) {
            return Err(Error::conflict(format!("a notice that is {} cannot be {to}", notice.status)));
        }
        Ok((tx, notice))
    }

    async fn note_notice(
        &self,
        mut tx: Box<dyn OrgTx>,
        action: &str,
        old: serde_json::Value,
        notice: Notice,
    ) -> Result<Notice> {
        let about = ("notice", Some(notice.id.uuid()));
        self.audit_change(action, about, Some(old), Some(json!(notice))).write(&mut *tx).await;
        tx.commit().await?;
        Ok(notice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_period_of_a_notice_ends_no_earlier_than_in_any_zone_and_a_later_receipt_moves_it() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let zone = |id: &str| TimeZone::get(id).unwrap();
        let (chicago, tokyo) = (zone("America/Chicago"), zone("Asia/Tokyo"));
        let sent = at("2026-06-01T17:00:00Z");
        // Mailed Monday 1 June: received Monday 8 June, ends with 8 July.
        assert_eq!(period_ends(sent, None, std::slice::from_ref(&chicago)), at("2026-07-09T05:00:00Z"));
        assert_eq!(period_ends(sent, None, &[chicago.clone(), zone("America/New_York")]), at("2026-07-09T05:00:00Z"));
        let tokyo = [tokyo];
        assert_eq!(period_ends(at("2026-06-01T01:00:00Z"), None, &tokyo), at("2026-07-08T15:00:00Z"));
        let early = Some(at("2026-06-03T17:00:00Z"));
        assert_eq!(period_ends(sent, early, std::slice::from_ref(&chicago)), at("2026-07-09T05:00:00Z"));
        let late = Some(at("2026-06-10T17:00:00Z"));
        assert_eq!(period_ends(sent, late, &[chicago]), at("2026-07-11T05:00:00Z"));
    }
}
