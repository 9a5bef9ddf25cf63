//! When the sandbox's model calls a tool, and with what.

use serde_json::{Map, Value, json};

use super::Refusal;

/// Whether every call has its result, and every result its call, as the vendors demand.
pub(super) fn check(messages: &[Value]) -> Result<(), Refusal> {
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        if message["role"] == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            let at = open.iter().position(|call| *call == id);
            open.remove(at.ok_or(("invalid_tool_call_id", "A tool message answers no tool call."))?);
        } else if !open.is_empty() {
            return Err(("missing_tool_result", "A tool call is not followed by its tool message."));
        }
        open.extend(message["tool_calls"].as_array().into_iter().flatten().filter_map(|call| call["id"].as_str()));
    }
    if open.is_empty() {
        Ok(())
    } else {
        Err(("missing_tool_result", "A tool call is not followed by its tool message."))
    }
}

/// The tool that is called and the arguments as JSON text; `None` when it answers in words.
pub(super) fn called(body: &Value, said: &[(&str, String)]) -> Result<Option<(String, String)>, Refusal> {
    let tools: Vec<&Value> = body["tools"].as_array().into_iter().flatten().map(|tool| &tool["function"]).collect();
    if tools.iter().any(|tool| !tool["name"].is_string()) {
        return Err(("invalid_tools", "A tool must have a name."));
    }
    let Some((role, words)) = said.last().filter(|(role, _)| *role != "tool") else { return Ok(None) };
    let named = |tool: &&&Value| {
        let name = tool["name"].as_str().unwrap_or_default().replace(['_', '-'], " ");
        *role == "user" && words.to_lowercase().contains(&name.to_lowercase())
    };
    let tool = match body["tool_choice"].as_str().unwrap_or("auto") {
        "none" => None,
        "required" => {
            Some(*tools.iter().find(named).or(tools.first()).ok_or(("invalid_tools", "There are no tools."))?)
        }
        _ => tools.iter().find(named).copied(),
    };
    Ok(tool.map(|tool| {
        let name = tool["name"].as_str().unwrap_or_default().to_owned();
        (name, argument("", &tool["parameters"], words).to_string())
    }))
}

/// A value that fits the schema, out of the words where they hold one: a text behind its field's name, a number.
fn argument(field: &str, schema: &Value, words: &str) -> Value {
    let parts = || words.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
    if let Some(values) = schema["enum"].as_array() {
        let said = |value: &&Value| value.as_str().is_some_and(|value| parts().any(|word| word == value));
        return values.iter().find(said).or(values.first()).cloned().unwrap_or_default();
    }
    match schema["type"].as_str().or_else(|| schema["type"].as_array()?.first()?.as_str()) {
        Some("object") | None if field.is_empty() => {
            let properties = schema["properties"].as_object();
            let fields: Map<_, _> = properties
                .into_iter()
                .flatten()
                .map(|(name, schema)| (name.clone(), argument(name, schema, words)))
                .collect();
            Value::Object(fields)
        }
        Some("object") => json!({}),
        Some("array") => json!([]),
        Some("integer" | "number") => json!(parts().find_map(|word| word.parse::<i64>().ok()).unwrap_or(1)),
        Some("boolean") => json!(true),
        Some("null") => Value::Null,
        _ => json!(parts().skip_while(|word| !word.eq_ignore_ascii_case(field)).nth(1).unwrap_or("unknown")),
    }
}
