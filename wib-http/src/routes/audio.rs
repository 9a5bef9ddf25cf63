//! Audio that an organisation brings itself, and what is said in it.

use axum::response::Response;
use futures_util::{StreamExt, TryStreamExt};
use http::{Method, header};
use multer::{Constraints, Field, Multipart, SizeLimit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use wib_core::{
    Wib,
    audio::{AudioFile, AudioTranscription, MOST_BYTES, TranscribeAudio, TranscriptionStatus, UploadAudio},
    calls::CallId,
    kit::{Error, Id, Result, Role, Timestamp},
    limits::Limit,
};

use crate::{
    input::{self, ById},
    reply,
    table::{Asked, Routes, Wire, role, session},
};

/// Most bytes of a form besides its file.
const FORM: u64 = 64 << 10;
/// Most bytes of a field that is no file.
const FIELD: u64 = 100;

/// Brings a file of audio.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it is written down for the document; the parts are read one by one")]
struct UploadForm {
    /// Of which call it is; before the file.
    call_id: Option<CallId>,
    /// WAV, MP3, Ogg, FLAC, WebM, M4A or AAC; 100 MiB at most.
    #[schemars(with = "String", extend("format" = "binary"))]
    file: Vec<u8>,
}

/// Asks for what is said in a file.
#[derive(Deserialize, JsonSchema)]
struct HearFile {
    /// Which, or a `file_key`.
    audio_file_id: Option<Id<AudioFile>>,
    #[schemars(length(max = 500))]
    file_key: Option<String>,
    /// BCP 47; English by default.
    #[schemars(length(max = 10))]
    language: Option<String>,
}

/// A file that was brought.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AudioFile")]
struct FileRow {
    id: Id<AudioFile>,
    file_key: String,
    original_name: String,
    content_type: String,
    size_bytes: i64,
    /// `sha256:<hex>` of the bytes.
    media_hash: String,
    call_id: Option<CallId>,
    #[schemars(with = "String")]
    created_at: Timestamp,
}
impl From<AudioFile> for FileRow {
    fn from(file: AudioFile) -> Self {
        Self {
            id: file.id,
            file_key: file.blob_key,
            original_name: file.original_name,
            content_type: file.content_type,
            size_bytes: file.size_bytes,
            media_hash: file.media_hash,
            call_id: file.call_id,
            created_at: file.created_at,
        }
    }
}

/// A file that was brought, in an envelope.
#[derive(Serialize, JsonSchema)]
struct Uploaded {
    success: bool,
    file: FileRow,
}

/// What is asked for.
#[derive(Serialize, JsonSchema)]
struct HearingBegun {
    id: Id<AudioTranscription>,
    status: TranscriptionStatus,
    language: String,
    #[schemars(with = "String")]
    created_at: Timestamp,
}
impl From<AudioTranscription> for HearingBegun {
    fn from(one: AudioTranscription) -> Self {
        let AudioTranscription { id, status, language, created_at, .. } = one;
        Self { id, status, language, created_at }
    }
}

/// What is said in a file.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AudioTranscription")]
struct TranscriptionRow {
    id: Id<AudioTranscription>,
    audio_file_id: Id<AudioFile>,
    file_key: String,
    status: TranscriptionStatus,
    language: String,
    transcript: Option<String>,
    /// 0 to 1.
    confidence: Option<f64>,
    word_count: Option<i64>,
    error: Option<String>,
    #[schemars(with = "String")]
    created_at: Timestamp,
    #[schemars(with = "Option<String>")]
    completed_at: Option<Timestamp>,
}
impl From<(AudioTranscription, AudioFile)> for TranscriptionRow {
    fn from((one, file): (AudioTranscription, AudioFile)) -> Self {
        let part = |ppm: i64| f64::from(i32::try_from(ppm).unwrap_or(0)) / 1e6;
        Self {
            id: one.id,
            audio_file_id: one.audio_file_id,
            file_key: file.blob_key,
            status: one.status,
            language: one.language,
            transcript: one.transcript,
            confidence: one.confidence_ppm.map(part),
            word_count: one.word_count,
            error: one.error,
            created_at: one.created_at,
            completed_at: one.completed_at,
        }
    }
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("audio", "/api/audio")
        .success_false()
        .raw(
            Method::POST,
            "/upload",
            role(Role::Agent).limit(Limit::Audio),
            Wire::json::<Uploaded>().takes_form::<UploadForm>().refuses(&[402, 404, 409]),
            |asked| async move { upload(&asked).await },
        )
        .post("/transcribe", role(Role::Agent).limit(Limit::Audio), |org, c: HearFile| async move {
            let command =
                TranscribeAudio { audio_file_id: c.audio_file_id, file_key: c.file_key, language: c.language };
            org.transcribe_audio(command).await.map(HearingBegun::from)
        })
        .refuses(&[404, 409])
        .item("transcription")
        .get("/transcriptions/{id}", session().limit(Limit::Audio), |org, c: ById<AudioTranscription>| async move {
            org.audio_transcription(c.id).await.map(TranscriptionRow::from)
        })
        .about("Tells what is said in a file, once it was heard.")
        .item("transcription")
}

/// What is wrong with a form, without a word of what is in it.
fn faulty(error: multer::Error) -> Error {
    match error {
        multer::Error::StreamSizeExceeded { .. } | multer::Error::FieldSizeExceeded { .. } => {
            Error::too_large(format!("a file has at most {MOST_BYTES} bytes"))
        }
        other => Error::invalid("the form cannot be read").because(other.to_string()),
    }
}

async fn word(field: Field<'static>, name: &'static str) -> Result<CallId> {
    let text = field.text().await.map_err(faulty)?;
    text.parse().map_err(|_| Error::field(name, "is no id"))
}

async fn upload(asked: &Asked<Wib>) -> Result<Response> {
    let org = asked.org().await?;
    let none = || Error::field("file", "No file provided");
    let told = asked.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let boundary = told.and_then(|told| multer::parse_boundary(told).ok()).ok_or_else(none)?;
    let body = asked.body.lock().ok().and_then(|mut body| body.take()).unwrap_or_default();
    let limits = SizeLimit::new().whole_stream(MOST_BYTES + FORM).for_field("call_id", FIELD);
    let constraints = Constraints::new().allowed_fields(vec!["call_id", "file"]).size_limit(limits);
    let mut form = Multipart::with_constraints(input::paced(asked.core().clock().clone(), body), boundary, constraints);
    let mut command = UploadAudio::default();
    while let Some(field) = form.next_field().await.map_err(faulty)? {
        match field.name() {
            Some("call_id") => command.call_id = Some(word(field, "call_id").await?),
            Some("file") => {
                command.name = field.file_name().map(str::to_owned);
                // The core stops at the bound of its own; what the form breaks with is told as what it is.
                let file = org.upload_audio(command, field.map_err(faulty).boxed()).await?;
                return Ok(reply::json(
                    200,
                    &json!({ "success": true, "file": input::written(&FileRow::from(file))? }),
                ));
            }
            _ => return Err(Error::invalid("a part of the form has no name that is known")),
        }
    }
    Err(none())
}
