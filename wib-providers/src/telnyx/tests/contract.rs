//! Calls against the vendor's document: each request is held against it, each of its answers understood. Where an answer
//! must name what was made, which the document does not promise, the requests are held against it one by one elsewhere.

use wib_core::ports::voice::{
    Answer, Bridge, ConferenceCommand, ConferenceOrder, Enqueue, Fork, Gather, Keys, Playback, Prompt, Record,
    Rejection, Role, Seat, SipUri, Stream, Transcribe, Transfer,
};

use super::*;
use crate::testing::contract::Proof;

#[tokio::test]
async fn calls_conferences_and_queues_fit_the_document() {
    let Some(proof) = Proof::of("telnyx") else { return };
    let telnyx = Telnyx::builder(proof.wires(), SecretString::from("KEY0123"), "175237942907135762").build();
    let (leg, to) = (leg(), phone("+13125550100"));
    let sip: SipUri = "sip:agent7@sip.telnyx.com".parse().unwrap();
    let said = Speak { text: "Hi".into(), language: "en".into(), ..Speak::default() };
    let play = Playback { url: "https://a.test".into(), ..Playback::default() };
    let prompted = |prompt| Command::Gather(Gather { prompt: Some(prompt), ..Gather::default() });
    for command in [
        Command::Answer(Answer::default()),
        Command::Reject(Rejection::Busy),
        Command::HangUp,
        Command::Bridge(Bridge { with: leg.clone(), ..Bridge::default() }),
        Command::Transfer(Transfer::new(to.clone())),
        Command::Refer(sip),
        Command::Speak(said.clone()),
        Command::Play(play.clone()),
        Command::StopPlaying,
        Command::Gather(Gather::default()),
        prompted(Prompt::Speak(said.clone())),
        prompted(Prompt::Audio("https://a.test".into())),
        Command::StopGathering,
        Command::SendKeys(Keys::try_from("1".to_owned()).unwrap()),
        Command::Record(Record::Start),
        Command::Record(Record::Stop),
        Command::Record(Record::Pause),
        Command::Record(Record::Resume),
        Command::Stream(Stream { url: "wss://wib.test".into(), ..Stream::default() }),
        Command::StopStreaming,
        Command::Fork(Fork { inbound: Some("udp:192.0.2.1:9000".into()), outbound: None }),
        Command::StopForking,
        Command::Transcribe(Transcribe::default()),
        Command::StopTranscribing,
        Command::Enqueue(Enqueue::new("support")),
        Command::LeaveQueue,
        Command::SwitchRole(Role::Barge),
    ] {
        let order = Order::new(command, "k").tagged(TAG);
        proof.run("steer", &[], async || telnyx.steer(&leg, &order).await).await;
    }
    proof.run("retag", &[], async || telnyx.retag(&leg, TAG).await).await;
    let listed: &[&str] = &["/data", "/meta/total_pages"];
    proof.run("queue", listed, async || telnyx.queue("support").await).await;
    proof.run("find_conference", listed, async || telnyx.find_conference("room").await).await;
    proof.run("participants", listed, async || telnyx.participants("c1").await).await;
    for command in [
        ConferenceCommand::Join(leg.clone(), Seat::default()),
        ConferenceCommand::Leave(leg.clone()),
        ConferenceCommand::Role(leg.clone(), Role::Monitor),
        ConferenceCommand::Hold { legs: vec![], music: None },
        ConferenceCommand::Resume(vec![leg.clone()]),
        ConferenceCommand::Mute(vec![]),
        ConferenceCommand::Unmute(vec![]),
        ConferenceCommand::Speak(said, vec![]),
        ConferenceCommand::Play(play, vec![]),
        ConferenceCommand::StopPlaying(vec![]),
        ConferenceCommand::End,
    ] {
        let order = ConferenceOrder::new(command, "k");
        proof.run("confer", &[], async || telnyx.confer("c1", &order).await).await;
    }
}
