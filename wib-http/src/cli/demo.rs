//! The main job in one command: accounts are read, judged and dialled on the sandbox; what was said is transcribed,
//! analysed and sealed; the evidence file is left here and verified. The clock is virtual: minutes pass in moments.
//!
//! Clock start, ids, chance and the signing key come from the seed, and one task does everything: the same seed gives
//! the same bytes.

use std::{
    fmt::Write as _,
    io::{IsTerminal, Write as _},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use clap::Args;
use serde_json::{Value, json};
use wib_core::{
    Org, Settings, Wib,
    calls::{Call, CallExport, CallId, CallStatus, VerifyParty},
    compliance::{DutyKind, Holder},
    evidence::{Signer, verify},
    kit::{Clock, Error, Kind, Principal, Random, Result, SeededRandom, Timestamp, VirtualClock, time},
    prelude::StartCall,
};
use wib_providers::sandbox::{self, Sandbox};
use wib_storage::{Database, MemoryBlobs, SqlStore};

use super::{Failure, Outcome, evidence::told, read};

/// Accounts when none are given. Creditors' columns have many names: these are some.
const ACCOUNTS: &str = include_str!("demo-accounts.csv");
/// Calls that are up at once.
const AT_ONCE: usize = 10;
/// Longer than any call of the sandbox with everything behind it.
const LONGEST: Duration = Duration::from_secs(2 * 3600);

#[derive(Args)]
pub(crate) struct Demo {
    /// A creditor's CSV: columns in any order and wording
    #[arg(long)]
    accounts: Option<PathBuf>,
    /// Most accounts to call
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Who answers how; the same seed gives the same bytes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One call that is heard and translated while it is spoken; a transcriber dies in the middle
    #[arg(long, conflicts_with_all = ["accounts", "limit", "out"])]
    live: bool,
    /// How many times as fast as people speak, with --live
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=20))]
    speed: u32,
    /// One JSON document instead of lines
    #[arg(long)]
    json: bool,
    /// Where the evidence file goes; the current folder by default
    #[arg(long, default_value = ".")]
    out: PathBuf,
}

/// A demonstration that is under way.
struct Stage {
    wib: Wib,
    org: Org,
    clock: Arc<VirtualClock>,
    sandbox: Sandbox,
    show: Show,
}

/// What the member has done on a call.
#[derive(Clone, Copy, Default)]
struct Member {
    refused: bool,
    verified: bool,
    masked: bool,
    unmasked: bool,
}

/// Where lines go: a person, with colour on a terminal, or nobody when a machine reads.
#[derive(Clone, Copy)]
pub(super) struct Show {
    quiet: bool,
    colour: bool,
}
impl Show {
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet, colour: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }
    pub(super) fn line(self, colour: u8, text: &str) {
        if self.quiet {
            return;
        }
        let mut out = std::io::stdout().lock();
        // A pipe that was closed is no reason to fail.
        let _ = if self.colour { writeln!(out, "\x1b[{colour}m{text}\x1b[0m") } else { writeln!(out, "{text}") };
    }
}
pub(super) const PLAIN: u8 = 0;
pub(super) const BOLD: u8 = 1;
pub(super) const DIM: u8 = 2;
pub(super) const RED: u8 = 31;
pub(super) const GREEN: u8 = 32;
pub(super) const YELLOW: u8 = 33;

/// The virtual day: a working day of June 2026 at about 17:30 UTC, when it is day from New York to Los Angeles and early
/// morning in Honolulu.
fn start(seed: u64) -> Result<Timestamp> {
    let monday: Timestamp = "2026-06-01T17:30:00Z".parse().map_err(|_| Error::internal("not an instant"))?;
    Ok(time::after(monday, Duration::from_secs((seed % 5) * 24 * 3600 + (seed / 5) % 600)))
}

