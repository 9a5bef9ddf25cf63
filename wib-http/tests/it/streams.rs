//! What happens on a call, sent while it happens, and texts said aloud.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt;
use http::Request;
use serde_json::{Value as Json, json};
use tower::ServiceExt;
use wib_core::{
    Org,
    calls::{Call, StartCall},
    engine::Worker,
    kit::{PageRequest, Principal, Role, SystemClock, time},
    live::{HeardLine, HeardWord, LineSource, Listen, Speaker},
    orgs::Plan,
    store::Store,
    translation::Language,
};

use crate::server::Server;

/// An event as a browser reads it.
#[derive(Clone, Debug, PartialEq)]
struct Event {
    id: Option<String>,
    name: String,
    data: Json,
}

/// A client that reads what it is sent.
struct Reader {
    status: u16,
    body: BodyDataStream,
    text: String,
}

impl Reader {
    async fn open(server: &Server, token: &str, path: &str, last: Option<&str>) -> Self {
        let mut request = Request::builder().uri(path).header("authorization", format!("Bearer {token}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = server.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        if status == 200 {
            assert_eq!(answer.headers()["content-type"], "text/event-stream");
            assert_eq!(answer.headers()["cache-control"], "private, no-store");
        }
        Self { status, body: answer.into_body().into_data_stream(), text: String::new() }
    }
    /// The next block, a comment too; none at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let block = block.to_owned();
                self.text = rest.to_owned();
                return Some(block);
            }
            let piece =
                time::timeout(&SystemClock, Duration::from_secs(10), self.body.next()).await.expect("something comes");
            self.text += std::str::from_utf8(&piece?.unwrap()).unwrap();
        }
    }
    async fn next(&mut self) -> Option<Event> {
        loop {
            let block = self.block().await?;
            if block.starts_with(':') {
                continue;
            }
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            let data = serde_json::from_str(&field("data: ").unwrap()).unwrap();
            return Some(Event { id: field("id: "), name: field("event: ").unwrap(), data });
        }
    }
    async fn some(&mut self, count: usize) -> Vec<Event> {
        let mut some = vec![];
        for _ in 0..count {
            some.push(self.next().await.expect("there is more"));
        }
        some
    }
    /// All there is, to the end.
    async fn rest(&mut self) -> Vec<Event> {
        let mut rest = vec![];
        while let Some(event) = self.next().await {
            rest.push(event);
        }
        rest
    }
}

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}
fn indexes(events: &[Event]) -> Vec<i64> {
    let translated = events.iter().filter(|event| event.name == "translation");
    translated.map(|event| event.data["segment_index"].as_i64().unwrap()).collect()
}

/// An organisation on that plan with a call that is up, and a member's token.
struct Talk {
    org: Org,
    call: Call,
    token: String,
}

impl Talk {
    async fn new(server: &Server, plan: Plan) -> Self {
        let id = server.organization_on(plan).await;
        let org = server.wib.org(Principal::service(id)).await.unwrap();
        let csv = "name,balance_due,primary_phone,address,external_id\n\
                   Bo Dee,120.50,+15005550016,\"1 Main St, Chicago, IL 60601\",A1\n";
        let account = org.import_accounts(csv.as_bytes()).await.unwrap().accounts[0].0.id;
        let listen = Listen { customer: Some(Language::Es), translate: true, ..Listen::default() };
        let wish = StartCall { account_id: Some(account), listen: Some(listen), ..StartCall::default() };
        let call = org.start_call(wish).await.unwrap();
        server.pass(Duration::from_secs(15)).await;
        let token = server.member(id, Role::Viewer).await;
        Self { org, call, token }
    }
    async fn hears(&self, server: &Server, text: &str) {
        let now = server.clock.now_of();
        let word =
            HeardWord { text: text.to_owned(), started_at: time::before(now, Duration::from_secs(1)), ended_at: now };
        let line = HeardLine {
            speaker: Speaker::Customer,
            words: vec![word],
            language: None,
            confidence_ppm: 900_000,
            source: LineSource::Live,
            vendor: "ears".to_owned(),
            live: false,
        };
        self.org.add_line(self.call.id, &line).await.unwrap().unwrap();
    }
    async fn says(&self, server: &Server, text: &str) {
        self.hears(server, text).await;
        Worker::new(&server.wib).run_until_idle().await.unwrap();
    }
    fn translations(&self) -> String {
        format!("/api/voice/translate/stream?callId={}", self.call.id)
    }
    fn live(&self) -> String {
        format!("/api/calls/{}/live", self.call.id)
    }
    async fn ends(&self, server: &Server) {
        self.org.end_call(self.call.id).await.unwrap();
        server.pass(Duration::from_secs(5)).await;
    }
    async fn audited(&self, server: &Server, action: &str) -> Vec<Json> {
        let mut tx = server.store().org(self.org.id()).await.unwrap();
        let page = PageRequest { limit: 200, ..PageRequest::default() };
        let lines = tx.page_of_audit(&page).await.unwrap().items;
        lines.into_iter().filter(|line| line.action == action).map(|line| line.metadata).collect()
    }
}

