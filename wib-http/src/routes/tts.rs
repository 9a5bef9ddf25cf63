//! Texts said aloud, and their sound.

use axum::response::Response;
use http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wib_core::{
    Org, Wib,
    kit::{Error, Kind, Result, Role},
    limits::Limit,
    orgs::OrganizationId,
    ports::speech::VoiceId,
    speech::{Said, SayText, TtsAudio},
};

use crate::{
    input::ById,
    ranges,
    table::{Asked, Routes, Wire, role},
};

/// Whose a voice is that is named without its vendor.
const USUAL: &str = "elevenlabs";

/// Has a text said aloud; what was said before costs nothing.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Generate {
    /// 1 to 4096 characters.
    #[schemars(length(min = 1, max = 4096))]
    text: String,
    /// A voice: `<vendor>:<id>`, or the id of one of ElevenLabs; the vendor's own by default.
    #[schemars(length(min = 1, max = 100))]
    voice_id: Option<String>,
    /// Such as `es` or `en-GB`.
    #[schemars(length(min = 1, max = 35))]
    language: Option<String>,
    /// Must be the own one.
    organization_id: Option<OrganizationId>,
}

/// A text that was said.
#[derive(Serialize, JsonSchema)]
struct Generated {
    audio_url: String,
    file_key: String,
    duration_seconds: f64,
    /// Whether it had been said before, and cost nothing now.
    cached: bool,
    provider: String,
    voice: String,
}
impl From<Said> for Generated {
    fn from(said: Said) -> Self {
        Self {
            audio_url: format!("/api/audio/files/{}", said.id),
            file_key: said.blob_key,
            duration_seconds: f64::from(i32::try_from(said.duration_ms).unwrap_or(i32::MAX)) / 1000.0,
            cached: said.cached,
            provider: said.vendor,
            voice: said.voice,
        }
    }
}

fn voice(text: &str) -> Result<VoiceId> {
    if text.is_empty() || text.chars().count() > 100 {
        return Err(Error::field("voice_id", "must have 1 to 100 characters"));
    }
    let (vendor, id) = text.split_once(':').unwrap_or((USUAL, text));
    Ok(VoiceId { vendor: vendor.to_owned(), id: id.to_owned() })
}

impl Generate {
    /// What is to be said for that organisation.
    pub(super) fn wish(self, org: &Org) -> Result<SayText> {
        if self.organization_id.is_some_and(|id| id != org.id()) {
            return Err(Error::field("organization_id", "is not yours"));
        }
        let voice = self.voice_id.as_deref().map(voice).transpose()?;
        Ok(SayText { text: self.text, voice, language: self.language, ..SayText::default() })
    }
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("tts", "/api/tts")
        .post("/generate", role(Role::Agent).limit(Limit::ElevenlabsTts), |org, c: Generate| async move {
            let wish = c.wish(&org)?;
            org.say(wish).await.map(Generated::from)
        })
        .refuses(&[502])
        .flat()
}

pub(super) fn files() -> Routes<Wib> {
    Routes::<Wib>::at("audio", "/api/audio").success_false().raw(
        Method::GET,
        "/files/{id}",
        role(Role::Viewer),
        Wire::bytes("audio/mpeg").also(206).takes::<ById<TtsAudio>>().refuses(&[416]),
        |asked| async move { file(&asked).await },
    )
}

/// A text's sound, or a file that was brought: ids of the two never meet.
async fn file(asked: &Asked<Wib>) -> Result<Response> {
    let ById { id } = asked.input::<ById<TtsAudio>>().await?;
    let org = asked.org().await?;
    let (mime, hash, bytes) = match org.open_said(id).await {
        Err(none) if none.kind() == Kind::NotFound => {
            let (file, bytes) = org.open_audio(id.uuid().into()).await?;
            (file.content_type, Some(file.media_hash), bytes)
        }
        said => {
            let (audio, bytes) = said?;
            (audio.content_type.unwrap_or_else(|| "audio/mpeg".to_owned()), audio.media_hash, bytes)
        }
    };
    let tag = hash.map(|hash| format!("\"{hash}\""));
    ranges::answer(asked.headers(), tag.as_deref(), &mime, "audio", &bytes).await
}
