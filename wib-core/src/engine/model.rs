use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::{
    kit::{Error, Id, time::Timestamp},
    orgs::OrganizationId,
    ports::webhook::Event,
    text_enum,
};

text_enum! {
    /// What a queued message asks for. One handler each.
    pub enum Topic {
        /// Apply a vendor's event that lies in the inbox.
        ApplyEvent = "apply_event",
        /// Place a call.
        Dial = "dial",
        /// End a call.
        HangUp = "hang_up",
        /// Take a call that comes in.
        AnswerCall = "answer_call",
        /// Find somebody who takes a call.
        RouteCall = "route_call",
        /// Tell a person that nobody takes the call, and end it.
        EndUnattended = "end_unattended",
        /// Dial a further leg of a call.
        DialLeg = "dial_leg",
        /// Join a further leg with the person's.
        JoinLeg = "join_leg",
        /// End a further leg.
        EndLeg = "end_leg",
        /// Hand a call on without talking first.
        TransferCall = "transfer_call",
        /// Put a person on hold, to talk to whom the call is handed.
        HoldCall = "hold_call",
        /// Join a member with whom a call is handed to.
        ConsultLeg = "consult_leg",
        /// Let whom a call is handed to talk to the person.
        HandCall = "hand_call",
        /// Bring a person back from hold.
        ReturnCall = "return_call",
        /// Give a supervisor another role.
        SwitchRole = "switch_role",
        /// Speak a fixed text.
        SpeakNotice = "speak_notice",
        /// Start recording.
        StartRecording = "start_recording",
        /// End a recording while the call goes on.
        StopRecording = "stop_recording",
        /// Pause a recording for a mask.
        PauseRecording = "pause_recording",
        /// Go on with a recording behind a mask.
        ResumeRecording = "resume_recording",
        /// Have a call's sound streamed to us, for as long as it is to be heard.
        OpenStream = "open_stream",
        /// Ask the vendor about a call whose end was not told.
        WatchCall = "watch_call",
        /// Fetch a recording and keep it.
        FetchRecording = "fetch_recording",
        /// Take payment data out of a recording.
        SilenceRecording = "silence_recording",
        /// Order a transcript.
        SubmitTranscript = "submit_transcript",
        /// Fetch a transcript.
        FetchTranscript = "fetch_transcript",
        /// Order a transcript of audio that was brought.
        SubmitAudio = "submit_audio",
        /// Fetch it.
        FetchAudio = "fetch_audio",
        /// Have a transcript analysed.
        Analyse = "analyse",
        /// Translate a transcript.
        Translate = "translate",
        /// Translate a line that was heard on a call.
        TranslateLine = "translate_line",
        /// Speak a line's translation to the other side.
        SpeakLine = "speak_line",
        /// Judge how a person felt when they said a line.
        ScoreLine = "score_line",
        /// Tell an organisation's address that a call is to be escalated.
        TellSentiment = "tell_sentiment",
        /// Tell an address that subscribed what happened.
        DeliverWebhook = "deliver_webhook",
        /// Advise a member after a line.
        AssistLine = "assist_line",
        /// Have a machine take in what the person said.
        AiHear = "ai_hear",
        /// Have a model say what a machine is to say.
        AiThink = "ai_think",
        /// Say it.
        AiSpeak = "ai_speak",
        /// Stop what a machine says.
        AiHush = "ai_hush",
        /// See to a machine's conversation while nothing happens.
        AiWatch = "ai_watch",
        /// Seal a finished call.
        Seal = "seal",
        /// Send a mail.
        SendMail = "send_mail",
        /// Write a line of the audit log that was refused.
        WriteAudit = "write_audit",
        /// Delete bytes that nothing refers to.
        DeleteBlob = "delete_blob",
        /// Have the voice vendor forget a recording.
        ForgetRecording = "forget_recording",
        /// Have the transcriber forget a transcript.
        ForgetTranscript = "forget_transcript",
    }
}

/// A message to queue. The same topic and key are queued once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// What it asks for.
    pub topic: Topic,
    /// What makes it one within its topic.
    pub key: String,
    /// What the handler needs.
    pub payload: Json,
    /// Not before then.
    pub run_at: Timestamp,
}

/// A queued message, leased by a worker. The queue is also the outbox: rows are written with the business rows, and a
/// command to a vendor is marked as started before it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: Id<Message>,
    /// For whom; `None` for events that no organisation is known for yet.
    pub organization_id: Option<OrganizationId>,
    /// What it asks for.
    pub topic: Topic,
    /// What makes it one within its topic.
    pub key: String,
    /// What the handler needs.
    pub payload: Json,
    /// How often it was leased, this time included.
    pub attempts: i64,
    /// When a vendor request for it last left and nobody saw the answer.
    pub started_at: Option<Timestamp>,
    /// When it was last handed on to a queue outside, from which it was not settled since.
    pub handed_at: Option<Timestamp>,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// When it was due.
    pub run_at: Timestamp,
    /// When it was queued.
    pub created_at: Timestamp,
}

text_enum! {
    /// How a message stands.
    pub enum MessageStatus {
        /// Waits for its time or a worker.
        Ready = "ready",
        /// A worker has it, until its lease ends.
        Leased = "leased",
        /// Done; kept a while so that its key stays taken.
        Done = "done",
        /// Given up; to be replayed by hand.
        Dead = "dead",
    }
}

/// An event in the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxEvent {
    /// Its id.
    pub id: Id<InboxEvent>,
    /// Who sent it.
    pub vendor: String,
    /// What it says.
    pub event: Event,
    /// When it was received.
    pub received_at: Timestamp,
}

text_enum! {
    /// How a run of a job stands.
    pub enum RunOutcome {
        /// It goes on.
        Running = "running",
        /// It ended well, though parts of its work may have failed.
        Ok = "ok",
        /// It failed.
        Failed = "failed",
        /// Its node went away, or lost it to another.
        Broken = "broken",
    }
}

/// One run of a scheduled job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRun {
    /// Its id.
    pub id: Id<JobRun>,
    /// Which job.
    pub job: String,
    /// Which process ran it.
    pub node: String,
    /// The tick it stands for; the instant it began when somebody ran it by hand.
    pub due_at: Timestamp,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it stands.
    pub outcome: RunOutcome,
    /// What it did, in rows.
    pub processed: i64,
    /// Rows that failed.
    pub errors: i64,
    /// Why it failed.
    pub error: Option<String>,
}
impl JobRun {
    /// How long it took, in milliseconds, once it has ended.
    #[must_use]
    pub fn duration_ms(&self) -> Option<i64> {
        Some((self.ended_at?.as_millisecond() - self.started_at.as_millisecond()).max(0))
    }
}

/// How many messages of a topic stand how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueDepth {
    /// The topic.
    pub topic: Topic,
    /// How they stand.
    pub status: MessageStatus,
    /// How many.
    pub count: i64,
}

/// Which organisation and record something of a vendor's belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The organisation.
    pub organization_id: OrganizationId,
    /// The record's id; its kind follows from the question.
    pub record: Uuid,
}

impl Message {
    /// A field of the payload, as its type.
    pub(crate) fn payload_field<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, Error> {
        let value = self.payload.get(name).cloned().unwrap_or_default();
        serde_json::from_value(value)
            .map_err(|e| Error::internal(format!("a {} message lacks {name}", self.topic)).because(e))
    }
}
