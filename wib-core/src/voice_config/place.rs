//! Placing a call to a number or a saved destination.

use uuid::Uuid;

use super::{Modulations, VoiceTarget};
use crate::{
    calls::{Call, StartCall},
    kit::{Error, Id, OrNotFound, Phone, Result, Role},
    store::Repo,
    text_enum,
    wib::Org,
};

text_enum! {
    /// How a call is carried that is placed by hand.
    #[derive(Default)]
    pub enum VoiceFlow {
        /// One leg, to the person.
        #[default]
        Direct = "direct",
        /// The member's telephone first, then the person's.
        Bridge = "bridge",
    }
}

/// Places a call to a number or a saved destination; one of the two.
#[derive(Clone, Debug, Default)]
pub struct PlaceVoiceCall {
    /// The number.
    pub to: Option<Phone>,
    /// The saved destination.
    pub target_id: Option<Id<VoiceTarget>>,
    /// The number to show; where the member is rung first, the member's telephone.
    pub from: Option<Phone>,
    /// How it is carried.
    pub flow: VoiceFlow,
    /// For which campaign.
    pub campaign_id: Option<Uuid>,
    /// What is done with it, where that is not what is usual.
    pub modulations: Option<Modulations>,
    /// Whether it is placed to try something out. It passes the gate all the same.
    pub is_test: bool,
}

impl Org {
    /// Places a call to a number or a saved destination, when the law permits it now.
    ///
    /// # Errors
    /// As [`start_call`](Org::start_call); `Invalid` for both or none of number and destination, and for a call that rings
    /// the member first without the member's telephone; `NotFound` for the destination.
    pub async fn place_voice_call(&self, command: PlaceVoiceCall) -> Result<Call> {
        self.at_least(Role::Agent)?;
        let to = match (command.to, command.target_id) {
            (Some(to), None) => to,
            (None, Some(id)) => {
                let target: Option<VoiceTarget> = Repo::find(&mut *self.tx().await?, id).await?;
                target.or_not_found("target")?.phone
            }
            (None, None) => return Err(Error::field("to_number", "or a target_id is required")),
            (Some(_), Some(_)) => return Err(Error::field("target_id", "must not be given with a to_number")),
        };
        let (from, agent) = match command.flow {
            VoiceFlow::Direct => (command.from, None),
            VoiceFlow::Bridge => {
                let missing = || Error::field("from_number", "is required: the telephone that is rung first");
                (None, Some(command.from.ok_or_else(missing)?))
            }
        };
        let mut start = StartCall {
            to: Some(to),
            from,
            agent,
            campaign_id: command.campaign_id,
            target_id: command.target_id,
            is_test: command.is_test,
            ..StartCall::default()
        };
        if let Some(modulations) = command.modulations {
            modulations.checked("modulations.")?.fill(&mut start);
        }
        self.start_call(start).await
    }
}
