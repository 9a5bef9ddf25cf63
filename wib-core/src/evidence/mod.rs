//! Evidence: a manifest of hashes for every finished call, chained per organisation, under signed checkpoints.
//!
//! | step | what is written | once per |
//! |---|---|---|
//! | seal | the manifest, and a link that names the link before | call |
//! | checkpoint | length and last hash of the chain, signed with Ed25519 | link |
//! | export | a bundle: manifest, link, checkpoint | on demand |
//! | publish | what an outside time-stamp authority and witnesses say of the newest checkpoint | five minutes |
//!
//! A bundle can be checked by anybody, offline, with [`verify`].

mod bundle;
mod publish;
mod record;
mod seal;
pub(crate) use publish::publish_checkpoints;
pub use publish::stamped_text;
pub(crate) use seal::seal;
mod signer;
mod stamp;
pub mod timestamp;
pub use bundle::{
    Artifact, BUNDLE, Bundle, CHECKPOINT, GENESIS, Link, MANIFEST, Manifest, PartFault, SignedCheckpoint, Verification,
    verify,
};
pub use record::{Checkpoint, EvidenceEntry};
pub use seal::ChainReport;
pub use signer::Signer;
pub use stamp::{Stamp, StampKind};
