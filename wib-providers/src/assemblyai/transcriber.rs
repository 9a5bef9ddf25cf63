//! Ordering and fetching transcripts.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Method;
use secrecy::ExposeSecret;
use wib_core::ports::{
    Fault, Transcriber, VendorError,
    transcriber::{TranscriptOrder, TranscriptState},
};

use super::{AssemblyAi, VENDOR, wire};
use crate::http::mask;

/// Pages of 200 that [`Transcriber::find`] looks through, newest first: a lost answer is minutes old.
const PAGES: u32 = 10;

#[async_trait]
impl Transcriber for AssemblyAi {
    fn vendor(&self) -> &'static str {
        VENDOR
    }
    fn live(&self) -> bool {
        self.live
    }

    async fn upload(&self, audio: Bytes, _content_type: &str) -> Result<String, VendorError> {
        let ask = self.client.ask("upload", Method::POST, "/v2/upload").bytes(audio, "application/octet-stream");
        let answer = ask.repeatable().within(Duration::from_secs(300)).send().await?;
        Ok(answer.json::<wire::Uploaded>()?.upload_url)
    }

    async fn submit(&self, order: &TranscriptOrder) -> Result<String, VendorError> {
        let apart = order.channels >= 2;
        let secret = order.webhook_url.as_ref().and_then(|_| self.secrets.first());
        let params = wire::TranscriptParams {
            audio_url: &order.audio_url,
            speech_models: &self.models,
            multichannel: apart.then_some(true),
            speaker_labels: (!apart).then_some(true),
            speakers_expected: (!apart).then_some(2),
            language_code: order.language.as_deref().map(wire::language_code),
            language_detection: order.language.is_none().then_some(true),
            auto_highlights: true,
            sentiment_analysis: true,
            entity_detection: true,
            content_safety: true,
            webhook_url: order.webhook_url.as_deref(),
            webhook_auth_header_name: secret.map(|_| self.header.as_str()),
            webhook_auth_header_value: secret.map(ExposeSecret::expose_secret),
        };
        let answer = self.client.ask("submit", Method::POST, "/v2/transcript").json(&params).send().await?;
        Ok(answer.json::<wire::Ordered>()?.id)
    }

    async fn find(&self, audio_url: &str) -> Result<Option<String>, VendorError> {
        let mut before: Option<String> = None;
        for _ in 0..PAGES {
            let ask = self.client.ask("find", Method::GET, "/v2/transcript").query("limit", "200");
            let ask = if let Some(id) = &before { ask.query("before_id", id) } else { ask };
            let page: wire::TranscriptList = ask.send().await?.json()?;
            if let Some(item) = page.transcripts.iter().find(|item| item.audio_url.as_deref() == Some(audio_url)) {
                return Ok(Some(item.id.clone()));
            }
            // "Previous" is older.
            before =
                page.transcripts.last().map(|item| item.id.clone()).filter(|_| page.page_details.prev_url.is_some());
            if before.is_none() {
                break;
            }
        }
        Ok(None)
    }

    async fn fetch(&self, id: &str) -> Result<TranscriptState, VendorError> {
        let answer =
            self.client.ask("fetch", Method::GET, "/v2/transcript/{}").fill(id).at_most(64 << 20).send().await?;
        let transcript: wire::Transcript = answer.json()?;
        Ok(match transcript.status.as_str() {
            "completed" => TranscriptState::Done(Box::new(transcript.into_ours())),
            "error" => TranscriptState::Failed(mask(transcript.error.as_deref().unwrap_or("no reason given"), 200)),
            _ => TranscriptState::Pending,
        })
    }

    async fn delete(&self, id: &str) -> Result<(), VendorError> {
        match self.client.ask("delete", Method::DELETE, "/v2/transcript/{}").fill(id).send().await {
            Err(gone) if gone.fault == Fault::Missing => Ok(()),
            done => done.map(drop),
        }
    }
}
