//! PostgreSQL over WebSocket.

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::{SinkExt, StreamExt};
use sqlx::{
    Connection, Row,
    postgres::{PgListener, PgPoolOptions},
};
use tokio::net::TcpListener;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring},
};
use tokio_tungstenite::{
    accept_async,
    tungstenite::{
        Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use wib_core::{
    collections::Person,
    kit::{Clock, Kind, SystemClock, time::timeout},
    store::Store,
};
use wib_storage::{
    Database, PgUrls, SqlStore, WebSocket, migrate,
    testing::{
        postgres_store,
        proxy::{Proxy, Speech},
        websocket_store,
    },
};

use crate::{
    clock,
    pooled::{organization, person},
};

mod suite {
    async fn make(name: &'static str) -> Option<wib_storage::testing::TunnelStore> {
        super::websocket_store(name, crate::clock()).await
    }
    wib_core::store_suite!(make);
}

const HOST: &str = "ep-x.example.com";

fn through(template: &str) -> PgUrls {
    let websocket = Some(WebSocket::new(template).unwrap());
    PgUrls { websocket, ..PgUrls::one(format!("postgres://app:hunter2@{HOST}/wib")) }
}

#[tokio::test]
async fn migrations_pools_and_listening_go_through_it() {
    let Some(store) = websocket_store("migrations_pools_and_listening_go_through_it", clock()).await else { return };
    let database = Database::Postgres(store.urls().clone());
    assert_eq!(migrate::up(&database, SystemClock.now()).await.unwrap(), 0);
    assert!(migrate::plan(&database).await.unwrap().is_empty());
    let direct = store.urls().direct().unwrap();
    let pool = PgPoolOptions::new().max_connections(2).connect_with(direct.options().clone()).await.unwrap();
    let mut listener = PgListener::connect_with(&pool).await.unwrap();
    listener.listen("wib_test").await.unwrap();
    for n in 0..20 {
        sqlx::query("SELECT pg_notify('wib_test', $1)").bind(format!("{n}")).execute(&pool).await.unwrap();
    }
    for n in 0..20 {
        assert_eq!(listener.recv().await.unwrap().payload(), n.to_string());
    }
    // An answer of many frames, and a question of many.
    let long = "x".repeat(3_000_000);
    let back: String = sqlx::query("SELECT $1 || $1").bind(&long).fetch_one(&pool).await.unwrap().get(0);
    assert_eq!(back.len(), 6_000_000);
}

#[tokio::test]
async fn a_proxy_that_dies_in_mid_transaction_is_an_error_to_try_again() {
    const NAME: &str = "a_proxy_that_dies_in_mid_transaction_is_an_error_to_try_again";
    let Some(store) = websocket_store(NAME, clock()).await else { return };
    let organization = organization(&store, "first").await;
    let held = person("held");
    let mut tx = store.org(organization).await.unwrap();
    tx.insert(&held).await.unwrap();
    store.proxy.cut();
    let error = tx.insert(&person("second")).await.unwrap_err();
    assert!(error.retryable() && error.machine_code() == "DATABASE_ERROR", "{error:?}");
    assert!(tx.commit().await.is_err());
    let error = store.org(organization).await.err().unwrap();
    // Callers of the API are told no more than this; the log learns whose it is.
    assert!(error.retryable() && error.message() == "the database does not answer", "{error:?}");
    assert!(error.chain().contains("WIB_DB_WEBSOCKET"), "{error:?}");
    store.proxy.mend();
    let mut tx = store.org(organization).await.unwrap();
    assert_eq!(tx.find(held.id).await.unwrap(), None::<Person>, "nothing of the lost transaction is kept");
    tx.insert(&held).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_proxy_that_refuses_the_address_is_named_without_the_password() {
    const NAME: &str = "a_proxy_that_refuses_the_address_is_named_without_the_password";
    let Some(store) = postgres_store(NAME, clock()).await else { return };
    let proxy = Proxy::start(Speech::WebSocket { only: "other.example.com:5432".to_owned() }, &store.server());
    let urls = through(&format!("ws://{}/v1?address={{host}}:{{port}}", proxy.address()));
    let error = SqlStore::open(&Database::Postgres(urls), clock()).await.unwrap_err();
    assert_eq!(error.message(), "WIB_DB_WEBSOCKET: the proxy answered 400");
    assert!(error.retryable() && !format!("{error:?}").contains("hunter2"), "{error:?}");
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = SqlStore::open(&Database::Postgres(through(&format!("ws://{nobody}/v2"))), clock()).await.unwrap_err();
    assert!(error.message().starts_with("WIB_DB_WEBSOCKET: the proxy cannot be reached"), "{error:?}");
    // The database behind an honest proxy refuses in its own words.
    let proxy = Proxy::start(Speech::WebSocket { only: format!("{HOST}:5432") }, &store.server());
    let urls = through(&format!("ws://{}/v1?address={{host}}:{{port}}", proxy.address()));
    let error = SqlStore::open(&Database::Postgres(urls), clock()).await.unwrap_err();
    assert!(error.message().starts_with("DATABASE_URL: "), "{error:?}");
}

#[tokio::test]
async fn over_tls_the_proxy_must_be_whom_the_roots_trust() {
    const NAME: &str = "over_tls_the_proxy_must_be_whom_the_roots_trust";
    let Some(store) = postgres_store(NAME, clock()).await else { return };
    let (chain, key) = (include_bytes!("localhost.pem"), include_bytes!("localhost.key.pem"));
    let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let tls = tls.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let chain_of = |pem: &[u8]| {
        use rustls_pki_types::{CertificateDer, pem::PemObject};
        CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().unwrap()
    };
    let key = rustls_pki_types::pem::PemObject::from_pem_slice(key).unwrap();
    let tls = TlsAcceptor::from(Arc::new(tls.with_single_cert(chain_of(chain), key).unwrap()));
    let proxy = Proxy::start(Speech::Secure { only: format!("{HOST}:5432"), tls }, &store.server());
    let template = |host: &str| format!("wss://{host}:{}/v1?address={{host}}:{{port}}", proxy.address().port());
    let urls = store.urls_at(HOST, 5432);
    let with = |websocket| Database::Postgres(PgUrls { owner: None, websocket: Some(websocket), ..urls.clone() });
    let trusted = with(WebSocket::trusting(&template("localhost"), chain).unwrap());
    SqlStore::open(&trusted, clock()).await.unwrap().ping().await.unwrap();
    for stranger in [
        WebSocket::new(&template("localhost")).unwrap(),
        // Trusted, under another name.
        WebSocket::trusting(&template("127.0.0.1"), chain).unwrap(),
    ] {
        let error = SqlStore::open(&with(stranger), clock()).await.unwrap_err();
        assert!(error.message().starts_with("WIB_DB_WEBSOCKET: the proxy is not to be trusted"), "{error:?}");
    }
    assert_eq!(WebSocket::trusting(&template("localhost"), b"").unwrap_err().kind(), Kind::Invalid);
}

#[test]
fn an_address_is_wss_and_filled_in() {
    for template in [
        "wss://{host}/v2",
        "wss://p.example.com/v1?address={host}:{port}",
        "ws://127.0.0.1:9/v2",
        "ws://[::1]:9/",
        "ws://localhost/",
    ] {
        WebSocket::new(template).unwrap();
    }
    for template in ["", "{host}", "https://{host}/v2", "ws://{host}/v2", "ws://10.0.0.1/", "wss:///v2", "wss://a b/"] {
        assert_eq!(WebSocket::new(template).unwrap_err().kind(), Kind::Invalid, "{template}");
    }
}

#[tokio::test]
async fn a_host_cannot_smuggle_another_address_in() {
    for host in ["a%20b", "x%26address=evil:1", "x%2F..", "x%23"] {
        let urls = PgUrls {
            app: format!("postgres://app@h/wib?host={host}").into(),
            ..through("wss://p.example.com/?a={host}")
        };
        let error = SqlStore::open(&Database::Postgres(urls), clock()).await.unwrap_err();
        let told = "WIB_DB_WEBSOCKET: the database's host is no name and no address";
        assert_eq!(error.message(), told, "{host}");
    }
}

#[tokio::test]
async fn the_socket_is_for_this_account_alone_and_gone_with_its_login() {
    use std::os::unix::fs::PermissionsExt;
    let login = through("wss://{host}/v2").direct().unwrap();
    let folder = login.options().get_socket().unwrap().clone();
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(folder.join(".s.PGSQL.5432").exists());
    let second = login.clone();
    drop(login);
    assert!(folder.exists(), "a copy keeps it");
    drop(second);
    assert!(!folder.exists());
}

/// What a proxy does with a connection.
async fn scripted<F: Future<Output = ()> + Send + 'static>(
    script: impl Fn(tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>) -> F + Send + Sync + 'static,
) -> PgUrls {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            script(accept_async(near).await.unwrap()).await;
        }
    });
    through(&format!("ws://{address}/v2"))
}

