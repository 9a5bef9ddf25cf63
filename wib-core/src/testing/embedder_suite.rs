//! The conformance suite of [`Embedder`]: a function per promise.
//!
//! ```text
//! async fn make(name: &'static str) -> Option<Arc<dyn Embedder>> { .. }   // None: skipped
//! wib_core::embedder_suite!(make);                                        // one named test per case
//! ```

use crate::{
    ai::{Guarded, guard},
    ports::{Embedder, Fault, Sent},
};

/// Makes one test per case. `make` is an `async fn(&'static str) -> Option<Arc<dyn Embedder>>`.
#[macro_export]
macro_rules! embedder_suite {
    ($make:path) => {
        $crate::embedder_suite! { @cases $make:
            each_text_has_its_vector_in_order
            alike_texts_have_alike_vectors
            no_text_and_empty_ones_are_refused_before_they_leave
        }
    };
    (@cases $make:path: $($case:ident)+) => {
        $(#[tokio::test]
        async fn $case() {
            if let Some(embedder) = $make(stringify!($case)).await {
                $crate::testing::embedder_suite::$case(&*embedder).await;
            }
        })+
    };
}

fn texts(all: &[&str]) -> Vec<Guarded> {
    all.iter().map(|text| guard(text, 4000)).collect()
}

fn likeness(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// As many as asked, of one length, the same for the same text, wherever it stands.
pub async fn each_text_has_its_vector_in_order(embedder: &dyn Embedder) {
    let done =
        embedder.embed(&texts(&["I will pay on Friday.", "No.", "I will pay on Friday."])).await.expect("vectors");
    let [first, second, third] = &done.vectors[..] else { panic!("three vectors: {}", done.vectors.len()) };
    assert!(!first.is_empty() && first.len() == second.len() && first == third && first != second);
    let alone = embedder.embed(&texts(&["No."])).await.expect("a vector");
    assert!(likeness(&alone.vectors[0], second) > 0.999);
    assert!(done.vectors.iter().flatten().all(|number| number.is_finite()));
    assert!(done.input_tokens > 0 && done.vendor == embedder.vendor() && !done.model.is_empty());
    assert_eq!((done.live, done.cost_micros.is_some()), (embedder.live(), done.price_book.is_some()));
}

/// What vectors are for.
pub async fn alike_texts_have_alike_vectors(embedder: &dyn Embedder) {
    let asked = ["I want to pay my bill tomorrow", "I want to pay my bill today", "Rain over northern Portugal"];
    let done = embedder.embed(&texts(&asked)).await.expect("vectors");
    let [pay, too, rain] = &done.vectors[..] else { panic!("three vectors") };
    assert!(likeness(pay, too) > likeness(pay, rain));
}

/// Nonsense is told by us, and costs nothing.
pub async fn no_text_and_empty_ones_are_refused_before_they_leave(embedder: &dyn Embedder) {
    for wrong in [texts(&[]), texts(&["a", "  "])] {
        let error = embedder.embed(&wrong).await.expect_err("no vectors");
        assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No));
    }
}
