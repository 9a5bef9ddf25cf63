//! Bodies against the vendors' documents.

use super::*;
use crate::testing::contract::Contract;

fn check_answer(contract: &Contract, method: &str, path: &str, (status, body): &(u16, Value)) {
    let faults = contract.answer_faults(&format!("{method} {path}"), *status, body);
    assert!(faults.is_empty(), "{method} {path} {status}: {faults:#?}\n{body:#}");
}

#[test]
fn telnyx_s_webhooks_fit_its_document() {
    let Some(contract) = Contract::open("telnyx") else { return };
    let mut seen = std::collections::BTreeSet::new();
    for (number, ..) in MAGIC {
        for event in Rig::new(2).play(number) {
            let name = event["data"]["event_type"].as_str().unwrap();
            let camel: String = name.split('.').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
            let schema = json!({"$ref": format!("#/components/schemas/{camel}Event")});
            let faults = contract.faults(&schema, &event);
            assert!(faults.is_empty(), "{name}: {faults:#?}\n{event:#}");
            seen.insert(name.to_owned());
        }
    }
    assert_eq!(seen.len(), 10, "{seen:?}");
}

#[test]
fn telnyx_s_answers_fit_its_document() {
    let Some(contract) = Contract::open("telnyx") else { return };
    let rig = Rig::new(2);
    let events = rig.play(magic(Behaviour::Promises));
    let saved = last(&events, "call.recording.saved");
    let leg = saved["call_leg_id"].as_str().unwrap().to_owned();
    let ended = last(&events, "call.hangup").clone();
    let call = rig.dial(magic(Behaviour::Talks), &json!({}));
    for _ in 0..3 {
        rig.dial(magic(Behaviour::NoAnswer), &json!({}));
    }
    rig.run(10, |_, _| 200);
    let id = |call: &Value| call["call_control_id"].as_str().unwrap().replace('/', "%2F").replace('+', "%2B");
    for id in [id(&call), id(&ended), "nobody".to_owned()] {
        check_answer(&contract, "get", "/calls/{call_control_id}", &rig.get(&format!("/telnyx/v2/calls/{id}")));
    }
    assert_eq!(rig.get(&format!("/telnyx/v2/calls/{}", id(&ended))).1["data"]["is_alive"], false);
    let speak = json!({"payload": "Hello", "voice": "female"});
    let record = json!({"channels": "dual", "format": "wav"});
    for (command, body) in [
        ("speak", &speak),
        ("speak", &json!({})),
        ("record_start", &record),
        ("record_pause", &json!({})),
        ("record_resume", &json!({})),
        ("record_stop", &json!({})),
        ("record_pause", &json!({})),
        ("send_dtmf", &json!({"digits": "1"})),
        ("send_dtmf", &json!({"digits": "?"})),
        ("answer", &json!({})),
        ("hangup", &json!({})),
        ("hangup", &json!({})),
    ] {
        check_answer(
            &contract,
            "post",
            &format!("/calls/{{call_control_id}}/actions/{command}"),
            &rig.command(&call, command, body),
        );
    }
    rig.run(5, |_, _| 200);
    let dials = [json!({}), json!({"connection_id": "1", "to": "5", "from": "+13125550111"})];
    for dial in dials {
        let answer = rig.post("/telnyx/v2/calls", &dial);
        assert_eq!(answer.0, 422);
        check_answer(&contract, "post", "/calls", &answer);
    }
    let active = rig.get("/telnyx/v2/connections/42/active_calls?page[limit]=2");
    assert_eq!(active.1["data"].as_array().unwrap().len(), 2);
    check_answer(&contract, "get", "/connections/{connection_id}/active_calls", &active);
    let next = active.1["meta"]["next"].as_str().unwrap().strip_prefix("http://sandbox.test:4010").unwrap();
    assert_eq!(rig.get(next).1["data"].as_array().unwrap().len(), 1);
    let told = rig.get(&format!("/telnyx/v2/call_events?filter[leg_id]={leg}&filter[type]=webhook&page[size]=50"));
    assert_eq!(told.1["data"].as_array().unwrap().len(), events.len());
    check_answer(&contract, "get", "/call_events", &told);
    let list = rig.get(&format!("/telnyx/v2/recordings?filter[call_leg_id]={leg}"));
    assert_eq!(list.1["meta"]["total_results"], 1);
    check_answer(&contract, "get", "/recordings", &list);
    let id = list.1["data"][0]["id"].as_str().unwrap();
    for id in [id, "nobody"] {
        check_answer(&contract, "get", "/recordings/{recording_id}", &rig.get(&format!("/telnyx/v2/recordings/{id}")));
    }
    for expected in [200, 404] {
        let (status, body) = rig.send("DELETE", &format!("/telnyx/v2/recordings/{id}"), &[], "");
        assert_eq!(status, expected);
        let body = serde_json::from_slice(&body).unwrap();
        check_answer(&contract, "delete", "/recordings/{recording_id}", &(status, body));
    }
}

