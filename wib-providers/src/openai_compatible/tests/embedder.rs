//! Vectors, by script.

use base64::{Engine, prelude::BASE64_STANDARD};
use wib_core::{
    ai::Guarded,
    ports::{Embedder, embedder::Embedded},
};

use super::*;

fn texts() -> Vec<Guarded> {
    ["Call me at 312-555-0100", "No"].map(|text| guard(text, 100)).into()
}
fn base64(numbers: &[f32]) -> Value {
    BASE64_STANDARD.encode(numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>()).into()
}
fn vectors(all: &[(usize, Value)]) -> Value {
    let data: Vec<_> =
        all.iter().map(|(index, one)| json!({"object": "embedding", "index": index, "embedding": one})).collect();
    json!({"object": "list", "model": "served-model", "data": data, "usage": {"prompt_tokens": 9, "total_tokens": 9}})
}
async fn embed(script: &Arc<Script>, dialect: Dialect) -> Option<Result<Embedded, VendorError>> {
    let embedder = dialect.builder(script.wires(), SecretString::from("sk-1")).embedder()?;
    Some(script.run(embedder.embed(&texts())).await)
}

#[tokio::test]
async fn guarded_texts_go_and_vectors_come_back_in_order() {
    for (dialect, path) in dialects() {
        let (one, two) = (base64(&[0.5, -1.0]), base64(&[2.0, 0.25]));
        for data in [
            [(0, one.clone()), (1, two.clone())],
            [(1, two), (0, one)],
            [(0, json!([0.5, -1])), (1, json!([2.0, 0.25]))],
        ] {
            let script = Script::new([Reply::json(200, vectors(&data))]);
            let Some(done) = embed(&script, dialect).await else { continue };
            let done = done.unwrap();
            assert_eq!(done.vectors, [[0.5, -1.0], [2.0, 0.25]]);
            assert_eq!(
                (done.vendor.as_str(), done.model.as_str(), done.input_tokens),
                (dialect.vendor, "served-model", 9)
            );
            assert_eq!((done.cost_micros, done.price_book, done.request_id.as_deref()), (None, None, Some("req-1")));
            let body = script.one().json();
            assert_eq!(body["input"], json!(["Call me at [PHONE_1]", "No"]));
            assert_eq!(
                (&body["encoding_format"], &body["model"]),
                (&json!("base64"), &json!(dialect.embeddings.unwrap()))
            );
            conforms(dialect.vendor, &path.replace("chat/completions", "embeddings"), &body);
        }
    }
}

#[cfg(feature = "openai")]
#[tokio::test]
async fn vectors_that_are_not_one_for_each_text_are_none() {
    let one = base64(&[0.5, -1.0]);
    for data in [
        vec![(0, one.clone())],
        vec![(0, one.clone()), (0, one.clone())],
        vec![(0, one.clone()), (2, one.clone())],
        vec![(0, one.clone()), (1, one.clone()), (0, one.clone())],
        vec![(0, one.clone()), (1, base64(&[0.5]))],
        vec![(0, one.clone()), (1, base64(&[0.5, f32::NAN]))],
        vec![(0, one.clone()), (1, json!("AAA="))],
        vec![(0, one.clone()), (1, json!("?"))],
        vec![(0, json!([])), (1, json!([]))],
    ] {
        let script = Script::new([Reply::json(200, vectors(&data))]);
        let error = embed(&script, crate::openai::OPENAI).await.unwrap().unwrap_err();
        assert_eq!((error.fault, error.status), (Fault::Nonsense, Some(200)), "{data:?}");
    }
    let script = Script::new([Reply::status(500)]);
    assert_eq!(embed(&script, crate::openai::OPENAI).await.unwrap().unwrap_err().fault, Fault::Down);
    assert_eq!(script.seen().len(), 1);
}
