//! The API as a page: made from the document of the table, with nothing that is loaded from elsewhere and no script.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Arc, OnceLock},
};

use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, Method, header};
use serde_json::{Map, Value as Json};
use wib_core::kit::{Error, Result};

use crate::{
    core_api::Core,
    reply,
    table::{Routes, Wire, public},
};

/// Where the page is served.
pub const PATH: &str = "/docs";

/// What the page may load: its own style, and nothing else.
const CAUTION: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const STYLE: &str = include_str!("docs.css");

/// The rows that serve the page, for any table.
pub fn routes<C: Core>() -> Routes<C> {
    let made: Arc<OnceLock<Bytes>> = Arc::default();
    Routes::at("operations", "")
        .raw(Method::GET, PATH, public(), Wire::bytes("text/html"), move |asked| {
            let made = made.clone();
            async move {
                let page = match made.get() {
                    Some(page) => page.clone(),
                    None => {
                        let document = serde_json::from_slice(&asked.document)
                            .map_err(|e| Error::internal("the document cannot be read").because(e))?;
                        made.get_or_init(|| page(&document).into()).clone()
                    }
                };
                Ok(cautious("text/html; charset=utf-8", page))
            }
        })
        .raw(Method::GET, "/docs/style.css", public(), Wire::bytes("text/css"), |_| async move {
            Ok(cautious("text/css; charset=utf-8", Bytes::from_static(STYLE.as_bytes())))
        })
}

fn cautious(mime: &'static str, body: Bytes) -> Response {
    let mut response = reply::with_type(200, mime, body);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CAUTION));
    response
}

/// A text as HTML has it.
fn text(of: &str) -> String {
    let mut out = String::with_capacity(of.len());
    for c in of.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn str_of<'a>(of: &'a Json, name: &str) -> &'a str {
    of[name].as_str().unwrap_or_default()
}

fn entries(of: &Json) -> impl Iterator<Item = (&String, &Json)> {
    of.as_object().into_iter().flatten()
}

/// The page of a document.
fn page(document: &Json) -> String {
    let mut groups: BTreeMap<&str, Vec<(&str, &str, &Json)>> = BTreeMap::new();
    for (path, methods) in entries(&document["paths"]) {
        for (method, operation) in entries(methods) {
            let tag = operation["tags"][0].as_str().unwrap_or("other");
            groups.entry(tag).or_default().push((path, method, operation));
        }
    }
    let title = text(str_of(&document["info"], "title"));
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>{title}: API</title>\
         <link rel=\"stylesheet\" href=\"docs/style.css\"></head><body><header><h1>{title}</h1><p>{}</p>\
         <p>Version {}. The same for machines: <a href=\"openapi.json\">openapi.json</a>.</p></header><nav><ul>",
        text(str_of(&document["info"], "description")),
        text(str_of(&document["info"], "version")),
    );
    for (tag, operations) in &groups {
        let _ = write!(out, "<li><a href=\"#{0}\">{1}</a> {2}</li>", anchor(tag), text(tag), operations.len());
    }
    out.push_str("<li><a href=\"#schemas\">schemas</a></li></ul></nav><main>");
    for (tag, operations) in &groups {
        let _ = write!(out, "<section id=\"{}\"><h2>{}</h2>", anchor(tag), text(tag));
        for (path, method, operation) in operations {
            out.push_str(&shown(path, method, operation));
        }
        out.push_str("</section>");
    }
    out.push_str("<section id=\"schemas\"><h2>schemas</h2>");
    for (name, schema) in entries(&document["components"]["schemas"]) {
        let _ = write!(out, "<details id=\"schema-{}\"><summary>{}</summary>", anchor(name), text(name));
        out.push_str(&paragraph(str_of(schema, "description")));
        out.push_str(&fields(schema));
        out.push_str("</details>");
    }
    out.push_str("</section></main></body></html>");
    out
}

fn anchor(of: &str) -> String {
    of.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

fn paragraph(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!("<p>{}</p>", text(words)) }
}

/// Who may use an operation, on which plan, how often.
fn rules(operation: &Json) -> Vec<String> {
    let schemes: Vec<_> = operation["security"].as_array().into_iter().flatten().flat_map(entries).collect();
    let access = if let Some(role) = operation["x-least-role"].as_str() {
        format!("members from the role {role} on")
    } else if operation["x-platform-admin"] == true {
        "platform administrators".to_owned()
    } else if operation["x-signature"] == true {
        "vendors, by signature".to_owned()
    } else if schemes.iter().any(|(name, _)| *name == "internal") {
        "machines of the installation, by X-Internal-Key".to_owned()
    } else if schemes.is_empty() {
        "anybody".to_owned()
    } else {
        "anybody signed in".to_owned()
    };
    let mut rules = vec![format!("Access: {access}")];
    if let Some(feature) = operation["x-plan"]["feature"].as_str() {
        rules.push(format!("Plan: {feature}, from {} on", str_of(&operation["x-plan"], "least")));
    }
    for limit in operation["x-rate-limits"].as_array().into_iter().flatten() {
        rules.push(format!(
            "Limit: {} requests in {} s ({})",
            limit["requests"],
            limit["seconds"],
            str_of(limit, "name")
        ));
    }
    rules
}

