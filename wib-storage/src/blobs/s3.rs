//! S3, and what speaks like it: R2, MinIO.
//!
//! | the place | `endpoint` | `region` |
//! |---|---|---|
//! | Cloudflare R2 | `https://<account>.r2.cloudflarestorage.com` | `auto` |
//! | Amazon S3 | none | the bucket's |
//! | anything else | its address; the bucket follows as the path's first segment | what it wants |
//!
//! The media type of a blob is in the row that names it, and in addresses that are signed for it. An upload in parts that
//! fails is aborted; one whose process dies is not, so the bucket should have a rule that aborts old ones.

use std::{fmt, future::Future, ops::Range, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use object_store::{
    BackoffConfig, ClientOptions, GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path,
    signer::{Method, SignedUrlOptions, Signer},
};
use wib_core::{
    kit::{Error, ExposeSecret, Result, SecretString},
    ports::{
        Blobs,
        blobs::{Chunks, Kept, Listed, Metered, PAGE, check_key, cut, impossible},
    },
};

/// Bytes of a part: the least that S3 takes, and R2 wants all but the last alike.
const PART: usize = 5 << 20;
/// The longest that an address may count.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Where the bucket is, and with what right.
#[derive(Clone)]
pub struct S3Settings {
    /// The bucket.
    pub bucket: String,
    /// Where it is asked for; Amazon's by default.
    pub endpoint: Option<String>,
    /// Its region; `auto` on R2.
    pub region: String,
    /// The name of the key.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: SecretString,
}
impl fmt::Debug for S3Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Settings({} at {:?})", self.bucket, self.endpoint)
    }
}

/// Blobs as objects of a bucket.
#[derive(Debug)]
pub struct S3Blobs {
    s3: AmazonS3,
}

impl S3Blobs {
    /// The blobs of that bucket, which must exist. Nothing is asked yet.
    ///
    /// # Errors
    /// `Invalid` when no address can be made of the settings.
    ///
    /// # Panics
    /// When the process has installed no TLS provider: the binary's first act is
    /// `rustls::crypto::ring::default_provider().install_default()`.
    pub fn new(settings: &S3Settings) -> Result<Self> {
        // A dead connection is noticed; a long upload or download that goes on is not cut.
        let seconds = Duration::from_secs;
        let client = ClientOptions::new()
            .with_timeout_disabled()
            .with_read_timeout(seconds(30))
            .with_connect_timeout(seconds(5))
            .with_pool_idle_timeout(seconds(30));
        let backoff = BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: seconds(2), base: 2.0 };
        let retry = RetryConfig { backoff, max_retries: 2, retry_timeout: seconds(30) };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&settings.bucket)
            .with_region(&settings.region)
            .with_access_key_id(&settings.access_key_id)
            .with_secret_access_key(settings.secret_access_key.expose_secret())
            // One by one: not everything that speaks like S3 takes many at once.
            .with_disable_bulk_delete(true)
            .with_client_options(client)
            .with_retry(retry);
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        let unfit = |e| Error::invalid("S3_BUCKET, S3_ENDPOINT, S3_REGION: no address of a bucket").because(e);
        Ok(Self { s3: builder.build().map_err(unfit)? })
    }

    async fn parts(&self, path: &Path, mut gathered: BytesMut, metered: &mut Metered) -> Result<()> {
        let mut upload = self.s3.put_multipart(path).await.map_err(fault)?;
        let sent = async {
            loop {
                while gathered.len() >= PART {
                    upload.put_part(gathered.split_to(PART).freeze().into()).await.map_err(fault)?;
                }
                match metered.next().await? {
                    Some(chunk) => gathered.extend_from_slice(&chunk),
                    None => break,
                }
            }
            if !gathered.is_empty() {
                upload.put_part(gathered.freeze().into()).await.map_err(fault)?;
            }
            upload.complete().await.map_err(fault).map(drop)
        };
        let sent = sent.await;
        if sent.is_err() {
            // Parts that nobody will complete cost money; if this fails too, the bucket's rule takes them.
            if let Err(error) = upload.abort().await {
                tracing::warn!(error = fault(error).chain(), "an upload in parts could not be aborted");
            }
        }
        sent
    }

    /// What was asked for, or `None` when there is no such object. A bucket that is missing is an error: of some answers
    /// only a second question tells it from a missing object.
    async fn unless_missing<T>(
        &self,
        answer: impl Future<Output = object_store::Result<T>> + Send,
    ) -> Result<Option<T>> {
        match answer.await {
            Ok(found) => Ok(Some(found)),
            Err(error @ object_store::Error::NotFound { .. }) => {
                if words(&error).contains("NoSuchBucket") {
                    return Err(fault(error));
                }
                if !words(&error).contains("NoSuchKey") {
                    self.ping().await?;
                }
                Ok(None)
            }
            Err(error) => Err(fault(error)),
        }
    }
}

