//! Translations spoken to the other side: each once, few at a time, never behind a mask and never after the call.

use std::time::Duration;

use serde_json::json;

use super::{Injection, InjectionId, InjectionStatus, LineTranslation, Speaker};
use crate::{
    calls::{self, Call, CallId, CallLeg, LegId, LegRole},
    engine::{Done, Message, NewMessage, Topic},
    kit::{Error, OrNotFound, Result, Role, time, time::Timestamp},
    orgs::OrganizationId,
    ports::{
        Fault,
        speech::{AudioFormat, Say, SpeechHead},
        voice::{Command, Ending, Order, Playback},
    },
    speech::File,
    store::{OrgTx, Repo},
    usage::{Usage, UsageKind},
    wib::{Org, Wib},
};

/// Most that wait or are heard on a call.
const MOST: usize = 3;
/// Words that come later than this after they were translated are of no use.
const LATE: Duration = Duration::from_secs(30);
/// After this nobody tells the end of what is played any more.
const FORGOTTEN: Duration = Duration::from_secs(60);
/// How long the vendor may take to fetch the sound.
const LENT: Duration = Duration::from_secs(600);
/// The media types of sounds that are played, by the endings of their keys.
const FILES: [(&str, &str); 2] = [("mp3", "audio/mpeg"), ("wav", "audio/wav")];

/// Whether a word may be spoken on the call now; otherwise why not.
fn silent(call: &Call) -> Option<&'static str> {
    match () {
        () if call.status.terminal() || call.facts.end_asked_at.is_some() => Some("call_over"),
        () if !call.facts.person_listens() => Some("nobody_listens"),
        // Its end may not have reached the vendor yet.
        () if call.facts.masks.values().any(|mask| mask.ends().is_none()) => Some("masked"),
        () => None,
    }
}

/// Asks for a translation to be spoken. Whoever asks holds the call.
pub(super) async fn ask(wib: &Wib, tx: &mut dyn OrgTx, call: &Call, translation: &LineTranslation) -> Result<()> {
    let now = wib.now();
    let mut open = tx.open_injections(call.id).await?;
    for lost in open.extract_if(.., |one| time::after(one.played_at.unwrap_or(one.created_at), FORGOTTEN) < now) {
        end(tx, lost, InjectionStatus::Failed, Some("no_end_told"), now).await?;
    }
    let why = silent(call).or((open.len() >= MOST).then_some("too_many"));
    let injection = Injection {
        id: wib.id(),
        call_id: call.id,
        translation_id: translation.id,
        line_index: translation.line_index,
        speaker: translation.speaker,
        language: translation.target_language,
        leg_id: None,
        status: if why.is_some() { InjectionStatus::Dropped } else { InjectionStatus::Queued },
        why: why.map(str::to_owned),
        blob_key: None,
        vendor: None,
        created_at: now,
        played_at: None,
        ended_at: why.map(|_| now),
    };
    if !tx.note_injection(&injection).await? {
        return Ok(());
    }
    if why.is_some() {
        count(InjectionStatus::Dropped);
        return Ok(());
    }
    let payload = json!({"call_id": call.id, "injection_id": injection.id});
    let message = NewMessage { topic: Topic::SpeakLine, key: injection.id.to_string(), payload, run_at: now };
    tx.enqueue(&message).await.map(drop)
}

/// The leg of whoever is spoken to: the member's for the person's words, when there is one; the person's otherwise.
async fn listener(tx: &mut dyn OrgTx, call: &Call, speaker: Speaker) -> Result<Option<CallLeg>> {
    let mut legs = tx.legs(call.id).await?;
    legs.retain(|leg| leg.control_id.is_some());
    let talks = |leg: &&CallLeg| {
        let up = call.facts.legs.get(&leg.id).is_some_and(|facts| facts.up() && facts.joined_at.is_some());
        matches!(leg.role, LegRole::Agent | LegRole::Target) && up
    };
    let member = legs.iter().filter(talks).max_by_key(|leg| (leg.created_at, leg.id));
    let person = legs.iter().find(|leg| leg.role.is_person());
    Ok(member.filter(|_| speaker == Speaker::Customer).or(person).cloned())
}

fn count(status: InjectionStatus) {
    metrics::counter!("wib_injections_total", "outcome" => status.as_str()).increment(1);
}

/// Writes how an injection ended, and has its sound deleted.
async fn end(
    tx: &mut dyn OrgTx,
    injection: Injection,
    status: InjectionStatus,
    why: Option<&str>,
    at: Timestamp,
) -> Result<()> {
    let (organization, why) = (tx.organization_id(), why.map(str::to_owned));
    let ended = Injection { status, why, blob_key: None, ended_at: Some(at), ..injection };
    tx.update(&ended).await?;
    for (ending, _) in FILES {
        let key = blob_key(organization, ended.id, ending);
        let payload = json!({"key": key});
        tx.enqueue(&NewMessage { topic: Topic::DeleteBlob, key, payload, run_at: at }).await?;
    }
    count(status);
    Ok(())
}