#[test]
fn assemblyai_s_answers_fit_its_document() {
    let Some(contract) = Contract::open("assemblyai") else { return };
    let rig = Rig::new(2);
    let events = rig.play(magic(Behaviour::Promises));
    let url = last(&events, "call.recording.saved")["recording_urls"]["wav"].as_str().unwrap().to_owned();
    let (status, upload) = rig.send("POST", "/assemblyai/v2/upload", &[], fetch(&rig, &url).1);
    let upload: Value = serde_json::from_slice(&upload).unwrap();
    check_answer(&contract, "post", "/v2/upload", &(status, upload.clone()));
    for audio in [&upload["upload_url"], &json!("https://x.test/a.wav")] {
        let order = json!({"audio_url": audio, "speech_models": ["universal"], "multichannel": true});
        let queued = rig.post("/assemblyai/v2/transcript", &order);
        check_answer(&contract, "post", "/v2/transcript", &queued);
        rig.run(5, |_, _| 200);
        let path = format!("/assemblyai/v2/transcript/{}", queued.1["id"].as_str().unwrap());
        check_answer(&contract, "get", "/v2/transcript/{transcript_id}", &rig.get(&path));
    }
    check_answer(&contract, "get", "/v2/transcript", &rig.get("/assemblyai/v2/transcript"));
    check_answer(&contract, "post", "/v2/transcript", &rig.post("/assemblyai/v2/transcript", &json!({})));
}

#[test]
fn chat_and_mail_answers_fit_their_documents() {
    let rig = Rig::new(2);
    let chat = json!({"model": "m", "messages": [{"role": "user", "content": "Hello"}]});
    // Groq's document gives its answers the choices of a stream (`delta`): its answers are held to OpenAI's form.
    for (vendor, path, asked, form) in [
        ("groq", "/openai/v1/chat/completions", "/groq/openai/v1/chat/completions", "openai"),
        ("xai", "/chat/completions", "/xai/v1/chat/completions", "xai"),
        ("openai", "/chat/completions", "/openai/v1/chat/completions", "openai"),
    ] {
        let (Some(own), Some(form)) = (Contract::open(vendor), Contract::open(form)) else { return };
        check_answer(&form, "post", "/chat/completions", &rig.post(asked, &chat));
        if vendor != "openai" {
            check_answer(&own, "post", path, &rig.post(asked, &json!({})));
        }
    }
    let Some(contract) = Contract::open("resend") else { return };
    let mail = json!({"from": "a@wib.test", "to": "b@wib.test", "subject": "s", "text": "x"});
    let sent = rig.post("/resend/emails", &mail);
    check_answer(&contract, "post", "/emails", &sent);
    let shown = rig.get(&format!("/resend/emails/{}", sent.1["id"].as_str().unwrap()));
    check_answer(&contract, "get", "/emails/{email_id}", &shown);
}
