//! The conformance suite of [`Voice`]: a function per promise, each on a network in which nothing has happened.
//!
//! ```text
//! async fn make() -> Box<dyn VoiceRig> { .. }
//! wib_core::voice_suite!(make);   // one named test per case
//! ```

use std::fmt::Debug;

use async_trait::async_trait;

use crate::{
    kit::{Phone, time::Timestamp},
    ports::{
        Fault, Voice,
        voice::{
            Answer, Bridge, Command, ConferenceCommand, ConferenceEvent, ConferenceOrder, DequeueReason, Destination,
            Dial, Direction, Ending, Enqueue, Fork, Gather, GatherEnding, HangupCause, Keys, Leg, Link, OpenConference,
            Order, Participant, Playback, Record, Rejection, Repeat, Role, Seat, Speak, Stream, Supervise, Tracks,
            Transcribe, Transfer, VoiceEvent, VoiceEventKind as Kind,
        },
    },
};

/// A vendor with its network, in the hands of a test.
#[async_trait]
pub trait VoiceRig: Send + Sync + Debug {
    /// The adapter.
    fn voice(&self) -> &dyn Voice;
    /// A number of a person who answers, and talks for some time when nobody says anything.
    fn person(&self) -> Phone;
    /// The address of a softphone that answers and stays.
    fn softphone(&self) -> Destination;
    /// Somebody calls us; the leg.
    async fn ring(&self) -> Leg;
    /// Its clock.
    fn now(&self) -> Timestamp;
    /// Lets time pass, and gives what was told meanwhile.
    async fn pass(&self, seconds: u64) -> Vec<VoiceEvent>;
}

/// Makes one test per case. `make` is an `async fn() -> Box<dyn VoiceRig>`.
#[macro_export]
macro_rules! voice_suite {
    ($make:path) => {
        $crate::voice_suite! { @cases $make:
            a_call_is_placed_answered_and_ended
            a_call_is_found_by_its_tag_and_looked_into
            an_order_with_the_same_key_takes_effect_once
            a_leg_that_is_gone_can_only_be_hung_up
            a_leg_takes_no_order_before_its_answer
            a_tag_that_was_changed_is_echoed
            an_incoming_call_is_answered_or_turned_away
            two_legs_are_joined_and_end_together
            a_leg_that_parks_outlives_the_other
            a_leg_dialled_for_another_is_joined_on_its_answer
            a_transfer_dials_and_joins
            a_sound_ends_by_itself_or_when_it_is_stopped
            keys_are_collected_or_time_runs_out
            a_recording_is_saved_and_can_be_fetched_until_it_is_forgotten
            streams_and_forks_start_and_stop
            what_is_said_is_written_down
            who_waits_is_served_in_order
            participants_are_held_muted_and_given_roles
            a_conference_ends_with_all_who_are_in_it
            what_is_spoken_in_a_conference_is_told
            a_supervisor_s_role_can_be_switched
        }
    };
    (@cases $make:path: $($case:ident)+) => {
        $(#[tokio::test]
        async fn $case() {
            $crate::testing::voice_suite::$case(&*$make().await).await;
        })+
    };
}

const TAG: &str = "tag-1";

