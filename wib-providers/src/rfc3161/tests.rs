use std::sync::Arc;

use wib_core::{
    evidence::timestamp::{TIMESTAMP_LIMIT, TimestampRequest, TimestampRoots},
    kit::{OsRandom, SystemClock},
    ports::{Fault, Sent, TimestampAuthority, VendorError},
    testing::authority::TestAuthority,
};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{header, method, path},
};

use super::Rfc3161;
use crate::{
    http::{Policy, Wires},
    testing::{Reply, Script},
    transport::Network,
};

const REPLY: &str = "application/timestamp-reply";

fn reply(content_type: &str, body: &[u8]) -> Reply {
    Reply::Answer(200, vec![("content-type", content_type.to_owned())], body.to_vec().into())
}
async fn stamp(script: &Arc<Script>) -> Result<Vec<u8>, VendorError> {
    let authority = Rfc3161::new(script.wires(), "https://stamps.test/tsr");
    script.run(authority.stamp(b"request")).await.map(|answer| answer.to_vec())
}
fn wires() -> Wires {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let network = Network::new().unwrap();
    Wires { transport: Arc::new(network), clock: Arc::new(SystemClock), random: Arc::new(OsRandom) }
}

#[tokio::test]
async fn a_request_goes_as_it_is_and_again_where_that_may_help() {
    let script =
        Script::new([Reply::Silence, Reply::status(503), reply("Application/Timestamp-Reply; x=1", b"answer")]);
    assert_eq!(stamp(&script).await.unwrap(), b"answer");
    let seen = script.seen();
    assert_eq!(seen.len(), 3);
    for seen in seen {
        assert_eq!((seen.method.as_str(), seen.host.as_str(), seen.target.as_str()), ("POST", "stamps.test", "/tsr"));
        assert_eq!(seen.header("content-type"), Some("application/timestamp-query"));
        assert_eq!(seen.header("accept"), Some(REPLY));
        assert_eq!(seen.body, "request");
    }
}

#[tokio::test]
async fn another_type_a_large_answer_and_a_redirect_are_refused_by_name() {
    for content_type in ["text/html", "application/timestamp-query", ""] {
        let error = stamp(&Script::new([reply(content_type, b"answer")])).await.unwrap_err();
        assert_eq!((error.fault, error.message.as_str()), (Fault::Nonsense, "the answer is not a timestamp-reply"));
    }
    let error = stamp(&Script::new([reply(REPLY, &vec![0; TIMESTAMP_LIMIT + 1])])).await.unwrap_err();
    assert_eq!((error.fault, error.message.as_str()), (Fault::Request, "the answer is larger than allowed"));
    let away = Reply::status(307).with("location", "https://elsewhere.test/");
    let error = stamp(&Script::new([away])).await.unwrap_err();
    assert_eq!((error.fault, error.sent, error.status), (Fault::Nonsense, Sent::Refused, Some(307)));
}

#[test]
fn an_authority_is_known_by_its_host() {
    let name = |url| Rfc3161::new(Script::new([]).wires(), url).name().to_owned();
    assert_eq!(name("https://stamps.test/tsr"), "stamps.test");
    assert_eq!(name("http://user:secret@stamps.test:8080"), "stamps.test:8080");
    assert_eq!(name("stamps"), "stamps");
    assert_eq!(name("::"), "unknown");
}

#[tokio::test]
async fn a_stamp_is_got_over_a_socket_and_believed() {
    let (server, elsewhere) = (MockServer::start().await, MockServer::start().await);
    let local = Arc::new(TestAuthority::new(Arc::new(SystemClock)));
    let roots = TimestampRoots::from_der([local.root()]).unwrap();
    let answers = move |asked: &Request| ResponseTemplate::new(200).set_body_raw(local.answer(&asked.body), REPLY);
    let asked =
        Mock::given(method("POST")).and(path("/tsr")).and(header("content-type", "application/timestamp-query"));
    asked.respond_with(answers).expect(1).mount(&server).await;
    let away = ResponseTemplate::new(308).insert_header("location", format!("{}/tsr", elsewhere.uri()));
    Mock::given(path("/away")).respond_with(away).mount(&server).await;

    let request = TimestampRequest::of(b"statement", &OsRandom);
    let policy = Policy { tries: 1, ..Policy::default() };
    let authority = |path: &str| Rfc3161::with(wires(), &format!("{}{path}", server.uri()), policy.clone());
    let answer = authority("/tsr").stamp(&request.to_der()).await.unwrap();
    let (_, stamped) = request.accept(&answer, &roots).unwrap();
    assert_eq!((stamped.authority.as_str(), stamped.authority_checked), ("Test Authority", true));
    let error = authority("/away").stamp(&request.to_der()).await.unwrap_err();
    assert_eq!((error.fault, error.status), (Fault::Nonsense, Some(308)));
    assert!(elsewhere.received_requests().await.unwrap().is_empty(), "nothing follows elsewhere");
    let error = authority("/none").stamp(&request.to_der()).await.unwrap_err();
    assert_eq!((error.fault, error.status), (Fault::Missing, Some(404)));
}
