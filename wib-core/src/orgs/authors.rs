use std::collections::{BTreeMap, BTreeSet};

use crate::{auth::UserId, kit::Result, wib::Org};

/// Who somebody is that a row names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// Mail address.
    pub email: String,
    /// Shown name.
    pub name: String,
}

impl Org {
    /// Who the users are that rows of this organisation name, also those who left it; a page of them at a time.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn authors(&self, ids: impl IntoIterator<Item = UserId> + Send) -> Result<BTreeMap<UserId, Author>> {
        let ids: BTreeSet<_> = ids.into_iter().collect();
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let ids: Vec<_> = ids.into_iter().collect();
        Ok(self.wib.store.system().await?.authors(&ids).await?.into_iter().collect())
    }
}
