//! The client over real sockets: what a vendor's machines do wrong, how often we ask, and what we then say.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use http::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use wib_core::{
    kit::{Clock, OsRandom, SystemClock, time::after},
    ports::{Fault, Sent, VendorError},
};

use super::{Client, Policy, Wires, Words};
use crate::transport::Network;

/// What the vendor's machine does with one request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// A whole answer: status line, more headers, body.
    Answer(&'static str, &'static str, &'static str),
    /// Refuses with the request's own head in every place where vendors put words.
    Repeat,
    /// Reads nothing and says nothing.
    Deaf,
    /// Reads the request and says nothing.
    Mute,
    /// Reads the request and hangs up.
    HangUp,
    /// Promises a long body and hangs up in the middle.
    Truncate,
    /// Sends its body a byte at a time.
    Drip,
}

/// A vendor's machine on this one: acts by list, the last one over and over; counts what it was asked.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) address: SocketAddr,
    asked: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Machine {
    pub(crate) async fn new(acts: &[Act]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, asked, acts) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)), acts.to_vec());
        let (count, heads) = (asked.clone(), Arc::default());
        let kept: Arc<Mutex<Vec<String>>> = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let nth = count.fetch_add(1, Ordering::SeqCst);
                let act = acts[nth.min(acts.len() - 1)];
                tokio::spawn(perform(socket, act, kept.clone()));
            }
        });
        Self { address, asked, heads }
    }
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
    /// What requests said under that name, in the order in which they were read.
    #[cfg(feature = "stripe")]
    pub(crate) fn header(&self, name: &str) -> Vec<String> {
        let of = |head: &String| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(its, _)| its.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
        };
        self.heads.lock().unwrap().iter().filter_map(of).collect()
    }
    /// How many requests came. Every answer closes its connection, so each is one request.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn perform(mut socket: TcpStream, act: Act, heads: Arc<Mutex<Vec<String>>>) {
    let request = if matches!(act, Act::Deaf) { String::new() } else { read_request(&mut socket).await };
    heads.lock().unwrap().push(request.clone());
    let head = |status: &str, more: &str, length: usize| {
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{more}\r\n")
    };
    match act {
        Act::Deaf | Act::Mute => wait(Duration::from_secs(30)).await,
        Act::HangUp => {}
        Act::Repeat => {
            let one = json!({"message": request, "code": request, "title": request, "detail": request});
            let mut body = one.clone();
            body["error"] = one.clone();
            body["errors"] = json!([one]);
            let body = body.to_string();
            let _ = socket.write_all((head("401 Unauthorized", JSON, body.len()) + &body).as_bytes()).await;
        }
        Act::Answer(status, more, body) => {
            let _ = socket.write_all((head(status, more, body.len()) + body).as_bytes()).await;
        }
        Act::Truncate => {
            let _ = socket.write_all((head("200 OK", JSON, 100) + "{\"id\":").as_bytes()).await;
        }
        Act::Drip => {
            let _ = socket.write_all(head("200 OK", JSON, 10_000).as_bytes()).await;
            while socket.write_all(b" ").await.is_ok() {
                wait(Duration::from_millis(20)).await;
            }
        }
    }
    let _ = socket.shutdown().await;
}

async fn wait(time: Duration) {
    SystemClock.sleep_until(after(SystemClock.now(), time)).await;
}

/// Reads a request to the end of its body; its head.
async fn read_request(socket: &mut TcpStream) -> String {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let lower = head.to_lowercase();
            let length =
                lower.split_once("content-length: ").and_then(|(_, rest)| rest.split("\r\n").next()?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return head.to_owned();
            }
        }
        match socket.read(&mut piece).await {
            Ok(0) | Err(_) => return text,
            Ok(n) => bytes.extend_from_slice(&piece[..n]),
        }
    }
}

