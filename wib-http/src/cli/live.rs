//! The demonstration of a call that is heard and translated while it is spoken: the whole API on a port of this machine,
//! the vendors in the house, and a live transcriber that dies in the middle. Nothing leaves the machine.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::oneshot};
use wib_core::{
    Org, Settings, Wib,
    calls::{Call, CallId},
    engine::Worker,
    evidence::Signer,
    kit::{Clock, Error, Principal, Random, Result, ScaledClock, SeededRandom, SystemClock, Timestamp, time},
    live::{Listen, LiveKind, Speaker, WatchCalls, Watched},
    prelude::StartCall,
    translation::Language,
};
use wib_http::{AppConfig, app, serve};
use wib_providers::{
    sandbox::{self, LiveFault, LiveTrouble, Sandbox, word_errors},
    transport::Network,
};
use wib_storage::{Database, MemoryBlobs, SqlStore};

use super::{
    Failure, Outcome,
    demo::{BOLD, DIM, GREEN, PLAIN, RED, Show, YELLOW},
};

/// Who answers in Spanish to a member who speaks English.
const NUMBER: &str = "+15005550020";
/// Words that the first transcriber hears before it dies.
const DIES_AFTER: usize = 9;
/// How long the call may take at the machine's pace.
const LONGEST: Duration = Duration::from_secs(180);

/// What is needed while the call is up.
struct Floor {
    wib: Wib,
    org: Org,
    sandbox: Sandbox,
    show: Show,
    began: Timestamp,
}

/// Runs the demonstration: so many times as fast as people speak.
pub(super) async fn run(seed: u64, speed: u32, json: bool, show: Show) -> Outcome {
    // June, when it is day: nobody may be called at night.
    let day: Timestamp = "2026-06-01T17:30:00Z".parse().map_err(|_| Error::internal("not an instant"))?;
    let clock: Arc<dyn Clock> = Arc::new(ScaledClock::showing(day, speed));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let at = listener.local_addr()?;
    let floor = wire(seed, clock.clone(), &format!("http://{at}"), show).await?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let (close, closed) = oneshot::channel::<()>();
    let config = AppConfig { leaving: Some(stopped.clone()), ..AppConfig::default() };
    let router = app(floor.wib.clone(), &config);
    let closed = async move {
        let _ = closed.await;
    };
    let served = tokio::spawn(serve::serve(listener, router, Arc::new(SystemClock), closed));
    let (worker, told) = (Worker::new(&floor.wib), stopped.clone());
    let works = tokio::spawn(async move { worker.run(4, told).await });
    let (house, wib) = (floor.sandbox.clone(), floor.wib.clone());
    let vendors = tokio::spawn(async move { house.run(wib, stopped).await });

    let fault = LiveFault { after_words: DIES_AFTER, every: true, what: LiveTrouble::Cut };
    floor.sandbox.live_fault("assemblyai", fault);
    show.line(BOLD, &format!("the API listens on {at}; the vendors are in the house; {speed} times as fast as spoken"));
    show.line(DIM, &format!("assemblyai will die after {DIES_AFTER} words of each side"));
    let report = floor.call(json).await;

    stop.send_replace(true);
    let _ = close.send(());
    let _ = tokio::join!(served, works, vendors);
    if report? { Ok(()) } else { Err(Failure::Silent) }
}

async fn wire(seed: u64, clock: Arc<dyn Clock>, address: &str, show: Show) -> Result<Floor, Failure> {
    let random: Arc<dyn Random> = Arc::new(SeededRandom::new(seed));
    let sandbox = Sandbox::new(clock.clone(), seed, sandbox::Settings { costs: true, ..Default::default() });
    let network = Network::new().map_err(|e| Failure::Say(format!("no network client: {e}")))?;
    sandbox.streams_over(Arc::new(network));
    let mut key = [0u8; 32];
    SeededRandom::new(seed ^ u64::MAX).fill(&mut key);
    let mut settings = Settings::default();
    settings.public_url = Some(address.to_owned());
    settings.business_name = Some("Demonstration Services".to_owned());
    let builder = Wib::builder()
        .store(Arc::new(SqlStore::open(&Database::Memory, clock.clone()).await?))
        .blobs(Arc::new(MemoryBlobs::default()))
        .signer(Signer::from_seed(key))
        .settings(settings);
    let wib = sandbox.plug(builder, &clock, &random)?.build()?;
    let organization = wib.system().create_organization("Demonstration Recovery LLC").await?;
    let org = wib.org(Principal::service(organization.id)).await?;
    Ok(Floor { began: clock.now(), wib, org, sandbox, show })
}

impl Floor {
    fn after(&self, at: Timestamp) -> String {
        let ms = at.as_millisecond() - self.began.as_millisecond();
        format!("{:>4}.{} s", ms / 1_000, ms % 1_000 / 100)
    }

