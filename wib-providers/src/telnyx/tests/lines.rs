//! Credentials, trunks, numbers and messages.

#[cfg(feature = "sandbox")]
mod house;

use secrecy::ExposeSecret;
use wib_core::{
    ports::{
        Messenger, Numbers, Trunks, VerifiedNumbers, Webrtc,
        messenger::{Cost, DeliveryState, MessageEventKind, NewMessage},
        numbers::{Assignment, NumberOrder, NumberSearch, OwnedFilter, VoiceSettings, order_once},
        pages::{Place, whole},
        trunks::{Access, DnsRecord, KeptPeer, OutboundProfile, Peer, PeerAt, Trunk, TrunkId, TrunkKind},
        verified_numbers::{AskCode, CodeBy},
        webrtc::{CredentialFilter, NewCredential},
    },
};

use super::*;
use crate::testing::contract::Proof;

/// A token that ends at 2026-02-14T10:00:00Z.
const TOKEN: &str = "eyJhbGciOiJIUzUxMiJ9.eyJleHAiOjE3NzEwNjMyMDB9.c2ln";

fn order(reference: &str) -> NumberOrder {
    NumberOrder {
        reference: reference.into(),
        numbers: vec![phone("+13125550107")],
        trunk_id: Some("77".into()),
        messaging_profile: None,
    }
}
fn placed(reference: &str) -> Value {
    json!({"id": "o1", "customer_reference": reference, "status": "pending"})
}
fn text_message(text: &str) -> NewMessage {
    NewMessage {
        to: phone("+13125550123"),
        from: None,
        text: text.into(),
        media_urls: vec![],
        webhook_url: Some("https://wib.test/webhooks/telnyx".into()),
        at: None,
    }
}
fn trunk(access: Access) -> Trunk {
    Trunk {
        name: "office".into(),
        active: true,
        access,
        outbound_profile: Some("55".into()),
        outbound_channels: Some(10),
        inbound_channels: Some(5),
        webhook_url: Some("https://wib.test/webhooks/telnyx".into()),
    }
}
fn profile() -> OutboundProfile {
    OutboundProfile {
        name: "us-only".into(),
        enabled: true,
        destinations: vec!["US".into()],
        daily_spend_minor: Some(10_005),
        dearest_minute_micros: Some(50_500),
        calls_at_once: Some(7),
    }
}
fn credentials() -> Access {
    Access::Credential { user_name: "office".into(), password: Some("hunter2hunter2".to_owned().into()) }
}
fn at_host() -> Peer {
    Peer { at: PeerAt::Host { name: "sip.example.test".into(), record: DnsRecord::Srv }, port: 5061 }
}
fn at_address() -> Peer {
    Peer { at: PeerAt::Ip([192, 0, 2, 7].into()), port: 5060 }
}

#[tokio::test]
async fn a_token_is_plain_text_and_says_itself_when_it_ends() {
    let plain = |body: &'static str| Reply::Answer(201, vec![("content-type", "text/plain".into())], body.into());
    let script = Script::new([Reply::status(503), plain(TOKEN)]);
    let token = script.run(telnyx(&script).token("c/1")).await.unwrap();
    assert_eq!((token.token.expose_secret(), token.expires_at), (TOKEN, at("2026-02-14T10:00:00Z")));
    assert!(!format!("{token:?}").contains("eyJ"));
    let seen = script.seen();
    assert!(seen.iter().all(|s| s.target == "/v2/telephony_credentials/c%2F1/token" && s.body.is_empty()));
    for nonsense in ["", "a.b", "a.b.c.d", "eyJhbGciOiJIUzUxMiJ9.e30.c2ln", "<html>", "{\"data\": 1}"] {
        let script = Script::new([plain(nonsense)]);
        let error = script.run(telnyx(&script).token("c1")).await.unwrap_err();
        assert_eq!(error.fault, Fault::Nonsense, "{nonsense}");
    }
}

