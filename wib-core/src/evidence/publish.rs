//! Checkpoints shown to outsiders: a time-stamp authority and witnesses.
//!
//! A checkpoint covers every link before it, so only the newest is shown. The outsider is asked without a transaction, and
//! what it gives is judged before it is kept; a repeat after a crash finds the stamp, or asks once more, which does no harm.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::future::join_all;

use super::{Checkpoint, SignedCheckpoint, Signer, Stamp, StampKind, timestamp::TimestampRequest};
use crate::{
    kit::{Error, OrNotFound, Result, canonical, time, time::Timestamp},
    orgs::OrganizationId,
    ports::{
        Fault, TimestampAuthority, VendorError, Witness,
        witness::{CONFLICTING_CHECKPOINT, PublishedCheckpoint},
    },
    wib::Wib,
};

/// Organisations that are read at once.
const PAGE: i64 = 100;
/// A run begins nothing new after this long, so that it ends within its job's lease.
const LIMIT: Duration = Duration::from_secs(600);

/// What an authority stamps: the text that the signer signed. Its SHA-256 is the digest in the token of a
/// [`Stamp`](super::Stamp) of the checkpoint.
///
/// # Errors
/// `Internal` when it has no canonical form.
pub fn stamped_text(organization: OrganizationId, checkpoint: &Checkpoint) -> Result<String> {
    SignedCheckpoint::new(checkpoint, String::new()).statement(&organization.to_string())
}

/// What witnesses are shown; `None` when the key that signed it is no longer ours, so that we do not know it.
fn published(organization: OrganizationId, checkpoint: &Checkpoint, signer: &Signer) -> Option<PublishedCheckpoint> {
    (checkpoint.signer == signer.fingerprint()).then(|| PublishedCheckpoint {
        organization_id: organization,
        size: checkpoint.size,
        head: checkpoint.head.clone(),
        root: checkpoint.root.clone().unwrap_or_default(),
        signed_at: checkpoint.created_at,
        public_key: signer.public_key_hex(),
        signature: checkpoint.signature.clone(),
    })
}

#[derive(Clone, Copy)]
enum Outsider<'a> {
    Authority(&'a dyn TimestampAuthority),
    Witness(&'a dyn Witness),
}
impl Outsider<'_> {
    fn kind(self) -> StampKind {
        match self {
            Self::Authority(_) => StampKind::Timestamp,
            Self::Witness(_) => StampKind::Witness,
        }
    }
    fn name(&self) -> &str {
        match self {
            Self::Authority(authority) => authority.name(),
            Self::Witness(witness) => witness.name(),
        }
    }
}

/// Why a checkpoint has no stamp.
enum Unstamped {
    /// Signed with a key that is no longer ours.
    OtherKey,
    /// The outsider did not answer, or did not take it.
    Vendor(VendorError),
    /// What it gave is not taken.
    Refused(Error),
    /// Ours.
    Internal(Error),
}
impl From<Error> for Unstamped {
    fn from(error: Error) -> Self {
        Self::Internal(error)
    }
}
impl From<VendorError> for Unstamped {
    fn from(error: VendorError) -> Self {
        Self::Vendor(error)
    }
}

/// What one outsider was shown.
#[derive(Default)]
struct Tally {
    kept: i64,
    failed: i64,
    first: Option<Error>,
}

/// Shows every organisation's newest checkpoint to every outsider that has not seen it. Answers the stamps that were kept.
///
/// # Errors
/// `Unavailable` when an outsider failed, or a stamp was refused, after all others had their turn; what could be kept is.
pub(crate) async fn publish_checkpoints(wib: &Wib) -> Result<i64> {
    let authority = wib.timestamp_authority.iter().map(|authority| Outsider::Authority(&**authority));
    let outsiders = authority.chain(wib.witnesses.iter().map(|witness| Outsider::Witness(&**witness)));
    let tallies = join_all(outsiders.map(|outsider| show_all(wib, outsider))).await;
    let (kept, failed) = tallies.iter().fold((0, 0), |(kept, failed), t| (kept + t.kept, failed + t.failed));
    match tallies.into_iter().find_map(|t| t.first) {
        None => Ok(kept),
        Some(first) => {
            let message = format!("{failed} checkpoints were not stamped or witnessed, {kept} were");
            Err(Error::unavailable(message).because(first))
        }
    }
}