fn blob_key(organization: OrganizationId, id: InjectionId, ending: &str) -> String {
    format!("{organization}/injections/{id}.{ending}")
}

/// Speaks a translation to the other side, once: its row, its sound's key and the order's key all are the injection's own.
pub(crate) async fn speak(wib: &Wib, message: &Message) -> Result<Done> {
    let id: InjectionId = message.payload_field("injection_id")?;
    let (organization, mut tx, call) = calls::load(wib, message).await?;
    let now = wib.now();
    let Some(injection) = Repo::<Injection>::find(&mut *tx, id).await?.filter(|one| one.status.open()) else {
        return Ok(Done::Ack);
    };
    if injection.status == InjectionStatus::Playing {
        // The order's outcome was not seen; under its key it is taken once.
        drop(tx);
        return order(wib, organization, &injection).await;
    }
    let late = (now > time::after(injection.created_at, LATE)).then_some("late");
    let translation: Option<LineTranslation> = tx.find(injection.translation_id).await?;
    let gone = translation.is_none().then_some("forgotten");
    if let Some(why) = silent(&call).or(late).or(gone) {
        end(&mut *tx, injection, InjectionStatus::Dropped, Some(why), now).await?;
        tx.commit().await?;
        return Ok(Done::Ack);
    }
    let translation = translation.or_not_found("translation")?;
    drop(tx);
    let made = sound(wib, organization, &injection, translation.text).await?;
    let (_, mut tx, call) = calls::load(wib, message).await?;
    let injection: Injection = tx.find(id).await?.or_not_found("injection")?;
    if injection.status != InjectionStatus::Queued {
        // It ended while its sound was made.
        let why = injection.why.clone();
        let (status, at) = (injection.status, injection.ended_at.unwrap_or(now));
        let again = NewMessage {
            topic: Topic::DeleteBlob,
            key: format!("{}:late", made.key),
            payload: json!({"key": made.key}),
            run_at: wib.now(),
        };
        tracing::debug!(%status, why, %at, "a translation ended before it was spoken");
        tx.enqueue(&again).await?;
        tx.commit().await?;
        return Ok(Done::Ack);
    }
    if let Some(usage) = made.usage(wib, &call, &injection) {
        tx.note_usage(&usage).await?;
    }
    let leg = listener(&mut *tx, &call, injection.speaker).await?;
    let why = silent(&call).or(leg.is_none().then_some("no_leg"));
    if let Some(why) = why {
        end(&mut *tx, injection, InjectionStatus::Dropped, Some(why), wib.now()).await?;
        tx.commit().await?;
        return Ok(Done::Ack);
    }
    let playing = Injection {
        status: InjectionStatus::Playing,
        leg_id: leg.map(|leg| leg.id),
        blob_key: Some(made.key.clone()),
        vendor: made.head.as_ref().map(|head| head.vendor.clone()).or(injection.vendor.clone()),
        played_at: Some(wib.now()),
        ..injection
    };
    tx.update(&playing).await?;
    tx.commit().await?;
    order(wib, organization, &playing).await
}

/// Has the vendor play the sound.
async fn order(wib: &Wib, organization: OrganizationId, injection: &Injection) -> Result<Done> {
    let mut tx = wib.store.org(organization).await?;
    let leg = match injection.leg_id {
        Some(id) => Repo::<CallLeg>::find(&mut *tx, id).await?,
        None => None,
    };
    drop(tx);
    let leg = leg.or_not_found("leg")?;
    let key = injection.blob_key.as_deref().ok_or_else(|| Error::internal("what is played has no sound"))?;
    let kind = FILES.iter().find(|(ending, _)| key.ends_with(ending)).map_or("audio/mpeg", |(_, kind)| *kind);
    let url = wib.blob_url(key, kind, LENT).await?;
    let url = url.ok_or_else(|| Error::invalid("sounds have no address: public_url is not set"))?;
    // Without a tag: events of what is spoken at the same time keep theirs.
    let play = Playback { url, ..Playback::default() };
    let order =
        Order::new(Command::Play(play), format!("{}-line-{}-{}", injection.call_id, injection.line_index, leg.id));
    match wib.voice.steer(&leg.names(), &order).await {
        Err(gone) if gone.fault == Fault::Missing => {
            finish(wib, organization, injection.call_id, injection.id, Some("leg_gone")).await?;
        }
        played => played?,
    }
    Ok(Done::Ack)
}

