//! One connection that a call's sound comes over: frames in order, each side to its ear, and what the ears tell to be kept.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use tokio::sync::{mpsc, oneshot};

use super::{
    Speaker, StreamStatus,
    door::{Admitted, MediaIn, MediaSocket},
    ears::Ear,
    keeper::{self, Keeper},
    open,
    sound::{FRAME_MS, Tuner, Unheard},
};
use crate::{
    calls::{Call, CallFacts, RecordingState},
    kit::{Result, time, time::Timestamp},
    live::{LiveEvent, LiveKind},
    ports::{
        bus::{Channel, Heard, Hearing, Note},
        media::{Frame, MediaEvent, MediaStart, MediaWire, Sorter},
        voice::Tracks,
    },
    wib::Wib,
};

/// How long the first word of a vendor may take.
const STARTS: Duration = Duration::from_secs(10);
/// Frames that a missing one is waited for: 100 ms.
const WAITS: usize = 5;
/// Frames that an ear may be behind before the vendor is made to wait: 5 s.
const BEHIND: usize = 250;
/// Frames that may be missing at once; more is no loss but nonsense: 30 s.
const MISSING: u64 = 1_500;
/// Frames in a row that cannot be read before the stream is given up.
const GARBAGE: u32 = 50;
/// How much larger than 20 ms a frame of sound may be.
const LARGER: usize = 50;
/// Things told by both ears that wait to be kept.
const UNKEPT: usize = 1_000;

/// Why a connection ended, with the code of RFC 6455 that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The vendor said that no more follows, or the call is over.
    Stop,
    /// Nothing is to be heard any more.
    Unwanted,
    /// The peer has gone.
    Gone,
    /// This process ends.
    Leaving,
    /// The vendor did something that cannot be borne.
    Refused(u16, &'static str),
}
impl End {
    fn close(self) -> (u16, &'static str) {
        match self {
            Self::Stop | Self::Unwanted | Self::Gone => (1000, ""),
            Self::Leaving => (1001, "somebody else goes on"),
            Self::Refused(code, why) => (code, why),
        }
    }
    /// How the stream stands afterwards, and why.
    fn status(self) -> (StreamStatus, Option<&'static str>) {
        match self {
            Self::Stop | Self::Unwanted => (StreamStatus::Ended, None),
            Self::Gone => (StreamStatus::Lost, Some("the connection was lost")),
            Self::Leaving => (StreamStatus::Lost, Some("the process ended")),
            Self::Refused(_, why) => (StreamStatus::Lost, Some(why)),
        }
    }
}

/// One side of a call.
struct Side {
    sorter: Sorter,
    tuner: Tuner,
    /// What is less than a frame.
    rest: BytesMut,
    next: u64,
    ear: mpsc::Sender<Bytes>,
}

impl Side {
    /// Gives the ear a frame that came, and silence for those that did not.
    async fn hear(&mut self, frame: &Frame, muted: bool) {
        let missing = frame.chunk.saturating_sub(self.next);
        self.next = frame.chunk.saturating_add(1);
        if missing > 0 {
            metrics::counter!("wib_media_frames_total", "what" => "lost").increment(missing);
            let lost = self.tuner.lost();
            (0..missing.min(MISSING)).for_each(|_| self.rest.extend_from_slice(&lost));
        }
        let sound = self.tuner.tune(&frame.sound);
        if muted {
            let silence = self.tuner.shape.silence();
            self.rest.resize(self.rest.len() + sound.len(), silence);
        } else {
            self.rest.extend_from_slice(&sound);
        }
        let whole = self.tuner.shape.frame();
        while self.rest.len() >= whole {
            // The ear is gone only when everything is over.
            let _ = self.ear.send(self.rest.split_to(whole).freeze()).await;
        }
    }
}

struct Session {
    wib: Wib,
    call: Call,
    control: Option<String>,
    wire: Arc<dyn MediaWire>,
    muted: bool,
    sides: BTreeMap<Speaker, Side>,
    tell: mpsc::Sender<keeper::Heard>,
    garbage: u32,
    origin: Option<Timestamp>,
}

/// Whether nothing of a call may be heard now.
fn muted(facts: &CallFacts) -> bool {
    facts.open_mask().is_some() || facts.recording_state() != RecordingState::Recording
}

/// Whether a call is to be heard at all, later on too.
fn wanted(call: &Call) -> bool {
    let over = matches!(call.facts.recording_state(), RecordingState::Stopped | RecordingState::Refused);
    !call.status.terminal() && !over && call.listen.is_some()
}

