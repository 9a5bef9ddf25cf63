//! The promise about money: a job that is killed while it charges people charges each of them once, and books it once.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use wib_core::{
    Org, Wib,
    evidence::Signer,
    imports::AccountStatus,
    kit::{Clock, ExposeSecret, OsRandom, Principal, Random, SeededRandom, SystemClock},
    payments::{AuthorizationForm, AuthorizePayments, CreatePlan, ListPayments, ListScheduled, PayBy, ScheduledStatus},
    store::{Repo, Store},
};
use wib_providers::sandbox::{self, Sandbox};
use wib_storage::{
    Database, MemoryBlobs, SqlStore,
    testing::{PgStore, postgres_store, raw},
};

use crate::processes::{Running, binary, free_port, nap};

/// People who wait to be charged whenever a job is begun: as many as it takes in a run, so that a kill finds it at work.
const WAITING: usize = 50;
/// Customers at the vendor, who share the people.
const CUSTOMERS: usize = 6;
/// How often the job is killed.
const KILLS: u32 = 24;
/// How often it may run once it is left alone: each run takes fifty.
const ALONE: u32 = 8;

/// The database that both the test and the jobs work on.
enum Place {
    Lite(SqlStore, PathBuf),
    Pg(Arc<PgStore>),
}
impl Place {
    /// Two hours pass for what was claimed: somebody may look what became of it.
    async fn two_hours_pass(&self) {
        let claimed = "UPDATE scheduled_payments SET claimed_at = claimed_at";
        match self {
            Self::Lite(store, _) => raw(store, &format!("{claimed} - 7200000000 WHERE status = 'processing'")).await,
            Self::Pg(store) => store.raw(&format!("{claimed} - interval '2 hours' WHERE status = 'processing'")).await,
        }
        .unwrap();
    }
    fn set(&self, command: &mut Command) {
        match self {
            Self::Lite(_, path) => _ = command.env("DATABASE_URL", format!("sqlite:{}", path.display())),
            Self::Pg(store) => {
                let urls = store.urls();
                command.env("DATABASE_URL", urls.app.expose_secret());
                command.env("WIB_DB_OWNER_URL", urls.owner.as_ref().unwrap().expose_secret());
                command.env("WIB_DB_JOBS_URL", urls.jobs.as_ref().unwrap().expose_secret());
            }
        }
    }
}

/// The sandbox vendors on a port, and what it takes to run `wib` against them.
struct House {
    wib: PathBuf,
    data: TempDir,
    client: reqwest::Client,
    vendors: String,
    key: String,
    _sandbox: Running,
}

