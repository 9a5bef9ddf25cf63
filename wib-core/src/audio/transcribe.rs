//! Hearing what is said in a file: order, wait, fetch. An order whose answer was lost is looked for, not repeated.

use std::time::Duration;

use serde_json::json;

use super::{AudioFile, AudioTranscription, TranscriptionStatus};
use crate::{
    ai::payment::{self, Turn},
    blobs::Opened,
    engine::{Done, Message, NewMessage, Topic},
    kit::{Error, Id, OrNotFound, Result, Role, text, time},
    orgs::OrganizationId,
    ports::{
        Sent,
        transcriber::{RawTranscript, TranscriptOptions, TranscriptOrder, TranscriptState},
    },
    wib::{Org, Wib},
};

/// How often a transcript is asked after.
const ASK_EVERY: Duration = Duration::from_secs(30);
/// How long a vendor may fetch audio by its address.
const LENT: Duration = Duration::from_secs(6 * 3600);
/// Most bytes that are uploaded in one piece.
const UPLOADED_WHOLE: u64 = 8 << 20;
/// How long after its order a transcript is waited for.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Most transcriptions of a file.
const MOST: usize = 20;

/// Asks for what is said in a file; one of the two names it.
#[derive(Clone, Debug, Default)]
pub struct TranscribeAudio {
    /// Which.
    pub audio_file_id: Option<Id<AudioFile>>,
    /// By the place of its bytes.
    pub file_key: Option<String>,
    /// In which language, BCP 47; English by default.
    pub language: Option<String>,
}

fn ids(message: &Message) -> Result<(OrganizationId, Id<AudioTranscription>)> {
    let organization = message.organization_id.ok_or_else(|| Error::internal("a transcription has no organization"))?;
    Ok((organization, message.payload_field("transcription_id")?))
}

impl Org {
    /// Has a file heard. The words come later: [`audio_transcription`](Org::audio_transcription) tells.
    ///
    /// # Errors
    /// `Invalid` naming the field; `NotFound` for a file that is not the organisation's; `Conflict` when it was asked for
    /// too often; `Forbidden` below agent.
    pub async fn transcribe_audio(&self, command: TranscribeAudio) -> Result<AudioTranscription> {
        self.at_least(Role::Agent)?;
        let key = text::optional("file_key", command.file_key, 500)?;
        let language = text::optional("language", command.language, 10)?.unwrap_or_else(|| "en".to_owned());
        if !language.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            return Err(Error::field("language", "is no language's tag"));
        }
        let mut tx = self.tx().await?;
        let file: Option<AudioFile> = match (command.audio_file_id, &key) {
            (Some(id), None) => tx.find(id).await?,
            (None, Some(key)) => tx.audio_file_by_key(key).await?,
            (Some(id), Some(key)) => tx.find(id).await?.filter(|file: &AudioFile| file.blob_key == *key),
            (None, None) => return Err(Error::field("audio_file_id", "or a file_key is required")),
        };
        let file = file.or_not_found("audio")?;
        if tx.transcriptions_of_file(file.id).await?.len() >= MOST {
            return Err(Error::conflict(format!("a file is heard at most {MOST} times")));
        }
        let now = self.wib.now();
        let transcription = AudioTranscription {
            id: self.wib.id(),
            audio_file_id: file.id,
            status: TranscriptionStatus::Processing,
            language,
            vendor: self.wib.transcriber.vendor().to_owned(),
            audio_url: None,
            vendor_id: None,
            transcript: None,
            confidence_ppm: None,
            word_count: None,
            scrubbed: 0,
            error: None,
            live: self.wib.transcriber.live(),
            created_by: self.actor().user(),
            created_at: now,
            completed_at: None,
        };
        tx.insert(&transcription).await?;
        let payload = json!({"transcription_id": transcription.id});
        let key = transcription.id.to_string();
        tx.enqueue(&NewMessage { topic: Topic::SubmitAudio, key, payload, run_at: now }).await?;
        let told = json!({"transcription_id": transcription.id, "language": transcription.language});
        let line = self.audit("audio:transcription_started", ("audio_file", Some(file.id.uuid())));
        line.is(&told).write(&mut *tx).await;
        tx.commit().await?;
        self.wib.wake();
        Ok(transcription)
    }

    /// What is said in a file, and the file.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn audio_transcription(&self, id: Id<AudioTranscription>) -> Result<(AudioTranscription, AudioFile)> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        let transcription: AudioTranscription = tx.find(id).await?.or_not_found("transcription")?;
        let file = tx.find(transcription.audio_file_id).await?.or_not_found("audio")?;
        Ok((transcription, file))
    }
}

