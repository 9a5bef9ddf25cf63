//! Ports without a vendor: small, in memory, on a clock that is moved by hand. They obey the suites of their ports.

mod billing;
mod cache;
mod embedder;
mod hooks;
mod live_transcriber;
mod llm;
mod mailer;
mod messenger;
mod numbers;
mod queue;
mod speech;
mod transcriber;
mod trunks;
mod verified_numbers;
mod voice;
mod webrtc;

pub use billing::FakeBilling;
pub use cache::FakeCache;
pub use embedder::FakeEmbedder;
pub use hooks::FakeHooks;
pub use live_transcriber::FakeLiveTranscriber;
pub use llm::FakeLlm;
pub use mailer::FakeMailer;
pub use messenger::FakeMessenger;
pub use numbers::FakeNumbers;
pub use queue::FakeQueue;
pub use speech::FakeSpeech;
pub use transcriber::FakeTranscriber;
pub use trunks::FakeTrunks;
pub use verified_numbers::FakeVerifiedNumbers;
pub use voice::FakeVoice;
pub use webrtc::FakeWebrtc;

use crate::ports::{
    Fault, Sent, VendorError,
    pages::{Place, Portion},
};

/// Rows of a page.
const PAGE: usize = 100;

fn refused(fault: Fault, why: &str) -> VendorError {
    VendorError::new("fake", fault, Sent::Refused, why)
}

fn page<T>(all: Vec<T>, place: Option<&Place>) -> Result<Portion<T>, VendorError> {
    let start = place.map_or(Ok(0), |place| place.0.parse::<usize>());
    let start = start.map_err(|_| refused(Fault::Request, "not a place in this list"))?;
    let end = start.saturating_add(PAGE);
    let next = (all.len() > end).then(|| Place(end.to_string()));
    Ok(Portion { items: all.into_iter().skip(start).take(PAGE).collect(), next })
}