trait Now {
    fn now_of(&self) -> wib_core::kit::Timestamp;
}
impl Now for wib_core::kit::VirtualClock {
    fn now_of(&self) -> wib_core::kit::Timestamp {
        wib_core::kit::Clock::now(self)
    }
}

#[tokio::test]
async fn translations_come_as_they_are_made_and_go_on_where_somebody_was() {
    let server = Server::start().await;
    let talk = Talk::new(&server, Plan::Business).await;
    talk.says(&server, "Entiendo.").await;
    let mut reader = Reader::open(&server, &talk.token, &talk.translations(), None).await;
    let first = reader.some(2).await;
    assert_eq!((first[0].name.as_str(), &first[0].data), ("status", &json!({"status": "active"})));
    talk.says(&server, "Gracias.").await;
    let second = reader.next().await.unwrap();
    assert_eq!((second.id.as_deref(), second.name.as_str()), (Some("1"), "translation"));
    let told = |field: &str| second.data[field].clone();
    assert_eq!(
        (told("original_text"), told("translated_text"), told("segment_index"), told("confidence")),
        (json!("Gracias."), json!("Thank you."), json!(1), json!(0.9))
    );
    drop(reader);
    talk.says(&server, "Adiós.").await;
    let mut reader = Reader::open(&server, &talk.token, &talk.translations(), Some("1")).await;
    assert_eq!(indexes(&reader.some(2).await), [2], "none is lost, and none comes twice");
    talk.says(&server, "Hola.").await;
    talk.ends(&server).await;
    let rest = reader.rest().await;
    assert_eq!(names(&rest), ["translation", "status", "done"]);
    assert_eq!((rest[0].id.as_deref(), &rest[1].data), (Some("3"), &json!({"status": "ended"})));
    let mut after = Reader::open(&server, &talk.token, &talk.translations(), Some("2")).await;
    assert_eq!(names(&after.rest().await), ["status", "translation", "done"], "of a call that is over it ends at once");
    assert_eq!(talk.audited(&server, "translation:live_started").await.len(), 3);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let mut counts: Vec<_> = talk.audited(&server, "translation:live_completed").await;
    counts.sort_by_key(|line| line["segments_delivered"].as_u64());
    assert_eq!(counts, [1, 2, 2].map(|n| json!({"segments_delivered": n})));
    let path = format!("/api/voice/translate/history?callId={}", talk.call.id);
    let history = server.asks(Some(&talk.token), "GET", &path, "").await.json;
    assert_eq!((&history["count"], &history["call_id"]), (&json!(4), &json!(talk.call.id)));
    assert_eq!(history["segments"][2]["translated_text"], "Goodbye.");
}

#[tokio::test]
async fn translations_are_for_the_plans_that_have_them_and_for_the_own_calls() {
    let server = Server::start().await;
    let (free, business) = (Talk::new(&server, Plan::Pro).await, Talk::new(&server, Plan::Enterprise).await);
    let refused = server.asks(Some(&free.token), "GET", &free.translations(), "").await;
    assert_eq!((refused.status, &refused.json["code"]), (403, &json!("PLAN_UPGRADE_REQUIRED")));
    for path in [free.translations(), free.live(), format!("/api/voice/translate/history?callId={}", free.call.id)] {
        let absent = server.asks(Some(&business.token), "GET", &path, "").await;
        assert_eq!((absent.status, &absent.json["code"]), (404, &json!("NOT_FOUND")), "{path}");
        assert_eq!(server.asks(None, "GET", &path, "").await.status, 401, "{path}");
    }
    for (path, last) in [(business.translations(), "x"), (business.live(), "x"), (business.live(), "999999")] {
        assert_eq!(Reader::open(&server, &business.token, &path, Some(last)).await.status, 400, "{path} {last}");
    }
}

