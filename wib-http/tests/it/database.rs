//! The binary and its database: what cannot be reached, and keys that are made.

use std::process::Output;

use tokio::process::Command;

/// The command with nothing set but these.
async fn wib(arguments: &[&str], data: &std::path::Path, settings: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wib"));
    command.args(arguments).env_clear().env("WIB_DATA", data).envs(settings.iter().copied());
    command.output().await.unwrap()
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_ends_the_start_with_its_variable() {
    let data = tempfile::tempdir().unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("postgres://app:hunter2@{nobody}/wib");
    let websocket = format!("ws://{nobody}/v2");
    let app = ("DATABASE_URL", url.as_str());
    for (settings, told) in [
        (&[app][..], "wib: DATABASE_URL: the database cannot be reached"),
        (&[app, ("WIB_DB_OWNER_URL", &url)], "wib: WIB_DB_OWNER_URL: the database cannot be reached"),
        (&[app, ("WIB_DB_WEBSOCKET", &websocket)], "wib: WIB_DB_WEBSOCKET: the proxy cannot be reached"),
    ] {
        for command in ["serve", "migrate"] {
            let output = wib(&[command], data.path(), settings).await;
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains(told) && !said.contains("hunter2"), "{command}: {said}");
        }
    }
}

#[tokio::test]
async fn a_key_for_secrets_is_made_once_and_for_this_account_alone() {
    let data = tempfile::tempdir().unwrap();
    let mut keys = vec![];
    for _ in 0..2 {
        let output = wib(&["secrets", "rotate"], data.path(), &[]).await;
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("0 secrets sealed anew"), "{output:?}");
        let path = data.path().join("secrets.key");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        keys.push(std::fs::read_to_string(path).unwrap());
    }
    assert!(keys[0].len() == 64 && keys[0] == keys[1]);
    assert_ne!(keys[0], std::fs::read_to_string(data.path().join("evidence.key")).unwrap());
    std::fs::write(data.path().join("secrets.key"), "not a key").unwrap();
    let output = wib(&["secrets", "rotate"], data.path(), &[]).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("64 hexadecimal digits"), "{output:?}");
}