fn shown(path: &str, method: &str, operation: &Json) -> String {
    let mut out = format!(
        "<details id=\"{}\"><summary><b class=\"{method}\">{}</b> <code>{}</code> {}</summary><ul>",
        anchor(str_of(operation, "operationId")),
        method.to_uppercase(),
        text(path),
        text(str_of(operation, "summary")),
    );
    for rule in rules(operation) {
        let _ = write!(out, "<li>{}</li>", text(&rule));
    }
    out.push_str("</ul>");
    let parameters = operation["parameters"].as_array();
    if let Some(parameters) = parameters.filter(|all| !all.is_empty()) {
        out.push_str("<h3>Parameters</h3><table>");
        for parameter in parameters {
            let place = format!("{}, {}", str_of(parameter, "in"), need(parameter["required"] == true));
            out.push_str(&row(str_of(parameter, "name"), &place, &parameter["schema"]));
        }
        out.push_str("</table>");
    }
    for (mime, content) in entries(&operation["requestBody"]["content"]) {
        let _ = write!(out, "<h3>Body <code>{}</code></h3>{}", text(mime), fields(&content["schema"]));
    }
    out.push_str("<h3>Answers</h3><table>");
    for (status, answer) in entries(&operation["responses"]) {
        let content: Vec<_> = entries(&answer["content"])
            .map(|(mime, content)| format!("<code>{}</code> {}", text(mime), kind(&content["schema"], 0)))
            .collect();
        let (about, content) = (text(str_of(answer, "description")), content.join(" "));
        let _ = write!(out, "<tr><th>{}</th><td>{about}</td><td>{content}</td></tr>", text(status));
    }
    out.push_str("</table></details>");
    out
}

const fn need(required: bool) -> &'static str {
    if required { "required" } else { "optional" }
}

fn row(name: &str, place: &str, schema: &Json) -> String {
    let about = text(str_of(schema, "description"));
    format!(
        "<tr><th><code>{}</code></th><td>{}</td><td>{}</td><td>{about}</td></tr>",
        text(name),
        text(place),
        kind(schema, 0)
    )
}

/// The fields of an object, or what else it is.
fn fields(schema: &Json) -> String {
    let Some(properties) = schema["properties"].as_object().filter(|all: &&Map<_, _>| !all.is_empty()) else {
        return format!("<p>{}</p>", kind(schema, 0));
    };
    let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|r| r == name));
    let rows = properties.iter().map(|(name, schema)| row(name, need(required(name)), schema));
    format!("<table>{}</table>", rows.collect::<String>())
}

/// What a value is, in a line of HTML.
fn kind(schema: &Json, depth: usize) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|to| to.rsplit('/').next()) {
        return format!("<a href=\"#schema-{}\">{}</a>", anchor(name), text(name));
    }
    if depth > 4 {
        return "…".to_owned();
    }
    let words = |all: &[&Json]| {
        all.iter().map(|word| format!("<code>{}</code>", text(&plain(word)))).collect::<Vec<_>>().join(" | ")
    };
    if !schema["const"].is_null() {
        return words(&[&schema["const"]]);
    }
    if let Some(all) = schema["enum"].as_array() {
        return words(&all.iter().collect::<Vec<_>>());
    }
    for (name, joint) in [("oneOf", " | "), ("anyOf", " | "), ("allOf", " and ")] {
        if let Some(parts) = schema[name].as_array() {
            return parts.iter().map(|part| kind(part, depth + 1)).collect::<Vec<_>>().join(joint);
        }
    }
    let types: Vec<_> = match &schema["type"] {
        Json::String(one) => vec![one.as_str()],
        Json::Array(all) => all.iter().filter_map(Json::as_str).collect(),
        _ => vec!["anything"],
    };
    let mut out = text(&types.join(" or "));
    if types.contains(&"array") && !schema["items"].is_null() {
        let _ = write!(out, " of {}", kind(&schema["items"], depth + 1));
    }
    if depth > 0 || schema["description"].is_null() {
        let inner: Vec<_> = entries(&schema["properties"])
            .map(|(name, of)| format!("<code>{}</code>: {}", text(name), kind(of, depth + 1)))
            .collect();
        if !inner.is_empty() {
            let _ = write!(out, " {{ {} }}", inner.join(", "));
        }
    }
    for (name, about) in [
        ("format", ""),
        ("minLength", "at least "),
        ("maxLength", "at most "),
        ("minimum", "from "),
        ("maximum", "to "),
        ("minItems", "at least "),
        ("maxItems", "at most "),
    ] {
        if !schema[name].is_null() {
            let _ = write!(out, ", {about}{}", text(&plain(&schema[name])));
        }
    }
    out
}

/// A value as its text, a text without quotes.
fn plain(of: &Json) -> String {
    of.as_str().map_or_else(|| of.to_string(), str::to_owned)
}

/// The same for a document that is at hand: for files and tests.
///
/// # Errors
/// When it is no JSON.
pub fn render(document: &[u8]) -> Result<String> {
    let document = serde_json::from_slice(document).map_err(|e| Error::invalid("not a document").because(e))?;
    Ok(page(&document))
}
