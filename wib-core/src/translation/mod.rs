//! Transcripts in other languages: versions that are only ever added, each made of one version of a transcript.
//!
//! A translation is assistive: the transcript is what was heard. It names the hash of what it was made of, and the call's
//! manifest names its own. What the vendor cannot translate stays untranslated, and the timeline says so.

mod prompt;
mod translate;

pub(crate) use prompt::Texts;
use serde::{Deserialize, Serialize};
pub(crate) use translate::{ask, give_up, source, translate, unavailable, usages};

use crate::{
    calls::{Call, CallId},
    kit::{Error, Id, OrNotFound, Result, Role, time::Timestamp},
    store::{Record, Repo},
    text_enum,
    transcripts::{Transcript, TranscriptId, Utterances},
    wib::Org,
};

text_enum! {
    /// A language that is translated into.
    pub enum Language {
        /// English.
        En = "en",
        /// Spanish.
        Es = "es",
        /// French.
        Fr = "fr",
        /// German.
        De = "de",
        /// Chinese.
        Zh = "zh",
        /// Japanese.
        Ja = "ja",
        /// Portuguese.
        Pt = "pt",
        /// Italian.
        It = "it",
        /// Korean.
        Ko = "ko",
        /// Arabic.
        Ar = "ar",
    }
}
impl Language {
    /// Whether a text in the language of that tag (BCP 47) is in this one.
    #[must_use]
    pub fn speaks(self, tag: &str) -> bool {
        tag.split(['-', '_']).next().is_some_and(|tongue| tongue.eq_ignore_ascii_case(self.as_str()))
    }
}

/// One version of a transcript in another language. Never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Translation {
    /// Its id.
    pub id: Id<Translation>,
    /// Of which call.
    pub call_id: CallId,
    /// Of which transcript.
    pub transcript_id: TranscriptId,
    /// Of which version of it.
    pub transcript_version: i64,
    /// `sha256:<hex>` of the utterances that it was made of.
    pub transcript_hash: String,
    /// From 1; unique per transcript and language.
    pub version: i64,
    /// From which language, BCP 47.
    pub source_language: String,
    /// Into which.
    pub target_language: Language,
    /// Who translated; `wib` when there was nothing to translate.
    pub vendor: String,
    /// With which model; `copy` when there was nothing to translate.
    pub model: String,
    /// Who said what, as in the transcript, in the other language.
    pub utterances: Utterances,
    /// `sha256:<hex>` of the canonical utterances.
    pub translation_hash: String,
    /// False when a sandbox made it.
    pub live: bool,
    /// When it was made.
    pub created_at: Timestamp,
}
impl Translation {
    /// Whether both languages are one, and the words are the transcript's own.
    #[must_use]
    pub fn is_copy(&self) -> bool {
        self.vendor == OURS
    }
}
impl Record for Translation {
    const NAME: &'static str = "translation";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// Who copies.
pub(crate) const OURS: &str = "wib";
/// The most versions of a transcript in one language.
const VERSIONS: i64 = 20;

impl Org {
    /// Asks for the transcripts of a call in another language: the newest version of each, once more when there is a
    /// translation already. How many are on their way.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` with the code `NO_TRANSCRIPT` when there is none, and when there are as many versions as may
    /// be; `Forbidden` below agent.
    pub async fn translate_call(&self, id: CallId, language: Language) -> Result<usize> {
        self.at_least(Role::Agent)?;
        let mut tx = self.tx().await?;
        let call: Call = tx.lock_call(id).await?.or_not_found("call")?;
        let mut newest: Vec<Transcript> = vec![];
        for transcript in tx.transcripts_of_call(id).await? {
            newest.retain(|t| t.recording_id != transcript.recording_id);
            newest.push(transcript);
        }
        if newest.is_empty() {
            return Err(Error::conflict("the call has no transcript").code("NO_TRANSCRIPT"));
        }
        let made = tx.translations_of_call(id).await?;
        for transcript in &newest {
            let of = |t: &&Translation| t.transcript_id == transcript.id && t.target_language == language;
            let version = made.iter().filter(of).map(|t| t.version).max().unwrap_or(0) + 1;
            if version > VERSIONS {
                return Err(Error::conflict(format!("there are {VERSIONS} translations already")));
            }
            ask(&mut *tx, transcript, language, version, self.wib.now()).await?;
        }
        let line = self.audit("translation:asked", ("call", Some(call.id.uuid())));
        line.with(serde_json::json!({"language": language, "transcripts": newest.len()})).write(&mut *tx).await;
        tx.commit().await?;
        self.wib.wake();
        Ok(newest.len())
    }

    /// A call's translations, every version, oldest first.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn translations(&self, id: CallId) -> Result<Vec<Translation>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        Repo::<Call>::find(&mut *tx, id).await?.or_not_found("call")?;
        tx.translations_of_call(id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_known_by_the_first_part_of_its_tag() {
        for (language, tag, same) in [
            (Language::Es, "es-MX", true),
            (Language::Es, "ES", true),
            (Language::Zh, "zh_Hant", true),
            (Language::En, "es", false),
            (Language::En, "english", false),
            (Language::De, "", false),
        ] {
            assert_eq!(language.speaks(tag), same, "{language} {tag}");
        }
    }
}
