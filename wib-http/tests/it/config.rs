use std::{io::Write, time::Duration};

use wib_core::{
    kit::ExposeSecret,
    limits::{Limit, Rates},
    orgs::Plan,
    ports::Port,
};
use wib_http::config::{Config, Env, Faults};

fn read(variables: &[(&str, &str)]) -> Result<Config, Faults> {
    Config::read(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}
fn names(faults: &Faults) -> Vec<&str> {
    faults.0.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn nothing_set_is_a_sandboxed_server_on_this_machine() {
    let config = read(&[]).unwrap();
    assert_eq!((config.port, config.bind.to_string().as_str(), config.env), (None, "127.0.0.1", Env::Development));
    assert_eq!(config.database_url.expose_secret(), "sqlite:./data/wib.db");
    let needing: Vec<_> = Port::all().iter().copied().filter(|port| port.needs_vendor()).collect();
    assert!(needing.len() > 4 && !needing.contains(&Port::Cache));
    assert_eq!(config.sandboxed(), needing);
}

#[test]
fn what_the_house_does_itself_is_sandboxed_only_where_it_is_named() {
    assert!(!Port::Cache.needs_vendor() && !Port::Queue.needs_vendor());
    let named = read(&[("WIB_SANDBOX", "queue, cache")]).unwrap();
    assert!(named.sandboxed().ends_with(&[Port::Cache, Port::Queue]));
    let keys = [("CLOUDFLARE_API_TOKEN", "hunter2"), ("CLOUDFLARE_ACCOUNT_ID", "a b")];
    let faults = read(&keys).unwrap_err();
    assert_eq!(names(&faults), ["CLOUDFLARE_ACCOUNT_ID"]);
    let faults = read(&[("SMTP_URL", "smtps://desk:hunter2@mail test"), ("RESEND_FROM", "x")]).unwrap_err();
    assert_eq!(names(&faults), ["RESEND_FROM", "SMTP_URL"]);
    assert!(!faults.to_string().contains("hunter2"));
}

#[test]
fn a_bucket_is_named_with_what_belongs_to_it() {
    let keys = [("S3_ACCESS_KEY_ID", "id"), ("S3_SECRET_ACCESS_KEY", "hunter2")];
    let with = |more: &[(&str, &str)]| read(&[&keys[..], more].concat());
    let r2 = with(&[("S3_BUCKET", "calls"), ("R2_ACCOUNT_ID", "abc123")]).unwrap().s3.unwrap();
    assert_eq!((r2.endpoint.as_deref(), r2.region.as_str()), (Some("https://abc123.r2.cloudflarestorage.com"), "auto"));
    let amazon = with(&[("S3_BUCKET", "calls"), ("S3_REGION", "eu-central-1")]).unwrap().s3.unwrap();
    assert_eq!((amazon.endpoint, amazon.region.as_str()), (None, "eu-central-1"));
    assert!(read(&[]).unwrap().s3.is_none());
    for (wrong, name) in [
        (&[("S3_REGION", "auto")][..], "S3_BUCKET"),
        (&[("S3_BUCKET", "calls")], "S3_REGION"),
        (&[("S3_BUCKET", "calls"), ("S3_ENDPOINT", "ftp://x")], "S3_ENDPOINT"),
        (&[("S3_BUCKET", "calls"), ("R2_ACCOUNT_ID", "a.b/c")], "R2_ACCOUNT_ID"),
        (&[("S3_BUCKET", "c"), ("R2_ACCOUNT_ID", "a"), ("S3_ENDPOINT", "https://x")], "R2_ACCOUNT_ID"),
    ] {
        let faults = with(wrong).unwrap_err();
        assert!(names(&faults).contains(&name) && !faults.to_string().contains("hunter2"), "{wrong:?}: {faults}");
    }
    let alone = read(&[("S3_BUCKET", "calls"), ("S3_REGION", "x")]).unwrap_err();
    assert_eq!(names(&alone), ["S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"]);
    let others = [("REDIS_URL", "http://:hunter2@x"), ("WIB_PROXIES", "all"), ("WIB_LIMITS_EXEMPT", "1,2")];
    let faults = read(&others).unwrap_err();
    assert_eq!(names(&faults), ["REDIS_URL", "WIB_PROXIES", "WIB_LIMITS_EXEMPT"]);
    let plans = read(&[("WIB_FIRST_PLAN", "enterprise"), ("WIB_ANY_PAID_PLAN", "true")]).unwrap();
    assert_eq!((plans.first_plan, plans.any_paid_plan), (Plan::Enterprise, true));
    let rates = read(&[("WIB_LIMITS", "call = 600/300, login=1/1,")]).unwrap().rates;
    let expected = [(Limit::Login, (1, Duration::from_secs(1))), (Limit::Call, (600, Duration::from_secs(300)))];
    assert_eq!(rates, Rates::from(expected));
    for wrong in ["call", "call=6", "call=0/1", "call=1/0", "calls=1/1", "call=1/86401", "call=-1/5"] {
        assert_eq!(names(&read(&[("WIB_LIMITS", wrong)]).unwrap_err()), ["WIB_LIMITS"], "{wrong}");
    }
    assert!(!faults.to_string().contains("hunter2"));
}

#[test]
fn every_fault_is_told_at_once_with_its_name_and_without_its_value() {
    let faults = read(&[
        ("PORT", "eighty"),
        ("WIB_BIND", "here"),
        ("WIB_DB_POOLED", "perhaps"),
        ("WIB_PUBLIC_URL", "ftp://x"),
        ("DATABASE_URL", "mysql://root:hunter2@x"),
        ("TELNYX_API_KEY", "key-of-mine"),
        ("TELNYX_PHONE_NUMBER", "12"),
        ("WIB_SANDBOX", "voice,vice"),
        ("WIB_WORKERS", "0"),
        ("WIB_ENV", "prod"),
        ("LOG_FORMAT", "xml"),
    ])
    .unwrap_err();
    let mut told = names(&faults);
    told.sort_unstable();
    let expected = "DATABASE_URL LOG_FORMAT PORT TELNYX_CONNECTION_ID TELNYX_PHONE_NUMBER WIB_BIND WIB_DB_POOLED WIB_ENV \
                    WIB_PUBLIC_URL WIB_SANDBOX WIB_WORKERS";
    assert_eq!(told.join(" "), expected);
    let text = faults.to_string();
    assert!(!text.contains("hunter2") && !text.contains("key-of-mine"), "{text}");
}

#[test]
fn the_database_is_told_its_ways_and_its_bounds() {
    let config = read(&[]).unwrap();
    assert!(config.db_connections == 10 && config.db_websocket.is_none() && config.db_direct_url.is_none());
    let config = read(&[
        ("DATABASE_URL", "postgres://app@ep-x.neon.tech/wib"),
        ("WIB_DB_DIRECT_URL", "postgres://bus@ep-x.neon.tech/wib"),
        ("WIB_DB_CONNECTIONS", "40"),
        ("WIB_DB_WEBSOCKET", "wss://{host}/v2"),
    ])
    .unwrap();
    assert!(config.db_connections == 40 && config.db_websocket.is_some() && config.db_direct_url.is_some());
    let mut other = tempfile::NamedTempFile::new().unwrap();
    write!(other, "not a certificate").unwrap();
    for (name, value) in [
        ("WIB_DB_CONNECTIONS", "0"),
        ("WIB_DB_CONNECTIONS", "1001"),
        ("WIB_DB_DIRECT_URL", "mysql://hunter2@h/x"),
        ("WIB_DB_WEBSOCKET", "https://{host}/v2"),
        ("WIB_DB_WEBSOCKET", "ws://proxy.example.com/v2"),
        ("WIB_DB_WEBSOCKET", "wss://a b/"),
    ] {
        assert_eq!(names(&read(&[(name, value)]).unwrap_err()), [name], "{value}");
    }
    let roots = |path| ("WIB_DB_WEBSOCKET_ROOTS", path);
    assert_eq!(names(&read(&[roots(other.path().to_str().unwrap())]).unwrap_err()), ["WIB_DB_WEBSOCKET"]);
    let to = ("WIB_DB_WEBSOCKET", "wss://{host}/v2");
    assert_eq!(names(&read(&[to, roots("/not/there.pem")]).unwrap_err()), ["WIB_DB_WEBSOCKET_ROOTS"]);
    assert_eq!(names(&read(&[to, roots(other.path().to_str().unwrap())]).unwrap_err()), ["WIB_DB_WEBSOCKET"]);
}

#[test]
fn production_on_postgresql_is_given_its_key_for_secrets() {
    let named = ("WIB_SANDBOX", "voice, transcriber, llm, mailer");
    let production = [("WIB_ENV", "production"), named];
    assert!(read(&production).unwrap().secrets_key.is_none(), "a file's key is made beside it");
    let postgres = [&production[..], &[("DATABASE_URL", "postgres://app@h/wib")]].concat();
    assert_eq!(names(&read(&postgres).unwrap_err()), ["WIB_SECRETS_KEY"]);
    let (key, old) = ("ab".repeat(32), format!("{}, {}", "cd".repeat(32), "ef".repeat(32)));
    let given = [&postgres[..], &[("WIB_SECRETS_KEY", &key), ("WIB_SECRETS_OLD_KEYS", &old)]].concat();
    assert_eq!(read(&given).unwrap().secrets_old_keys.len(), 2);
    let faults = read(&[("WIB_SECRETS_KEY", "hunter2"), ("WIB_SECRETS_OLD_KEYS", "hunter2")]).unwrap_err();
    assert_eq!(names(&faults), ["WIB_SECRETS_KEY", "WIB_SECRETS_OLD_KEYS"]);
    assert!(!faults.to_string().contains("hunter2"));
}

#[test]
fn production_refuses_a_sandbox_that_is_not_named() {
    let keys =
        [("WIB_ENV", "production"), ("TELNYX_API_KEY", "k"), ("TELNYX_CONNECTION_ID", "c"), ("GROQ_API_KEY", "k")];
    let faults = read(&keys).unwrap_err();
    assert_eq!(names(&faults), ["WIB_SANDBOX"; 2]);
    assert!(faults.to_string().contains("transcriber") && faults.to_string().contains("mailer"));
    // What nothing needs stays empty.
    let named = [&keys[..], &[("WIB_SANDBOX", "transcriber, mailer")]].concat();
    assert_eq!(read(&named).unwrap().sandboxed(), [Port::Transcriber, Port::Mailer]);
    // xAI makes no vectors and does not speak: what nothing needs stays empty, unless it is named.
    let xai = named.iter().map(|(name, value)| (if *name == "GROQ_API_KEY" { "XAI_API_KEY" } else { name }, *value));
    let mut xai: Vec<_> = xai.collect();
    assert_eq!(read(&xai).unwrap().sandboxed(), [Port::Transcriber, Port::Mailer]);
    xai.push(("WIB_SANDBOX", "transcriber, mailer, speech"));
    assert_eq!(read(&xai).unwrap().sandboxed(), [Port::Transcriber, Port::Speech, Port::Mailer]);
}

#[test]
fn a_file_gives_what_the_environment_does_not_and_its_unknown_names_are_faults() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "PORT = 9000\nWIB_WORKERS = 8\nWIB_DB_POOLED = true\nWIB_SANDBOX = [\"voice\"]\n").unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let config = read(&[("WIB_CONFIG", &path), ("PORT", "9001")]).unwrap();
    assert_eq!((config.port, config.workers, config.db_pooled), (Some(9001), 8, true));
    assert!(config.sandbox.contains(&Port::Voice));
    write!(file, "POTR = 1\nWIB_DATA = {{ x = 1 }}\n").unwrap();
    assert_eq!(names(&read(&[("WIB_CONFIG", &path)]).unwrap_err()), ["WIB_DATA", "POTR"]);
    writeln!(file, "XAI_API_KEY = \"hunter2").unwrap();
    let faults = read(&[("WIB_CONFIG", &path)]).unwrap_err();
    assert_eq!(names(&faults), ["WIB_CONFIG"]);
    assert!(faults.to_string().contains("line 7") && !faults.to_string().contains("hunter2"), "{faults}");
}

