//! Turning recordings into text.

use std::{fmt, io, pin::Pin};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use serde::{Deserialize, Serialize};

use super::VendorError;
use crate::text_enum;

/// A vendor that turns recordings into text.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Transcriber: Send + Sync + fmt::Debug {
    /// The vendor's name in rows and logs.
    fn vendor(&self) -> &'static str;
    /// False for a sandbox.
    fn live(&self) -> bool;
    /// Gives the audio to the vendor; the answer names it. Repeating wastes an upload, nothing else.
    async fn upload(&self, audio: Bytes, content_type: &str) -> Result<String, VendorError>;
    /// The same with audio that comes piece by piece, at most `most` bytes of it. It is sent once: whoever has a second
    /// stream may try again.
    async fn upload_stream(&self, audio: AudioPieces, most: u64) -> Result<String, VendorError>;
    /// Orders a transcript of uploaded audio; the answer is the vendor's id of it.
    async fn submit(&self, order: &TranscriptOrder) -> Result<String, VendorError>;
    /// Looks for an order whose answer nobody saw, by its audio.
    async fn find(&self, audio_url: &str) -> Result<Option<String>, VendorError>;
    /// How a transcript stands.
    async fn fetch(&self, id: &str) -> Result<TranscriptState, VendorError>;
    /// Deletes the vendor's copy.
    async fn delete(&self, id: &str) -> Result<(), VendorError>;
    /// A page of the transcripts that the vendor knows, newest first. [`listed`] goes through the pages.
    async fn list(&self, page: &ListTranscripts) -> Result<TranscriptPage, VendorError>;
    /// A finished transcript by sentences.
    async fn sentences(&self, id: &str) -> Result<Vec<Passage>, VendorError>;
    /// A finished transcript by paragraphs.
    async fn paragraphs(&self, id: &str) -> Result<Vec<Passage>, VendorError>;
    /// A finished transcript as subtitles, with at most that many characters a caption (`None`: as the vendor likes).
    async fn subtitles(&self, id: &str, format: Subtitles, caption: Option<u32>) -> Result<String, VendorError>;
    /// Where words, or phrases of a few words, are said in a finished transcript.
    async fn search(&self, id: &str, words: &[String]) -> Result<Vec<WordHits>, VendorError>;
    /// The audio of a transcript with what was redacted silenced, when its order asked for that.
    async fn redacted_audio(&self, id: &str) -> Result<RedactedAudio, VendorError>;
}

/// Audio as it is read, piece by piece.
pub type AudioPieces = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send + Sync>>;

/// An order for a transcript.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TranscriptOrder {
    /// What [`Transcriber::upload`] answered.
    pub audio_url: String,
    /// Audio channels: 2 gives a speaker per channel, 1 asks for speaker labels.
    pub channels: u8,
    /// BCP 47; `None` lets the vendor find out.
    pub language: Option<String>,
    /// Where to say that it is ready; `None`: we ask.
    pub webhook_url: Option<String>,
    /// What else is wanted of it.
    pub options: TranscriptOptions,
}

/// What may be wanted of a transcript. As it stands by default: two speakers, and highlights, sentiment, entities and
/// content safety.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TranscriptOptions {
    /// The vendor's models, best first; empty: the adapter's own.
    pub models: Vec<String>,
    /// Speakers expected on one channel.
    pub speakers: u8,
    /// How to find out the language, when the order names none.
    pub detection: LanguageDetection,
    /// From where in the audio, in milliseconds.
    pub from_ms: Option<i64>,
    /// Up to where in the audio, in milliseconds.
    pub to_ms: Option<i64>,
    /// What matters in it: [`RawTranscript::highlights`].
    pub highlights: bool,
    /// [`RawTranscript::sentiments`].
    pub sentiment: bool,
    /// [`RawTranscript::entities`].
    pub entities: bool,
    /// [`RawTranscript::content_safety`].
    pub content_safety: bool,
    /// How sure content safety must be to speak, in percent (25 to 100); `None`: as the vendor likes.
    pub content_safety_percent: Option<u8>,
    /// What is taken out of the text, and of the audio.
    pub redaction: Option<Redaction>,
    /// Words and phrases that are likely to be said.
    pub keyterms: Vec<String>,
    /// What the recording is about, in words for the model. Not every model takes it.
    pub prompt: Option<String>,
    /// How words are to be written.
    pub spelling: Vec<Spelling>,
    /// Keeps "um" and "uh".
    pub disfluencies: bool,
    /// Masks profanity.
    pub mask_profanity: bool,
    /// Puts points and commas.
    pub punctuate: bool,
    /// Writes capitals, numbers and dates as people do.
    pub format_text: bool,
    /// How much of the audio must be speech, in millionths; less is a failure.
    pub speech_threshold_ppm: Option<u32>,
}
impl Default for TranscriptOptions {
    fn default() -> Self {
        Self {
            models: vec![],
            speakers: 2,
            detection: LanguageDetection::default(),
            from_ms: None,
            to_ms: None,
            highlights: true,
            sentiment: true,
            entities: true,
            content_safety: true,
            content_safety_percent: None,
            redaction: None,
            keyterms: vec![],
            prompt: None,
            spelling: vec![],
            disfluencies: false,
            mask_profanity: false,
            punctuate: true,
            format_text: true,
            speech_threshold_ppm: None,
        }
    }
}

