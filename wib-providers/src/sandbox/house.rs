//! The sandbox in the house: adapters plugged into it, its webhooks brought to the core's own door, its time let pass.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;
use wib_core::{
    Wib, WibBuilder,
    ai::LlmChain,
    engine::Worker,
    kit::{Clock, Phone, Random, Result, SecretString, Timestamp, VirtualClock, time},
    ports::{Llm, webhook::Headers},
};

use super::Sandbox;
use crate::{
    assemblyai::AssemblyAi, groq, http::Wires, openai, openai_compatible::ChatBuilder, resend::Resend, telnyx::Telnyx,
    xai,
};

/// The number that sandbox calls show.
pub const OUR_NUMBER: &str = "+13125550100";
/// What a key looks like that opens nothing.
const KEY: &str = "sandbox";

impl Sandbox {
    /// What adapters are plugged into, to talk with this sandbox in process.
    #[must_use]
    pub fn wires(&self, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Wires {
        Wires { transport: self.transport(), clock, random }
    }

    /// Telnyx's adapter over this sandbox.
    ///
    /// # Errors
    /// Never, while the sandbox's own key is one.
    pub fn telnyx(&self, wires: Wires) -> Result<Telnyx> {
        let builder = Telnyx::builder(wires, KEY.to_owned().into(), "1000000000000000001").live(false);
        let number: Phone = OUR_NUMBER.parse()?;
        Ok(builder.public_key(&self.telnyx_public_key())?.default_number(number).build())
    }

    /// AssemblyAI's adapter over this sandbox.
    #[must_use]
    pub fn assemblyai(&self, wires: Wires) -> AssemblyAi {
        let secret: SecretString = "sandbox-webhook-secret".to_owned().into();
        AssemblyAi::builder(wires, KEY.to_owned().into()).webhook_secret(secret).live(false).build()
    }

    /// Groq, then xAI, then OpenAI, over this sandbox.
    #[must_use]
    pub fn llm(&self, wires: &Wires) -> LlmChain {
        let builders: [fn(Wires, SecretString) -> ChatBuilder; 3] = [groq::builder, xai::builder, openai::builder];
        let model = |b: fn(Wires, SecretString) -> ChatBuilder| {
            Arc::new(b(wires.clone(), KEY.to_owned().into()).live(false).build()) as Arc<dyn Llm>
        };
        LlmChain::new(builders.map(model).into())
    }

    /// Resend's adapter over this sandbox.
    #[must_use]
    pub fn mailer(&self, wires: Wires) -> Resend {
        Resend::builder(wires, KEY.to_owned().into(), "calls@sandbox.wib").live(false).build()
    }

    /// Fills every vendor port with its production adapter over this sandbox.
    ///
    /// # Errors
    /// Never, while the sandbox's own key is one.
    pub fn plug(&self, builder: WibBuilder, clock: &Arc<dyn Clock>, random: &Arc<dyn Random>) -> Result<WibBuilder> {
        let wires = self.wires(clock.clone(), random.clone());
        let (telnyx, assemblyai) = (Arc::new(self.telnyx(wires.clone())?), Arc::new(self.assemblyai(wires.clone())));
        Ok(builder
            .clock(clock.clone())
            .random(random.clone())
            .webhook(telnyx.clone())
            .voice(telnyx)
            .webhook(assemblyai.clone())
            .transcriber(assemblyai)
            .llm(Arc::new(self.llm(&wires)))
            .mailer(Arc::new(self.mailer(wires))))
    }

    /// Brings every webhook that is due to the core's door, as the network would; how many there were.
    pub async fn deliver(&self, wib: &Wib) -> usize {
        let due = self.take_due(wib.clock().now());
        for delivery in &due {
            let headers: Vec<_> = delivery.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
            let taken = wib.system().receive(delivery.vendor, &Headers(&headers), &delivery.body).await;
            if let Err(error) = &taken {
                tracing::warn!(vendor = delivery.vendor, ?error, "a sandbox delivery was not taken");
            }
            self.delivered(delivery.id, Some(if taken.is_ok() { 200 } else { 500 }));
        }
        due.len()
    }

    /// Lets virtual time pass, event by event, until `done` or the deadline: deliver, work, move the clock to whatever is
    /// next. One task does everything, so the same seed gives the same bytes.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub async fn play(
        &self,
        wib: &Wib,
        clock: &VirtualClock,
        deadline: Timestamp,
        mut done: impl AsyncFnMut() -> Result<bool>,
    ) -> Result<()> {
        let worker = Worker::new(wib);
        loop {
            while self.deliver(wib).await + worker.run_until_idle().await? > 0 {}
            if done().await? {
                return Ok(());
            }
            let next = [self.next_due(), worker.next_due().await?].into_iter().flatten().min();
            match next.filter(|at| *at <= deadline) {
                // The next event may be in this very instant: the clock then moves by the smallest step.
                Some(at) => clock.advance_to(at.max(time::after(clock.now(), Duration::from_micros(1)))),
                None => {
                    clock.advance_to(deadline);
                    return Ok(());
                }
            }
        }
    }

    /// Delivers webhooks as they fall due, until told to stop: a server whose vendors are in the house.
    pub async fn run(&self, wib: Wib, mut stop: watch::Receiver<bool>) {
        const LOOK: Duration = Duration::from_millis(100);
        while !*stop.borrow() {
            self.deliver(&wib).await;
            let now = wib.clock().now();
            let look = time::after(now, LOOK);
            let next = self.next_due().map_or(look, |due| due.clamp(time::after(now, Duration::from_millis(1)), look));
            tokio::select! {
                biased;
                _ = stop.changed() => {}
                () = wib.clock().sleep_until(next) => {}
            }
        }
    }
}
