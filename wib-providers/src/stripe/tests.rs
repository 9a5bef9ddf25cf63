//! Exact requests, odd answers, deliveries, the sandbox, and the contract.

#[cfg(feature = "sandbox")]
mod conformance;