/// How a language is found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LanguageDetection {
    /// The languages that may be spoken, BCP 47; empty: any.
    pub expected: Vec<String>,
    /// What it is taken to be when it is none of these, BCP 47.
    pub fallback: Option<String>,
    /// Whether the language may change on the way.
    pub switching: bool,
    /// How sure it must be, in millionths; less is a failure.
    pub threshold_ppm: Option<u32>,
}

/// What is taken out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redaction {
    /// The kinds of things.
    pub kinds: Vec<Pii>,
    /// What stands in their place.
    pub written: RedactedAs,
    /// Also silences the audio, and gives it in that format.
    pub audio: Option<AudioFormat>,
}

text_enum! {
    /// What stands in the place of what was taken out.
    #[derive(Default)]
    pub enum RedactedAs {
        /// `####`.
        #[default]
        Hash = "hash",
        /// `[CREDIT_CARD_NUMBER]`.
        Name = "entity_name",
    }
}

text_enum! {
    /// The format of a file of audio.
    pub enum AudioFormat {
        /// MPEG layer III.
        Mp3 = "mp3",
        /// RIFF.
        Wav = "wav",
    }
}

text_enum! {
    /// The format of subtitles.
    pub enum Subtitles {
        /// SubRip.
        Srt = "srt",
        /// WebVTT.
        Vtt = "vtt",
    }
}

text_enum! {
    /// What tells who somebody is, or opens what is theirs.
    pub enum Pii {
        /// An account's number.
        AccountNumber = "account_number",
        /// A bank's account or routing number.
        BankingInformation = "banking_information",
        /// A blood type.
        BloodType = "blood_type",
        /// A card's security code.
        CardCode = "credit_card_cvv",
        /// A card's last month.
        CardExpiry = "credit_card_expiration",
        /// A card's number.
        CardNumber = "credit_card_number",
        /// A day or month.
        Date = "date",
        /// A span of days.
        DateInterval = "date_interval",
        /// A birthday.
        DateOfBirth = "date_of_birth",
        /// A driver's licence.
        DriversLicense = "drivers_license",
        /// A drug.
        Drug = "drug",
        /// A length of time.
        Duration = "duration",
        /// A mail address.
        EmailAddress = "email_address",
        /// An event's name.
        Event = "event",
        /// A file's name.
        Filename = "filename",
        /// Gender or sexuality.
        GenderSexuality = "gender_sexuality",
        /// A health insurer's number.
        HealthcareNumber = "healthcare_number",
        /// An injury.
        Injury = "injury",
        /// An internet address.
        IpAddress = "ip_address",
        /// A language.
        Language = "language",
        /// A place.
        Location = "location",
        /// Whether somebody is married.
        MaritalStatus = "marital_status",
        /// An illness.
        MedicalCondition = "medical_condition",
        /// A treatment.
        MedicalProcess = "medical_process",
        /// A sum of money.
        MoneyAmount = "money_amount",
        /// A nationality.
        Nationality = "nationality",
        /// A run of digits of any other kind.
        NumberSequence = "number_sequence",
        /// An occupation.
        Occupation = "occupation",
        /// An organisation.
        Organization = "organization",
        /// A passport's number.
        PassportNumber = "passport_number",
        /// A password.
        Password = "password",
        /// An age.
        PersonAge = "person_age",
        /// A name.
        PersonName = "person_name",
        /// A phone number.
        PhoneNumber = "phone_number",
        /// A physical attribute.
        PhysicalAttribute = "physical_attribute",
        /// A political affiliation.
        PoliticalAffiliation = "political_affiliation",
        /// A religion.
        Religion = "religion",
        /// Statistics.
        Statistics = "statistics",
        /// A time of day.
        Time = "time",
        /// An address of the web.
        Url = "url",
        /// A social security number.
        SocialSecurityNumber = "us_social_security_number",
        /// A user's name.
        Username = "username",
        /// A vehicle's number.
        VehicleId = "vehicle_id",
        /// A sign of the zodiac.
        ZodiacSign = "zodiac_sign",
    }
}