#[tokio::test]
async fn nothing_that_is_made_or_sent_is_made_or_sent_twice() {
    for reply in [|| Reply::Silence, || Reply::status(500), || Reply::Fails(Sent::Unknown)] {
        let made = NewCredential { trunk_id: "7".into(), name: "n".into(), expires_at: None };
        let script = Script::new((0..7).map(|_| reply()));
        let telnyx = telnyx(&script);
        let by_call = AskCode { by: CodeBy::Call, extension: None };
        let unknown = [
            script.run(telnyx.create_credential(&made)).await.unwrap_err(),
            script.run(telnyx.create_trunk(&trunk(credentials()))).await.unwrap_err(),
            script.run(telnyx.create_profile(&profile())).await.unwrap_err(),
            script.run(telnyx.order(&order("r"))).await.unwrap_err(),
            script.run(telnyx.ask_code(&phone("+13125550123"), &by_call)).await.unwrap_err(),
            script.run(telnyx.submit_code(&phone("+13125550123"), "1")).await.unwrap_err(),
            script.run(Messenger::send(&telnyx, &text_message("Hello"))).await.unwrap_err(),
        ];
        assert!(unknown.iter().all(|error| error.sent == Sent::Unknown), "{unknown:?}");
        assert_eq!(script.seen().len(), 7);
    }
}

#[tokio::test]
async fn a_change_and_a_deletion_are_repeated_and_what_is_gone_is_gone() {
    let kept = json!({"data": {"id": "55", "name": "us-only"}});
    let script = Script::new([Reply::status(500), Reply::json(200, kept), Reply::status(502), Reply::status(404)]);
    let telnyx = telnyx(&script);
    script.run(telnyx.update_profile("55", &profile())).await.unwrap();
    script.run(telnyx.release("9")).await.unwrap();
    let methods: Vec<_> = script.seen().into_iter().map(|seen| seen.method).collect();
    assert_eq!(methods, ["PATCH", "PATCH", "DELETE", "DELETE"]);
}

#[tokio::test]
async fn a_profile_writes_its_money_in_decimals_and_its_limits_whole() {
    let script = Script::new([Reply::json(
        200,
        json!({"data": {
            "id": "55", "name": "us-only", "enabled": true, "whitelisted_destinations": ["US"], "max_destination_rate": 0.0505,
            "daily_spend_limit_enabled": true, "daily_spend_limit": "100.05", "concurrent_call_limit": 7,
        }}),
    )]);
    let kept = script.run(telnyx(&script).create_profile(&profile())).await.unwrap();
    assert_eq!(kept.profile, profile());
    let body = json!({
        "name": "us-only", "enabled": true, "whitelisted_destinations": ["US"], "daily_spend_limit_enabled": true,
        "daily_spend_limit": "100.05", "max_destination_rate": 0.0505, "concurrent_call_limit": 7,
    });
    assert_eq!(script.one().json(), body);
    let script = Script::new([]);
    for wrong in [
        OutboundProfile { daily_spend_minor: Some(-1), ..profile() },
        OutboundProfile { dearest_minute_micros: Some(-1), ..profile() },
    ] {
        assert_eq!(script.run(telnyx(&script).create_profile(&wrong)).await.unwrap_err().sent, Sent::No);
    }
}

#[tokio::test]
async fn a_password_goes_to_telnyx_and_is_never_read_back() {
    let answer = json!({"data": {
        "id": "9", "record_type": "credential_connection", "connection_name": "office", "active": true,
        "user_name": "office", "password": "hunter2hunter2", "outbound": {"channel_limit": 10},
    }});
    let script = Script::new([Reply::json(201, answer)]);
    let kept = script.run(telnyx(&script).create_trunk(&trunk(credentials()))).await.unwrap();
    assert_eq!(script.one().json()["password"], "hunter2hunter2");
    assert!(matches!(&kept.trunk.access, Access::Credential { user_name, password: None } if user_name == "office"));
}

#[tokio::test]
async fn an_order_whose_answer_was_lost_is_looked_for_before_another_is_made() {
    let list = |rows: Value| Reply::json(200, json!({"data": rows, "meta": {"total_pages": 1}}));
    // Lost, and taken.
    let script = Script::new([list(json!([])), Reply::Silence, list(json!([placed("r")]))]);
    assert_eq!(script.run(order_once(&telnyx(&script), &order("r"))).await.unwrap().id, "o1");
    let seen = script.seen();
    assert_eq!(seen.iter().map(|s| s.method.as_str()).collect::<Vec<_>>(), ["GET", "POST", "GET"]);
    assert!(seen[0].target.starts_with("/v2/number_orders?filter%5Bcustomer_reference%5D=r&page"));
    let body = json!({"customer_reference": "r", "connection_id": "77", "phone_numbers": [{"phone_number": "+13125550107"}]});
    assert_eq!(seen[1].json(), body);
    // There already: nothing is ordered. One whose reference only resembles ours is another.
    let script = Script::new([list(json!([placed("r2"), placed("r")]))]);
    assert_eq!(script.run(order_once(&telnyx(&script), &order("r"))).await.unwrap().reference.as_deref(), Some("r"));
    // Nobody can say.
    let script = Script::new([list(json!([placed("r2")])), Reply::status(500), list(json!([]))]);
    let doubt = script.run(order_once(&telnyx(&script), &order("r"))).await.unwrap_err();
    assert_eq!((doubt.sent, script.seen().len()), (Sent::Unknown, 3));
    // A refusal is one.
    let script = Script::new([list(json!([])), Reply::status(422)]);
    let refused = script.run(order_once(&telnyx(&script), &order("r"))).await.unwrap_err();
    assert_eq!((refused.sent, script.seen().len()), (Sent::Refused, 2));
    let script = Script::new([]);
    for empty in [NumberOrder { numbers: vec![], ..order("r") }, order(" ")] {
        assert_eq!(script.run(telnyx(&script).order(&empty)).await.unwrap_err().sent, Sent::No);
    }
}

