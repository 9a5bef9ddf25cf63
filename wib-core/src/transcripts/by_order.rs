//! Transcripts of sounds that somebody names, without a call of ours. The vendor keeps their words; we keep whose they are.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    ai::{
        OrderedText, SummaryKind, SummaryStatus,
        payment::{Turn, scrub},
    },
    calls::{Call, CallId},
    kit::{Error, FieldFault, OrNotFound, Result, Role},
    ports::{
        Fault,
        hooks::check_address,
        transcriber::{RawTranscript, Tone, TranscriptOptions, TranscriptOrder, TranscriptState, Utterance},
    },
    wib::Org,
};

/// Orders a transcript of a sound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderTranscript {
    /// Where the vendor fetches it: `https`, on the open internet, at most 2000 characters.
    pub audio_url: String,
    /// The call that it is about.
    pub call_id: Option<CallId>,
    /// BCP 47; English by default.
    pub language_code: Option<String>,
    /// Whether speakers are told apart; yes by default.
    pub speaker_labels: Option<bool>,
}

/// A transcript by order, as the vendor has it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderedTranscript {
    /// The vendor's id.
    pub id: String,
    /// How it stands.
    pub status: SummaryStatus,
    /// Why it will not be.
    pub error: Option<String>,
    /// What was heard, once it is there.
    pub heard: Option<HeardByOrder>,
}

/// What was heard in a sound, without payment data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeardByOrder {
    /// All of it.
    pub text: String,
    /// Who said what, in order of start.
    pub utterances: Vec<Utterance>,
    /// How each sentence sounds: the sentence, the tone, and how sure that is in millionths.
    pub sentiment: Vec<(String, Tone, i64)>,
    /// What matters, and how much in millionths.
    pub highlights: Vec<(String, i64)>,
}
impl HeardByOrder {
    fn of(raw: RawTranscript) -> Self {
        fn clean<'t>(said: impl Iterator<Item = (&'t str, &'t str)>) -> Vec<String> {
            let turns: Vec<_> = said.map(|(speaker, text)| Turn { speaker, text, masked: false }).collect();
            scrub(&turns).texts
        }
        let texts = clean(raw.utterances.iter().map(|one| (one.speaker.as_str(), one.text.as_str())));
        let text = texts.join(" ");
        let utterances =
            raw.utterances.iter().zip(texts).map(|(one, text)| Utterance { text, ..one.clone() }).collect();
        let sentences = clean(raw.sentiments.iter().map(|one| ("", one.text.as_str())));
        let sentiment = raw.sentiments.iter().zip(sentences);
        let phrases = clean(raw.highlights.iter().map(|one| ("", one.text.as_str())));
        let highlights = raw.highlights.iter().zip(phrases);
        Self {
            text,
            utterances,
            sentiment: sentiment.map(|(one, text)| (text, one.tone.clone(), one.confidence_ppm)).collect(),
            highlights: highlights.map(|(one, text)| (text, one.rank_ppm)).collect(),
        }
    }
}

impl Org {
    /// Orders a transcript of a sound that the vendor fetches; the vendor's id of it.
    ///
    /// # Errors
    /// `Invalid` naming every wrong field; `NotFound` for the call; the vendor's failure; `Forbidden` below viewer.
    pub async fn order_transcript(&self, command: OrderTranscript) -> Result<OrderedText> {
        self.at_least(Role::Viewer)?;
        let language = command.language_code.as_deref().unwrap_or("en").trim();
        let known = (2..=35).contains(&language.len())
            && language.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        let mut faults = vec![];
        if let Err(why) = check_address(command.audio_url.trim()) {
            faults.push(FieldFault { field: "audio_url".to_owned(), message: why.to_owned() });
        }
        if !known {
            faults.push(FieldFault { field: "language_code".to_owned(), message: "is no language".to_owned() });
        }
        if !faults.is_empty() {
            return Err(Error::fields_invalid(faults));
        }
        if let Some(call) = command.call_id {
            let _: Call = self.tx().await?.find(call).await?.or_not_found("call")?;
        }
        let speakers = if command.speaker_labels.unwrap_or(true) { 2 } else { 1 };
        let order = TranscriptOrder {
            audio_url: command.audio_url.trim().to_owned(),
            channels: 1,
            language: Some(language.to_owned()),
            webhook_url: None,
            options: TranscriptOptions { speakers, ..TranscriptOptions::default() },
        };
        let vendor_id = self.wib.transcriber.submit(&order).await?;
        let now = self.wib.now();
        let row = OrderedText {
            id: self.wib.id(),
            call_id: command.call_id,
            kind: SummaryKind::Transcript,
            vendor: self.wib.transcriber.vendor().to_owned(),
            vendor_id: Some(vendor_id),
            status: SummaryStatus::Queued,
            text: None,
            live: self.wib.transcriber.live(),
            created_by: self.actor().user(),
            created_at: now,
            updated_at: now,
        };
        let mut tx = self.tx().await?;
        tx.insert(&row).await?;
        let told = json!({"vendor": row.vendor, "call_id": row.call_id, "language": language});
        let about = ("transcript", Some(row.id.uuid()));
        self.audit("transcription:submitted", about).with(told).write(&mut *tx).await;
        tx.commit().await?;
        Ok(row)
    }

    /// How a transcript by order stands at the vendor, and what was heard once it is there.
    ///
    /// # Errors
    /// `NotFound` for one that the organisation did not order; the vendor's failure; `Forbidden` below viewer.
    pub async fn ordered_transcript(&self, id: &str) -> Result<OrderedTranscript> {
        self.at_least(Role::Viewer)?;
        let vendor = self.wib.transcriber.vendor();
        let row = self.tx().await?.ordered_text_of(vendor, id).await?.or_not_found("transcript")?;
        let gone = "the vendor has it no more";
        let (status, error, heard) = match self.wib.transcriber.fetch(id).await {
            Ok(TranscriptState::Pending) => (SummaryStatus::Processing, None, None),
            Ok(TranscriptState::Done(raw)) => (SummaryStatus::Completed, None, Some(HeardByOrder::of(*raw))),
            Ok(TranscriptState::Failed(why)) => (SummaryStatus::Error, Some(why.chars().take(500).collect()), None),
            Ok(TranscriptState::Deleted) => (SummaryStatus::Error, Some(gone.to_owned()), None),
            Err(error) if error.fault == Fault::Missing => (SummaryStatus::Error, Some(gone.to_owned()), None),
            Err(error) => return Err(error.into()),
        };
        if row.status != status {
            let mut tx = self.tx().await?;
            tx.update(&OrderedText { status, updated_at: self.wib.now(), ..row }).await?;
            tx.commit().await?;
        }
        Ok(OrderedTranscript { id: id.to_owned(), status, error, heard })
    }
}