#[tokio::test]
async fn everything_on_a_call_comes_in_order_and_goes_on_where_somebody_was() {
    let server = Server::start().await;
    let talk = Talk::new(&server, Plan::Free).await;
    let path = format!("{}?after=0", talk.live());
    let mut reader = Reader::open(&server, &talk.token, &path, None).await;
    talk.says(&server, "Entiendo.").await;
    let mut seen = vec![];
    while seen.last().is_none_or(|event: &Event| event.name != "line_translation") {
        seen.push(reader.next().await.unwrap());
    }
    let line = &seen[seen.len() - 2];
    assert_eq!((line.name.as_str(), &line.data["subject"]["text"]), ("line", &json!("Entiendo.")));
    assert_eq!(seen.last().unwrap().data["subject"]["translated_text"], "I understand.");
    assert_eq!(seen[0].data["subject"]["id"], json!(talk.call.id), "a call is told as its row");
    drop(reader);
    talk.says(&server, "Gracias.").await;
    talk.ends(&server).await;
    let last = seen.last().unwrap().id.clone().unwrap();
    let rest = Reader::open(&server, &talk.token, &talk.live(), Some(&last)).await.rest().await;
    assert_eq!(names(&rest)[..2], ["line", "line_translation"]);
    assert_eq!(names(&rest).last(), Some(&"done"));
    let place = |event: &Event| event.id.as_ref().map(|id| id.parse::<i64>().unwrap());
    let places: Vec<_> = seen.iter().chain(&rest).filter_map(place).collect();
    assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
    let whole = Reader::open(&server, &talk.token, &path, None).await.rest().await;
    assert_eq!(whole.iter().filter_map(place).collect::<Vec<_>>(), places, "nothing is lost between");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_let_go_and_loses_nothing() {
    const LINES: i64 = 90;
    let server = Server::start().await;
    let talk = Talk::new(&server, Plan::Business).await;
    let mut slow = Reader::open(&server, &talk.token, &talk.translations(), None).await;
    for _ in 0..LINES {
        talk.says(&server, "Gracias.").await;
    }
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    server.clock.advance(Duration::from_secs(31));
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    let got = slow.rest().await;
    let last = got.last().unwrap();
    assert_eq!((last.name.as_str(), &last.data["code"]), ("error", &json!("SLOW_READER")));
    let read = indexes(&got);
    assert!((40..=64).contains(&read.len()), "what waited for it is bounded: {}", read.len());
    let seen = got.iter().rev().find_map(|event| event.id.clone()).unwrap();
    let mut again = Reader::open(&server, &talk.token, &talk.translations(), Some(&seen)).await;
    let left = usize::try_from(LINES).unwrap() - read.len();
    let rest = again.some(left + 1).await;
    assert_eq!([read, indexes(&rest)].concat(), (0..LINES).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stream_shows_that_it_lives_and_ends_after_half_an_hour() {
    let server = Server::start().await;
    let talk = Talk::new(&server, Plan::Business).await;
    let mut reader = Reader::open(&server, &talk.token, &talk.live(), None).await;
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    server.clock.advance(Duration::from_secs(15));
    assert_eq!(reader.block().await.as_deref(), Some(": keep-alive"));
    server.clock.advance(Duration::from_secs(30 * 60));
    let rest = reader.rest().await;
    assert_eq!((names(&rest), &rest[0].data), (vec!["done"], &json!({"reason": "time"})));
}

#[tokio::test]
async fn a_text_is_said_and_heard_by_its_address() {
    let server = Server::start().await;
    let say = |text: &str| json!({ "text": text }).to_string();
    let said = server.send("POST", "/api/tts/generate", &say("Good morning.")).await;
    assert_eq!((said.status, &said.json["cached"]), (200, &json!(false)), "{}", said.json);
    let again = server.send("POST", "/api/tts/generate", &say("Good morning.")).await;
    assert_eq!((&again.json["cached"], &again.json["audio_url"]), (&json!(true), &said.json["audio_url"]));
    let url = said.json["audio_url"].as_str().unwrap();
    let heard = server.get(url).await;
    assert_eq!((heard.status, heard.headers["content-type"].to_str().unwrap()), (200, "audio/mpeg"));
    assert!(!heard.bytes.is_empty());
    let stranger = server.member(server.elsewhere().await, Role::Owner).await;
    assert_eq!(server.asks(Some(&stranger), "GET", url, "").await.status, 404);
    for wrong in [
        say(""),
        json!({"text": "a", "voice_id": ""}).to_string(),
        json!({"text": "a", "organization_id": uuid::Uuid::nil()}).to_string(),
    ] {
        assert_eq!(server.send("POST", "/api/tts/generate", &wrong).await.status, 400, "{wrong}");
    }
}
