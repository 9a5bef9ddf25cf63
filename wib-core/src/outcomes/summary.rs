//! Summaries that a model writes when somebody asks for one; a person is to look at them.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::held_call;
use crate::{
    analysis::{self, FindingKind, Insight, Sentiment},
    auth::UserId,
    calls::CallId,
    json_column,
    kit::{Error, Id, Kind, Result, Role, text, time::Timestamp},
    store::{OrgTx, Record},
    text_enum, usage,
    wib::Org,
};

/// Fewer characters give nothing to summarise.
const LEAST: usize = 20;
/// Longest transcript that is given by hand, in characters.
const LONGEST: usize = 100_000;
/// Lines heard live that are read of a call.
const LINES: i64 = 5000;

text_enum! {
    /// What a person said of a summary.
    pub enum ReviewStatus {
        /// Nothing yet.
        Pending = "pending",
        /// That it holds.
        Approved = "approved",
        /// That it does not.
        Rejected = "rejected",
    }
}

/// What was found besides the summary. Every agreement and concern is a quote that stands in the transcript.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SummaryContent {
    /// What was talked about, in words of the house.
    pub topics_discussed: Vec<String>,
    /// Where the person agreed to something, in their words.
    pub potential_agreements: Vec<String>,
    /// What a person should look at, in the words of the call.
    pub potential_concerns: Vec<String>,
    /// What is to be done.
    pub recommended_followup: Vec<String>,
}
json_column!(SummaryContent);

/// A summary of a call that a model wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AiSummary {
    /// Its id.
    pub id: Id<AiSummary>,
    /// Of which call.
    pub call_id: CallId,
    /// The words.
    pub summary_text: String,
    /// What was found besides.
    pub content: SummaryContent,
    /// How the person felt.
    pub sentiment: Sentiment,
    /// What a person said of it.
    pub review_status: ReviewStatus,
    /// Which vendor.
    pub vendor: String,
    /// Which model.
    pub model: String,
    /// False when a sandbox wrote it.
    pub live: bool,
    /// Who asked for it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
}
impl Record for AiSummary {
    const NAME: &'static str = "summary";
    fn id(&self) -> Id<Self> {
        self.id
    }
}

/// Asks for a summary of a call.
#[derive(Clone, Debug)]
pub struct SummariseCall {
    /// Whether the call's own words are read, where none are given.
    pub use_call_transcript: bool,
    /// Whether agreements, concerns and what is to be done are wanted besides.
    pub extract: bool,
    /// What to read instead.
    pub custom_transcript: Option<String>,
}
impl Default for SummariseCall {
    fn default() -> Self {
        Self { use_call_transcript: true, extract: true, custom_transcript: None }
    }
}

/// The words of a call: its newest transcript, else what was heard live.
async fn words(tx: &mut dyn OrgTx, id: CallId) -> Result<String> {
    let transcripts = tx.transcripts_of_call(id).await?;
    if let Some(newest) = transcripts.into_iter().max_by_key(|t| (t.version, t.created_at, t.id)) {
        return Ok(newest.text());
    }
    let lines = tx.lines_after(id, -1, LINES).await?;
    Ok(lines.iter().map(|line| format!("{}: {}\n", line.speaker, line.text)).collect())
}

fn found(insight: &Insight) -> SummaryContent {
    let quotes = |kinds: &[FindingKind]| {
        let of = insight.findings.iter().filter(|finding| kinds.contains(&finding.kind));
        of.map(|finding| finding.quote.clone()).collect::<Vec<_>>()
    };
    let mut topics: Vec<_> = insight.findings.iter().map(|finding| finding.kind.to_string()).collect();
    topics.sort();
    topics.dedup();
    let advice = [
        (FindingKind::Promise, "Note the promise, and see to it that it is kept."),
        (FindingKind::Dispute, "Note what is disputed, and send what verifies the debt."),
        (FindingKind::Cease, "Note the wish not to be called, and end the calls."),
        (FindingKind::Callback, "Get in touch again, as was said on the call."),
        (FindingKind::Compliance, "Have a compliance officer hear the call."),
    ];
    let heard = |kind: &FindingKind| insight.findings.iter().any(|finding| finding.kind == *kind);
    SummaryContent {
        topics_discussed: topics,
        potential_agreements: quotes(&[FindingKind::Promise]),
        potential_concerns: quotes(&[FindingKind::Dispute, FindingKind::Cease, FindingKind::Compliance]),
        recommended_followup: advice.iter().filter(|(k, _)| heard(k)).map(|(_, text)| (*text).to_owned()).collect(),
    }
}

/// What the models' failure is to who asked.
fn failed(error: Error) -> Error {
    match error.kind() {
        Kind::QuotaExceeded | Kind::RateLimited { .. } => error,
        Kind::Unavailable | Kind::Timeout => {
            Error::new(Kind::Unavailable, "AI_UNAVAILABLE", "no model answers now").because(error)
        }
        _ => Error::new(Kind::Vendor, "AI_ERROR", "no model gave a summary").because(error),
    }
}

impl Org {
    /// Has a model summarise a call, within the organisation's budget; private data is taken out before. The summary waits
    /// for a person who looks at it.
    ///
    /// # Errors
    /// `NotFound` with the code `CALL_NOT_FOUND`; `Invalid` with the code `NO_TRANSCRIPT` when there is nothing to read;
    /// `QuotaExceeded`; `Vendor` with the codes `AI_ERROR` and `AI_EMPTY`, `Unavailable` when no model answers; `Forbidden`
    /// below agent.
    pub async fn summarise_call(&self, id: CallId, command: SummariseCall) -> Result<AiSummary> {
        self.at_least(Role::Agent)?;
        let custom = text::optional("custom_transcript", command.custom_transcript, LONGEST)?;
        let mut tx = self.tx().await?;
        held_call(&mut *tx, id).await?;
        let read = match custom {
            Some(custom) => custom,
            None if command.use_call_transcript => words(&mut *tx, id).await?,
            None => String::new(),
        };
        drop(tx);
        if read.trim().chars().count() < LEAST {
            return Err(Error::invalid("there is no transcript that is worth a summary").code("NO_TRANSCRIPT"));
        }
        let (insight, completion) = analysis::read(&self.wib, self.id(), id, &read).await.map_err(failed)?;
        if insight.summary.trim().is_empty() {
            return Err(Error::new(Kind::Vendor, "AI_EMPTY", "the model wrote nothing"));
        }
        let summary = AiSummary {
            id: self.wib.id(),
            call_id: id,
            content: if command.extract { found(&insight) } else { SummaryContent::default() },
            summary_text: insight.summary,
            sentiment: insight.sentiment.unwrap_or(Sentiment::Neutral),
            review_status: ReviewStatus::Pending,
            vendor: completion.vendor.clone(),
            model: completion.model.clone(),
            live: completion.live,
            created_by: self.actor().user(),
            created_at: self.wib.now(),
        };
        let mut tx = self.tx().await?;
        // A person who was erased meanwhile is not written about.
        held_call(&mut *tx, id).await?;
        tx.insert(&summary).await?;
        for usage in usage::of_completion(&self.wib, id, &format!("summary:{}", summary.id), &completion) {
            tx.note_usage(&usage).await?;
        }
        let told = json!({"summary_id": summary.id, "vendor": summary.vendor, "model": summary.model});
        self.audit("call:ai_summary_generated", ("call", Some(id.uuid()))).with(told).write(&mut *tx).await;
        tx.commit().await?;
        Ok(summary)
    }
}