#[test]
fn outsiders_are_read_with_the_roots_in_their_file() {
    let pem = concat!(env!("CARGO_MANIFEST_DIR"), "/../wib-core/tests/fixtures/timestamps/rsa-root.pem");
    let url = ("WIB_TSA_URL", "https://stamps.test/tsr");
    let config = read(&[url, ("WIB_TSA_ROOTS", pem), ("WIB_WITNESS_FILE", "/mnt/witness")]).unwrap();
    assert_eq!(config.timestamps.url.as_deref(), Some("https://stamps.test/tsr"));
    assert!(!config.timestamps.roots.is_empty() && config.witness.url.is_none());
    assert_eq!(config.witness.file.unwrap().to_str(), Some("/mnt/witness"));
    assert!(read(&[url]).unwrap().timestamps.roots.is_empty());

    assert_eq!(names(&read(&[("WIB_TSA_ROOTS", pem)]).unwrap_err()), ["WIB_TSA_URL"]);
    assert_eq!(names(&read(&[("WIB_WITNESS_TOKEN", "hunter2")]).unwrap_err()), ["WIB_WITNESS_URL"]);
    let mut other = tempfile::NamedTempFile::new().unwrap();
    write!(other, "not a certificate").unwrap();
    for path in ["/not/there.pem", "/", other.path().to_str().unwrap()] {
        assert_eq!(names(&read(&[url, ("WIB_TSA_ROOTS", path)]).unwrap_err()), ["WIB_TSA_ROOTS"], "{path}");
    }
}
