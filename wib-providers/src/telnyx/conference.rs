//! Conferences and queues.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::Method;
use serde::Serialize;
use wib_core::ports::{
    Fault, Sent, VendorError,
    voice::{Conference, ConferenceCommand, ConferenceOrder, Leg, OpenConference, Participant, Queued, Role, Seat},
};

use super::{
    Telnyx,
    commands::repeat,
    wire::{self, requests},
};
use crate::http::Ask;

impl Telnyx {
    pub(super) async fn waiting(&self, queue: &str) -> Result<Vec<Queued>, VendorError> {
        match self.pages_of::<wire::QueueCall>("queue", "/queues/{}/calls", Some(queue), &[]).await {
            Err(none) if none.fault == Fault::Missing => Ok(Vec::new()),
            listed => {
                let mut waiting: Vec<_> = listed?.into_iter().map(wire::QueueCall::into_ours).collect();
                waiting.sort_by_key(|queued| queued.position);
                Ok(waiting)
            }
        }
    }

    /// A repeat would be ignored, and then no id be told: in doubt it is looked for by its name.
    pub(super) async fn begin_conference(&self, leg: &Leg, open: &OpenConference) -> Result<String, VendorError> {
        let what = requests::OpenConference {
            call_control_id: self.control_id(leg)?,
            name: &open.name,
            beep_enabled: if open.beep { "always" } else { "never" },
            hold_audio_url: open.music.as_deref(),
            max_participants: open.max_participants,
        };
        let client_state = open.tag.as_ref().map(|tag| BASE64_STANDARD.encode(tag));
        let body = requests::Keyed { what, command_id: &open.key, client_state };
        let answer = self.client.ask("open_conference", Method::POST, "/conferences").json(&body).send().await?;
        Ok(answer.json::<wire::Single<wire::Conference>>()?.data.id)
    }

    pub(super) async fn conference_named(&self, name: &str) -> Result<Option<Conference>, VendorError> {
        let listed = self.pages::<wire::Conference>("find_conference", "/conferences", &[("filter[name]", name)]).await?;
        let goes_on = |c: &wire::Conference| c.name == name && c.status.as_deref() != Some("completed");
        Ok(listed.into_iter().find(goes_on).map(wire::Conference::into_ours))
    }

    pub(super) async fn present(&self, conference: &str) -> Result<Vec<Participant>, VendorError> {
        let template = "/conferences/{}/participants";
        let listed = self.pages_of::<wire::Participant>("participants", template, Some(conference), &[]).await?;
        let here = listed.into_iter().filter(|participant| participant.status.as_deref() != Some("left"));
        Ok(here.map(wire::Participant::into_ours).collect())
    }

    pub(super) async fn command_conference(&self, id: &str, order: &ConferenceOrder) -> Result<(), VendorError> {
        let to = To { telnyx: self, id, key: &order.key };
        let ask = match &order.command {
            ConferenceCommand::Join(leg, seat) => self.join(&to, leg, seat)?,
            ConferenceCommand::Leave(leg) => {
                let body = requests::Participant {
                    call_control_id: self.control_id(leg)?,
                    supervisor_role: None,
                    whisper_call_control_ids: None,
                };
                to.keyed("leave_conference", "/conferences/{}/actions/leave", body)
            }
            ConferenceCommand::Role(leg, role) => {
                let (word, heard_by) = self.role(role)?;
                let body = requests::Participant {
                    call_control_id: self.control_id(leg)?,
                    supervisor_role: Some(word),
                    whisper_call_control_ids: heard_by,
                };
                to.keyed("conference_role", "/conferences/{}/actions/update", body)
            }
            ConferenceCommand::Hold { legs, music } => {
                let body = requests::Participants { audio_url: music.as_deref(), ..self.these(legs)? };
                to.plain("conference_hold", "/conferences/{}/actions/hold", &body).repeatable()
            }
            ConferenceCommand::Resume(legs) => {
                // All must be named here.
                let held = if legs.is_empty() { self.on_hold(id).await? } else { legs.clone() };
                if held.is_empty() {
                    return Ok(());
                }
                to.plain("conference_resume", "/conferences/{}/actions/unhold", &self.these(&held)?).repeatable()
            }
            ConferenceCommand::Mute(legs) => {
                to.plain("conference_mute", "/conferences/{}/actions/mute", &self.these(legs)?).repeatable()
            }
            ConferenceCommand::Unmute(legs) => {
                to.plain("conference_unmute", "/conferences/{}/actions/unmute", &self.these(legs)?).repeatable()
            }
            ConferenceCommand::Speak(speak, legs) => {
                let (voice, language) = self.voice_of(speak)?;
                let call_control_ids = self.these(legs)?.call_control_ids;
                let body = requests::ConferenceSpeak { payload: &speak.text, voice, language, call_control_ids };
                to.keyed("conference_speak", "/conferences/{}/actions/speak", body)
            }
            // It takes no key, and twice would be heard twice.
            ConferenceCommand::Play(playback, legs) => {
                let body = requests::Participants {
                    audio_url: Some(&playback.url),
                    r#loop: repeat(playback.repeat),
                    ..self.these(legs)?
                };
                to.plain("conference_play", "/conferences/{}/actions/play", &body)
            }
            ConferenceCommand::StopPlaying(legs) => {
                to.plain("conference_stop_playing", "/conferences/{}/actions/stop", &self.these(legs)?).repeatable()
            }
            ConferenceCommand::End => {
                to.keyed("end_conference", "/conferences/{}/actions/end", requests::Nothing {})
            }
            _ => return Err(self.client.fault(Fault::Request, Sent::No, "Telnyx has no such command")),
        };
        ask.send().await.map(drop)
    }

