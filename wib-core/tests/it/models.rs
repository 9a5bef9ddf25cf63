//! The fakes of language models and vectors, and the chain of models, under the suites of their ports.

use std::sync::Arc;

use futures_util::StreamExt;
use wib_core::{
    ai::{LlmChain, guard},
    ports::{
        Embedder, Fault, Llm, Sent, VendorError,
        llm::{Completion, Piece, Prompt},
    },
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
        let llm = Arc::new(LlmChain::new(vec![first, second]));
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
fn prompt() -> Prompt {
    Prompt::new("Answer.", guard("Customer: hello", 100))
}
fn pair() -> (Arc<FakeLlm>, Arc<FakeLlm>, LlmChain) {
    let (first, second) = (Arc::new(FakeLlm::default()), Arc::new(FakeLlm::default()));
    (first.clone(), second.clone(), LlmChain::new(vec![first, second]))
}

#[tokio::test]
async fn what_passes_is_carried_to_the_next_model_and_what_is_ours_to_mend_is_not() {
    for (fault, carried) in [
        (Fault::Down, true),
        (Fault::Timeout, true),
        (Fault::RateLimited, true),
        (Fault::Nonsense, true),
        (Fault::Payment, true),
        (Fault::Request, false),
        (Fault::Credentials, false),
        (Fault::Missing, false),
    ] {
        let (first, second, chain) = pair();
        first.answer(Err(down(fault)));
        first.answer(Err(down(fault)));
        assert_eq!(chain.complete(&prompt()).await.is_ok(), carried, "{fault:?}");
        assert_eq!(chain.stream(&prompt()).await.is_ok(), carried, "{fault:?}");
        assert_eq!(second.asked().len(), if carried { 2 } else { 0 }, "{fault:?}");
    }
}

#[tokio::test]
async fn a_stream_that_broke_after_its_first_piece_is_not_begun_again_elsewhere() {
    let (first, second, chain) = pair();
    first.cut();
    let all: Vec<_> = chain.stream(&prompt()).await.ok().unwrap().collect().await;
    assert!(matches!(&all[..], [Ok(Piece::Text(_)), Err(_)]), "{all:?}");
    assert!(second.asked().is_empty());
}

#[tokio::test]
async fn a_chain_of_nobody_and_one_whose_last_fails_tell_why() {
    let error = LlmChain::new(vec![]).complete(&prompt()).await.unwrap_err();
    assert_eq!((error.fault, error.sent), (Fault::Down, Sent::No));
    let (first, second, chain) = pair();
    first.answer(Err(down(Fault::Down)));
    second.answer(Err(down(Fault::Timeout)));
    assert_eq!(chain.complete(&prompt()).await.unwrap_err().fault, Fault::Timeout);
}

#[test]
fn an_answer_kept_before_tools_were_known_is_read() {
    let kept = r#"{"vendor":"groq","model":"m","text":"t","input_tokens":1,"output_tokens":2,"cost_micros":null,
        "price_book":null,"request_id":null,"live":true}"#;
    let read: Completion = serde_json::from_str(kept).unwrap();
    assert_eq!((read.text.as_str(), read.tool_calls.len(), read.cached_tokens), ("t", 0, 0));
}