/// How a word is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelling {
    /// What is heard.
    pub from: Vec<String>,
    /// What is written.
    pub to: String,
}

/// How a transcript stands at the vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TranscriptState {
    /// Not yet.
    Pending,
    /// Here it is.
    Done(Box<RawTranscript>),
    /// The vendor gave up; its words.
    Failed(String),
    /// It was deleted, and its text with it.
    Deleted,
}

/// A transcript as the vendor gave it. Times in milliseconds from the start of the audio, confidence in millionths.
///
/// Nothing of it is shown when it is printed for debugging: it may hold a card's number.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawTranscript {
    /// The model that heard it.
    pub model: String,
    /// BCP 47, as detected or asked.
    pub language: String,
    /// Who said what, in order of start.
    pub utterances: Vec<Utterance>,
    /// Length of the audio in milliseconds.
    pub audio_ms: i64,
    /// Every word, in order of start.
    #[serde(default)]
    pub words: Vec<Word>,
    /// What matters in it, weightiest first.
    #[serde(default)]
    pub highlights: Vec<Highlight>,
    /// The tone of every sentence.
    #[serde(default)]
    pub sentiments: Vec<SentenceTone>,
    /// Names, numbers, sums, days.
    #[serde(default)]
    pub entities: Vec<Entity>,
    /// What somebody may have to look at.
    #[serde(default)]
    pub content_safety: Vec<SafetyFinding>,
}

/// What one speaker said without a break.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Utterance {
    /// `agent`, `customer`, or the vendor's label.
    pub speaker: String,
    /// Start in milliseconds.
    pub start_ms: i64,
    /// End in milliseconds.
    pub end_ms: i64,
    /// The words.
    pub text: String,
    /// 0 to 1,000,000.
    pub confidence_ppm: i64,
}

/// A span of the audio in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// Start in milliseconds.
    pub start_ms: i64,
    /// End in milliseconds.
    pub end_ms: i64,
}

/// A word.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// How it is written.
    pub text: String,
    /// When it was said.
    pub span: Span,
    /// 0 to 1,000,000.
    pub confidence_ppm: i64,
    /// `agent`, `customer`, or the vendor's label, when speakers are told apart.
    pub speaker: Option<String>,
}

/// A sentence or a paragraph.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// What was said.
    pub text: String,
    /// When.
    pub span: Span,
    /// 0 to 1,000,000.
    pub confidence_ppm: i64,
    /// By whom, when speakers are told apart and it is one.
    pub speaker: Option<String>,
    /// Its words.
    pub words: Vec<Word>,
}

/// A word or phrase that matters.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Highlight {
    /// The phrase.
    pub text: String,
    /// How much it matters, 0 to 1,000,000.
    pub rank_ppm: i64,
    /// Where it was said, as often as it was.
    pub spans: Vec<Span>,
}

/// The tone of a sentence.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentenceTone {
    /// The sentence.
    pub text: String,
    /// When it was said.
    pub span: Span,
    /// How it sounds.
    pub tone: Tone,
    /// 0 to 1,000,000.
    pub confidence_ppm: i64,
    /// By whom, when speakers are told apart.
    pub speaker: Option<String>,
}

/// How something sounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// Friendly.
    Positive,
    /// Neither.
    Neutral,
    /// Unfriendly.
    Negative,
    /// The vendor's word for something else.
    Other(String),
}

