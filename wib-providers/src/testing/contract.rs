//! A vendor's own document against what its adapter does: requests are held against the slice, its documented answers
//! are given back, whole and mutilated.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use serde_json::{Map, Value, json};
use wib_core::{
    kit::{Random, SeededRandom, VirtualClock},
    ports::{Fault, VendorError},
};

use super::{Seen, contracts::shared};
use crate::{
    http::Wires,
    transport::{Body, SendError, Transport, full},
};

/// A vendor's document.
#[derive(Debug)]
pub(crate) struct Contract {
    document: Value,
    operations: Vec<Operation>,
    validators: Mutex<BTreeMap<String, Arc<jsonschema::Validator>>>,
}

/// One method of one path.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// `post /calls/{id}/actions/answer`
    pub(crate) name: String,
    method: String,
    prefixes: Vec<String>,
    template: Vec<String>,
    item: Value,
    spec: Value,
}

/// A documented answer.
#[derive(Clone, Debug)]
struct Documented {
    status: u16,
    content_type: String,
    body: Bytes,
    /// The body's schema, for JSON.
    schema: Option<Value>,
}

impl Contract {
    /// The slice of that vendor; `None` when the contracts are not here, which is said.
    pub(crate) fn open(vendor: &str) -> Option<Self> {
        let mut document = shared(&format!("{vendor}.openapi.json"))?;
        if document["openapi"].as_str().is_some_and(|version| version.starts_with("3.0")) {
            of_today(&mut document);
        }
        let servers = |node: &Value| -> Vec<String> {
            let urls = node["servers"].as_array().into_iter().flatten().filter_map(|server| server["url"].as_str());
            urls.map(|url| path_of(url).trim_end_matches('/').to_owned()).collect()
        };
        let everywhere = servers(&document);
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            let own = servers(item);
            for method in ["get", "post", "put", "patch", "delete"] {
                let Some(spec) = item.get(method) else { continue };
                operations.push(Operation {
                    name: format!("{method} {path}"),
                    method: method.to_uppercase(),
                    prefixes: if own.is_empty() { everywhere.clone() } else { own.clone() },
                    template: segments(path),
                    item: item["parameters"].clone(),
                    spec: spec.clone(),
                });
            }
        }
        Some(Self { document, operations, validators: Mutex::default() })
    }

    /// The names of all operations.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.operations.iter().map(|operation| operation.name.clone()).collect()
    }

    /// The operation that a request asks for, and all that is wrong with the request.
    pub(crate) fn check(&self, seen: &Seen) -> (Option<&Operation>, Vec<String>) {
        let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
        let Some(operation) = self.find(&seen.method, path) else {
            return (None, vec![format!("{} {path}: no such operation", seen.method)]);
        };
        let mut faults = Vec::new();
        self.check_parameters(operation, query, &seen.headers, &mut faults);
        self.check_key(operation, &seen.headers, &mut faults);
        self.check_body(operation, seen, &mut faults);
        (Some(operation), faults)
    }

    fn find(&self, method: &str, path: &str) -> Option<&Operation> {
        let fits = |operation: &&Operation| {
            operation.method == method
                && operation.prefixes.iter().any(|prefix| {
                    let Some(rest) = path.strip_prefix(prefix.as_str()) else { return false };
                    let rest = segments(rest);
                    rest.len() == operation.template.len()
                        && rest
                            .iter()
                            .zip(&operation.template)
                            .all(|(is, says)| is == says || (says.contains('{') && fits_template(says, is)))
                })
        };
        let named = |operation: &&Operation| operation.template.iter().filter(|says| !says.contains('{')).count();
        self.operations.iter().filter(fits).max_by_key(named)
    }

    fn resolve<'a>(&'a self, node: &'a Value) -> &'a Value {
        let mut node = node;
        for _ in 0..20 {
            match node["$ref"].as_str() {
                Some(reference) => node = self.document.pointer(&reference[1..]).unwrap_or(&Value::Null),
                None => return node,
            }
        }
        node
    }

    fn check_parameters(&self, operation: &Operation, query: &str, headers: &HeaderMap, faults: &mut Vec<String>) {
        let lists = [&operation.item, &operation.spec["parameters"]];
        let declared: Vec<&Value> =
            lists.into_iter().filter_map(Value::as_array).flatten().map(|one| self.resolve(one)).collect();
        let pairs: Vec<(String, String)> = pairs(query);
        let of = |kind: &'static str| declared.iter().copied().filter(move |one| one["in"] == kind);
        for (name, value) in &pairs {
            let bare = name.split('[').next().unwrap_or(name);
            let exact = of("query").find(|one| one["name"] == name.as_str());
            let list = || of("query").find(|one| one["name"].as_str() == name.strip_suffix("[]"));
            let deep = || of("query").find(|one| one["name"] == bare && name.contains('['));
            match exact.or_else(list) {
                Some(one) => self.check_text(&format!("query {name}"), &one["schema"], value, faults),
                None => match deep() {
                    Some(one) => {
                        let mut object = Value::Null;
                        put(&mut object, &keys_of(name)[1..], value);
                        let schema = &one["schema"];
                        let coerced = self.coerce(schema, &object);
                        faults.extend(self.faults(schema, &coerced).into_iter().map(|f| format!("query {name}: {f}")));
                    }
                    None => faults.push(format!("query {name}: not declared")),
                },
            }
        }
        let given = |name: &str| pairs.iter().any(|(n, _)| n == name || n.split('[').next() == Some(name));
        for one in of("query").filter(|one| one["required"] == true) {
            let name = one["name"].as_str().unwrap_or_default();
            if !given(name) {
                faults.push(format!("query {name}: required"));
            }
        }
        for one in of("header").filter(|one| one["required"] == true) {
            let name = one["name"].as_str().unwrap_or_default();
            if !headers.contains_key(name) {
                faults.push(format!("header {name}: required"));
            }
        }
    }

    fn check_text(&self, place: &str, schema: &Value, text: &str, faults: &mut Vec<String>) {
        let coerced = self.coerce(schema, &json!(text));
        faults.extend(self.faults(schema, &coerced).into_iter().map(|fault| format!("{place}: {fault}")));
    }

    fn check_key(&self, operation: &Operation, headers: &HeaderMap, faults: &mut Vec<String>) {
        let asked = operation.spec.get("security").unwrap_or(&self.document["security"]);
        let Some(ways) = asked.as_array().filter(|ways| !ways.is_empty()) else { return };
        let carried = |scheme: &str| {
            let scheme = &self.document["components"]["securitySchemes"][scheme];
            let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
            match (scheme["type"].as_str(), scheme["scheme"].as_str(), scheme["in"].as_str()) {
                (Some("http"), Some("bearer"), _) => {
                    header("authorization").is_some_and(|value| value.starts_with("Bearer "))
                }
                (Some("http"), Some("basic"), _) => header("authorization").is_some_and(|v| v.starts_with("Basic ")),
                (Some("apiKey"), _, Some("header")) => scheme["name"].as_str().and_then(header).is_some(),
                _ => false,
            }
        };
        let satisfied = |way: &Value| way.as_object().is_some_and(|way| way.keys().all(|scheme| carried(scheme)));
        if !ways.iter().any(satisfied) {
            faults.push("no key of the kind that is asked for".to_owned());
        }
    }

    fn check_body(&self, operation: &Operation, seen: &Seen, faults: &mut Vec<String>) {
        let request = self.resolve(&operation.spec["requestBody"]);
        let contents = request["content"].as_object();
        let said = seen.header("content-type").unwrap_or_default();
        let said = said.split(';').next().unwrap_or_default().trim().to_owned();
        let Some(contents) = contents else {
            if !seen.body.is_empty() && seen.body != "{}" {
                faults.push("a body where none is declared".to_owned());
            }
            return;
        };
        if seen.body.is_empty() {
            if request["required"] == true && !contents.contains_key("application/x-www-form-urlencoded") {
                faults.push("the body is required".to_owned());
            }
            return;
        }
        let Some(content) = contents.get(&said).or_else(|| contents.get("*/*")) else {
            faults.push(format!("a body of {said:?}, declared are {:?}", contents.keys().collect::<Vec<_>>()));
            return;
        };
        let schema = &content["schema"];
        let body = match said.as_str() {
            "application/json" => match serde_json::from_slice(&seen.body) {
                Ok(body) => body,
                Err(e) => return faults.push(format!("the body is not JSON: {e}")),
            },
            "application/x-www-form-urlencoded" => {
                let mut body = json!({});
                for (name, value) in pairs(std::str::from_utf8(&seen.body).unwrap_or_default()) {
                    put(&mut body, &keys_of(&name), &value);
                }
                self.coerce(schema, &body)
            }
            _ => return,
        };
        // A form's parameters are all known by name, to the innermost.
        let closed = said == "application/x-www-form-urlencoded";
        faults.extend(self.faults_of(schema, &body, closed).into_iter().map(|fault| format!("body: {fault}")));
    }

    /// What an operation's request schema finds wrong with a body of JSON.
    pub(crate) fn body_faults(&self, operation: &str, body: &Value) -> Vec<String> {
        let operation = self.operations.iter().find(|o| o.name == operation).expect("the slice has the operation");
        let request = self.resolve(&operation.spec["requestBody"]);
        self.faults(&request["content"]["application/json"]["schema"], body)
    }

    /// What an operation's schema finds wrong with an answer of JSON.
    #[cfg(feature = "sandbox")]
    pub(crate) fn answer_faults(&self, operation: &str, status: u16, body: &Value) -> Vec<String> {
        let operation = self.operations.iter().find(|o| o.name == operation).expect("the slice has the operation");
        let responses = &operation.spec["responses"];
        let response = responses.get(status.to_string()).unwrap_or(&responses["default"]);
        let Some(content) = self.resolve(response).get("content") else { return vec![] };
        let schema = &content["application/json"]["schema"];
        assert!(schema.is_object(), "{} {status} has no schema", operation.name);
        self.faults(schema, body)
    }

    /// What a schema finds wrong with a value.
    pub(crate) fn faults(&self, schema: &Value, value: &Value) -> Vec<String> {
        self.faults_of(schema, value, false)
    }

    fn faults_of(&self, schema: &Value, value: &Value, closed: bool) -> Vec<String> {
        let key = format!("{closed} {schema}");
        let known = self.validators.lock().unwrap().get(&key).cloned();
        let validator = known.unwrap_or_else(|| {
            let mut root = self.with_parts(schema);
            super::contracts::open_joined(&mut root);
            if closed {
                close(&mut root);
            }
            let made = Arc::new(jsonschema::draft202012::new(&root).unwrap());
            self.validators.lock().unwrap().insert(key, made.clone());
            made
        });
        validator.iter_errors(value).map(|e| format!("{e} at {:?}", e.instance_path().to_string())).collect()
    }

    /// A schema with the parts of the document that it refers to, and no others.
    fn with_parts(&self, schema: &Value) -> Value {
        let (mut root, mut open, mut seen) = (schema.clone(), references(schema), BTreeSet::new());
        if !root.is_object() {
            root = json!({});
        }
        while let Some(reference) = open.pop() {
            if !seen.insert(reference.clone()) {
                continue;
            }
            let Some(part) = self.document.pointer(&reference[1..]) else { continue };
            open.extend(references(part));
            let keys: Vec<String> = reference[2..].split('/').map(unescape).collect();
            let mut node = &mut root;
            for key in &keys[..keys.len() - 1] {
                node = &mut node[key.as_str()];
            }
            node[keys[keys.len() - 1].as_str()] = part.clone();
        }
        root
    }

    /// Texts of a form as what the schema wants: numbers, truth values, lists.
    fn coerce(&self, schema: &Value, value: &Value) -> Value {
        let schema = self.resolve(schema);
        for joint in ["anyOf", "oneOf"] {
            if let Some(ways) = schema[joint].as_array() {
                let tried = ways.iter().map(|way| (way, self.coerce(way, value)));
                let mut fitting = tried.filter(|(way, coerced)| self.seems(way, coerced));
                return fitting.next().map_or_else(|| value.clone(), |(_, coerced)| coerced);
            }
        }
        if let Some(all) = schema["allOf"].as_array() {
            return all.iter().fold(value.clone(), |value, part| self.coerce(part, &value));
        }
        let is = |kind: &str| {
            schema["type"] == kind || schema["type"].as_array().is_some_and(|kinds| kinds.iter().any(|k| k == kind))
        };
        match value {
            Value::String(text) if is("integer") || is("number") => text
                .parse::<i64>()
                .map(Value::from)
                .or_else(|_| text.parse::<f64>().map(Value::from))
                .unwrap_or_else(|_| value.clone()),
            Value::String(text) if is("boolean") => match text.as_str() {
                "true" => json!(true),
                "false" => json!(false),
                _ => value.clone(),
            },
            Value::String(_) if is("array") => json!([self.coerce(&schema["items"], value)]),
            Value::Object(object)
                if is("array") && object.keys().all(|key| key.parse::<u32>().is_ok() || key.is_empty()) =>
            {
                object.values().map(|item| self.coerce(&schema["items"], item)).collect()
            }
            Value::Array(items) if is("array") => {
                items.iter().map(|item| self.coerce(&schema["items"], item)).collect()
            }
            Value::Object(object) => {
                let of = |key: &str| match schema["properties"].get(key) {
                    Some(property) => property,
                    None => &schema["additionalProperties"],
                };
                object
                    .iter()
                    .map(|(key, value)| (key.clone(), self.coerce(of(key), value)))
                    .collect::<Map<_, _>>()
                    .into()
            }
            _ => value.clone(),
        }
    }

    /// Whether a value is of a schema's kind, at first sight.
    fn seems(&self, schema: &Value, value: &Value) -> bool {
        let schema = self.resolve(schema);
        if let Some(members) = schema["enum"].as_array() {
            return members.contains(value);
        }
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(object) if schema["maxProperties"] == 0 => return object.is_empty(),
            Value::Object(_) => "object",
        };
        let says = |word: &Value| word == kind || (word == "integer" && kind == "number");
        match &schema["type"] {
            Value::Null => true,
            Value::Array(kinds) => kinds.iter().any(says),
            one => says(one),
        }
    }

    /// The answers of success that the document gives or describes.
    fn answers(&self, operation: &Operation) -> Vec<Documented> {
        let mut all = Vec::new();
        for (status, response) in operation.spec["responses"].as_object().into_iter().flatten() {
            let Some(status) = status.parse::<u16>().ok().filter(|status| (200..300).contains(status)) else {
                continue;
            };
            let response = self.resolve(response);
            let contents = response["content"].as_object();
            if contents.is_none_or(Map::is_empty) {
                all.push(Documented { status, content_type: String::new(), body: Bytes::new(), schema: None });
            }
            for (content_type, content) in contents.into_iter().flatten() {
                let mut bodies: Vec<Value> = content.get("example").cloned().into_iter().collect();
                let named = content["examples"].as_object().into_iter().flatten();
                bodies.extend(named.filter_map(|(_, example)| self.resolve(example).get("value").cloned()));
                let is_json = content_type.contains("json");
                let schema = &content["schema"];
                if bodies.is_empty() && is_json {
                    bodies.extend([self.sample(schema, true, 0), self.sample(schema, false, 0)]);
                }
                let documented = |body: Bytes| Documented {
                    status,
                    content_type: content_type.clone(),
                    body,
                    schema: is_json.then(|| schema.clone()),
                };
                if is_json {
                    all.extend(bodies.into_iter().map(|body| documented(body.to_string().into())));
                } else {
                    let text = |body: Value| body.as_str().map_or_else(|| body.to_string(), str::to_owned);
                    let body = bodies.pop().or_else(|| self.resolve(schema).get("example").cloned());
                    let body = body.map_or_else(|| "placeholder".to_owned(), text);
                    all.push(documented(body.into()));
                }
            }
        }
        all
    }

    /// A value of a schema: every field, or the required ones alone.
    fn sample(&self, schema: &Value, whole: bool, depth: u8) -> Value {
        let schema = self.resolve(schema);
        if let Some(example) =
            schema.get("example").or_else(|| schema["examples"].get(0)).or_else(|| schema.get("const"))
        {
            return example.clone();
        }
        if let Some(first) = schema["enum"].get(0).or_else(|| schema.get("default")).filter(|first| !first.is_null()) {
            return first.clone();
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let mut joined = Map::new();
            for part in parts
                .iter()
                .chain([&json!({"type": "object", "properties": schema["properties"], "required": schema["required"]})])
            {
                match self.sample(part, whole, depth) {
                    Value::Object(object) => joined.extend(object),
                    other if parts.len() == 1 => return other,
                    _ => {}
                }
            }
            return joined.into();
        }
        for joint in ["oneOf", "anyOf"] {
            if let Some(ways) = schema[joint].as_array() {
                let way = ways.iter().find(|way| self.resolve(way)["type"] != "null");
                return way.map_or(Value::Null, |way| self.sample(way, whole, depth));
            }
        }
        let kind = schema["type"].as_array().and_then(|kinds| kinds.iter().find(|kind| *kind != "null"));
        let kind = kind.unwrap_or(&schema["type"]).as_str();
        match kind.unwrap_or(if schema["properties"].is_object() { "object" } else { "" }) {
            "object" => {
                let required: Vec<_> = schema["required"].as_array().into_iter().flatten().collect();
                let fields = schema["properties"].as_object().into_iter().flatten();
                let wanted =
                    fields.filter(|(name, _)| required.iter().any(|r| *r == name.as_str()) || (whole && depth < 6));
                wanted
                    .map(|(name, field)| (name.clone(), self.sample(field, whole, depth + 1)))
                    .collect::<Map<_, _>>()
                    .into()
            }
            "array" if depth > 6 => json!([]),
            "array" => json!([self.sample(&schema["items"], whole, depth + 1)]),
            "integer" => json!(schema["minimum"].as_i64().unwrap_or(1).max(1)),
            "number" => json!(schema["minimum"].as_f64().unwrap_or(1.0).max(1.0)),
            "boolean" => json!(true),
            "string" => match schema["format"].as_str() {
                Some("date-time") => json!("2026-02-13T10:00:00Z"),
                Some("date") => json!("2026-02-13"),
                Some("uuid") => json!("3fa85f64-5717-4562-b3fc-2c963f66afa6"),
                Some("uri" | "url") => json!("https://example.com/a"),
                Some("email") => json!("a@example.com"),
                _ => json!("text"),
            },
            "null" => Value::Null,
            _ => json!({}),
        }
    }

    /// The value as another version of the vendor might give it: fields that the schema does not require are gone, or null
    /// where it lets them be; others that nobody knows are there; members of lists of words are new ones. What is needed
    /// stays as it is.
    pub(crate) fn mutilate(
        &self,
        schema: &Value,
        value: &Value,
        place: &str,
        needs: &[&str],
        random: &dyn Random,
    ) -> Value {
        let parts = self.parts(schema);
        let needed = |place: &str| needs.iter().any(|need| fits_place(need, place));
        match value {
            Value::Object(object) => {
                let required = |name: &str| {
                    parts
                        .iter()
                        .any(|part| part["required"].as_array().is_some_and(|all| all.iter().any(|r| r == name)))
                };
                let mut out = Map::new();
                for (name, value) in object {
                    let place = format!("{place}/{name}");
                    let known = parts.iter().find_map(|part| part["properties"].get(name));
                    let free = known.is_some() && !required(name) && !needed(&place);
                    if free && random.below(3) == 0 {
                        continue;
                    }
                    let nullable =
                        known.is_some_and(|field| self.parts(field).iter().any(|part| part["type"] == "null"));
                    if nullable && !needed(&place) && random.below(3) == 0 {
                        out.insert(name.clone(), Value::Null);
                        continue;
                    }
                    let inner = known.or_else(|| parts.iter().find_map(|part| part.get("additionalProperties")));
                    out.insert(
                        name.clone(),
                        self.mutilate(inner.unwrap_or(&Value::Null), value, &place, needs, random),
                    );
                }
                // A map of free keys is data, not a record.
                if parts.iter().any(|part| part["properties"].is_object()) && !needed(&format!("{place}/x_new")) {
                    out.insert("x_new".to_owned(), json!([{"id": null, "data": 1}]));
                }
                out.into()
            }
            Value::Array(items) => {
                let inner = parts.iter().find_map(|part| part.get("items")).unwrap_or(&Value::Null);
                items.iter().map(|item| self.mutilate(inner, item, &format!("{place}/*"), needs, random)).collect()
            }
            Value::String(_) if !needed(place) => {
                let listed = |part: &Value| {
                    part["enum"].as_array().is_some_and(|e| e.len() > 1) || part["x-known-values"].is_array()
                };
                let invents = parts.iter().any(|part| listed(part)) && random.below(2) == 0;
                if invents { json!("invented_word") } else { value.clone() }
            }
            _ => value.clone(),
        }
    }

    /// The plain parts of a schema that is put together.
    fn parts<'a>(&'a self, schema: &'a Value) -> Vec<&'a Value> {
        let (mut open, mut parts) = (vec![(schema, 0)], Vec::new());
        while let Some((schema, depth)) = open.pop() {
            let schema = self.resolve(schema);
            let joints = ["allOf", "oneOf", "anyOf"].into_iter().filter_map(|joint| schema[joint].as_array());
            if depth < 8 {
                open.extend(joints.flatten().map(|part| (part, depth + 1)));
            }
            parts.push(schema);
        }
        parts
    }
}

