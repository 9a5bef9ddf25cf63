//! Path, query and body into one command.
//!
//! One JSON object is built, body first, then query, then path, and read once. Texts of query and path become what the
//! command's schema says; fields the schema does not know are refused here, by name.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{body::Body, extract::Query};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderMap, Uri, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Number, Value as Json};
use wib_core::kit::{Clock, Error, FieldFault, Id, Result, time};

use crate::table::SchemaOf;

/// The most bytes of a JSON body: 1 MiB.
pub const BODY_LIMIT: usize = 1 << 20;
/// The longest fault told of a field; texts of callers may be in it.
const FAULT_CHARS: usize = 200;

/// The input of a row that takes none.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Nothing {}

/// The input of a row that names one record.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(bound = "")]
#[schemars(bound = "", rename = "ById")]
pub struct ById<T> {
    /// The record's id.
    pub id: Id<T>,
}

#[derive(Clone, Debug, Default, PartialEq)]
enum Kind {
    #[default]
    Text,
    Integer,
    Number,
    Bool,
    List(Box<Kind>),
}

/// The fields of a command, as its schema has them.
#[derive(Debug, Default)]
pub struct Shape {
    fields: BTreeMap<String, (Kind, bool)>,
    path: Vec<String>,
}

impl Shape {
    pub(crate) fn of<'a>(input: Option<SchemaOf>, path: impl Iterator<Item = &'a str>) -> Self {
        let path: Vec<_> = path.map(str::to_owned).collect();
        let Some(input) = input else {
            let fields = path.iter().map(|name| (name.clone(), (Kind::Text, true))).collect();
            return Self { fields, path };
        };
        let mut generator = SchemaSettings::draft2020_12().into_generator();
        let schema = input(&mut generator);
        let known = Json::Object(generator.take_definitions(true));
        let required: Vec<_> = schema.get("required").and_then(Json::as_array).into_iter().flatten().collect();
        let properties = schema.get("properties").and_then(Json::as_object).into_iter().flatten();
        let fields = properties
            .map(|(name, schema)| {
                (name.clone(), (kind(schema, &known), required.iter().any(|r| r.as_str() == Some(name))))
            })
            .collect();
        Self { fields, path }
    }
    /// Whether nothing is read.
    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
    fn kind(&self, name: &str) -> Option<&Kind> {
        self.fields.get(name).filter(|_| !self.path.iter().any(|p| p == name)).map(|(kind, _)| kind)
    }
}

fn kind(schema: &Json, known: &Json) -> Kind {
    if let Some(name) = schema["$ref"].as_str().and_then(|r| r.rsplit('/').next()) {
        return kind(&known[name], known);
    }
    let any = |of: &Json| of.as_array().map(|all| all.iter().map(|s| kind(s, known)).find(|k| *k != Kind::Text));
    if let Some(found) = any(&schema["anyOf"]).or_else(|| any(&schema["oneOf"])) {
        return found.unwrap_or_default();
    }
    let types = &schema["type"];
    let is = |name: &str| types == name || types.as_array().is_some_and(|all| all.iter().any(|t| t == name));
    match () {
        () if is("string") => Kind::Text,
        () if is("integer") => Kind::Integer,
        () if is("number") => Kind::Number,
        () if is("boolean") => Kind::Bool,
        () if is("array") => Kind::List(Box::new(kind(&schema["items"], known))),
        () => Kind::Text,
    }
}

/// A text as what it should be; a text that is not stays one, and is told of when the command is read.
fn parsed(kind: &Kind, text: &str) -> Json {
    let number = || text.parse::<f64>().ok().and_then(Number::from_f64).map(|n| whole(Json::Number(n)));
    match kind {
        Kind::Integer | Kind::Number => text.parse::<i64>().ok().map(Json::from).or_else(number),
        Kind::Bool => text.parse::<bool>().ok().map(Json::from),
        Kind::Text => None,
        Kind::List(of) => Some(Json::Array(vec![parsed(of, text)])),
    }
    .unwrap_or_else(|| text.into())
}

/// Whole floats as integers: `2.0` is an integer in JSON Schema, and none for serde.
fn whole(value: Json) -> Json {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        Json::Number(n) => match n.as_f64().filter(|f| n.is_f64() && f.fract() == 0.0 && f.abs() <= EXACT) {
            Some(float) => Json::from(float as i64),
            None => Json::Number(n),
        },
        Json::Array(items) => items.into_iter().map(whole).collect(),
        Json::Object(fields) => fields.into_iter().map(|(k, v)| (k, whole(v))).collect(),
        other => other,
    }
}

/// A command's fields before they are read, with the faults found so far.
pub struct Merged {
    object: Map<String, Json>,
    faults: Vec<FieldFault>,
}

type PathError = serde_path_to_error::Error<serde_json::Error>;

