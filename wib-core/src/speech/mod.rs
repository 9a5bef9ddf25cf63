//! Texts said aloud, each once: the sound is kept for the organisation, and what is asked for again costs nothing.
//!
//! What was said is not written down: a row knows its text by a hash alone. A sound that nobody asks for is deleted after
//! [`KEPT`], and the ones asked for least recently go when there are more than [`MOST`]. Translations that are spoken on
//! calls are no part of this: they are a person's words, and gone once they were heard ([`live`](crate::live)).

mod file;
mod route;

use std::time::Duration;

pub(crate) use file::File;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    blobs::Opened,
    engine::{NewMessage, Topic},
    kit::{Error, Id, OrNotFound, Result, Role, canonical, time, time::Timestamp},
    ports::{
        Fault,
        speech::{AudioFormat, Say, VoiceId},
    },
    store::{OrgTx, Record},
    text_enum,
    wib::{Org, Wib},
};

/// How long a sound is kept that nobody asks for.
pub const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Most sounds of an organisation.
pub const MOST: i64 = 10_000;
/// Sounds that are removed beside a new one.
const REMOVED_AT_ONCE: i64 = 100;
/// A sound that is not made after this has no maker any more.
const MAKING: Duration = Duration::from_secs(60);
/// How often somebody else's making is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How long it is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

text_enum! {
    /// How a sound stands.
    pub enum TtsStatus {
        /// Somebody has it said.
        Making = "making",
        /// It is there.
        Ready = "ready",
    }
}

/// A text that was said aloud. It holds no words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TtsAudio {
    /// Its id.
    pub id: Id<TtsAudio>,
    /// `sha256:<hex>` of text, voice, language, speed, format, and who may have said it; unique.
    pub key: String,
    /// How it stands.
    pub status: TtsStatus,
    /// Where the sound is.
    pub blob_key: Option<String>,
    /// Its media type.
    pub content_type: Option<String>,
    /// Its bytes.
    pub size_bytes: Option<i64>,
    /// `sha256:<hex>` of them.
    pub media_hash: Option<String>,
    /// How long it is: measured where the format tells, else estimated from the words.
    pub duration_ms: Option<i64>,
    /// Who said it.
    pub vendor: Option<String>,
    /// With which model.
    pub model: Option<String>,
    /// In which voice.
    pub voice: Option<String>,
    /// Characters that were charged.
    pub characters: Option<i64>,
    /// Millionths of a US dollar; an unknown price stays unknown.
    pub cost_micros: Option<i64>,
    /// Version of the price book the cost was taken from.
    pub price_book: Option<String>,
    /// False when a sandbox said it.
    pub live: bool,
    /// How often it was asked for again.
    pub hits: i64,
    /// When it was first asked for.
    pub created_at: Timestamp,
    /// When it was last asked for.
    pub used_at: Timestamp,
}
impl Record for TtsAudio {
    const NAME: &'static str = "audio";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// Has a text said aloud.
#[derive(Clone, Debug)]
pub struct SayText {
    /// The words: 1 to 4096 characters.
    pub text: String,
    /// Whose voice; the vendor's own for the language by default.
    pub voice: Option<VoiceId>,
    /// The language of the text; English by default, as far as it matters.
    pub language: Option<String>,
    /// How fast, in thousandths of the usual: 250 to 4000.
    pub speed_milli: u32,
    /// The audio wanted. Bare samples come as a WAV file.
    pub format: AudioFormat,
    /// Vendors that are not asked.
    pub without: Vec<String>,
}
impl Default for SayText {
    /// No words yet, at the usual speed, as MP3.
    fn default() -> Self {
        let (text, voice, language, without) = (String::new(), None, None, vec![]);
        Self { text, voice, language, speed_milli: 1000, format: AudioFormat::Mp3, without }
    }
}

/// A text that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its row.
    pub id: Id<TtsAudio>,
    /// Where the sound is.
    pub blob_key: String,
    /// Its media type.
    pub content_type: String,
    /// How long it is: measured where the format tells, else estimated from the words.
    pub duration_ms: i64,
    /// Who said it.
    pub vendor: String,
    /// In which voice.
    pub voice: String,
    /// Whether it had been said before, and cost nothing now.
    pub cached: bool,
    /// What it cost now, in millionths of a US dollar; `None` when the price is unknown.
    pub cost_micros: Option<i64>,
    /// False when a sandbox said it.
    pub live: bool,
}

impl Said {
    fn of(audio: TtsAudio, cached: bool) -> Result<Self> {
        let lacking = || Error::internal("a sound that is ready lacks a part");
        Ok(Self {
            id: audio.id,
            blob_key: audio.blob_key.ok_or_else(lacking)?,
            content_type: audio.content_type.ok_or_else(lacking)?,
            duration_ms: audio.duration_ms.ok_or_else(lacking)?,
            vendor: audio.vendor.ok_or_else(lacking)?,
            voice: audio.voice.ok_or_else(lacking)?,
            cached,
            cost_micros: if cached { Some(0) } else { audio.cost_micros },
            live: audio.live,
        })
    }
}

