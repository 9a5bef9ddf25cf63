//! Where members are reached: one line each.

use serde::{Deserialize, Serialize};

use super::{RouteTarget, used};
use crate::{
    auth::UserId,
    kit::{Id, Phone, Result, Role, text, time::Timestamp},
    store::{OrgTx, Record},
    wib::Org,
};

/// The most lines that are listed.
const MOST: i64 = 1000;

/// The telephone of a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgentLine {
    /// Its id.
    pub id: Id<AgentLine>,
    /// Whose; one each.
    pub user_id: UserId,
    /// What is rung.
    pub phone: Phone,
    /// The queue it takes calls of.
    pub queue: Option<String>,
    /// Whether it takes calls.
    pub active: bool,
    /// When it was last rung for a queue.
    pub last_rung_at: Option<Timestamp>,
    /// When it was written down.
    pub created_at: Timestamp,
}
impl Record for AgentLine {
    const NAME: &'static str = "line";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// Says where a member is reached.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SetAgentLine {
    /// Whose.
    pub user_id: UserId,
    /// What is rung.
    pub phone: Phone,
    /// The queue it takes calls of.
    #[serde(default)]
    pub queue: Option<String>,
    /// Whether it takes calls.
    pub active: bool,
}

/// The number that is rung for a target; `None` when nobody takes calls there. A line of a queue counts as rung now.
pub(crate) async fn reached(tx: &mut dyn OrgTx, target: Option<&RouteTarget>, now: Timestamp) -> Result<Option<Phone>> {
    let line = match target {
        None => return Ok(None),
        Some(RouteTarget::Number { phone }) => return Ok(Some(phone.clone())),
        Some(RouteTarget::User { user_id }) => tx.line_of_user(*user_id).await?.filter(|line| line.active),
        Some(RouteTarget::Queue { name }) => tx.next_of_queue(name).await?,
    };
    let Some(mut line) = line else { return Ok(None) };
    line.last_rung_at = Some(used(now, line.last_rung_at));
    tx.update(&line).await?;
    Ok(Some(line.phone))
}

impl Org {
    /// Says where a member is reached, and whether they take calls. A member says it of themselves, a manager of others.
    ///
    /// # Errors
    /// `Invalid` naming the field; `NotFound` when they are no member; `Forbidden` below agent, and for the line of
    /// somebody else below manager.
    pub async fn set_agent_line(&self, command: SetAgentLine) -> Result<AgentLine> {
        let own = self.actor().user() == Some(command.user_id);
        self.at_least(if own { Role::Agent } else { Role::Manager })?;
        let queue = text::optional("queue", command.queue, 100)?;
        let mut tx = self.wib.store.system().await?;
        let memberships = tx.memberships(command.user_id).await?;
        drop(tx);
        if !memberships.iter().any(|m| m.organization_id == self.id()) {
            return Err(crate::kit::Error::not_found("member"));
        }
        let mut tx = self.tx().await?;
        let known = tx.line_of_user(command.user_id).await?;
        let line = AgentLine {
            id: known.as_ref().map_or_else(|| self.wib.id(), |line| line.id),
            user_id: command.user_id,
            phone: command.phone,
            queue,
            active: command.active,
            last_rung_at: known.as_ref().and_then(|line| line.last_rung_at),
            created_at: known.as_ref().map_or_else(|| self.wib.now(), |line| line.created_at),
        };
        let audit = self.audit("line:set", ("line", Some(line.id.uuid())));
        match &known {
            Some(before) => {
                tx.update(&line).await?;
                audit.changed(before, &line).write(&mut *tx).await;
            }
            None => {
                tx.insert(&line).await?;
                audit.is(&line).write(&mut *tx).await;
            }
        }
        tx.commit().await?;
        Ok(line)
    }

    /// Where members are reached, oldest first.
    ///
    /// # Errors
    /// `Forbidden` below agent.
    pub async fn agent_lines(&self) -> Result<Vec<AgentLine>> {
        self.at_least(Role::Agent)?;
        self.tx().await?.lines(MOST).await
    }
}
