use std::sync::Arc;

use async_trait::async_trait;

use crate::ports::{
    Fault, Llm, Sent, VendorError,
    llm::{Completion, Prompt},
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
        let mut last = VendorError::new("chain", Fault::Down, Sent::No, "no model is configured");
        for model in &self.0 {
            match model.complete(prompt).await {
                Ok(completion) => return Ok(completion),
                Err(error) if error.retryable() || error.fault == Fault::Payment => {
                    tracing::warn!(vendor = error.vendor, error = %error, "a model did not answer; asking the next");
                    metrics::counter!("wib_llm_failovers_total", "vendor" => error.vendor).increment(1);
                    last = error;
                }
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }
}
