//! The dialects against their vendors' documents.

use futures_util::StreamExt;
use wib_core::ports::{
    Embedder, Speech,
    speech::{AudioFormat, Say},
};

use super::*;
use crate::testing::contract::Proof;

/// Documented answers hold what nobody asked for: calls of tools, one vector for no text, an error beside an answer, events
/// where a whole answer was wanted, and events that are no more than a word. Told as such, they were understood.
fn understood<T>(outcome: Result<T, VendorError>) -> Result<(), VendorError> {
    const TOLD: [&str; 5] = [
        "a call of a tool that was not offered",
        "not a vector for each text",
        "text",
        "not the JSON expected, at line 1 column 1",
        "the stream was cut before its end",
    ];
    match outcome {
        Err(error) if TOLD.contains(&error.message.as_str()) => Ok(()),
        other => other.map(drop),
    }
}

async fn prove(dialect: Dialect, left_out: &[&str]) {
    let Some(proof) = Proof::of(dialect.vendor) else { return };
    let builder = || dialect.builder(proof.wires(), SecretString::from("k"));
    let chat = builder().build();
    let needs = &["/choices/*/message/content", "/choices/*/delta/content"];
    for asked in [prompt(None), prompt(Some(schema())), talk()] {
        proof.run("complete", needs, async || understood(chat.complete(&asked).await)).await;
        let stream = async || match chat.stream(&asked).await {
            Ok(stream) => understood(stream.collect::<Vec<_>>().await.into_iter().collect::<Result<Vec<_>, _>>()),
            Err(error) => understood(Err::<(), _>(error)),
        };
        proof.run("stream", needs, stream).await;
    }
    if dialect.vendor == "xai" {
        proof.run("deferred", needs, async || understood(chat.deferred("r", &prompt(None)).await)).await;
    }
    if let Some(embedder) = builder().embedder() {
        let texts = [guard("hello", 10)];
        proof.run("embed", &[], async || understood(embedder.embed(&texts).await)).await;
    }
    if let Some(speaker) = builder().speaker() {
        for format in [AudioFormat::Mulaw8k, AudioFormat::Wav, AudioFormat::Mp3, AudioFormat::Opus] {
            let say = Say { text: "Hello".into(), speed_milli: 1250, format, ..Say::default() };
            proof.run("speak", &[], async || speaker.say(&say).await).await;
        }
        proof.run("models", &[], async || speaker.models().await).await;
    }
    proof.end(left_out);
}

#[cfg(feature = "groq")]
#[tokio::test]
async fn contract_groq_is_asked_as_its_document_says() {
    let left_out =
        ["get /openai/v1/models/{model}", "post /openai/v1/audio/transcriptions", "post /openai/v1/audio/translations"];
    prove(crate::groq::GROQ, &left_out).await;
}

#[cfg(feature = "xai")]
#[tokio::test]
async fn contract_xai_is_asked_as_its_document_says() {
    let left_out = ["get /models", "get /models/{model}", "get /responses/{response_id}", "post /responses"];
    prove(crate::xai::XAI, &left_out).await;
}

#[cfg(feature = "openai")]
#[tokio::test]
async fn contract_openai_is_asked_as_its_document_says() {
    let left_out = [
        "delete /responses/{response_id}",
        "get /chat/completions/{completion_id}",
        "get /models/{model}",
        "get /responses/{response_id}",
        "post /audio/transcriptions",
        "post /moderations",
        "post /responses",
        "post /responses/{response_id}/cancel",
    ];
    prove(crate::openai::OPENAI, &left_out).await;
}
