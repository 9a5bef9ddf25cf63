//! Examples of the document, made from its schemas: each is one that its schema takes.

use serde_json::{Map, Value as Json, json};

/// How deep an example goes; what is deeper is left empty.
const DEEP: usize = 20;

/// An example of a schema, which `name` names; `known` are the schemas that references lead to.
pub(crate) fn of(name: &str, schema: &Json, known: &Map<String, Json>) -> Json {
    made(name, schema, known, DEEP)
}

fn made(name: &str, schema: &Json, known: &Map<String, Json>, deep: usize) -> Json {
    if deep == 0 {
        return Json::Null;
    }
    for given in ["const", "default"] {
        if let Some(value) = schema.get(given).filter(|value| !value.is_null()) {
            return value.clone();
        }
    }
    if let Some(first) = schema["examples"].as_array().or(schema["enum"].as_array()).and_then(|all| all.first()) {
        return first.clone();
    }
    if let Some(to) = schema["$ref"].as_str().and_then(|to| to.rsplit('/').next()) {
        return known.get(to).map_or(Json::Null, |schema| made(name, schema, known, deep - 1));
    }
    for choice in ["oneOf", "anyOf"] {
        let part = schema[choice].as_array().and_then(|parts| parts.iter().find(|part| part["type"] != "null"));
        if let Some(part) = part {
            return beside(schema, made(name, part, known, deep - 1), known, deep);
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut whole = Map::new();
        for part in parts {
            match made(name, part, known, deep - 1) {
                Json::Object(fields) => whole.extend(fields),
                other => return other,
            }
        }
        return beside(schema, Json::Object(whole), known, deep);
    }
    let types = &schema["type"];
    let is = |kind: &str| types == kind || types.as_array().is_some_and(|all| all.iter().any(|t| t == kind));
    match () {
        () if is("object") || schema["properties"].is_object() => object(schema, known, deep),
        () if is("array") => {
            let least = schema["minItems"].as_u64().and_then(|least| usize::try_from(least).ok()).unwrap_or(1).max(1);
            let item = made(name, &schema["items"], known, deep - 1);
            Json::Array(vec![item; if schema["maxItems"] == 0 { 0 } else { least }])
        }
        () if is("string") => text(name, schema).into(),
        () if is("integer") => number(schema, 1.0).round().to_string().parse::<i64>().map_or(json!(1), Json::from),
        () if is("number") => json!(number(schema, 0.5)),
        () if is("boolean") => json!(true),
        () if is("null") => Json::Null,
        () => json!({}),
    }
}

/// The fields that stand beside a choice.
fn beside(schema: &Json, chosen: Json, known: &Map<String, Json>, deep: usize) -> Json {
    match (chosen, schema["properties"].is_object()) {
        (Json::Object(mut fields), true) => {
            if let Json::Object(more) = object(schema, known, deep) {
                fields.extend(more);
            }
            Json::Object(fields)
        }
        (chosen, _) => chosen,
    }
}

fn object(schema: &Json, known: &Map<String, Json>, deep: usize) -> Json {
    let properties = schema["properties"].as_object().into_iter().flatten();
    Json::Object(properties.map(|(name, schema)| (name.clone(), made(name, schema, known, deep - 1))).collect())
}

/// A number within the schema's bounds, the wished one when it is.
fn number(schema: &Json, wished: f64) -> f64 {
    let bound = |name: &str| schema[name].as_f64();
    let least = bound("minimum").or(bound("exclusiveMinimum").map(|least| least + 1.0)).unwrap_or(f64::MIN);
    let most = bound("maximum").unwrap_or(f64::MAX);
    wished.max(least).min(most)
}

fn text(name: &str, schema: &Json) -> String {
    let named = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let text = match schema["format"].as_str() {
        Some("uuid") => "0198f7a2-4c1e-7c35-9a61-3f6d2b0c9e11",
        Some("date-time") => "2026-01-06T17:00:00Z",
        Some("date") => "2026-01-06",
        Some("email") => "ann@example.com",
        Some("uri" | "url") => "https://example.com/calls",
        Some("ip" | "ipv4") => "203.0.113.9",
        _ if schema["pattern"].as_str().is_some_and(|pattern| pattern.contains("\\+")) => "+13125550123",
        _ if named(&["phone", "_number"]) || matches!(name, "to" | "from" | "caller_id") => "+13125550123",
        _ if named(&["email"]) => "ann@example.com",
        _ if named(&["url"]) => "https://example.com/calls",
        _ if name.ends_with("_at") || matches!(name, "timestamp" | "expires" | "last_check") => "2026-01-06T17:00:00Z",
        _ if named(&["csrf"]) => "0198f7a2-4c1e-7c35-9a61-3f6d2b0c9e11",
        _ if named(&["password"]) => "correct horse battery",
        _ if named(&["language"]) => "en",
        _ if name == "name" => "Ann",
        _ => "text",
    };
    let least = schema["minLength"].as_u64().and_then(|least| usize::try_from(least).ok()).unwrap_or(0);
    let most = schema["maxLength"].as_u64().and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    let long: String = text.chars().chain(std::iter::repeat('x')).take(text.len().max(least)).collect();
    long.chars().take(most).collect()
}

/// What an error's body looks like with a status.
pub(crate) fn refusal(status: u16, nested: bool, success: bool) -> Json {
    let (code, error) = match status {
        400 => ("VALIDATION_ERROR", "name: required"),
        401 => ("AUTH_REQUIRED", "Authentication required"),
        402 => ("PLAN_UPGRADE_REQUIRED", "Upgrade required"),
        403 => ("FORBIDDEN", "needs the role manager or higher"),
        404 => ("NOT_FOUND", "call not found"),
        409 => ("CONFLICT", "it contradicts what is already so"),
        410 => ("GONE", "it was deleted"),
        413 => ("PAYLOAD_TOO_LARGE", "body is larger than 1048576 bytes"),
        422 => ("IDEMPOTENCY_MISMATCH", "the key was used for another request"),
        429 => ("RATE_LIMIT", "too many requests"),
        502 => ("EXTERNAL_SERVICE_ERROR", "the vendor did not do it"),
        503 => ("DATABASE_ERROR", "the database did not answer"),
        500 => ("INTERNAL_ERROR", "Internal Server Error"),
        _ => ("REFUSED", "it was refused"),
    };
    let mut body = match nested {
        true => json!({ "success": false, "error": { "code": code, "message": error }, "code": code }),
        false => json!({ "error": error, "code": code }),
    };
    if success {
        body["success"] = false.into();
    }
    if status == 429 {
        body["retry_after"] = 60.into();
    }
    body
}
