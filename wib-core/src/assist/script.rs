//! Fixed lines that members may say: the house's guide, and an organisation's own.

use serde::{Deserialize, Serialize};

use crate::{
    kit::{Error, Id, OrNotFound, Result, Role, text, time::Timestamp},
    store::{Record, Repo},
    wib::Org,
};

/// The id of a line of a script.
pub type ScriptLineId = Id<ScriptLine>;

/// Most lines of an organisation.
pub(super) const MOST: i64 = 200;

/// A line of the house's guide to a lawful call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct GuideLine {
    /// Its id, `guide:` and a word.
    pub id: &'static str,
    /// What it is for.
    pub label: &'static str,
    /// The line.
    pub text: &'static str,
    /// Whether it must be said.
    pub required: bool,
}

const fn line(id: &'static str, label: &'static str, text: &'static str, required: bool) -> GuideLine {
    GuideLine { id, label, text, required }
}

/// The house's guide. Fixed texts: legal words are never made by a machine.
pub const GUIDE: &[GuideLine] = &[
    // 15 USC 1692b, 1692c(b): the debt is named to nobody else.
    line(
        "guide:right_person",
        "Right person",
        "Make sure that you speak with the right person before you name the debt.",
        true,
    ),
    // 15 USC 1692e(11), 12 CFR 1006.18(e).
    line(
        "guide:mini_miranda",
        "Disclosure",
        "This is an attempt to collect a debt, and any information obtained will be used for that purpose.",
        true,
    ),
    line(
        "guide:recording",
        "Recording",
        "Tell the person that the call is recorded, and end the recording when they do not want it.",
        true,
    ),
    // 15 USC 1692g, 12 CFR 1006.38.
    line(
        "guide:dispute",
        "Dispute",
        "Note what the person disputes, tell them how to dispute it in writing, and do not argue about it.",
        false,
    ),
    // 15 USC 1692c(c), 12 CFR 1006.14(h).
    line(
        "guide:cease",
        "No more calls",
        "Confirm that you note the wish not to be called, and end the call politely.",
        false,
    ),
    // 15 USC 1692c(a)(2), 12 CFR 1006.6(b)(2).
    line(
        "guide:attorney",
        "Attorney",
        "Ask for the attorney's name and address, and speak with the attorney from now on.",
        false,
    ),
    // 12 CFR 1006.6(b)(1), (b)(3).
    line("guide:callback", "Another time", "Ask which time and which number suit the person, and note them.", false),
    line(
        "guide:hardship",
        "Hardship",
        "Listen, note the hardship, and bring the call before somebody who may agree on terms.",
        false,
    ),
    line(
        "guide:promise",
        "Promise",
        "Repeat the amount and the day that the person named, and note the promise.",
        false,
    ),
    // 15 USC 1692d, 1692e(4), (5).
    line("guide:calm", "Calm", "Stay calm, threaten nothing, and offer to bring in a supervisor.", false),
];

/// A fixed line of an organisation's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptLine {
    /// Its id.
    pub id: ScriptLineId,
    /// What it is for.
    pub label: String,
    /// The line.
    pub text: String,
    /// Whether it must be said.
    pub required: bool,
    /// Its place among the lines.
    pub position: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
impl Record for ScriptLine {
    const NAME: &'static str = "script line";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// Makes a fixed line, or changes one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PutScriptLine {
    /// Which one is changed; a new one without it.
    #[serde(default)]
    pub id: Option<ScriptLineId>,
    /// What it is for, at most 200 characters.
    pub label: String,
    /// The line, at most 2000 characters.
    pub text: String,
    /// Whether it must be said.
    #[serde(default)]
    pub required: bool,
    /// Its place among the lines.
    #[serde(default)]
    pub position: i64,
}

impl Org {
    /// The organisation's fixed lines, in order.
    ///
    /// # Errors
    /// `Forbidden` below viewer; when the database does not answer.
    pub async fn script_lines(&self) -> Result<Vec<ScriptLine>> {
        self.at_least(Role::Viewer)?;
        self.tx().await?.script_lines(MOST).await
    }
    /// Makes a fixed line, or changes one.
    ///
    /// # Errors
    /// `Invalid` naming the field; `NotFound`; `Conflict` when there are too many; `Forbidden` below manager.
    pub async fn put_script_line(&self, command: PutScriptLine) -> Result<ScriptLine> {
        self.at_least(Role::Manager)?;
        let now = self.wib.now();
        let label = text::required("label", &command.label, 200)?;
        let words = text::required("text", &command.text, 2000)?;
        let mut tx = self.tx().await?;
        let known = match command.id {
            Some(id) => Some(Repo::<ScriptLine>::find(&mut *tx, id).await?.or_not_found("script line")?),
            None => None,
        };
        let line = ScriptLine {
            id: command.id.unwrap_or_else(|| self.wib.id()),
            label,
            text: words,
            required: command.required,
            position: command.position,
            created_at: known.as_ref().map_or(now, |known| known.created_at),
            updated_at: now,
        };
        let about = ("script_line", Some(line.id.uuid()));
        match &known {
            Some(known) => {
                tx.update(&line).await?;
                self.audit("script:line_updated", about).changed(known, &line).write(&mut *tx).await;
            }
            None => {
                if tx.script_lines(MOST).await?.len() >= usize::try_from(MOST).unwrap_or(usize::MAX) {
                    return Err(Error::conflict(format!("there are {MOST} lines already")));
                }
                tx.insert(&line).await?;
                self.audit("script:line_created", about).is(&line).write(&mut *tx).await;
            }
        }
        tx.commit().await?;
        Ok(line)
    }
    /// Takes a fixed line away. Advice that stands on it keeps its id.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` below manager.
    pub async fn remove_script_line(&self, id: ScriptLineId) -> Result<()> {
        self.at_least(Role::Manager)?;
        let mut tx = self.tx().await?;
        let line: ScriptLine = tx.find(id).await?.or_not_found("script line")?;
        tx.remove_script_line(id).await?;
        self.audit("script:line_removed", ("script_line", Some(id.uuid()))).was(&line).write(&mut *tx).await;
        tx.commit().await
    }
}
