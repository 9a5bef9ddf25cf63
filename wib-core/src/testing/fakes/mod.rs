//! Ports without a vendor: small, in memory, on a clock that is moved by hand. They obey the suites of their ports.

mod billing;

pub use billing::FakeBilling;
