//! [`Blobs`](wib_core::ports::Blobs): in a folder, in memory, on S3 and what speaks like it.
//!
//! | | whole or not at all by | addresses of its own |
//! |---|---|---|
//! | [`FolderBlobs`] | a draft, the disk, a new name | no |
//! | [`MemoryBlobs`] | one entry | no |
//! | `S3Blobs` (feature `s3`) | one request, or an upload in parts that is completed last | presigned |

mod folder;
mod memory;
#[cfg(feature = "s3")]
mod s3;

pub use folder::FolderBlobs;
pub use memory::MemoryBlobs;
#[cfg(feature = "s3")]
pub use s3::{S3Blobs, S3Settings};
