//! Vendor adapters for the ports of `wib-core`: one folder per vendor, one feature each.

pub mod transport;
