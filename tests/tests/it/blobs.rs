//! Recordings where they lie: found out when they are not what was kept, and lent by signed addresses.

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::header;
use serde_json::json;
use wib_core::{
    Settings,
    auth::password::PasswordCost,
    blobs::ReadSigned,
    calls::CallExport,
    engine::{NewMessage, Topic},
    kit::{Kind, canonical, time},
    ports::{
        Blobs,
        transcriber::{MockTranscriber, TranscriptState},
    },
    recordings::Recording,
    transcripts::{TranscriptJob, TranscriptStatus},
};
use wib_http::{AppConfig, app, serve};
use wib_storage::MemoryBlobs;

use crate::{
    keeping::Archive,
    stage::{NOON, Stage, magic},
};

async fn kept(stage: &Stage) -> (CallExport, Recording, String) {
    let account = stage.account(&magic(5)).await;
    let call = stage.start(&account).await.unwrap();
    let export = stage.sealed(call.id).await;
    let recording = export.recordings[0].clone();
    let key = recording.blob_key.clone().unwrap();
    (export, recording, key)
}

#[tokio::test]
async fn a_recording_that_is_not_what_was_kept_is_never_given_out() {
    let archive = Archive::new().await;
    let (_, recording, key) = kept(&archive.stage).await;
    let org = &archive.stage.org;
    let (_, true_bytes) = org.recording_audio(recording.id).await.unwrap();
    assert_eq!(recording.media_hash.as_deref(), Some(canonical::sha256(&true_bytes).as_str()));
    let mut other = true_bytes.to_vec();
    *other.last_mut().unwrap() ^= 1;
    for (bytes, code) in
        [(Some(other), "BLOB_CORRUPT"), (Some(true_bytes[1..].to_vec()), "BLOB_CORRUPT"), (None, "BLOB_MISSING")]
    {
        match bytes {
            Some(bytes) => archive.blobs.put(&key, bytes.into()).await.unwrap(),
            None => archive.blobs.delete(&key).await.unwrap(),
        }
        let error = org.recording_audio(recording.id).await.unwrap_err();
        assert_eq!((error.kind(), error.machine_code()), (Kind::Unavailable, code), "{error:?}");
    }
    archive.blobs.put(&key, true_bytes.clone()).await.unwrap();
    assert_eq!(org.recording_audio(recording.id).await.unwrap().1, true_bytes);
}

#[tokio::test]
async fn an_order_for_bytes_that_are_gone_or_changed_is_given_up_like_any_other() {
    let archive = Archive::new().await;
    let stage = &archive.stage;
    let (export, recording, key) = kept(stage).await;
    let job: TranscriptJob = export.transcript_jobs[0].clone();
    for (n, bytes) in
        [None, Some(vec![1; usize::try_from(recording.size_bytes.unwrap()).unwrap()])].into_iter().enumerate()
    {
        match bytes {
            Some(bytes) => archive.blobs.put(&key, bytes.into()).await.unwrap(),
            None => archive.blobs.delete(&key).await.unwrap(),
        }
        // As if it had not been ordered yet.
        let mut tx = stage.store.org(stage.org.id()).await.unwrap();
        let queued =
            TranscriptJob { vendor_id: None, audio_url: None, status: TranscriptStatus::Queued, ..job.clone() };
        tx.update(&queued).await.unwrap();
        let payload = json!({ "call_id": job.call_id, "job_id": job.id });
        let (topic, key) = (Topic::SubmitTranscript, format!("again {n}"));
        tx.enqueue(&NewMessage { topic, key, payload, run_at: stage.now() }).await.unwrap();
        tx.commit().await.unwrap();
        for _ in 0..20 {
            stage.work().await;
            stage.pass(600);
        }
        let letters = stage.wib.system().dead_letters(9).await.unwrap();
        assert_eq!(letters.len(), n + 1, "{letters:?}");
        assert!(letters[n].last_error.as_deref().is_some_and(|why| why.contains("the bytes are")), "{letters:?}");
    }
}

/// The bytes of an address of ours, as its holder asks for them.
async fn lent(stage: &Stage, url: &str) -> Bytes {
    let (path, query) = url.split_once("/blobs/").unwrap().1.split_once('?').unwrap();
    let of = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name)).unwrap().to_owned();
    let asked = ReadSigned {
        key: path.to_owned(),
        r#type: of("type="),
        until: of("until=").parse().unwrap(),
        signature: of("signature="),
    };
    stage.wib.system().read_signed(&asked).await.unwrap().whole().await.unwrap()
}

