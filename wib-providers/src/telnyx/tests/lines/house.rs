//! The suites of the ports, over the sandbox; and what the sandbox does by itself.

use std::time::Duration;

use wib_core::{
    kit::{Clock, VirtualClock, time::after},
    testing,
};

use super::*;
use crate::{
    sandbox::{Fault as Ordered, FaultKind, Sandbox, Settings},
    testing::contract::Contract,
};

fn house(seed: u64) -> (Arc<Telnyx>, Arc<VirtualClock>, Sandbox) {
    let script = Script::new([]);
    let clock = script.clock.clone();
    let settings = Settings { server: Some("https://wib.test".to_owned()), ..Settings::default() };
    let sandbox = Sandbox::new(clock.clone(), seed, settings);
    let telnyx = sandbox.telnyx(sandbox.wires(clock.clone(), script.wires().random)).unwrap();
    (Arc::new(telnyx), clock, sandbox)
}

mod webrtc {
    use super::*;
    async fn make() -> testing::webrtc_suite::Subject {
        let (webrtc, clock, _) = house(1);
        testing::webrtc_suite::Subject { webrtc, clock, trunk_id: "1000000000000000002".into() }
    }
    wib_core::webrtc_suite!(make);
}
mod trunks {
    use super::*;
    async fn make() -> Arc<dyn Trunks> {
        house(2).0
    }
    wib_core::trunks_suite!(make);
}
mod numbers {
    use super::*;
    async fn make() -> testing::numbers_suite::Subject {
        let (numbers, clock, sandbox) = house(3);
        let (operation, kind) = ("order_number".to_owned(), FaultKind::ResetAfterEffect);
        let lost = Ordered { vendor: "telnyx".to_owned(), operation, times: 1, kind };
        let lose_an_answer = Box::new(move || sandbox.inject(lost.clone()));
        testing::numbers_suite::Subject { numbers, clock, trunk_id: "1000000000000000001".into(), lose_an_answer }
    }
    wib_core::numbers_suite!(make);
}
mod verified_numbers {
    use super::*;
    async fn make() -> testing::verified_numbers_suite::Subject {
        let (verified, clock, _) = house(4);
        testing::verified_numbers_suite::Subject { verified, clock, code: "12345" }
    }
    wib_core::verified_numbers_suite!(make);
}
mod messenger {
    use super::*;
    async fn make() -> testing::messenger_suite::Subject {
        let (messenger, clock, _) = house(5);
        let (good, bad) = (phone("+14155550123"), phone("+15005550010"));
        testing::messenger_suite::Subject { messenger, clock, good, bad }
    }
    wib_core::messenger_suite!(make);
}

/// What was delivered up to `seconds` from now, opened by the adapter; each body is held against the document.
fn told(telnyx: &Telnyx, clock: &VirtualClock, sandbox: &Sandbox, seconds: u64) -> Vec<EventBody> {
    let contract = Contract::open("telnyx");
    let end = after(clock.now(), Duration::from_secs(seconds));
    let mut all = Vec::new();
    while let Some(due) = sandbox.next_due().filter(|due| *due <= end) {
        clock.advance_to(due);
        for delivery in sandbox.take_due(due) {
            let headers: Vec<_> = delivery.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
            let opened = telnyx.open(&Headers(&headers), &delivery.body, due).unwrap();
            all.extend(opened.into_events().into_iter().map(|event| event.body));
            let body: Value = serde_json::from_slice(&delivery.body).unwrap();
            let hook = match body["data"]["event_type"].as_str().unwrap() {
                "message.received" => "inboundMessage",
                "number_order.complete" => "numberOrderStatusUpdate",
                _ => "deliveryUpdate",
            };
            let place = format!("#/webhooks/{hook}/post/requestBody/content/application~1json/schema");
            if let Some(contract) = &contract {
                let faults = contract.faults(&json!({"$ref": place}), &body);
                assert!(faults.is_empty(), "{hook}: {faults:#?}\n{body:#}");
            }
            sandbox.delivered(delivery.id, Some(200));
        }
    }
    clock.advance_to(end);
    all
}
fn states(events: &[EventBody]) -> Vec<(&str, Option<&str>)> {
    let told = events.iter().map(|body| match body {
        EventBody::Message(event) => (event.what.as_str(), event.message.state().map(DeliveryState::as_str)),
        other => panic!("not of a message: {other:?}"),
    });
    told.collect()
}

