//! What an organisation wants of models by order, and who may be asked.

use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};

use crate::{
    kit::{Error, FieldFault, Id, Result, Role, time::Timestamp},
    store::{OrgTx, Record},
    wib::Org,
};

/// What an organisation wants of models that are asked by order. One each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AiConfig {
    /// Its id; nil before it was set.
    pub id: Id<AiConfig>,
    /// Whether what stands here is what prompts go by that say nothing else.
    pub enabled: bool,
    /// The model's name, as people wrote it down. Whose it is is asked first.
    pub model: String,
    /// Temperature in thousandths, 0 to 2000.
    pub temperature_milli: i64,
    /// Most tokens of an answer, 1 to 4096.
    pub max_tokens: i64,
    /// How models are to behave, as people wrote it down: models read it under the rules that are ours.
    pub system_prompt: String,
    /// Whether analyses of calls tell moods.
    pub sentiment_analysis: bool,
    /// Whether analyses of calls sum them up.
    pub auto_summarize: bool,
    /// The language of the organisation: of answers, where it is not English.
    pub language: String,
    /// Whether the router may ask Grok.
    pub grok_chat: bool,
    /// Whether the router may ask OpenAI.
    pub openai_chat: bool,
    /// Whether the router may have Grok say texts aloud.
    pub grok_tts: bool,
    /// Whether the router may have ElevenLabs say texts aloud.
    pub elevenlabs_tts: bool,
    /// When it last changed.
    pub updated_at: Timestamp,
}
impl Record for AiConfig {
    const NAME: &'static str = "AI config";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
impl AiConfig {
    /// As it is before anybody set it.
    #[must_use]
    pub fn usual() -> Self {
        Self {
            id: Id::from(uuid::Uuid::nil()),
            enabled: false,
            model: "gpt-4".to_owned(),
            temperature_milli: 700,
            max_tokens: 2048,
            system_prompt: String::new(),
            sentiment_analysis: true,
            auto_summarize: true,
            language: "en".to_owned(),
            grok_chat: true,
            openai_chat: true,
            grok_tts: true,
            elevenlabs_tts: true,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }
    /// Whose model it names, where it is one that may be asked.
    pub(crate) fn vendor(&self) -> Option<&'static str> {
        let families = [("gpt", "openai"), ("llama", "groq"), ("grok", "xai")];
        families.into_iter().find(|(family, _)| self.model.to_lowercase().starts_with(family)).map(|(_, vendor)| vendor)
    }
    /// How an answer is to be, in the organisation's words; none where it said nothing.
    pub(crate) fn wishes(&self) -> Option<String> {
        let usual = Self::usual();
        let language = (self.language != usual.language).then(|| format!("answer in the language {}", self.language));
        let prompt = Some(&self.system_prompt).filter(|prompt| !prompt.is_empty()).cloned();
        let wishes: Vec<_> = language.into_iter().chain(prompt).collect();
        (!wishes.is_empty()).then(|| format!("wishes of the company: {}", wishes.join("\n")))
    }
}

/// Changes what is wanted of models; what is absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PutAiConfig {
    /// [`AiConfig::enabled`].
    pub enabled: Option<bool>,
    /// [`AiConfig::model`], 1 to 50 characters.
    pub model: Option<String>,
    /// [`AiConfig::temperature_milli`].
    pub temperature_milli: Option<i64>,
    /// [`AiConfig::max_tokens`].
    pub max_tokens: Option<i64>,
    /// [`AiConfig::system_prompt`], at most 50,000 characters.
    pub system_prompt: Option<String>,
    /// [`AiConfig::sentiment_analysis`].
    pub sentiment_analysis: Option<bool>,
    /// [`AiConfig::auto_summarize`].
    pub auto_summarize: Option<bool>,
    /// [`AiConfig::language`], 2 to 10 letters, digits and dashes.
    pub language: Option<String>,
    /// [`AiConfig::grok_chat`].
    pub grok_chat: Option<bool>,
    /// [`AiConfig::openai_chat`].
    pub openai_chat: Option<bool>,
    /// [`AiConfig::grok_tts`].
    pub grok_tts: Option<bool>,
    /// [`AiConfig::elevenlabs_tts`].
    pub elevenlabs_tts: Option<bool>,
}

