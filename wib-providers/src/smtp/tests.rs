//! Against a small mail server on a socket.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use wib_core::{
    kit::{Clock, SeededRandom, SystemClock, Timestamp},
    ports::{
        Fault, Mailer, Sent, VendorError,
        mailer::{Attachment, Mail},
    },
};

use super::{Limits, Server, Smtp, message};
use crate::{http::Wires, testing::Script};

/// What the server does at a word of the client's (`""` is the connection, `.` the end of the text).
#[derive(Clone, Copy, Debug)]
enum Act {
    Say(&'static str),
    /// Closes the connection.
    Cut,
    /// Says nothing any more.
    Sleep,
}

/// A mail server, and what it was told.
struct Host {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}
impl Host {
    async fn new(acts: &'static [(&'static str, Act)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let told = heard.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, acts, told.clone()));
            }
        });
        Self { port, heard }
    }
    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
    /// How often the client said that word.
    fn count(&self, word: &str) -> usize {
        self.heard().iter().filter(|line| line.starts_with(word)).count()
    }
    fn smtp(&self, login: &str) -> Smtp {
        self.within(login, Duration::from_secs(5))
    }
    fn within(&self, login: &str, total: Duration) -> Smtp {
        let server = format!("smtp://{login}127.0.0.1:{}", self.port).parse().unwrap();
        let from = "Word Is Bond <desk@wib.test>".parse().unwrap();
        Smtp::builder(wires(), server, from).limits(Limits { connect: total, total, at_once: 2 }).build()
    }
}

fn wires() -> Wires {
    // Nothing goes by the transport.
    Wires { transport: Script::new([]), clock: Arc::new(SystemClock), random: Arc::new(SeededRandom::new(7)) }
}

async fn serve(stream: TcpStream, acts: &[(&str, Act)], heard: Arc<Mutex<Vec<String>>>) {
    let mut stream = BufReader::new(stream);
    let (mut word, mut text) = (String::new(), false);
    loop {
        let usual = match word.as_str() {
            "" => "220 mail.test ready\r\n",
            "EHLO" => "250-mail.test\r\n250-8BITMIME\r\n250 AUTH PLAIN\r\n",
            "AUTH" => "235 welcome\r\n",
            "DATA" => "354 go on\r\n",
            "QUIT" => "221 bye\r\n",
            _ => "250 fine\r\n",
        };
        let act = acts.iter().find(|(at, _)| *at == word).map_or(Act::Say(usual), |(_, act)| *act);
        match act {
            Act::Say(line) => {
                if stream.get_mut().write_all(line.as_bytes()).await.is_err() {
                    return;
                }
                text = line.starts_with("354");
            }
            Act::Cut => return,
            Act::Sleep => std::future::pending().await,
        }
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim_end().to_owned();
            heard.lock().unwrap().push(line.clone());
            if !text || line == "." {
                word = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
                break;
            }
        }
    }
}

fn mail() -> Mail {
    Mail::plain("ann@example.test".parse().unwrap(), "Evidence", "Line one\n.line two\n", "key-1")
}
async fn fails(acts: &'static [(&'static str, Act)]) -> VendorError {
    let host = Host::new(acts).await;
    host.within("", Duration::from_millis(300)).send(&mail()).await.unwrap_err()
}
/// Fault, whether it was sent, and the server's code.
fn kind(error: &VendorError) -> (Fault, Sent, Option<&str>) {
    (error.fault, error.sent, error.code.as_deref())
}

mod suite {
    use super::*;
    async fn make(_: &'static str) -> (Smtp, Arc<dyn Clock>) {
        (Host::new(&[]).await.smtp(""), Arc::new(SystemClock))
    }
    wib_core::mailer_suite!(make);
}

