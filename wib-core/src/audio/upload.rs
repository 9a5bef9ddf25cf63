//! Bringing a file.

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use serde_json::json;

use super::{AudioFile, AudioKind};
use crate::{
    blobs::Opened,
    calls::CallId,
    engine::{NewMessage, Topic},
    kit::{Error, Id, OrNotFound, Result, Role},
    outcomes::{held_call, plain},
    ports::blobs::{Chunks, Kept},
    store::{OrgTx, Record},
    wib::Org,
};

/// Most bytes of a file: 100 MiB.
pub const MOST_BYTES: u64 = 100 << 20;
/// Most files of an organisation.
const MOST: i64 = 10_000;
/// Longest name that is kept, in characters.
const NAME: usize = 200;

/// What is said of a file that is brought.
#[derive(Clone, Debug, Default)]
pub struct UploadAudio {
    /// What it is called.
    pub name: Option<String>,
    /// Of which call it is.
    pub call_id: Option<CallId>,
}

/// A name without folders, control characters and what shells and pages take for their own.
fn safe(name: Option<&str>, kind: AudioKind) -> String {
    let last = name.unwrap_or_default().rsplit(['/', '\\']).next().unwrap_or_default();
    let plain = |c: char| if c.is_alphanumeric() || " .-_()".contains(c) { c } else { '_' };
    let kept: String = last.chars().filter(|c| !c.is_control()).map(plain).take(NAME).collect();
    let kept = kept.trim().trim_start_matches('.').trim();
    if kept.is_empty() { format!("audio.{kind}") } else { kept.to_owned() }
}

/// The first bytes, and all of them.
async fn headed(mut chunks: Chunks) -> Result<(Bytes, Chunks)> {
    let mut head = BytesMut::new();
    while head.len() < AudioKind::HEAD {
        match chunks.next().await {
            Some(piece) => head.extend_from_slice(&piece?),
            None => break,
        }
    }
    let head = head.freeze();
    Ok((head.clone(), stream::once(async move { Ok(head) }).chain(chunks).boxed()))
}

async fn room(org: &Org, tx: &mut dyn OrgTx, bytes: i64) -> Result<()> {
    org.room_for(tx, bytes).await?;
    if tx.count_audio_files().await? >= MOST {
        return Err(Error::conflict(format!("there are {MOST} files already")));
    }
    Ok(())
}

impl Org {
    /// Keeps a file of audio, piece by piece as it comes. A file that is of a call goes when the call's person is erased.
    ///
    /// # Errors
    /// `Invalid` for what is no audio that is taken; `TooLarge` above 100 MiB; `QuotaExceeded` when the plan lets nothing
    /// more be stored; `NotFound` for the call; `Conflict` when there are too many files; `Forbidden` below agent.
    pub async fn upload_audio(&self, command: UploadAudio, chunks: Chunks) -> Result<AudioFile> {
        self.at_least(Role::Agent)?;
        let mut tx = self.tx().await?;
        room(self, &mut *tx, 1).await?;
        if let Some(call) = command.call_id {
            held_call(&mut *tx, call).await.map_err(plain)?;
        }
        drop(tx);
        let (head, chunks) = headed(chunks).await?;
        let kind = AudioKind::of(&head).ok_or_else(|| Error::field("file", "is no audio that is taken"))?;
        let id: Id<AudioFile> = self.wib.id();
        let blob_key = format!("{}/audio/{id}.{kind}", self.id());
        // The blob first: a row never names bytes that are not there.
        let Kept { size, hash } = self.wib.blobs.put_stream(&blob_key, chunks, MOST_BYTES).await?;
        let file = AudioFile {
            id,
            call_id: command.call_id,
            blob_key,
            original_name: safe(command.name.as_deref(), kind),
            content_type: kind.media_type().to_owned(),
            size_bytes: i64::try_from(size).map_err(|e| Error::internal("a file has no size").because(e))?,
            media_hash: hash,
            created_by: self.actor().user(),
            created_at: self.wib.now(),
        };
        let kept = self.note_upload(&file).await;
        if kept.is_err()
            && let Err(error) = self.wib.blobs.delete(&file.blob_key).await
        {
            tracing::warn!(key = file.blob_key, error = error.chain(), "bytes that no row names were not deleted");
        }
        kept.map(|()| file)
    }

    async fn note_upload(&self, file: &AudioFile) -> Result<()> {
        let mut tx = self.tx().await?;
        tx.lock_count_of(AudioFile::NAME).await?;
        room(self, &mut *tx, file.size_bytes).await?;
        if let Some(call) = file.call_id {
            held_call(&mut *tx, call).await?;
        }
        tx.insert(file).await?;
        let told = json!({"content_type": file.content_type, "size_bytes": file.size_bytes, "call_id": file.call_id});
        self.audit("audio:uploaded", ("audio_file", Some(file.id.uuid()))).is(&told).write(&mut *tx).await;
        tx.commit().await
    }

    /// A file that was brought, and its bytes.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` when the bytes are missing.
    pub async fn open_audio(&self, id: Id<AudioFile>) -> Result<(AudioFile, Opened)> {
        self.at_least(Role::Viewer)?;
        let file: AudioFile = self.tx().await?.find(id).await?.or_not_found("audio")?;
        let hash = Some(file.media_hash.clone());
        let bytes = Opened::open(&self.wib, &file.blob_key, Some(file.size_bytes), hash).await?;
        Ok((file, bytes))
    }
}

/// Has the bytes, and the transcriber's copies, of files deleted that are about to be forgotten.
pub(crate) async fn let_go(tx: &mut dyn OrgTx, files: &[AudioFile], now: crate::kit::Timestamp) -> Result<()> {
    for file in files {
        let payload = json!({"key": file.blob_key});
        tx.enqueue(&NewMessage { topic: Topic::DeleteBlob, key: file.blob_key.clone(), payload, run_at: now }).await?;
        for one in tx.transcriptions_of_file(file.id).await? {
            if let Some(vendor_id) = &one.vendor_id {
                let payload = json!({"vendor": one.vendor, "vendor_id": vendor_id});
                let key = format!("audio:{}", one.id);
                tx.enqueue(&NewMessage { topic: Topic::ForgetTranscript, key, payload, run_at: now }).await?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_holds_no_folder_and_nothing_that_a_page_or_a_shell_takes_for_its_own() {
        let names = [
            ("../../etc/passwd", "passwd"),
            ("C:\\calls\\May 1 (2).mp3", "May 1 (2).mp3"),
            ("a\"<script>\r\n.wav", "a__script_.wav"),
            ("...", "audio.wav"),
            ("", "audio.wav"),
            ("Gespräch.wav", "Gespräch.wav"),
        ];
        for (name, kept) in names {
            assert_eq!(safe(Some(name), AudioKind::Wav), kept);
        }
        assert_eq!(safe(Some(&"x".repeat(999)), AudioKind::Mp3).len(), NAME);
    }
}
