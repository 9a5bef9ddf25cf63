//! The engine: what runs the outbox, the inbox and the scheduled jobs.
//!
//! Everything that must happen after a commit is a message, written in the same transaction. A [`Worker`] leases messages
//! and runs their handlers; a handler may run twice and does its work once, because rows are keyed and vendors are given
//! keys. What fails is tried again with a growing wait; what goes on failing becomes a dead letter with its reason, and
//! can be replayed.

mod consumer;
mod inbox;
mod model;
pub(crate) mod outage;
mod worker;
pub use consumer::Consumer;
pub use inbox::{Check, Health, Receipt, ReceiveError};
pub use model::{InboxEvent, JobRun, Message, MessageStatus, NewMessage, Owner, QueueDepth, RunOutcome, Topic};
pub(crate) use worker::Done;
pub use worker::{Limits, Worker};

pub use crate::jobs::{self, Scheduler};