/// Hands the audio over and orders its transcript. What was forgotten meanwhile is not heard.
pub(crate) async fn submit(wib: &Wib, message: &Message) -> Result<Done> {
    let (organization, id) = ids(message)?;
    let mut tx = wib.store.org(organization).await?;
    let Some(mut one) = tx.find(id).await? else { return Ok(Done::Ack) };
    if one.vendor_id.is_some() || one.status != TranscriptionStatus::Processing {
        return Ok(Done::Ack);
    }
    let file: AudioFile = tx.find(one.audio_file_id).await?.or_not_found("audio")?;
    drop(tx);
    let audio_url = match one.audio_url.clone() {
        Some(url) => url,
        None => {
            let url = handed_over(wib, &file).await?;
            let mut tx = wib.store.org(organization).await?;
            one.audio_url = Some(url.clone());
            tx.update(&one).await?;
            tx.commit().await?;
            url
        }
    };
    if message.started_at.is_some()
        && let Some(vendor_id) = wib.transcriber.find(&audio_url).await?
    {
        return ordered(wib, organization, one, vendor_id).await;
    }
    if !crate::calls::mark_started(wib, message).await? {
        return Ok(Done::Lost);
    }
    let order = TranscriptOrder {
        audio_url,
        channels: 1,
        language: Some(one.language.clone()),
        // We ask: an event names a call's transcript, and this is of none.
        webhook_url: None,
        options: TranscriptOptions::default(),
    };
    match wib.transcriber.submit(&order).await {
        Ok(vendor_id) => ordered(wib, organization, one, vendor_id).await,
        Err(e) if e.sent == Sent::Unknown => {
            let at = time::after(wib.now(), Duration::from_secs(5));
            Ok(Done::Later { at, why: e.to_string(), started: true, counted: true })
        }
        Err(e) => Ok(Done::Undone(e.into())),
    }
}

/// Where the vendor gets the audio: a signed address of the blob, where there is one that it can reach; otherwise an
/// upload.
async fn handed_over(wib: &Wib, file: &AudioFile) -> Result<String> {
    let hash = Some(file.media_hash.clone());
    let audio = Opened::open(wib, &file.blob_key, Some(file.size_bytes), hash).await?;
    if wib.transcriber.live()
        && let Some(url) = wib.blob_url(&file.blob_key, &file.content_type, LENT).await?
        && url.starts_with("https://")
    {
        audio.check().await?;
        return Ok(url);
    }
    if audio.size() > UPLOADED_WHOLE {
        return Ok(wib.transcriber.upload_stream(audio.upload()?, audio.size()).await?);
    }
    Ok(wib.transcriber.upload(audio.whole().await?, &file.content_type).await?)
}

