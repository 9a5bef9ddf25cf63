use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};

use crate::ports::{
    Fault, Llm, Sent, VendorError,
    llm::{Completion, LlmStream, Prompt},
};

/// Several models in a row: the next one answers when one is down. It is a model itself.
#[derive(Debug)]
pub struct LlmChain(Vec<Arc<dyn Llm>>);

impl LlmChain {
    /// The models, first choice first.
    #[must_use]
    pub fn new(models: Vec<Arc<dyn Llm>>) -> Self {
        Self(models)
    }
}

#[async_trait]
impl Llm for LlmChain {
    fn vendor(&self) -> &'static str {
        "chain"
    }
    fn live(&self) -> bool {
        self.0.iter().any(|m| m.live())
    }
    /// Asks one after another. A request that is wrong, or a key that is, is not carried to the next: it is ours to mend.
    async fn complete(&self, prompt: &Prompt) -> Result<Completion, VendorError> {
        let mut last = nobody("no model is configured");
        for model in &self.0 {
            match model.complete(prompt).await {
                Ok(completion) => return Ok(completion),
                Err(error) => last = carried_on(error, "wib_llm_failovers_total")?,
            }
        }
        Err(last)
    }
    /// The same, up to the first piece: what breaks before it, nobody notices. What breaks later ends the stream with
    /// its error, for another model would say it in other words.
    async fn stream(&self, prompt: &Prompt) -> Result<LlmStream, VendorError> {
        let mut last = nobody("no model is configured");
        for model in &self.0 {
            match begun(&**model, prompt).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = carried_on(error, "wib_llm_failovers_total")?,
            }
        }
        Err(last)
    }
}

/// A stream whose first piece has come.
async fn begun(model: &dyn Llm, prompt: &Prompt) -> Result<LlmStream, VendorError> {
    let mut rest = model.stream(prompt).await?;
    let first = rest.next().await;
    let first =
        first.unwrap_or_else(|| Err(VendorError::new(model.vendor(), Fault::Nonsense, Sent::Unknown, "no answer")))?;
    Ok(stream::iter([Ok(first)]).chain(rest).boxed())
}

/// What a chain of nobody says.
pub(super) fn nobody(message: &str) -> VendorError {
    VendorError::new("chain", Fault::Down, Sent::No, message)
}

/// The failure, noted, when the next one is to be asked.
///
/// # Errors
/// The failure itself when the next one would fail as well, or ought to.
pub(super) fn carried_on(error: VendorError, counter: &'static str) -> Result<VendorError, VendorError> {
    if !error.retryable() && error.fault != Fault::Payment {
        return Err(error);
    }
    tracing::warn!(vendor = error.vendor, error = %error, "a vendor did not answer; asking the next");
    metrics::counter!(counter, "vendor" => error.vendor).increment(1);
    Ok(error)
}
