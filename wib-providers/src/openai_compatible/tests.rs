use std::sync::Arc;

use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::{Value, json};
use wib_core::{
    ai::guard,
    ports::{
        Fault, Llm, Sent, VendorError,
        llm::{Completion, Prompt},
    },
};

use super::Dialect;
use crate::{
    prices::{PRICE_BOOK, PRICES, Price},
    testing::{
        Reply, Script,
        contracts::{conforms, graft, odd},
    },
};

/// Every dialect that is switched on, with the place of its operation in the shared slice.
fn dialects() -> Vec<(Dialect, &'static str)> {
    vec![
        #[cfg(feature = "groq")]
        (crate::groq::GROQ, "/openai/v1/chat/completions"),
        #[cfg(feature = "xai")]
        (crate::xai::XAI, "/chat/completions"),
        #[cfg(feature = "openai")]
        (crate::openai::OPENAI, "/chat/completions"),
    ]
}
fn some() -> Dialect {
    dialects()[0].0
}
fn schema() -> Value {
    json!({"type": "object", "properties": {"summary": {"type": "string"}}, "required": ["summary"], "additionalProperties": false})
}
fn prompt(schema: Option<Value>) -> Prompt {
    let data = guard("Agent: hello", 1000);
    Prompt { instructions: "Summarise the call.", data, schema, max_tokens: 400, temperature_milli: 300 }
}
fn answer(changes: Value) -> Value {
    let mut all = json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "served-model",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "A greeting."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 7, "total_tokens": 1007}});
    all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    all
}
async fn ask(script: &Arc<Script>, dialect: Dialect, prompt: &Prompt) -> Result<Completion, VendorError> {
    let chat = dialect.builder(script.wires(), SecretString::from("sk-1")).build();
    script.run(chat.complete(prompt)).await
}
async fn told(reply: Reply) -> Result<Completion, VendorError> {
    ask(&Script::new([reply]), some(), &prompt(None)).await
}

#[tokio::test]
async fn a_prompt_goes_as_instructions_and_fenced_data() {
    for (dialect, path) in dialects() {
        let script = Script::new([Reply::json(200, answer(json!({})))]);
        ask(&script, dialect, &prompt(None)).await.unwrap();
        let seen = script.one();
        assert!(format!("https://{}{}", seen.host, seen.target).starts_with(dialect.base_url));
        assert!(seen.target.ends_with(path));
        assert_eq!(seen.header("authorization"), Some("Bearer sk-1"));
        let body = seen.json();
        assert_eq!(body["model"], dialect.model);
        assert_eq!(body["messages"][0], json!({"role": "system", "content": "Summarise the call."}));
        assert_eq!(body["messages"][1]["role"], "user");
        assert!(body["messages"][1]["content"].as_str().unwrap().contains("hello"));
        let (most, absent) = match dialect.completion_tokens {
            true => ("max_completion_tokens", "max_tokens"),
            false => ("max_tokens", "max_completion_tokens"),
        };
        assert_eq!((&body[most], &body[absent]), (&json!(400), &Value::Null));
        assert_eq!((&body["temperature"], &body["response_format"]), (&json!(0.3), &Value::Null));
        conforms(dialect.vendor, path, &body);
    }
}

#[tokio::test]
async fn a_schema_is_asked_for_strictly_where_both_sides_can() {
    let loose = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let nested = json!({"type": "array", "items": loose});
    for (dialect, path) in dialects() {
        for (schema, closed) in [(schema(), true), (loose.clone(), false), (nested.clone(), false)] {
            let script = Script::new([Reply::json(200, answer(json!({})))]);
            ask(&script, dialect, &prompt(Some(schema.clone()))).await.unwrap();
            let body = script.one().json();
            let format = json!({"name": "answer", "schema": schema, "strict": closed && dialect.strict});
            assert_eq!(body["response_format"], json!({"type": "json_schema", "json_schema": format}));
            conforms(dialect.vendor, path, &body);
        }
    }
}

#[tokio::test]
async fn an_answer_brings_text_tokens_and_cost() {
    for (dialect, _) in dialects() {
        let script = Script::new([Reply::json(200, answer(json!({})))]);
        let done = ask(&script, dialect, &prompt(None)).await.unwrap();
        let wanted = Completion {
            vendor: dialect.vendor.into(),
            model: "served-model".into(),
            text: "A greeting.".into(),
            input_tokens: 1000,
            output_tokens: 7,
            cost_micros: Price::of(dialect.vendor, dialect.model).and_then(|p| p.cost_micros_rounded_up(1000, 7)),
            price_book: Price::of(dialect.vendor, dialect.model).map(|_| PRICE_BOOK.to_owned()),
            request_id: Some("req-1".into()),
            live: true,
        };
        assert_eq!(done, wanted);
        assert_eq!(done.cost_micros.is_none(), dialect.vendor == "xai");
    }
}

#[tokio::test]
async fn an_answer_without_usage_has_no_cost() {
    let done = told(Reply::json(200, answer(json!({"usage": null, "model": null})))).await.unwrap();
    assert_eq!((done.input_tokens, done.cost_micros, done.model.as_str()), (0, None, some().model));
    let bare = Reply::Answer(200, vec![], answer(json!({"x_groq": {"id": "req_9"}})).to_string().into());
    assert_eq!(told(bare).await.unwrap().request_id.as_deref(), Some("req_9"));
}

