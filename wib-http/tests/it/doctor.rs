use std::process::Output;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    process::Command,
};

/// The doctor's findings and its exit code, with nothing set but these.
async fn doctor(settings: &[(&str, &str)]) -> (Vec<Value>, Option<i32>, Output) {
    let data = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wib"));
    command.args(["doctor", "--json"]).env_clear().env("WIB_DATA", data.path()).envs(settings.iter().copied());
    let output = command.output().await.unwrap();
    let findings = serde_json::from_slice(&output.stdout).unwrap_or_default();
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0, "a doctor changes nothing");
    (findings, output.status.code(), output)
}

/// A vendor that answers everything with one status.
async fn vendor(status: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await;
            let body = r#"{"error":{"message":"Invalid API Key","code":"invalid_api_key"}}"#;
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = socket.write_all(answer.as_bytes()).await;
        }
    });
    address
}

fn of<'a>(findings: &'a [Value], adapter: &str) -> &'a Value {
    findings.iter().find(|finding| finding["adapter"] == adapter).unwrap_or_else(|| panic!("{findings:#?}"))
}

#[tokio::test]
async fn a_machine_without_keys_is_well_and_is_told_what_to_set() {
    let (findings, code, output) = doctor(&[]).await;
    assert_eq!(code, Some(0), "{output:?}");
    let telnyx = of(&findings, "telnyx");
    assert_eq!((&telnyx["port"], &telnyx["state"], &telnyx["ok"]), (&"voice".into(), &"sandbox".into(), &true.into()));
    assert_eq!(telnyx["to_go_live"], "TELNYX_API_KEY, TELNYX_CONNECTION_ID");
    assert!(telnyx["latency_ms"].is_u64());
    assert_eq!((&of(&findings, "sqlite")["ok"], &of(&findings, "sqlite")["port"]), (&true.into(), &"store".into()));
    assert_eq!((&of(&findings, "folder")["port"], &of(&findings, "folder")["ok"]), (&"blobs".into(), &true.into()));
    for finding in &findings {
        assert!(finding["ok"] != false, "{finding}");
    }
}

#[tokio::test]
async fn a_configured_vendor_that_refuses_fails_the_examination_and_its_key_is_not_shown() {
    let refusing = vendor("401 Unauthorized").await;
    let (findings, code, output) = doctor(&[("GROQ_API_KEY", "gsk_canary_5117"), ("GROQ_BASE_URL", &refusing)]).await;
    assert_eq!(code, Some(1));
    let groq = of(&findings, "groq");
    assert_eq!((&groq["state"], &groq["ok"], &groq["to_go_live"]), (&"live".into(), &false.into(), &Value::Null));
    let error = groq["error"].as_str().unwrap();
    assert!(error.contains("401") && error.contains("GROQ_API_KEY"), "{error}");
    // The others of a live port are not asked, and it is said what they want.
    assert_eq!(
        (&of(&findings, "xai")["state"], &of(&findings, "xai")["to_go_live"]),
        (&"unset".into(), &"XAI_API_KEY".into())
    );
    let told = [output.stdout, output.stderr].concat();
    assert!(!String::from_utf8_lossy(&told).contains("canary"));
}

#[tokio::test]
async fn a_configured_vendor_that_answers_is_live_and_one_that_is_not_there_is_ill() {
    let answering = vendor("200 OK").await;
    let (findings, code, _) = doctor(&[("XAI_API_KEY", "k"), ("XAI_BASE_URL", &answering)]).await;
    assert_eq!((code, &of(&findings, "xai")["ok"]), (Some(0), &true.into()));
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (findings, code, _) = doctor(&[("XAI_API_KEY", "k"), ("XAI_BASE_URL", &format!("http://{gone}"))]).await;
    assert_eq!((code, &of(&findings, "xai")["ok"]), (Some(1), &false.into()));
    let bucket = [
        ("S3_BUCKET", "calls"),
        ("S3_ENDPOINT", &format!("http://{gone}")),
        ("S3_ACCESS_KEY_ID", "id"),
        ("S3_SECRET_ACCESS_KEY", "k"),
    ];
    let (findings, code, _) = doctor(&bucket).await;
    let error = of(&findings, "s3")["error"].as_str().unwrap();
    assert!(code == Some(1) && error.contains("S3_ENDPOINT"), "{error}");
    let (findings, code, _) = doctor(&[("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")]).await;
    let store = of(&findings, "postgresql");
    assert_eq!((code, &store["ok"]), (Some(1), &false.into()));
    assert!(store["error"].as_str().unwrap().contains("DATABASE_URL"));
}
