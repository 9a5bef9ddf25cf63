use serde::{Deserialize, Serialize};

use super::{Consent, ConsentEvent, Source, record::MOST};
use crate::{
    collections::{Account, AccountId},
    compliance::ConsentScope,
    kit::{List, OrNotFound, Phone, Result, Role, Stretch, text::TextEnum, time::Timestamp},
    store::{ConsentFilter, Repo},
    text_enum,
    wib::Org,
};

/// Lists the consent ledger, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ListConsents {
    /// What is about that debt, or about every debt of its person.
    pub account_id: Option<AccountId>,
    /// For that.
    pub consent_type: Option<ConsentScope>,
    /// Of that kind.
    pub event_type: Option<ConsentEvent>,
    /// At most 100; 50 by default.
    pub limit: Option<i64>,
    /// How many to skip.
    pub offset: Option<i64>,
}

text_enum! {
    /// How a consent stands.
    pub enum ConsentStatus {
        /// Nothing was ever said.
        None = "none",
        /// Given.
        Granted = "granted",
        /// Taken back.
        Revoked = "revoked",
        /// Came to its end.
        Expired = "expired",
    }
}

/// How a consent stands by its latest event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Standing {
    /// For what.
    pub scope: ConsentScope,
    /// How it stands.
    pub status: ConsentStatus,
    /// The latest event.
    pub event: Option<ConsentEvent>,
    /// When that happened.
    pub at: Option<Timestamp>,
    /// How it reached us.
    pub source: Option<Source>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// How a scope stands in these events, at a number when one is named: the latest event decides, of two at the same
/// instant the one that takes consent back. Whether a call may be placed is not for this to say: see
/// [`check`](Org::check).
#[must_use]
pub fn standing(events: &[Consent], scope: ConsentScope, phone: Option<&Phone>, now: Timestamp) -> Standing {
    let here = |c: &&Consent| c.scope == scope && (phone.is_none() || c.phone.is_none() || c.phone.as_ref() == phone);
    let last = events.iter().filter(here).max_by_key(|c| (c.at, !c.event.grants(), c.id));
    let status = match last {
        None => ConsentStatus::None,
        Some(c) if c.event == ConsentEvent::Revoked => ConsentStatus::Revoked,
        Some(c) if !c.event.grants() || c.expires_at.is_some_and(|end| end <= now) => ConsentStatus::Expired,
        Some(_) => ConsentStatus::Granted,
    };
    Standing {
        scope,
        status,
        event: last.map(|c| c.event),
        at: last.map(|c| c.at),
        source: last.map(|c| c.source),
        expires_at: last.and_then(|c| c.expires_at),
    }
}

impl Org {
    /// The consent ledger, newest first.
    ///
    /// # Errors
    /// `NotFound` for the account.
    pub async fn list_consents(&self, query: ListConsents) -> Result<List<Consent>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        let about = match query.account_id {
            Some(id) => {
                let account: Account = Repo::find(&mut *tx, id).await?.or_not_found("account")?;
                Some((account.person_id, account.id))
            }
            None => None,
        };
        let filter = ConsentFilter { about, scope: query.consent_type, event: query.event_type };
        tx.list_consents(filter, Stretch::new(query.limit, query.offset, 50, 100)).await
    }

    /// What is known of consent about an account, newest first, the last thousand events of its person; and how every
    /// scope stands that something was said about.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn consent_of_account(&self, id: AccountId) -> Result<(Vec<Consent>, Vec<Standing>)> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        let account: Account = Repo::find(&mut *tx, id).await?.or_not_found("account")?;
        let mut events = tx.consents(account.person_id, MOST).await?;
        events.retain(|c| c.account_id.is_none_or(|about| about == id));
        let now = self.wib.now();
        let all = ConsentScope::ALL.iter().map(|scope| standing(&events, *scope, None, now));
        let standings = all.filter(|s| s.status != ConsentStatus::None).collect();
        Ok((events, standings))
    }

    /// How one consent stands about an account, at a number when one is named.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn consent_standing(
        &self,
        id: AccountId,
        scope: ConsentScope,
        phone: Option<&Phone>,
    ) -> Result<Standing> {
        let (events, _) = self.consent_of_account(id).await?;
        Ok(standing(&events, scope, phone, self.wib.now()))
    }
}