    /// Places the call, and shows what is heard; whether every word was.
    async fn call(&self, json: bool) -> Result<bool> {
        let csv = format!("Name;Balance;Phone;Address\nAlma Reyes;$420.50;{NUMBER};\"412 W Grand Ave, Chicago, IL\"\n");
        let account = self.org.import_accounts(csv.as_bytes()).await?.accounts.remove(0).0;
        let mut watch = self.org.watch(WatchCalls::default()).await?;
        let listen =
            Listen { customer: Some(Language::Es), agent: Some(Language::En), translate: true, ..Listen::default() };
        let command = StartCall { account_id: Some(account.id), listen: Some(listen), ..StartCall::default() };
        let call = self.org.start_call(command).await?;
        let mut status = call.status;
        let machine = SystemClock;
        let until = time::after(machine.now(), LONGEST);
        loop {
            let left = Duration::try_from(until.duration_since(machine.now())).unwrap_or_default();
            let Some(next) = time::timeout(&machine, left, watch.next()).await else { break };
            let Watched::Event(event) = next? else { continue };
            match event.kind {
                LiveKind::Call => {
                    let now = self.org.call(call.id).await?;
                    if now.status != status {
                        status = now.status;
                        self.show.line(DIM, &format!("{}  {status}", self.after(self.wib.clock().now())));
                    }
                }
                LiveKind::Line => {
                    let line = self.org.line(event.subject_id.into()).await?;
                    let text = format!("{}  {:<8} {}", self.after(line.ended_at), line.speaker, line.text);
                    self.show.line(PLAIN, &format!("{text}  ({})", line.vendor));
                }
                LiveKind::LineTranslation => {
                    let one = self.org.line_translation(event.subject_id.into()).await?;
                    let text = format!("          {:<8} {}", format!("-> {}", one.target_language), one.text);
                    self.show.line(GREEN, &text);
                }
                LiveKind::Gap => self.show.line(YELLOW, "          nobody hears what is said"),
                LiveKind::Recording => break,
                _ => {}
            }
        }
        self.report(&call, json).await
    }

    /// What was heard beside what was said.
    async fn report(&self, call: &Call, json: bool) -> Result<bool> {
        let switches = self.switches(call.id).await?;
        for (speaker, from, to, why) in &switches {
            self.show.line(YELLOW, &format!("the {speaker}: {from} failed ({why}), {to} went on"));
        }
        let (lines, translations) =
            (self.org.lines(call.id, -1).await?, self.org.line_translations(call.id, -1).await?);
        let gaps = self.org.gaps(call.id).await?;
        let since = lines.iter().map(|line| line.started_at).min().unwrap_or(self.began);
        let plain = |word: &str| word.trim_matches(|c: char| ".,?!¿¡".contains(c)).to_lowercase();
        let mut sides = BTreeMap::new();
        for speaker in [Speaker::Customer, Speaker::Agent] {
            let said = self.sandbox.words(NUMBER).into_iter();
            let said = said.filter(|word| word.speaker == speaker.as_str() && word.end > since);
            let said: Vec<_> = said.map(|word| plain(&word.text)).collect();
            let mut own: Vec<_> = lines.iter().filter(|line| line.speaker == speaker).collect();
            own.sort_by_key(|line| line.started_at);
            let heard: Vec<_> = own.iter().flat_map(|line| line.text.split_whitespace().map(plain)).collect();
            let [one, other] = [&said, &heard].map(|words| words.iter().map(String::as_str).collect::<Vec<_>>());
            sides.insert(speaker.as_str(), (said.len(), heard.len(), word_errors(&one, &other)));
        }
        let whole = sides.values().all(|(said, _, errors)| *said > 0 && *errors == 0);
        let turned = translations.iter().filter(|one| one.confidence_ppm > 0).count();
        for (speaker, (said, heard, errors)) in &sides {
            let colour = if *errors == 0 { GREEN } else { RED };
            self.show.line(colour, &format!("{speaker}: {said} words said, {heard} heard, {errors} wrong or lost"));
        }
        self.show.line(PLAIN, &format!("{turned} of {} lines translated, {} gaps", lines.len(), gaps.len()));
        let holds = whole && !switches.is_empty() && turned == lines.len() && gaps.is_empty();
        if json {
            let document = serde_json::json!({
                "holds": holds, "lines": lines, "translations": translations, "gaps": gaps,
                "sides": sides.iter().map(|(side, (said, heard, errors))| {
                    serde_json::json!({"speaker": side, "said": said, "heard": heard, "errors": errors})
                }).collect::<Vec<_>>(),
                "switches": switches.iter().map(|(speaker, from, to, why)| {
                    serde_json::json!({"speaker": speaker, "from": from, "to": to, "why": why})
                }).collect::<Vec<_>>(),
            });
            println!("{document:#}");
        }
        Ok(holds)
    }

    async fn switches(&self, call: CallId) -> Result<Vec<(String, String, String, String)>> {
        let timeline = self.org.timeline(call).await?;
        let switched = timeline.iter().filter(|event| event.event_type == "call.live.switched");
        let text =
            |event: &wib_core::calls::CallEvent, name: &str| event.event_data[name].as_str().unwrap_or("-").to_owned();
        Ok(switched.map(|e| (text(e, "speaker"), text(e, "from"), text(e, "to"), text(e, "reason"))).collect())
    }
}