impl Demo {
    pub(crate) async fn run(self) -> Outcome {
        if self.live {
            return super::live::run(self.seed, self.speed, self.json, Show::new(self.json)).await;
        }
        let csv = match &self.accounts {
            Some(path) => read(path)?,
            None => ACCOUNTS.as_bytes().to_vec(),
        };
        let stage = self.stage().await?;
        let report = stage.org.import_accounts(&csv).await?;
        stage.show.line(BOLD, &format!("{} accounts read, on virtual {}", report.accounts.len(), stage.clock.now()));
        for fault in &report.file.faults {
            stage.show.line(YELLOW, &format!("  line {}: {}: {}", fault.row, fault.field, fault.message));
        }
        let mut outcomes = Vec::new();
        let accounts = &report.accounts[..report.accounts.len().min(self.limit)];
        for (round, some) in accounts.chunks(AT_ONCE).enumerate() {
            let mut up = Vec::new();
            for (n, (account, _)) in some.iter().enumerate() {
                let label = account.external_id.clone().unwrap_or_else(|| format!("#{}", round * AT_ONCE + n + 1));
                let command = StartCall { account_id: Some(account.id), ..StartCall::default() };
                match stage.org.start_call(command).await {
                    Ok(call) => {
                        stage.show.line(GREEN, &format!("  {label:<10} lawful: dialling {}", call.to_number.masked()));
                        up.push((label, call));
                    }
                    Err(error) if error.kind() == Kind::Blocked => outcomes.push(stage.blocked(&label, &error)),
                    Err(error) => return Err(error.into()),
                }
            }
            stage.play(&up).await?;
            for (label, call) in up {
                outcomes.push(stage.told(&label, call.id).await?);
            }
        }
        if report.accounts.len() > accounts.len() {
            let left = report.accounts.len() - accounts.len();
            stage.show.line(DIM, &format!("{left} more accounts were not called (--limit)"));
        }
        let sealed = self.keep(&stage, &outcomes).await?;
        if self.json {
            let document = json!({
                "seed": self.seed, "live": false, "started_at": start(self.seed)?, "ended_at": stage.clock.now(),
                "import": {"summary": report.file.summary, "mapping": report.file.mapping, "faults": report.file.faults},
                "calls": outcomes, "evidence": sealed.1,
            });
            println!("{document:#}");
        }
        if sealed.0 { Ok(()) } else { Err(Failure::Silent) }
    }

    async fn stage(&self) -> Result<Stage> {
        let clock = Arc::new(VirtualClock::new(start(self.seed)?));
        let ticking: Arc<dyn Clock> = clock.clone();
        let random: Arc<dyn Random> = Arc::new(SeededRandom::new(self.seed));
        let mut key = [0u8; 32];
        SeededRandom::new(self.seed ^ u64::MAX).fill(&mut key);
        let sandbox = Sandbox::new(ticking.clone(), self.seed, sandbox::Settings { costs: true, ..Default::default() });
        let mut settings = Settings::default();
        settings.public_url = Some("http://sandbox.wib".to_owned());
        settings.business_name = Some("Demonstration Services".to_owned());
        let builder = Wib::builder()
            .store(Arc::new(SqlStore::open(&Database::Memory, ticking.clone()).await?))
            .blobs(Arc::new(MemoryBlobs::default()))
            .signer(Signer::from_seed(key))
            .settings(settings);
        let wib = sandbox.plug(builder, &ticking, &random)?.build()?;
        let organization = wib.system().create_organization("Demonstration Recovery LLC").await?;
        let org = wib.org(Principal::service(organization.id)).await?;
        Ok(Stage { wib, org, clock, sandbox, show: Show::new(self.json) })
    }

