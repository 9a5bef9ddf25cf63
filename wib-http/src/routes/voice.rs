//! How an organisation calls, the destinations that it saved, and calls placed by them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use wib_core::{
    Org, Wib,
    calls::{CallId, FlowType},
    kit::{Error, Id, Phone, Result, Role, Timestamp},
    limits::Limit,
    orgs::OrganizationId,
    voice_config::{AddVoiceTarget, Modulations, PlaceVoiceCall, TranslateMode, VoiceConfig, VoiceFlow, VoiceTarget},
};

use crate::{
    input::{self, ById, Nothing},
    table::{Routes, role, session},
};

/// Refuses a body that names another organisation than the session's.
fn own(org: &Org, field: &str, named: Option<OrganizationId>) -> Result<()> {
    if named.is_some_and(|id| id != org.id()) {
        return Err(Error::field(field, "Invalid organization"));
    }
    Ok(())
}

/// Saves a number that is called often.
#[derive(Deserialize, JsonSchema)]
struct SaveTarget {
    /// Must be the own one.
    organization_id: Option<OrganizationId>,
    phone_number: Phone,
    #[schemars(length(max = 200))]
    name: Option<String>,
}

/// Says how the organisation calls where nobody says otherwise; what is absent stays.
#[derive(Deserialize, JsonSchema)]
struct PutConfig {
    /// Must be the own one.
    #[serde(rename = "orgId")]
    org_id: Option<OrganizationId>,
    modulations: Option<Modulations>,
}

/// Places a call to a number or a saved destination, when the law permits it now.
#[derive(Deserialize, JsonSchema)]
struct VoiceCall {
    /// The number, or a `target_id`.
    to_number: Option<Phone>,
    target_id: Option<Id<VoiceTarget>>,
    /// The number to show; for `bridge` the telephone that is rung first.
    from_number: Option<Phone>,
    /// Must be the own one.
    organization_id: Option<OrganizationId>,
    campaign_id: Option<Uuid>,
    /// What is done with it, where that is not what is usual.
    modulations: Option<Modulations>,
    /// `direct` by default.
    flow_type: Option<VoiceFlow>,
    is_test: Option<bool>,
}

/// A number that is called often.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "VoiceTarget")]
struct TargetRow {
    id: Id<VoiceTarget>,
    organization_id: OrganizationId,
    phone_number: Phone,
    name: Option<String>,
    #[schemars(with = "String")]
    created_at: Timestamp,
}
impl TargetRow {
    fn of(org: &Org, target: VoiceTarget) -> Self {
        let VoiceTarget { id, phone, name, created_at, .. } = target;
        Self { id, organization_id: org.id(), phone_number: phone, name, created_at }
    }
}

/// A destination that is gone.
#[derive(Serialize, JsonSchema)]
struct TargetGone {
    message: &'static str,
}

/// How the organisation calls where nobody says otherwise.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "VoiceConfig")]
struct ConfigRow {
    record: bool,
    transcribe: bool,
    translate: bool,
    translate_from: Option<String>,
    translate_to: Option<String>,
    translate_mode: Option<TranslateMode>,
    survey: bool,
    synthetic_caller: bool,
    use_voice_cloning: bool,
    live_translate: bool,
    voice_to_voice: bool,
    elevenlabs_voice_id: Option<String>,
    #[schemars(with = "Option<String>")]
    updated_at: Option<Timestamp>,
}
impl From<Option<VoiceConfig>> for ConfigRow {
    fn from(config: Option<VoiceConfig>) -> Self {
        let updated_at = config.as_ref().map(|config| config.updated_at);
        let m = config.map(|config| config.modulations).unwrap_or_default();
        // Where something was said, what was not said of recording is what will happen: it is recorded.
        let usual = updated_at.is_some();
        Self {
            record: m.record.unwrap_or(usual),
            transcribe: m.transcribe.unwrap_or(usual),
            translate: m.translate.unwrap_or(false),
            translate_from: m.translate_from,
            translate_to: m.translate_to,
            translate_mode: m.translate_mode,
            survey: m.survey.unwrap_or(false),
            synthetic_caller: m.synthetic_caller.unwrap_or(false),
            use_voice_cloning: m.use_voice_cloning.unwrap_or(false),
            live_translate: m.live_translate.unwrap_or(false),
            voice_to_voice: m.voice_to_voice.unwrap_or(false),
            elevenlabs_voice_id: m.elevenlabs_voice_id,
            updated_at,
        }
    }
}

/// A call that will be dialled.
#[derive(Serialize, JsonSchema)]
struct VoicePlaced {
    call_id: CallId,
    /// The vendor's names of calls are told to nobody; null.
    telnyx_call_id: Option<String>,
    to: Phone,
    from: Phone,
    flow_type: FlowType,
}

pub(super) fn routes() -> Routes<Wib> {
    let renamed =
        |error| input::renamed(error, &[("to", "to_number"), ("from", "from_number"), ("agent", "from_number")]);
    Routes::<Wib>::at("voice", "/api/voice")
        .get("/targets", session(), |org, _: Nothing| async move {
            let targets = org.voice_targets().await?;
            Ok(targets.into_iter().map(|target| TargetRow::of(&org, target)).collect::<Vec<_>>())
        })
        .about("Lists the destinations that were saved, oldest first.")
        .list("targets")
        .post("/targets", role(Role::Manager).limit(Limit::Voice), |org, c: SaveTarget| async move {
            own(&org, "organization_id", c.organization_id)?;
            let command = AddVoiceTarget { phone: c.phone_number, name: c.name };
            let target = org.add_voice_target(command).await?;
            Ok(TargetRow::of(&org, target))
        })
        .refuses(&[409])
        .item("target")
        .delete("/targets/{id}", role(Role::Manager).limit(Limit::Voice), |org, c: ById<VoiceTarget>| async move {
            org.delete_voice_target(c.id).await?;
            Ok(TargetGone { message: "The destination was deleted." })
        })
        .about("Forgets a destination.")
        .flat()
        .get("/config", session(), |org, _: Nothing| async move { org.voice_config().await.map(ConfigRow::from) })
        .about("Tells how the organisation calls where nobody says otherwise.")
        .item("config")
        .put("/config", role(Role::Operator).limit(Limit::Voice), |org, c: PutConfig| async move {
            own(&org, "orgId", c.org_id)?;
            let config = org.put_voice_config(c.modulations.unwrap_or_default()).await?;
            Ok(ConfigRow::from(Some(config)))
        })
        .item("config")
        .post(
            "/call",
            role(Role::Agent).limit(Limit::TelnyxVoice).limit(Limit::Voice),
            move |org, c: VoiceCall| async move {
                own(&org, "organization_id", c.organization_id)?;
                let command = PlaceVoiceCall {
                    to: c.to_number,
                    target_id: c.target_id,
                    from: c.from_number,
                    flow: c.flow_type.unwrap_or_default(),
                    campaign_id: c.campaign_id,
                    modulations: c.modulations,
                    is_test: c.is_test.unwrap_or_default(),
                };
                let call = org.place_voice_call(command).await.map_err(renamed)?;
                let call = org.dial_now(call.id).await?;
                Ok(VoicePlaced {
                    call_id: call.id,
                    telnyx_call_id: None,
                    to: call.to_number,
                    from: call.from_number,
                    flow_type: call.flow_type,
                })
            },
        )
        .idempotent()
        .refuses(&[404, 409, 502])
        .flat()
}
