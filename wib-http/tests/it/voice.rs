//! What members do with calls, numbers and sounds, as the wire has it.

use serde_json::{Value as Json, json};
use wib_core::{caller_ids::StartCallerId, kit::ExposeSecret};

use crate::{
    compliance::ok,
    house::voice::{WAV, form},
    server::{Answer, Server},
};

const NOBODY: &str = "00000000-0000-7000-8000-000000000001";

async fn call(server: &Server) -> String {
    let account = server.import("+15005550001").await;
    let placed = server.post("/api/calls", json!({ "account_id": account, "metadata": { "ref": "A-1" } })).await;
    ok(&placed, 201)["call"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_outcomes_errors_are_nested_and_have_their_own_codes() {
    let server = Server::start().await;
    let id = call(&server).await;
    let path = format!("/api/calls/{id}/outcome");
    let nested = |answer: &Answer, status: u16, code: &str| {
        assert_eq!(answer.status, status, "{}", answer.json);
        let error = &answer.json["error"];
        assert_eq!((&answer.json["success"], &error["code"]), (&json!(false), &json!(code)));
        assert!(error["message"].is_string());
    };
    for (method, body) in [("GET", ""), ("POST", r#"{"outcome_status":"agreed"}"#), ("PUT", "{}")] {
        nested(&server.send(method, "/api/calls/17/outcome", body).await, 400, "INVALID_CALL_ID");
        nested(&server.send(method, &format!("/api/calls/{NOBODY}/outcome"), body).await, 404, "CALL_NOT_FOUND");
    }
    nested(&server.send("POST", "/api/calls/17/summary", "{}").await, 400, "INVALID_CALL_ID");
    nested(&server.send("POST", &format!("/api/calls/{id}/summary"), "{}").await, 400, "NO_TRANSCRIPT");
    nested(&server.send("PUT", &path, "{}").await, 404, "OUTCOME_NOT_FOUND");
    let none = server.get(&path).await;
    assert_eq!(ok(&none, 200)["data"], json!({ "call_id": id, "outcome": null, "history": [], "has_outcome": false }));
    nested(&server.post(&path, json!({ "outcome_status": "perhaps" })).await, 400, "VALIDATION_ERROR");
    let wish = json!({ "outcome_status": "agreed", "agreed_items": ["Pays 50"], "readback_confirmed": true });
    let declared = server.post(&path, wish.clone()).await;
    let outcome = ok(&declared, 201)["data"]["outcome"].clone();
    assert_eq!((&outcome["confidence_level"], &outcome["summary_source"]), (&json!("high"), &json!("human")));
    assert_eq!(outcome["declared_by_user"]["email"], "ann@example.com");
    assert_eq!((&outcome["revision_number"], &outcome["readback_timestamp"]), (&json!(1), &outcome["created_at"]));
    nested(&server.post(&path, wish).await, 409, "OUTCOME_EXISTS");
    let revised = server.send("PUT", &path, r#"{"summary_text":"She pays."}"#).await;
    assert_eq!(ok(&revised, 200)["data"]["revision"], 2);
    assert_eq!(revised.json["data"]["outcome"]["agreed_items"], json!(["Pays 50"]));
    let told = server.get(&path).await;
    assert_eq!(ok(&told, 200)["data"]["history"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_said_of_a_call_is_shown_with_it_and_in_its_export() {
    let server = Server::start().await;
    let id = call(&server).await;
    let path = |end: &str| format!("/api/calls/{id}/{end}");
    let note = server.post(&path("notes"), json!({ "content": "Mornings." })).await;
    assert_eq!(ok(&note, 201)["note"]["author_email"], "ann@example.com");
    let set = json!({ "disposition": "disputed", "disposition_notes": "Her sister pays." }).to_string();
    let set = server.send("PUT", &path("disposition"), &set).await;
    assert_eq!(
        ok(&set, 200)["call"],
        json!({ "id": id, "disposition": "dispute", "disposition_notes": "Her sister pays." })
    );
    ok(&server.post(&path("outcome"), json!({ "outcome_status": "partial" })).await, 201);
    let shown = server.get(&format!("/api/calls/{id}")).await;
    let shown = &ok(&shown, 200)["call"];
    assert_eq!((&shown["disposition"], &shown["metadata"]), (&json!("dispute"), &json!({ "ref": "A-1" })));
    let export = server.get(&path("export")).await;
    let export = &ok(&export, 200)["export"];
    assert_eq!(export["outcome"]["outcome_status"], "partial");
    assert_eq!(export["notes"][0]["content"], "Mornings.");
    assert_eq!(export["call"]["disposition_notes"], "Her sister pays.");
    server.import("+15005550006").await;
    let system = server.post("/api/calls/start", json!({ "phone_number": "+15005550006", "system_id": NOBODY })).await;
    assert_eq!(ok(&system, 201)["call"]["system_id"], NOBODY);
    let hint = server.get(&path("ai-suggest")).await;
    assert_eq!(hint.json, json!({ "suggestion": null, "reason": "no_transcript" }));
    let mailed = server.post(&path("email"), json!({ "recipients": ["desk@example.org"] })).await;
    assert_eq!(ok(&mailed, 200)["recipients"], json!(["desk@example.org"]));
}

#[tokio::test]
async fn a_body_names_no_other_organisation_than_the_sessions() {
    let server = Server::start().await;
    let own = server.org().await.id();
    let invalid = |answer: &Answer| {
        assert_eq!(answer.status, 400, "{}", answer.json);
        assert!(answer.json["error"].as_str().unwrap().contains("Invalid organization"), "{}", answer.json);
    };
    let target = |org: Json| json!({ "organization_id": org, "phone_number": "+13125550170" });
    invalid(&server.post("/api/voice/targets", target(json!(NOBODY))).await);
    invalid(&server.send("PUT", "/api/voice/config", &json!({ "orgId": NOBODY }).to_string()).await);
    let call = json!({ "organization_id": NOBODY, "to_number": "+13125550170" });
    invalid(&server.post("/api/voice/call", call).await);
    let saved = server.post("/api/voice/targets", target(json!(own))).await;
    assert_eq!(ok(&saved, 200)["target"]["phone_number"], "+13125550170");
    let again = server.post("/api/voice/targets", target(json!(own))).await;
    assert_eq!(again.status, 409, "{}", again.json);
    let gone = server.post("/api/voice/call", json!({ "target_id": NOBODY })).await;
    assert_eq!(gone.status, 404, "{}", gone.json);
    let neither = server.post("/api/voice/call", json!({})).await;
    assert!(ok(&neither, 400)["error"].as_str().unwrap().starts_with("to_number: "), "{}", neither.json);
    let bridge = server.post("/api/voice/call", json!({ "to_number": "+15005550001", "flow_type": "bridge" })).await;
    assert!(ok(&bridge, 400)["error"].as_str().unwrap().starts_with("from_number: "), "{}", bridge.json);
}

#[tokio::test]
async fn what_nobody_said_of_calls_is_off_and_what_was_said_is_kept() {
    let server = Server::start().await;
    let none = server.get("/api/voice/config").await;
    let none = ok(&none, 200)["config"].clone();
    for what in ["record", "transcribe", "translate", "survey", "synthetic_caller"] {
        assert_eq!(none[what], false, "{what}");
    }
    let put = json!({ "modulations": { "record": false, "translate_to": "es", "survey": true } }).to_string();
    let put = server.send("PUT", "/api/voice/config", &put).await;
    let kept = server.get("/api/voice/config").await;
    assert_eq!(ok(&put, 200)["config"], ok(&kept, 200)["config"]);
    let kept = &kept.json["config"];
    assert_eq!((&kept["record"], &kept["survey"], &kept["translate_to"]), (&json!(false), &json!(true), &json!("es")));
    assert_eq!(kept["transcribe"], true, "it is what happens");
    let account = server.import("+15005550001").await;
    let placed = server.post("/api/calls", json!({ "account_id": account })).await;
    assert_eq!(ok(&placed, 201)["call"]["recording_enabled"], false);
    let unknown = json!({ "modulations": { "key": "secret" } }).to_string();
    let unknown = server.send("PUT", "/api/voice/config", &unknown).await;
    assert!(ok(&unknown, 400)["error"].as_str().unwrap().starts_with("modulations"), "{}", unknown.json);
}

#[tokio::test]
async fn a_code_is_sent_to_the_number_and_told_to_nobody() {
    let server = Server::start().await;
    let asked = server.post("/api/caller-id", json!({ "phone_number": "+13125550171" })).await;
    assert_eq!(ok(&asked, 200)["phone_number"], "+13125550171");
    let alias = server.post("/api/caller-id/verify", json!({ "phone_number": "+13125550171", "label": "Desk" })).await;
    ok(&alias, 200);
    for path in ["/api/caller-id", "/api/caller-id/verify"] {
        let listed = server.get(path).await;
        let row = &ok(&listed, 200)["callerIds"][0];
        assert_eq!((&row["status"], &row["label"]), (&json!("pending"), &json!("Desk")));
        assert!(!listed.json.to_string().contains("code"), "{}", listed.json);
    }
    let confirm = |code: &str| json!({ "phone_number": "+13125550171", "code": code }).to_string();
    let pending = StartCallerId { phone: "+13125550171".parse().unwrap(), label: None };
    let code = server.org().await.start_caller_id(pending).await.unwrap().code;
    let wrong = if code.expose_secret() == "000000" { "000001" } else { "000000" };
    let refused = server.send("PUT", "/api/caller-id/verify", &confirm(wrong)).await;
    assert!(ok(&refused, 400)["error"].as_str().unwrap().starts_with("code: "), "{}", refused.json);
    ok(&server.send("PUT", "/api/caller-id/verify", &confirm(code.expose_secret())).await, 200);
    let none = server.send("PUT", "/api/caller-id/verify", &confirm("123456")).await;
    assert_eq!(none.status, 404, "{}", none.json);
    let again = server.post("/api/caller-id", json!({ "phone_number": "+13125550171" })).await;
    assert_eq!(again.status, 409, "{}", again.json);
}

#[tokio::test]
async fn a_page_signs_in_and_no_key_is_told() {
    let server = Server::start().await;
    let token = server.get("/api/webrtc/token").await;
    let told = ok(&token, 200);
    assert!(told["token"].as_str().is_some_and(|token| token.split('.').count() == 3), "{told}");
    assert_eq!(told["rtcConfig"]["iceServers"].as_array().unwrap().len(), 2);
    assert_eq!(told["caller_id"], "+13125550100");
    assert!(token.headers["cache-control"].to_str().unwrap().contains("no-store"));
    let again = server.get("/api/webrtc/token").await;
    assert_eq!(ok(&again, 200)["token"], told["token"]);
    let debug = server.get("/api/webrtc/debug").await;
    assert_eq!(ok(&debug, 200)["connection_status"], "ready");
    let text = debug.json.to_string();
    assert!(!text.contains("1000000000000000002") && !text.contains("password") && text.contains("...0002"), "{text}");
}

#[tokio::test]
async fn a_file_is_brought_in_a_form_and_heard_again() {
    let server = Server::start().await;
    let upload = async |form: &str| server.asks_form(Some(&server.token), "/api/audio/upload", form).await;
    let part = |name: &str, file: &str, bytes: &str| {
        format!("--part\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{bytes}\r\n")
    };
    let named = "; filename=\"a.wav\"";
    for (form, says) in [
        ("--part--\r\n".to_owned(), "No file provided"),
        (part("file", named, "<html>") + "--part--\r\n", "file: "),
        (part("other", "", "x") + "--part--\r\n", "form"),
        (part("call_id", "", "17") + &part("file", named, WAV) + "--part--\r\n", "call_id: "),
        ("no form".to_owned(), "form"),
    ] {
        let refused = upload(&form).await;
        let told = refused.json["error"].as_str().unwrap_or_default();
        assert!(refused.status == 400 && told.contains(says), "{form:?}: {}", refused.json);
        assert_eq!(refused.json["success"], false);
    }
    let plain = server.post("/api/audio/upload", json!({ "file": "x" })).await;
    assert!(ok(&plain, 400)["error"].as_str().unwrap().contains("No file provided"), "{}", plain.json);
    let nobodys = part("call_id", "", NOBODY) + &part("file", named, WAV) + "--part--\r\n";
    assert_eq!(upload(&nobodys).await.status, 404);
    let long = part("call_id", "", &"x".repeat(200)) + "--part--\r\n";
    assert_eq!(upload(&long).await.status, 413);
    let kept = upload(&form("/api/audio/upload").unwrap()).await;
    let file = ok(&kept, 200)["file"].clone();
    assert_eq!((&file["original_name"], &file["content_type"]), (&json!("May 1.wav"), &json!("audio/wav")));
    let path = format!("/api/audio/files/{}", file["id"].as_str().unwrap());
    let heard = server.get(&path).await;
    assert_eq!((heard.status, heard.headers["content-type"].to_str().unwrap()), (200, "audio/wav"));
    assert_eq!(heard.bytes, WAV.as_bytes());
    let absent = server.get(&format!("/api/audio/files/{NOBODY}")).await;
    assert_eq!(absent.status, 404, "{}", absent.json);
    let call = call(&server).await;
    let of_call = part("call_id", "", &call) + &part("file", named, WAV) + "--part--\r\n";
    assert_eq!(ok(&upload(&of_call).await, 200)["file"]["call_id"], json!(call));
    let neither = server.post("/api/audio/transcribe", json!({})).await;
    assert_eq!(neither.status, 400, "{}", neither.json);
    let absent = server.post("/api/audio/transcribe", json!({ "audio_file_id": NOBODY })).await;
    assert_eq!(absent.status, 404, "{}", absent.json);
    let begun =
        server.post("/api/audio/transcribe", json!({ "file_key": file["file_key"], "audio_file_id": null })).await;
    assert_eq!(ok(&begun, 200)["transcription"]["status"], "processing");
}
