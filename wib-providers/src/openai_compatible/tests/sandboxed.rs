//! The dialects over the sandbox, under the suites of their ports; chains of them too.

use futures_util::StreamExt;
use wib_core::{
    ai::{Router, SpeechChain},
    kit::{SeededRandom, VirtualClock},
    ports::{Embedder, Speech, speech::Say},
    testing::{llm_suite, speech_suite},
};

use super::*;
use crate::{
    sandbox::{Fault as Ordered, FaultKind, Sandbox, Settings},
    vendor::Adapters,
};

fn sandbox() -> (Sandbox, Adapters) {
    let clock = Arc::new(VirtualClock::new("2026-02-13T10:00:00Z".parse().unwrap()));
    let sandbox = Sandbox::new(clock.clone(), 5, Settings::default());
    let wires = sandbox.wires(clock, Arc::new(SeededRandom::new(3)));
    let adapters = sandbox.adapters(&wires).unwrap();
    (sandbox, adapters)
}
fn order(sandbox: &Sandbox, vendor: &str, operation: &str, times: u32, kind: FaultKind) {
    sandbox.inject(Ordered { vendor: vendor.to_owned(), operation: operation.to_owned(), times, kind });
}
fn llm(vendor: &'static str) -> llm_suite::Subject {
    let (sandbox, adapters) = sandbox();
    let llm = adapters.llms.into_iter().find(|llm| llm.vendor() == vendor).unwrap();
    let cut = move || order(&sandbox, vendor, "chat", 1, FaultKind::CutAfterEffect);
    llm_suite::Subject { llm, cut: Some(Box::new(cut)) }
}
fn speech(vendor: &'static str) -> speech_suite::Subject {
    let (sandbox, adapters) = sandbox();
    let speech = adapters.speeches.into_iter().find(|speech| speech.vendor() == vendor).unwrap();
    let cut = move || order(&sandbox, vendor, "speak", 1, FaultKind::CutAfterEffect);
    speech_suite::Subject { speech, cut: Some(Box::new(cut)) }
}
fn embedder(vendor: &'static str) -> Arc<dyn Embedder> {
    sandbox().1.embedders.into_iter().find(|embedder| embedder.vendor() == vendor).unwrap()
}

macro_rules! suites {
    ($($vendor:ident $feature:literal: $($suite:ident)+;)+) => {
        $(#[cfg(feature = $feature)]
        mod $vendor {
            $(mod $suite {
                suites!(@ $suite, stringify!($vendor));
            })+
        })+
    };
    (@ llm, $vendor:expr) => {
        async fn make(_: &'static str) -> Option<wib_core::testing::llm_suite::Subject> {
            Some(super::super::llm($vendor))
        }
        wib_core::llm_suite!(make);
    };
    (@ embedder, $vendor:expr) => {
        async fn make(_: &'static str) -> Option<std::sync::Arc<dyn wib_core::ports::Embedder>> {
            Some(super::super::embedder($vendor))
        }
        wib_core::embedder_suite!(make);
    };
    (@ speech, $vendor:expr) => {
        async fn make(_: &'static str) -> Option<wib_core::testing::speech_suite::Subject> {
            Some(super::super::speech($vendor))
        }
        wib_core::speech_suite!(make);
    };
}
suites! {
    groq "groq": llm embedder speech;
    xai "xai": llm;
    openai "openai": llm embedder speech;
    elevenlabs "elevenlabs": speech;
}

/// The first vendor is down whenever it is asked, so that the next one answers.
#[cfg(all(feature = "groq", feature = "xai"))]
mod chain {
    use super::*;
    async fn make(_: &'static str) -> Option<llm_suite::Subject> {
        let (sandbox, adapters) = sandbox();
        order(&sandbox, "groq", "chat", 1000, FaultKind::Status { status: 503, retry_after: None });
        let cut = move || {
            order(&sandbox, "xai", "chat", 1, FaultKind::CutAfterEffect);
            order(&sandbox, "openai", "chat", 1, FaultKind::Status { status: 503, retry_after: None });
        };
        let clock = Arc::new(VirtualClock::new("2026-02-13T10:00:00Z".parse().unwrap()));
        let llm = Arc::new(Router::new(clock, Arc::new(SeededRandom::new(3)), adapters.llms));
        Some(llm_suite::Subject { llm, cut: Some(Box::new(cut)) })
    }
    wib_core::llm_suite!(make);
}

