use std::{
    fs::{File, ReadDir},
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use wib_core::{
    kit::{Clock, Error, Result, time::offload},
    ports::{
        Blobs,
        blobs::{Chunks, Kept, Listed, Metered, PAGE, check_key, cut},
    },
};

/// Bytes that are gathered before the disk is asked.
const WRITE: usize = 1 << 20;

/// Blobs as files below one folder, which is made when missing. What is there is whole: a file appears under its name
/// only after its bytes are on the disk. What a crash leaves of a file that was being written begins with a dot and is
/// never read.
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
    fn path(&self, key: &str) -> Result<PathBuf> {
        check_key(key)?;
        Ok(self.root.join(key))
    }
    async fn at<T: Send + 'static>(
        &self,
        key: &str,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let path = self.path(key)?;
        self.run(move || work(&path)).await
    }
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
        offload(&*self.clock, work).await.map_err(fault)
    }
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

/// A new file of nobody else's beside the name that it will take. Dropped before that, it is removed.
struct Draft {
    // Taken when the draft has its name.
    file: Option<File>,
    path: PathBuf,
}
impl Draft {
    fn make(folder: &Path) -> io::Result<Self> {
        for number in 0u64.. {
            let path = folder.join(format!(".{}-{number}.draft", std::process::id()));
            match File::create_new(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made.map(|file| Self { file: Some(file), path }),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
    fn write(mut self, bytes: &[u8]) -> io::Result<Self> {
        if let Some(file) = &mut self.file {
            file.write_all(bytes)?;
        }
        Ok(self)
    }
    /// Waits for the disk, then takes the name. A crash leaves the old file or the new one.
    fn name(mut self, path: &Path) -> io::Result<()> {
        if let Some(file) = &self.file {
            file.sync_all()?;
        }
        std::fs::rename(&self.path, path)?;
        self.file = None;
        // The name is on the disk once its folder is; some systems cannot open folders, and need not.
        path.parent().map_or(Ok(()), |folder| File::open(folder).and_then(|folder| folder.sync_all()).or(Ok(())))
    }
}
impl Drop for Draft {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn unless_missing<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        // A file where a folder would have to be: nothing is there either.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        outcome => outcome.map(Some),
    }
}

fn open(path: &Path) -> io::Result<Option<(File, u64)>> {
    let Some(file) = unless_missing(File::open(path))? else { return Ok(None) };
    let about = file.metadata()?;
    Ok(about.is_file().then_some((file, about.len())))
}

#[async_trait]
impl Blobs for FolderBlobs {
    async fn put_stream(&self, key: &str, chunks: Chunks, most: u64) -> Result<Kept> {
        let (path, mut metered) = (self.path(key)?, Metered::new(chunks, most));
        let folder = path.parent().unwrap_or(&self.root).to_owned();
        let make = move || {
            std::fs::create_dir_all(&folder)?;
            Draft::make(&folder)
        };
        let mut draft = self.run(make).await?;
        let mut gathered = BytesMut::new();
        while let Some(chunk) = metered.next().await? {
            gathered.extend_from_slice(&chunk);
            if gathered.len() >= WRITE {
                let bytes = gathered.split();
                draft = self.run(move || draft.write(&bytes)).await?;
            }
        }
        self.run(move || draft.write(&gathered)?.name(&path)).await?;
        Ok(metered.kept())
    }
    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Option<Bytes>> {
        let read = move |path: &Path| {
            let Some((mut file, size)) = open(path)? else { return Ok(None) };
            let range = match cut(&range, size) {
                Ok(range) => range,
                Err(impossible) => return Ok(Some(Err(impossible))),
            };
            file.seek(SeekFrom::Start(range.start))?;
            let mut bytes = Vec::new();
            file.take(range.end - range.start).read_to_end(&mut bytes)?;
            Ok(Some(Ok(Bytes::from(bytes))))
        };
        self.at(key, read).await?.transpose()
    }
    async fn head(&self, key: &str) -> Result<Option<u64>> {
        self.at(key, |path| Ok(open(path)?.map(|(_, size)| size))).await
    }
    async fn delete(&self, key: &str) -> Result<()> {
        self.at(key, |path| unless_missing(std::fs::remove_file(path)).map(|_| ())).await
    }
    async fn signed_url(&self, key: &str, _media_type: &str, _lasting: Duration) -> Result<Option<String>> {
        check_key(key).map(|()| None)
    }
    async fn list(&self, folder: &str, after: Option<String>, limit: usize) -> Result<Vec<Listed>> {
        let (root, below) = match folder {
            "" => (self.root.clone(), String::new()),
            folder => (self.path(folder)?, format!("{folder}/")),
        };
        let walk = move || {
            let mut walk = Walk { after: after.unwrap_or_default(), limit: limit.min(PAGE), found: vec![] };
            if let Some(entries) = unless_missing(std::fs::read_dir(&root))? {
                walk.through(entries, &below)?;
            }
            Ok(walk.found)
        };
        self.run(walk).await
    }
    async fn ping(&self) -> Result<()> {
        let root = self.root.clone();
        let probe = move || {
            std::fs::create_dir_all(&root)?;
            Draft::make(&root).map(drop)
        };
        self.run(probe).await
    }
}

/// Files in the order of their keys.
struct Walk {
    after: String,
    limit: usize,
    found: Vec<Listed>,
}
impl Walk {
    fn through(&mut self, entries: ReadDir, below: &str) -> io::Result<()> {
        let mut names = vec![];
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let about = entry.file_type()?;
            // Drafts, and whatever else nobody could ask for.
            if check_key(&name).is_err() || !(about.is_dir() || about.is_file()) {
                continue;
            }
            // With its `/` a folder stands where its files stand among all keys.
            names.push((format!("{below}{name}{}", if about.is_dir() { "/" } else { "" }), entry.path()));
        }
        names.sort();
        for (key, path) in names {
            if self.found.len() >= self.limit {
                break;
            }
            if key.ends_with('/') {
                let passed = key < self.after && !self.after.starts_with(&key);
                let entries = if passed { None } else { unless_missing(std::fs::read_dir(path))? };
                entries.map_or(Ok(()), |entries| self.through(entries, &key))?;
            } else if key > self.after
                && let Some((_, size)) = open(&path)?
            {
                self.found.push(Listed { key, size });
            }
        }
        Ok(())
    }
}
