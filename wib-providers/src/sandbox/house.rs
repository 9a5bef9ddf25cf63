//! The sandbox in the house: adapters plugged into it, its webhooks brought to the core's own door, its time let pass.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;
use wib_core::{
    Wib, WibBuilder,
    engine::Worker,
    kit::{Clock, Error, Phone, Random, Result, Timestamp, VirtualClock, time},
    ports::webhook::Headers,
};

use super::Sandbox;
use crate::{
    http::Wires,
    telnyx::Telnyx,
    vendor::{Adapters, Given, Values},
    vendors,
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

    /// The production adapters of every vendor that is compiled in, over this sandbox.
    ///
    /// # Errors
    /// Never, while the sandbox's own keys are such.
    pub fn adapters(&self, wires: &Wires) -> Result<Adapters> {
        let (mut adapters, values) = (Adapters::default(), Values::new());
        for vendor in vendors().filter(|vendor| vendor.sandboxed()) {
            let verifier = self.verifier(vendor.name);
            let given = Given { wires: wires.clone(), live: false, values: &values, verifier };
            for (_, plug) in vendor.ports {
                plug(&given, &mut adapters).map_err(|(name, reason)| Error::invalid(format!("{name}: {reason}")))?;
            }
        }
        Ok(adapters)
    }

    /// Fills every vendor port with its production adapter over this sandbox.
    ///
    /// # Errors
    /// Never, while the sandbox's own keys are such.
    pub fn plug(&self, builder: WibBuilder, clock: &Arc<dyn Clock>, random: &Arc<dyn Random>) -> Result<WibBuilder> {
        let wires = self.wires(clock.clone(), random.clone());
        Ok(self.adapters(&wires)?.fill(builder.clock(clock.clone()).random(random.clone())))
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
            self.let_stream().await;
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

    /// While sound is streamed, lets the tasks at both ends of it have their turns before the clock moves on.
    async fn let_stream(&self) {
        const TURNS: usize = 64;
        for _ in 0..if self.streams() { TURNS } else { 0 } {
            tokio::task::yield_now().await;
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