/// An error with all its causes.
fn words(error: &dyn std::error::Error) -> String {
    let (mut text, mut next) = (error.to_string(), error.source());
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// The failure, with the setting that a person should look at.
fn fault(error: object_store::Error) -> Error {
    use object_store::Error as S3;
    let said = words(&error);
    let keys = ["InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "InvalidClientTokenId"];
    let refused = matches!(error, S3::PermissionDenied { .. } | S3::Unauthenticated { .. });
    let what = if said.contains("NoSuchBucket") {
        "S3_BUCKET: there is no such bucket"
    } else if refused || keys.iter().any(|code| said.contains(code)) {
        "S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY: the key is wrong or may not do this"
    } else {
        "S3_ENDPOINT: the place of the blobs does not answer as it should"
    };
    Error::unavailable(what).because(error)
}

#[async_trait]
impl Blobs for S3Blobs {
    async fn put_stream(&self, key: &str, chunks: Chunks, most: u64) -> Result<Kept> {
        check_key(key)?;
        let (path, mut metered, mut gathered) = (Path::from(key), Metered::new(chunks, most), BytesMut::new());
        loop {
            if gathered.len() > PART {
                self.parts(&path, gathered, &mut metered).await?;
                break;
            }
            match metered.next().await? {
                Some(chunk) => gathered.extend_from_slice(&chunk),
                None => {
                    self.s3.put(&path, gathered.freeze().into()).await.map_err(fault)?;
                    break;
                }
            }
        }
        Ok(metered.kept())
    }
    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Option<Bytes>> {
        check_key(key)?;
        if range.is_empty() {
            return self.head(key).await?.map_or(Ok(None), |_| Err(impossible()));
        }
        let options = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
        let path = Path::from(key);
        let read = async { self.s3.get_opts(&path, options).await?.bytes().await };
        match self.unless_missing(read).await {
            // What S3 says of an impossible range comes as any other refusal does.
            Err(error) => match self.head(key).await {
                Ok(Some(size)) => Err(cut(&range, size).err().unwrap_or(error)),
                _ => Err(error),
            },
            read => read,
        }
    }
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        check_key(key)?;
        let path = Path::from(key);
        self.unless_missing(async { self.s3.get(&path).await?.bytes().await }).await
    }
    async fn head(&self, key: &str) -> Result<Option<u64>> {
        check_key(key)?;
        let path = Path::from(key);
        Ok(self.unless_missing(async { self.s3.head(&path).await }).await?.map(|about| about.size))
    }
    async fn delete(&self, key: &str) -> Result<()> {
        check_key(key)?;
        let path = Path::from(key);
        self.unless_missing(async { self.s3.delete(&path).await }).await.map(drop)
    }
    async fn signed_url(&self, key: &str, media_type: &str, lasting: Duration) -> Result<Option<String>> {
        check_key(key)?;
        let options = SignedUrlOptions::new().with_query([("response-content-type", media_type)]);
        let path = Path::from(key);
        let signed = self.s3.signed_url_opts(Method::GET, &path, lasting.min(LONGEST), &options);
        Ok(Some(signed.await.map_err(fault)?.into()))
    }
    async fn list(&self, folder: &str, after: Option<String>, limit: usize) -> Result<Vec<Listed>> {
        let below = if folder.is_empty() { None } else { check_key(folder).map(|()| Some(Path::from(folder)))? };
        let listed = match after {
            Some(after) => self.s3.list_with_offset(below.as_ref(), &Path::from(after)),
            None => self.s3.list(below.as_ref()),
        };
        let mut listed = listed.map_err(fault);
        let mut page = vec![];
        while page.len() < limit.min(PAGE)
            && let Some(about) = listed.try_next().await?
        {
            page.push(Listed { key: about.location.into(), size: about.size });
        }
        Ok(page)
    }
    async fn ping(&self) -> Result<()> {
        self.list("", None, 1).await.map(drop)
    }
}