/// Something named or counted.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    /// What kind of thing.
    pub kind: EntityKind,
    /// How it was said.
    pub text: String,
    /// When.
    pub span: Span,
}

/// What kind of thing was named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    /// One of those we know.
    Known(Pii),
    /// The vendor's word for another.
    Other(String),
}

/// Something that somebody may have to look at.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafetyFinding {
    /// What was said.
    pub text: String,
    /// When.
    pub span: Span,
    /// What it may be.
    pub labels: Vec<SafetyLabel>,
}

/// What something that was said may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafetyLabel {
    /// The vendor's word for it, such as `profanity` or `hate_speech`.
    pub label: String,
    /// How sure that is, 0 to 1,000,000.
    pub confidence_ppm: i64,
    /// How bad it is, 0 to 1,000,000.
    pub severity_ppm: i64,
}

/// Where a word or phrase was said.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordHits {
    /// The word or phrase.
    pub text: String,
    /// Where, in order.
    pub spans: Vec<Span>,
}

/// How the redacted audio of a transcript stands.
#[derive(Clone, PartialEq, Eq)]
pub enum RedactedAudio {
    /// Not yet.
    Pending,
    /// To be had at this address, without a key, for about a day.
    Ready {
        /// The address; whoever holds it hears the audio.
        url: String,
    },
}

macro_rules! unsaid {
    ($($name:ident($($field:ident),*);)+) => { $(impl fmt::Debug for $name {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct(stringify!($name))$(.field(stringify!($field), &self.$field))*.finish_non_exhaustive()
        }
    })+ };
}
unsaid! {
    RawTranscript(model, language, audio_ms);
    Word(span, confidence_ppm, speaker);
    Passage(span, confidence_ppm, speaker);
    Highlight(rank_ppm, spans);
    SentenceTone(span, tone, confidence_ppm, speaker);
    Entity(kind, span);
    SafetyFinding(span, labels);
    WordHits(spans);
}
impl fmt::Debug for RedactedAudio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Pending) { "Pending" } else { "Ready" })
    }
}

/// Which transcripts a page shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListTranscripts {
    /// Only those that stand so.
    pub status: Option<ListedStatus>,
    /// Only those ordered on that day, in UTC.
    pub created_on: Option<jiff::civil::Date>,
    /// Only those older than that one: [`TranscriptPage::older`].
    pub older_than: Option<String>,
    /// How many a page holds; `None`: as many as the vendor gives.
    pub limit: Option<u8>,
}

/// How a listed transcript stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListedStatus {
    /// Ordered.
    Queued,
    /// Being heard.
    Processing,
    /// To be fetched.
    Completed,
    /// The vendor gave up.
    Failed,
    /// The vendor's word for something else.
    Other(String),
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TranscriptPage {
    /// Newest first.
    pub items: Vec<ListedTranscript>,
    /// What [`ListTranscripts::older_than`] takes for the next page; `None` at the end.
    pub older: Option<String>,
}

/// A transcript in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTranscript {
    /// The vendor's id of it.
    pub id: String,
    /// How it stands.
    pub status: ListedStatus,
    /// What it was made from; `None` when it was deleted.
    pub audio_url: Option<String>,
    /// When it was ordered, in UTC, when the vendor's word can be read.
    pub created: Option<jiff::Timestamp>,
}

/// All transcripts that fit, page by page, at most `most` of them.
pub fn listed(
    transcriber: &dyn Transcriber,
    which: ListTranscripts,
    most: usize,
) -> impl Stream<Item = Result<ListedTranscript, VendorError>> + '_ {
    let start = (Some(which), Vec::new().into_iter(), most);
    stream::try_unfold(start, move |(mut next, mut page, left)| async move {
        loop {
            let Some(left) = left.checked_sub(1) else { return Ok(None) };
            if let Some(item) = page.next() {
                return Ok(Some((item, (next, page, left))));
            }
            let Some(which) = next.take() else { return Ok(None) };
            let got = transcriber.list(&which).await?;
            // A page without anything in it leads nowhere.
            next =
                got.older.filter(|_| !got.items.is_empty()).map(|id| ListTranscripts { older_than: Some(id), ..which });
            page = got.items.into_iter();
        }
    })
}
