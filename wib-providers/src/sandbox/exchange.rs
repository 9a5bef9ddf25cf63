//! Streams that stay in the process: what the sandbox dials is handed to whoever waits for it.

use std::io;

use async_trait::async_trait;
use http::{Request, Response, Uri};
use tokio::{
    io::DuplexStream,
    sync::{Mutex, mpsc},
};
use wib_core::ports::Sent;

use crate::transport::{Body, Duplex, SendError, Transport};

/// A transport for [`Sandbox::streams_over`](super::Sandbox::streams_over) whose connections end in the same process: each
/// is taken by [`Exchange::taken`], which is the application's side of it.
#[derive(Debug)]
pub struct Exchange {
    dial: mpsc::UnboundedSender<(Uri, DuplexStream)>,
    dialled: Mutex<mpsc::UnboundedReceiver<(Uri, DuplexStream)>>,
}

impl Default for Exchange {
    fn default() -> Self {
        let (dial, dialled) = mpsc::unbounded_channel();
        Self { dial, dialled: Mutex::new(dialled) }
    }
}

impl Exchange {
    /// The next connection: where it was dialled to, and its far end.
    ///
    /// # Panics
    /// Never: the exchange itself holds the other end.
    pub async fn taken(&self) -> (Uri, DuplexStream) {
        self.dialled.lock().await.recv().await.expect("the exchange dials as long as it is there")
    }
    /// The same, without waiting: `None` when nobody has dialled.
    pub fn try_taken(&self) -> Option<(Uri, DuplexStream)> {
        self.dialled.try_lock().ok()?.try_recv().ok()
    }
}

#[async_trait]
impl Transport for Exchange {
    async fn send(&self, _request: Request<Body>) -> Result<Response<Body>, SendError> {
        Err(SendError { sent: Sent::No, source: "streams alone are carried here".into() })
    }
    async fn dial(&self, to: &Uri) -> io::Result<Box<dyn Duplex>> {
        let (near, far) = tokio::io::duplex(256 << 10);
        self.dial.send((to.clone(), far)).map_err(|_| io::ErrorKind::ConnectionRefused)?;
        Ok(Box::new(near))
    }
}
