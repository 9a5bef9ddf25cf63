//! The sandbox vendors on a port: they outlive the server under test, and count what each number received.

use std::{io::Write, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use clap::Args;
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, sync::watch};
use wib_core::kit::{SystemClock, time};
use wib_http::serve;
use wib_providers::{
    sandbox::{Delivery, Sandbox, Settings},
    transport::{Network, Transport, full},
    vendors,
};

use super::{Failure, Outcome};

/// Largest request that is read, in bytes: an upload of a recording.
const LIMIT: usize = 64 << 20;
/// How long a delivery is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Deliveries under way at once.
const AT_ONCE: usize = 32;

#[derive(Args)]
pub(crate) struct Port {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8788")]
    bind: SocketAddr,
    /// Who answers how
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The server that webhooks go to when nothing else is said, such as http://127.0.0.1:8787
    #[arg(long)]
    server: Option<String>,
}

impl Port {
    pub(crate) async fn run(self) -> Outcome {
        let clock = super::clock();
        let settings = Settings { server: self.server, costs: true, ..Settings::default() };
        let sandbox = Sandbox::new(Arc::new(SystemClock), self.seed, settings);
        let listener = TcpListener::bind(self.bind)
            .await
            .map_err(|e| Failure::Say(format!("--bind: cannot listen on {}: {e}", self.bind)))?;
        // What the server is to be told, to believe their deliveries.
        for vendor in vendors() {
            if let (Some(setting), Some(verifier)) = (vendor.verifier(), sandbox.verifier(vendor.name)) {
                // Whoever reads the first line may have hung up by the next.
                let _ = writeln!(std::io::stdout(), "{setting}={verifier}");
            }
        }
        tracing::info!(address = %listener.local_addr()?, "the sandbox vendors listen");
        let network: Arc<dyn Transport> =
            Arc::new(Network::new().map_err(|e| Failure::Say(format!("no network client: {e}")))?);
        let (stop, stopped) = watch::channel(false);
        sandbox.streams_over(network.clone());
        let deliveries = tokio::spawn(deliver(sandbox.clone(), network, stopped));
        let app = app(sandbox);
        let mut signals = serve::Signals::listen()?;
        let signals = async move {
            signals.next().await;
        };
        serve::serve(listener, app, clock, signals).await?;
        let _ = stop.send(true);
        let _ = deliveries.await;
        Ok(())
    }
}

fn app(sandbox: Sandbox) -> Router {
    Router::new().fallback(answer).with_state(sandbox)
}

/// A request that wants a WebSocket: answered, and talked with once the connection is upgraded.
async fn upgrade(sandbox: Sandbox, mut request: Request) -> Response {
    let upgraded = hyper::upgrade::on(&mut request);
    let (answer, guest) = sandbox.upgrade(&request.map(drop)).await;
    if let Some(guest) = guest {
        tokio::spawn(async move {
            // Whoever hung up before is nobody to talk with.
            if let Ok(io) = upgraded.await {
                guest.converse(TokioIo::new(io)).await;
            }
        });
    }
    answer.map(Body::from)
}

/// A real vendor finishes a call even when the client goes away, so the work is not the connection's.
async fn answer(State(sandbox): State<Sandbox>, request: Request) -> Response {
    let wanted = request.headers().get(http::header::UPGRADE);
    if wanted.is_some_and(|wanted| wanted.as_bytes().eq_ignore_ascii_case(b"websocket")) {
        return upgrade(sandbox, request).await;
    }
    let (head, body) = request.into_parts();
    let body = match axum::body::to_bytes(body, LIMIT).await {
        Ok(body) => body,
        Err(_) => return Response::builder().status(413).body(Body::empty()).unwrap_or_default(),
    };
    let path = head.uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
    let served = tokio::spawn(async move { sandbox.serve(head.method, &path, head.headers, body).await });
    match served.await {
        Ok(answer) => answer.map(Body::from),
        Err(_) => Response::builder().status(500).body(Body::empty()).unwrap_or_default(),
    }
}

