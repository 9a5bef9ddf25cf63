use std::{future::Future, sync::Arc};

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};

use crate::ports::{
    Fault, Sent, Speech, VendorError,
    speech::{Say, SpeechModel, SpeechStream, Spoken, VoiceInfo},
};

/// Several speakers in a row: the next one speaks when one cannot. It is a speaker itself.
///
/// A voice belongs to one vendor ([`VoiceId`](crate::ports::speech::VoiceId)): the others take their own for the language.
#[derive(Debug)]
pub struct SpeechChain(Vec<Arc<dyn Speech>>);

impl SpeechChain {
    /// The speakers, first choice first.
    #[must_use]
    pub fn new(speakers: Vec<Arc<dyn Speech>>) -> Self {
        Self(speakers)
    }
    /// Who can say it: those whose voice was asked for first, then the others in their order.
    ///
    /// # Errors
    /// When the text cannot be said, or nobody speaks its language.
    fn in_order(&self, say: &Say) -> Result<impl Iterator<Item = &Arc<dyn Speech>>, VendorError> {
        say.check("chain")?;
        let asked = say.voice.as_ref().map(|voice| voice.vendor.as_str());
        let may = self.0.iter().filter(|speech| !say.without.iter().any(|not| not == speech.vendor()));
        let able = may.filter(|speech| say.language.as_ref().is_none_or(|language| speech.speaks(language)));
        let (theirs, others): (Vec<_>, Vec<_>) = able.partition(|speech| asked == Some(speech.vendor()));
        if theirs.is_empty() && others.is_empty() && !self.0.is_empty() {
            return Err(VendorError::new("chain", Fault::Request, Sent::No, "nobody speaks that language"));
        }
        Ok(theirs.into_iter().chain(others))
    }
}

#[async_trait]
impl Speech for SpeechChain {
    fn vendor(&self) -> &'static str {
        "chain"
    }
    fn vendors(&self) -> Vec<&'static str> {
        self.0.iter().flat_map(|speech| speech.vendors()).collect()
    }
    fn live(&self) -> bool {
        self.0.iter().any(|speech| speech.live())
    }
    fn speaks(&self, language: &str) -> bool {
        self.0.iter().any(|speech| speech.speaks(language))
    }
    /// Asks one after another; whose voice was asked for comes first. A text that is wrong, or a key that is, is not
    /// carried to the next.
    async fn say(&self, say: &Say) -> Result<Spoken, VendorError> {
        let mut last = nobody("no speaker is configured");
        for speech in self.in_order(say)? {
            match speech.say(say).await {
                Ok(spoken) => return Ok(spoken),
                Err(error) => last = carried_on(error)?,
            }
        }
        Err(last)
    }
    /// The same, up to the first audio. What breaks later ends the stream with its error.
    async fn stream(&self, say: &Say) -> Result<SpeechStream, VendorError> {
        let mut last = nobody("no speaker is configured");
        for speech in self.in_order(say)? {
            match begun(&**speech, say).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = carried_on(error)?,
            }
        }
        Err(last)
    }
    /// Everybody's. Who cannot be asked is left out, unless nobody can.
    async fn voices(&self) -> Result<Vec<VoiceInfo>, VendorError> {
        everybody(self.0.iter().map(|speech| speech.voices())).await
    }
    /// Everybody's. Who cannot be asked is left out, unless nobody can.
    async fn models(&self) -> Result<Vec<SpeechModel>, VendorError> {
        everybody(self.0.iter().map(|speech| speech.models())).await
    }
}

async fn everybody<T>(
    asked: impl Iterator<Item = impl Future<Output = Result<Vec<T>, VendorError>>>,
) -> Result<Vec<T>, VendorError> {
    let (mut all, mut last, mut answered) = (Vec::new(), nobody("no speaker is configured"), false);
    for told in asked {
        match told.await {
            Ok(told) => {
                all.extend(told);
                answered = true;
            }
            Err(error) => last = error,
        }
    }
    if answered { Ok(all) } else { Err(last) }
}

/// A stream whose first audio has come.
async fn begun(speech: &dyn Speech, say: &Say) -> Result<SpeechStream, VendorError> {
    let SpeechStream { head, mut pieces } = speech.stream(say).await?;
    let first = pieces.next().await;
    let first =
        first.unwrap_or_else(|| Err(VendorError::new(speech.vendor(), Fault::Nonsense, Sent::Unknown, "no audio")))?;
    Ok(SpeechStream { head, pieces: stream::iter([Ok(first)]).chain(pieces).boxed() })
}

/// What a chain of nobody says.
fn nobody(message: &str) -> VendorError {
    VendorError::new("chain", Fault::Down, Sent::No, message)
}

/// The failure, noted, when the next one is to be asked.
///
/// # Errors
/// The failure itself when the next one would fail as well, or ought to.
fn carried_on(error: VendorError) -> Result<VendorError, VendorError> {
    if !error.retryable() && error.fault != Fault::Payment {
        return Err(error);
    }
    tracing::warn!(vendor = error.vendor, error = %error, "a vendor did not answer; asking the next");
    metrics::counter!("wib_speech_failovers_total", "vendor" => error.vendor).increment(1);
    Ok(error)
}