impl House {
    fn set(seed: u64) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let wib = binary();
        let vendors = format!("http://127.0.0.1:{}", free_port());
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
        let mut command = Command::new(&wib);
        command.env_clear().args(["sandbox", "--seed", &seed.to_string(), "--bind", &vendors["http://".len()..]]);
        let mut sandbox = Running(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
        let mut line = String::new();
        BufReader::new(sandbox.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let key = line.trim().strip_prefix("TELNYX_PUBLIC_KEY=").unwrap().to_owned();
        Self { wib, data: tempfile::tempdir().unwrap(), client, vendors, key, _sandbox: sandbox }
    }

    /// The job in a process of its own, sure that whoever had it is gone.
    fn job(&self, place: &Place) -> Running {
        let mut command = Command::new(&self.wib);
        command.env_clear().current_dir(self.data.path()).env("WIB_DATA", self.data.path());
        command.env("RUST_LOG", "warn").env("WIB_SANDBOX", "voice,transcriber,llm,mailer,billing");
        command.env("TELNYX_PUBLIC_KEY", &self.key).env("ASSEMBLYAI_WEBHOOK_SECRET", "between the two of us");
        for (vendor, path) in [("TELNYX", "telnyx/v2"), ("ASSEMBLYAI", "assemblyai"), ("STRIPE", "stripe")] {
            command.env(format!("{vendor}_BASE_URL"), format!("{}/{path}", self.vendors));
        }
        place.set(&mut command);
        let log = File::options().create(true).append(true).open(self.data.path().join("job.log")).unwrap();
        command.args(["jobs", "run", "process_payments", "--take-over"]);
        Running(command.stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    async fn stripe(&self, path: &str, form: Option<&str>) -> Value {
        let url = format!("{}/stripe/v1/{path}", self.vendors);
        let request = match form {
            Some(form) => {
                self.client.post(url).header("content-type", "application/x-www-form-urlencoded").body(form.to_owned())
            }
            None => self.client.get(url),
        };
        let answer = request.bearer_auth("sk_sandbox").send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }
    async fn fault(&self, kind: &str, times: u32) {
        let mut fault = json!({"vendor": "stripe", "operation": "create_payment", "times": times, "kind": kind});
        if kind == "status" {
            fault["status"] = 503.into();
        }
        let request = self.client.post(format!("{}/sandbox/faults", self.vendors));
        let request = request.header("content-type", "application/json").body(fault.to_string());
        assert!(request.send().await.unwrap().status().is_success());
    }
    async fn no_faults(&self) {
        self.client.delete(format!("{}/sandbox/faults", self.vendors)).send().await.unwrap();
    }

    /// Charges that moved money, by the scheduled payment that they are for.
    async fn charges(&self) -> BTreeMap<String, u32> {
        let mut charges = BTreeMap::new();
        let mut after = String::new();
        loop {
            let page = self.stripe(&format!("payment_intents?limit=100{after}"), None).await;
            let all = page["data"].as_array().unwrap();
            for intent in all.iter().filter(|intent| intent["status"] == "succeeded") {
                let id = intent["metadata"]["scheduled_payment"].as_str().unwrap().to_owned();
                *charges.entry(id).or_default() += 1;
            }
            if page["has_more"] != true {
                return charges;
            }
            after = format!("&starting_after={}", all.last().unwrap()["id"].as_str().unwrap());
        }
    }
}

/// People who owe ten dollars each and said that it may be taken today.
struct People {
    /// The vendor's customers, each with the means of payment that is saved there.
    saved: Vec<(String, String)>,
    count: usize,
}
impl People {
    async fn of(house: &House) -> Self {
        let mut saved = vec![];
        for _ in 0..CUSTOMERS {
            let customer = house.stripe("customers", Some("name=Payer")).await["id"].as_str().unwrap().to_owned();
            let attach = format!("customer={customer}");
            let method = house.stripe("payment_methods/pm_card_visa/attach", Some(&attach)).await;
            saved.push((customer, method["id"].as_str().unwrap().to_owned()));
        }
        Self { saved, count: 0 }
    }

    /// So many more join that [`WAITING`] of them wait.
    async fn join(&mut self, org: &Org) {
        let waiting = usize::try_from(stand(org, ScheduledStatus::Pending).await).unwrap();
        let first = self.count;
        self.count += WAITING.saturating_sub(waiting);
        let mut csv = "account,name,balance,phone\n".to_owned();
        for n in first..self.count {
            csv.push_str(&format!("C-{n},Person {n},10.00,+15005553{n:03}\n"));
        }
        for (n, (account, _)) in org.import_accounts(csv.as_bytes()).await.unwrap().accounts.iter().enumerate() {
            let (customer, method) = &self.saved[n % CUSTOMERS];
            let plan = CreatePlan {
                pay_by: PayBy::Saved,
                customer_id: Some(customer.clone()),
                payment_method: Some(method.clone()),
                ..CreatePlan::of(account.id, 1_000, 1)
            };
            org.create_plan(plan).await.unwrap();
            let said = AuthorizePayments {
                account_id: account.id,
                payment_method: method.clone(),
                form: AuthorizationForm::Recorded,
                recurring: false,
                most_minor: 1_000,
                evidence: "recording 1".to_owned(),
                call_id: None,
                given_at: None,
                copy_sent_at: None,
            };
            org.authorize_payments(said).await.unwrap();
        }
    }
}

async fn stand(org: &Org, status: ScheduledStatus) -> i64 {
    let query = ListScheduled { status: Some(status), limit: Some(1), ..ListScheduled::default() };
    org.list_scheduled(query).await.unwrap().total
}

async fn killed_again_and_again(place: Place, store: Arc<dyn Store>) {
    let seed = std::env::var("WIB_KILL_SEED").map_or(1, |text| text.parse().unwrap());
    println!("WIB_KILL_SEED={seed}");
    let began = Instant::now();
    let (house, random) = (House::set(seed), SeededRandom::new(seed));
    let between = |low: u64, high: u64| low + (&random as &dyn Random).below(high - low);
    let (clock, chance): (Arc<dyn Clock>, Arc<dyn Random>) = (Arc::new(SystemClock), Arc::new(OsRandom));
    let builder = Wib::builder().store(store.clone()).blobs(Arc::new(MemoryBlobs::default()));
    let nobody = Sandbox::new(clock.clone(), 0, sandbox::Settings::default());
    let wib = nobody.plug(builder.signer(Signer::from_seed([0; 32])), &clock, &chance).unwrap().build().unwrap();
    let organization = wib.system().create_organization("Kill").await.unwrap();
    let org = wib.org(Principal::service(organization.id)).await.unwrap();
    let mut people = People::of(&house).await;

    let (mut doubtful, mut midway) = (0, 0);
    for kill in 0..KILLS {
        people.join(&org).await;
        match kill % 6 {
            1 => house.fault("reset_after_effect", 3).await,
            2 => house.fault("garbled_after_effect", 2).await,
            3 => house.fault("status", 2).await,
            4 => house.fault("no_connection", 2).await,
            _ => house.no_faults().await,
        }
        let stands =
            async || (stand(&org, ScheduledStatus::Completed).await, stand(&org, ScheduledStatus::Processing).await);
        let before = stands().await;
        let mut jobs = vec![house.job(&place)];
        if kill % 4 == 3 {
            // Two at once, each sure that the other is gone.
            jobs.push(house.job(&place));
        }
        // Killed a random moment after a random number of payments were claimed.
        let claims = i64::try_from(between(1, 6)).unwrap();
        let mut running = || jobs.iter_mut().any(|job| matches!(job.0.try_wait(), Ok(None)));
        while running() {
            let now = stands().await;
            if now.0 + now.1 - before.0 - before.1 >= claims {
                break;
            }
            nap(1).await;
        }
        nap(between(0, 12)).await;
        midway += u32::from(running());
        drop(jobs);
        doubtful += stands().await.1;
        if kill % 2 == 1 {
            place.two_hours_pass().await;
        }
    }
    println!(
        "{KILLS} kills in {:?}: {midway} in the midst of charging, {doubtful} payments in doubt, {} paid",
        began.elapsed(),
        stand(&org, ScheduledStatus::Completed).await
    );

    // Left alone, it takes what is left.
    house.no_faults().await;
    for _ in 0..ALONE {
        if stand(&org, ScheduledStatus::Completed).await == people.count as i64 {
            break;
        }
        place.two_hours_pass().await;
        let mut job = house.job(&place);
        while matches!(job.0.try_wait(), Ok(None)) {
            nap(20).await;
        }
        assert!(
            job.0.wait().unwrap().success(),
            "{}",
            std::fs::read_to_string(house.data.path().join("job.log")).unwrap()
        );
    }

    // Every payment charged exactly once there, and booked exactly once here.
    assert_eq!(stand(&org, ScheduledStatus::Completed).await, people.count as i64);
    let charges = house.charges().await;
    let twice: Vec<_> = charges.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "charged more than once: {twice:?}");
    assert_eq!(charges.len(), people.count);
    let mut booked = BTreeMap::<String, u32>::new();
    for offset in (0..people.count as i64).step_by(200) {
        let page = ListPayments { limit: Some(200), offset: Some(offset), ..ListPayments::default() };
        let ledger = org.list_payments(page).await.unwrap();
        assert_eq!(ledger.total, people.count as i64, "booked");
        let mut tx = store.org(org.id()).await.unwrap();
        for payment in &ledger.items {
            assert_eq!(payment.amount_minor, 1_000);
            *booked.entry(payment.scheduled_payment_id.unwrap().to_string()).or_default() += 1;
            let account: wib_core::collections::Account =
                Repo::find(&mut *tx, payment.account_id).await.unwrap().unwrap();
            assert_eq!((account.balance_minor, account.status), (0, AccountStatus::Paid));
        }
    }
    assert_eq!(booked, charges, "the same payments on both sides, once each");
    assert!(midway > KILLS / 2, "too few kills hit a job at work: {midway}");
    println!("{:?} in all", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_charged_twice_however_often_the_job_is_killed_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wib.db");
    let open = async || {
        let database: Database = format!("sqlite:{}", path.display()).parse().unwrap();
        SqlStore::open(&database, Arc::new(SystemClock)).await.unwrap()
    };
    let store: Arc<dyn Store> = Arc::new(open().await);
    killed_again_and_again(Place::Lite(open().await, path.clone()), store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_charged_twice_however_often_the_job_is_killed_on_postgresql() {
    let name = "nobody_is_charged_twice_however_often_the_job_is_killed_on_postgresql";
    let Some(store) = postgres_store(name, Arc::new(SystemClock)).await else { return };
    let store = Arc::new(store);
    killed_again_and_again(Place::Pg(store.clone()), store).await;
}
