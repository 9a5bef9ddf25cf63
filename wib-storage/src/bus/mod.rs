//! Buses between processes: what leaves waits in a bounded line, and what may have been lost is told as a gap.

#[cfg(feature = "postgres")]
mod postgres;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

#[cfg(feature = "postgres")]
pub use postgres::PgBus;
use tokio::sync::mpsc;
use wib_core::ports::{
    Fault, Sent, VendorError,
    bus::{Heard, Note},
};

/// Notes that may wait to leave.
const WAITING: usize = 4096;
/// Notes that leave together.
const TOGETHER: usize = 128;

/// The line in front of a bus, at the end where notes are put in.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    vendor: &'static str,
    line: mpsc::Sender<Note>,
    missed: Arc<AtomicBool>,
}

/// The same line at the end where notes leave.
#[derive(Debug)]
pub(crate) struct Leaving {
    vendor: &'static str,
    line: mpsc::Receiver<Note>,
    missed: Arc<AtomicBool>,
}

pub(crate) fn outbox(vendor: &'static str) -> (Outbox, Leaving) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let missed = Arc::<AtomicBool>::default();
    (Outbox { vendor, line: sender, missed: missed.clone() }, Leaving { vendor, line: receiver, missed })
}

impl Outbox {
    pub(crate) fn put(&self, note: &Note) -> Result<(), VendorError> {
        self.line.try_send(*note).map_err(|_| {
            self.missed.store(true, Ordering::SeqCst);
            VendorError::new(self.vendor, Fault::Down, Sent::No, "too much waits to be told")
        })
    }
    /// Everybody is told of a gap with what leaves next.
    #[cfg(feature = "nats")]
    pub(crate) fn missed(&self) {
        self.missed.store(true, Ordering::SeqCst);
    }
}
impl Leaving {
    /// What leaves next, in order, once there is something; `None` when nobody puts anything in any more.
    pub(crate) async fn next(&mut self) -> Option<Vec<Heard>> {
        let first = self.line.recv().await?;
        let mut notes = vec![first];
        while notes.len() < TOGETHER
            && let Ok(note) = self.line.try_recv()
        {
            // That there is work is told once.
            if !(note == Note::Work && notes.contains(&note)) {
                notes.push(note);
            }
        }
        Some(self.gap().into_iter().chain(notes.into_iter().map(Heard::Note)).collect())
    }
    /// A gap, when something is to be told of that was lost.
    pub(crate) fn gap(&self) -> Option<Heard> {
        self.missed.swap(false, Ordering::SeqCst).then(|| {
            metrics::counter!("wib_bus_gaps_total", "bus" => self.vendor, "why" => "lost").increment(1);
            Heard::Gap
        })
    }
}

/// How a note is written down.
pub(crate) fn written(heard: &Heard) -> Option<String> {
    serde_json::to_string(heard).ok()
}

/// What was written; what cannot be read is told as a gap: it may be of a newer version.
pub(crate) fn read(text: &[u8]) -> Heard {
    serde_json::from_slice(text).unwrap_or(Heard::Gap)
}
