//! Lists of numbers that others keep (registries, known litigants, reassigned numbers), as they were last looked through.

mod import;

pub use import::{ImportList, ListReport};
use serde::{Deserialize, Serialize};

use crate::{
    compliance::ListKind,
    kit::{Id, Phone, time::Timestamp},
    store::Record,
};

/// How a list stands: a row without a number per version that was looked through whole, a row per number that it names.
///
/// A number is on a list when its row says so and is not older than the whole version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListCheck {
    /// Its id.
    pub id: Id<ListCheck>,
    /// Which list.
    pub list: ListKind,
    /// Which number; none is the list's version as a whole.
    pub phone: Option<Phone>,
    /// Whether the number is on it; false for a version.
    pub listed: bool,
    /// The date of the version, or of the single look-up.
    pub as_of: Timestamp,
    /// Whose list (`US-FL`, a vendor's name).
    pub source: String,
    /// When it was read.
    pub created_at: Timestamp,
}
impl Record for ListCheck {
    const NAME: &'static str = "list check";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
