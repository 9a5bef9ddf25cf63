//! What is done with calls, numbers and sounds.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use wib_core::{caller_ids::StartCallerId, kit::ExposeSecret};

use crate::server::Server;

/// A WAV file without a sample.
pub(crate) const WAV: &str =
    "RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\0\0\0\0";

/// A number that is the organisation's own.
const OWN: &str = "+13125550171";

/// Puts one of everything there, and its id under the start of the paths that name it (`path#name` for one name of several).
pub(crate) async fn fill(server: &Server, ids: &mut Map<String, Json>) {
    // A call that is up: its other end listens for four minutes.
    let up = server.import("+15005550026").await;
    let up = server.send("POST", "/api/calls", &json!({ "account_id": up }).to_string()).await;
    assert_eq!(up.status, 201, "{}", up.json);
    server.pass(Duration::from_secs(15)).await;
    for path in ["/api/calls/{id}/hold", "/api/calls/{id}/transfer"] {
        ids.insert(path.to_owned(), up.json["call"]["id"].clone());
    }
    server.import("+15005550018").await;
    server.import("+15005550006").await;
    let target = server.send("POST", "/api/voice/targets", r#"{"phone_number":"+13125550170"}"#).await;
    ids.insert("/api/voice/targets".to_owned(), target.json["target"]["id"].clone());
    let pending = StartCallerId { phone: OWN.parse().unwrap(), label: None };
    let pending = server.org().await.start_caller_id(pending).await.unwrap();
    ids.insert("caller id's code".to_owned(), json!(pending.code.expose_secret()));
    CODE.with(|code| code.replace(pending.code.expose_secret().to_owned()));
    let proven = StartCallerId { phone: "+13125550172".parse().unwrap(), label: None };
    let proven = server.org().await.start_caller_id(proven).await.unwrap();
    ids.insert("/api/caller-id".to_owned(), json!(proven.caller_id.id));
    let file = server.asks_form(Some(&server.token), "/api/audio/upload", &form("/api/audio/upload").unwrap()).await;
    assert_eq!(file.status, 200, "{}", file.json);
    ids.insert("audio_file".to_owned(), file.json["file"]["id"].clone());
    let asked = json!({ "audio_file_id": file.json["file"]["id"] }).to_string();
    let heard = server.send("POST", "/api/audio/transcribe", &asked).await;
    ids.insert("/api/audio/transcriptions".to_owned(), heard.json["transcription"]["id"].clone());
    FILE.with(|kept| kept.replace(file.json["file"]["id"].clone()));
}

thread_local! {
    static CODE: std::cell::RefCell<String> = const { std::cell::RefCell::new(String::new()) };
    static FILE: std::cell::RefCell<Json> = const { std::cell::RefCell::new(Json::Null) };
}

/// A form of several parts that a row takes; its boundary is `part`.
pub(crate) fn form(path: &str) -> Option<String> {
    let head = "Content-Disposition: form-data; name=\"file\"; filename=\"May 1.wav\"\r\nContent-Type: audio/wav";
    (path == "/api/audio/upload").then(|| format!("--part\r\n{head}\r\n\r\n{WAV}\r\n--part--\r\n"))
}

/// What the document cannot say of a body that is as small as can be.
pub(crate) fn least(method: &str, path: &str, body: &mut Map<String, Json>) {
    match (method, path) {
        ("POST", "/api/calls/{id}/summary") => {
            _ = body.insert("custom_transcript".into(), json!("customer: I can pay fifty dollars on Friday."));
        }
        ("PUT", "/api/calls/{id}/disposition") => _ = body.insert("disposition".into(), json!("dispute")),
        ("POST", "/api/calls/{id}/email") => _ = body.insert("recipients".into(), json!(["desk@example.org"])),
        // It is not held: nothing is to be done at the vendor, and the call can be handed on.
        ("POST", "/api/calls/{id}/hold") => _ = body.insert("hold".into(), json!(false)),
        ("POST", "/api/calls/{id}/transfer") => _ = body.insert("to".into(), json!("+13125550122")),
        ("POST", "/api/voice/call") => _ = body.insert("to_number".into(), json!("+15005550006")),
        ("POST", "/api/webrtc/dial") => _ = body.insert("phone_number".into(), json!("+15005550018")),
        ("POST", "/api/caller-id" | "/api/caller-id/verify") => {
            _ = body.insert("phone_number".into(), json!("+13125550173"));
        }
        ("PUT", "/api/caller-id/verify") => {
            body.insert("phone_number".into(), json!(OWN));
            _ = body.insert("code".into(), json!(CODE.with(|code| code.borrow().clone())));
        }
        ("POST", "/api/audio/transcribe") => {
            _ = body.insert("audio_file_id".into(), FILE.with(|file| file.borrow().clone()));
        }
        _ => {}
    }
}
