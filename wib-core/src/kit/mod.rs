//! Words without a domain: ids, money, phones, time, chance, pages, errors, roles.

pub mod access;
pub mod canonical;
pub mod error;
pub mod given;
pub mod id;
pub mod money;
pub mod page;
pub mod phone;
pub mod random;
pub mod text;
pub mod time;

pub use access::{Actor, Principal, Role};
pub use error::{Error, FieldFault, Kind, OrNotFound, Result};
pub use id::Id;
pub use money::{Currency, Money};
pub use page::{Cursor, List, Page, PageRequest, Stretch};
pub use phone::Phone;
pub use random::{OsRandom, Random, SeededRandom};
pub use secrecy::{ExposeSecret, SecretString};
pub use time::{Clock, ScaledClock, SystemClock, Timestamp, VirtualClock};
