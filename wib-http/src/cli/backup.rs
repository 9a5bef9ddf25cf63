//! Backup and restore of an installation that keeps everything in its folder: the database as of one instant, the bytes,
//! the keys, and a manifest with the hash of each.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Component, Path, PathBuf},
};

use clap::Args;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wib_core::kit::{Clock, OsRandom, Random, SystemClock, Timestamp};
use wib_http::config::Config;
use wib_storage::{Database, backup};

use super::{Failure, Outcome, wire};

const FORMAT: &str = "wib-backup/1";
const MANIFEST: &str = "manifest.json";
const DATABASE: &str = "wib.db";
const BLOBS: &str = "blobs";
/// The largest manifest that is read, in bytes.
const LIMIT: u64 = 256 << 20;

/// What a backup holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: String,
    version: String,
    created_at: Timestamp,
    /// The hash over all the lines below, so that none can be missing.
    sha256: String,
    files: Vec<Kept>,
}

/// One file of a backup.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    path: String,
    bytes: u64,
    sha256: String,
}

impl Manifest {
    fn digest(files: &[Kept]) -> String {
        let mut hash = Sha256::new();
        files.iter().for_each(|f| hash.update(format!("{}\0{}\0{}\n", f.path, f.bytes, f.sha256)));
        hex::encode(hash.finalize())
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> Failure {
    move |e| Failure::Say(format!("{}: {e}", path.display()))
}

#[derive(Args)]
pub(crate) struct Backup {
    /// A new or an empty folder
    folder: PathBuf,
}

impl Backup {
    /// Takes the database first: what its rows refer to was written before them, so it is there when the bytes are
    /// copied. Bytes that came later do no harm.
    pub(crate) async fn run(self, config: &Config) -> Outcome {
        let database = file_of(config)?;
        if !is_empty(&self.folder)? {
            return Err(Failure::Say(format!("{}: is not empty", self.folder.display())));
        }
        make_folder(&self.folder)?;
        let copy = self.folder.join(DATABASE);
        backup::copy(&Database::File(database), &copy).await?;
        let mut files = vec![kept(&self.folder, DATABASE)?];
        for name in wire::KEYS {
            let key = config.data.join(name);
            if key.is_file() {
                copy_file(&key, &self.folder.join(name))?;
                files.push(kept(&self.folder, name)?);
            }
        }
        let from = config.data.join(BLOBS);
        for path in files_below(&from)? {
            let name = format!("{BLOBS}/{path}");
            match copy_file(&from.join(&path), &self.folder.join(&name)) {
                // Deleted meanwhile, by retention: its row is of the past.
                Err(_) if !from.join(&path).exists() => continue,
                done => done?,
            }
            files.push(kept(&self.folder, &name)?);
        }
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            created_at: SystemClock.now(),
            sha256: Manifest::digest(&files),
            files,
        };
        // Last, and whole or not at all: a folder without it is no backup.
        let text = serde_json::to_vec_pretty(&manifest).map_err(|e| Failure::Say(e.to_string()))?;
        let (draft, place) = (self.folder.join(".manifest.draft"), self.folder.join(MANIFEST));
        let mut file = new_file(&draft).map_err(at(&draft))?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(at(&draft))?;
        fs::rename(&draft, &place).map_err(at(&place))?;
        if config.s3.is_some() {
            eprintln!("wib: what lies in S3_BUCKET is not in this backup: it is kept by its store's own means");
        }
        let bytes: u64 = manifest.files.iter().map(|f| f.bytes).sum();
        println!("{} files, {bytes} bytes, {}", manifest.files.len(), manifest.sha256);
        Ok(())
    }
}

#[derive(Args)]
pub(crate) struct Restore {
    /// A folder that `wib backup` made
    folder: PathBuf,
    /// Even when there is data already: it is kept beside, under another name. End every process first
    #[arg(long)]
    force: bool,
}

impl Restore {
    /// Checks everything before anything is written, copies beside the place, and takes the place at once.
    pub(crate) async fn run(self, config: &Config) -> Outcome {
        let database = file_of(config)?;
        let Ok(inside) = database.strip_prefix(&config.data) else {
            return Err(Failure::Say(format!(
                "DATABASE_URL: {} is not in WIB_DATA ({}), where a backup is restored",
                database.display(),
                config.data.display()
            )));
        };
        let manifest = manifest(&self.folder)?;
        for file in &manifest.files {
            check(&self.folder, file)?;
        }
        backup::check(&self.folder.join(DATABASE))
            .await
            .map_err(|e| Failure::Say(format!("{DATABASE}: {}", e.chain())))?;
        let there = !is_empty(&config.data)?;
        if there && !self.force {
            let data = config.data.display();
            return Err(Failure::Say(format!("WIB_DATA: {data} holds data already: --force keeps it beside")));
        }
        let random: &dyn Random = &OsRandom;
        let tag = &random.token()[..8];
        let beside = |word: &str| {
            let name = config.data.file_name().map_or_else(|| "data".into(), |name| name.to_string_lossy());
            config.data.with_file_name(format!("{name}.{word}-{tag}"))
        };
        let draft = beside("restoring");
        make_folder(&draft)?;
        for file in &manifest.files {
            let to = draft.join(if file.path == DATABASE { inside } else { Path::new(&file.path) });
            copy_file(&self.folder.join(&file.path), &to)?;
        }
        if config.data.exists() {
            let old = beside("before");
            fs::rename(&config.data, &old).map_err(at(&config.data))?;
            if there {
                println!("what was there is kept in {}", old.display());
            } else {
                fs::remove_dir(&old).map_err(at(&old))?;
            }
        }
        fs::rename(&draft, &config.data).map_err(at(&config.data))?;
        println!("{} files of {} restored", manifest.files.len(), manifest.created_at);
        Ok(())
    }
}

/// The file of the database, when it is one.
fn file_of(config: &Config) -> Result<PathBuf, Failure> {
    match wire::database(config)? {
        Database::File(path) => Ok(path),
        _ => Err(Failure::Say(
            "DATABASE_URL: is no file: PostgreSQL is backed up with pg_dump and restored with pg_restore, the bytes by \
             their own store's means; keep WIB_EVIDENCE_KEY with them"
                .to_owned(),
        )),
    }
}

fn manifest(folder: &Path) -> Result<Manifest, Failure> {
    let path = folder.join(MANIFEST);
    let refused = |why: &str| Failure::Say(format!("{MANIFEST}: {why}: nothing was restored"));
    let mut text = vec![];
    File::open(&path).and_then(|file| file.take(LIMIT).read_to_end(&mut text)).map_err(at(&path))?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|_| refused("is cut off, or not of a backup"))?;
    if manifest.format != FORMAT {
        return Err(refused("is of another version's backup"));
    }
    if manifest.sha256 != Manifest::digest(&manifest.files) {
        return Err(refused("was changed"));
    }
    let plain = |path: &str| Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    let ours = |path: &str| path == DATABASE || wire::KEYS.contains(&path) || path.starts_with("blobs/");
    if manifest.files.iter().any(|file| !plain(&file.path) || !ours(&file.path)) {
        return Err(refused("names a file that no backup has"));
    }
    if !manifest.files.iter().any(|file| file.path == DATABASE) {
        return Err(refused("names no database"));
    }
    Ok(manifest)
}