impl Org {
    /// Has a text said aloud, or gives the sound of when it was said before. Of several who ask for the same at once, one
    /// has it said.
    ///
    /// # Errors
    /// `Invalid` for a text, speed or language that cannot be said; `Unavailable` with the code `TTS_NOT_CONFIGURED` when
    /// nobody says texts here, with `NO_TTS_PROVIDER` when nobody may be asked, and when somebody else's making takes too long; the vendor's failure; `Forbidden` below
    /// agent.
    pub async fn say(&self, wish: SayText) -> Result<Said> {
        self.at_least(Role::Agent)?;
        let wib = &self.wib;
        let speech = wib
            .speech()
            .ok_or_else(|| Error::unavailable("nobody says texts aloud here").code("TTS_NOT_CONFIGURED"))?;
        let mut vendors = speech.vendors();
        vendors.retain(|vendor| !wish.without.iter().any(|not| not == vendor));
        if vendors.is_empty() {
            return Err(Error::unavailable("nobody who may be asked says texts aloud").code("NO_TTS_PROVIDER"));
        }
        let SayText { text, voice, language, speed_milli, format, without } = wish;
        let say = Say { text, voice, language, speed_milli, format, without };
        if let Err(wrong) = say.check("wib") {
            let usual = Say { text: say.text.clone(), ..Say::default() };
            let field = match () {
                () if usual.check("wib").is_err() => "text",
                () if (Say { speed_milli: say.speed_milli, text: "a".to_owned(), ..usual }).check("wib").is_err() => {
                    "speed"
                }
                () => "language",
            };
            return Err(Error::field(field, wrong.message));
        }
        let key = key_of(&say, &vendors)?;
        let until = time::after(wib.now(), PATIENCE);
        loop {
            let mut tx = self.tx().await?;
            let there = tx.tts_audio(&key).await?;
            let now = wib.now();
            let Some(there) = there else {
                let row = new(wib.id(), key.clone(), now);
                let ours = tx.note_tts_audio(&row).await?;
                tx.commit().await?;
                if ours {
                    return self.make(row, &say).await;
                }
                continue;
            };
            if there.status == TtsStatus::Ready && self.is_there(&there).await? {
                tx.hit_tts_audio(there.id, now).await?;
                tx.commit().await?;
                metrics::counter!("wib_tts_total", "outcome" => "cached").increment(1);
                return Said::of(there, true);
            }
            if there.status == TtsStatus::Ready || time::after(there.created_at, MAKING) < now {
                tx.drop_tts_audio(there.id).await?;
                tx.commit().await?;
                continue;
            }
            drop(tx);
            if now >= until {
                return Err(Error::unavailable("the text is being said for somebody else"));
            }
            wib.clock().sleep_until(time::after(now, LOOK)).await;
        }
    }

    async fn is_there(&self, audio: &TtsAudio) -> Result<bool> {
        match &audio.blob_key {
            Some(key) => Ok(self.wib.blobs.head(key).await?.is_some()),
            None => Ok(false),
        }
    }

    async fn make(&self, row: TtsAudio, say: &Say) -> Result<Said> {
        let id = row.id;
        match self.made(row, say).await {
            Ok(said) => {
                metrics::counter!("wib_tts_total", "outcome" => "said").increment(1);
                Ok(said)
            }
            Err(error) => {
                metrics::counter!("wib_tts_total", "outcome" => "failed").increment(1);
                // Whoever waits for it may try.
                let mut tx = self.tx().await?;
                tx.drop_tts_audio(id).await?;
                tx.commit().await?;
                Err(error)
            }
        }
    }