#[tokio::test]
async fn a_message_tells_that_it_was_sent_and_what_became_of_it() {
    let outcomes = [
        ("+14155550123", &[("sent", Some("sent")), ("finalized", Some("delivered"))][..]),
        ("+15005550003", &[("sent", Some("sent")), ("finalized", Some("delivery_unconfirmed"))][..]),
        ("+15005550009", &[("finalized", Some("sending_failed"))][..]),
        ("+15005550010", &[("sent", Some("sent")), ("finalized", Some("delivery_failed"))][..]),
    ];
    for (to, expected) in outcomes {
        let (telnyx, clock, sandbox) = house(7);
        let message = NewMessage { to: phone(to), ..text_message("Hello") };
        Messenger::send(&*telnyx, &message).await.unwrap();
        assert_eq!(states(&told(&telnyx, &clock, &sandbox, 60)), expected, "{to}");
    }
}

async fn somebody_writes(sandbox: &Sandbox, text: &str) {
    let body = json!({"from": "+14155550123", "to": "+13125550100", "text": text}).to_string();
    let answer = sandbox.serve(http::Method::POST, "/sandbox/telnyx/messages", http::HeaderMap::new(), body.into()).await;
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn who_writes_stop_is_not_written_to_until_start() {
    let (telnyx, clock, sandbox) = house(8);
    let message = NewMessage { to: phone("+14155550123"), ..text_message("Hello") };
    somebody_writes(&sandbox, " stop ").await;
    let events = told(&telnyx, &clock, &sandbox, 1);
    let [EventBody::Message(received)] = &events[..] else { panic!("one message") };
    assert_eq!((&received.what, received.message.text.reveal()), (&MessageEventKind::Received, " stop "));
    assert_eq!(received.message.from.as_ref().map(|from| from.as_str()), Some("+14155550123"));
    let refused = Messenger::send(&*telnyx, &message).await.unwrap_err();
    assert_eq!((refused.fault, refused.code.as_deref()), (Fault::Request, Some("40300")));
    somebody_writes(&sandbox, "START").await;
    Messenger::send(&*telnyx, &message).await.unwrap();
}

#[tokio::test]
async fn an_order_tells_that_it_is_complete() {
    let (telnyx, clock, sandbox) = house(9);
    let search = NumberSearch { area_code: Some("415".into()), limit: 1, ..NumberSearch::default() };
    let number = telnyx.search(&search).await.unwrap()[0].number.phone().unwrap();
    let order = NumberOrder {
        reference: "r".into(),
        numbers: vec![number],
        trunk_id: None,
        messaging_profile: Some("p1".into()),
    };
    telnyx.order(&order).await.unwrap();
    let events = told(&telnyx, &clock, &sandbox, 60);
    assert_eq!(events, [EventBody::Other("number_order.complete".into())]);
}

#[tokio::test]
async fn the_same_seed_has_the_same_numbers_and_another_seed_others() {
    let stock = async |seed| {
        let (telnyx, ..) = house(seed);
        telnyx.search(&NumberSearch { limit: 250, ..NumberSearch::default() }).await.unwrap()
    };
    let first = stock(11).await;
    assert!(first.len() > 100 && first.iter().all(|one| one.region.is_some() && one.town.is_some()));
    assert_eq!(first, stock(11).await);
    assert_ne!(first, stock(12).await);
}

#[tokio::test]
async fn the_sandbox_s_answers_of_lines_fit_the_document() {
    let Some(contract) = Contract::open("telnyx") else { return };
    let (_, clock, sandbox) = house(10);
    let send = async |method: &str, path: &str, body: Value| -> (u16, Value) {
        let mut headers = http::HeaderMap::new();
        headers.insert("authorization", http::HeaderValue::from_static("Bearer key"));
        let method: http::Method = method.to_uppercase().parse().unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = sandbox.serve(method, &format!("/telnyx/v2{path}"), headers, body.into()).await;
        (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default())
    };
    let mut ids = std::collections::BTreeMap::<&str, String>::new();
    let number = "+13125550199";
    let order = json!({"phone_numbers": [{"phone_number": number}], "customer_reference": "r"});
    let voice = json!({"cnam_listing": {"cnam_listing_enabled": true, "cnam_listing_details": "ACME"}});
    for (operation, fill, body, status) in [
        ("post /call_control_applications", "", json!({"application_name": "a", "webhook_event_url": "https://a.test"}), 201),
        ("post /call_control_applications", "", json!({"application_name": "a"}), 422),
        ("get /call_control_applications/{id}", "/call_control_applications", Value::Null, 200),
        ("patch /call_control_applications/{id}", "/call_control_applications", json!({"application_name": "b", "webhook_event_url": "https://b.test"}), 200),
        ("get /call_control_applications", "", Value::Null, 200),
        ("post /credential_connections", "", json!({"connection_name": "a", "user_name": "officeuser", "password": "secretsecret"}), 201),
        ("get /credential_connections", "", Value::Null, 200),
        ("get /connections/{id}", "/credential_connections", Value::Null, 200),
        ("post /telephony_credentials", "/credential_connections", json!({"connection_id": "{id}", "name": "n", "expires_at": "2026-02-13T11:00:00Z"}), 201),
        ("get /telephony_credentials", "", Value::Null, 200),
        ("delete /telephony_credentials/{id}", "/telephony_credentials", Value::Null, 200),
        ("post /fqdn_connections", "", json!({"connection_name": "a"}), 201),
        ("post /fqdns", "/fqdn_connections", json!({"connection_id": "{id}", "dns_record_type": "a", "fqdn": "a.test", "port": 5060}), 201),
        ("get /fqdns", "", Value::Null, 200),
        ("delete /fqdns/{id}", "/fqdns", Value::Null, 200),
        ("delete /fqdn_connections/{id}", "/fqdn_connections", Value::Null, 200),
        ("post /ip_connections", "", json!({"connection_name": "a"}), 201),
        ("post /ips", "/ip_connections", json!({"connection_id": "{id}", "ip_address": "192.0.2.7", "port": 5060}), 201),
        ("get /ips", "", Value::Null, 200),
        ("delete /ip_connections/{id}", "/ip_connections", Value::Null, 200),
        ("post /outbound_voice_profiles", "", json!({"name": "all"}), 200),
        ("get /outbound_voice_profiles", "", Value::Null, 200),
        ("delete /outbound_voice_profiles/{id}", "/outbound_voice_profiles", Value::Null, 200),
        ("get /available_phone_numbers", "", Value::Null, 200),
        ("post /number_orders", "", order, 200),
        ("get /number_orders/{number_order_id}", "/number_orders", Value::Null, 200),
        ("get /number_orders", "", Value::Null, 200),
        ("get /phone_numbers", "", Value::Null, 200),
        ("get /phone_numbers/{id}", "/phone_numbers", Value::Null, 200),
        ("patch /phone_numbers/{id}", "/phone_numbers", json!({"tags": ["a"]}), 200),
        ("patch /phone_numbers/{id}/voice", "/phone_numbers", voice, 200),
        ("get /phone_numbers/{id}/voice", "/phone_numbers", Value::Null, 200),
        ("post /messages", "", json!({"from": "+13125550100", "to": "+14155550123", "text": "a"}), 200),
        ("post /messages", "", json!({"from": "+13125550100", "to": "+14155550123", "text": "a", "send_at": "2026-02-13T11:00:00Z"}), 200),
        ("get /messages/{id}", "/messages", Value::Null, 200),
        ("delete /messages/{id}", "/messages", Value::Null, 200),
        ("delete /phone_numbers/{id}", "/phone_numbers", Value::Null, 200),
        ("get /number_lookup/{phone_number}", number, Value::Null, 200),
        ("post /verified_numbers", "", json!({"phone_number": number, "verification_method": "sms"}), 200),
        ("post /verified_numbers/{phone_number}/actions/verify", number, json!({"verification_code": "12345"}), 200),
        ("get /verified_numbers", "", Value::Null, 200),
        ("delete /verified_numbers/{phone_number}", number, Value::Null, 200),
        ("delete /verified_numbers/{phone_number}", number, Value::Null, 404),
    ] {
        let (method, template) = operation.split_once(' ').unwrap();
        let filling = ids.get(fill).map_or(fill, String::as_str).to_owned();
        let path = match template.split_once('{').zip(template.split_once('}')) {
            Some(((before, _), (_, behind))) => format!("{before}{filling}{behind}"),
            None => template.to_owned(),
        };
        let body: Value = serde_json::from_str(&body.to_string().replace("{id}", &filling)).unwrap();
        let (is, answer) = send(method, &path.replace('+', "%2B"), body).await;
        assert_eq!(is, status, "{operation}: {answer:#}");
        let faults = contract.answer_faults(operation, is, &answer);
        assert!(faults.is_empty(), "{operation} {is}: {faults:#?}\n{answer:#}");
        let first = if answer["data"].is_array() { &answer["data"][0] } else { &answer["data"] };
        if let Some(id) = first["id"].as_str()
            && method != "delete"
            && !template.contains('{')
        {
            ids.insert(template, id.to_owned());
        }
        clock.advance(Duration::from_secs(1));
    }
}