#[tokio::test]
async fn a_vendor_is_lent_the_recording_and_gets_it_by_upload_when_it_could_not_reach_it() {
    let (orders, blobs) = (Arc::new(Mutex::new(vec![])), MemoryBlobs::default());
    let mut transcriber = MockTranscriber::new();
    transcriber.expect_vendor().return_const("assemblyai");
    transcriber.expect_live().return_const(true);
    transcriber.expect_upload().times(1).returning(|_, _| Ok("https://vendor.example/upload/1".to_owned()));
    let ordered = orders.clone();
    transcriber.expect_submit().returning(move |order| {
        let mut orders = ordered.lock().unwrap();
        orders.push(order.audio_url.clone());
        Ok(format!("t{}", orders.len()))
    });
    transcriber.expect_fetch().returning(|id| match id {
        "t1" => Ok(TranscriptState::Failed("Download error: 403".to_owned())),
        _ => Ok(TranscriptState::Pending),
    });
    let kept = Arc::new(blobs.clone());
    let stage = Stage::with(NOON, 1, |builder, _| {
        let mut settings = Settings::default();
        settings.public_url = Some("https://calls.example.com/".to_owned());
        settings.password_cost = PasswordCost::TEST;
        builder.transcriber(Arc::new(transcriber)).settings(settings).blobs(kept)
    })
    .await;
    let account = stage.account(&magic(5)).await;
    stage.start(&account).await.unwrap();
    let deadline = time::after(stage.now(), Duration::from_secs(3 * 3600));
    let seen = orders.clone();
    stage.sandbox.play(&stage.wib, &stage.clock, deadline, async || Ok(seen.lock().unwrap().len() == 2)).await.unwrap();
    let orders = orders.lock().unwrap().clone();
    let (key, bytes) = blobs.entries().pop().unwrap();
    assert!(orders[0].starts_with(&format!("https://calls.example.com/blobs/{key}?type=audio/")), "{orders:?}");
    assert_eq!(orders[1..], ["https://vendor.example/upload/1"]);
    assert_eq!(lent(&stage, &orders[0]).await, bytes);
}

/// The archive's server on a port, and its address.
async fn served(archive: &Archive) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let app = app(archive.stage.wib.clone(), &AppConfig::default());
    tokio::spawn(serve::serve(listener, app, Arc::new(wib_core::kit::SystemClock), pending()));
    address
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn an_address_of_ours_gives_any_client_the_bytes_until_its_time_is_over() {
    let archive = Archive::new().await;
    let (_, recording, key) = kept(&archive.stage).await;
    let (address, client) = (served(&archive).await, client());
    let url = archive.stage.org.recording_url(recording.id, Duration::from_secs(600)).await.unwrap().unwrap();
    let url = url.replace("http://sandbox.wib", &address);
    let bytes = archive.blobs.get(&key).await.unwrap().unwrap();
    let whole = client.get(&url).send().await.unwrap();
    assert_eq!(
        (whole.status().as_u16(), &whole.headers()[header::CONTENT_TYPE]),
        (200, &recording.content_type.parse().unwrap())
    );
    assert_eq!(whole.headers()[header::CONTENT_LENGTH], bytes.len().to_string().as_str());
    assert_eq!(whole.bytes().await.unwrap(), bytes);
    let part = client.get(&url).header(header::RANGE, "bytes=5-9").send().await.unwrap();
    assert_eq!((part.status().as_u16(), part.bytes().await.unwrap()), (206, bytes.slice(5..10)));
    let behind = client.get(&url).header(header::RANGE, "bytes=999999999-").send().await.unwrap();
    assert_eq!(behind.status(), 416);
    let (head, signature) = url.split_once("&signature=").unwrap();
    let turned: String = signature.chars().map(|c| if c == 'a' { 'b' } else { 'a' }).collect();
    let (before, until) = head.split_once("&until=").unwrap();
    let later = format!("{before}&until={}&signature={signature}", until.parse::<i64>().unwrap() + 1);
    for forged in [
        format!("{head}&signature={turned}"),
        format!("{head}&signature="),
        later,
        url.replace("/recordings/", "/recordings/x"),
        url.replace("audio/", "text/"),
    ] {
        assert_ne!(forged, url);
        let refused = client.get(&forged).send().await.unwrap();
        assert_eq!(refused.status(), 403, "{forged}");
    }
    assert_eq!(client.get(head).send().await.unwrap().status(), 400);
    archive.stage.pass(599);
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    archive.stage.pass(1);
    assert_eq!(client.get(&url).send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn a_long_recording_flows_and_is_broken_off_when_it_is_not_what_was_kept() {
    let archive = Archive::new().await;
    let (_, recording, key) = kept(&archive.stage).await;
    let long: Vec<u8> = (0..(20 << 20) + 7).map(|n: u32| u8::try_from(n % 251).unwrap()).collect();
    let hash = canonical::sha256(&long);
    let (id, size) = (recording.id, long.len());
    archive.behind.unguard("recordings").await;
    archive.behind.raw(&format!("UPDATE recordings SET size_bytes = {size}, media_hash = '{hash}'")).await;
    archive.blobs.put(&key, long.clone().into()).await.unwrap();
    let (_, opened) = archive.stage.org.open_recording(id).await.unwrap();
    let url = archive.stage.org.recording_url(id, Duration::from_secs(600)).await.unwrap().unwrap();
    let url = url.replace("http://sandbox.wib", &served(&archive).await);
    let answer = client().get(&url).send().await.unwrap();
    assert_eq!(answer.headers()[header::CONTENT_LENGTH], size.to_string().as_str());
    assert!(answer.bytes().await.unwrap() == long);
    assert!(opened.whole().await.unwrap() == long);
    let mut other = long.clone();
    other[3 << 20] ^= 1;
    archive.blobs.put(&key, other.into()).await.unwrap();
    // Whoever reads the stream to its end sees the fault before the last piece.
    let mut pieces = opened.pieces(0..opened.size()).unwrap();
    let mut seen = 0;
    let fault = loop {
        match futures_util::StreamExt::next(&mut pieces).await.expect("no end before the fault") {
            Ok(piece) => seen += piece.len(),
            Err(error) => break error,
        }
    };
    assert_eq!(fault.machine_code(), "BLOB_CORRUPT");
    assert!(seen < size, "the last piece is not given");
}