    /// Leaves the evidence of the first call that was talked on, or of the first one at all, and verifies it.
    async fn keep(&self, stage: &Stage, outcomes: &[Value]) -> Result<(bool, Value), Failure> {
        let sealed = |o: &&Value| !o["evidence"].is_null();
        let chosen =
            outcomes.iter().filter(sealed).find(|o| o["transcripts"].as_array().is_some_and(|t| !t.is_empty()));
        let Some(chosen) = chosen.or_else(|| outcomes.iter().find(sealed)) else {
            stage.show.line(YELLOW, "no call was placed: there is nothing to seal");
            return Ok((true, Value::Null));
        };
        let id: CallId = chosen["call"]["id"].as_str().unwrap_or_default().parse()?;
        let bytes = stage.org.evidence(id).await?.to_bytes()?;
        let name = format!("evidence-{id}.json");
        let path = self.out.join(&name);
        std::fs::write(&path, &bytes).map_err(|e| Failure::Say(format!("{}: {e}", path.display())))?;
        let key = stage.wib.evidence_public_key();
        let kept = read(&path)?;
        let found = verify(&kept, Some(&key))?;
        let chain = stage.org.verify_chain().await?;
        stage.show.line(BOLD, &format!("\nevidence  {}", path.display()));
        stage.show.line(if found.holds() { GREEN } else { RED }, &told(&found));
        let broken = if chain.faults.is_empty() { "whole" } else { "BROKEN" };
        stage.show.line(PLAIN, &format!("chain    {} links, {broken}", chain.links));
        stage.show.line(DIM, &format!("check it yourself: wib evidence verify {} --key {key}", path.display()));
        let holds = found.holds() && chain.faults.is_empty();
        Ok((holds, json!({"file": name, "public_key": key, "holds": found.holds(), "chain": chain})))
    }
}

impl Stage {
    fn blocked(&self, label: &str, error: &Error) -> Value {
        let details = error.details();
        let next = details.get("not_before").and_then(Value::as_str);
        self.show.line(RED, &format!("  {label:<10} blocked by {}", details["blocked_by"].as_str().unwrap_or("law")));
        for reason in details.get("reasons").and_then(Value::as_array).into_iter().flatten() {
            let text = |key: &str| reason[key].as_str().unwrap_or_default().to_owned();
            self.show.line(PLAIN, &format!("             {} ({})", text("explanation"), text("citation")));
        }
        self.show.line(PLAIN, &format!("             next lawful time: {}", next.unwrap_or("none: a person decides")));
        json!({"account": label, "blocked": details})
    }

    /// Lets time pass until every call is sealed, showing what happens.
    async fn play(&self, up: &[(String, Call)]) -> Result<()> {
        let mut seen: Vec<(CallStatus, bool)> = vec![(CallStatus::Pending, false); up.len()];
        let mut members = vec![Member::default(); up.len()];
        let began = self.clock.now();
        let deadline = time::after(began, LONGEST);
        let clock = self.clock.clone();
        self.sandbox
            .play(&self.wib, &clock, deadline, async || {
                for (((label, call), known), member) in up.iter().zip(&mut seen).zip(&mut members) {
                    let now = self.org.call(call.id).await?;
                    if now.facts.person_listens() {
                        self.act(label, &now, member).await?;
                    }
                    let after = self.clock.now().as_second() - began.as_second();
                    if now.status != known.0 {
                        known.0 = now.status;
                        let by = now.answered_by.map(|who| format!(" ({who})")).unwrap_or_default();
                        self.show.line(DIM, &format!("  {after:>4} s  {label:<10} {}{by}", now.status));
                    }
                    if now.status.terminal() && !known.1 {
                        known.1 = self.org.timeline(call.id).await?.iter().any(|e| e.event_type == "call.sealed");
                        if known.1 {
                            self.show.line(DIM, &format!("  {after:>4} s  {label:<10} sealed"));
                        }
                    }
                }
                Ok(seen.iter().all(|known| known.1))
            })
            .await
    }

