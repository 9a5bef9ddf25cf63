//! The OpenAPI 3.1 document, made from the table.

use http::Method;
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use wib_core::limits::Limit;

use crate::{
    core_api::Core,
    examples, reply,
    table::{Access, Answer, Route, Routes, Style, Table, Wire, public},
};

/// Where the document is served.
pub const PATH: &str = "/openapi.json";

/// The row that serves the document, for any table.
pub fn routes<C: Core>() -> Routes<C> {
    Routes::at("operations", "").raw(
        Method::GET,
        PATH,
        public(),
        Wire::json::<Map<String, Json>>(),
        |asked| async move { Ok(reply::with_type(200, "application/json", asked.document)) },
    )
}

/// The body of every error. Some carry more: what blocked a call, when to come back.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Error")]
struct Failure {
    /// `false`, where the group says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    success: Option<bool>,
    /// What to tell a person.
    error: String,
    /// What to tell a machine.
    code: String,
}

/// The body of errors of groups that put them one deeper.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NestedError")]
struct Nested {
    /// Always `false`.
    success: bool,
    /// What happened.
    error: Inner,
    /// What to tell a machine.
    code: String,
}
/// What happened.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NestedErrorInner")]
struct Inner {
    /// What to tell a machine.
    code: String,
    /// What to tell a person.
    message: String,
}

/// Where a page stands in its list.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Pagination {
    /// From 1.
    page: i64,
    /// Rows of a page.
    limit: i64,
    /// Rows of the list.
    total: i64,
    /// Pages of the list.
    total_pages: i64,
}

impl<C: Core> Table<C> {
    /// The document, the same bytes for the same table. `server` is where it is mounted.
    ///
    /// # Panics
    /// When one name stands for two schemas: rename one of the types.
    #[must_use]
    pub fn openapi(&self, server: &str) -> Json {
        let settings = || {
            SchemaSettings::draft2020_12().with(|s| {
                s.definitions_path = "/components/schemas".into();
                s.meta_schema = None;
            })
        };
        let mut inputs = settings().into_generator();
        let mut outputs = settings().for_serialize().into_generator();
        outputs.subschema_for::<Failure>();
        outputs.subschema_for::<Nested>();
        outputs.subschema_for::<Pagination>();
        let mut paths = Map::new();
        for row in self.rows() {
            let operations = paths.entry(row.documented_path()).or_insert_with(|| json!({}));
            operations[row.method().as_str().to_ascii_lowercase()] = operation(row, &mut inputs, &mut outputs);
        }
        let mut schemas = outputs.take_definitions(true);
        for (name, schema) in inputs.take_definitions(true) {
            let same = schemas.get(&name).is_none_or(|known| *known == schema);
            assert!(same, "{name} stands for two schemas");
            schemas.insert(name, schema);
        }
        paths.values_mut().for_each(|operations| exemplify(operations, &schemas));
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Word Is Bond",
                "version": env!("CARGO_PKG_VERSION"),
                "description": "Dial a person lawfully, and end with a sealed, verifiable record of what was said.",
            },
            "servers": [{ "url": server }],
            "paths": sorted(paths),
            "components": {
                "schemas": sorted(schemas),
                "securitySchemes": {
                    "bearer": { "type": "http", "scheme": "bearer" },
                    "cookie": { "type": "apiKey", "in": "cookie", "name": "session-token" },
                    "internal": { "type": "apiKey", "in": "header", "name": "X-Internal-Key" },
                },
            },
        })
    }
}

/// Adds an example to every parameter, body and answer that has a schema.
fn exemplify(operations: &mut Json, schemas: &Map<String, Json>) {
    for operation in operations.as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
        let parameters = operation.get_mut("parameters").and_then(Json::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            parameter["example"] = examples::of(&name, &parameter["schema"], schemas);
        }
        let body = operation.get_mut("requestBody").map(|body| &mut body["content"]);
        body.into_iter().for_each(|content| exemplify_content(content, schemas));
        let responses = operation.get_mut("responses").and_then(Json::as_object_mut).into_iter().flatten();
        responses.for_each(|(_, response)| exemplify_content(&mut response["content"], schemas));
    }
}

fn exemplify_content(content: &mut Json, schemas: &Map<String, Json>) {
    if let Some(json) = content.get_mut("application/json").filter(|json| json.get("example").is_none()) {
        json["example"] = examples::of("", &json["schema"], schemas);
    }
}

// Sorted here: any crate of the graph may switch on serde_json's preserve_order.
fn sorted(map: Map<String, Json>) -> Map<String, Json> {
    let mut entries: Vec<_> = map.into_iter().collect();
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    entries.into_iter().collect()
}

