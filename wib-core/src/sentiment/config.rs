use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};

use super::{AlertChannel, AlertChannels, KEYWORDS, Keywords, SentimentConfig, WHOLE};
use crate::{
    kit::{Error, Result, Role, text},
    ports::hooks,
    store::OrgTx,
    wib::{Org, Wib},
};

/// Most words that are looked out for.
const MOST_KEYWORDS: usize = 50;
/// Most characters of one.
const LONGEST_KEYWORD: usize = 100;

/// Says what is to be looked out for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PutSentimentConfig {
    /// Whether lines are judged at all.
    pub enabled: bool,
    /// A score below it, with an objection, is to be escalated; in millionths, -500,000 by default.
    #[serde(default)]
    pub alert_threshold: Option<i64>,
    /// Words whose beginning makes an objection, at most 50; [`KEYWORDS`] when absent.
    #[serde(default)]
    pub objection_keywords: Option<Vec<String>>,
    /// How somebody is told; the dashboard by default.
    #[serde(default)]
    pub alert_channels: Option<Vec<AlertChannel>>,
    /// Which address is told: `https`, on the open internet.
    #[serde(default)]
    pub webhook_url: Option<String>,
}

/// What holds until an organisation says otherwise: nothing is judged.
fn usual(wib: &Wib) -> SentimentConfig {
    SentimentConfig {
        id: wib.id(),
        enabled: false,
        alert_threshold: -WHOLE / 2,
        objection_keywords: Keywords(KEYWORDS.iter().map(|word| (*word).to_owned()).collect()),
        alert_channels: AlertChannels(vec![AlertChannel::Dashboard]),
        webhook_url: None,
        updated_at: wib.now(),
    }
}

impl Org {
    /// What is looked out for.
    ///
    /// # Errors
    /// `Forbidden` below viewer; when the database does not answer.
    pub async fn sentiment_config(&self) -> Result<SentimentConfig> {
        self.at_least(Role::Viewer)?;
        Ok(self.tx().await?.sentiment_config().await?.unwrap_or_else(|| usual(&self.wib)))
    }

    /// Says what is to be looked out for, from the next line on.
    ///
    /// # Errors
    /// `Invalid` naming the field: a threshold out of bounds, too many words, an address that does not lead to the open
    /// internet, a webhook without one; `Conflict` when nobody posts to addresses here; `Forbidden` below manager.
    pub async fn put_sentiment_config(&self, command: PutSentimentConfig) -> Result<SentimentConfig> {
        self.at_least(Role::Manager)?;
        let plain = usual(&self.wib);
        let alert_threshold = command.alert_threshold.unwrap_or(plain.alert_threshold);
        if !(-WHOLE..=WHOLE).contains(&alert_threshold) {
            return Err(Error::field("alert_threshold", "must lie between -1 and 1"));
        }
        let webhook_url = text::optional("webhook_url", command.webhook_url, 2000)?;
        if let Some(url) = &webhook_url {
            hooks::check_address(url).map_err(|why| Error::field("webhook_url", why))?;
        }
        let mut channels = command.alert_channels.unwrap_or(plain.alert_channels.0);
        channels.sort_unstable();
        channels.dedup();
        if channels.contains(&AlertChannel::Webhook) {
            if webhook_url.is_none() {
                return Err(Error::field("webhook_url", "is needed to tell a webhook"));
            }
            if self.wib.hooks().is_none() {
                return Err(Error::conflict("nobody posts to addresses here"));
            }
        }
        let config = SentimentConfig {
            id: plain.id,
            enabled: command.enabled,
            alert_threshold,
            objection_keywords: match command.objection_keywords {
                Some(words) => Keywords(keywords(words)?),
                None => plain.objection_keywords,
            },
            alert_channels: AlertChannels(channels),
            webhook_url,
            updated_at: plain.updated_at,
        };
        self.put(|tx| self.set_sentiment_config(tx, config.clone()).boxed()).await
    }

    async fn set_sentiment_config(&self, mut tx: Box<dyn OrgTx>, new: SentimentConfig) -> Result<SentimentConfig> {
        let known = tx.sentiment_config().await?;
        let config = SentimentConfig { id: known.as_ref().map_or(new.id, |known| known.id), ..new };
        match &known {
            Some(_) => tx.update(&config).await?,
            None => tx.insert(&config).await?,
        }
        // Whole addresses may hold secrets in their paths.
        let told = |config: &SentimentConfig| {
            serde_json::json!({
                "enabled": config.enabled, "alert_threshold": config.alert_threshold,
                "objection_keywords": config.objection_keywords, "alert_channels": config.alert_channels,
                "has_webhook": config.webhook_url.is_some(),
            })
        };
        let line = self.audit("sentiment:config_updated", ("sentiment_config", Some(config.id.uuid())));
        match &known {
            Some(known) => line.changed(&told(known), &told(&config)),
            None => line.is(&told(&config)),
        }
        .write(&mut *tx)
        .await;
        tx.commit().await?;
        Ok(config)
    }
}

fn keywords(words: Vec<String>) -> Result<Vec<String>> {
    if words.len() > MOST_KEYWORDS {
        return Err(Error::field("objection_keywords", format!("must be at most {MOST_KEYWORDS}")));
    }
    let word = |word: String| Ok(text::required("objection_keywords", &word, LONGEST_KEYWORD)?.to_lowercase());
    let mut words = words.into_iter().map(word).collect::<Result<Vec<_>>>()?;
    let mut seen = std::collections::BTreeSet::new();
    words.retain(|word| seen.insert(word.clone()));
    Ok(words)
}
