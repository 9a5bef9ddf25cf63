use super::{Said, SayText};
use crate::{
    ai::AiConfig,
    kit::{Error, Kind, Result, Role},
    wib::Org,
};

impl Org {
    /// Has a text said aloud by one of those whom the organisation lets the router ask: Grok and ElevenLabs, in the order in
    /// which they were wired; and how long it took, in milliseconds.
    ///
    /// # Errors
    /// As [`say`](Self::say), but `Unavailable` with the code `NO_TTS_PROVIDER` when none may be asked, `TTS_OVER_CAPACITY`
    /// when all have too much to do, and when none said it.
    pub async fn route_say(&self, wish: SayText) -> Result<(Said, i64)> {
        self.at_least(Role::Agent)?;
        let began = self.wib.now();
        let wanted = self.tx().await?.ai_config().await?.unwrap_or_else(AiConfig::usual);
        let (mut without, mut counted) = (vec![], false);
        for vendor in self.wib.speech().map(|speech| speech.vendors()).unwrap_or_default() {
            let (wanted, flag) = match vendor {
                "xai" => (wanted.grok_tts, "grok_tts_enabled"),
                "elevenlabs" => (wanted.elevenlabs_tts, "elevenlabs_tts_enabled"),
                _ => (false, ""),
            };
            // Whoever is asked first is used; who stands in for them need only be on.
            let may = wanted && if counted { self.flag(flag).await } else { self.use_flag(flag).await };
            counted |= may;
            if !may {
                without.push(vendor.to_owned());
            }
        }
        let said = self.say(SayText { without, ..wish }).await.map_err(|error| match error.kind() {
            Kind::RateLimited { .. } => Error::unavailable("whoever says texts aloud has too much to do")
                .code("TTS_OVER_CAPACITY")
                .because(error),
            Kind::Vendor | Kind::Timeout => Error::unavailable("All TTS providers unavailable").because(error),
            _ => error,
        })?;
        Ok((said, (self.wib.now().as_millisecond() - began.as_millisecond()).max(0)))
    }
}
