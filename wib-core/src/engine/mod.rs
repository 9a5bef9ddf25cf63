//! The engine: what runs the outbox, the inbox and the scheduled jobs. See [`Worker`].

mod model;
pub use model::{InboxEvent, JobRun, Message, MessageStatus, NewMessage, Owner, QueueDepth, Topic};
