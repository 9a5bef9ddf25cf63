//! The shared contracts: what vendors' documents say of requests, and fields that nobody knows.

use std::path::PathBuf;

use proptest::strategy::Strategy;
use serde_json::{Value, json};

use super::contract::Contract;

/// A file of the vendors' contracts, as JSON.
pub(crate) fn shared(path: &str) -> Option<Value> {
    Some(serde_json::from_str(&shared_text(path)?).unwrap())
}

/// A file of the vendors' contracts: of the folder that `WIB_CONTRACTS` names, else of the one beside this checkout.
pub(crate) fn shared_text(path: &str) -> Option<String> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/contracts");
    let root = std::env::var_os("WIB_CONTRACTS").map_or_else(beside, PathBuf::from);
    if let Ok(text) = std::fs::read_to_string(root.join(path)) {
        return Some(text);
    }
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "the contract {path} is missing (WIB_CONTRACTS)");
    println!("skipped: the contract {path} is not here (WIB_CONTRACTS)");
    None
}

/// The lines of a recorded session of the shared contracts, when they are here.
pub(crate) fn lines(path: &str) -> Option<Vec<Value>> {
    let text = shared_text(path)?;
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// Asserts that a body conforms to the vendor's request schema.
pub(crate) fn conforms(vendor: &str, path: &str, body: &Value) {
    let faults = faults(vendor, path, body).unwrap_or_default();
    assert!(faults.is_empty(), "{vendor} {path}: {faults:#?}\n{body:#}");
}

/// What the vendor's request schema finds wrong; `None` when the contract is not here.
fn faults(vendor: &str, path: &str, body: &Value) -> Option<Vec<String>> {
    Some(Contract::open(vendor)?.body_faults(&format!("post {path}"), body))
}

#[test]
fn the_contracts_do_refuse() {
    let order = json!({"audio_url": "https://a.test", "speech_models": ["m"]});
    for (vendor, path, body, wrong) in [
        ("assemblyai", "/v2/transcript", order.clone(), false),
        ("assemblyai", "/v2/transcript", json!({"audio_url": "https://a.test"}), true),
        (
            "assemblyai",
            "/v2/transcript",
            json!({"audio_url": "https://a.test", "speech_models": ["m"], "odd": 1}),
            true,
        ),
        ("telnyx", "/calls", json!({"to": "+1", "from": "+1"}), true),
        ("openai", "/chat/completions", json!({"model": "m", "messages": []}), true),
        (
            "groq",
            "/openai/v1/chat/completions",
            json!({"model": 1, "messages": [{"role": "user", "content": "a"}]}),
            true,
        ),
        ("xai", "/chat/completions", json!({"model": "m", "messages": [{"role": "king"}]}), true),
        ("resend", "/emails", json!({"from": "a", "to": 5, "subject": "s"}), true),
    ] {
        let Some(faults) = faults(vendor, path, &body) else { continue };
        assert_eq!(!faults.is_empty(), wrong, "{vendor} {body}: {faults:?}");
    }
}

/// Members of an `allOf` each forbid the others' fields, by the letter; meant is that nobody knows the field.
pub(super) fn open_joined(root: &mut Value) {
    fn walk(node: &mut Value, names: &mut Vec<String>) {
        if let Some(members) = node.get_mut("allOf").and_then(Value::as_array_mut) {
            let mut closed = false;
            for member in members.iter_mut().filter_map(Value::as_object_mut) {
                closed |= member.remove("additionalProperties") == Some(Value::Bool(false));
                names.extend(member.get("$ref").and_then(Value::as_str).map(str::to_owned));
            }
            let object = node.as_object_mut().unwrap();
            if object.remove("additionalProperties") == Some(Value::Bool(false)) || closed {
                object.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
            }
        }
        match node {
            Value::Object(object) => object.values_mut().for_each(|child| walk(child, names)),
            Value::Array(children) => children.iter_mut().for_each(|child| walk(child, names)),
            _ => {}
        }
    }
    let mut names = Vec::new();
    walk(root, &mut names);
    for name in names {
        // A member that is joined by others itself keeps its own closing word.
        if let Some(member) = root.pointer_mut(name.trim_start_matches('#')).and_then(Value::as_object_mut) {
            member.remove("additionalProperties");
            member.remove("unevaluatedProperties");
        }
    }
}

/// Adds a field that nobody knows to every object, with something odd in it.
pub(crate) fn graft(value: &mut Value, name: &str, odd: &Value) {
    match value {
        Value::Object(object) => {
            object.values_mut().for_each(|child| graft(child, name, odd));
            object.insert(format!("x_{name}"), odd.clone());
        }
        Value::Array(children) => children.iter_mut().for_each(|child| graft(child, name, odd)),
        _ => {}
    }
}

/// Odd values of fields that nobody knows.
pub(crate) fn odd() -> impl Strategy<Value = Value> {
    use proptest::prelude::{Just, any};
    proptest::prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!([{"call_control_id": 1, "id": null}])),
        Just(json!({"data": {"payload": [], "status": {}}})),
    ]
}