impl Admitted {
    /// Hears a call over a connection until it ends, and keeps what was said.
    pub async fn carry(self, socket: &mut dyn MediaSocket) {
        let Self { wib, organization, stream, call, leg, vendor, seat } = self;
        let Some(wire) = wib.media.get(vendor.as_str()).cloned() else { return };
        metrics::gauge!("wib_media_streams").increment(1.0);
        let (tell, told) = mpsc::channel(UNKEPT);
        let keeper = Keeper::new(wib.clone(), organization, &call, &stream);
        let (stream_id, call_id) = (stream.id, call.id);
        let mut session = Session {
            muted: muted(&call.facts),
            wib: wib.clone(),
            call,
            control: leg.control_id,
            wire,
            sides: BTreeMap::new(),
            tell,
            garbage: 0,
            origin: None,
        };
        // All of it is one task: whoever drops it has dropped everything.
        let (ready, hearing) = oneshot::channel();
        let carried = async {
            let end = match session.start(socket).await {
                Ok(start) => match session.listen(&start) {
                    Ok(ears) => {
                        let _ = ready.send(ears);
                        session.go_on(socket).await
                    }
                    Err(unheard) => {
                        tracing::warn!(call = %session.call.id, why = %unheard, "a stream cannot be heard");
                        End::Refused(1003, "sound that cannot be heard")
                    }
                },
                Err(end) => end,
            };
            metrics::counter!("wib_media_ended_total", "why" => end.status().1.unwrap_or("over")).increment(1);
            let (code, reason) = end.close();
            socket.close(code, reason).await;
            session.finish().await;
            end
        };
        let hears = async {
            if let Ok(ears) = hearing.await {
                join_all(ears).await;
            }
        };
        let (end, (), ()) = tokio::join!(carried, hears, keeper.run(told));
        let (status, why) = end.status();
        if let Err(error) = over(&wib, organization, (stream_id, call_id), status, why).await {
            tracing::error!(error = error.chain(), "the end of a stream could not be kept");
        }
        metrics::gauge!("wib_media_streams").decrement(1.0);
        drop(seat);
    }
}

/// Keeps how a stream ended; when it was lost, another is ordered at once.
async fn over(
    wib: &Wib,
    organization: crate::orgs::OrganizationId,
    (stream, call): (super::StreamId, crate::calls::CallId),
    status: StreamStatus,
    why: Option<&str>,
) -> Result<()> {
    let mut tx = wib.store.org(organization).await?;
    let Some(call) = tx.lock_call(call).await? else { return Ok(()) };
    let Some(mut row) = tx.find(stream).await? else { return Ok(()) };
    if row.status != StreamStatus::Open {
        return Ok(());
    }
    row.status = if wanted(&call) { status } else { StreamStatus::Ended };
    row.why = why.map(ToOwned::to_owned);
    row.ended_at = Some(wib.now());
    tx.update(&row).await?;
    if row.status == StreamStatus::Lost {
        open::ask(&mut *tx, call.id, &format!("after:{}", row.number), wib.now()).await?;
    }
    tx.commit().await?;
    wib.wake();
    Ok(())
}

impl Session {
    /// Waits for the vendor to say what follows.
    async fn start(&mut self, socket: &mut dyn MediaSocket) -> std::result::Result<MediaStart, End> {
        let clock = self.wib.clock().clone();
        let until = time::after(clock.now(), STARTS);
        loop {
            let left = Duration::try_from(until.duration_since(clock.now())).unwrap_or_default();
            let Some(came) = time::timeout(&*clock, left, socket.next()).await else {
                return Err(End::Refused(1002, "nothing was started"));
            };
            match self.read(came)? {
                Some(MediaEvent::Start(start)) => {
                    let named = start.leg.control_id.as_ref();
                    if named.is_some() && self.control.is_some() && named != self.control.as_ref() {
                        return Err(End::Refused(1008, "another call"));
                    }
                    return Ok(start);
                }
                Some(MediaEvent::Stop) => return Err(End::Stop),
                Some(MediaEvent::Media(_)) => return Err(End::Refused(1002, "sound before the start")),
                _ => {}
            }
        }
    }

    /// What a frame says; `None` when it is passed over.
    fn read(&mut self, came: MediaIn) -> std::result::Result<Option<MediaEvent>, End> {
        let garbled = match came {
            MediaIn::Text(text) => match self.wire.read(&text) {
                Ok(message) => return Ok(Some(message.what)),
                Err(error) => {
                    tracing::debug!(%error, "a frame of a stream cannot be read");
                    "garbled"
                }
            },
            MediaIn::Binary => "binary",
            MediaIn::TooLarge => {
                metrics::counter!("wib_media_frames_total", "what" => "too_large").increment(1);
                return Err(End::Refused(1009, "a frame holds more than it may"));
            }
            MediaIn::Gone => return Err(End::Gone),
            MediaIn::Leaving => return Err(End::Leaving),
        };
        metrics::counter!("wib_media_frames_total", "what" => garbled).increment(1);
        self.garbage += 1;
        if self.garbage >= GARBAGE { Err(End::Refused(1007, "frames that cannot be read")) } else { Ok(None) }
    }

