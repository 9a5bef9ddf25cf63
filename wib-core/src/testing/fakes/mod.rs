//! Stand-ins for vendors, in memory and on the injected clock.

pub mod cache;
pub mod mailer;
pub mod queue;

pub use cache::FakeCache;
pub use mailer::FakeMailer;
pub use queue::FakeQueue;