impl PutAiConfig {
    fn check(&self) -> Result<()> {
        let long = |text: &Option<String>, least: usize, most: usize| {
            text.as_ref().is_some_and(|text| !(least..=most).contains(&text.trim().chars().count()))
        };
        let outside = |number: Option<i64>, least, most| number.is_some_and(|number| !(least..=most).contains(&number));
        let letters = |text: &String| text.trim().chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let faults = [
            (long(&self.model, 1, 50), "model", "must have 1 to 50 characters"),
            (outside(self.temperature_milli, 0, 2000), "temperature", "must lie between 0 and 2"),
            (outside(self.max_tokens, 1, 4096), "max_tokens", "must lie between 1 and 4096"),
            (long(&self.system_prompt, 0, 50_000), "system_prompt", "must have at most 50000 characters"),
            (
                long(&self.language, 2, 10) || !self.language.as_ref().is_none_or(letters),
                "language",
                "must have 2 to 10 letters, digits and dashes",
            ),
        ];
        let fault = |(_, field, message): (bool, &str, &str)| FieldFault {
            field: field.to_owned(),
            message: message.to_owned(),
        };
        let faults: Vec<_> = faults.into_iter().filter(|(wrong, ..)| *wrong).map(fault).collect();
        if faults.is_empty() { Ok(()) } else { Err(Error::fields_invalid(faults)) }
    }
    fn over(self, old: AiConfig) -> AiConfig {
        let text = |new: Option<String>, old: String| new.map_or(old, |new| new.trim().to_owned());
        AiConfig {
            id: old.id,
            enabled: self.enabled.unwrap_or(old.enabled),
            model: text(self.model, old.model),
            temperature_milli: self.temperature_milli.unwrap_or(old.temperature_milli),
            max_tokens: self.max_tokens.unwrap_or(old.max_tokens),
            system_prompt: text(self.system_prompt, old.system_prompt),
            sentiment_analysis: self.sentiment_analysis.unwrap_or(old.sentiment_analysis),
            auto_summarize: self.auto_summarize.unwrap_or(old.auto_summarize),
            language: text(self.language, old.language),
            grok_chat: self.grok_chat.unwrap_or(old.grok_chat),
            openai_chat: self.openai_chat.unwrap_or(old.openai_chat),
            grok_tts: self.grok_tts.unwrap_or(old.grok_tts),
            elevenlabs_tts: self.elevenlabs_tts.unwrap_or(old.elevenlabs_tts),
            updated_at: old.updated_at,
        }
    }
}

impl Org {
    /// What the organisation wants of models, once it said so.
    ///
    /// # Errors
    /// `Forbidden` below viewer; when the database does not answer.
    pub async fn ai_config(&self) -> Result<Option<AiConfig>> {
        self.at_least(Role::Viewer)?;
        self.tx().await?.ai_config().await
    }

    /// Changes what the organisation wants of models; what is absent stays as it was.
    ///
    /// # Errors
    /// `Invalid` naming every wrong field; `Forbidden` below manager.
    pub async fn put_ai_config(&self, command: PutAiConfig) -> Result<AiConfig> {
        self.at_least(Role::Manager)?;
        command.check()?;
        self.put(|tx| self.set_ai_config(tx, command.clone()).boxed()).await
    }

    async fn set_ai_config(&self, mut tx: Box<dyn OrgTx>, command: PutAiConfig) -> Result<AiConfig> {
        let known = tx.ai_config().await?;
        let old = known.clone().unwrap_or_else(|| AiConfig { id: self.wib.id(), ..AiConfig::usual() });
        let config = AiConfig { updated_at: self.wib.now(), ..command.over(old) };
        if known.is_some() {
            tx.update(&config).await?;
        } else {
            tx.insert(&config).await?;
        }
        // The words are people's: the log says how long they are.
        let told = |config: &AiConfig| {
            let mut told = serde_json::json!(config);
            told["system_prompt"] = config.system_prompt.chars().count().into();
            told
        };
        let about = ("ai_config", Some(config.id.uuid()));
        let line = self.audit_change("config:ai_updated", about, known.as_ref().map(told), Some(told(&config)));
        line.write(&mut *tx).await;
        tx.commit().await?;
        Ok(config)
    }
}
