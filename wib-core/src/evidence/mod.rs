//! Evidence: a manifest of hashes for every finished call, chained per organisation, under signed checkpoints.

mod record;
pub use record::{Checkpoint, EvidenceEntry};
