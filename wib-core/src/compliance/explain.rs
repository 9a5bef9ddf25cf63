//! A verdict with everything needed to judge it again: what [`checker`](super::checker) reads.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{Explanation, RulePack, StoredVerdict, checker::FORMAT};
use crate::{
    calls::CallId,
    kit::{Error, Id, Kind, OrNotFound, Result, Role, canonical},
    wib::Org,
};

/// A verdict and the pack of rules it was made with, as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerdictFile {
    explanation: Json,
    pack: Json,
}
impl VerdictFile {
    /// Joins a verdict's explanation with the pack that was applied.
    ///
    /// # Errors
    /// `Internal` when one has no JSON form.
    pub fn new(explanation: &Explanation, pack: &RulePack) -> Result<Self> {
        let unread = |e| Error::internal("a verdict has no JSON form").because(e);
        let explanation = serde_json::to_value(explanation).map_err(unread)?;
        Ok(Self { explanation, pack: serde_json::to_value(pack).map_err(unread)? })
    }
    /// Its bytes: canonical JSON.
    ///
    /// # Errors
    /// `Invalid` when a kept verdict holds a number that is not an integer.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let file = json!({"format": FORMAT, "explanation": self.explanation, "pack": self.pack});
        Ok(canonical::to_text(&file)?.into_bytes())
    }
    /// The verdict.
    ///
    /// # Errors
    /// `Internal` when what was kept cannot be read as one.
    pub fn explanation(&self) -> Result<Explanation> {
        Explanation::deserialize(&self.explanation)
            .map_err(|e| Error::internal("the kept verdict cannot be read").because(e))
    }
}

impl Org {
    /// Why a call was dialled: its verdict and the pack that was applied.
    ///
    /// # Errors
    /// `NotFound` when there is no such call, it was dialled without a verdict (an inbound one), or the pack is not kept
    /// here; then the message names the pack's hash.
    pub async fn explain_call(&self, call: CallId) -> Result<VerdictFile> {
        self.at_least(Role::Viewer)?;
        let call = self.tx().await?.find(call).await?.or_not_found("call")?;
        self.explain_verdict(call.verdict_id.or_not_found("verdict of this call")?).await
    }

    /// Why something was permitted or refused: that verdict and the pack that was applied.
    ///
    /// # Errors
    /// `NotFound` when there is no such verdict, or the pack is not kept here; then the message names the pack's hash.
    pub async fn explain_verdict(&self, verdict: Id<StoredVerdict>) -> Result<VerdictFile> {
        self.at_least(Role::Viewer)?;
        // One transaction at a time: a database in memory has one connection.
        let verdict = self.tx().await?.find(verdict).await?.or_not_found("verdict")?;
        let hash = verdict.explanation.get("pack_hash").and_then(Json::as_str).unwrap_or_default();
        let kept = self.wib.store.system().await?.kept_pack(hash).await?;
        let kept = kept.ok_or_else(|| {
            let message = format!("the rules {} ({hash}), by which this was judged, are not kept here", verdict.pack);
            Error::new(Kind::NotFound, "rule_pack_not_kept", message)
        })?;
        let pack = serde_json::from_str(&kept.text)
            .map_err(|e| Error::internal("the kept rules cannot be read").because(e))?;
        Ok(VerdictFile { explanation: verdict.explanation, pack })
    }
}
