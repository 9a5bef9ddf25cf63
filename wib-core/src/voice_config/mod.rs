//! How an organisation calls where nobody says otherwise, the destinations that it saved, and calls placed by them.
//!
//! | a call is | when it says so itself, else | else |
//! |---|---|---|
//! | recorded | `record` | yes |
//! | transcribed | `transcribe`, `live_translate` or `voice_to_voice` | yes |
//! | translated afterwards | `translate`, into `translate_to` | no |
//! | heard and translated while it is spoken | `live_translate` or `voice_to_voice`, and it is recorded | no |

mod place;
mod targets;

use futures_util::FutureExt as _;
pub use place::{PlaceVoiceCall, VoiceFlow};
use serde::{Deserialize, Serialize};
use serde_json::json;
pub use targets::{AddVoiceTarget, VoiceTarget};

use crate::{
    auth::UserId,
    calls::StartCall,
    compliance::Technology,
    json_column,
    kit::{Error, FieldFault, Id, Result, Role, time::Timestamp},
    live::Listen,
    store::{OrgTx, Record},
    text_enum,
    translation::Language,
    wib::Org,
};

text_enum! {
    /// When words are translated.
    pub enum TranslateMode {
        /// While they are spoken.
        Live = "live",
        /// After the call.
        PostCall = "post_call",
    }
}

/// What is done with calls. What nobody said is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Modulations {
    /// Whether they are recorded, after the notice.
    pub record: Option<bool>,
    /// Whether recordings are transcribed.
    pub transcribe: Option<bool>,
    /// Whether transcripts are translated.
    pub translate: Option<bool>,
    /// From which language: what the person speaks.
    #[cfg_attr(feature = "schema", schemars(length(max = 10)))]
    pub translate_from: Option<String>,
    /// Into which language: what the member speaks.
    #[cfg_attr(feature = "schema", schemars(length(max = 10)))]
    pub translate_to: Option<String>,
    /// When words are translated.
    pub translate_mode: Option<TranslateMode>,
    /// Whether the person is asked how it was.
    pub survey: Option<bool>,
    /// Whether a machine calls in place of a customer, to hear how members do.
    pub synthetic_caller: Option<bool>,
    /// Whether translations are spoken in a cloned voice.
    pub use_voice_cloning: Option<bool>,
    /// Whether words are translated while they are spoken.
    pub live_translate: Option<bool>,
    /// Whether translations are spoken to the other side.
    pub voice_to_voice: Option<bool>,
    /// The voice that translations are spoken in.
    #[cfg_attr(feature = "schema", schemars(length(max = 100)))]
    pub elevenlabs_voice_id: Option<String>,
}
json_column!(Modulations);

fn tongue(text: Option<&str>) -> Option<Language> {
    text.and_then(|text| text.split(['-', '_']).next()).and_then(|word| word.to_lowercase().parse().ok())
}