async fn show_all(wib: &Wib, outsider: Outsider<'_>) -> Tally {
    let (kind, mut tally) = (outsider.kind(), Tally::default());
    if let Err(error) = show_pages(wib, outsider, &mut tally).await {
        tally.failed += 1;
        tally.first.get_or_insert(error);
    }
    // Known even when nothing was due or nobody answered: the age is what an operator watches.
    let last = async { wib.store.system().await?.last_stamp(kind, outsider.name()).await };
    if let Ok(Some(last)) = last.await {
        let name = outsider.name().to_owned();
        let age = wib.now().duration_since(last).as_secs_f64();
        metrics::gauge!("wib_checkpoint_stamp_age_seconds", "kind" => kind.as_str(), "name" => name).set(age);
    }
    tally
}

async fn show_pages(wib: &Wib, outsider: Outsider<'_>, tally: &mut Tally) -> Result<()> {
    let (kind, until, mut after) = (outsider.kind(), time::after(wib.now(), LIMIT), None);
    loop {
        let mut tx = wib.store.system().await?;
        let page = tx.organizations_without_stamp(kind, outsider.name(), after, PAGE).await?;
        drop(tx);
        for organization in &page {
            if wib.now() >= until {
                return Ok(());
            }
            let outcome = show(wib, outsider, *organization).await;
            let (word, error, gone) = match outcome {
                Ok(true) => ("kept", None, false),
                Ok(false) => ("known", None, false),
                Err(Unstamped::OtherKey) => ("other_key", None, false),
                // An authority stamps digests alone: it would answer the next organisation no better.
                Err(Unstamped::Refused(error)) => ("refused", Some(error), matches!(outsider, Outsider::Authority(_))),
                Err(Unstamped::Internal(error)) => ("failed", Some(error), false),
                Err(Unstamped::Vendor(error)) if error.code.as_deref() == Some(CONFLICTING_CHECKPOINT) => {
                    ("conflict", Some(error.into()), false)
                }
                // The next organisation would fare no better: it is the outsider that fails, not the checkpoint.
                Err(Unstamped::Vendor(error)) => {
                    let whole = [Fault::Down, Fault::Timeout, Fault::RateLimited, Fault::Credentials, Fault::Payment];
                    let gone = whole.contains(&error.fault);
                    ("failed", Some(error.into()), gone)
                }
            };
            metrics::counter!("wib_checkpoints_published_total", "kind" => kind.as_str(), "outcome" => word)
                .increment(1);
            tally.kept += i64::from(word == "kept");
            if let Some(error) = error {
                let (name, why) = (outsider.name(), error.chain());
                tracing::error!(%organization, %kind, name, outcome = word, why, "a checkpoint has no stamp");
                tally.failed += 1;
                tally.first.get_or_insert(error);
            }
            if gone {
                return Ok(());
            }
        }
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(*last);
    }
}

/// Shows one organisation's newest checkpoint to one outsider; whether its stamp was new.
async fn show(wib: &Wib, outsider: Outsider<'_>, organization: OrganizationId) -> Result<bool, Unstamped> {
    let mut tx = wib.store.org(organization).await?;
    let checkpoint = tx.newest_checkpoint(i64::MAX).await?.or_not_found("checkpoint")?;
    drop(tx);
    let (token, at) = match outsider {
        Outsider::Authority(authority) => time_stamp(wib, authority, organization, &checkpoint).await?,
        Outsider::Witness(witness) => {
            let shown = published(organization, &checkpoint, &wib.signer).ok_or(Unstamped::OtherKey)?;
            let receipt = witness.publish(&shown).await?;
            if receipt.size != shown.size || receipt.root != shown.root {
                return Err(Unstamped::Refused(Error::vendor("the receipt is for another checkpoint")));
            }
            (canonical::to_text(&receipt)?, receipt.at)
        }
    };
    let stamp = Stamp {
        id: wib.id(),
        checkpoint_size: checkpoint.size,
        kind: outsider.kind(),
        name: outsider.name().to_owned(),
        token,
        at: time::microseconds(at),
        created_at: wib.now(),
    };
    let mut tx = wib.store.org(organization).await?;
    let new = tx.note_stamp(&stamp).await?;
    tx.commit().await?;
    Ok(new)
}

async fn time_stamp(
    wib: &Wib,
    authority: &dyn TimestampAuthority,
    organization: OrganizationId,
    checkpoint: &Checkpoint,
) -> Result<(String, Timestamp), Unstamped> {
    let request = TimestampRequest::of(stamped_text(organization, checkpoint)?.as_bytes(), &*wib.random);
    let answer = authority.stamp(&request.to_der()).await?;
    let (token, stamped) =
        request.accept(&answer, &wib.settings.timestamp_roots).map_err(|e| Unstamped::Refused(e.into()))?;
    Ok((STANDARD.encode(token), stamped.at))
}
