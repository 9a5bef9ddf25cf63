//! The WebSocket that a vendor brings a call's sound over: frames in, and how it ends.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use tokio::sync::watch;
use wib_core::{
    kit::{Clock, time},
    live::{MediaIn, MediaSocket},
};

/// Largest message that is taken, in bytes: a second of the widest sound in base64, and what stands around it.
pub(crate) const MOST: usize = 256 << 10;
/// How long the peer may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// A socket of axum's, and whether this process is about to end.
pub(crate) struct Socket {
    pub(crate) socket: WebSocket,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) leaving: Option<watch::Receiver<bool>>,
}

/// Returns once the process is about to end.
async fn left(leaving: &mut Option<watch::Receiver<bool>>) {
    if let Some(leaving) = leaving
        && leaving.wait_for(|leaving| *leaving).await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

#[async_trait]
impl MediaSocket for Socket {
    async fn next(&mut self) -> MediaIn {
        loop {
            let message = tokio::select! {
                biased;
                () = left(&mut self.leaving) => return MediaIn::Leaving,
                message = self.socket.recv() => message,
            };
            return match message {
                Some(Ok(Message::Text(text))) => MediaIn::Text(text.as_str().to_owned()),
                Some(Ok(Message::Binary(_))) => MediaIn::Binary,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(Message::Close(_))) | None => MediaIn::Gone,
                // The library tells its limits in words alone.
                Some(Err(error)) if error.to_string().contains("too long") => MediaIn::TooLarge,
                Some(Err(_)) => MediaIn::Gone,
            };
        }
    }
    async fn close(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code, reason: reason.into() };
        let goodbye = async {
            if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
                while self.socket.recv().await.is_some_and(|message| message.is_ok()) {}
            }
        };
        let _ = time::timeout(&*self.clock, GOODBYE, goodbye).await;
    }
}