#[tokio::test]
async fn filters_and_pages_are_asked_for_in_brackets() {
    let script = Script::new([Reply::json(200, json!({"data": []})), Reply::json(200, json!({"data": []}))]);
    let telnyx = telnyx(&script);
    let filter = OwnedFilter { number: Some(phone("+13125550107")), tag: Some("a b".into()), ..OwnedFilter::default() };
    let page = script.run(telnyx.owned(&filter, Some(Place("3".into())))).await.unwrap();
    assert!(page.items.is_empty() && page.next.is_none());
    let search = NumberSearch { area_code: Some("312".into()), limit: 9_999, ..NumberSearch::default() };
    script.run(telnyx.search(&search)).await.unwrap();
    let targets: Vec<_> = script.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(
        targets,
        [
            "/v2/phone_numbers?filter%5Bphone_number%5D=%2B13125550107&filter%5Btag%5D=a%20b&page%5Bnumber%5D=3\
             &page%5Bsize%5D=250",
            "/v2/available_phone_numbers?filter%5Bcountry_code%5D=US&filter%5Bnational_destination_code%5D=312\
             &filter%5Blimit%5D=250",
        ]
    );
    for wrong in ["0", "401", "next", "-1"] {
        let place = Some(Place(wrong.into()));
        let error = script.run(telnyx.profiles(place)).await.unwrap_err();
        assert_eq!((error.fault, error.sent), (Fault::Request, Sent::No), "{wrong}");
    }
}

#[tokio::test]
async fn a_list_without_an_end_is_an_error() {
    let endless = json!({"data": [{"phone_number": "+13125550107"}], "meta": {"total_pages": 9_999_999}});
    let script = Script::new((0..400).map(|_| Reply::json(200, endless.clone())));
    let telnyx = telnyx(&script);
    let error = script.run(whole("telnyx", 10_000, |place| telnyx.list(place))).await.unwrap_err();
    assert_eq!((error.fault, script.seen().len()), (Fault::Nonsense, 400));
    let script = Script::new((0..4).map(|_| Reply::json(200, endless.clone())));
    let telnyx = super::telnyx(&script);
    let error = script.run(whole("telnyx", 3, |place| telnyx.list(place))).await.unwrap_err();
    assert_eq!((error.fault, script.seen().len()), (Fault::Nonsense, 3));
}

#[tokio::test]
async fn a_message_goes_from_the_number_or_by_the_profile() {
    let sent = || Reply::json(200, json!({"data": {"id": "m1"}}));
    let script = Script::new([sent(), sent(), sent()]);
    let builder = || Telnyx::builder(script.wires(), SecretString::from("k"), "1");
    let message = text_message("Hello");
    let by_number = builder().default_number(phone("+13125550111")).build();
    script.run(Messenger::send(&by_number, &message)).await.unwrap();
    let by_profile = builder().default_number(phone("+13125550111")).messaging_profile("p1").build();
    script.run(Messenger::send(&by_profile, &message)).await.unwrap();
    let media_urls = vec!["https://media.example.test/a.png".to_owned()];
    let picture = NewMessage { from: Some(phone("+13125550112")), media_urls, ..text_message("") };
    script.run(Messenger::send(&by_profile, &picture)).await.unwrap();
    let bodies: Vec<_> = script.seen().iter().map(|seen| seen.json()).collect();
    let hook = "https://wib.test/webhooks/telnyx";
    assert_eq!(
        bodies,
        [
            json!({"to": "+13125550123", "from": "+13125550111", "text": "Hello", "type": "SMS", "webhook_url": hook}),
            json!({"to": "+13125550123", "messaging_profile_id": "p1", "text": "Hello", "type": "SMS", "webhook_url": hook}),
            json!({
                "to": "+13125550123", "from": "+13125550112", "messaging_profile_id": "p1", "text": "", "type": "MMS",
                "media_urls": ["https://media.example.test/a.png"], "webhook_url": hook,
            }),
        ]
    );
    let nameless = builder().build();
    assert_eq!(script.run(Messenger::send(&nameless, &message)).await.unwrap_err().sent, Sent::No);
    assert_eq!(script.run(Messenger::send(&by_number, &text_message(""))).await.unwrap_err().sent, Sent::No);
}

