//! One of everything, a file per group of slices: what the rows of the table are asked about.

mod minds;
mod people;
mod platform;
mod voice;

pub(crate) use people::refuses;
use serde_json::{Map, Value as Json};

use crate::server::Server;

pub(crate) async fn fill(server: &Server, ids: &mut Map<String, Json>) {
    people::fill(server, ids).await;
    voice::fill(server, ids).await;
    minds::fill(server, ids).await;
    platform::fill(server, ids).await;
}

pub(crate) fn least(method: &str, path: &str, body: &mut Map<String, Json>) {
    for of in [people::least, voice::least, minds::least, platform::least] {
        of(method, path, body);
    }
}