async fn finish(
    wib: &Wib,
    organization: OrganizationId,
    call: CallId,
    id: InjectionId,
    why: Option<&str>,
) -> Result<()> {
    let mut tx = wib.store.org(organization).await?;
    tx.lock_call(call).await?.or_not_found("call")?;
    if let Some(injection) = Repo::<Injection>::find(&mut *tx, id).await?.filter(|one| one.status.open()) {
        end(&mut *tx, injection, InjectionStatus::Failed, why, wib.now()).await?;
    }
    tx.commit().await
}

/// What could not be spoken says so.
pub(crate) async fn speak_given_up(wib: &Wib, message: &Message, why: &str) -> Result<()> {
    let organization = message.organization_id.ok_or_else(|| Error::internal("an injection has no organization"))?;
    tracing::warn!(why, "a translation was not spoken");
    finish(wib, organization, message.payload_field("call_id")?, message.payload_field("injection_id")?, Some("vendor"))
        .await
}

/// A sound that is kept until it was heard.
struct Sound {
    key: String,
    /// None when an earlier try had made it.
    head: Option<SpeechHead>,
}

impl Sound {
    fn usage(&self, wib: &Wib, call: &Call, injection: &Injection) -> Option<Usage> {
        let head = self.head.as_ref()?;
        Some(Usage {
            id: wib.id(),
            call_id: call.id,
            source: format!("injection:{}", injection.id),
            kind: UsageKind::SpeechCharacters,
            quantity: head.characters,
            vendor: head.vendor.clone(),
            cost_micros: head.cost_micros,
            price_book: head.price_book.clone(),
            live: head.live,
            at: wib.now(),
        })
    }
}

async fn sound(wib: &Wib, organization: OrganizationId, injection: &Injection, text: String) -> Result<Sound> {
    for (ending, _) in FILES {
        let key = blob_key(organization, injection.id, ending);
        if wib.blobs.head(&key).await?.is_some() {
            return Ok(Sound { key, head: None });
        }
    }
    let speech = wib.speech().ok_or_else(|| Error::invalid("nobody says texts aloud here"))?;
    let language = Some(injection.language.as_str().to_owned());
    let say = Say { text, language, format: AudioFormat::Mp3, ..Say::default() };
    let spoken = speech.say(&say).await?;
    let head = spoken.head.clone();
    let file = File::of(spoken);
    if !file.playable() {
        return Err(Error::invalid("the voice gives no sound that can be played on a call"));
    }
    let key = blob_key(organization, injection.id, file.ending);
    wib.blobs.put(&key, file.bytes).await?;
    Ok(Sound { key, head: Some(head) })
}

/// A sound ended on a leg; none: the person's. Vendors play one behind another, so it is the oldest.
pub(crate) async fn played(
    wib: &Wib,
    tx: &mut dyn OrgTx,
    call: &Call,
    leg: Option<LegId>,
    how: Ending,
    at: Timestamp,
) -> Result<()> {
    let open = tx.open_injections(call.id).await?;
    if open.is_empty() {
        return Ok(());
    }
    let persons: Vec<_> = tx.legs(call.id).await?.into_iter().filter(|leg| leg.role.is_person()).collect();
    let there = |one: &&Injection| match leg {
        Some(leg) => one.leg_id == Some(leg),
        None => one.leg_id.is_some_and(|id| persons.iter().any(|leg| leg.id == id)),
    };
    let playing = open.iter().filter(there).filter(|one| one.status == InjectionStatus::Playing);
    let Some(oldest) = playing.min_by_key(|one| (one.played_at, one.line_index, one.id)) else { return Ok(()) };
    let (status, why) = match how {
        Ending::Whole => (InjectionStatus::Completed, None),
        Ending::Cut => (InjectionStatus::Failed, Some("cut")),
        Ending::Failed => (InjectionStatus::Failed, Some("not_playable")),
    };
    end(tx, oldest.clone(), status, why, at).await?;
    wib.wake();
    Ok(())
}

/// The call is over: nothing more is spoken, and no sound is kept.
pub(crate) async fn hush(wib: &Wib, tx: &mut dyn OrgTx, call: &Call) -> Result<()> {
    if call.listen.is_none() {
        return Ok(());
    }
    for one in tx.open_injections(call.id).await? {
        let playing = one.status == InjectionStatus::Playing;
        let status = if playing { InjectionStatus::Failed } else { InjectionStatus::Dropped };
        end(tx, one, status, Some("call_over"), wib.now()).await?;
    }
    Ok(())
}

impl Org {
    /// Translations that were, or were to be, spoken on a call, by the places of their lines.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn injections(&self, id: CallId) -> Result<Vec<Injection>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        Repo::<Call>::find(&mut *tx, id).await?.or_not_found("call")?;
        tx.injections_of_call(id).await
    }
}