#[test]
fn a_message_event_is_read_with_its_words_hidden() {
    let payload = json!({
        "id": "m1", "direction": "inbound", "type": "MMS", "parts": 2, "text": "my card is 4111 1111 1111 1111",
        "from": {"phone_number": "+13125550123", "status": "received"},
        "to": [{"phone_number": "+13125550111", "status": "webhook_delivered"}],
        "media": [{"url": "https://media.example.test/a.png", "hash_sha256": "0"}],
        "cost": {"amount": "0.0051", "currency": "USD"},
        "cost_breakdown": {"carrier_fee": {"amount": "0.00305", "currency": "USD"}, "rate": null},
        "errors": [{"code": 40001, "title": "Not routable to +13125550123"}], "sent_at": null, "completed_at": "soon",
    });
    let event = read(delivery("message.received", payload).to_string().as_bytes(), at(NOW)).unwrap();
    let EventBody::Message(told) = &event.body else { panic!("a message") };
    assert_eq!((&told.what, &told.id), (&MessageEventKind::Received, &event.id));
    let message = &told.message;
    assert_eq!((message.direction, message.state()), (Direction::Inbound, Some(&DeliveryState::Received)));
    assert_eq!(message.from.as_ref().and_then(|from| from.phone()), Some(phone("+13125550123")));
    assert_eq!((message.text.reveal(), message.parts), ("my card is 4111 1111 1111 1111", Some(2)));
    assert_eq!(message.media_urls, ["https://media.example.test/a.png"]);
    let usd = |micros| Some(Cost { micros, currency: "USD".into() });
    assert_eq!((&message.cost, &message.carrier_fee), (&usd(5_100), &usd(3_050)));
    assert_eq!((message.faults[0].code.as_str(), message.faults[0].title.as_str()), ("40001", "Not routable to +[number]"));
    assert_eq!((message.sent_at, message.completed_at), (None, None));
    let shown = format!("{event:?}");
    assert!(!shown.contains("1111") && !shown.contains("3125550123"), "{shown}");
    let mut kept = event;
    assert!(kept.body.forget_secrets());
    let kept = serde_json::to_string(&kept).unwrap();
    assert!(!kept.contains("4111") && kept.contains("my card is"), "{kept}");
}

#[test]
fn a_message_event_needs_its_message_s_id_alone() {
    let bare = |name: &str| read(delivery(name, json!({"id": "m1"})).to_string().as_bytes(), at(NOW)).unwrap();
    for (name, what) in [
        ("message.sent", MessageEventKind::Sent),
        ("message.finalized", MessageEventKind::Finalized),
        ("message.reacted", MessageEventKind::Other("reacted".into())),
    ] {
        let EventBody::Message(told) = bare(name).body else { panic!("a message") };
        assert_eq!((told.what, told.message.state(), told.message.direction), (what, None, Direction::Outbound));
    }
    let nameless = delivery("message.sent", json!({})).to_string();
    assert_eq!(read(nameless.as_bytes(), at(NOW)).unwrap_err(), Refused::InvalidStructure);
    let order = delivery("number_order.complete", json!({"id": "o1"})).to_string();
    assert_eq!(read(order.as_bytes(), at(NOW)).unwrap().body, EventBody::Other("number_order.complete".into()));
}

