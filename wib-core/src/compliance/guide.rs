//! What somebody who calls must heed, read off the rules in force.

use serde::Serialize;
use serde_json::json;

use super::{ActKind, Rule, RuleId};
use crate::{
    kit::{Result, Role, time},
    text_enum,
    wib::Org,
};

text_enum! {
    /// When something is to be heeded.
    pub enum GuidePhase {
        /// Before the call.
        PreCall = "pre_call",
        /// In it.
        InCall = "in_call",
        /// After it.
        PostCall = "post_call",
    }
}

/// How the guide is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GuideMode {
    /// `coach` or `compliance`.
    pub id: &'static str,
    /// What it does.
    pub description: &'static str,
}

/// A rule in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GuideRule {
    /// Its name, as verdicts tell it.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub id: RuleId,
    /// What it says.
    pub title: String,
    /// Where it is written.
    pub citation: String,
    /// Where it is law.
    pub jurisdiction: String,
}

/// Something to be heeded, and the rule that it follows from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GuideItem {
    /// When.
    pub phase: GuidePhase,
    /// What.
    pub item: String,
    /// The rule's name.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub rule: RuleId,
}

/// What somebody who calls must heed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Guide {
    /// The version of the rules.
    pub pack: String,
    /// How the guide is used.
    pub modes: Vec<GuideMode>,
    /// The rules in force today, for whoever collects as the organisation does.
    pub rules: Vec<GuideRule>,
    /// What is to be heeded of those that are law everywhere, by when.
    pub checklist: Vec<GuideItem>,
}

const MODES: [GuideMode; 2] = [
    GuideMode { id: "coach", description: "Advises the member while the call goes on. It stops nothing." },
    GuideMode {
        id: "compliance",
        description: "Judges each step before it is taken, and stops what the law does not permit.",
    },
];

/// When a rule is to be heeded, by the first act that it binds.
fn phase(rule: &Rule) -> Option<GuidePhase> {
    rule.acts.iter().find_map(|act| match act {
        ActKind::Dial => Some(GuidePhase::PreCall),
        ActKind::Record | ActKind::Converse | ActKind::Voicemail | ActKind::Pay => Some(GuidePhase::InCall),
        ActKind::Purge => Some(GuidePhase::PostCall),
        _ => None,
    })
}

impl Org {
    /// What somebody who calls for the organisation must heed, read off the rules in force.
    ///
    /// # Errors
    /// `Forbidden` below viewer; when the database does not answer.
    pub async fn compliance_guide(&self) -> Result<Guide> {
        self.at_least(Role::Viewer)?;
        let (pack, today) = (self.wib.rules(), time::day_of(self.wib.now()));
        let role = self.organization().collector_role;
        let ours = |rule: &&Rule| rule.effective(today) && (rule.roles.is_empty() || rule.roles.contains(&role));
        let rules: Vec<_> = pack.rules.iter().filter(ours).collect();
        let item = |rule: &&Rule| {
            let everywhere = rule.jurisdiction == "US" && rule.exempts.is_empty();
            let phase = phase(rule).filter(|_| everywhere)?;
            Some(GuideItem { phase, item: rule.title.clone(), rule: rule.id.clone() })
        };
        let mut checklist: Vec<_> = rules.iter().filter_map(item).collect();
        // In the order of a call; within it, of the rules.
        checklist.sort_by_key(|item| item.phase);
        let row = |rule: &&Rule| GuideRule {
            id: rule.id.clone(),
            title: rule.title.clone(),
            citation: rule.citation.clone(),
            jurisdiction: rule.jurisdiction.clone(),
        };
        let guide = Guide {
            pack: pack.version.clone(),
            modes: MODES.to_vec(),
            rules: rules.iter().map(row).collect(),
            checklist,
        };
        let mut tx = self.tx().await?;
        let told = json!({"pack": guide.pack, "rules": guide.rules.len()});
        self.audit("compliance:guide_viewed", ("rule_pack", None)).with(told).write(&mut *tx).await;
        tx.commit().await?;
        Ok(guide)
    }
}
