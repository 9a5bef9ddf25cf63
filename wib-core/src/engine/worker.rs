use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::sync::watch;
use tracing::Instrument;

use super::{
    Consumer, Message, Topic,
    consumer::{self, Next, TAKE_BACK},
    outage::Outage,
};
use crate::{
    ai_agent, analysis, assist, audio, audit, billing, blobs, calls,
    kit::{Error, Kind, Result, time, time::Timestamp},
    live,
    orgs::OrganizationId,
    ports::{
        bus::{Channel, Hearing},
        webhook::EventBody,
    },
    recordings, retention, sentiment,
    store::SystemTx,
    subscriptions, transcripts, translation,
    wib::Wib,
};

/// What a handler made of a message.
#[derive(Debug)]
pub(crate) enum Done {
    /// Done.
    Ack,
    /// To be run again.
    Later {
        /// Then.
        at: Timestamp,
        /// Why.
        why: String,
        /// Keep the mark that a vendor request's outcome is unknown.
        started: bool,
        /// Whether it uses up a try.
        counted: bool,
    },
    /// It failed, and the vendor request that was marked surely had no effect: the mark goes.
    Undone(Error),
    /// Another worker has it now.
    Lost,
    /// Whoever works on it beside the worker settles it.
    Beside,
}
impl Done {
    /// A wait that is no failure.
    pub(crate) fn wait(at: Timestamp, why: &str) -> Self {
        Self::Later { at, why: why.to_owned(), started: false, counted: false }
    }
}

/// On whose account a message is worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// The worker's own: what is to be tried again comes back to a worker.
    Leased,
    /// A queue's outside: what is to be tried again comes back from there.
    Handed,
}

/// How a message stands after it was worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Done.
    Done,
    /// It is tried again then.
    Later(Timestamp),
    /// Given up.
    Dead,
    /// Another one's.
    Lost,
}

/// How often a topic is tried, and how the wait grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Tries before it becomes a dead letter.
    pub tries: i64,
    /// The first wait.
    pub base: Duration,
    /// The longest wait.
    pub cap: Duration,
}

impl Topic {
    /// How often a message of this topic is tried.
    #[must_use]
    pub const fn limits(self) -> Limits {
        let (tries, base, cap) = match self {
            // A first try and three more: the seed's setting for the transcription queue.
            Self::SubmitTranscript | Self::SubmitAudio | Self::Analyse | Self::Translate => (4, 10, 120),
            // Somebody waits for the words; what a vendor fails at is not tried again.
            Self::TranslateLine => (3, 1, 2),
            // The seed's setting: three attempts, two and four seconds apart.
            Self::SpeakLine => (3, 2, 4),
            // The notice is of no use when the person has waited.
            Self::SpeakNotice | Self::StartRecording => (5, 1, 4),
            // Somebody waits to say a card's number: after some seconds the recording is ended instead.
            Self::PauseRecording => (4, 1, 2),
            Self::StopRecording | Self::ResumeRecording => (8, 1, 4),
            // A dial that cannot leave for this long is no longer the call that was asked for.
            Self::Dial | Self::HangUp | Self::EndLeg | Self::EndUnattended => (8, 1, 30),
            // Somebody waits on a line.
            Self::AnswerCall
            | Self::RouteCall
            | Self::DialLeg
            | Self::JoinLeg
            | Self::TransferCall
            | Self::HoldCall
            | Self::ConsultLeg
            | Self::HandCall
            | Self::ReturnCall
            | Self::SwitchRole
            | Self::AiHear
            | Self::AiThink
            | Self::AiSpeak
            | Self::AiHush => (5, 1, 4),
            // The call goes on meanwhile; what fails at a model is not tried again at all.
            Self::ScoreLine | Self::AssistLine => (3, 1, 4),
            // Somebody else's server may be down for an hour.
            Self::TellSentiment => (12, 2, 1800),
            // It counts its own tries and waits; these are for what is wrong on our side.
            Self::DeliverWebhook => (20, 1, 300),
            // The vendor's link expires after about ten minutes; the adapter asks for a fresh one.
            Self::FetchRecording => (10, 2, 300),
            Self::ApplyEvent
            | Self::OpenStream
            | Self::WatchCall
            | Self::AiWatch
            | Self::FetchTranscript
            | Self::FetchAudio
            | Self::Seal
            | Self::SendMail
            | Self::WriteAudit => (20, 1, 300),
            // What must be gone is tried for a day.
            Self::SilenceRecording | Self::DeleteBlob | Self::ForgetRecording | Self::ForgetTranscript => (60, 2, 1800),
        };
        Limits { tries, base: Duration::from_secs(base), cap: Duration::from_secs(cap) }
    }
}