    /// Plays the member on a call: finds out who speaks, has owed disclosures spoken, and masks a card's number.
    async fn act(&self, label: &str, call: &Call, member: &mut Member) -> Result<()> {
        let said = self.sandbox.said(call.to_number.as_str());
        let heard = |who: &str, words: &str| said.iter().any(|(speaker, text)| *speaker == who && text.contains(words));
        if heard("customer", "do not want to be recorded") && !member.refused {
            member.refused = true;
            self.org.refuse_recording(call.id).await?;
            self.show.line(YELLOW, &format!("          {label:<10} refuses to be recorded: recording ends"));
        }
        if !member.verified && said.iter().filter(|(speaker, _)| *speaker == "customer").count() > 0 {
            let third = heard("customer", "does not live here");
            let hello = heard("customer", "Hello?") && !third;
            if hello {
                return Ok(());
            }
            member.verified = true;
            let holder = if third { Holder::ThirdParty } else { Holder::Consumer };
            let now = self.org.verify_party(call.id, VerifyParty { holder, ..VerifyParty::default() }).await?;
            let owed = now.owed.iter().map(|d| d.as_str()).collect::<Vec<_>>().join(", ");
            let word = match (third, now.blocked_by.as_deref()) {
                (true, _) => "somebody else: no word of a debt".to_owned(),
                (false, _) if !owed.is_empty() => format!("the consumer; owed first: {owed}"),
                (false, rule) => format!("the consumer; {}", rule.unwrap_or("the debt may be named")),
            };
            self.show.line(DIM, &format!("          {label:<10} speaks: {word}"));
            for duty in now.owed {
                if matches!(duty, DutyKind::MiniMiranda | DutyKind::CollectorNotice) {
                    self.org.speak_disclosure(call.id, duty).await?;
                }
            }
        }
        if heard("agent", "ready for your card number") && !member.masked {
            member.masked = true;
            self.org.begin_payment(call.id).await?;
            self.show.line(DIM, &format!("          {label:<10} gives a card: masked"));
        }
        if member.masked && !member.unmasked && heard("agent", "Thank you.") {
            member.unmasked = true;
            self.org.end_payment(call.id).await?;
        }
        Ok(())
    }

    /// What became of a call: shown, and as JSON.
    async fn told(&self, label: &str, id: CallId) -> Result<Value> {
        let export = self.org.export_call(id).await?;
        let call = &export.call;
        self.show.line(BOLD, &format!("\n{label}  {}", call.status));
        let talk = call.duration_ms().map_or_else(|| "no talk".to_owned(), |ms| format!("{} s", ms / 1000));
        let cause = call.hangup_cause.map_or("-", |c| c.as_str());
        self.show.line(PLAIN, &format!("  {talk}, ended: {cause}, cost: {}", cost(&export)));
        if let Some(consent) = call.facts.recording_consent() {
            let done = call.facts.done().into_iter().map(|d| d.as_str()).collect::<Vec<_>>().join(", ");
            self.show.line(DIM, &format!("  recording consent: {consent}; done: {done}"));
        }
        for transcript in &export.transcripts {
            for u in &transcript.utterances.0 {
                let second = u.start_ms / 1000;
                self.show.line(PLAIN, &format!("  {:>3}:{:02} {:<9} {}", second / 60, second % 60, u.speaker, u.text));
            }
        }
        for analysis in &export.analyses {
            let mood = analysis.insight.sentiment.map(|mood| format!(" ({mood})")).unwrap_or_default();
            self.show.line(GREEN, &format!("  summary   {}{mood}", analysis.insight.summary));
            for finding in &analysis.insight.findings {
                let mut line = format!("  {:<9} {:?}", finding.kind.as_str(), finding.quote);
                if let Some(amount) = finding.amount {
                    let _ = write!(line, " {amount}");
                }
                if let Some(when) = &finding.when {
                    let _ = write!(line, " {when}");
                }
                self.show.line(GREEN, &line);
            }
            if !analysis.insight.suspicious.is_empty() {
                let families = analysis.insight.suspicious.join(", ");
                self.show.line(YELLOW, &format!("  the words tried to instruct the model ({families}): neutralised"));
            }
        }
        let mut document =
            serde_json::to_value(&export).map_err(|e| Error::internal("an export has no JSON form").because(e))?;
        document["account"] = label.into();
        Ok(document)
    }
}

/// What a call cost, as far as prices are known.
fn cost(export: &CallExport) -> String {
    let known: i64 = export.usage.iter().filter_map(|u| u.cost_micros).sum();
    let unknown = export.usage.iter().filter(|u| u.cost_micros.is_none()).map(|u| u.kind.as_str()).collect::<Vec<_>>();
    let mut text = format!("${}.{:06}", known / 1_000_000, known % 1_000_000);
    if !unknown.is_empty() {
        let _ = write!(text, " and {} at an unknown price", unknown.join(", "));
    }
    text
}
