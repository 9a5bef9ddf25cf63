//! stub until merged
mod record;
pub use record::StoredVerdict;