#[test]
fn a_click_on_a_link_has_the_id_of_its_message_and_time() {
    let click = json!({"data": {
        "record_type": "link_clicked", "message_id": "m1", "time_clicked": "2019-04-01T14:45:45.450Z", "url": "u", "to": "1",
    }});
    let event = read(click.to_string().as_bytes(), at(NOW)).unwrap();
    assert_eq!(event, Event { id: "m1:2019-04-01T14:45:45.450Z".into(), body: EventBody::Other("link_clicked".into()) });
    let nameless = json!({"data": {"record_type": "link_clicked"}}).to_string();
    assert_eq!(read(nameless.as_bytes(), at(NOW)).unwrap_err(), Refused::InvalidStructure);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn fields_of_messages_that_nobody_knows_change_nothing(name in "[a-z]{1,8}", odd in odd()) {
        let payload = json!({
            "id": "m1", "direction": "outbound", "text": "Hello", "from": {"phone_number": "+13125550111"},
            "to": [{"phone_number": "+13125550123", "status": "delivered"}], "parts": 1,
            "cost": {"amount": "0.0051", "currency": "USD"}, "media": [], "errors": [],
        });
        let mut body = delivery("message.finalized", payload);
        let plain = read(body.to_string().as_bytes(), at(NOW)).unwrap();
        graft(&mut body, &name, &odd);
        prop_assert_eq!(read(body.to_string().as_bytes(), at(NOW)).unwrap(), plain);
    }
}

/// Every operation of lines and messages against the vendor's document.
pub(super) async fn prove(proof: &Arc<Proof>) {
    let key = SecretString::from("KEY0123");
    let telnyx = Telnyx::builder(proof.wires(), key, "1").default_number(phone("+13125550111")).build();
    let (t, number) = (&telnyx, phone("+13125550123"));
    let (id, ids) = (&["/data/id"][..], &["/data/*/id"][..]);

    let credential = [&["/data/id", "/data/sip_username"][..], &["/data/*/id", "/data/*/sip_username"][..]];
    let later = Some(at("2026-02-13T11:00:00Z"));
    let new = NewCredential { trunk_id: "7".into(), name: "browser".into(), expires_at: later };
    proof.run("create_credential", credential[0], async || t.create_credential(&new).await).await;
    proof.run("credential", credential[0], async || t.credential("c1").await).await;
    let filter = CredentialFilter { trunk_id: Some("7".into()), name: Some("browser".into()) };
    proof.run("credentials", credential[1], async || t.credentials(&filter, None).await).await;
    proof.run("delete_credential", &[], async || t.delete_credential("c1").await).await;
    proof.run("token", &[], async || t.token("c1").await).await;

    for access in [Access::Application, credentials(), Access::Fqdn, Access::Ip] {
        let trunk = trunk(access);
        let named = TrunkId { kind: trunk.access.kind(), id: "6a09cdc3-8948-47f0-aa62-74ac943d6c58".into() };
        proof.run("create_trunk", id, async || t.create_trunk(&trunk).await).await;
        proof.run("update_trunk", id, async || t.update_trunk(&named.id, &trunk).await).await;
        proof.run("trunk", id, async || t.trunk(&named).await).await;
        proof.run("trunks", ids, async || t.trunks(named.kind, Some(Place("2".into()))).await).await;
        proof.run("delete_trunk", &[], async || t.delete_trunk(&named).await).await;
    }
    proof.run("find_trunk", &["/data/id", "/data/record_type"], async || t.find_trunk("9").await).await;
    for (kind, peer, place) in [
        (TrunkKind::Fqdn, at_host(), ["/data/id", "/data/fqdn"]),
        (TrunkKind::Ip, at_address(), ["/data/id", "/data/ip_address"]),
    ] {
        let named = TrunkId { kind, id: "6a09cdc3-8948-47f0-aa62-74ac943d6c58".into() };
        let kept = KeptPeer { id: "6a09cdc3-8948-47f0-aa62-74ac943d6c58".into(), peer };
        proof.run("add_peer", &place, async || t.add_peer(&named, &kept.peer).await).await;
        proof.run("peers", ids, async || t.peers(&named, None).await).await;
        proof.run("remove_peer", &[], async || t.remove_peer(&kept).await).await;
    }
    let free = OutboundProfile { daily_spend_minor: None, dearest_minute_micros: None, calls_at_once: None, ..profile() };
    for profile in [profile(), free] {
        proof.run("create_profile", id, async || t.create_profile(&profile).await).await;
        proof.run("update_profile", id, async || t.update_profile("9", &profile).await).await;
    }
    proof.run("profile", id, async || t.profile("9").await).await;
    proof.run("profiles", ids, async || t.profiles(None).await).await;
    proof.run("delete_profile", &[], async || t.delete_profile("9").await).await;

    let search = NumberSearch {
        area_code: Some("312".into()),
        town: Some("CHICAGO".into()),
        region: Some("IL".into()),
        kind: Some("local".to_owned().into()),
        features: vec!["sms".to_owned().into(), "voice".to_owned().into()],
        ..NumberSearch::default()
    };
    proof.run("search", &["/data/*/phone_number"], async || t.search(&search).await).await;
    let full = NumberOrder { messaging_profile: Some("p1".into()), ..order("r") };
    proof.run("order", id, async || t.order(&full).await).await;
    proof.run("find_order", ids, async || t.find_order("r").await).await;
    proof.run("order_state", id, async || t.order_state("o1").await).await;
    let of = OwnedFilter {
        number: Some(number.clone()),
        trunk_id: Some("7".into()),
        reference: Some("r".into()),
        tag: Some("t".into()),
    };
    proof.run("owned", ids, async || t.owned(&of, None).await).await;
    let owned = &["/data/id", "/data/phone_number"][..];
    proof.run("number", owned, async || t.number("9").await).await;
    let assignment = Assignment { trunk_id: Some("7".into()), reference: Some("r".into()), tags: Some(vec!["t".into()]) };
    proof.run("assign", owned, async || t.assign("9", &assignment).await).await;
    proof.run("voice_settings", &["/data"], async || t.voice_settings("9").await).await;
    let named = VoiceSettings { cnam: Some("ACME".into()), look_up_caller: Some(true), ..VoiceSettings::default() };
    for settings in [named, VoiceSettings::default()] {
        proof.run("set_voice", &["/data"], async || t.set_voice("9", &settings).await).await;
    }
    proof.run("release", &[], async || t.release("9").await).await;
    for caller_name in [false, true] {
        proof.run("look_up", &["/data/phone_number"], async || t.look_up(&number, caller_name).await).await;
    }

    let verified = [&["/data/phone_number"][..], &["/data/*/phone_number"][..]];
    for ask in [
        AskCode { by: CodeBy::Sms, extension: None },
        AskCode { by: CodeBy::Call, extension: Some("ww243w1".into()) },
    ] {
        proof.run("ask_code", &[], async || t.ask_code(&number, &ask).await).await;
    }
    proof.run("submit_code", verified[0], async || t.submit_code(&number, "12345").await).await;
    proof.run("verified", verified[0], async || t.verified(&number).await).await;
    proof.run("verified_numbers", verified[1], async || t.list(None).await).await;
    proof.run("forget", &[], async || t.forget(&number).await).await;

    let media_urls = vec!["https://media.example.test/a.png".to_owned()];
    let picture = NewMessage { media_urls, at: Some(at("2026-02-13T11:00:00Z")), ..text_message("") };
    for message in [text_message("Hello"), picture] {
        proof.run("send", id, async || Messenger::send(t, &message).await).await;
    }
    let message = "86f58db9-0fe3-4adc-9d1f-46e66e6e9323";
    proof.run("fetch", id, async || t.fetch(message).await).await;
    proof.run("cancel", &[], async || t.cancel(message).await).await;
}