    async fn go_on(&mut self, socket: &mut dyn MediaSocket) -> End {
        let hearing = self.wib.bus.subscribe(Channel::Organization(self.call.organization_id));
        let mut hearing: Option<Hearing> = hearing.ok();
        let clock = self.wib.clock().clone();
        let mut look = clock.now();
        loop {
            if clock.now() >= look {
                look = time::after(clock.now(), open::SIGN);
                if !self.heed().await {
                    return End::Unwanted;
                }
            }
            let news = async {
                match &mut hearing {
                    Some(hearing) => hearing.next().await,
                    None => std::future::pending().await,
                }
            };
            let came = tokio::select! {
                biased;
                heard = news => {
                    let ours = |event: LiveEvent| event.kind == LiveKind::Call && event.call_id == self.call.id;
                    let concerns = match heard {
                        Heard::Note(Note::Live(event)) => ours(event),
                        Heard::Note(_) => false,
                        Heard::Gap => true,
                    };
                    if concerns && !self.heed().await {
                        return End::Unwanted;
                    }
                    continue;
                }
                came = socket.next() => came,
                () = clock.sleep_until(look) => continue,
            };
            match self.read(came) {
                Ok(Some(MediaEvent::Media(frame))) => {
                    if let Err(end) = self.media(frame).await {
                        return end;
                    }
                }
                Ok(Some(MediaEvent::Stop)) => return End::Stop,
                Ok(Some(MediaEvent::Failed { code, title })) => {
                    tracing::warn!(call = %self.call.id, code, title, "the vendor says that a stream failed");
                }
                Ok(_) => {}
                Err(end) => return end,
            }
        }
    }

    /// Makes an ear for each side.
    fn listen(&mut self, start: &MediaStart) -> std::result::Result<Vec<BoxFuture<'static, ()>>, Unheard> {
        let vendors: Arc<[_]> = self.wib.live_transcribers().to_vec().into();
        if vendors.is_empty() {
            return Err(Unheard("nobody hears live".to_owned()));
        }
        let mut ears = vec![];
        for speaker in [Speaker::Customer, Speaker::Agent] {
            let tuner = Tuner::of(start)?;
            let (ear, sound) = mpsc::channel(BEHIND);
            let (tell, mut told) = mpsc::channel(UNKEPT);
            let wishes = self.call.listen.unwrap_or_default();
            let language = wishes.language(speaker).map(|language| language.as_str().to_owned());
            let about = (speaker, tuner.shape, language);
            let clock = self.wib.clock().clone();
            let hears = Ear::new(clock, vendors.clone(), self.wib.settings.ears.clone(), about, tell);
            let keep = self.tell.clone();
            let passes = async move {
                while let Some(told) = told.recv().await {
                    if keep.send(keeper::Heard::Told(speaker, told)).await.is_err() {
                        return;
                    }
                }
            };
            ears.push(async move { _ = tokio::join!(hears.run(sound), passes) }.boxed());
            let side = Side { sorter: Sorter::new(WAITS), tuner, rest: BytesMut::new(), next: 1, ear };
            self.sides.insert(speaker, side);
        }
        Ok(ears)
    }

    async fn media(&mut self, frame: Frame) -> std::result::Result<(), End> {
        let speaker = match frame.track {
            Tracks::Inbound => Speaker::Customer,
            _ => Speaker::Agent,
        };
        let now = self.wib.now();
        let Some(side) = self.sides.get_mut(&speaker) else { return Ok(()) };
        let odd = frame.sound.is_empty() || frame.sound.len() > side.tuner.shape.frame() * LARGER;
        if odd || frame.chunk > side.next.saturating_add(MISSING) {
            metrics::counter!("wib_media_frames_total", "what" => "odd").increment(1);
            self.garbage += 1;
            return if self.garbage >= GARBAGE { Err(End::Refused(1007, "sound that makes no sense")) } else { Ok(()) };
        }
        self.garbage = 0;
        if self.origin.is_none() {
            // Both sides' places are counted from the same instant.
            let before = Duration::from_millis(u64::from(FRAME_MS) * frame.chunk.saturating_sub(1));
            let origin = time::before(now, before);
            self.origin = Some(origin);
            let _ = self.tell.send(keeper::Heard::Began(origin)).await;
        }
        let doubled = side.sorter.doubled();
        let ready = side.sorter.take(frame);
        if side.sorter.doubled() > doubled {
            metrics::counter!("wib_media_frames_total", "what" => "doubled").increment(1);
        }
        for frame in ready {
            metrics::counter!("wib_media_frames_total", "what" => "heard").increment(1);
            side.hear(&frame, self.muted).await;
        }
        Ok(())
    }

    /// Looks at the call; whether it is to be heard any longer.
    async fn heed(&mut self) -> bool {
        let read = async {
            let mut tx = self.wib.store.org(self.call.organization_id).await?;
            tx.find(self.call.id).await
        };
        match read.await {
            Ok(Some(call)) => self.call = call,
            Ok(None) => return false,
            // What cannot be read may be a mask.
            Err(error) => {
                tracing::warn!(error = error.chain(), "a call that is heard could not be read");
                self.muted = true;
                return true;
            }
        }
        self.muted = muted(&self.call.facts);
        wanted(&self.call)
    }

    /// Gives the ears what is left.
    async fn finish(mut self) {
        for side in self.sides.values_mut() {
            for frame in side.sorter.finish() {
                side.hear(&frame, self.muted).await;
            }
        }
    }
}