/// Runs what is due: stepped by hand in tests, or for as long as a server lives.
#[derive(Clone, Debug)]
pub struct Worker {
    wib: Wib,
    outage: Arc<Outage>,
}

impl Worker {
    /// Messages a worker leases at once.
    const BATCH: i64 = 5;
    /// How long an idle worker sleeps at most: another process may have queued something.
    const IDLE: Duration = Duration::from_millis(500);
    /// The longest wait before a queue that could not be read is asked again.
    const PATIENCE: Duration = Duration::from_secs(10);

    /// A worker of this installation.
    #[must_use]
    pub fn new(wib: &Wib) -> Self {
        Self { wib: wib.clone(), outage: Arc::default() }
    }

    /// Runs what is due now, one after another, at most one batch; how many there were.
    ///
    /// # Errors
    /// When the queue itself cannot be read. What a handler fails with goes to its message.
    pub async fn step(&self) -> Result<usize> {
        self.step_unless(|| false).await
    }

    /// A step that begins nothing more once it is told to stop: what it took and has not begun goes back at once, so that
    /// nobody waits for the end of its lease.
    async fn step_unless(&self, stopped: impl Fn() -> bool) -> Result<usize> {
        self.wib.keep_rules().await?;
        let mut tx = self.wib.store.system().await?;
        let batch = tx.lease(self.wib.now(), self.wib.settings.lease, Self::BATCH).await?;
        tx.commit().await?;
        self.wib.note_progress();
        for (begun, message) in batch.iter().enumerate() {
            if stopped() {
                let mut tx = self.wib.store.system().await?;
                for message in &batch[begun..] {
                    tx.release(message).await?;
                }
                tx.commit().await?;
                break;
            }
            // Neither the key nor what is carried: both may name a person.
            let span = tracing::info_span!(
                "message",
                topic = message.topic.as_str(),
                message = %message.id,
                attempts = message.attempts
            );
            let work = async {
                if let Next::Run(message) = consumer::hand_on(&self.wib, message).await? {
                    self.settle(&message, How::Leased).await?;
                }
                Ok::<_, Error>(())
            };
            work.instrument(span).await?;
            self.wib.note_progress();
        }
        Ok(batch.len())
    }

