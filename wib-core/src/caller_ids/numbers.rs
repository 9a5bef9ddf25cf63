use serde::{Deserialize, Serialize};

use super::{InboundRoute, NumberId, NumberPurpose, OwnNumber, RouteTarget};
use crate::{
    calls::tells_of_collecting,
    kit::{Error, OrNotFound, Phone, Result, Role, text},
    store::{OrgTx, Record, Repo},
    wib::{Org, Wib},
};

/// The most numbers that an organisation may have.
const MOST: i64 = 1000;
/// The longest caller name that networks carry (CNAM).
const NAME: usize = 15;
/// The longest text that is spoken at the start of a call, in characters.
const SPOKEN: usize = 500;

/// Adds a number that the organisation has at its voice vendor.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AddNumber {
    /// The number.
    pub phone: Phone,
    /// The vendor's id of it.
    #[serde(default)]
    pub vendor_id: Option<String>,
    /// What it is for.
    #[serde(default)]
    pub purpose: NumberPurpose,
    /// Its place in the pool; behind the others by default.
    #[serde(default)]
    pub pool_order: Option<i64>,
    /// The name shown with it; the first 15 characters of the organisation's name in capitals by default.
    #[serde(default)]
    pub caller_name: Option<String>,
    /// What becomes of a call to it.
    #[serde(default)]
    pub route: InboundRoute,
}

/// Changes a number; what is absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct UpdateNumber {
    /// What it is for.
    pub purpose: Option<NumberPurpose>,
    /// Its place in the pool.
    pub pool_order: Option<i64>,
    /// The name shown with it.
    pub caller_name: Option<String>,
    /// What becomes of a call to it.
    pub route: Option<InboundRoute>,
}

fn name(text: Option<String>) -> Result<Option<String>> {
    text::optional("caller_name", text, NAME)
}

/// A route whose texts may be said to whoever calls.
fn route(mut route: InboundRoute) -> Result<InboundRoute> {
    route.notice = text::optional("route.notice", route.notice, SPOKEN)?;
    route.greeting = text::optional("route.greeting", route.greeting, SPOKEN)?;
    for (field, said) in [("route.notice", &route.notice), ("route.greeting", &route.greeting)] {
        if said.as_deref().is_some_and(tells_of_collecting) {
            return Err(Error::field(field, "must not tell of collecting debts (12 CFR 1006.6(d)(1))"));
        }
    }
    if let Some(RouteTarget::Queue { name }) = &mut route.target {
        *name = text::required("route.target.name", name, 100)?;
    }
    Ok(route)
}

/// The number that a call shows: the one that was asked for, else the pool's next, else the installation's default. One of
/// the pool is held from here on and counts as shown once [`OwnNumber::last_used_at`] is written.
pub(crate) async fn shown(wib: &Wib, tx: &mut dyn OrgTx, asked: Option<&Phone>) -> Result<(Phone, Option<OwnNumber>)> {
    if let Some(asked) = asked {
        return Ok((asked.clone(), None));
    }
    if let Some(number) = tx.next_of_pool(wib.voice.vendor()).await? {
        return Ok((number.phone.clone(), Some(number)));
    }
    let default = wib.voice.default_number();
    let default = default.ok_or_else(|| Error::field("from", "is required: there is no number to show"))?;
    Ok((default, None))
}

impl Org {
    /// Adds a number that the organisation has at the voice vendor. Who adds it answers for its being ours: calls may show
    /// it from now on.
    ///
    /// # Errors
    /// `Invalid` naming the field; `Conflict` when it is in use, here or elsewhere; `Forbidden` below admin.
    pub async fn add_number(&self, command: AddNumber) -> Result<OwnNumber> {
        self.at_least(Role::Admin)?;
        let own_name = || self.organization().name.to_uppercase().chars().take(NAME).collect::<String>();
        let caller_name = name(command.caller_name)?.or_else(|| Some(own_name().trim().to_owned()));
        let route = route(command.route)?;
        let vendor_id = text::optional("vendor_id", command.vendor_id, 200)?;
        let mut tx = self.tx().await?;
        tx.lock_count_of(OwnNumber::NAME).await?;
        let known = tx.numbers(MOST).await?;
        if i64::try_from(known.len()).unwrap_or(MOST) >= MOST {
            return Err(Error::conflict(format!("there are {MOST} numbers already")));
        }
        let last = known.iter().map(|n| n.pool_order).max().unwrap_or(0);
        let now = self.wib.now();
        let number = OwnNumber {
            id: self.wib.id(),
            phone: command.phone,
            vendor: self.wib.voice.vendor().to_owned(),
            vendor_id,
            purpose: command.purpose,
            active: true,
            pool_order: command.pool_order.unwrap_or_else(|| last.saturating_add(1)),
            last_used_at: None,
            caller_name,
            route,
            created_at: now,
            updated_at: now,
        };
        tx.insert(&number).await?;
        self.audit("number:added", ("number", Some(number.id.uuid()))).is(&number).write(&mut *tx).await;
        tx.commit().await?;
        Ok(number)
    }

    /// The organisation's numbers, retired ones too, in the order of the pool.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn numbers(&self) -> Result<Vec<OwnNumber>> {
        self.at_least(Role::Viewer)?;
        self.tx().await?.numbers(MOST).await
    }

    /// Changes a number.
    ///
    /// # Errors
    /// `Invalid` naming the field; `NotFound`; `Conflict` when it is retired; `Forbidden` below admin.
    pub async fn update_number(&self, id: NumberId, command: UpdateNumber) -> Result<OwnNumber> {
        self.at_least(Role::Admin)?;
        let caller_name = name(command.caller_name)?;
        let route = command.route.map(route).transpose()?;
        self.change_number(id, "number:updated", |number| {
            number.purpose = command.purpose.unwrap_or(number.purpose);
            number.pool_order = command.pool_order.unwrap_or(number.pool_order);
            number.caller_name = caller_name.or(number.caller_name.take());
            number.route = route.unwrap_or_else(|| number.route.clone());
        })
        .await
    }

    /// Takes a number out of use: no call shows it any more, and calls to it are nobody's. Its row stays.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when it is retired; `Forbidden` below admin.
    pub async fn retire_number(&self, id: NumberId) -> Result<OwnNumber> {
        self.at_least(Role::Admin)?;
        self.change_number(id, "number:retired", |number| number.active = false).await
    }

    async fn change_number(
        &self,
        id: NumberId,
        action: &str,
        change: impl FnOnce(&mut OwnNumber) + Send,
    ) -> Result<OwnNumber> {
        let mut tx = self.tx().await?;
        tx.lock_number(id).await?;
        let mut number: OwnNumber = Repo::find(&mut *tx, id).await?.or_not_found("number")?;
        if !number.active {
            return Err(Error::conflict("the number is retired"));
        }
        let before = number.clone();
        change(&mut number);
        number.updated_at = self.wib.now();
        tx.update(&number).await?;
        self.audit(action, ("number", Some(id.uuid()))).changed(&before, &number).write(&mut *tx).await;
        tx.commit().await?;
        Ok(number)
    }
}