fn has(events: &[VoiceEvent], leg: &Leg, what: impl Fn(&Kind) -> bool) -> bool {
    events.iter().any(|event| is_of(event, leg) && what(&event.what))
}
fn is_of(event: &VoiceEvent, leg: &Leg) -> bool {
    event.leg.leg_id.is_some() && event.leg.leg_id == leg.leg_id
}
fn count(events: &[VoiceEvent], leg: &Leg, what: &Kind) -> usize {
    events.iter().filter(|event| is_of(event, leg) && event.what == *what).count()
}
fn ended(events: &[VoiceEvent], leg: &Leg) -> bool {
    has(events, leg, |what| matches!(what, Kind::Hangup { .. }))
}
fn dequeued(events: &[VoiceEvent], leg: &Leg, why: DequeueReason) -> bool {
    has(events, leg, |what| matches!(what, Kind::Dequeued { reason, .. } if *reason == why))
}
fn gathered(events: &[VoiceEvent], leg: &Leg) -> (Option<Keys>, GatherEnding) {
    let end = |event: &VoiceEvent| match &event.what {
        Kind::GatherEnded { keys, how } if is_of(event, leg) => Some((keys.clone(), *how)),
        _ => None,
    };
    events.iter().find_map(end).expect("the collecting of keys ended")
}
fn control_id(leg: &Leg) -> &str {
    leg.control_id.as_deref().expect("a handle")
}
fn from(rig: &dyn VoiceRig) -> Phone {
    rig.voice().default_number().expect("a number of ours")
}
async fn steer(rig: &dyn VoiceRig, leg: &Leg, command: Command, key: &str) {
    rig.voice().steer(leg, &Order::new(command, key)).await.expect("the order is taken");
}
async fn confer(rig: &dyn VoiceRig, conference: &str, command: ConferenceCommand, key: &str) {
    rig.voice().confer(conference, &ConferenceOrder::new(command, key)).await.expect("the order is taken");
}
async fn participant(rig: &dyn VoiceRig, conference: &str, leg: &Leg) -> Participant {
    let all = rig.voice().participants(conference).await.expect("a list");
    all.into_iter().find(|here| control_id(&here.leg) == control_id(leg)).expect("the participant")
}
/// A leg that is up.
async fn up(rig: &dyn VoiceRig, to: impl Into<Destination> + Send, key: &str) -> Leg {
    let leg = rig.voice().dial(&Dial::new(to, from(rig), TAG, key)).await.expect("the call is placed");
    let told = rig.pass(10).await;
    assert!(has(&told, &leg, |what| *what == Kind::Answered), "{told:?}");
    leg
}
/// Two softphones that are up.
async fn two(rig: &dyn VoiceRig) -> (Leg, Leg) {
    (up(rig, rig.softphone(), "one").await, up(rig, rig.softphone(), "two").await)
}
fn words(text: &str) -> Speak {
    Speak { text: text.to_owned(), language: "en".to_owned(), ..Speak::default() }
}

/// Its events carry its names and its tag; hanging up twice is no error.
pub async fn a_call_is_placed_answered_and_ended(rig: &dyn VoiceRig) {
    let leg = rig.voice().dial(&Dial::new(rig.person(), from(rig), TAG, "d")).await.expect("the call is placed");
    let told = rig.pass(10).await;
    assert!(has(&told, &leg, |what| matches!(what, Kind::Initiated { direction: Direction::Outbound, .. })));
    assert!(has(&told, &leg, |what| *what == Kind::Answered));
    assert!(told.iter().all(|event| event.tag.as_deref() == Some(TAG)), "{told:?}");
    rig.voice().hang_up(&leg, "h").await.expect("it is ended");
    let told = rig.pass(3).await;
    assert!(has(&told, &leg, |what| matches!(what, Kind::Hangup { cause: HangupCause::Normal, .. })), "{told:?}");
    rig.voice().hang_up(&leg, "h2").await.expect("it is ended already");
}

/// Nothing else is known by another tag.
pub async fn a_call_is_found_by_its_tag_and_looked_into(rig: &dyn VoiceRig) {
    let since = rig.now();
    let leg = up(rig, rig.person(), "d").await;
    let (voice, to) = (rig.voice(), rig.person().into());
    let found = voice.find(TAG, &to, since).await.expect("an answer").expect("the call");
    assert_eq!(found.control_id, leg.control_id);
    assert_eq!(voice.find("another", &to, since).await.expect("an answer"), None);
    let seen = voice.inspect(&leg).await.expect("an answer");
    assert!(seen.alive && seen.events.iter().any(|event| event.what == Kind::Answered));
    voice.hang_up(&leg, "h").await.expect("it is ended");
    assert!(!voice.inspect(&leg).await.expect("an answer").alive);
}

