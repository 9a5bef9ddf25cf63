//! Having a call's sound streamed to us, for as long as it is to be heard: one message per call looks after it.

use std::time::Duration;

use serde_json::json;

use super::{LiveGap, LiveKind, MediaStream, StreamStatus, door};
use crate::{
    calls::{Call, CallId, RecordingState, load, main_leg, note},
    engine::{Done, Message, NewMessage, Topic},
    kit::{Result, time, time::Timestamp},
    ports::{
        Fault,
        media::Codec,
        voice::{Command, Order, Stream, Tracks, VoiceEvent, VoiceEventKind},
    },
    store::OrgTx,
    wib::Wib,
};

/// How soon it is looked again when something is about to be so.
const SOON: Duration = Duration::from_millis(500);
/// How often it is looked after a stream that is up.
const LOOK: Duration = Duration::from_secs(10);
/// How long the vendor may take to connect.
const CONNECTS: Duration = Duration::from_secs(15);
/// How long after its stream the end of a call may be told.
const ENDS: Duration = Duration::from_secs(5);
/// How old the sign of life of whoever hears a stream may be.
const ALIVE: Duration = Duration::from_secs(15);
/// How often whoever hears a stream gives a sign of life.
pub(super) const SIGN: Duration = Duration::from_secs(5);
/// Most streams of one call.
const MOST: i64 = 50;

/// Asks for a call's sound to be streamed, or for a look at its streams. The same `why` is asked once.
pub(crate) async fn ask(tx: &mut dyn OrgTx, call: CallId, why: &str, run_at: Timestamp) -> Result<()> {
    let payload = json!({"call_id": call});
    let key = if why.is_empty() { call.to_string() } else { format!("{call}:{why}") };
    tx.enqueue(&NewMessage { topic: Topic::OpenStream, key, payload, run_at }).await.map(drop)
}

/// Looks after a call's streams: orders one when there is none, and another when one was lost.
pub(crate) async fn open(wib: &Wib, message: &Message) -> Result<Done> {
    let (organization, mut tx, call) = load(wib, message).await?;
    let now = wib.now();
    let again = |after: Duration, why: &str| Ok(Done::wait(time::after(now, after), why));
    if call.status.terminal() || call.listen.is_none() {
        return Ok(Done::Ack);
    }
    match call.facts.recording_state() {
        RecordingState::Recording | RecordingState::Masked => {}
        RecordingState::Stopped | RecordingState::Refused => {
            return Ok(Done::Ack);
        }
        _ => return again(SOON, "the call is not recorded yet"),
    }
    let Some(leg) = main_leg(&mut *tx, call.id).await? else { return again(SOON, "the call has no leg yet") };
    let newest = tx.streams_of_call(call.id).await?.pop();
    if let Some(mut stream) = newest.clone() {
        let seen = stream.seen_at.unwrap_or(stream.created_at);
        let told_over = stream.ended_at.is_some_and(|ended| time::after(ended, SOON * 2) < now);
        match stream.status {
            StreamStatus::Ordered if now < time::after(stream.created_at, CONNECTS) => {
                return again(SOON * 2, "the vendor has not connected");
            }
            StreamStatus::Open if now < time::after(seen, ALIVE) && !told_over => {
                return again(LOOK, "the call is heard");
            }
            // The end of the call may be on its way to us. Otherwise it is heard no more though it is to be.
            StreamStatus::Ended if now < time::after(stream.ended_at.unwrap_or(now), ENDS) => {
                return again(SOON * 2, "the stream has ended");
            }
            StreamStatus::Ended | StreamStatus::Lost | StreamStatus::Failed => {}
            StreamStatus::Ordered | StreamStatus::Open => {
                let open = stream.status == StreamStatus::Open;
                stream.status = if open { StreamStatus::Lost } else { StreamStatus::Failed };
                stream.why = Some(if open { "whoever heard it is gone" } else { "nobody connected" }.to_owned());
                stream.ended_at.get_or_insert(now);
                tx.update(&stream).await?;
            }
        }
        metrics::counter!("wib_media_streams_renewed_total").increment(1);
    }
    let number = newest.map_or(0, |stream| stream.number) + 1;
    let Some(url) = door::base(wib).filter(|_| number <= MOST) else {
        let why = if number > MOST { "too many streams" } else { "vendors do not know our address" };
        note(wib, &mut *tx, call.id, "unheard", "call.live.unavailable", json!({"reason": why}), now).await?;
        tx.commit().await?;
        return Ok(Done::Ack);
    };
    let stream = MediaStream {
        id: wib.id(),
        call_id: call.id,
        number,
        status: StreamStatus::Ordered,
        opened_at: None,
        heard_until: None,
        seen_at: None,
        ended_at: None,
        why: None,
        created_at: now,
    };
    tx.insert(&stream).await?;
    tx.commit().await?;
    let (address, token) = door::address(wib, organization, stream.id);
    let order = Stream {
        url: format!("{url}/media/{}/{address}", call.vendor),
        tracks: Tracks::Both,
        codec: Some(Codec::Pcmu),
        token: Some(token),
        ..Stream::default()
    };
    let order = Order::new(Command::Stream(order), format!("{}-stream-{number}", call.id));
    match wib.voice.steer(&leg.names(), &order).await {
        Ok(()) => again(SOON * 2, "the vendor was asked to connect"),
        Err(gone) if gone.fault == Fault::Missing => Ok(Done::Ack),
        Err(error) => {
            failed(wib, organization, &stream, "the vendor refused").await?;
            tracing::warn!(call = %call.id, vendor = error.vendor, %error, "the vendor does not stream");
            again(backoff(number), "the vendor refused to stream")
        }
    }
}

