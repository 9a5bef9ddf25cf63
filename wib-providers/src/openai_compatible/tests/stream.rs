//! Answers piece by piece, by script.

use futures_util::StreamExt;
use wib_core::ports::llm::LlmStream;

use super::*;

fn chunk(delta: Value, reason: Value) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "served-model",
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
}
fn events(all: &[Value]) -> String {
    all.iter().map(|event| format!("data: {event}\n\n")).collect()
}
fn words() -> Vec<Value> {
    vec![
        chunk(json!({"role": "assistant", "content": "", "reasoning_content": "hm"}), Value::Null),
        chunk(json!({"content": "A gree"}), Value::Null),
        chunk(json!({"content": "ting."}), Value::Null),
        chunk(json!({}), json!("stop")),
    ]
}
fn usage() -> Value {
    let tokens = json!({"prompt_tokens": 1000, "completion_tokens": 7, "total_tokens": 1007});
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "served-model",
        "choices": [], "usage": tokens})
}
fn flowing(body: String) -> Reply {
    Reply::Answer(200, vec![("content-type", "text/event-stream; charset=utf-8".into())], body.into())
}
async fn open(script: &Arc<Script>, dialect: Dialect, prompt: &Prompt) -> Result<LlmStream, VendorError> {
    let chat = dialect.builder(script.wires(), SecretString::from("sk-1")).build();
    script.run(chat.stream(prompt)).await
}
async fn read(reply: Reply, prompt: &Prompt) -> Vec<Result<Piece, VendorError>> {
    let script = Script::new([reply]);
    let stream = open(&script, some(), prompt).await.ok().unwrap();
    script.run(stream.collect()).await
}
async fn broken(body: String) -> (usize, VendorError) {
    let mut all = read(flowing(body), &prompt(None)).await;
    let error = all.pop().unwrap().unwrap_err();
    assert!(all.iter().all(Result::is_ok));
    (all.len(), error)
}

#[tokio::test]
async fn a_stream_is_asked_for_and_gives_words_then_the_whole() {
    for (dialect, path) in dialects() {
        let body = events(&words()) + &events(&[usage()]) + ": the end\n\ndata: [DONE]\n\n";
        let script = Script::new([flowing(body)]);
        let stream = open(&script, dialect, &prompt(None)).await.ok().unwrap();
        let mut all: Vec<_> = script.run(stream.map(Result::unwrap).collect::<Vec<_>>()).await;
        let asked = script.one().json();
        let options = dialect.asks_usage.then(|| json!({"include_usage": true}));
        assert_eq!((&asked["stream"], asked.get("stream_options")), (&json!(true), options.as_ref()));
        conforms(dialect.vendor, path, &asked);
        let Some(Piece::Done(whole)) = all.pop() else { panic!("no end") };
        assert_eq!(all, [Piece::Text("A gree".into()), Piece::Text("ting.".into())]);
        assert_eq!((whole.text.as_str(), whole.input_tokens, whole.output_tokens), ("A greeting.", 1000, 7));
        assert_eq!((whole.finish, whole.request_id.as_deref()), (Finish::Stop, Some("chatcmpl-1")));
        assert_eq!(whole.cost_micros.is_none(), dialect.vendor == "xai");
    }
}

#[tokio::test]
async fn groq_tells_its_id_and_usage_in_a_field_of_its_own() {
    let mut all = words();
    all[0]["x_groq"] = json!({"id": "req_9"});
    all[3]["x_groq"] = json!({"id": "req_9", "usage": {"prompt_tokens": 5, "completion_tokens": 6}});
    let mut pieces = read(flowing(events(&all) + "data: [DONE]\n\n"), &prompt(None)).await;
    let Some(Ok(Piece::Done(whole))) = pieces.pop() else { panic!("no end") };
    assert_eq!((whole.input_tokens, whole.output_tokens, whole.request_id.as_deref()), (5, 6, Some("req_9")));
    all[1]["x_groq"] = json!({"error": "out of order"});
    assert_eq!(broken(events(&all)).await.1.fault, Fault::Down);
}