/// The recorded exchange, from the vendor's side: frames whose edges are not the messages', and the close at the end.
#[tokio::test]
async fn the_recorded_exchange_is_played_through() {
    let Ok(contracts) = std::env::var("WIB_CONTRACTS") else {
        return wib_storage::testing::servers::skipped("the_recorded_exchange_is_played_through", "contracts");
    };
    let text = std::fs::read_to_string(format!("{contracts}/realtime/neon-websocket-postgres.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let bytes = |line: &serde_json::Value| BASE64_STANDARD.decode(line["bytes_b64"].as_str().unwrap()).unwrap();
    let vendor: Vec<_> = lines.iter().filter(|l| l["from"] == "vendor" && l["kind"] == "binary").map(bytes).collect();
    let close = lines.iter().find(|l| l["kind"] == "close").unwrap();
    let (code, reason) = (u16::try_from(close["code"].as_u64().unwrap()).unwrap(), close["reason"].as_str().unwrap());
    let [password, greeting, head, rest] = <[Vec<u8>; 4]>::try_from(vendor).unwrap();
    let reason = reason.to_owned();
    let (said, heard) = tokio::sync::mpsc::unbounded_channel();
    let urls = scripted(move |mut socket| {
        let (frames, reason, said) =
            ([password.clone(), greeting.clone(), head.clone(), rest.clone()], reason.clone(), said.clone());
        async move {
            let [password, greeting, head, rest] = frames;
            // Ours waits to be asked for its password; the recorded one sent it at once.
            for answers in [vec![password], vec![greeting], vec![head, rest]] {
                let Some(Ok(Message::Binary(asked))) = socket.next().await else { panic!("a frame of bytes") };
                said.send(asked.to_vec()).unwrap();
                for answer in answers {
                    socket.send(Message::binary(answer)).await.unwrap();
                }
            }
            let Some(Ok(Message::Binary(asked))) = socket.next().await else { panic!("a frame of bytes") };
            said.send(asked.to_vec()).unwrap();
            let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
            socket.send(Message::Close(Some(frame))).await.unwrap();
        }
    })
    .await;
    let direct = urls.direct().unwrap();
    let mut conn = direct.connect().await.unwrap();
    let row = sqlx::raw_sql("SELECT 1").fetch_one(&mut conn).await.unwrap();
    assert_eq!(row.get_unchecked::<String, _>(0), "1");
    conn.close().await.unwrap();
    let mut heard = heard;
    let mut frames = vec![];
    for _ in 0..4 {
        frames.push(heard.recv().await.unwrap());
    }
    let app: Vec<_> = lines.iter().filter(|l| l["from"] == "app" && l["kind"] == "binary").map(bytes).collect();
    assert_eq!(&frames[0][4..8], &app[0][4..8], "the same version of the protocol");
    assert!(frames[1].starts_with(b"p") && frames[1].ends_with(b"hunter2\0"));
    assert_eq!(&frames[2], &app[1], "the question is the recorded one");
    assert_eq!(&frames[3], &app[2], "and so is the farewell");
}

#[tokio::test]
async fn a_proxy_that_breaks_the_rules_ends_the_connection_and_nothing_else() {
    for what in ["text", "close", "drop", "nonsense"] {
        let urls = scripted(move |mut socket| async move {
            let _ = socket.next().await;
            let _ = match what {
                "text" => socket.send(Message::text("hello")).await,
                "close" => {
                    let frame = CloseFrame { code: CloseCode::Error, reason: "".into() };
                    socket.send(Message::Close(Some(frame))).await
                }
                "nonsense" => socket.send(Message::binary(vec![b'?'; 5000])).await,
                _ => Ok(()),
            };
        })
        .await;
        let opened =
            timeout(&SystemClock, Duration::from_secs(60), SqlStore::open(&Database::Postgres(urls), clock())).await;
        let error = opened.expect("it ends").unwrap_err();
        assert!(error.message().starts_with("DATABASE_URL: "), "{what}: {error:?}");
        assert!(!format!("{error:?}").contains("hunter2"), "{what}: {error:?}");
    }
}