pub(crate) const JSON: &str = "content-type: application/json\r\n";
pub(crate) const FINE: Act = Act::Answer("200 OK", JSON, r#"{"id":"x"}"#);

/// The real network and the real clock.
pub(crate) fn wires() -> Wires {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let transport = Arc::new(Network::new().unwrap());
    Wires { transport, clock: Arc::new(SystemClock), random: Arc::new(OsRandom) }
}

/// As every adapter's, only quicker.
pub(crate) fn quick() -> Policy {
    let ms = Duration::from_millis;
    Policy {
        first_byte: ms(300),
        chunk: ms(300),
        total: ms(2_500),
        backoff: ms(5),
        patience: ms(1_500),
        ..Policy::default()
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// A question: safe to repeat.
    Get,
    /// An act without a key: a dial.
    Post,
    /// An act that the vendor knows by a key: a charge.
    Keyed,
}

async fn ask(address: &str, kind: Kind) -> Result<Value, VendorError> {
    let client = Client::new("vendor", address, quick(), |_, _| Words::default(), wires());
    let method = if kind == Kind::Get { Method::GET } else { Method::POST };
    let ask = client.ask("act", method, "/acts");
    let ask = if kind == Kind::Get { ask } else { ask.json(&json!({"amount": 5})) };
    let ask = if kind == Kind::Keyed { ask.header("idempotency-key", "k").repeatable() } else { ask };
    ask.send().await?.json()
}

#[tokio::test]
async fn every_fault_of_a_line_is_asked_as_often_as_is_safe_and_told_as_it_is() {
    use Act::{Answer, Deaf, Drip, HangUp, Mute, Truncate};
    use Kind::{Get, Keyed, Post};
    let late = Answer("429 Too Many Requests", "retry-after: 1\r\n", "{}");
    let much_later = Answer("429 Too Many Requests", "retry-after: 60\r\n", "{}");
    let broken = Answer("500 Internal Server Error", JSON, "{}");
    let page = Answer("200 OK", "content-type: text/html\r\n", "<html>Sign in</html>");
    let inside = Answer("307 Temporary Redirect", "location: http://169.254.169.254/latest\r\n", "");
    let wrong = Answer("422 Unprocessable Entity", JSON, "{}");
    // What happens, to which kind of request: how often it is asked, and what comes of it.
    type Case<'a> = (&'a [Act], Kind, usize, Option<(Fault, Sent)>);
    let cases: &[Case<'_>] = &[
        (&[FINE], Get, 1, None),
        (&[broken, FINE], Get, 2, None),
        (&[broken, FINE], Keyed, 2, None),
        (&[broken, FINE], Post, 1, Some((Fault::Down, Sent::Unknown))),
        (&[broken], Keyed, 3, Some((Fault::Down, Sent::Unknown))),
        (&[late, FINE], Get, 2, None),
        (&[late, FINE], Keyed, 2, None),
        (&[late, FINE], Post, 1, Some((Fault::RateLimited, Sent::Refused))),
        (&[much_later, FINE], Get, 1, Some((Fault::RateLimited, Sent::Refused))),
        (&[Deaf], Post, 1, Some((Fault::Timeout, Sent::Unknown))),
        (&[Mute], Post, 1, Some((Fault::Timeout, Sent::Unknown))),
        (&[Mute, FINE], Keyed, 2, None),
        (&[Deaf, FINE], Get, 2, None),
        (&[HangUp], Post, 1, Some((Fault::Down, Sent::Unknown))),
        (&[HangUp, FINE], Keyed, 2, None),
        (&[Truncate, FINE], Get, 2, None),
        (&[Truncate], Post, 1, Some((Fault::Down, Sent::Unknown))),
        (&[Drip], Post, 1, Some((Fault::Timeout, Sent::Unknown))),
        (&[page], Get, 1, Some((Fault::Nonsense, Sent::Unknown))),
        (&[inside], Get, 1, Some((Fault::Nonsense, Sent::Refused))),
        (&[inside], Post, 1, Some((Fault::Nonsense, Sent::Refused))),
        (&[wrong], Keyed, 1, Some((Fault::Request, Sent::Refused))),
    ];
    let runs = cases.iter().map(|(acts, kind, times, failure)| async move {
        let machine = Machine::new(acts).await;
        let outcome = ask(&machine.url(), *kind).await;
        let said = outcome.as_ref().err().map(|e| (e.fault, e.sent));
        assert_eq!((said, machine.asked()), (*failure, *times), "{acts:?} {kind:?}: {outcome:?}");
    });
    for run in runs.map(Box::pin).collect::<Vec<_>>() {
        run.await;
    }
}

#[tokio::test]
async fn who_is_not_there_was_never_asked_and_may_be_asked_again() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for kind in [Kind::Get, Kind::Post, Kind::Keyed] {
        let error = ask(&format!("http://{gone}"), kind).await.unwrap_err();
        assert_eq!((error.fault, error.sent), (Fault::Down, Sent::No), "{kind:?}");
    }
}

#[tokio::test]
async fn a_wish_to_wait_is_kept_and_a_drip_ends_at_the_deadline() {
    let started = Instant::now();
    let late = Act::Answer("429 Too Many Requests", "retry-after: 1\r\n", "{}");
    let machine = Machine::new(&[late, FINE]).await;
    ask(&machine.url(), Kind::Get).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
    let machine = Machine::new(&[Act::Drip]).await;
    let error = ask(&machine.url(), Kind::Get).await.unwrap_err();
    // The whole deadline is used up by the first try.
    assert_eq!((error.fault, machine.asked()), (Fault::Timeout, 1));
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed_and_no_key_goes_there() {
    let secret = Machine::new(&[FINE]).await;
    let location: &'static str = Box::leak(format!("location: {}\r\n", secret.url()).into_boxed_str());
    let machine = Machine::new(&[Act::Answer("302 Found", location, "")]).await;
    assert_eq!(ask(&machine.url(), Kind::Get).await.unwrap_err().fault, Fault::Nonsense);
    assert_eq!((machine.asked(), secret.asked()), (1, 0));
}
