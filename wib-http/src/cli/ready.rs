//! Asks a process whether it is ready: for containers without a shell.

use std::{net::IpAddr, time::Duration};

use clap::Args;
use http_body_util::BodyExt;
use wib_core::kit::time;
use wib_http::config::Config;
use wib_providers::transport::{Network, Transport, full};

use super::{Failure, Outcome};

/// How long the answer is waited for.
const PATIENCE: Duration = Duration::from_secs(8);

#[derive(Args)]
pub(crate) struct Ready {
    /// Which process, such as http://127.0.0.1:8787; by default the one that `PORT` and `WIB_BIND` name
    url: Option<String>,
}

impl Ready {
    pub(crate) async fn run(self, config: &Config) -> Outcome {
        let bind = match config.bind {
            any if !any.is_unspecified() => any,
            IpAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
            IpAddr::V6(_) => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        };
        let here = || format!("http://{}", std::net::SocketAddr::new(bind, config.port.unwrap_or(super::serve::PORT)));
        let url = self.url.unwrap_or_else(here);
        let say = |why: &str| Failure::Say(format!("{url} {why}"));
        let network = Network::new().map_err(|e| Failure::Say(format!("no network client: {e}")))?;
        let ask = http::Request::get(format!("{}/readyz", url.trim_end_matches('/')))
            .body(full(bytes::Bytes::new()))
            .map_err(|_| say("is no address"))?;
        let answer = async {
            let answer = network.send(ask).await.map_err(|_| say("does not answer"))?;
            let ready = answer.status().is_success();
            let body = answer.into_body().collect().await.map_err(|_| say("does not answer"))?.to_bytes();
            println!("{}", String::from_utf8_lossy(&body));
            if ready { Ok(()) } else { Err(Failure::Silent) }
        };
        time::timeout(&*super::clock(), PATIENCE, answer).await.unwrap_or_else(|| Err(say("does not answer in time")))
    }
}
