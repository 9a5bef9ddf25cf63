use futures_util::{SinkExt, StreamExt};
use http::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;
use wib_core::kit::Clock;

use super::*;
use crate::{
    http::{Client, Policy, Words},
    testing::Script,
};

fn client(script: &Arc<Script>) -> Client {
    let words = |_: u16, body: &Value| Words { message: body["error"].as_str().map(str::to_owned), ..Words::default() };
    let client = Client::new("toy", "https://toy.test/v1", Policy::default(), words, script.wires());
    client.key(header::AUTHORIZATION, "k3y-of-ours".to_owned().into())
}
fn limits() -> Limits {
    let codes = |code: u16| (code == 4001).then_some(Fault::Payment);
    Limits { message: 1_000, codes, ..Limits::default() }
}
async fn open(client: &Client) -> Result<(Outgoing, Incoming), VendorError> {
    client.ask("stream", Method::GET, "/listen").query("rate", "8 k").upgrade(limits()).await
}

/// What the listener hears of a vendor that does so with its side of the socket.
async fn hears<F: Future<Output = ()>>(
    vendor: impl FnOnce(WebSocketStream<tokio::io::DuplexStream>) -> F,
) -> Result<Option<Frame>, VendorError> {
    let script = Script::new([]);
    let client = client(&script);
    let vendor = async { vendor(script.answered().await.1).await };
    let listener = async {
        let (_outgoing, mut incoming) = open(&client).await.unwrap();
        incoming.next().await
    };
    script.run(async { tokio::join!(listener, vendor).0 }).await
}

#[tokio::test]
async fn a_socket_carries_both_ways_with_the_key_in_its_handshake_alone() {
    let script = Script::new([]);
    let client = client(&script);
    let vendor = async {
        let (request, mut socket) = script.answered().await;
        assert_eq!(request.uri(), "/v1/listen?rate=8%20k");
        assert_eq!(request.headers()["authorization"], "k3y-of-ours");
        assert_eq!(request.headers()["host"], "toy.test");
        assert!(request.headers()["user-agent"].to_str().unwrap().starts_with("word-is-bond/"));
        let mut got = Vec::new();
        while let Some(Ok(message)) = socket.next().await {
            match message {
                Message::Text(text) => socket.send(Message::text(format!("{text}!"))).await.unwrap(),
                Message::Binary(bytes) => got.extend(bytes),
                _ => {}
            }
        }
        got
    };
    let user = async {
        let (mut outgoing, mut incoming) = open(&client).await.unwrap();
        assert!(!format!("{outgoing:?} {incoming:?} {client:?}").contains("k3y"));
        outgoing.binary(Bytes::from_static(&[1, 2, 3])).await.unwrap();
        outgoing.text("hello".to_owned()).await.unwrap();
        assert_eq!(incoming.next().await.unwrap(), Some(Frame::Text("hello!".to_owned())));
        outgoing.close().await;
        assert_eq!(incoming.next().await.unwrap(), None);
        assert_eq!(incoming.next().await.unwrap(), None, "it stays over");
        assert_eq!(outgoing.text("more".to_owned()).await.unwrap_err().fault, Fault::Down);
    };
    let (got, ()) = script.run(async { tokio::join!(vendor, user) }).await;
    assert_eq!(got, [1, 2, 3]);
}