fn operation<C: Core>(row: &Route<C>, inputs: &mut SchemaGenerator, outputs: &mut SchemaGenerator) -> Json {
    let input = row.input.map(|of| of(inputs).to_value()).unwrap_or_else(|| json!({}));
    let words = input["description"].as_str().unwrap_or_default();
    let summary = if row.about.is_empty() { words.lines().next().unwrap_or_default() } else { row.about };
    let path = row.documented_path();
    let words = path.split('/').map(|s| s.trim_matches(['{', '}'])).filter(|s| !s.is_empty());
    let id =
        std::iter::once(row.method().as_str().to_ascii_lowercase().as_str()).chain(words).collect::<Vec<_>>().join("_");
    let mut operation =
        json!({ "operationId": id.replace(['-', '.'], "_"), "tags": [row.tag], "responses": responses(row, outputs) });
    if !summary.is_empty() {
        operation["summary"] = summary.into();
    }
    operation["security"] = match row.access() {
        Access::Public | Access::Signature => json!([]),
        Access::Internal => json!([{ "internal": [] }]),
        Access::Session | Access::Role(_) | Access::Platform => json!([{ "bearer": [] }, { "cookie": [] }]),
    };
    match row.access() {
        Access::Role(role) => operation["x-least-role"] = role.as_str().into(),
        Access::Platform => operation["x-platform-admin"] = true.into(),
        Access::Signature => operation["x-signature"] = true.into(),
        Access::Public | Access::Session | Access::Internal => {}
    }
    if let Some(feature) = row.plan() {
        operation["x-plan"] = json!({ "feature": feature, "least": feature.least() });
    }
    if !row.limits().is_empty() {
        let told =
            |limit: &Limit| json!({ "name": limit, "requests": limit.most(), "seconds": limit.window().as_secs() });
        operation["x-rate-limits"] = row.limits().iter().map(told).collect();
    }
    let mut properties = input["properties"].as_object().cloned().unwrap_or_default();
    let in_path = |name: &str, schema: Option<Json>| {
        let schema = schema.unwrap_or_else(|| json!({ "type": "string" }));
        json!({ "name": name, "in": "path", "required": true, "schema": schema })
    };
    let mut parameters: Vec<_> = row.params().map(|name| in_path(name, properties.remove(name))).collect();
    let needed = |name: &str| input["required"].as_array().is_some_and(|all| all.iter().any(|r| r == name));
    if row.has_body() {
        let required: Vec<_> = properties.keys().filter(|name| needed(name)).cloned().collect();
        if !properties.is_empty() {
            let must = !required.is_empty();
            let schema = json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
            operation["requestBody"] =
                json!({ "required": must, "content": { "application/json": { "schema": schema } } });
        }
    } else {
        parameters.extend(
            properties.into_iter().map(
                |(name, schema)| json!({ "name": name, "in": "query", "required": needed(&name), "schema": schema }),
            ),
        );
    }
    if let Some(form) = row.form {
        let schema = form(inputs).to_value();
        operation["requestBody"] =
            json!({ "required": true, "content": { "multipart/form-data": { "schema": schema } } });
    }
    if row.idempotent() {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false, "schema": { "type": "string", "maxLength": 256 },
        }));
    }
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    operation
}

fn responses<C: Core>(row: &Route<C>, outputs: &mut SchemaGenerator) -> Json {
    let mut responses = json!({});
    for Answer { status, mime, schema, envelope } in row.answers.iter().copied() {
        let schema = match schema {
            Some(of) => envelope.schema(of(outputs).to_value()),
            None if mime.starts_with("text/") => json!({ "type": "string" }),
            None => json!({}),
        };
        let about = http::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("Answer");
        responses[status.to_string()] = json!({ "description": about, "content": { mime: { "schema": schema } } });
    }
    let error = json!({ "$ref": "#/components/schemas/Error" });
    let error = match row.style {
        Style::Flat => error,
        Style::SuccessFalse => {
            json!({ "allOf": [error, { "type": "object", "properties": { "success": { "const": false } }, "required": ["success"] }] })
        }
        Style::Nested => json!({ "$ref": "#/components/schemas/NestedError" }),
    };
    for status in row.refused() {
        let about = http::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("Refused");
        let example = examples::refusal(status, row.style == Style::Nested, row.style == Style::SuccessFalse);
        let answer =
            json!({ "description": about, "content": { "application/json": { "schema": error, "example": example } } });
        let responses = responses.as_object_mut().expect("an object");
        responses.entry(status.to_string()).or_insert(answer);
    }
    responses
}
