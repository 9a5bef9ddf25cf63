//! The fakes obey the suites of their ports.

use std::sync::Arc;

use wib_core::{
    cache::MemoryCache,
    kit::VirtualClock,
    testing::{
        fakes::{FakeLiveTranscriber, FakeTranscriber},
        live_transcriber_suite, transcriber_suite,
    },
};

mod memory_cache {
    use super::*;

    async fn make(_: &'static str) -> (MemoryCache, Arc<VirtualClock>) {
        let clock = Arc::new(VirtualClock::new("2026-02-13T10:00:00Z".parse().unwrap()));
        (MemoryCache::new(clock.clone()), clock)
    }
    wib_core::cache_suite!(make);
}

mod transcriber {
    use super::*;

    async fn make(_: &'static str) -> Option<transcriber_suite::Subject> {
        let clock = Arc::new(VirtualClock::new("2026-02-13T10:00:00Z".parse().unwrap()));
        let said = "agent: Hello. How can I help?\ncustomer: I can pay $120 on Friday.\nagent: Thank you.";
        Some(transcriber_suite::Subject {
            transcriber: Arc::new(FakeTranscriber::new(clock.clone())),
            audio: said.into(),
            content_type: "text/plain",
            clock,
        })
    }
    wib_core::transcriber_suite!(make);
}

mod live_transcriber {
    use super::*;

    async fn make(_: &'static str) -> Option<live_transcriber_suite::Subject> {
        let transcriber = Arc::new(FakeLiveTranscriber::default());
        let fake = transcriber.clone();
        let cut: Box<dyn Fn() + Send + Sync> = Box::new(move || fake.cut());
        Some(live_transcriber_suite::Subject {
            transcriber,
            speak: FakeLiveTranscriber::speak,
            changes: true,
            cut: Some(cut),
        })
    }
    wib_core::live_transcriber_suite!(make);
}