impl Merged {
    /// The command.
    ///
    /// # Errors
    /// `Invalid`, naming every wrong, unknown and missing field.
    pub fn read<I: DeserializeOwned>(self) -> Result<I> {
        let mut command = None;
        self.settle(&mut |object| {
            command = Some(serde_path_to_error::deserialize(object)?);
            Ok(())
        })?;
        command.ok_or_else(|| Error::internal("a command without faults was not read"))
    }
    // serde stops at the first fault: each faulty field is taken out and the rest read again, so that all are told.
    fn settle(mut self, read: &mut dyn FnMut(&Json) -> Result<(), PathError>) -> Result<()> {
        let mut object = Json::Object(self.object);
        while let Err(error) = read(&object) {
            let (path, message) = (error.path().to_string(), error.inner().to_string());
            let missing = message.strip_prefix("missing field `").and_then(|m| m.split('`').next());
            let field = match (path.as_str(), missing) {
                ("." | "", Some(name)) => name.to_owned(),
                (path, Some(name)) => format!("{path}.{name}"),
                ("." | "", None) => "body".to_owned(),
                (path, None) => path.to_owned(),
            };
            let top = field.split(['.', '[']).next().unwrap_or_default().to_owned();
            if self.faults.iter().any(|f| f.field.split(['.', '[']).next() == Some(&top)) {
                break;
            }
            let message =
                if missing.is_some() { "required".to_owned() } else { message.chars().take(FAULT_CHARS).collect() };
            self.faults.push(FieldFault { field, message });
            if object.as_object_mut().and_then(|fields| fields.remove(&top)).is_none() {
                break;
            }
        }
        self.faults.sort_by(|a, b| a.field.cmp(&b.field));
        if self.faults.is_empty() { Ok(()) } else { Err(Error::fields_invalid(self.faults)) }
    }
    /// The page size asked for, for lists that nobody has.
    pub(crate) fn limit(&self) -> i64 {
        self.object.get("limit").and_then(Json::as_i64).filter(|l| (1..=200).contains(l)).unwrap_or(50)
    }
}

/// The fields of body, query and path in one object. No body is looked for when `body` is `None`.
pub(crate) fn merge(shape: &Shape, body: Option<&[u8]>, uri: &Uri, path: &[(String, String)]) -> Result<Merged> {
    let invalid_json = || Error::invalid("Invalid or missing JSON body").code("INVALID_JSON");
    let mut faults = vec![];
    let mut fault = |field: &str, message: &str| {
        let field = field.chars().take(FAULT_CHARS).collect();
        faults.push(FieldFault { field, message: message.to_owned() });
    };
    let mut object = match body {
        None | Some([]) => Map::new(),
        Some(bytes) => match serde_json::from_slice(bytes).map(whole).map_err(|_| invalid_json())? {
            Json::Object(fields) => fields,
            _ => return Err(Error::field("body", "expected an object")),
        },
    };
    object.retain(|name, _| {
        let known = shape.kind(name).is_some();
        if !known {
            fault(name, "unknown field");
        }
        known
    });
    let query = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| Error::field("query", "not readable"))?.0;
    let mut asked = BTreeMap::new();
    for (name, text) in query {
        let Some(kind) = shape.kind(&name) else {
            fault(&name, "unknown field");
            continue;
        };
        let value = parsed(kind, &text);
        // The contract takes a page that is no number for the usual one.
        if !value.is_i64() && *kind == Kind::Integer && matches!(name.as_str(), "page" | "limit" | "offset") {
            continue;
        }
        match (asked.get_mut(&name), value) {
            (Some(Json::Array(all)), Json::Array(more)) => all.extend(more),
            (Some(_), _) => fault(&name, "given more than once"),
            (None, value) => {
                asked.insert(name, value);
            }
        }
    }
    object.extend(asked);
    for (name, text) in path {
        let kind = shape.fields.get(name).map_or(&Kind::Text, |(kind, _)| kind);
        object.insert(name.clone(), parsed(kind, text));
    }
    for (name, (_, required)) in &shape.fields {
        if *required && !object.contains_key(name) {
            if matches!(body, Some([])) {
                return Err(invalid_json());
            }
            fault(name, "required");
        }
    }
    Ok(Merged { object, faults })
}

/// The error with fields as this wire names them: pairs of the core's name and ours.
pub(crate) fn renamed(error: Error, names: &[(&str, &str)]) -> Error {
    if error.fields().is_empty() {
        return error;
    }
    let name = |field: &str| names.iter().find(|(core, _)| *core == field).map_or(field, |(_, wire)| wire).to_owned();
    let fault = |f: &FieldFault| FieldFault { field: name(&f.field), message: f.message.clone() };
    Error::fields_invalid(error.fields().iter().map(fault).collect())
}

/// How long a client may take for a body.
pub const BODY: Duration = Duration::from_secs(30);

/// A body, at most `limit` bytes, sent within [`BODY`].
pub(crate) async fn bytes(clock: &dyn Clock, headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes> {
    let too_large = || Error::too_large(format!("body is larger than {limit} bytes"));
    let told = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if told.is_some_and(|told| told > limit) {
        return Err(too_large());
    }
    let read = time::timeout(clock, BODY, Limited::new(body, limit).collect()).await;
    match read.ok_or_else(|| Error::invalid("body was not sent in time"))? {
        Ok(all) => Ok(all.to_bytes()),
        Err(e) if e.downcast_ref::<LengthLimitError>().is_some() => Err(too_large()),
        Err(e) => Err(Error::invalid("body was not sent to its end").because(e)),
    }
}

/// A body piece by piece, each within [`BODY`]: who sends nothing more is not waited for.
pub(crate) fn paced(clock: Arc<dyn Clock>, body: Body) -> impl Stream<Item = std::io::Result<Bytes>> + Send {
    stream::unfold(Some((clock, body.into_data_stream())), async |left| {
        let (clock, mut pieces) = left?;
        match time::timeout(&*clock, BODY, pieces.next()).await {
            None => Some((Err(std::io::ErrorKind::TimedOut.into()), None)),
            Some(None) => None,
            Some(Some(Ok(piece))) => Some((Ok(piece), Some((clock, pieces)))),
            Some(Some(Err(error))) => Some((Err(std::io::Error::other(error)), None)),
        }
    })
}

pub(crate) fn written(answer: &impl Serialize) -> Result<Json> {
    serde_json::to_value(answer).map_err(|e| Error::internal("answer has no JSON form").because(e))
}