fn check(folder: &Path, told: &Kept) -> Outcome {
    let refused = |why: String| Failure::Say(format!("{}: {why}: nothing was restored", told.path));
    let path = folder.join(&told.path);
    let found = match path.is_file() {
        true => kept(folder, &told.path)?,
        false => return Err(refused("is missing".to_owned())),
    };
    if found.bytes != told.bytes {
        return Err(refused(format!("has {} bytes instead of {}", found.bytes, told.bytes)));
    }
    if found.sha256 != told.sha256 {
        return Err(refused("was changed".to_owned()));
    }
    Ok(())
}

fn kept(folder: &Path, name: &str) -> Result<Kept, Failure> {
    let path = folder.join(name);
    let mut file = File::open(&path).map_err(at(&path))?;
    let mut hash = Sha256::new();
    let mut part = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let n = file.read(&mut part).map_err(at(&path))?;
        if n == 0 {
            break;
        }
        hash.update(&part[..n]);
        bytes += n as u64;
    }
    Ok(Kept { path: name.to_owned(), bytes, sha256: hex::encode(hash.finalize()) })
}

fn is_empty(folder: &Path) -> Result<bool, Failure> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(e) => Err(at(folder)(e)),
    }
}

/// For this account's eyes only, as the data itself.
fn make_folder(folder: &Path) -> Outcome {
    let mut made = fs::DirBuilder::new();
    made.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut made, 0o700);
    made.create(folder).map_err(at(folder))
}

fn new_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn copy_file(from: &Path, to: &Path) -> Outcome {
    if let Some(folder) = to.parent() {
        make_folder(folder)?;
    }
    let mut source = File::open(from).map_err(at(from))?;
    let mut file = new_file(to).map_err(at(to))?;
    io::copy(&mut source, &mut file).and_then(|_| file.sync_all()).map_err(at(to))
}

/// Every file below a folder, by its path from there, in order; those that are being written are left out.
fn files_below(root: &Path) -> Result<Vec<String>, Failure> {
    let (mut folders, mut files) = (vec![PathBuf::new()], vec![]);
    while let Some(folder) = folders.pop() {
        let here = root.join(&folder);
        let entries = match fs::read_dir(&here) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(at(&here))?,
        };
        for entry in entries {
            let entry = entry.map_err(at(&here))?;
            let path = folder.join(entry.file_name());
            let Some(name) = path.to_str() else { continue };
            match entry.file_type().map_err(at(&here))? {
                kind if kind.is_dir() => folders.push(path),
                kind if kind.is_file() && !entry.file_name().to_string_lossy().starts_with('.') => {
                    files.push(name.to_owned());
                }
                _ => {}
            }
        }
    }
    files.sort();
    Ok(files)
}