#[tokio::test]
async fn a_mail_is_handed_over_and_known_by_its_message_id() {
    let host = Host::new(&[]).await;
    let smtp = host.smtp("");
    let more = Mail { bcc: vec!["Cy <cy@example.test>".parse().unwrap()], ..mail() };
    let id = smtp.send(&more).await.unwrap();
    let heard = host.heard();
    assert_eq!(heard[..5], ["EHLO wib.test", "MAIL FROM:<desk@wib.test>", "RCPT TO:<ann@example.test>", "RCPT TO:<cy@example.test>", "DATA"]);
    assert!(heard.contains(&format!("Message-ID: {id}")), "{heard:#?}");
    assert!(heard.contains(&"From: \"Word Is Bond\" <desk@wib.test>".to_owned()), "{heard:#?}");
    assert!(heard.contains(&"..line two".to_owned()), "{heard:#?}");
    assert!(!heard[5..].iter().any(|line| line.contains("cy@example.test")), "nobody is shown who else has it");
    assert_eq!(smtp.send(&more).await.unwrap(), id);
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_mail_and_made_anew_when_it_is_gone() {
    let host = Host::new(&[]).await;
    let smtp = host.smtp("");
    for key in ["a", "b", "c"] {
        smtp.send(&Mail { key: key.into(), ..mail() }).await.unwrap();
    }
    assert_eq!((host.count("EHLO"), host.count("DATA"), host.count("NOOP")), (1, 3, 2));
    let forgetful = Host::new(&[("NOOP", Act::Cut)]).await;
    let smtp = forgetful.smtp("");
    for key in ["a", "b"] {
        smtp.send(&Mail { key: key.into(), ..mail() }).await.unwrap();
    }
    assert_eq!((forgetful.count("EHLO"), forgetful.count("DATA")), (2, 2));
}

#[tokio::test]
async fn what_is_refused_before_the_text_was_not_sent() {
    use Act::Say;
    for (acts, expected) in [
        (&[("", Say("554 no service here\r\n"))] as &[_], (Fault::Credentials, Sent::Refused, Some("554"))),
        (&[("", Say("421 too many\r\n"))], (Fault::Down, Sent::Refused, Some("421"))),
        (&[("EHLO", Say("421 closing\r\n"))], (Fault::Down, Sent::Refused, Some("421"))),
        (&[("MAIL", Say("530 log in first\r\n"))], (Fault::Credentials, Sent::Refused, Some("530"))),
        (&[("MAIL", Say("421 closing\r\n"))], (Fault::Down, Sent::Refused, Some("421"))),
        (&[("RCPT", Say("550 no such mailbox\r\n"))], (Fault::Request, Sent::Refused, Some("550"))),
        (&[("RCPT", Say("451 try later\r\n"))], (Fault::Down, Sent::Refused, Some("451"))),
        (&[("DATA", Say("554 no\r\n"))], (Fault::Request, Sent::Refused, Some("554"))),
        (&[(".", Say("552 too large\r\n"))], (Fault::Request, Sent::Refused, Some("552"))),
        (&[(".", Say("452 disk is full\r\n"))], (Fault::Down, Sent::Refused, Some("452"))),
    ] {
        let error = fails(acts).await;
        assert_eq!(kind(&error), expected, "{acts:?}");
        assert_eq!(error.retryable(), error.code.as_deref().unwrap().starts_with('4'));
    }
}

#[tokio::test]
async fn only_what_broke_after_the_text_may_have_been_sent() {
    for (acts, fault, sent) in [
        (&[("", Act::Cut)] as &[_], Fault::Down, Sent::No),
        (&[("", Act::Sleep)], Fault::Timeout, Sent::No),
        (&[("RCPT", Act::Cut)], Fault::Down, Sent::No),
        (&[("RCPT", Act::Sleep)], Fault::Timeout, Sent::No),
        (&[("DATA", Act::Cut)], Fault::Down, Sent::No),
        (&[(".", Act::Cut)], Fault::Down, Sent::Unknown),
        (&[(".", Act::Sleep)], Fault::Timeout, Sent::Unknown),
        (&[(".", Act::Say("what?\r\n"))], Fault::Down, Sent::Unknown),
    ] {
        let error = fails(acts).await;
        assert_eq!(kind(&error), (fault, sent, None), "{acts:?}");
    }
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = format!("smtp://{nobody}").parse().unwrap();
    let smtp = Smtp::builder(wires(), server, "a@b.test".parse().unwrap()).build();
    assert_eq!(kind(&smtp.send(&mail()).await.unwrap_err()), (Fault::Down, Sent::No, None));
}

#[tokio::test]
async fn a_connection_that_failed_is_not_used_again() {
    let host = Host::new(&[("RCPT", Act::Say("550 no\r\n"))]).await;
    let smtp = host.smtp("");
    for _ in 0..2 {
        smtp.send(&mail()).await.unwrap_err();
    }
    assert_eq!((host.count("EHLO"), host.count("NOOP")), (2, 0));
}

#[tokio::test]
async fn a_password_is_shown_once_and_never_told() {
    let host = Host::new(&[]).await;
    host.smtp("desk:c%61nary%21@").send(&mail()).await.unwrap();
    let shown = format!("AUTH PLAIN {}", BASE64_STANDARD.encode("\0desk\0canary!"));
    assert_eq!(host.heard()[1], shown);
    let refused = Host::new(&[("AUTH", Act::Say("535 wrong password\r\n"))]).await;
    let smtp = refused.smtp("desk:canary@");
    let error = smtp.send(&mail()).await.unwrap_err();
    assert_eq!(kind(&error), (Fault::Credentials, Sent::Refused, Some("535")));
    assert!(!format!("{smtp:?} {error:?} {:?}", smtp.pool.server).contains("canary"));
    let other = Host::new(&[("EHLO", Act::Say("250 AUTH GSSAPI\r\n"))]).await;
    let error = other.smtp("desk:canary@").send(&mail()).await.unwrap_err();
    assert_eq!(kind(&error), (Fault::Credentials, Sent::No, None));
}

#[tokio::test]
async fn nothing_is_said_to_a_server_that_offers_no_tls_where_it_is_wanted() {
    let host = Host::new(&[]).await;
    let server = format!("smtp+starttls://desk:canary@127.0.0.1:{}", host.port).parse().unwrap();
    let smtp = Smtp::builder(wires(), server, "a@b.test".parse().unwrap()).build();
    let error = smtp.send(&mail()).await.unwrap_err();
    assert_eq!((error.sent, error.fault), (Sent::No, Fault::Credentials));
    assert_eq!(host.heard(), ["EHLO b.test"]);
    let server = format!("smtps://desk:canary@127.0.0.1:{}", host.port).parse().unwrap();
    let limits = Limits { connect: Duration::from_secs(2), total: Duration::from_secs(2), at_once: 1 };
    let smtp = Smtp::builder(wires(), server, "a@b.test".parse().unwrap()).limits(limits).build();
    let error = smtp.send(&mail()).await.unwrap_err();
    assert_eq!(error.sent, Sent::No);
    assert!(!host.heard().iter().any(|line| line.contains("AUTH") || line.contains("MAIL")));
}

#[tokio::test]
async fn the_servers_words_are_kept_without_addresses() {
    let error = fails(&[("RCPT", Act::Say("550 <ann@example.test> is not here, call +13125550100\r\n"))]).await;
    assert!(error.message.contains("is not here"), "{}", error.message);
    assert!(!error.message.contains("ann@") && !error.message.contains("3125550100"), "{}", error.message);
}

#[tokio::test]
async fn a_doctor_sees_whether_it_lets_us_in() {
    let good = Host::new(&[]).await;
    good.smtp("desk:key@").pool.greet().await.unwrap();
    assert_eq!((good.count("AUTH"), good.count("MAIL"), good.count("QUIT")), (1, 0, 1));
    let bad = Host::new(&[("AUTH", Act::Say("535 no\r\n"))]).await;
    assert_eq!(bad.smtp("desk:key@").pool.greet().await.unwrap_err().fault, Fault::Credentials);
}

#[test]
fn a_message_is_the_same_bytes_every_time_and_holds_what_it_was_given() {
    let whole = Mail {
        html: Some("<p>Sealed.</p>".into()),
        reply_to: vec!["front@wib.test".parse().unwrap(), "back@wib.test".parse().unwrap()],
        headers: [("List-Unsubscribe".to_owned(), "<https://wib.test/off>".to_owned())].into(),
        attachments: vec![Attachment {
            name: "beleg ü.pdf".into(),
            content_type: "application/pdf".into(),
            bytes: vec![0, 255, 10].into(),
            content_id: None,
        }],
        subject: "Été".into(),
        ..mail()
    };
    let (from, now) = ("desk@wib.test".parse().unwrap(), Timestamp::from_second(1_770_976_800).unwrap());
    let compose = || message::compose(&from, &whole, now).unwrap();
    let letter = compose();
    assert_eq!(letter.bytes, compose().bytes);
    let text = String::from_utf8(letter.bytes).unwrap();
    for part in [
        "Date: Fri, 13 Feb 2026 10:00:00 +0000",
        "Reply-To: front@wib.test, back@wib.test",
        "List-Unsubscribe: <https://wib.test/off>",
        "Subject: =?utf-8?b?w4l0w6k=?=",
        "multipart/mixed",
        "multipart/alternative",
        "AP8K",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(text.is_ascii());
}

#[test]
fn addresses_of_servers_are_read_and_faults_never_repeat_them() {
    for (text, place) in [
        ("smtps://desk:key@mail.test", "Server(mail.test:465 Always)"),
        ("smtps://desk:a%40b@mail.test:2465/", "Server(mail.test:2465 Always)"),
        ("smtp+starttls://desk:key@mail.test", "Server(mail.test:587 Upgraded)"),
        ("smtp://relay.test", "Server(relay.test:25 Never)"),
        ("smtp://desk:key@[::1]:2525", "Server(::1:2525 Never)"),
    ] {
        assert_eq!(format!("{:?}", text.parse::<Server>().unwrap()), place);
    }
    for text in [
        "mail.test", "https://mail.test", "smtps://", "smtps://canary@mail.test", "smtps://a:%zz@mail.test",
        "smtps://a:%0d%0aRSET@mail.test", "smtp://desk:canary@mail.test", "smtps://a:b@mail test",
    ] {
        let error = text.parse::<Server>().unwrap_err();
        assert!(!error.message().contains("canary"), "{text}");
    }
}