#[tokio::test]
async fn a_sandbox_behind_the_wire_says_so_and_an_unknown_model_has_no_price() {
    let script = Script::new([Reply::json(200, answer(json!({})))]);
    let builder = some().builder(script.wires(), SecretString::from("k")).base_url("http://sandbox.test/x/");
    let chat = builder.model("toy").live(false).build();
    let done = script.run(chat.complete(&prompt(None))).await.unwrap();
    assert_eq!((done.live, chat.live(), done.cost_micros), (false, false, None));
    assert_eq!(script.one().target, "/x/chat/completions");
}

#[tokio::test]
async fn errors_are_told_in_every_form_and_also_inside_a_success() {
    let object = json!({"error": {"message": "bad key", "type": "invalid_request_error", "code": "invalid_api_key"}});
    let plain = json!({"code": "Client specified an invalid argument", "error": "no such model"});
    let down = json!({"code": "The service is currently unavailable", "error": "later"});
    let typed = json!({"error": {"message": "late", "type": "server_error", "code": null}});
    let quota = json!({"error": {"message": "no money", "code": "insufficient_quota"}});
    let number = json!({"error": {"message": "m", "code": 17}});
    for (status, body, fault, code) in [
        (401, &object, Fault::Credentials, Some("invalid_api_key")),
        (400, &plain, Fault::Request, Some("Client specified an invalid argument")),
        (200, &plain, Fault::Request, Some("Client specified an invalid argument")),
        (200, &down, Fault::Down, Some("The service is currently unavailable")),
        (200, &typed, Fault::Down, Some("server_error")),
        (500, &typed, Fault::Down, Some("server_error")),
        (429, &quota, Fault::Payment, Some("insufficient_quota")),
        (429, &number, Fault::RateLimited, Some("17")),
        (498, &json!({}), Fault::RateLimited, None),
        (200, &json!({}), Fault::Nonsense, None),
    ] {
        let error = told(Reply::json(status, body.clone())).await.unwrap_err();
        assert_eq!((error.fault, error.code.as_deref(), error.status), (fault, code, Some(status)), "{body}");
    }
}

#[tokio::test]
async fn a_question_is_asked_once_unless_it_never_left() {
    for reply in [Reply::status(500), Reply::status(429), Reply::Silence] {
        let script = Script::new([reply]);
        assert!(ask(&script, some(), &prompt(None)).await.unwrap_err().retryable());
        assert_eq!(script.seen().len(), 1);
    }
    let script = Script::new([Reply::Fails(Sent::No), Reply::json(200, answer(json!({})))]);
    ask(&script, some(), &prompt(None)).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_is_none_is_an_error() {
    let choice =
        |message: Value, reason: &str| answer(json!({"choices": [{"message": message, "finish_reason": reason}]}));
    let declined = choice(json!({"content": null, "refusal": "I will not say 'secret'"}), "stop");
    let error = told(Reply::json(200, declined)).await.unwrap_err();
    assert!(error.fault == Fault::Request && !error.message.contains("secret"), "{error}");
    assert_eq!(told(Reply::json(200, answer(json!({"choices": []})))).await.unwrap_err().fault, Fault::Nonsense);
    let cut = choice(json!({"content": "{\"summ"}), "length");
    assert!(told(Reply::json(200, cut.clone())).await.is_ok());
    let script = Script::new([Reply::json(200, cut)]);
    assert_eq!(ask(&script, some(), &prompt(Some(schema()))).await.unwrap_err().fault, Fault::Nonsense);
}

#[test]
fn a_part_of_a_millionth_counts_as_a_whole() {
    let price = Price { vendor: "v", model: "m", input: 110_000, output: 340_000 };
    for (read, written, cost) in
        [(0, 0, Some(0)), (1, 0, Some(1)), (100, 0, Some(11)), (100, 1, Some(12)), (-1, 0, None)]
    {
        assert_eq!(price.cost_micros_rounded_up(read, written), cost);
    }
    assert_eq!(price.cost_micros_rounded_up(1_000_000, 1_000_000), Some(450_000));
    assert_eq!(Price { input: i64::MAX, ..price }.cost_micros_rounded_up(i64::MAX, 0), None);
    assert_eq!(Price::of("xai", "grok-2-latest"), None);
    assert!(PRICES.iter().all(|p| p.input > 0 && p.output > p.input));
}

proptest! {
    #[test]
    fn fields_that_nobody_knows_change_nothing(name in "[a-z]{1,8}", odd in odd()) {
        let mut body = answer(json!({}));
        graft(&mut body, &name, &odd);
        let Ok(super::wire::Reply::Chat(chat)) = serde_json::from_value(body) else { panic!("an answer") };
        prop_assert_eq!(chat.choices[0].message.content.as_deref(), Some("A greeting."));
        prop_assert_eq!(chat.usage.unwrap().prompt_tokens, 1000);
    }
}
