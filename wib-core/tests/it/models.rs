//! The fakes of language models and vectors, and the router of models, under the suites of their ports.

use std::sync::Arc;

use wib_core::{
    ai::Router,
    kit::{OsRandom, SystemClock},
    ports::{Embedder, Fault, Sent, VendorError, llm::Completion},
    testing::{
        fakes::{FakeEmbedder, FakeLlm},
        llm_suite::Subject,
    },
};

mod fake {
    use super::*;
    async fn make(_: &'static str) -> Option<Subject> {
        let llm = Arc::new(FakeLlm::default());
        let same = llm.clone();
        Some(Subject { llm, cut: Some(Box::new(move || same.cut())) })
    }
    wib_core::llm_suite!(make);
}

/// The first is down whenever it is asked, so that the second answers.
mod chain {
    use super::*;
    async fn make(_: &'static str) -> Option<Subject> {
        let (first, second) = (Arc::new(FakeLlm::default()), Arc::new(FakeLlm::default()));
        for _ in 0..100 {
            first.answer(Err(down(Fault::Down)));
        }
        let same = second.clone();
        let llm = Arc::new(Router::new(Arc::new(SystemClock), Arc::new(OsRandom), vec![first, second]));
        Some(Subject { llm, cut: Some(Box::new(move || same.cut())) })
    }
    wib_core::llm_suite!(make);
}

mod vectors {
    use super::*;
    async fn make(_: &'static str) -> Option<Arc<dyn Embedder>> {
        Some(Arc::new(FakeEmbedder))
    }
    wib_core::embedder_suite!(make);
}

fn down(fault: Fault) -> VendorError {
    VendorError::new("first", fault, Sent::Unknown, "as ordered")
}

#[test]
fn an_answer_kept_before_tools_were_known_is_read() {
    let kept = r#"{"vendor":"groq","model":"m","text":"t","input_tokens":1,"output_tokens":2,"cost_micros":null,
        "price_book":null,"request_id":null,"live":true}"#;
    let read: Completion = serde_json::from_str(kept).unwrap();
    assert_eq!((read.text.as_str(), read.tool_calls.len(), read.cached_tokens), ("t", 0, 0));
}
