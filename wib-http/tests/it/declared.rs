//! No row answers a status that the document does not name; and which ones were seen.

use std::{fs::OpenOptions, io::Write, sync::OnceLock};

use serde_json::Value as Json;
use wib_http::{AppConfig, routes};

struct Declared {
    method: String,
    path: Vec<String>,
    statuses: Vec<u16>,
}

fn declared() -> &'static [Declared] {
    static ALL: OnceLock<Vec<Declared>> = OnceLock::new();
    ALL.get_or_init(|| {
        let document = routes::table(&AppConfig::default()).openapi("/");
        let mut all = vec![];
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let statuses = operation["responses"].as_object().unwrap().keys();
                all.push(Declared {
                    method: method.to_uppercase(),
                    path: path.split('/').map(str::to_owned).collect(),
                    statuses: statuses.map(|status| status.parse().unwrap()).collect(),
                });
            }
        }
        // A name in the path gives way to a word.
        all.sort_by_key(|row| row.path.iter().filter(|segment| segment.starts_with('{')).count());
        all
    })
}

/// Holds an answer of the real table to what its row declares, and notes it where `WIB_SEEN` says.
pub(crate) fn note(method: &str, path: &str, status: u16, body: &Json) {
    // What has no row, or none in this configuration, is the frame's answer.
    if matches!(status, 404 | 405) && body["method"].is_string() {
        return;
    }
    let segments: Vec<_> = path.split('?').next().unwrap_or_default().split('/').collect();
    let fits = |row: &&Declared| {
        row.method == method
            && row.path.len() == segments.len()
            && row.path.iter().zip(&segments).all(|(of, is)| of.starts_with('{') || of == is)
    };
    let Some(row) = declared().iter().find(fits) else { return };
    let template = row.path.join("/");
    assert!(row.statuses.contains(&status), "{method} {template} answers {status}, which it does not declare");
    if let Ok(file) = std::env::var("WIB_SEEN") {
        let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
        file.write_all(format!("{method} {template} {status}\n").as_bytes()).unwrap();
    }
}