#[tokio::test]
async fn a_refused_upgrade_is_told_in_the_vendors_words_and_not_tried_again() {
    for (status, fault) in
        [("401 Unauthorized", Fault::Credentials), ("404 Not Found", Fault::Missing), ("503 Busy", Fault::Down)]
    {
        let script = Script::new([]);
        let client = client(&script);
        let vendor = async {
            let (to, mut io) = script.line().await;
            assert_eq!(to, "wss://toy.test/v1/listen?rate=8%20k");
            let mut asked = vec![0; 2048];
            let read = io.read(&mut asked).await.unwrap();
            assert!(read > 0);
            let body = r#"{"error":"no, +1 312 555 0100"}"#;
            let head = format!("HTTP/1.1 {status}\r\nx-request-id: r1\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            io.write_all(head.as_bytes()).await.unwrap();
        };
        let (outcome, ()) = script.run(async { tokio::join!(open(&client), vendor) }).await;
        let error = outcome.unwrap_err();
        assert_eq!((error.fault, error.request_id.as_deref()), (fault, Some("r1")));
        assert_eq!(error.message, "no, +[number]");
    }
}

#[tokio::test]
async fn a_connection_that_fails_is_dialled_again_and_one_that_is_silent_given_up() {
    let script = Script::new([]);
    let client = client(&script);
    script.refuse_dials.store(2, Ordering::Relaxed);
    let vendor = async { script.answered().await };
    let (outcome, _socket) = script.run(async { tokio::join!(open(&client), vendor) }).await;
    outcome.unwrap();
    script.refuse_dials.store(9, Ordering::Relaxed);
    let error = script.run(open(&client)).await.unwrap_err();
    assert_eq!((error.fault, error.sent), (Fault::Down, Sent::No));
    assert_eq!(script.refuse_dials.swap(0, Ordering::Relaxed), 6, "three tries");
    let error = script.run(open(&client)).await.unwrap_err();
    assert_eq!((error.fault, error.sent), (Fault::Timeout, Sent::Unknown));
    script.line().await;
}

#[tokio::test]
async fn an_answer_that_is_no_handshake_is_nonsense_and_a_cut_one_is_down() {
    for (said, fault) in [("SSH-2.0-x\r\n\r\n", Fault::Nonsense), ("", Fault::Down)] {
        let script = Script::new([]);
        let client = client(&script);
        let vendor = async {
            let (_, mut io) = script.line().await;
            io.write_all(said.as_bytes()).await.unwrap();
        };
        let (outcome, ()) = script.run(async { tokio::join!(open(&client), vendor) }).await;
        assert_eq!(outcome.unwrap_err().fault, fault);
    }
}

#[tokio::test]
async fn a_code_of_closing_says_what_went_wrong() {
    for (code, fault) in [
        (1000, None),
        (1001, Some(Fault::Down)),
        (1009, Some(Fault::Request)),
        (1011, Some(Fault::Down)),
        (4001, Some(Fault::Payment)),
    ] {
        let heard = hears(async |mut socket| {
            let frame = CloseFrame { code: code.into(), reason: "for k3y-of-ours +1 312 555 0100".into() };
            socket.send(Message::Close(Some(frame))).await.unwrap();
            while socket.next().await.is_some_and(|message| message.is_ok()) {}
        });
        match (heard.await, fault) {
            (Ok(None), None) => {}
            (Err(error), Some(fault)) => {
                assert_eq!((error.fault, error.code), (fault, Some(code.to_string())));
                assert_eq!(error.message, "for [key] +[number]");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_abrupt_end_is_down_and_what_is_too_large_or_no_text_is_refused() {
    assert_eq!(hears(async |socket| drop(socket)).await.unwrap_err().fault, Fault::Down);
    let large = hears(async |mut socket| {
        let _ = socket.send(Message::binary(vec![0; 1_001])).await;
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
    });
    assert_eq!(large.await.unwrap_err().fault, Fault::Request);
    let garbage = hears(async |mut socket| {
        socket.get_mut().write_all(&[0x81, 2, 0xff, 0xfe]).await.unwrap();
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
    });
    assert_eq!(garbage.await.unwrap_err().fault, Fault::Nonsense);
}

#[tokio::test]
async fn silence_is_asked_after_and_then_given_up() {
    let script = Script::new([]);
    let client = client(&script);
    let start = script.clock.now();
    let vendor = async {
        let (_, socket) = script.answered().await;
        // Alive, but nobody reads: no pong ever comes.
        std::future::pending::<()>().await;
        drop(socket);
    };
    let user = async {
        let (_outgoing, mut incoming) = open(&client).await.unwrap();
        incoming.next().await
    };
    let outcome = script.run(async {
        tokio::select! {
            biased;
            outcome = user => outcome,
            () = vendor => unreachable!(),
        }
    });
    assert_eq!(outcome.await.unwrap_err().fault, Fault::Timeout);
    let waited = Duration::try_from(script.clock.now().duration_since(start)).unwrap();
    assert!(waited >= Duration::from_secs(30) && waited < Duration::from_secs(33), "{waited:?}");
}

#[tokio::test]
async fn a_vendor_that_answers_pings_may_be_silent_and_is_answered_itself() {
    let script = Script::new([]);
    let client = client(&script);
    let start = script.clock.now();
    let vendor = async {
        let (_, mut socket) = script.answered().await;
        socket.send(Message::Ping(Bytes::from_static(b"there?"))).await.unwrap();
        let (mut pings, mut pongs) = (0, 0);
        // Five times asked, then something to say.
        while pings < 5 {
            match socket.next().await.unwrap().unwrap() {
                Message::Ping(_) => pings += 1,
                Message::Pong(bytes) => pongs += usize::from(bytes == "there?"),
                other => panic!("{other:?}"),
            }
        }
        socket.send(Message::text("here")).await.unwrap();
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
        pongs
    };
    let user = async {
        let (_outgoing, mut incoming) = open(&client).await.unwrap();
        incoming.next().await
    };
    let (pongs, heard) = script.run(async { tokio::join!(vendor, user) }).await;
    assert_eq!((pongs, heard.unwrap()), (1, Some(Frame::Text("here".to_owned()))));
    assert!(script.clock.now().duration_since(start) > jiff::SignedDuration::from_secs(70));
}

#[tokio::test]
async fn who_does_not_take_what_is_sent_is_not_waited_for() {
    let script = Script::new([]);
    let client = client(&script);
    let user = async {
        let (mut outgoing, _incoming) = open(&client).await.unwrap();
        loop {
            if let Err(error) = outgoing.binary(vec![0; 4_096].into()).await {
                return error;
            }
        }
    };
    let (error, _socket) = script.run(async { tokio::join!(user, script.answered()) }).await;
    assert_eq!(error.fault, Fault::Timeout);
}

#[tokio::test]
async fn whoever_speaks_learns_why_the_socket_was_closed() {
    let script = Script::new([]);
    let client = client(&script);
    let vendor = async {
        let (_, mut socket) = script.answered().await;
        let frame = CloseFrame { code: 4001.into(), reason: "no money".into() };
        socket.send(Message::Close(Some(frame))).await.unwrap();
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
    };
    let user = async {
        let (mut outgoing, mut incoming) = open(&client).await.unwrap();
        assert!(incoming.next().await.is_err());
        outgoing.text("still there?".to_owned()).await.unwrap_err()
    };
    let ((), error) = script.run(async { tokio::join!(vendor, user) }).await;
    assert_eq!((error.fault, error.message.as_str()), (Fault::Payment, "no money"));
}

#[tokio::test]
async fn a_transport_that_carries_requests_alone_says_so() {
    #[derive(Debug)]
    struct Plain;
    #[async_trait::async_trait]
    impl crate::transport::Transport for Plain {
        async fn send(
            &self,
            _: Request<crate::transport::Body>,
        ) -> Result<Response<crate::transport::Body>, crate::transport::SendError> {
            Err(crate::transport::SendError { sent: Sent::No, source: "none".into() })
        }
    }
    let wires = Wires { transport: Arc::new(Plain), ..Script::new([]).wires() };
    let client = Client::new("toy", "https://toy.test", Policy::default(), |_, _| Words::default(), wires);
    let error = client.ask("stream", Method::GET, "/").upgrade(limits()).await.unwrap_err();
    assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No));
}
