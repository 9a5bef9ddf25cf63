//! What an account has: voices, their settings, characters that are left.

use http::Method;
use wib_core::{
    kit::Timestamp,
    ports::{Fault, Sent, VendorError, speech::VoiceInfo},
};

use super::{
    ElevenLabs,
    speech::info,
    wire::{self, VoiceList, thousandths},
};

/// Voices of one page, and most pages.
const PAGE: &str = "100";
const PAGES: usize = 50;

/// How a voice speaks when nothing else is said. Thousandths, 0 to 1000, but for the speed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VoiceSettings {
    /// How even it is.
    pub stability_milli: Option<i64>,
    /// How near to the original.
    pub similarity_milli: Option<i64>,
    /// How much of the original's manner.
    pub style_milli: Option<i64>,
    /// How fast: 700 to 1200.
    pub speed_milli: Option<i64>,
    /// Whether it is made more like the original, at the cost of time.
    pub speaker_boost: Option<bool>,
}

/// What was bought and used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The plan's name.
    pub tier: String,
    /// The vendor's word: `active`, `past_due`, ...
    pub status: String,
    /// Characters said since the last reset.
    pub characters_used: i64,
    /// Characters until the next one.
    pub characters_limit: i64,
    /// When counting begins anew.
    pub resets_at: Option<Timestamp>,
}

impl ElevenLabs {
    /// Every voice, page by page (version 2 of the list).
    pub(super) async fn paged_voices(&self) -> Result<Vec<VoiceInfo>, VendorError> {
        let (mut all, mut token) = (Vec::new(), None::<String>);
        for _ in 0..PAGES {
            let ask = self.client.ask("voices", Method::GET, "/v2/voices").query("page_size", PAGE);
            let ask = match &token {
                Some(token) => ask.query("next_page_token", token),
                None => ask,
            };
            let page: VoiceList = ask.send().await?.json()?;
            all.extend(page.voices.into_iter().map(info));
            token = page.next_page_token.filter(|_| page.has_more);
            if token.is_none() {
                return Ok(all);
            }
        }
        Err(self.client.fault(Fault::Nonsense, Sent::Refused, "the list of voices does not end"))
    }
    /// The voices of one's own account, at once (version 1 of the list).
    ///
    /// # Errors
    /// What the vendor said, or that it said nothing.
    pub async fn own_voices(&self) -> Result<Vec<VoiceInfo>, VendorError> {
        let list: VoiceList = self.client.ask("voices", Method::GET, "/v1/voices").send().await?.json()?;
        Ok(list.voices.into_iter().map(info).collect())
    }
    /// One voice.
    ///
    /// # Errors
    /// [`Fault::Missing`] when there is none.
    pub async fn voice(&self, id: &str) -> Result<VoiceInfo, VendorError> {
        let voice: wire::Voice = self.client.ask("voice", Method::GET, "/v1/voices/{}").fill(id).send().await?.json()?;
        Ok(info(voice))
    }
    /// How one voice speaks.
    ///
    /// # Errors
    /// [`Fault::Missing`] when there is none.
    pub async fn voice_settings(&self, id: &str) -> Result<VoiceSettings, VendorError> {
        let ask = self.client.ask("settings", Method::GET, "/v1/voices/{}/settings").fill(id);
        Ok(settings(&ask.send().await?.json()?))
    }
    /// How a voice speaks of which nothing was set.
    ///
    /// # Errors
    /// What the vendor said, or that it said nothing.
    pub async fn default_settings(&self) -> Result<VoiceSettings, VendorError> {
        let ask = self.client.ask("settings", Method::GET, "/v1/voices/settings/default");
        Ok(settings(&ask.send().await?.json()?))
    }
    /// What was bought and used.
    ///
    /// # Errors
    /// What the vendor said, or that it said nothing.
    pub async fn subscription(&self) -> Result<Subscription, VendorError> {
        let ask = self.client.ask("subscription", Method::GET, "/v1/user/subscription");
        let told: wire::Subscription = ask.send().await?.json()?;
        Ok(Subscription {
            tier: told.tier.unwrap_or_default(),
            status: told.status.unwrap_or_default(),
            characters_used: told.character_count,
            characters_limit: told.character_limit,
            resets_at: told.next_character_count_reset_unix.and_then(|at| Timestamp::from_second(at).ok()),
        })
    }
}

fn settings(told: &wire::Settings) -> VoiceSettings {
    VoiceSettings {
        stability_milli: told.stability.as_ref().and_then(thousandths),
        similarity_milli: told.similarity_boost.as_ref().and_then(thousandths),
        style_milli: told.style.as_ref().and_then(thousandths),
        speed_milli: told.speed.as_ref().and_then(thousandths),
        speaker_boost: told.use_speaker_boost,
    }
}
