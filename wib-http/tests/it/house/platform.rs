//! Flags, subscriptions of webhooks, what operators ask.

use serde_json::{Map, Value as Json};

use crate::server::Server;

/// Puts one of everything there, and its id under the start of the paths that name it (`path#name` for one name of several).
pub(crate) async fn fill(server: &Server, ids: &mut Map<String, Json>) {
    let _ = (server, ids);
}

/// What the document cannot say of a body that is as small as can be.
pub(crate) fn least(method: &str, path: &str, body: &mut Map<String, Json>) {
    let _ = (method, path, body);
}
