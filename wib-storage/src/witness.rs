//! A witness in a file: on another disk, another machine's share, or a medium that is written once.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use wib_core::{
    kit::{
        Clock, canonical,
        time::{Timestamp, offload},
    },
    orgs::OrganizationId,
    ports::{
        Fault, Sent, VendorError, Witness,
        witness::{CONFLICTING_CHECKPOINT, PublishedCheckpoint, Receipt},
    },
};

const NAME: &str = "file";
/// Longest line that is ours.
const LINE: u64 = 4096;
/// Ends what a crash left of a line, so that it is never taken for one that was changed.
const TORN: &[u8] = b" torn\n";

/// Checkpoints as canonical JSON, one a line, in a file that is only added to. Lines of several processes do not mix: each
/// holds the file while it looks and adds.
#[derive(Clone, Debug)]
pub struct FileWitness {
    path: Arc<PathBuf>,
    clock: Arc<dyn Clock>,
    known: Arc<Mutex<Known>>,
}

/// What was read so far: the last line of each organisation, and up to where.
#[derive(Debug, Default)]
struct Known {
    read: u64,
    last: BTreeMap<OrganizationId, Line>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    at: Timestamp,
    checkpoint: PublishedCheckpoint,
}

impl FileWitness {
    /// A witness in that file, which is made when missing; its folder is not.
    pub fn new(path: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self { path: Arc::new(path.into()), clock, known: Arc::default() }
    }
}

fn fault(error: &io::Error) -> VendorError {
    let message = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk of the witness is full",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => "the file may not be written",
        io::ErrorKind::InvalidData => "the file was cut, or a line of it was changed",
        _ => "the file cannot be used",
    };
    VendorError { code: Some(error.kind().to_string()), ..VendorError::new(NAME, Fault::Down, Sent::No, message) }
}

impl Known {
    /// Reads what was added since the last look, here or by another process. Leaves the file's end where a line may begin.
    fn catch_up(&mut self, file: &mut File) -> io::Result<()> {
        let length = file.metadata()?.len();
        if length < self.read {
            return Err(io::ErrorKind::InvalidData.into());
        }
        file.seek(SeekFrom::Start(self.read))?;
        let mut lines = BufReader::new(&mut *file);
        loop {
            let mut text = Vec::new();
            let count = lines.by_ref().take(LINE).read_until(b'\n', &mut text)? as u64;
            if count == 0 {
                return Ok(());
            }
            if text.last() != Some(&b'\n') {
                if count == LINE {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                // Nobody else writes now: whoever began this line is gone, and gave no receipt for it.
                drop(lines);
                file.write_all(TORN)?;
                self.read += count + TORN.len() as u64;
                return Ok(());
            }
            if !text.ends_with(TORN) {
                let line: Line = serde_json::from_slice(&text).map_err(|_| io::ErrorKind::InvalidData)?;
                let (owner, size) = (line.checkpoint.organization_id, line.checkpoint.size);
                if self.last.insert(owner, line).is_some_and(|before| before.checkpoint.size >= size) {
                    return Err(io::ErrorKind::InvalidData.into());
                }
            }
            self.read += count;
        }
    }

    /// The line of the checkpoint, which is added when it is new.
    fn take(&mut self, path: &Path, checkpoint: &PublishedCheckpoint, now: Timestamp) -> Result<Line, VendorError> {
        let io = |error: io::Error| fault(&error);
        let mut file = File::options().read(true).append(true).create(true).open(path).map_err(io)?;
        // Released when the file is closed.
        file.lock().map_err(io)?;
        self.catch_up(&mut file).map_err(io)?;
        match self.last.get(&checkpoint.organization_id) {
            Some(last) if last.checkpoint.agrees(checkpoint) => {
                // Whoever wrote the line may have ended before it was on the disk.
                file.sync_all().map_err(io)?;
                return Ok(last.clone());
            }
            Some(last) if last.checkpoint.size >= checkpoint.size => return Err(conflict(&last.checkpoint)),
            _ => {}
        }
        let line = Line { at: now, checkpoint: checkpoint.clone() };
        let refuse = |_| VendorError::new(NAME, Fault::Request, Sent::No, "the checkpoint has no canonical form");
        let text = canonical::to_text(&line).map_err(refuse)? + "\n";
        if text.len() as u64 >= LINE {
            return Err(VendorError::new(NAME, Fault::Request, Sent::No, "the checkpoint is too long"));
        }
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
        if self.read == 0 {
            // The name is on the disk once its folder is; some systems cannot open folders, and need not.
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all()).or(Ok(())).map_err(io)?;
        }
        self.read += text.len() as u64;
        self.last.insert(checkpoint.organization_id, line.clone());
        Ok(line)
    }
}

fn conflict(held: &PublishedCheckpoint) -> VendorError {
    let message = format!("holds size {} with head {} and root {:?}", held.size, held.head, held.root);
    let code = Some(CONFLICTING_CHECKPOINT.to_owned());
    VendorError { code, ..VendorError::new(NAME, Fault::Request, Sent::Refused, message) }
}

#[async_trait]
impl Witness for FileWitness {
    fn name(&self) -> &str {
        NAME
    }
    async fn publish(&self, checkpoint: &PublishedCheckpoint) -> Result<Receipt, VendorError> {
        let (witness, checkpoint, now) = (self.clone(), checkpoint.clone(), self.clock.now());
        let work = move || {
            let mut known = witness.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.take(&witness.path, &checkpoint, now)
        };
        let line = offload(&*self.clock, work).await?;
        Ok(Receipt { witness: NAME.to_owned(), size: line.checkpoint.size, root: line.checkpoint.root, at: line.at })
    }
}
