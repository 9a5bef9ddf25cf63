//! Ports without a vendor: small, in memory, on a clock that is moved by hand. They obey the suites of their ports.

mod live_transcriber;
mod transcriber;

pub use live_transcriber::FakeLiveTranscriber;
pub use transcriber::FakeTranscriber;