#[cfg(all(feature = "groq", feature = "openai"))]
mod speech_chain {
    use super::*;
    async fn make(_: &'static str) -> Option<speech_suite::Subject> {
        let (sandbox, adapters) = sandbox();
        order(&sandbox, "groq", "speak", 1000, FaultKind::Status { status: 503, retry_after: None });
        // A voice of the first would be asked of the first; the others' speak.
        let speeches: Vec<_> = adapters.speeches.into_iter().filter(|speech| speech.vendor() != "elevenlabs").collect();
        let cut = move || order(&sandbox, "openai", "speak", 1, FaultKind::CutAfterEffect);
        Some(speech_suite::Subject { speech: Arc::new(SpeechChain::new(speeches)), cut: Some(Box::new(cut)) })
    }
    wib_core::speech_suite!(make);
}

#[tokio::test]
async fn an_error_among_the_events_ends_the_stream_and_one_instead_of_an_answer_is_carried_on() {
    for (dialect, _) in dialects() {
        let (sandbox, adapters) = sandbox();
        let llm = adapters.llms.into_iter().find(|llm| llm.vendor() == dialect.vendor).unwrap();
        order(&sandbox, dialect.vendor, "chat", 2, FaultKind::ErrorInside);
        let mut all: Vec<_> = llm.stream(&prompt(None)).await.ok().unwrap().collect().await;
        assert_eq!(all.pop().unwrap().unwrap_err().fault, Fault::Down, "{}", dialect.vendor);
        assert_eq!(llm.complete(&prompt(None)).await.unwrap_err().fault, Fault::Down, "{}", dialect.vendor);
        assert!(llm.complete(&prompt(None)).await.is_ok());
    }
}

#[cfg(all(feature = "groq", feature = "openai"))]
#[tokio::test]
async fn who_is_down_before_the_first_audio_is_not_missed() {
    let (sandbox, adapters) = sandbox();
    let chain = SpeechChain::new(adapters.speeches);
    let say = Say { text: "Hello there".into(), ..Say::default() };
    for (kind, vendor) in [
        (None, "groq"),
        (Some(FaultKind::Status { status: 402, retry_after: None }), "openai"),
        (Some(FaultKind::NoConnection), "openai"),
        (Some(FaultKind::ErrorInside), "openai"),
    ] {
        if let Some(kind) = kind {
            order(&sandbox, "groq", "speak", 3, kind);
        }
        assert_eq!(chain.stream(&say).await.unwrap().head.vendor, vendor, "{kind:?}");
    }
}

#[cfg(feature = "xai")]
#[tokio::test]
async fn an_answer_for_later_is_there_later_and_once() {
    let clock = Arc::new(VirtualClock::new("2026-02-13T10:00:00Z".parse().unwrap()));
    let sandbox = Sandbox::new(clock.clone(), 5, Settings::default());
    let chat = crate::xai::builder(sandbox.wires(clock.clone(), Arc::new(SeededRandom::new(3))), "k".to_owned().into())
        .build();
    let id = chat.defer(&prompt(None)).await.unwrap();
    assert_eq!(chat.deferred(&id, &prompt(None)).await.unwrap(), None);
    clock.advance(std::time::Duration::from_secs(2));
    let whole = chat.deferred(&id, &prompt(None)).await.unwrap().unwrap();
    assert!(!whole.text.is_empty() && whole.price_book.as_deref() == Some("billed"));
    assert_eq!(chat.deferred(&id, &prompt(None)).await.unwrap_err().fault, Fault::Missing);
}