async fn ordered(wib: &Wib, organization: OrganizationId, one: AudioTranscription, vendor_id: String) -> Result<Done> {
    let mut tx = wib.store.org(organization).await?;
    let Some(mut one) = tx.find(one.id).await? else {
        // It was forgotten meanwhile; so is the copy.
        let payload = json!({"vendor": one.vendor, "vendor_id": vendor_id});
        let key = format!("audio:{}", one.id);
        tx.enqueue(&NewMessage { topic: Topic::ForgetTranscript, key, payload, run_at: wib.now() }).await?;
        tx.commit().await?;
        return Ok(Done::Ack);
    };
    one.vendor_id = Some(vendor_id);
    tx.update(&one).await?;
    let payload = json!({"transcription_id": one.id});
    let run_at = time::after(wib.now(), ASK_EVERY);
    tx.enqueue(&NewMessage { topic: Topic::FetchAudio, key: one.id.to_string(), payload, run_at }).await?;
    tx.commit().await?;
    Ok(Done::Ack)
}

/// Asks for the transcript, until it is there.
pub(crate) async fn ask(wib: &Wib, message: &Message) -> Result<Done> {
    let (organization, id) = ids(message)?;
    let Some(one) = wib.store.org(organization).await?.find(id).await? else { return Ok(Done::Ack) };
    let Some(vendor_id) = one.vendor_id.as_deref().filter(|_| one.status == TranscriptionStatus::Processing) else {
        return Ok(Done::Ack);
    };
    match wib.transcriber.fetch(vendor_id).await? {
        TranscriptState::Done(raw) => keep(wib, organization, id, *raw).await?,
        TranscriptState::Failed(why) => failed(wib, organization, id, &why).await?,
        TranscriptState::Deleted => failed(wib, organization, id, "deleted at the vendor").await?,
        TranscriptState::Pending if wib.now() > time::after(message.created_at, LONGEST) => {
            failed(wib, organization, id, "the vendor never finished it").await?;
        }
        TranscriptState::Pending => {
            return Ok(Done::wait(time::after(wib.now(), ASK_EVERY), "the transcript is not ready"));
        }
    }
    Ok(Done::Ack)
}

async fn keep(wib: &Wib, organization: OrganizationId, id: Id<AudioTranscription>, raw: RawTranscript) -> Result<()> {
    // Before anything is kept: no card's number or code is ever written down.
    let turns: Vec<_> =
        raw.utterances.iter().map(|u| Turn { speaker: &u.speaker, text: &u.text, masked: false }).collect();
    let scrubbed = payment::scrub(&turns);
    let lines = raw.utterances.iter().zip(&scrubbed.texts);
    let transcript: String = lines.map(|(u, text)| format!("{}: {text}\n", u.speaker)).collect();
    let words: usize = scrubbed.texts.iter().map(|text| text.split_whitespace().count()).sum();
    let said = i64::try_from(raw.utterances.len()).unwrap_or(i64::MAX);
    let sure: i64 = raw.utterances.iter().map(|u| u.confidence_ppm.clamp(0, 1_000_000)).sum();
    let mut tx = wib.store.org(organization).await?;
    let Some(mut one) = tx.find(id).await? else { return Ok(()) };
    one.status = TranscriptionStatus::Completed;
    one.language = raw.language;
    one.transcript = Some(transcript);
    one.confidence_ppm = (said > 0).then(|| sure / said);
    one.word_count = i64::try_from(words).ok();
    one.scrubbed = i64::try_from(scrubbed.count).unwrap_or(i64::MAX);
    one.completed_at = Some(wib.now());
    tx.update(&one).await?;
    tx.commit().await
}

async fn failed(wib: &Wib, organization: OrganizationId, id: Id<AudioTranscription>, why: &str) -> Result<()> {
    let mut tx = wib.store.org(organization).await?;
    let Some(mut one) = tx.find(id).await? else { return Ok(()) };
    if one.status == TranscriptionStatus::Processing {
        one.status = TranscriptionStatus::Failed;
        one.error = Some(why.chars().take(500).collect());
        one.completed_at = Some(wib.now());
        tx.update(&one).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// An order that cannot be placed, or asked after.
pub(crate) async fn give_up(wib: &Wib, message: &Message, why: &str) -> Result<()> {
    let (organization, id) = ids(message)?;
    failed(wib, organization, id, why).await
}