/// A text is spoken once, however often it was ordered.
pub async fn an_order_with_the_same_key_takes_effect_once(rig: &dyn VoiceRig) {
    let leg = up(rig, rig.softphone(), "d").await;
    let order = Order::new(Command::Speak(words("Hello.")), "s").tagged("tag-2");
    for _ in 0..2 {
        rig.voice().steer(&leg, &order).await.expect("the order is taken");
    }
    let told = rig.pass(5).await;
    assert_eq!((count(&told, &leg, &Kind::SpeakStarted), count(&told, &leg, &Kind::SpeakEnded)), (1, 1), "{told:?}");
    assert!(told.iter().all(|event| event.tag.as_deref() == Some("tag-2")), "{told:?}");
}

/// Everything else misses it.
pub async fn a_leg_that_is_gone_can_only_be_hung_up(rig: &dyn VoiceRig) {
    let leg = up(rig, rig.softphone(), "d").await;
    rig.voice().hang_up(&leg, "h").await.expect("it is ended");
    for (key, command) in [Command::Speak(words("Hello.")), Command::StopPlaying, Command::Gather(Gather::default())]
        .into_iter()
        .enumerate()
    {
        let error = rig.voice().steer(&leg, &Order::new(command, format!("k{key}"))).await.expect_err("gone");
        assert_eq!(error.fault, Fault::Missing);
    }
    assert_eq!(rig.voice().retag(&leg, "x").await.expect_err("gone").fault, Fault::Missing);
}

/// But to be hung up.
pub async fn a_leg_takes_no_order_before_its_answer(rig: &dyn VoiceRig) {
    let leg = rig.voice().dial(&Dial::new(rig.person(), from(rig), TAG, "d")).await.expect("the call is placed");
    let early = rig.voice().steer(&leg, &Order::new(Command::Speak(words("Hello.")), "s")).await;
    assert_eq!(early.expect_err("too early").fault, Fault::Request);
    rig.voice().hang_up(&leg, "h").await.expect("it is ended");
    let told = rig.pass(3).await;
    assert!(has(&told, &leg, |what| matches!(what, Kind::Hangup { cause: HangupCause::Canceled, .. })), "{told:?}");
}

/// From then on.
pub async fn a_tag_that_was_changed_is_echoed(rig: &dyn VoiceRig) {
    let leg = up(rig, rig.softphone(), "d").await;
    rig.voice().retag(&leg, "tag-2").await.expect("the tag is taken");
    rig.voice().hang_up(&leg, "h").await.expect("it is ended");
    let told = rig.pass(3).await;
    assert!(ended(&told, &leg) && told.iter().all(|event| event.tag.as_deref() == Some("tag-2")), "{told:?}");
}

/// Each only while it rings.
pub async fn an_incoming_call_is_answered_or_turned_away(rig: &dyn VoiceRig) {
    let leg = rig.ring().await;
    let told = rig.pass(1).await;
    assert!(has(&told, &leg, |what| matches!(what, Kind::Initiated { direction: Direction::Inbound, .. })));
    steer(rig, &leg, Command::Answer(Answer::default()), "a").await;
    assert!(has(&rig.pass(1).await, &leg, |what| *what == Kind::Answered));
    let late = rig.voice().steer(&leg, &Order::new(Command::Reject(Rejection::Busy), "r")).await;
    assert_eq!(late.expect_err("answered").fault, Fault::Request);
    for (why, as_what) in [(Rejection::Busy, HangupCause::Busy), (Rejection::Rejected, HangupCause::Rejected)] {
        let leg = rig.ring().await;
        steer(rig, &leg, Command::Reject(why), "r").await;
        let told = rig.pass(1).await;
        let so = |what: &Kind| matches!(what, Kind::Hangup { cause, .. } if *cause == as_what);
        assert!(has(&told, &leg, so), "{told:?}");
    }
}