/// An adapter's proof against its vendor's document: a transport that holds every request against it, and answers as it
/// says.
#[derive(Debug)]
pub(crate) struct Proof {
    vendor: &'static str,
    contract: Contract,
    clock: Arc<VirtualClock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Which documented answer is given.
    round: usize,
    /// How many answers the operations of this run have, at most.
    rounds: usize,
    /// The seed of what is mutilated; `None`: nothing is.
    mutilated: Option<u64>,
    needs: Vec<&'static str>,
    used: BTreeSet<String>,
    faults: Vec<String>,
    requests: usize,
    decoded: usize,
    answered: usize,
    /// The answer given last, for whoever reads why a proof failed.
    last: Bytes,
}

/// Mutilations of each documented answer.
const MUTILATIONS: u64 = 12;

impl Proof {
    /// A proof against that vendor's slice; `None`, said, when the contracts are not here.
    pub(crate) fn of(vendor: &'static str) -> Option<Arc<Self>> {
        let clock = Arc::new(VirtualClock::new("2026-02-13T10:00:00Z".parse().unwrap()));
        Some(Arc::new(Self { vendor, contract: Contract::open(vendor)?, clock, state: Mutex::default() }))
    }

    /// What adapters under proof are plugged into.
    pub(crate) fn wires(self: &Arc<Self>) -> Wires {
        Wires { transport: self.clone(), clock: self.clock.clone(), random: Arc::new(SeededRandom::new(7)) }
    }

