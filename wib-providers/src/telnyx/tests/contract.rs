//! Everything against the vendor's document: each request is held against it, each of its answers understood.

use wib_core::ports::voice::{
    Answer, Bridge, ConferenceCommand, ConferenceOrder, Enqueue, Fork, Gather, Keys, OpenConference, Playback, Prompt, Record,
    Rejection, Role, Seat, SipUri, Stream, Transcribe, Transfer,
};

use super::{super::wire, *};
use crate::{testing::contract::Proof, vendor::Port};

/// What nobody asks for.
const LEFT_OUT: &[&str] = &[
    "delete /recording_transcriptions/{recording_transcription_id}",
    "get /conferences/{id}",
    "get /connections",
    "get /detail_records",
    "get /fqdns/{id}",
    "get /ips/{id}",
    "get /phone_numbers/voice",
    "get /queues/{queue_name}",
    "get /queues/{queue_name}/calls/{call_control_id}",
    "get /recording_transcriptions",
    "get /recording_transcriptions/{recording_transcription_id}",
    "patch /fqdns/{id}",
    "patch /ips/{id}",
    "patch /telephony_credentials/{id}",
    "post /calls/{call_control_id}/actions/suppression_start",
    "post /calls/{call_control_id}/actions/suppression_stop",
    "post /conferences/{id}/actions/record_pause",
    "post /conferences/{id}/actions/record_resume",
    "post /conferences/{id}/actions/record_start",
    "post /conferences/{id}/actions/record_stop",
    "post /recordings/actions/delete",
];

#[tokio::test]
async fn contract_every_request_fits_the_document_and_its_answers_are_understood() {
    let Some(proof) = Proof::of("telnyx") else { return };
    calls(&proof).await;
    recordings(&proof).await;
    super::lines::prove(&proof).await;
    proof.end(LEFT_OUT);
}

async fn recordings(proof: &Arc<Proof>) {
    let telnyx = Telnyx::builder(proof.wires(), SecretString::from("KEY0123"), "175237942907135762").build();
    // The documented list of active calls always names a next page.
    let probe = telnyx.client.probe(Port::Voice, "/connections/{}/active_calls", "175237942907135762");
    proof.run("active calls", &[], async || (probe.ask)().await).await;
    let (call, pages) = (leg(), "/meta/total_pages");
    proof.run("call", &["/data/is_alive"], async || telnyx.call(&call).await.map(drop)).await;
    proof.run("recordings", &["/data/*/id", pages], async || telnyx.recordings("inspect", LEG).await.map(drop)).await;
    let filters = [("filter[leg_id]", LEG), ("filter[type]", "webhook")];
    let needs = &["/data/*/name", "/data/*/event_timestamp", pages];
    let events = async || telnyx.pages::<wire::CallEvent>("inspect", "/call_events", &filters).await.map(drop);
    proof.run("call events", needs, events).await;
    let recording = VendorRecording {
        id: "rec-1".into(),
        url: String::new(),
        content_type: "audio/wav".into(),
        channels: 2,
        started_at: None,
        ended_at: None,
    };
    proof.run("reread", &["/data/id"], async || telnyx.reread(&recording).await.map(drop)).await;
    proof.run("delete_recording", &[], async || telnyx.delete_recording("rec-1").await).await;
}

async fn calls(proof: &Arc<Proof>) {
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
    let named: &[&str] = &["/data/call_control_id"];
    for detects in [true, false] {
        proof.run("dial", named, async || telnyx.dial(&dial(detects)).await).await;
    }
    proof.run("retag", &[], async || telnyx.retag(&leg, TAG).await).await;
    let listed: &[&str] = &["/data", "/meta/total_pages"];
    proof.run("queue", listed, async || telnyx.queue("support").await).await;
    let open = OpenConference::new("room", "k");
    proof.run("open_conference", &["/data/id"], async || telnyx.open_conference(&leg, &open).await).await;
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