/// When one hangs up, the other is hung up.
pub async fn two_legs_are_joined_and_end_together(rig: &dyn VoiceRig) {
    let (one, other) = two(rig).await;
    steer(rig, &one, Command::Bridge(Bridge { with: other.clone(), ..Bridge::default() }), "b").await;
    let told = rig.pass(1).await;
    assert_eq!((count(&told, &one, &Kind::Bridged), count(&told, &other, &Kind::Bridged)), (1, 1), "{told:?}");
    rig.voice().hang_up(&other, "h").await.expect("it is ended");
    let told = rig.pass(3).await;
    assert!(ended(&told, &one) && ended(&told, &other), "{told:?}");
}

/// The one that was told to.
pub async fn a_leg_that_parks_outlives_the_other(rig: &dyn VoiceRig) {
    let (one, other) = two(rig).await;
    steer(rig, &one, Command::Bridge(Bridge { with: other.clone(), park: true, ..Bridge::default() }), "b").await;
    rig.voice().hang_up(&other, "h").await.expect("it is ended");
    let told = rig.pass(3).await;
    assert!(ended(&told, &other) && !ended(&told, &one), "{told:?}");
    steer(rig, &one, Command::Speak(words("One moment.")), "s").await;
}

/// And is of the same call.
pub async fn a_leg_dialled_for_another_is_joined_on_its_answer(rig: &dyn VoiceRig) {
    let one = up(rig, rig.softphone(), "one").await;
    let link = Some(Link { leg: one.clone(), bridge: true });
    let dial = Dial { link, ..Dial::new(rig.softphone(), from(rig), TAG, "two") };
    let other = rig.voice().dial(&dial).await.expect("the call is placed");
    assert_eq!(other.session_id, one.session_id);
    let told = rig.pass(10).await;
    assert_eq!((count(&told, &one, &Kind::Bridged), count(&told, &other, &Kind::Bridged)), (1, 1), "{told:?}");
}

/// A third leg comes to be; whoever was joined before is let go.
pub async fn a_transfer_dials_and_joins(rig: &dyn VoiceRig) {
    let (one, other) = two(rig).await;
    steer(rig, &one, Command::Bridge(Bridge { with: other.clone(), ..Bridge::default() }), "b").await;
    rig.pass(1).await;
    let transfer = Transfer { target_tag: Some("tag-3".to_owned()), ..Transfer::new(rig.softphone()) };
    steer(rig, &one, Command::Transfer(transfer), "t").await;
    let told = rig.pass(10).await;
    let third = told.iter().find(|event| event.tag.as_deref() == Some("tag-3")).expect("a third leg").leg.clone();
    assert_eq!(third.session_id, one.session_id);
    assert_eq!((count(&told, &one, &Kind::Bridged), count(&told, &third, &Kind::Bridged)), (1, 1), "{told:?}");
    assert!(ended(&told, &other) && !ended(&told, &one) && !ended(&told, &third), "{told:?}");
}

/// One that is repeated without end goes on until then.
pub async fn a_sound_ends_by_itself_or_when_it_is_stopped(rig: &dyn VoiceRig) {
    let leg = up(rig, rig.softphone(), "d").await;
    let sound = |repeat| Command::Play(Playback { url: "https://a.test/a.mp3".into(), repeat, ..Playback::default() });
    let over = |how| Kind::PlaybackEnded { how };
    steer(rig, &leg, sound(Repeat::Times(1)), "p1").await;
    let told = rig.pass(5).await;
    assert_eq!(count(&told, &leg, &Kind::PlaybackStarted), 1);
    assert_eq!(count(&told, &leg, &over(Ending::Whole)), 1, "{told:?}");
    steer(rig, &leg, sound(Repeat::Forever), "p2").await;
    assert_eq!(count(&rig.pass(60).await, &leg, &over(Ending::Whole)), 0);
    steer(rig, &leg, Command::StopPlaying, "p3").await;
    assert_eq!(count(&rig.pass(1).await, &leg, &over(Ending::Cut)), 1);
}