#[tokio::test]
async fn calls_are_joined_by_their_index_or_come_whole_without() {
    let asked = Prompt { tools: vec![tool()], ..prompt(None) };
    let part = |index: u8, more: Value| {
        let mut call = json!({"index": index});
        call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        chunk(json!({"tool_calls": [call]}), Value::Null)
    };
    let joined = [
        part(0, json!({"id": "c1", "type": "function", "function": {"name": "balance", "arguments": ""}})),
        part(0, json!({"function": {"arguments": "{\"id\":"}})),
        part(1, json!({"id": "c2", "function": {"name": "balance", "arguments": "{}"}})),
        part(0, json!({"function": {"arguments": "\"A7\"}"}})),
        chunk(json!({}), json!("tool_calls")),
    ];
    let call = |id: &str, arguments: &str| json!({"id": id, "function": {"name": "balance", "arguments": arguments}});
    let whole = [
        chunk(json!({"tool_calls": [call("c1", "{\"id\":\"A7\"}")]}), Value::Null),
        chunk(json!({"tool_calls": [call("c2", "{}")]}), json!("tool_calls")),
    ];
    for body in [events(&joined), events(&whole)] {
        let mut pieces = read(flowing(body + "data: [DONE]\n\n"), &asked).await;
        let Some(Ok(Piece::Done(done))) = pieces.pop() else { panic!("no end") };
        let calls = [("c1", json!({"id": "A7"})), ("c2", json!({}))];
        let wanted = calls.map(|(id, arguments)| ToolCall { id: id.into(), name: "balance".into(), arguments });
        assert_eq!(done.tool_calls, wanted);
        let first = pieces.remove(0).unwrap();
        let Piece::ToolCall { index: 0, id, name, .. } = first else { panic!("{first:?}") };
        assert_eq!((id.as_deref(), name.as_deref()), (Some("c1"), Some("balance")));
    }
    let far = part(32, json!({"id": "c1", "function": {"name": "balance", "arguments": "{}"}}));
    assert_eq!(broken(events(&[far])).await.1.fault, Fault::Nonsense);
}

#[tokio::test]
async fn a_stream_that_ends_before_its_end_says_so_and_keeps_what_came() {
    let (came, error) = broken(events(&words()[..3])).await;
    assert_eq!((came, error.fault, error.sent), (2, Fault::Down, Sent::Unknown));
    assert!(error.message.contains("cut"), "{error}");
    // An event that the end cuts is none.
    let (came, error) = broken(events(&words()[..2]) + "data: {\"id\":").await;
    assert_eq!((came, error.fault), (1, Fault::Down));
    assert_eq!(broken(String::new()).await.1.fault, Fault::Down);
    assert_eq!(broken("data: [DONE]\n\n".into()).await.1.fault, Fault::Nonsense);
}

#[tokio::test]
async fn whoever_hangs_up_after_the_last_word_keeps_the_cost_to_himself() {
    for body in [events(&words()), events(&words()) + "data: [DONE]\n\n"] {
        let mut pieces = read(flowing(body), &prompt(None)).await;
        let Some(Ok(Piece::Done(whole))) = pieces.pop() else { panic!("no end") };
        assert_eq!((whole.text.as_str(), whole.cost_micros, whole.input_tokens), ("A greeting.", None, 0));
    }
}

#[tokio::test]
async fn errors_come_as_an_event_as_a_whole_or_as_no_json() {
    let typed = json!({"error": {"message": "late", "type": "server_error"}});
    let plain = json!({"code": "The service is currently unavailable", "error": "later"});
    for error in [&typed, &plain] {
        let (came, told) = broken(events(&[words()[1].clone(), error.clone()])).await;
        assert_eq!((came, told.fault, told.sent), (1, Fault::Down, Sent::Unknown));
        assert_eq!(broken(events(std::slice::from_ref(error))).await.1.sent, Sent::Refused);
        let script = Script::new([Reply::json(200, error.clone()).with("content-type", "application/json")]);
        assert_eq!(open(&script, some(), &prompt(None)).await.err().unwrap().fault, Fault::Down);
    }
    assert_eq!(broken("data: {oops\n\n".into()).await.1.fault, Fault::Nonsense);
    assert_eq!(broken("data: 7\n\n".into()).await.1.fault, Fault::Nonsense);
    let refused = chunk(json!({"refusal": "I will not say 'secret'"}), json!("stop"));
    let (_, error) = broken(events(&[refused])).await;
    assert!(error.fault == Fault::Request && !error.message.contains("secret"), "{error}");
}

#[tokio::test]
async fn whoever_does_not_stream_is_understood_all_the_same() {
    let mut pieces = read(Reply::json(200, answer(json!({}))), &prompt(None)).await;
    assert!(matches!(pieces.pop(), Some(Ok(Piece::Done(whole))) if whole.text == "A greeting."));
    assert_eq!(pieces.pop().unwrap().unwrap(), Piece::Text("A greeting.".into()));
}

#[tokio::test]
async fn an_answer_without_end_is_ended() {
    let long = chunk(json!({"content": "x".repeat(300_000)}), Value::Null);
    let (came, error) = broken(events(&vec![long; 5])).await;
    assert_eq!((came, error.fault), (3, Fault::Nonsense));
}

#[tokio::test]
async fn a_stream_is_opened_once_unless_it_never_left() {
    for reply in [Reply::status(500), Reply::status(429), Reply::Silence] {
        let script = Script::new([reply]);
        assert!(open(&script, some(), &prompt(None)).await.err().unwrap().retryable());
        assert_eq!(script.seen().len(), 1);
    }
    let script = Script::new([Reply::Fails(Sent::No), flowing(events(&words()))]);
    assert!(open(&script, some(), &prompt(None)).await.is_ok());
}
