use axum::{
    extract::{FromRequestParts, WebSocketUpgrade},
    response::Response,
};
use http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use wib_core::{
    Wib,
    kit::{Error, Result},
};

use crate::{
    AppConfig,
    media::{MOST, Socket},
    table::{Asked, Routes, Wire, public},
};

/// The header that Telnyx brings a stream's token in.
const TOKEN: &str = "x-telnyx-streaming-auth-token";

/// The address of a stream, as it was given to the vendor.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Address {
    vendor: String,
    address: String,
}

pub(super) fn routes(config: &AppConfig) -> Routes<Wib> {
    let leaving = config.leaving.clone();
    // Whoever has the address may, once: it was given to the vendor alone, and it is authenticated.
    Routes::<Wib>::at("media", "/media").raw(
        Method::GET,
        "/{vendor}/{address}",
        public(),
        Wire::upgrade().takes::<Address>().refuses(&[410, 503]),
        move |asked| {
            let leaving = leaving.clone();
            async move { take(&asked, leaving).await }
        },
    )
}

async fn take(asked: &Asked<Wib>, leaving: Option<watch::Receiver<bool>>) -> Result<Response> {
    let Address { vendor, address } = asked.input().await?;
    // Before the address is used up: what is no WebSocket does not cost a stream.
    let upgrade = WebSocketUpgrade::from_request_parts(&mut asked.parts.clone(), &()).await;
    let upgrade = upgrade.map_err(|_| Error::invalid("this is the address of a WebSocket"))?;
    let token = asked.headers().get(TOKEN).map(|token| token.to_str().unwrap_or_default());
    let admitted = asked.core().system().admit_media(&vendor, &address, token).await?;
    let clock = asked.core().clock().clone();
    let upgrade = upgrade.max_message_size(MOST).max_frame_size(MOST);
    Ok(upgrade.on_upgrade(move |socket| async move {
        admitted.carry(&mut Socket { socket, clock, leaving }).await;
    }))
}
