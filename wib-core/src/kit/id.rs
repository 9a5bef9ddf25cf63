//! Typed ids.

use std::{fmt, hash, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::{Error, random::Random, time::Timestamp};

/// The id of one `T`: a UUID that knows its record.
///
/// Ours are version 7, made from the clock and the chance of the running system, so they sort by time. Any version is
/// accepted from outside.
pub struct Id<T: ?Sized>(Uuid, PhantomData<fn() -> T>);

impl<T: ?Sized> Id<T> {
    /// A new id of this instant.
    pub fn new(now: Timestamp, random: &dyn Random) -> Self {
        let mut noise = [0u8; 10];
        random.fill(&mut noise);
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        Self::from(uuid::Builder::from_unix_timestamp_millis(millis, &noise).into_uuid())
    }
    /// The id as a plain UUID.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }
    /// The same UUID seen as the id of another record (a subject that is named by kind and id).
    #[must_use]
    pub const fn cast<U: ?Sized>(self) -> Id<U> {
        Id(self.0, PhantomData)
    }
}

impl<T: ?Sized> From<Uuid> for Id<T> {
    fn from(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }
}
impl<T: ?Sized> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: ?Sized> Copy for Id<T> {}
impl<T: ?Sized> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T: ?Sized> Eq for Id<T> {}
impl<T: ?Sized> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T: ?Sized> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<T: ?Sized> hash::Hash for Id<T> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<T: ?Sized> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl<T: ?Sized> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl<T: ?Sized> FromStr for Id<T> {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        // Only the hyphenated form: one id has one text.
        match Uuid::try_parse(text) {
            Ok(uuid) if text.len() == 36 => Ok(Self::from(uuid)),
            _ => Err(Error::invalid("not an id (expected a UUID)")),
        }
    }
}
impl<T: ?Sized> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}
impl<'de, T: ?Sized> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map_err(|_| serde::de::Error::custom("not an id (expected a UUID)"))
    }
}
#[cfg(feature = "schema")]
impl<T: ?Sized> schemars::JsonSchema for Id<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "uuid"})
    }
}