    fn join<'a>(&'a self, to: &To<'a, '_>, leg: &Leg, seat: &Seat) -> Result<Ask<'a>, VendorError> {
        let (supervisor_role, whisper_call_control_ids) = self.role(&seat.role)?;
        let body = requests::Join {
            call_control_id: self.control_id(leg)?,
            supervisor_role,
            whisper_call_control_ids,
            hold: seat.on_hold.then_some(true),
            mute: seat.muted.then_some(true),
            end_conference_on_exit: seat.ends.then_some(true),
            client_state: seat.tag.as_ref().map(|tag| BASE64_STANDARD.encode(tag)),
        };
        Ok(to.keyed("join_conference", "/conferences/{}/actions/join", body))
    }

    /// A role in Telnyx's word, and who hears it. A whisper that nobody hears is a monitor.
    fn role<'r>(&self, role: &'r Role) -> Result<(&'static str, Option<Vec<&'r str>>), VendorError> {
        Ok(match role {
            Role::Party => ("none", None),
            Role::Barge => ("barge", None),
            Role::Monitor => ("monitor", None),
            Role::Whisper(legs) if legs.is_empty() => ("monitor", None),
            Role::Whisper(legs) => ("whisper", Some(self.control_ids(legs)?)),
        })
    }

    fn these<'l>(&self, legs: &'l [Leg]) -> Result<requests::Participants<'l>, VendorError> {
        let ids = self.control_ids(legs)?;
        let call_control_ids = (!ids.is_empty()).then_some(ids);
        Ok(requests::Participants { call_control_ids, audio_url: None, r#loop: None })
    }

    fn control_ids<'l>(&self, legs: &'l [Leg]) -> Result<Vec<&'l str>, VendorError> {
        legs.iter().map(|leg| self.control_id(leg)).collect()
    }

    async fn on_hold(&self, conference: &str) -> Result<Vec<Leg>, VendorError> {
        let present = self.present(conference).await?;
        Ok(present.into_iter().filter(|participant| participant.on_hold).map(|participant| participant.leg).collect())
    }
}

/// An order on its way to a conference.
struct To<'a, 'o> {
    telnyx: &'a Telnyx,
    id: &'o str,
    key: &'o str,
}
impl<'a> To<'a, '_> {
    /// A command with a key, which may be repeated.
    fn keyed(&self, operation: &'static str, template: &'static str, what: impl Serialize) -> Ask<'a> {
        let body = requests::Keyed { what, command_id: self.key, client_state: None };
        self.plain(operation, template, &body).repeatable()
    }
    fn plain(&self, operation: &'static str, template: &'static str, body: &impl Serialize) -> Ask<'a> {
        self.telnyx.client.ask(operation, Method::POST, template).fill(self.id).json(body)
    }
}
