use axum::response::Response;
use http::{Method, header};
use wib_core::{Wib, blobs::ReadSigned, kit::Result};

use crate::{
    ranges,
    table::{Asked, Routes, Wire, public},
};

pub(super) fn routes() -> Routes<Wib> {
    // Whoever has the address may: it was given to them, and its signature is checked.
    Routes::<Wib>::at("blobs", "/blobs").raw(
        Method::GET,
        "/{*key}",
        public(),
        Wire::bytes("application/octet-stream").also(206).takes::<ReadSigned>().refuses(&[403, 416, 503]),
        |asked| async move { read(&asked).await },
    )
}

async fn read(asked: &Asked<Wib>) -> Result<Response> {
    let command: ReadSigned = asked.input().await?;
    let bytes = asked.core().system().read_signed(&command).await?;
    let mut response = ranges::answer(asked.headers(), None, &command.r#type, "blob", &bytes).await?;
    response.headers_mut().insert(header::CACHE_CONTROL, http::HeaderValue::from_static("private, no-store"));
    Ok(response)
}