fn backoff(number: i64) -> Duration {
    SOON * 2u32.pow(u32::try_from(number).unwrap_or(6).min(6))
}

async fn failed(wib: &Wib, organization: crate::orgs::OrganizationId, stream: &MediaStream, why: &str) -> Result<()> {
    let mut tx = wib.store.org(organization).await?;
    tx.lock_call(stream.call_id).await?;
    let over = MediaStream {
        status: StreamStatus::Failed,
        why: Some(why.to_owned()),
        ended_at: Some(wib.now()),
        ..stream.clone()
    };
    tx.update(&over).await?;
    tx.commit().await
}

/// What the vendor tells of a call's streams.
pub(crate) async fn absorb(wib: &Wib, tx: &mut dyn OrgTx, call: &Call, event: &VoiceEvent) -> Result<()> {
    let (why, run_at) = match &event.what {
        VoiceEventKind::StreamFailed { .. } => ("failed", wib.now()),
        // Whoever hears it knows by itself; a process that died does not.
        VoiceEventKind::StreamStopped => ("stopped", time::after(wib.now(), SOON * 4)),
        _ => return Ok(()),
    };
    let Some(mut newest) = tx.streams_of_call(call.id).await?.pop() else { return Ok(()) };
    if event.at < newest.opened_at.unwrap_or(newest.created_at) {
        return Ok(());
    }
    match newest.status {
        StreamStatus::Ordered if why == "failed" => {
            newest.status = StreamStatus::Failed;
            newest.why = Some("the vendor could not connect".to_owned());
        }
        StreamStatus::Open => {}
        _ => return Ok(()),
    }
    newest.ended_at.get_or_insert(event.at);
    tx.update(&newest).await?;
    ask(tx, call.id, &format!("{why}:{}", newest.number), run_at).await
}

/// Keeps a stretch in which nobody heard what was said.
pub(super) async fn gap(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    call: CallId,
    (started_at, ended_at): (Timestamp, Option<Timestamp>),
    why: &str,
) -> Result<()> {
    if ended_at.is_some_and(|ended| ended <= started_at) {
        return Ok(());
    }
    let (id, created_at, why) = (wib.id(), wib.now(), why.to_owned());
    let gap = LiveGap { id, call_id: call, started_at, ended_at, why, filled_at: None, created_at };
    tx.insert(&gap).await?;
    tx.tell(LiveKind::Gap, call, gap.id.uuid());
    metrics::counter!("wib_live_gaps_total").increment(1);
    Ok(())
}
