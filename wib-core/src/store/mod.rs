//! What the core asks of a database.

mod value;
pub use value::{Column, Value, ValueKind};
