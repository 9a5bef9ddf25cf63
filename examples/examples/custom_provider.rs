//! A model of one's own behind the `Llm` port. `cargo run -p examples --example custom_provider`

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use wib_core::{
    kit::{Clock, Random, SeededRandom, VirtualClock, time},
    ports::{
        Llm, VendorError,
        llm::{Completion, Prompt},
    },
    prelude::*,
};
use wib_providers::sandbox::{self, Sandbox};
use wib_storage::{Database, MemoryBlobs, SqlStore};

/// Answers the same to everything. The text it is given is redacted, neutralised and fenced already.
#[derive(Debug)]
struct Taciturn;

#[async_trait]
impl Llm for Taciturn {
    fn vendor(&self) -> &'static str {
        "taciturn"
    }
    fn live(&self) -> bool {
        false
    }
    async fn complete(&self, prompt: &Prompt) -> Result<Completion, VendorError> {
        let words: usize = prompt.guarded().map(|data| data.text().split_whitespace().count()).sum();
        let words = i64::try_from(words).unwrap_or(i64::MAX);
        Ok(Completion {
            vendor: self.vendor().to_owned(),
            model: "taciturn-1".to_owned(),
            text: format!(r#"{{"summary":"They talked; {words} words.","sentiment":"neutral","findings":[]}}"#),
            input_tokens: words,
            output_tokens: 12,
            cost_micros: Some(0),
            live: self.live(),
            ..Completion::default()
        })
    }
}

const ACCOUNTS: &str =
    "name,balance,phone,address\nBooker Lane,$80.00,+15005550001,\"88 Hanson Pl, Brooklyn, NY 11217\"\n";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let clock = Arc::new(VirtualClock::new("2026-06-03T17:30:00Z".parse().expect("an instant")));
    let ticking: Arc<dyn Clock> = clock.clone();
    let random: Arc<dyn Random> = Arc::new(SeededRandom::new(2));
    let sandbox = Sandbox::new(ticking.clone(), 2, sandbox::Settings::default());
    let builder = Wib::builder()
        .store(Arc::new(SqlStore::open(&Database::Memory, ticking.clone()).await?))
        .blobs(Arc::new(MemoryBlobs::default()))
        .signer(Signer::from_seed([7; 32]));
    // Everything from the sandbox, then our own model in place of its chain.
    let wib = sandbox.plug(builder, &ticking, &random)?.llm(Arc::new(Taciturn)).build()?;

    let organization = wib.system().create_organization("Own Model LLC").await?;
    let org = wib.org(Principal::service(organization.id)).await?;
    let (account, _) = org.import_accounts(ACCOUNTS.as_bytes()).await?.accounts.remove(0);
    let call = org.start_call(StartCall { account_id: Some(account.id), ..StartCall::default() }).await?;
    let deadline = time::after(clock.now(), Duration::from_secs(600));
    sandbox.play(&wib, &clock, deadline, async || Ok(org.evidence(call.id).await.is_ok())).await?;

    let export = org.export_call(call.id).await?;
    let analysis = export.analyses.first().expect("the model was asked");
    assert_eq!(analysis.vendor, "taciturn");
    println!("{}: {}", analysis.model, analysis.insight.summary);
    Ok(())
}
