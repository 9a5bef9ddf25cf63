use std::io::Write;

use wib_core::{kit::ExposeSecret, ports::Port};
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