/// As many as were asked for; a softphone presses none.
pub async fn keys_are_collected_or_time_runs_out(rig: &dyn VoiceRig) {
    let (person, softphone) = (up(rig, rig.person(), "d1").await, up(rig, rig.softphone(), "d2").await);
    let gather = Gather { min: 4, max: 4, first_ms: 6_000, ..Gather::default() };
    steer(rig, &person, Command::Gather(gather.clone()), "g1").await;
    steer(rig, &softphone, Command::Gather(gather.clone()), "g2").await;
    let told = rig.pass(8).await;
    let (keys, how) = gathered(&told, &person);
    assert_eq!((keys.expect("keys").reveal().len(), how), (4, GatherEnding::Valid));
    assert_eq!(gathered(&told, &softphone), (None, GatherEnding::Timeout));
    steer(rig, &softphone, Command::Gather(gather), "g3").await;
    steer(rig, &softphone, Command::StopGathering, "g4").await;
    assert_eq!(gathered(&rig.pass(1).await, &softphone), (None, GatherEnding::Cancelled));
}

/// Pausing what is not recorded is refused.
pub async fn a_recording_is_saved_and_can_be_fetched_until_it_is_forgotten(rig: &dyn VoiceRig) {
    let (voice, leg) = (rig.voice(), up(rig, rig.softphone(), "d").await);
    assert_eq!(voice.pause_recording(&leg, "r0").await.expect_err("not recorded").fault, Fault::Request);
    let mut seen = Vec::new();
    for (key, what) in [Record::Start, Record::Pause, Record::Resume, Record::Stop].into_iter().enumerate() {
        steer(rig, &leg, Command::Record(what), &format!("r{}", key + 1)).await;
        seen.extend(rig.pass(1).await);
    }
    seen.extend(rig.pass(5).await);
    let told = voice.inspect(&leg).await.expect("an answer").events;
    let of = |events: &[VoiceEvent]| {
        events
            .iter()
            .find_map(|event| if let Kind::RecordingSaved(saved) = &event.what { Some(saved.clone()) } else { None })
    };
    let saved = of(&seen).or_else(|| of(&told)).expect("a recording");
    assert_eq!(saved.channels, 2);
    assert!(voice.fetch_recording(&saved, 1 << 20).await.expect("its bytes").starts_with(b"RIFF"));
    voice.delete_recording(&saved.id).await.expect("it is forgotten");
    assert_eq!(voice.fetch_recording(&saved, 1 << 20).await.expect_err("forgotten").fault, Fault::Missing);
    voice.delete_recording(&saved.id).await.expect("it is forgotten already");
}

/// The end of the call stops what is up.
pub async fn streams_and_forks_start_and_stop(rig: &dyn VoiceRig) {
    let leg = up(rig, rig.softphone(), "d").await;
    let stream = || Command::Stream(Stream { url: "wss://wib.test/media".into(), ..Stream::default() });
    let fork = || Command::Fork(Fork { inbound: Some("udp:192.0.2.1:9000".into()), outbound: None });
    steer(rig, &leg, stream(), "s1").await;
    steer(rig, &leg, fork(), "f1").await;
    let told = rig.pass(1).await;
    assert_eq!((count(&told, &leg, &Kind::StreamStarted), count(&told, &leg, &Kind::ForkStarted)), (1, 1), "{told:?}");
    steer(rig, &leg, Command::StopStreaming, "s2").await;
    steer(rig, &leg, Command::StopForking, "f2").await;
    let told = rig.pass(1).await;
    assert_eq!((count(&told, &leg, &Kind::StreamStopped), count(&told, &leg, &Kind::ForkStopped)), (1, 1), "{told:?}");
    steer(rig, &leg, stream(), "s3").await;
    rig.pass(1).await;
    rig.voice().hang_up(&leg, "h").await.expect("it is ended");
    assert_eq!(count(&rig.pass(1).await, &leg, &Kind::StreamStopped), 1);
}