/// Sends webhooks as they fall due, each on its own; the sandbox repeats what is not taken.
async fn deliver(sandbox: Sandbox, network: Arc<dyn Transport>, mut stop: watch::Receiver<bool>) {
    let clock = super::clock();
    let seats = Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
    while !*stop.borrow() {
        for delivery in sandbox.take_due(clock.now()) {
            let Ok(seat) = seats.clone().acquire_owned().await else { return };
            let (sandbox, network) = (sandbox.clone(), network.clone());
            tokio::spawn(async move {
                let status = send(&*network, &delivery).await;
                sandbox.delivered(delivery.id, status);
                drop(seat);
            });
        }
        let soon = time::after(clock.now(), Duration::from_millis(20));
        tokio::select! {
            biased;
            _ = stop.changed() => {}
            () = clock.sleep_until(soon) => {}
        }
    }
}

async fn send(network: &dyn Transport, delivery: &Delivery) -> Option<u16> {
    let mut request = http::Request::post(delivery.url.as_deref()?);
    for (name, value) in &delivery.headers {
        request = request.header(name, value);
    }
    let request = request.body(full(delivery.body.clone())).ok()?;
    let clock = super::clock();
    let answer = time::timeout(&*clock, PATIENCE, network.send(request)).await?.ok()?;
    let status = answer.status().as_u16();
    // Read to the end, so that the connection can be used again.
    let _ = time::timeout(&*clock, PATIENCE, answer.into_body().collect()).await;
    Some(status)
}

#[cfg(test)]
mod tests {
    use wib_core::{
        kit::{Clock, OsRandom, SecretString},
        ports::{
            Fault as Why, LiveTranscriber,
            live::{Encoding, LiveEvent, LiveOrder, LiveStream, Turns},
        },
    };
    use wib_providers::{
        assemblyai::AssemblyAi,
        http::Wires,
        sandbox::{Fault, FaultKind, modem},
    };

    use super::*;

    /// The sandbox on a port of this machine, and AssemblyAI's adapter that speaks with it over real sockets.
    async fn served() -> (Sandbox, AssemblyAi) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let sandbox = Sandbox::new(clock.clone(), 7, Settings::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/assemblyai", listener.local_addr().unwrap());
        tokio::spawn(serve::serve(listener, app(sandbox.clone()), clock.clone(), std::future::pending()));
        let wires = Wires { transport: Arc::new(Network::new().unwrap()), clock, random: Arc::new(OsRandom) };
        let assemblyai = AssemblyAi::builder(wires, SecretString::from("key")).base_url(&base);
        (sandbox, assemblyai.build())
    }
    fn order() -> LiveOrder {
        LiveOrder { encoding: Encoding::Mulaw, sample_rate: 8_000, language: Some("en".into()), ..LiveOrder::default() }
    }

    #[tokio::test]
    async fn what_is_spoken_into_a_socket_of_the_served_sandbox_is_heard() {
        const TEXT: &str = "I can pay on Friday.";
        let (_, assemblyai) = served().await;
        let LiveStream { mut audio, mut turns } = assemblyai.listen(&order()).await.unwrap();
        let speak = async {
            for chunk in modem::speak(TEXT, Encoding::Mulaw, 8_000).chunks(800) {
                audio.push(chunk).await.unwrap();
                SystemClock.sleep_until(time::after(SystemClock.now(), Duration::from_millis(100))).await;
            }
            audio.terminate().await.unwrap();
        };
        let hear = async {
            let mut heard = Turns::default();
            while let Some(event) = turns.next().await.unwrap() {
                if let LiveEvent::Turn(turn) = event {
                    heard.absorb(turn);
                }
            }
            heard
        };
        let ((), heard) = tokio::join!(speak, hear);
        let words: Vec<_> = heard.iter().flat_map(|turn| &turn.words).map(|word| word.text.to_lowercase()).collect();
        let said: Vec<_> = TEXT.split(' ').map(str::to_lowercase).collect();
        assert_eq!(words.join(" ").replace('.', ""), said.join(" ").replace('.', ""));
    }

    #[tokio::test]
    async fn a_socket_that_is_refused_gets_an_answer() {
        let (sandbox, assemblyai) = served().await;
        let kind = FaultKind::Status { status: 429, retry_after: None };
        sandbox.inject(Fault { vendor: "assemblyai".into(), operation: "stream".into(), times: 1, kind });
        assert_eq!(assemblyai.listen(&order()).await.unwrap_err().fault, Why::RateLimited);
    }
}
