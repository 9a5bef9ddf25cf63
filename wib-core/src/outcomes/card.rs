//! What an organisation says of a call besides its outcome.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::{call_of, held_call, plain};
use crate::{
    calls::CallId,
    json_column,
    kit::{Error, Id, Result, Role, text, time::Timestamp},
    store::{OrgTx, Record},
    voice_config::VoiceTarget,
    wib::{Org, Wib},
};

/// Most entries of metadata.
const ENTRIES: usize = 50;
/// Most bytes of metadata, as JSON.
const BYTES: usize = 8 << 10;
/// Longest disposition in words of somebody's own, in characters.
const WORD: usize = 10_000;

/// What a client wants kept with a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Metadata(pub Map<String, Json>);
json_column!(Metadata);

/// Refuses metadata that is too much.
pub(crate) fn check_metadata(metadata: &Metadata) -> Result<()> {
    let bytes = serde_json::to_string(metadata).map_or(usize::MAX, |text| text.len());
    if metadata.0.len() > ENTRIES || bytes > BYTES {
        return Err(Error::field("metadata", format!("must have at most {ENTRIES} entries and {BYTES} bytes")));
    }
    Ok(())
}

/// What an organisation says of a call; one each, once there is something to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallCard {
    /// Its id.
    pub id: Id<CallCard>,
    /// Of which call.
    pub call_id: CallId,
    /// What came of it, in a word.
    pub disposition: Option<String>,
    /// And in more.
    pub disposition_notes: Option<String>,
    /// For which campaign, as who asked for the call says.
    pub campaign_id: Option<Uuid>,
    /// For which of its calls.
    pub campaign_call_id: Option<Uuid>,
    /// To which saved destination.
    pub target_id: Option<Id<VoiceTarget>>,
    /// Whether it was placed to try something out.
    pub is_test: bool,
    /// What a client wants kept with it.
    pub metadata: Metadata,
    /// Whether the person is on hold.
    pub held: bool,
    /// How often that changed.
    pub hold_changes: i64,
    /// The conference that the person was put into for it.
    pub conference: Option<String>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
impl Record for CallCard {
    const NAME: &'static str = "card";
    fn id(&self) -> Id<Self> {
        self.id
    }
}
impl CallCard {
    /// One without a word.
    pub(crate) fn new(wib: &Wib, call_id: CallId) -> Self {
        let now = wib.now();
        Self {
            id: wib.id(),
            call_id,
            disposition: None,
            disposition_notes: None,
            campaign_id: None,
            campaign_call_id: None,
            target_id: None,
            is_test: false,
            metadata: Metadata::default(),
            held: false,
            hold_changes: 0,
            conference: None,
            created_at: now,
            updated_at: now,
        }
    }
}

/// The card of a call, for whoever holds the call; whether it is there already.
pub(crate) async fn card_of(wib: &Wib, tx: &mut dyn OrgTx, call: CallId) -> Result<(CallCard, bool)> {
    Ok(match tx.card_of_call(call).await? {
        Some(card) => (card, true),
        None => (CallCard::new(wib, call), false),
    })
}

/// Writes a card back.
pub(crate) async fn put(tx: &mut dyn OrgTx, card: &CallCard, known: bool) -> Result<()> {
    if known { tx.update(card).await } else { tx.insert(card).await }
}

/// The words of the house for what came of a call, with those that stand for another.
const CODES: &[(&str, &str)] = &[
    ("promise_to_pay", "promise_to_pay"),
    ("payment_made", "payment_made"),
    ("callback_requested", "callback_requested"),
    ("no_answer", "no_answer"),
    ("wrong_number", "wrong_number"),
    ("refused_to_pay", "refused_to_pay"),
    ("dispute", "dispute"),
    ("refused", "refused_to_pay"),
    ("left_voicemail", "left_voicemail"),
    ("disputed", "dispute"),
    ("sale", "sale"),
    ("voicemail", "left_voicemail"),
    ("not_interested", "not_interested"),
    ("follow_up", "follow_up"),
    ("other", "other"),
];

/// What came of a call, in a word of the house's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disposition(&'static str);
impl Disposition {
    /// The word of a text, one that stands for another as that.
    ///
    /// # Errors
    /// `Invalid` for any other text.
    pub fn of(text: &str) -> Result<Self> {
        let text = text::required("disposition", text, WORD)?.to_lowercase();
        let known = CODES.iter().find(|(code, _)| *code == text);
        let words = || CODES.iter().map(|(code, _)| *code).collect::<Vec<_>>().join(", ");
        let (_, word) = known.ok_or_else(|| Error::field("disposition", format!("expected one of {}", words())))?;
        Ok(Self(word))
    }
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

/// Says in a word what came of a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SetDisposition {
    /// The word.
    pub disposition: String,
    /// More about it, at most 5000 characters; absent, what was said before stays.
    #[serde(default)]
    pub notes: Option<String>,
}

impl Org {
    /// What is said of a call besides its outcome; `None` while nothing is.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn call_card(&self, id: CallId) -> Result<Option<CallCard>> {
        self.at_least(Role::Viewer)?;
        let mut tx = self.tx().await?;
        call_of(&mut *tx, id).await.map_err(plain)?;
        tx.card_of_call(id).await
    }

    /// Says in a word what came of a call.
    ///
    /// # Errors
    /// `Invalid` for a word that is none of the house's; `NotFound`; `Forbidden` below agent.
    pub async fn set_disposition(&self, id: CallId, command: SetDisposition) -> Result<CallCard> {
        self.at_least(Role::Agent)?;
        let word = Disposition::of(&command.disposition)?;
        let notes = text::optional("disposition_notes", command.notes, 5000)?;
        let mut tx = self.tx().await?;
        held_call(&mut *tx, id).await.map_err(plain)?;
        let (mut card, known) = card_of(&self.wib, &mut *tx, id).await?;
        let before = json!({"disposition": card.disposition});
        card.disposition = Some(word.as_str().to_owned());
        card.disposition_notes = notes.or(card.disposition_notes);
        card.updated_at = self.wib.now();
        put(&mut *tx, &card, known).await?;
        let line = self.audit("call:disposition_set", ("call", Some(id.uuid())));
        line.changed(&before, &json!({"disposition": card.disposition})).write(&mut *tx).await;
        tx.commit().await?;
        Ok(card)
    }
}
