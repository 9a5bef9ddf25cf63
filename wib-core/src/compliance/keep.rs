//! Packs of rules are kept: a verdict is judged again with the one it was made with, however long ago that was.

use std::sync::{Arc, PoisonError};

use super::{KeptPack, RulePack};
use crate::{
    kit::{Result, Timestamp, canonical},
    wib::Wib,
};

impl KeptPack {
    /// A pack to be kept.
    ///
    /// # Errors
    /// `Invalid` when it has no canonical form.
    pub fn of(pack: &RulePack, now: Timestamp) -> Result<Self> {
        let text = canonical::to_text(pack)?;
        Ok(Self { hash: canonical::sha256(text.as_bytes()), version: pack.version.clone(), text, created_at: now })
    }
}

impl Wib {
    /// Keeps these rules, then judges with them, as [`swap_rules`](Self::swap_rules) does.
    ///
    /// # Errors
    /// `Invalid` naming the rule that cannot be judged with, and when the database does not answer; the old rules stay.
    pub async fn adopt_rules(&self, pack: RulePack) -> Result<()> {
        pack.check()?;
        let mut tx = self.store.system().await?;
        tx.keep_pack(&KeptPack::of(&pack, self.now())?).await?;
        tx.commit().await?;
        self.swap_rules(pack)
    }
    /// Keeps the rules in force, unless they are known to be kept. Whoever may give a verdict asks for it first.
    pub(crate) async fn keep_rules(&self) -> Result<()> {
        let pack = self.rules();
        let known = |kept: &Arc<RulePack>| Arc::ptr_eq(kept, &pack);
        if self.kept.read().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(known) {
            return Ok(());
        }
        let mut tx = self.store.system().await?;
        tx.keep_pack(&KeptPack::of(&pack, self.now())?).await?;
        tx.commit().await?;
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = Some(pack);
        Ok(())
    }
}