    /// Runs an operation of the adapter once for every documented answer, and again with answers mutilated. `needs` are
    /// the places of an answer (`/data/*/id`) without which the operation cannot do its work, though the document does not
    /// require them.
    ///
    /// # Panics
    /// When a request does not conform, or an answer is not understood.
    pub(crate) async fn run<T>(
        self: &Arc<Self>,
        what: &str,
        needs: &[&'static str],
        mut operation: impl AsyncFnMut() -> Result<T, VendorError>,
    ) {
        let mut round = 0;
        loop {
            for mutilated in std::iter::once(None).chain((0..MUTILATIONS).map(Some)) {
                {
                    let mut state = self.state.lock().unwrap();
                    (state.round, state.rounds, state.mutilated) = (round, 0, mutilated);
                    state.needs = needs.to_vec();
                }
                let outcome = operation().await;
                let mut state = self.state.lock().unwrap();
                let faults = std::mem::take(&mut state.faults);
                assert!(faults.is_empty(), "{} {what}: {faults:#?}", self.vendor);
                assert!(state.rounds > 0, "{} {what}: nothing was asked", self.vendor);
                // An answer that says no to us was understood too.
                if let Err(error) = outcome
                    && matches!(error.fault, Fault::Nonsense | Fault::Down | Fault::Timeout)
                {
                    let last = String::from_utf8_lossy(&state.last).into_owned();
                    panic!("{} {what}, answer {round}, mutilation {mutilated:?}: {error}: {last}", self.vendor);
                }
                let answered = std::mem::take(&mut state.answered);
                if mutilated.is_none() {
                    state.decoded += answered;
                }
            }
            round += 1;
            if round >= self.state.lock().unwrap().rounds {
                return;
            }
        }
    }

    /// Prints the vendor's row of the table, and holds what was left out against what is meant to be.
    ///
    /// # Panics
    /// When other operations of the slice were left out.
    pub(crate) fn end(&self, left_out: &[&str]) {
        let state = self.state.lock().unwrap();
        let all = self.contract.names();
        let unused: BTreeSet<_> = all.difference(&state.used).map(String::as_str).collect();
        let meant: BTreeSet<_> = left_out.iter().copied().collect();
        println!(
            "| {:<10} | {:>3} of {:>3} operations | {:>4} requests validated | {:>4} answers decoded |",
            self.vendor,
            state.used.len(),
            all.len(),
            state.requests,
            state.decoded,
        );
        assert_eq!(unused, meant, "{}: operations of the slice that were left out", self.vendor);
    }
}

#[async_trait]
impl Transport for Proof {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, SendError> {
        let (head, body) = request.into_parts();
        let seen = Seen {
            method: head.method.to_string(),
            host: head.uri.host().unwrap_or_default().to_owned(),
            target: head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes(),
            at: wib_core::kit::Clock::now(&*self.clock),
        };
        let (operation, faults) = self.contract.check(&seen);
        let place = format!("{} {}", seen.method, seen.target);
        let mut state = self.state.lock().unwrap();
        state.requests += 1;
        state.faults.extend(faults.into_iter().map(|fault| format!("{place}: {fault}")));
        let mut answers = operation.map(|operation| self.contract.answers(operation)).unwrap_or_default();
        let useful = |answer: &Documented| state.needs.iter().all(|need| holds(&answer.body, need));
        // An answer without what is needed may be documented; nobody can do anything with it.
        if answers.iter().any(useful) {
            answers.retain(useful);
        }
        state.used.extend(operation.map(|operation| operation.name.clone()));
        state.rounds = state.rounds.max(answers.len()).max(1);
        state.answered += 1;
        let Some(answer) = answers.get(state.round % answers.len().max(1)) else {
            return Ok(Response::builder().status(200).body(full("{}")).unwrap());
        };
        let mut body = answer.body.clone();
        if let (Some(seed), Some(schema)) = (state.mutilated, &answer.schema) {
            let random = SeededRandom::new(seed);
            let whole: Value = serde_json::from_slice(&body).unwrap();
            body = self.contract.mutilate(schema, &whole, "", &state.needs, &random).to_string().into();
        }
        state.last = body.clone();
        let response = Response::builder().status(answer.status).header("content-type", &answer.content_type);
        Ok(response.body(full(body)).unwrap())
    }
}

/// Whether a body of JSON has something at that place.
fn holds(body: &[u8], need: &str) -> bool {
    fn walk(value: &Value, keys: &[&str]) -> bool {
        match (keys.split_first(), value) {
            (None | Some((&"**", _)), _) => true,
            (Some((&"*", rest)), Value::Array(items)) => items.iter().all(|item| walk(item, rest)),
            (Some((&"*", rest)), Value::Object(fields)) => {
                !fields.is_empty() && fields.values().all(|field| walk(field, rest))
            }
            (Some((key, rest)), _) => value.get(*key).is_some_and(|field| walk(field, rest)),
        }
    }
    let keys: Vec<_> = need.split('/').skip(1).collect();
    serde_json::from_slice(body).is_ok_and(|body| walk(&body, &keys))
}

fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("", |at| &rest[at..])
}