/// And no more once that was stopped.
pub async fn what_is_said_is_written_down(rig: &dyn VoiceRig) {
    let leg = up(rig, rig.person(), "d").await;
    steer(rig, &leg, Command::Transcribe(Transcribe::default()), "t1").await;
    let told = rig.pass(15).await;
    let heard = |what: &Kind| matches!(what, Kind::Heard { words: Some(words), track: Tracks::Inbound, .. } if !words.reveal().is_empty());
    assert!(has(&told, &leg, heard), "{told:?}");
    steer(rig, &leg, Command::StopTranscribing, "t2").await;
    assert!(!has(&rig.pass(5).await, &leg, |what| matches!(what, Kind::Heard { .. })));
}

/// Who is joined with somebody waits no more, nor does who was taken out.
pub async fn who_waits_is_served_in_order(rig: &dyn VoiceRig) {
    let (first, second) = two(rig).await;
    assert!(rig.voice().queue("support").await.expect("a list").is_empty());
    for (leg, key) in [(&first, "q1"), (&second, "q2")] {
        steer(rig, leg, Command::Enqueue(Enqueue { max_size: 2, ..Enqueue::new("support") }), key).await;
    }
    let waiting = rig.voice().queue("support").await.expect("a list");
    let names: Vec<_> = waiting.iter().map(|queued| control_id(&queued.leg)).collect();
    assert_eq!(names, [control_id(&first), control_id(&second)]);
    assert_eq!((waiting[0].position, waiting[1].position), (1, 2));
    let agent = up(rig, rig.softphone(), "agent").await;
    let full = Order::new(Command::Enqueue(Enqueue { max_size: 2, ..Enqueue::new("support") }), "q3");
    assert_eq!(rig.voice().steer(&agent, &full).await.expect_err("full").fault, Fault::Request);
    steer(rig, &agent, Command::Bridge(Bridge { with: first.clone(), ..Bridge::default() }), "b").await;
    steer(rig, &second, Command::LeaveQueue, "l").await;
    let told = rig.pass(1).await;
    assert!(
        dequeued(&told, &first, DequeueReason::Bridged) && dequeued(&told, &second, DequeueReason::Left),
        "{told:?}"
    );
    assert!(rig.voice().queue("support").await.expect("a list").is_empty());
}

/// As the list of participants shows.
pub async fn participants_are_held_muted_and_given_roles(rig: &dyn VoiceRig) {
    let (one, other) = two(rig).await;
    let room = rig.voice().open_conference(&one, &OpenConference::new("room", "o")).await.expect("a conference");
    assert_eq!(rig.voice().find_conference("room").await.expect("an answer").expect("the conference").id, room);
    assert_eq!(rig.voice().find_conference("hall").await.expect("an answer"), None);
    confer(rig, &room, ConferenceCommand::Join(other.clone(), Seat { on_hold: true, ..Seat::default() }), "j").await;
    assert!(participant(rig, &room, &other).await.on_hold && !participant(rig, &room, &one).await.on_hold);
    confer(rig, &room, ConferenceCommand::Resume(vec![]), "c1").await;
    assert!(!participant(rig, &room, &other).await.on_hold);
    confer(rig, &room, ConferenceCommand::Hold { legs: vec![one.clone()], music: None }, "c2").await;
    confer(rig, &room, ConferenceCommand::Mute(vec![other.clone()]), "c3").await;
    assert!(participant(rig, &room, &one).await.on_hold && participant(rig, &room, &other).await.muted);
    confer(rig, &room, ConferenceCommand::Resume(vec![one.clone()]), "c4").await;
    confer(rig, &room, ConferenceCommand::Unmute(vec![]), "c5").await;
    assert!(!participant(rig, &room, &one).await.on_hold && !participant(rig, &room, &other).await.muted);
    confer(rig, &room, ConferenceCommand::Role(other.clone(), Role::Whisper(vec![one.clone()])), "c6").await;
    assert_eq!(participant(rig, &room, &other).await.whispers_to, [control_id(&one)]);
    confer(rig, &room, ConferenceCommand::Role(other.clone(), Role::Barge), "c7").await;
    assert!(participant(rig, &room, &other).await.whispers_to.is_empty());
    confer(rig, &room, ConferenceCommand::Leave(other.clone()), "c8").await;
    assert_eq!(rig.voice().participants(&room).await.expect("a list").len(), 1);
    let told = rig.pass(1).await;
    let left = |what: &Kind| matches!(what, Kind::Conference { what: ConferenceEvent::Left, .. });
    assert!(has(&told, &other, left) && !ended(&told, &other), "{told:?}");
}

