//! Bytes in a folder, or in memory.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use wib_core::{
    kit::{Clock, Error, Result, time::offload},
    ports::Blobs,
};

/// Blobs as files below one folder, which is made when missing. What is there is whole: a file appears under its name
/// only after its bytes are on the disk.
#[derive(Clone, Debug)]
pub struct FolderBlobs {
    root: PathBuf,
    clock: Arc<dyn Clock>,
}

impl FolderBlobs {
    /// Blobs below `root`; the clock decides where blocking work runs.
    pub fn new(root: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self { root: root.into(), clock }
    }
    async fn at<T: Send + 'static>(
        &self,
        key: &str,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let path = self.root.join(checked(key)?);
        offload(&*self.clock, move || work(&path)).await.map_err(fault)
    }
}

/// The key as a path: segments of letters, digits, `-`, `_` and `.`, none of them `.` or `..`, none empty.
fn checked(key: &str) -> Result<&Path> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    // A leading dot is kept for files that are being written.
    let fits = |part: &str| !part.is_empty() && part.len() <= 200 && !part.starts_with('.') && part.chars().all(plain);
    if key.split('/').all(fits) { Ok(Path::new(key)) } else { Err(Error::invalid("not a blob key")) }
}

fn fault(error: io::Error) -> Error {
    let what = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk of the blobs is full",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "the folder of the blobs may not be written"
        }
        _ => "the folder of the blobs cannot be used",
    };
    Error::unavailable(what).because(error)
}

/// Writes beside the name, waits for the disk, then takes the name. A crash leaves the old file or the new one.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)?;
    let (mut file, draft) = draft(folder)?;
    let done = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| std::fs::rename(&draft, path));
    if done.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    done?;
    // The name is on the disk once its folder is; some systems cannot open folders, and need not.
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).or(Ok(()))
}

/// A new file of nobody else's.
fn draft(folder: &Path) -> io::Result<(std::fs::File, PathBuf)> {
    for number in 0u64.. {
        let path = folder.join(format!(".{}-{number}.draft", std::process::id()));
        match std::fs::File::create_new(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|file| (file, path)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn unless_missing<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        outcome => outcome.map(Some),
    }
}

#[async_trait]
impl Blobs for FolderBlobs {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        self.at(key, move |path| write(path, &bytes)).await
    }
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.at(key, |path| unless_missing(std::fs::read(path)).map(|found| found.map(Bytes::from))).await
    }
    async fn delete(&self, key: &str) -> Result<()> {
        self.at(key, |path| unless_missing(std::fs::remove_file(path)).map(|_| ())).await
    }
    async fn ping(&self) -> Result<()> {
        let root = self.root.clone();
        let probe = move || {
            std::fs::create_dir_all(&root)?;
            let (_, path) = draft(&root)?;
            std::fs::remove_file(path)
        };
        offload(&*self.clock, probe).await.map_err(fault)
    }
}

/// Blobs that end with the process: tests and demonstrations.
#[derive(Clone, Debug, Default)]
pub struct MemoryBlobs(Arc<Mutex<BTreeMap<String, Bytes>>>);

impl MemoryBlobs {
    /// Everything that is there, by key.
    #[must_use]
    pub fn entries(&self) -> Vec<(String, Bytes)> {
        self.lock().iter().map(|(key, bytes)| (key.clone(), bytes.clone())).collect()
    }
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        checked(key)?;
        self.lock().insert(key.to_owned(), bytes);
        Ok(())
    }
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        checked(key)?;
        Ok(self.lock().get(key).cloned())
    }
    async fn delete(&self, key: &str) -> Result<()> {
        checked(key)?;
        self.lock().remove(key);
        Ok(())
    }
    async fn ping(&self) -> Result<()> {
        Ok(())
    }
}