fn segments(path: &str) -> Vec<String> {
    path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect()
}

/// Whether a segment fits one such as `{id}` or `{id}.json`.
fn fits_template(says: &str, is: &str) -> bool {
    let (before, rest) = says.split_once('{').unwrap_or((says, ""));
    let after = rest.split_once('}').map_or("", |(_, after)| after);
    is.len() > before.len() + after.len() && is.starts_with(before) && is.ends_with(after)
}

/// Whether a place is one that is needed, or leads to it.
fn fits_place(need: &str, place: &str) -> bool {
    let (need, place): (Vec<_>, Vec<_>) = (need.split('/').collect(), place.split('/').collect());
    place.len() <= need.len() && place.iter().zip(&need).all(|(is, says)| is == says || *says == "**")
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        let (mut bytes, mut at) = (Vec::new(), 0);
        while at < text.len() {
            let hex = (text.as_bytes()[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
            let (byte, step) = match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                Some(byte) => (byte, 3),
                None => (text.as_bytes()[at], 1),
            };
            bytes.push(byte);
            at += step;
        }
        String::from_utf8(bytes).unwrap()
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}

/// `items[0][price]` is `items`, `0`, `price`.
fn keys_of(name: &str) -> Vec<String> {
    name.split('[').map(|key| key.trim_end_matches(']').to_owned()).collect()
}

/// Puts a text where its keys lead; an empty key, or one that is taken, adds to a list.
fn put(node: &mut Value, keys: &[String], text: &str) {
    let Some((key, rest)) = keys.split_first() else {
        *node = match std::mem::take(node) {
            Value::Null => json!(text),
            Value::Array(mut all) => {
                all.push(json!(text));
                all.into()
            }
            one => json!([one, text]),
        };
        return;
    };
    if !node.is_object() {
        *node = json!({});
    }
    let at = if key.is_empty() { node.as_object().unwrap().len().to_string() } else { key.clone() };
    put(&mut node[at.as_str()], rest, text);
}

/// Refuses fields that a record does not name.
fn close(node: &mut Value) {
    match node {
        Value::Object(object) => {
            object.values_mut().for_each(close);
            let record =
                object.get("properties").is_some_and(|properties| properties.get("type").is_none_or(Value::is_object));
            if record && object.get("type").is_some_and(|kind| kind == "object") {
                object.entry("additionalProperties").or_insert(json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

fn references(node: &Value) -> Vec<String> {
    match node {
        Value::Object(object) => {
            let own = object.get("$ref").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(object.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => vec![],
    }
}

fn unescape(key: &str) -> String {
    key.replace("~1", "/").replace("~0", "~")
}

/// Words of OpenAPI 3.0 in those of JSON Schema: `nullable`, and bounds that are excluded.
fn of_today(node: &mut Value) {
    match node {
        Value::Object(object) => {
            object.values_mut().for_each(of_today);
            if object.remove("nullable") == Some(json!(true)) {
                if let Some(kind) = object.get_mut("type").filter(|kind| kind.is_string()) {
                    *kind = json!([kind.clone(), "null"]);
                }
                if let Some(members) = object.get_mut("enum").and_then(Value::as_array_mut) {
                    members.push(Value::Null);
                }
            }
            for (bound, excluded) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
                match object.get(excluded) {
                    Some(Value::Bool(true)) => {
                        let value = object.remove(bound).unwrap_or_default();
                        object.insert(excluded.to_owned(), value);
                    }
                    Some(Value::Bool(false)) => _ = object.remove(excluded),
                    _ => {}
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(of_today),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue, Method};

    use super::*;
    use crate::http::{Client, Policy, Words};

    fn seen(method: &str, target: &str, headers: &[(&'static str, &'static str)], body: &str) -> Seen {
        let headers = headers.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect();
        let (host, at) = (String::new(), wib_core::kit::Timestamp::UNIX_EPOCH);
        Seen { method: method.into(), host, target: target.into(), headers, body: body.to_owned().into(), at }
    }

    #[test]
    fn a_contract_takes_what_its_document_says_and_names_what_it_does_not() {
        const KEY: (&str, &str) = ("authorization", "Bearer k");
        const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
        const JSON: (&str, &str) = ("content-type", "application/json");
        let price = "customer=c&items[0][price]=p&items[0][quantity]=2&metadata[a]=1&proration_behavior=none";
        let dial = r#"{"connection_id":"1","to":"+13125550100","from":"+13125550111"}"#;
        for (vendor, request, fault) in [
            ("stripe", seen("POST", "/v1/subscriptions", &[KEY, FORM], price), None),
            ("stripe", seen("POST", "/v1/subscriptions", &[FORM], price), Some("no key")),
            ("stripe", seen("POST", "/v1/subscriptions", &[KEY, FORM], "customer=c&plan=x&odd=1"), Some("odd")),
            ("stripe", seen("POST", "/v1/subscriptions", &[KEY, FORM], "items[0][prize]=p&customer=c"), Some("items")),
            ("stripe", seen("POST", "/v1/customers", &[KEY, FORM], "balance=much"), Some("balance")),
            ("stripe", seen("POST", "/v1/customers", &[KEY, JSON], "{}"), Some("a body of")),
            ("stripe", seen("GET", "/v1/customers?limit=3&starting_after=c", &[KEY], ""), None),
            ("stripe", seen("GET", "/v1/customers?limit=three", &[KEY], ""), Some("limit")),
            ("stripe", seen("GET", "/v1/customers?odd=1", &[KEY], ""), Some("not declared")),
            ("stripe", seen("GET", "/v1/kings", &[KEY], ""), Some("no such operation")),
            ("telnyx", seen("POST", "/v2/calls", &[KEY, JSON], dial), None),
            ("telnyx", seen("POST", "/v2/calls", &[KEY, JSON], r#"{"to":"+1"}"#), Some("required")),
            ("telnyx", seen("POST", "/v2/calls", &[KEY], dial), Some("a body of")),
            ("telnyx", seen("GET", "/v2/call_events?filter[leg_id]=1&page[size]=2", &[KEY], ""), None),
            ("telnyx", seen("GET", "/v2/calls/a%3Ab", &[KEY], ""), None),
            ("assemblyai", seen("GET", "/v2/transcript?limit=1", &[("authorization", "k")], ""), None),
            ("assemblyai", seen("GET", "/v2/transcript?limit=1", &[], ""), Some("no key")),
        ] {
            let Some(contract) = Contract::open(vendor) else { return };
            let (_, faults) = contract.check(&request);
            match fault {
                None => assert!(faults.is_empty(), "{} {}: {faults:?}", request.method, request.target),
                Some(word) => {
                    assert!(faults.iter().any(|f| f.contains(word)), "{} {word}: {faults:?}", request.target);
                }
            }
        }
    }

    #[tokio::test]
    async fn documented_answers_come_whole_and_then_mutilated_but_for_what_is_needed() {
        let Some(proof) = Proof::of("stripe") else { return };
        let words = |_: u16, _: &Value| Words::default();
        let client = Client::new("stripe", "https://api.stripe.com", Policy::default(), words, proof.wires());
        let client = client.bearer(&"k".to_owned().into());
        let (mut whole, mut without) = (0, 0);
        let customer = async || -> Result<(), VendorError> {
            let answer = client.ask("create", Method::POST, "/v1/customers").form([("name", "Ann")]).send().await?;
            let customer: Value = answer.json()?;
            assert!(customer["id"].is_string() && customer["email"] != "invented_word");
            whole += usize::from(customer.get("x_new").is_none());
            without += usize::from(customer["address"].is_null() || customer.get("phone").is_none());
            Ok(())
        };
        proof.run("create", &["/id"], customer).await;
        assert!(whole == 1 && without > 0, "{whole} {without}");
        let used = proof.state.lock().unwrap().used.clone();
        assert_eq!(used.iter().map(String::as_str).collect::<Vec<_>>(), ["post /v1/customers"]);
        let rest = &proof.contract.names() - &used;
        proof.end(&rest.iter().map(String::as_str).collect::<Vec<_>>());
    }
}
