//! Transcripts of sounds by order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wib_core::{
    Org, Wib,
    ai::SummaryStatus,
    calls::CallId,
    kit::{Error, Result},
    limits::Limit,
    plans::Feature,
    ports::transcriber::{Tone, Utterance},
    transcripts::{HeardByOrder, OrderTranscript, OrderedTranscript},
};

use crate::table::{Routes, session};

/// Orders a transcript of a sound that the vendor fetches.
#[derive(Deserialize, JsonSchema)]
struct Order {
    /// Where it is: `https`, on the open internet, at most 2000 characters.
    #[schemars(length(max = 2000))]
    audio_url: String,
    /// The call that it is about.
    call_id: Option<CallId>,
    /// BCP 47; `en` by default.
    #[schemars(length(min = 2, max = 35))]
    language_code: Option<String>,
    /// Whether speakers are told apart; yes by default.
    speaker_labels: Option<bool>,
}
/// Which transcript, by the vendor's id.
#[derive(Deserialize, JsonSchema)]
struct Ordered {
    id: String,
}
/// A transcript that was ordered.
#[derive(Serialize, JsonSchema)]
struct TranscriptOrdered {
    /// The vendor's id.
    id: String,
    status: SummaryStatus,
}
/// How a transcript stands.
#[derive(Serialize, JsonSchema)]
struct TranscriptStanding {
    id: String,
    status: SummaryStatus,
    /// Why it will not be.
    error: Option<String>,
}
/// What somebody said.
#[derive(Serialize, JsonSchema)]
struct SaidRow {
    speaker: String,
    text: String,
    /// In milliseconds from the start of the sound.
    start: i64,
    end: i64,
    /// 0 to 1.
    confidence: f64,
}
impl From<Utterance> for SaidRow {
    fn from(said: Utterance) -> Self {
        let Utterance { speaker, text, start_ms, end_ms, confidence_ppm } = said;
        Self { speaker, text, start: start_ms, end: end_ms, confidence: part(confidence_ppm) }
    }
}
/// How a sentence sounds.
#[derive(Serialize, JsonSchema)]
struct ToneRow {
    text: String,
    /// `positive`, `neutral`, `negative`, or another word of the vendor.
    sentiment: String,
    /// 0 to 1.
    confidence: f64,
}
/// A phrase that matters.
#[derive(Serialize, JsonSchema)]
struct PhraseRow {
    text: String,
    /// 0 to 1.
    rank: f64,
}
/// A transcript: what was heard once it is there, how it stands before.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum TranscriptResult {
    /// It is there.
    Done(TranscriptDone),
    /// It is not.
    Open(TranscriptStanding),
}
/// What was heard, without payment data.
#[derive(Serialize, JsonSchema)]
struct TranscriptDone {
    id: String,
    status: SummaryStatus,
    text: String,
    utterances: Vec<SaidRow>,
    sentiment: Vec<ToneRow>,
    highlights: Vec<PhraseRow>,
}

fn part(millionths: i64) -> f64 {
    f64::from(i32::try_from(millionths).unwrap_or(0)) / 1e6
}

fn tone(tone: &Tone) -> String {
    serde_json::to_value(tone).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

impl From<OrderedTranscript> for TranscriptResult {
    fn from(found: OrderedTranscript) -> Self {
        let OrderedTranscript { id, status, error, heard } = found;
        let Some(HeardByOrder { text, utterances, sentiment, highlights }) = heard else {
            return Self::Open(TranscriptStanding { id, status, error });
        };
        let sounds = |(text, heard, sure): (String, Tone, i64)| ToneRow {
            text,
            sentiment: tone(&heard),
            confidence: part(sure),
        };
        Self::Done(TranscriptDone {
            id,
            status,
            text,
            utterances: utterances.into_iter().map(SaidRow::from).collect(),
            sentiment: sentiment.into_iter().map(sounds).collect(),
            highlights: highlights.into_iter().map(|(text, rank)| PhraseRow { text, rank: part(rank) }).collect(),
        })
    }
}

async fn order(org: Org, c: Order) -> Result<TranscriptOrdered> {
    let Order { audio_url, call_id, language_code, speaker_labels } = c;
    let row = org.order_transcript(OrderTranscript { audio_url, call_id, language_code, speaker_labels }).await?;
    let id = row.vendor_id.ok_or_else(|| Error::internal("an order has no id"))?;
    Ok(TranscriptOrdered { id, status: row.status })
}

pub(super) fn routes() -> Routes<Wib> {
    let ordering = || session().limit(Limit::AiTranscription).plan(Feature::CallTranscription);
    Routes::<Wib>::at("ai_transcribe", "/api/ai/transcribe")
        .post("/", ordering(), |org, c: Order| async move { order(org, c).await })
        .status(201)
        .refuses(&[404, 502, 504])
        .bare()
        .post("/transcribe", ordering(), |org, c: Order| async move { order(org, c).await })
        .status(201)
        .refuses(&[404, 502, 504])
        .bare()
        .get("/status/{id}", session().limit(Limit::AiTranscription), |org, c: Ordered| async move {
            let OrderedTranscript { id, status, error, .. } = org.ordered_transcript(&c.id).await?;
            Ok(TranscriptStanding { id, status, error })
        })
        .about("Tells how a transcript stands.")
        .refuses(&[502, 504])
        .bare()
        .get("/result/{id}", session().limit(Limit::AiTranscription), |org, c: Ordered| async move {
            org.ordered_transcript(&c.id).await.map(TranscriptResult::from)
        })
        .about("Reads what was heard.")
        .refuses(&[502, 504])
        .bare()
}