    async fn made(&self, row: TtsAudio, say: &Say) -> Result<Said> {
        let wib = &self.wib;
        let speech = wib.speech().ok_or_else(|| Error::internal("the speaker is gone"))?;
        let spoken = speech.say(say).await.map_err(|error| match error.fault {
            // The text and the rest were looked at before: what it does not know is the voice.
            Fault::Missing if say.voice.is_some() => Error::field("voice_id", "no such voice").because(error),
            _ => error.into(),
        })?;
        let head = spoken.head.clone();
        let file = File::of(spoken);
        let blob_key = format!("{}/tts/{}.{}", self.id(), row.id, file.ending);
        wib.blobs.put(&blob_key, file.bytes.clone()).await?;
        let audio = TtsAudio {
            status: TtsStatus::Ready,
            blob_key: Some(blob_key.clone()),
            content_type: Some(file.content_type.to_owned()),
            size_bytes: i64::try_from(file.bytes.len()).ok(),
            media_hash: Some(canonical::sha256(&file.bytes)),
            duration_ms: file.duration_ms.or_else(|| Some(say.estimated_ms())),
            vendor: Some(head.vendor),
            model: Some(head.model),
            voice: Some(head.voice),
            characters: Some(head.characters),
            cost_micros: head.cost_micros,
            price_book: head.price_book,
            live: head.live,
            ..row
        };
        let mut tx = self.tx().await?;
        if tx.tts_audio(&audio.key).await?.is_none_or(|there| there.id != audio.id) {
            // It was taken for lost, and somebody else makes it.
            forget(&mut *tx, &blob_key, wib.now()).await?;
            tx.commit().await?;
            return Err(Error::timeout("the text took too long to say"));
        }
        tx.update(&audio).await?;
        self.audit("ai:tts_generated", ("tts_audio", Some(audio.id.uuid())))
            .with(json!({"vendor": audio.vendor, "characters": audio.characters, "cost_micros": audio.cost_micros}))
            .write(&mut *tx)
            .await;
        clear(wib, &mut *tx).await?;
        tx.commit().await?;
        wib.wake();
        Said::of(audio, false)
    }

    /// A sound that was said, and its bytes.
    ///
    /// # Errors
    /// `NotFound`, also while it is being made; `Unavailable` when the bytes are missing.
    pub async fn open_said(&self, id: Id<TtsAudio>) -> Result<(TtsAudio, Opened)> {
        self.at_least(Role::Viewer)?;
        let audio: TtsAudio = self.tx().await?.find(id).await?.or_not_found("audio")?;
        let key = audio.blob_key.clone().or_not_found("audio")?;
        let bytes = Opened::open(&self.wib, &key, audio.size_bytes, audio.media_hash.clone()).await?;
        Ok((audio, bytes))
    }
}

/// What makes two wishes one.
fn key_of(say: &Say, vendors: &[&'static str]) -> Result<String> {
    let voice = say.voice.as_ref().map(|voice| [&voice.vendor, &voice.id]);
    canonical::hash(&json!({
        "text": say.text,
        "voice": voice,
        "language": say.language,
        "speed_milli": say.speed_milli,
        "format": format!("{:?}", say.format),
        "vendors": vendors,
    }))
}

fn new(id: Id<TtsAudio>, key: String, now: Timestamp) -> TtsAudio {
    TtsAudio {
        id,
        key,
        status: TtsStatus::Making,
        blob_key: None,
        content_type: None,
        size_bytes: None,
        media_hash: None,
        duration_ms: None,
        vendor: None,
        model: None,
        voice: None,
        characters: None,
        cost_micros: None,
        price_book: None,
        live: false,
        hits: 0,
        created_at: now,
        used_at: now,
    }
}

async fn forget(tx: &mut dyn OrgTx, key: &str, now: Timestamp) -> Result<()> {
    let payload = json!({"key": key});
    tx.enqueue(&NewMessage { topic: Topic::DeleteBlob, key: key.to_owned(), payload, run_at: now }).await.map(drop)
}

/// Removes what nobody asks for any more, and what is too much.
async fn clear(wib: &Wib, tx: &mut dyn OrgTx) -> Result<()> {
    let now = wib.now();
    for old in tx.stale_tts_audio(time::before(now, KEPT), MOST, REMOVED_AT_ONCE).await? {
        if tx.drop_tts_audio(old.id).await?
            && let Some(key) = &old.blob_key
        {
            forget(tx, key, now).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_heard_otherwise_has_another_key() {
        let say = Say { text: "Hello.".to_owned(), ..Say::default() };
        let voice = |id: &str| Some(VoiceId { vendor: "a".to_owned(), id: id.to_owned() });
        let wishes = [
            say.clone(),
            Say { text: "Hello!".to_owned(), ..say.clone() },
            Say { voice: voice("x"), ..say.clone() },
            Say { voice: voice("y"), ..say.clone() },
            Say { language: Some("es".to_owned()), ..say.clone() },
            Say { speed_milli: 900, ..say.clone() },
            Say { format: AudioFormat::Mp3, ..say.clone() },
            Say { format: AudioFormat::Pcm16 { rate: 8000 }, ..say.clone() },
            Say { format: AudioFormat::Pcm16 { rate: 16_000 }, ..say.clone() },
        ];
        let mut keys: Vec<_> = wishes.iter().map(|say| key_of(say, &["a"]).unwrap()).collect();
        keys.push(key_of(&say, &["a", "b"]).unwrap());
        assert!(keys.iter().all(|key| !key.contains("Hello")));
        let many = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), many);
        assert_eq!(key_of(&say, &["a"]).unwrap(), key_of(&say.clone(), &["a"]).unwrap());
    }
}