impl Modulations {
    /// The same with texts trimmed, when they keep their bounds and languages are some that are translated.
    fn checked(mut self, prefix: &str) -> Result<Self> {
        let mut faults = vec![];
        let mut fault = |field: &str, message: String| {
            faults.push(FieldFault { field: format!("{prefix}{field}"), message });
        };
        let texts = [
            ("translate_from", &mut self.translate_from, 10),
            ("translate_to", &mut self.translate_to, 10),
            ("elevenlabs_voice_id", &mut self.elevenlabs_voice_id, 100),
        ];
        for (field, text, most) in texts {
            *text = text.take().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
            let Some(text) = text else { continue };
            if text.chars().count() > most {
                fault(field, format!("must have at most {most} characters"));
            } else if most == 10 && tongue(Some(text)).is_none() {
                fault(field, "is no language that is translated".to_owned());
            }
        }
        if faults.is_empty() { Ok(self) } else { Err(Error::fields_invalid(faults)) }
    }
    /// What is said here, and what is said there of the rest.
    fn over(self, rest: &Self) -> Self {
        let rest = rest.clone();
        Self {
            record: self.record.or(rest.record),
            transcribe: self.transcribe.or(rest.transcribe),
            translate: self.translate.or(rest.translate),
            translate_from: self.translate_from.or(rest.translate_from),
            translate_to: self.translate_to.or(rest.translate_to),
            translate_mode: self.translate_mode.or(rest.translate_mode),
            survey: self.survey.or(rest.survey),
            synthetic_caller: self.synthetic_caller.or(rest.synthetic_caller),
            use_voice_cloning: self.use_voice_cloning.or(rest.use_voice_cloning),
            live_translate: self.live_translate.or(rest.live_translate),
            voice_to_voice: self.voice_to_voice.or(rest.voice_to_voice),
            elevenlabs_voice_id: self.elevenlabs_voice_id.or(rest.elevenlabs_voice_id),
        }
    }
    /// Whether words are translated while they are spoken.
    fn translates_live(&self) -> bool {
        let live = self.live_translate == Some(true) || self.voice_to_voice == Some(true);
        live || (self.translate == Some(true) && self.translate_mode == Some(TranslateMode::Live))
    }
    /// Says of a call what it does not say itself.
    pub(crate) fn fill(&self, command: &mut StartCall) {
        let live = self.translates_live();
        command.record = command.record.or(self.record);
        command.transcribe = command.transcribe.or(if live { Some(true) } else { self.transcribe });
        let after = self.translate == Some(true) && self.translate_mode != Some(TranslateMode::Live);
        if command.translate_to.is_none() && after {
            command.translate_to = tongue(self.translate_to.as_deref());
        }
        // Only a call that is recorded is heard; spoken translations are an artificial voice, which a call that says that it
        // is spoken otherwise does not have.
        let recorded = command.record.unwrap_or(true);
        if command.listen.is_none() && live && recorded {
            let artificial = command.technology.is_none_or(|said| said == Technology::ArtificialVoice);
            command.listen = Some(Listen {
                customer: tongue(self.translate_from.as_deref()),
                agent: tongue(self.translate_to.as_deref()),
                translate: true,
                speak: self.voice_to_voice == Some(true) && artificial,
                ..Listen::default()
            });
        }
    }
}

/// How an organisation calls where nobody says otherwise; one each, once it said so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoiceConfig {
    /// Its id.
    pub id: Id<VoiceConfig>,
    /// What is done with calls.
    pub modulations: Modulations,
    /// Who last said so.
    pub updated_by: Option<UserId>,
    /// When it was first said.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
impl Record for VoiceConfig {
    const NAME: &'static str = "voice config";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

impl Org {
    /// How the organisation calls where nobody says otherwise; `None` while it did not say.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn voice_config(&self) -> Result<Option<VoiceConfig>> {
        self.at_least(Role::Viewer)?;
        self.tx().await?.voice_config().await
    }

    /// Says how the organisation calls where nobody says otherwise; what is absent stays. Calls that are placed from now on
    /// follow it.
    ///
    /// # Errors
    /// `Invalid` naming the field; `Forbidden` below operator.
    pub async fn put_voice_config(&self, modulations: Modulations) -> Result<VoiceConfig> {
        self.at_least(Role::Operator)?;
        let modulations = modulations.checked("modulations.")?;
        self.put(|tx| self.set_voice_config(tx, modulations.clone()).boxed()).await
    }

    async fn set_voice_config(&self, mut tx: Box<dyn OrgTx>, modulations: Modulations) -> Result<VoiceConfig> {
        let now = self.wib.now();
        let known = tx.voice_config().await?;
        let before = known.as_ref().map(|known| known.modulations.clone()).unwrap_or_default();
        let config = VoiceConfig {
            id: known.as_ref().map_or_else(|| self.wib.id(), |known| known.id),
            modulations: modulations.over(&before),
            updated_by: self.actor().user(),
            created_at: known.as_ref().map_or(now, |known| known.created_at),
            updated_at: now,
        };
        let m = &config.modulations;
        let missing = [("translate_from", &m.translate_from), ("translate_to", &m.translate_to)];
        let missing = missing.into_iter().find(|(_, text)| text.is_none()).filter(|_| m.translates_live());
        if let Some((field, _)) = missing {
            let message = "is needed for what is translated while it is spoken";
            return Err(Error::field(format!("modulations.{field}"), message));
        }
        if known.is_some() {
            tx.update(&config).await?;
        } else {
            tx.insert(&config).await?;
        }
        let line = self.audit("config:voice_updated", ("voice_config", Some(config.id.uuid())));
        line.changed(&json!(before), &json!(config.modulations)).write(&mut *tx).await;
        tx.commit().await?;
        Ok(config)
    }
}