    /// Steps until nothing is due; how many messages ran.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub async fn run_until_idle(&self) -> Result<usize> {
        let mut ran = 0;
        loop {
            match self.step().await? {
                0 => return Ok(ran),
                n => ran += n,
            }
        }
    }

    /// When the next message is due.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub async fn next_due(&self) -> Result<Option<Timestamp>> {
        self.wib.store.system().await?.next_due().await
    }

    /// Works with `lanes` in parallel until told to stop, then finishes what is in hand. Where there is a queue outside, its
    /// orders are taken from it too.
    pub async fn run(&self, lanes: usize, stop: watch::Receiver<bool>) {
        let lanes = join_all((0..lanes.max(1)).map(|_| self.lane(stop.clone())));
        let outside = async {
            if let Some(consumer) = Consumer::new(&self.wib) {
                consumer.run(stop.clone()).await;
            }
        };
        let news = async {
            match self.wib.bus.subscribe(Channel::Work) {
                Ok(hearing) if self.wib.bus.shared() => self.hear(hearing, stop.clone()).await,
                // The process wakes its own workers without a bus.
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "workers will not hear of work that others queue"),
            }
        };
        tokio::join!(lanes, outside, news);
    }

    /// Wakes a lane whenever some node has queued something.
    async fn hear(&self, mut hearing: Hearing, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            tokio::select! {
                biased;
                _ = stop.changed() => {}
                _ = hearing.next() => self.wib.wake.notify_one(),
            }
        }
    }

    async fn lane(&self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let step = self.step_unless(|| *stop.borrow()).await;
            if step.is_ok()
                && let Some(since) = self.outage.over()
            {
                tracing::info!(%since, "the queue is read again");
            }
            let wait = match step {
                Ok(0) => Self::IDLE,
                Ok(_) => continue,
                Err(error) => {
                    let met = self.outage.met(self.wib.now());
                    if met.tell {
                        let (times, since) = (met.times, met.since);
                        tracing::error!(error = error.chain(), times, %since, "the queue could not be read");
                    }
                    self.wib.random().backoff(met.times, Self::IDLE * 2, Self::PATIENCE)
                }
            };
            let now = self.wib.now();
            tokio::select! {
                biased;
                _ = stop.changed() => {}
                () = self.wib.wake.notified() => {}
                () = self.wib.clock.sleep_until(time::after(now, wait)) => {}
            }
        }
    }

    /// Works here and now on a message that was just queued, unless another worker has it, and waits for that at most
    /// `patience`; whether nobody else had it. The work goes on when nobody waits any more, for whatever reason.
    pub(crate) async fn hurry(
        &self,
        organization: OrganizationId,
        topic: Topic,
        key: &str,
        patience: Duration,
    ) -> Result<bool> {
        let mut tx = self.wib.store.system().await?;
        let message = tx.lease_one(organization, topic, key, self.wib.now(), self.wib.settings.lease).await?;
        tx.commit().await?;
        let Some(message) = message else { return Ok(false) };
        let (worker, span) = (self.clone(), tracing::Span::current());
        let work = async move {
            if let Err(error) = worker.settle(&message, How::Leased).await {
                // Its lease ends, and a worker takes it again.
                tracing::error!(topic = topic.as_str(), error = error.chain(), "a message could not be settled");
            }
        };
        let running = tokio::spawn(work.instrument(span));
        if let Some(Err(panic)) = time::timeout(&**self.wib.clock(), patience, running).await {
            tracing::error!(topic = topic.as_str(), error = %panic, "a handler panicked");
        }
        Ok(true)
    }

    /// Works on a message and writes down what became of it.
    pub(super) async fn settle(&self, message: &Message, how: How) -> Result<After> {
        let wib = &self.wib;
        let topic = message.topic.as_str();
        let began = wib.now();
        let outcome = self.handle(message).await;
        let took = Duration::try_from(wib.now().duration_since(began)).unwrap_or_default();
        metrics::histogram!("wib_message_seconds", "topic" => topic).record(took.as_secs_f64());
        let mut tx = wib.store.system().await?;
        let (word, after) = match outcome {
            Ok(Done::Ack) => {
                tx.acknowledge(message, wib.now()).await?;
                ("done", After::Done)
            }
            Ok(Done::Later { at, why, started, counted })
                if !counted || message.attempts < message.topic.limits().tries =>
            {
                put_back(&mut *tx, message, how, at, (&why, started, counted)).await?;
                ("later", After::Later(at))
            }
            Ok(Done::Later { why, .. }) => {
                drop(tx);
                return self.give_up(message, &why).await;
            }
            Ok(Done::Lost) => ("lost", After::Lost),
            Ok(Done::Beside) => ("beside", After::Lost),
            Ok(Done::Undone(error)) => {
                drop(tx);
                return self.failed(message, how, &error, false).await;
            }
            // Whatever failed, a request whose outcome is unknown stays in doubt.
            Err(error) => {
                drop(tx);
                return self.failed(message, how, &error, true).await;
            }
        };
        tx.commit().await?;
        metrics::counter!("wib_messages_total", "topic" => topic, "outcome" => word).increment(1);
        Ok(after)
    }

    /// Has it tried again later, or gives it up.
    async fn failed(&self, message: &Message, how: How, error: &Error, started: bool) -> Result<After> {
        let (wib, topic, why) = (&self.wib, message.topic.as_str(), error.chain());
        tracing::warn!(topic, key = message.key, attempts = message.attempts, error = why, "a message failed");
        let limits = message.topic.limits();
        // What is down is ours, the disk or the database: nothing was tried, and once it is up the work goes on by itself.
        let ours = error.kind() == Kind::Unavailable && !blobs::faulty(error);
        if !ours && (!retryable(error) || message.attempts >= limits.tries) {
            return self.give_up(message, &why).await;
        }
        let tries = u32::try_from(message.attempts).unwrap_or(u32::MAX);
        let mut wait = match ours {
            true => wib.random().backoff(1, Self::PATIENCE, Self::PATIENCE),
            false => wib.random().backoff(tries, limits.base, limits.cap),
        };
        if let Kind::RateLimited { retry_after } = error.kind() {
            wait = wait.max(retry_after.min(Duration::from_secs(600)));
        }
        let at = time::after(wib.now(), wait);
        let mut tx = wib.store.system().await?;
        put_back(&mut *tx, message, how, at, (&why, started, !ours)).await?;
        tx.commit().await?;
        metrics::counter!("wib_messages_total", "topic" => topic, "outcome" => "retry").increment(1);
        Ok(After::Later(at))
    }

    /// Leaves a dead letter, and lets the slice write what that means for its rows.
    async fn give_up(&self, message: &Message, why: &str) -> Result<After> {
        let told = match message.topic {
            Topic::Dial => calls::dial_given_up(&self.wib, message, why).await,
            Topic::FetchRecording => recordings::give_up(&self.wib, message).await,
            Topic::SilenceRecording => recordings::silence_given_up(&self.wib, message).await,
            Topic::SubmitTranscript | Topic::FetchTranscript => transcripts::give_up(&self.wib, message, why).await,
            Topic::SubmitAudio | Topic::FetchAudio => audio::give_up(&self.wib, message, why).await,
            Topic::Analyse => analysis::give_up(&self.wib, message, why).await,
            Topic::Translate => translation::give_up(&self.wib, message).await,
            Topic::TranslateLine => live::translate_given_up(&self.wib, message).await,
            Topic::SpeakLine => live::speak_given_up(&self.wib, message, why).await,
            Topic::DialLeg => calls::leg_given_up(&self.wib, message, why).await,
            Topic::JoinLeg => calls::join_given_up(&self.wib, message).await,
            Topic::RouteCall => calls::route_given_up(&self.wib, message).await,
            Topic::TransferCall | Topic::HoldCall | Topic::ConsultLeg | Topic::HandCall => {
                calls::handover_given_up(&self.wib, message, why).await
            }
            Topic::ReturnCall => calls::return_given_up(&self.wib, message).await,
            Topic::PauseRecording => calls::pause_given_up(&self.wib, message).await,
            Topic::StopRecording => calls::stop_given_up(&self.wib, message).await,
            _ => Ok(()),
        };
        if let Err(error) = told {
            tracing::error!(
                topic = message.topic.as_str(),
                error = error.chain(),
                "a dead letter could not be told to its slice"
            );
        }
        tracing::error!(topic = message.topic.as_str(), key = message.key, why, "a message was given up");
        metrics::counter!("wib_dead_letters_total", "topic" => message.topic.as_str()).increment(1);
        let mut tx = self.wib.store.system().await?;
        tx.bury(message, self.wib.now(), why).await?;
        tx.commit().await?;
        Ok(After::Dead)
    }

    async fn handle(&self, message: &Message) -> Result<Done> {
        let wib = &self.wib;
        match message.topic {
            Topic::ApplyEvent => self.apply(message).await,
            Topic::Dial => calls::dial(wib, message).await,
            Topic::HangUp => calls::hang_up(wib, message).await,
            Topic::AnswerCall => calls::answer(wib, message).await,
            Topic::RouteCall => calls::route(wib, message).await,
            Topic::EndUnattended => calls::end_unattended(wib, message).await,
            Topic::DialLeg => calls::dial_leg(wib, message).await,
            Topic::JoinLeg => calls::join_leg(wib, message).await,
            Topic::EndLeg => calls::end_leg(wib, message).await,
            Topic::TransferCall => calls::transfer(wib, message).await,
            Topic::HoldCall => calls::hold(wib, message).await,
            Topic::ConsultLeg => calls::consult(wib, message).await,
            Topic::HandCall => calls::hand(wib, message).await,
            Topic::ReturnCall => calls::bring_back(wib, message).await,
            Topic::SwitchRole => calls::switch_role(wib, message).await,
            Topic::SpeakNotice => calls::speak(wib, message).await,
            Topic::StartRecording => calls::start_recording(wib, message).await,
            Topic::StopRecording => calls::stop_recording(wib, message).await,
            Topic::PauseRecording => calls::pause_recording(wib, message).await,
            Topic::ResumeRecording => calls::resume_recording(wib, message).await,
            Topic::OpenStream => live::open(wib, message).await,
            Topic::WatchCall => calls::watch(wib, message).await,
            Topic::FetchRecording => recordings::fetch(wib, message).await,
            Topic::SilenceRecording => recordings::silence(wib, message).await,
            Topic::SubmitTranscript => transcripts::submit(wib, message).await,
            Topic::FetchTranscript => transcripts::ask(wib, message).await,
            Topic::SubmitAudio => audio::submit(wib, message).await,
            Topic::FetchAudio => audio::ask(wib, message).await,
            Topic::Analyse => analysis::analyse(wib, message).await,
            Topic::Translate => translation::translate(wib, message).await,
            Topic::TranslateLine => live::translate(wib, message).await,
            Topic::SpeakLine => live::speak(wib, message).await,
            Topic::ScoreLine => sentiment::score(wib, message).await,
            Topic::TellSentiment => sentiment::tell(wib, message).await,
            Topic::DeliverWebhook => subscriptions::deliver(wib, message).await,
            Topic::AssistLine => assist::advise(wib, message).await,
            Topic::AiHear => ai_agent::hear(wib, message).await,
            Topic::AiThink => ai_agent::think(wib, message).await,
            Topic::AiSpeak => ai_agent::speak(wib, message).await,
            Topic::AiHush => ai_agent::hush(wib, message).await,
            Topic::AiWatch => ai_agent::watch(wib, message).await,
            Topic::Seal => calls::seal(wib, message).await,
            Topic::SendMail => crate::mail::send(wib, message).await,
            Topic::WriteAudit => audit::write(wib, message).await,
            Topic::DeleteBlob => retention::delete_blob(wib, message).await,
            Topic::ForgetRecording => retention::forget_recording(wib, message).await,
            Topic::ForgetTranscript => retention::forget_transcript(wib, message).await,
        }
    }

    async fn apply(&self, message: &Message) -> Result<Done> {
        let id = message.payload_field("inbox_id")?;
        let inbox = self.wib.store.system().await?.inbox_event(id).await?;
        // Purged, and so applied long ago.
        let Some(inbox) = inbox else { return Ok(Done::Ack) };
        match inbox.event.body {
            EventBody::Voice(event) => calls::apply_voice(&self.wib, &inbox.vendor, &event, message.attempts).await,
            EventBody::Transcript { transcript_id, .. } => {
                let owner = self.wib.store.system().await?.owner_of_transcript(&inbox.vendor, &transcript_id).await?;
                let Some(owner) = owner else {
                    // Faster than the answer to our order, or not ours: the poll finds ours anyway.
                    metrics::counter!("wib_events_unknown_total", "vendor" => inbox.vendor).increment(1);
                    return Ok(Done::Ack);
                };
                // Only a fetch says what is true: the delivery's body is not signed.
                transcripts::fetch(&self.wib, owner.organization_id, owner.record.into()).await?;
                Ok(Done::Ack)
            }
            EventBody::Mail(event) => {
                crate::mail::heard(&self.wib, &inbox.vendor, &event).await?;
                Ok(Done::Ack)
            }
            EventBody::Billing(event) => {
                billing::apply(&self.wib, &inbox.vendor, &event).await?;
                Ok(Done::Ack)
            }
            // Nothing asks for these yet.
            EventBody::Message(_)
            | EventBody::RedactedAudio { .. }
            | EventBody::LiveSession { .. }
            | EventBody::Other(_) => Ok(Done::Ack),
        }
    }
}

/// Has a message tried again then: by a worker, or when the queue outside brings it back, and by a worker if it does not.
async fn put_back(
    tx: &mut dyn SystemTx,
    message: &Message,
    how: How,
    at: Timestamp,
    (why, started, counted): (&str, bool, bool),
) -> Result<()> {
    match how {
        How::Leased => tx.retry(message, at, why, started, counted).await,
        How::Handed => tx.hand_on(message, time::after(at, TAKE_BACK), Some(why), started, counted).await.map(drop),
    }
}

/// Whether the same message may fare better later. A defect of ours may be mended while it waits, a wrong request not.
fn retryable(error: &Error) -> bool {
    error.retryable() || matches!(error.kind(), Kind::Internal | Kind::Conflict)
}
