//! The rules in force: the built-in ones, and a folder of packs laid over them that may change while the server runs.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::sync::watch;
use wib_core::{
    Wib,
    compliance::RulePack,
    kit::{Error, Result, time},
};

/// How often the folder is looked at.
pub const EVERY: Duration = Duration::from_secs(30);
/// The most packs a folder may hold.
const PACKS: usize = 64;
/// The largest pack that is read, in bytes; the core has a smaller limit of its own.
const FILE_LIMIT: u64 = 4 << 20;

const READS: &str = "wib_rules_reads_total";

/// The built-in rules with the packs of a folder (`*.json`, by name) laid over them.
///
/// # Errors
/// `Invalid` naming the file that cannot be read, is no pack, or does not lie over the others; then none of them counts.
pub fn in_force(folder: Option<&Path>) -> Result<RulePack> {
    let Some(folder) = folder else { return Ok(RulePack::standard()) };
    let unread =
        |path: &Path, e: std::io::Error| Error::invalid(format!("{} cannot be read: {}", path.display(), e.kind()));
    let mut files = vec![];
    for entry in std::fs::read_dir(folder).map_err(|e| unread(folder, e))? {
        let path = entry.map_err(|e| unread(folder, e))?.path();
        if path.extension().is_some_and(|end| end == "json") {
            files.push(path);
        }
    }
    if files.len() > PACKS {
        return Err(Error::invalid(format!("{} holds more than {PACKS} packs", folder.display())));
    }
    files.sort();
    files.iter().try_fold(RulePack::standard(), |pack, path| {
        let mut text = vec![];
        let read = File::open(path).and_then(|f| f.take(FILE_LIMIT).read_to_end(&mut text));
        read.map_err(|e| unread(path, e))?;
        let named = |e: Error| Error::invalid(format!("{}: {}", path.display(), e.message())).because(e);
        RulePack::layered(pack, [RulePack::from_json(&text).map_err(named)?]).map_err(named)
    })
}

/// Follows a folder of packs: what changed and is valid is judged by from then on, what is not is refused and told.
#[derive(Debug)]
pub struct Follower {
    wib: Wib,
    folder: PathBuf,
    /// What was told of last, so that a fault that stays is told once.
    told: Option<String>,
}

impl Follower {
    /// Follows that folder for that core.
    #[must_use]
    pub fn new(wib: &Wib, folder: PathBuf) -> Self {
        Self { wib: wib.clone(), folder, told: None }
    }
    /// Looks at the folder once; whether other rules are in force now. The old rules stay when it cannot be read whole.
    ///
    /// # Errors
    /// Why the packs in the folder are not in force.
    pub async fn look(&mut self) -> Result<bool> {
        let folder = self.folder.clone();
        let pack = time::offload(&**self.wib.clock(), move || in_force(Some(&folder))).await?;
        if pack.hash()? == self.wib.rules().hash()? {
            return Ok(false);
        }
        self.wib.adopt_rules(pack).await?;
        Ok(true)
    }
    /// Looks, and tells the log and the numbers.
    async fn report(&mut self) {
        match self.look().await {
            Ok(changed) => {
                self.told = None;
                if changed {
                    let rules = self.wib.rules();
                    let hash = rules.hash().unwrap_or_default();
                    tracing::info!(version = rules.version, hash, "other rules are in force");
                    metrics::counter!(READS, "outcome" => "swapped").increment(1);
                }
            }
            Err(error) => {
                let fault = error.chain();
                if self.told.as_ref() != Some(&fault) {
                    tracing::error!(error = fault, "the folder of rules is refused, and the old rules stay in force");
                    metrics::counter!(READS, "outcome" => "refused").increment(1);
                    self.told = Some(fault);
                }
            }
        }
    }
    /// Looks every [`EVERY`] until told to stop.
    pub async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let clock = self.wib.clock().clone();
        while !*stopped.borrow() {
            tokio::select! {
                biased;
                gone = stopped.changed() => if gone.is_err() { return },
                () = clock.sleep_until(time::after(clock.now(), EVERY)) => self.report().await,
            }
        }
    }
}