#[tokio::test]
async fn far_ends_of_another_kind_and_trunks_without_their_needs_are_refused_before_they_are_asked_for() {
    let script = Script::new([]);
    let telnyx = telnyx(&script);
    let named = |kind| TrunkId { kind, id: "9".into() };
    for (kind, peer) in
        [(TrunkKind::Fqdn, at_address()), (TrunkKind::Ip, at_host()), (TrunkKind::Application, at_host())]
    {
        assert_eq!(script.run(telnyx.add_peer(&named(kind), &peer)).await.unwrap_err().sent, Sent::No);
    }
    let page = script.run(telnyx.peers(&named(TrunkKind::Credential), None)).await.unwrap();
    assert!(page.items.is_empty() && page.next.is_none());
    let odd = AskCode { by: CodeBy::Call, extension: Some("1; DROP".into()) };
    assert_eq!(script.run(telnyx.ask_code(&phone("+13125550123"), &odd)).await.unwrap_err().sent, Sent::No);
}

#[test]
fn secrets_of_lines_are_never_shown() {
    let telnyx = Telnyx::builder(Script::new([]).wires(), SecretString::from("KEYcanary"), "1").build();
    let credential = NewCredential { trunk_id: "7".into(), name: "n".into(), expires_at: None };
    let shown = format!("{telnyx:?} {:?} {credential:?} {:?}", trunk(credentials()), text_message("4111 1111 1111 1111"));
    for canary in ["KEYcanary", "hunter2", "4111", "3125550123"] {
        assert!(!shown.contains(canary), "{canary}: {shown}");
    }
}
