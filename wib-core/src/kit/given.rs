//! Fields of a change that may be absent.

use serde::{Deserialize, Deserializer};

/// Reads a field that is there: null is what its type takes null for, not an absent field. With `#[serde(default)]` beside.
///
/// # Errors
/// As the type's own reading: null for a type that has none is refused.
pub fn some<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
