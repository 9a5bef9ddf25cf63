//! Vendor adapters for the ports of `wib-core`: one folder per vendor, one feature each.

#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod transport;
