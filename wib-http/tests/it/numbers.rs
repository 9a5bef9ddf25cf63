//! What is counted is in the table, and what is in the table is counted: read off the source, and off a server at work.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use wib_http::metrics::{self, ALL, Shape};

use crate::server::{Server, ask, counted};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// The names in quotes behind a macro that counts, a constant, or the chain's counter.
fn names_in(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in text.match_indices("\"wib_") {
        let name: String = text[at + 1..].chars().take_while(|c| *c != '"').collect();
        let before = text[..at].trim_end();
        let behind = ["counter!(", "gauge!(", "histogram!(", ": &str =", "carried_on(error,"];
        if behind.iter().any(|end| before.ends_with(end)) {
            names.insert(name);
        }
    }
    names
}

#[test]
fn the_table_holds_what_the_source_counts_and_nothing_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = vec![];
    for package in ["wib-core", "wib-providers", "wib-storage", "wib-http"] {
        sources(&root.join(package).join("src"), &mut files);
    }
    let counted: BTreeSet<_> =
        files.iter().flat_map(|file| names_in(&std::fs::read_to_string(file).unwrap())).collect();
    let told: BTreeSet<_> = ALL.iter().map(|metric| metric.name.to_owned()).collect();
    assert!(counted.len() > 30, "{counted:?}");
    let missing: Vec<_> = counted.difference(&told).collect();
    assert!(missing.is_empty(), "counted and not in the table: {missing:?}");
    let idle: Vec<_> = told.difference(&counted).collect();
    assert!(idle.is_empty(), "in the table and never counted: {idle:?}");
    assert!(ALL.is_sorted_by_key(|metric| metric.name), "by name");
}

#[tokio::test]
async fn a_server_at_work_shows_numbers_of_the_table_with_its_labels_and_words() {
    let handle = counted();
    metrics::build("all");
    let server = Server::start().await;
    server.import("+15005550001").await;
    server.send("POST", "/api/calls", r#"{"to":"+15005550001"}"#).await;
    server.pass(Duration::from_secs(900)).await;
    let config = wib_http::AppConfig { metrics: Some(handle), ..Default::default() };
    let scraped = ask(&wib_http::operators(server.wib.clone(), &config), "GET", "/metrics", &[], "").await;
    let text = String::from_utf8(scraped.bytes.to_vec()).unwrap();
    let (mut shown, mut described) = (BTreeSet::new(), BTreeSet::new());
    for line in text.lines().filter(|line| !line.is_empty()) {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        if let ["#", "HELP", name, about] = words[..] {
            let metric = ALL.iter().find(|metric| metric.name == name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(about, metric.about, "{name}");
            described.insert(name.to_owned());
        } else if let ["#", "TYPE", name, kind] = words[..] {
            let metric = ALL.iter().find(|metric| metric.name == name).unwrap_or_else(|| panic!("{name}"));
            let expected = match metric.shape {
                Shape::Counter => "counter",
                Shape::Gauge => "gauge",
                Shape::Seconds => "histogram",
                Shape::Quantiles => "summary",
            };
            assert_eq!(kind, expected, "{name}");
            shown.insert(name.to_owned());
        } else {
            let name: String = line.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            let metric = ALL.iter().filter(|metric| name.starts_with(metric.name)).max_by_key(|m| m.name.len());
            let metric = metric.unwrap_or_else(|| panic!("{line}"));
            let labels =
                line.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).map_or("", |(labels, _)| labels);
            for label in labels.split("\",").filter(|label| !label.is_empty()) {
                let (label, value) = label.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
                assert!(metric.labels.contains(&label) || ["le", "quantile"].contains(&label), "{line}");
                // Nothing that a caller, a person or a row would make ever new.
                assert!(value.chars().filter(char::is_ascii_digit).count() < 8, "{line}");
            }
        }
    }
    assert_eq!(shown, described);
    for name in [
        "wib_build_info",
        "wib_calls_sealed_total",
        "wib_http_request_seconds",
        "wib_message_seconds",
        "wib_process_uptime_seconds",
        "wib_queue_depth",
        "wib_queue_oldest_due_seconds",
        "wib_ready",
        "wib_storage_connections",
        "wib_vendor_requests_total",
        "wib_verdicts_total",
        "wib_webhooks_total",
    ] {
        assert!(shown.contains(name), "{name} is not shown: {shown:?}");
    }
}
