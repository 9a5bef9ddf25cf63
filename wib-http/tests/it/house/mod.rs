//! One of everything, a file per group of slices: what the rows of the table are asked about.

mod flags;
pub(crate) mod minds;
mod people;
pub(crate) mod platform;
pub(crate) mod voice;

pub(crate) use people::refuses;
use serde_json::{Map, Value as Json};

use crate::server::Server;

pub(crate) async fn fill(server: &Server, ids: &mut Map<String, Json>) {
    people::fill(server, ids).await;
    voice::fill(server, ids).await;
    minds::fill(server, ids).await;
    platform::fill(server, ids).await;
    flags::fill(server, ids).await;
}

/// A form of several parts that a row takes; its boundary is `part`.
pub(crate) fn form(path: &str) -> String {
    voice::form(path).unwrap_or_else(|| panic!("{path}: give a form"))
}

pub(crate) fn least(method: &str, path: &str, body: &mut Map<String, Json>) {
    for of in [people::least, voice::least, minds::least, platform::least, flags::least] {
        of(method, path, body);
    }
}