/// By order, or when whom it needs has left.
pub async fn a_conference_ends_with_all_who_are_in_it(rig: &dyn VoiceRig) {
    for (name, by_order) in [("first", true), ("second", false)] {
        let one = up(rig, rig.softphone(), &format!("{name}-1")).await;
        let other = up(rig, rig.softphone(), &format!("{name}-2")).await;
        let room = rig.voice().open_conference(&one, &OpenConference::new(name, name)).await.expect("a conference");
        confer(rig, &room, ConferenceCommand::Join(other.clone(), Seat { ends: true, ..Seat::default() }), "j").await;
        if by_order {
            confer(rig, &room, ConferenceCommand::End, "e").await;
        } else {
            rig.voice().hang_up(&other, "h").await.expect("it is ended");
        }
        let told = rig.pass(1).await;
        assert!(ended(&told, &one) && ended(&told, &other), "{told:?}");
        let over = |what: &Kind| matches!(what, Kind::Conference { what: ConferenceEvent::Ended { .. }, .. });
        assert!(has(&told, &one, over), "{told:?}");
        assert_eq!(rig.voice().find_conference(name).await.expect("an answer"), None);
    }
}

/// To a participant, or to all.
pub async fn what_is_spoken_in_a_conference_is_told(rig: &dyn VoiceRig) {
    let (one, other) = two(rig).await;
    let room = rig.voice().open_conference(&one, &OpenConference::new("room", "o")).await.expect("a conference");
    confer(rig, &room, ConferenceCommand::Join(other.clone(), Seat::default()), "j").await;
    rig.pass(1).await;
    confer(rig, &room, ConferenceCommand::Speak(words("You are first."), vec![other.clone()]), "s1").await;
    confer(rig, &room, ConferenceCommand::Speak(words("Welcome."), vec![]), "s2").await;
    let told = rig.pass(5).await;
    let ends = |to_all| {
        told.iter().filter(move |event| match &event.what {
            Kind::Conference { what: ConferenceEvent::SpeakEnded { all }, .. } => *all == to_all,
            _ => false,
        })
    };
    assert!(ends(false).count() == 1 && ends(false).all(|event| is_of(event, &other)), "{told:?}");
    assert_eq!(ends(true).count(), 1, "{told:?}");
}

/// Of a leg that was dialled to supervise; of no other.
pub async fn a_supervisor_s_role_can_be_switched(rig: &dyn VoiceRig) {
    let one = up(rig, rig.softphone(), "one").await;
    let supervise = Some(Supervise { leg: one.clone(), role: Role::Monitor });
    let dial = Dial { supervise, ..Dial::new(rig.softphone(), from(rig), TAG, "two") };
    let supervisor = rig.voice().dial(&dial).await.expect("the call is placed");
    rig.pass(10).await;
    steer(rig, &supervisor, Command::SwitchRole(Role::Barge), "r1").await;
    let none = rig.voice().steer(&one, &Order::new(Command::SwitchRole(Role::Monitor), "r2")).await;
    assert_eq!(none.expect_err("it supervises nobody").fault, Fault::Request);
}
