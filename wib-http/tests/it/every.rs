//! What holds on every row of the table: read off the table and its document, so that a new row is held to it too.

use std::time::Duration;

use http::Method;
use serde_json::{Map, Value as Json, json};
use wib_core::{
    idempotency::{Claim, Keyed},
    kit::{Role, text::TextEnum},
    limits::Limit,
    notices::CreateNotice,
    orgs::Plan,
    violations::{LogViolation, ViolationCode, ViolationKind},
};
use wib_http::{
    AppConfig, routes,
    table::{Access, Route, Table},
};

use wib_providers::sandbox::{Fault, FaultKind};

use crate::{
    house,
    server::{Answer, INTERNAL, Server, ask},
};

/// A path whose names are nobody's.
fn nowhere(template: &str) -> String {
    template.split('/').map(|s| if s.starts_with('{') { NOBODY } else { s }).collect::<Vec<_>>().join("/")
}

/// An id that nobody has.
const NOBODY: &str = "00000000-0000-7000-8000-000000000001";

/// The least member of each rank.
const RANKS: [Role; 5] = [Role::Viewer, Role::Agent, Role::Compliance, Role::Admin, Role::Owner];

/// A server with one of everything, somebody of each rank, the owner of another organisation, and a platform administrator.
struct House {
    server: Server,
    document: Json,
    members: Vec<String>,
    stranger: String,
    admin: String,
    ids: Map<String, Json>,
}

struct Row {
    method: Method,
    path: String,
    access: Access,
}
impl Row {
    fn of(row: &Route<wib_core::Wib>) -> Self {
        Self { method: row.method().clone(), path: row.path().to_owned(), access: row.access() }
    }
}

impl House {
    async fn new() -> Self {
        // Limits are looked at by themselves.
        let server = Server::with(|settings| {
            settings.limits = Limit::ALL.iter().map(|limit| (*limit, (1_000_000, Duration::from_secs(60)))).collect();
        })
        .await;
        server.wib.system().set_plan(server.org().await.id(), Plan::Enterprise).await.unwrap();
        let (account, called) = (server.import("+15005550008").await, server.import("+15005550001").await);
        let placed = server.send("POST", "/api/calls", &json!({ "account_id": called }).to_string()).await;
        assert_eq!(placed.status, 201, "{}", placed.json);
        server.pass(Duration::from_secs(900)).await;
        let recordings = server.get("/api/recordings").await;
        let (noticed, callable) = (server.import("+15005550005").await, server.import("+15005550013").await);
        server.import("+15005550012").await;
        let org = server.org().await;
        let notice = org.create_notice(CreateNotice { account_id: noticed, method: Default::default() }).await.unwrap();
        let erasable = server.import("+15005550007").await;
        let erasable =
            org.create_notice(CreateNotice { account_id: erasable, method: Default::default() }).await.unwrap();
        let violation = LogViolation {
            call_id: None,
            restriction_code: ViolationCode::AiNoNegotiation,
            violation_type: ViolationKind::Detected,
            context: None,
        };
        let violation = org.log_violation(violation).await.unwrap();
        let hold = server.send("POST", "/api/retention/legal-holds", r#"{"name":"Matter"}"#).await;
        let entry = server.send("POST", "/api/dnc", r#"{"phone_number":"312-555-0177"}"#).await;
        // A call that is up: its other end talks for a while.
        let up = server.import("+15005550016").await;
        let up = server.send("POST", "/api/calls", &json!({ "account_id": up }).to_string()).await;
        server.pass(Duration::from_secs(15)).await;
        let up = &up.json["call"]["id"];
        let said = server.send("POST", "/api/tts/generate", r#"{"text":"Hello."}"#).await;
        let said = said.json["audio_url"].as_str().and_then(|url| url.rsplit('/').next()).map(str::to_owned);
        let ids = json!({
            "account": account,
            "call": placed.json["call"]["id"],
            "/api/audio/files": said,
            "/api/calls/{id}/recording/refuse": up,
            "/api/calls/{id}/party": up,
            "/api/calls/{id}/conversation": up,
            "/api/calls/{id}/disclosures": up,
            "/api/calls/{id}/payment": up,
            "/api/calls/{id}/listen": up,
            "/api/ai-toggle/status": up,
            "callable": callable,
            "/api/calls": placed.json["call"]["id"],
            "/api/sentiment": placed.json["call"]["id"],
            "/api/recordings": recordings.json["recordings"][0]["id"],
            "/api/compliance/violations": violation.id,
            "/api/retention/legal-holds": hold.json["legalHold"]["id"],
            "/api/consent": account,
            "/api/dnc": entry.json["entry"]["id"],
            "/api/validation-notices": notice.id,
            "/api/persons": erasable.person_id,
            "/api/evidence": "1",
        });
        let Json::Object(mut ids) = ids else { panic!("an object") };
        house::fill(&server, &mut ids).await;
        assert!(ids.values().all(Json::is_string), "{ids:?}");
        let mut members = vec![];
        for role in RANKS {
            members.push(server.member(org.id(), role).await);
        }
        let elsewhere = server.elsewhere().await;
        // What it lacks is absent, not a matter of its plan.
        server.wib.system().set_plan(elsewhere, Plan::Enterprise).await.unwrap();
        let stranger = server.member(elsewhere, Role::Owner).await;
        let admin = server.platform_admin().await;
        let document = table().openapi("/");
        Self { server, document, members, stranger, admin, ids }
    }
    fn id(&self, name: &str) -> &str {
        self.ids[name].as_str().unwrap()
    }
    /// The path with the id of something that is there.
    fn path(&self, template: &str) -> String {
        if !template.contains('{') {
            return template.to_owned();
        }
        let known = self.ids.keys().filter(|start| template.starts_with(*start)).max_by_key(|start| start.len());
        let segments = template.split('/').map(|segment| {
            let Some(name) = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) else { return segment };
            if template.starts_with("/api/internal") {
                return NOBODY;
            }
            let own = format!("{template}#{name}");
            match (self.ids.get(&own), known) {
                (Some(id), _) => id.as_str().unwrap(),
                (None, _) if name == "size" => "1",
                (None, Some(known)) => self.id(known),
                (None, None) => panic!("{template}: give House one of these"),
            }
        });
        segments.collect::<Vec<_>>().join("/")
    }
    fn operation(&self, row: &Row) -> &Json {
        &self.document["paths"][&row.path][row.method.as_str().to_lowercase()]
    }
    fn resolved<'a>(&'a self, schema: &'a Json) -> &'a Json {
        if let Some(to) = schema["$ref"].as_str() {
            return self.resolved(self.document.pointer(&to[1..]).unwrap());
        }
        let parts = schema["anyOf"].as_array().into_iter().flatten();
        parts.map(|part| self.resolved(part)).find(|part| part["type"] != "null").unwrap_or(schema)
    }
    /// The properties of a row's body, and whether each is required.
    fn properties(&self, row: &Row) -> Vec<(String, Json, bool)> {
        let body = &self.operation(row)["requestBody"]["content"]["application/json"]["schema"];
        let needed = |name: &str| body["required"].as_array().is_some_and(|all| all.iter().any(|r| r == name));
        let all = body["properties"].as_object().into_iter().flatten();
        all.map(|(name, schema)| (name.clone(), self.resolved(schema).clone(), needed(name))).collect()
    }
    /// The query's parameters.
    fn parameters(&self, row: &Row) -> Vec<(String, Json, bool)> {
        self.named(row, "query")
    }
    fn named(&self, row: &Row, place: &str) -> Vec<(String, Json, bool)> {
        let all = self.operation(row)["parameters"].as_array().into_iter().flatten();
        let of = |p: &Json| {
            (p["name"].as_str().unwrap().to_owned(), self.resolved(&p["schema"]).clone(), p["required"] == true)
        };
        all.filter(|p| p["in"] == place).map(of).collect()
    }
    fn value(&self, name: &str, schema: &Json) -> Json {
        let is =
            |kind: &str| schema["type"] == kind || schema["type"].as_array().is_some_and(|t| t.contains(&json!(kind)));
        match () {
            () if !words(schema).is_empty() => words(schema)[0].clone(),
            () if schema["format"] == "uuid" => self
                .ids
                .get(name.trim_end_matches("_id").trim_end_matches("Id"))
                .cloned()
                .unwrap_or(json!(uuid::Uuid::nil())),
            () if name.contains("phone") => json!("+13125550123"),
            () if is("string") => json!("text"),
            () if is("integer") || is("number") => json!(1),
            () if is("boolean") => json!(true),
            () if is("array") => json!([]),
            () => json!({}),
        }
    }
    /// A body and a path with what is required and nothing else.
    fn least(&self, row: &Row) -> (String, Json) {
        let needed = |all: Vec<(String, Json, bool)>| {
            all.into_iter()
                .filter(|p| p.2)
                .map(|(name, schema, _)| {
                    let value = self.value(&name, &schema);
                    (name, value)
                })
                .collect::<Map<_, _>>()
        };
        let mut body = needed(self.properties(row));
        // What the document cannot say: one of several is required.
        match (row.method.as_str(), row.path.as_str()) {
            ("POST", "/api/calls") => _ = body.insert("account_id".into(), self.ids["callable"].clone()),
            ("POST", "/api/evidence/verify") => _ = body.insert("bundle".into(), json!("{}")),
            ("POST", "/api/calls/{id}/disclosures") => _ = body.insert("kind".into(), json!("identify")),
            ("POST", "/api/bond-ai/copilot") => _ = body.insert("agent_question".into(), json!("text")),
            ("POST", "/api/calls/start") => _ = body.insert("phone_number".into(), json!("+15005550012")),
            _ => {}
        }
        house::least(row.method.as_str(), &row.path, &mut body);
        let query: Vec<_> = needed(self.parameters(row))
            .into_iter()
            .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or("1").replace('+', "%2B")))
            .collect();
        let path = self.path(&row.path);
        (if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }, Json::Object(body))
    }
    /// Whether its body is a form of several parts.
    fn takes_form(&self, row: &Row) -> bool {
        self.operation(row)["requestBody"]["content"]["multipart/form-data"].is_object()
    }
    async fn asks(&self, token: Option<&str>, row: &Row, path: &str, body: &Json) -> Answer {
        if row.access == Access::Internal {
            let headers = [("x-internal-key", INTERNAL)];
            return ask(&self.server.app, row.method.as_str(), path, &headers, &body.to_string()).await;
        }
        if self.takes_form(row) {
            return self.server.asks_form(token, path, &house::form(&row.path)).await;
        }
        let body = if self.operation(row)["requestBody"].is_null() { String::new() } else { body.to_string() };
        self.server.asks(token, row.method.as_str(), path, &body).await
    }
    fn member(&self, rank: u8) -> &str {
        &self.members[usize::from(rank) - 1]
    }
    /// Somebody who may.
    fn token(&self, access: Access) -> &str {
        if access == Access::Platform { &self.admin } else { self.member(5) }
    }
    /// The answer is one that the row declares, in the shape that it declares.
    fn fits(&self, row: &Row, answer: &Answer) {
        let what = format!("{} {}", row.method, row.path);
        let declared = &self.operation(row)["responses"][answer.status.to_string()];
        assert!(declared.is_object(), "{what} answers {}, which it does not declare: {}", answer.status, answer.json);
        let schema = &declared["content"]["application/json"]["schema"];
        if schema.is_null() {
            return;
        }
        let root = json!({ "allOf": [schema], "components": self.document["components"] });
        let validator = jsonschema::draft202012::new(&root).unwrap();
        let faults: Vec<_> =
            validator.iter_errors(&answer.json).map(|e| format!("{} at {}", e, e.instance_path())).collect();
        assert!(faults.is_empty(), "{what}: {faults:?}: {}", answer.json);
    }
}

/// What an error says, in whichever shape its group has.
fn told(refused: &Answer) -> &str {
    let error = &refused.json["error"];
    error["message"].as_str().or_else(|| error.as_str()).unwrap_or_default()
}

fn is(schema: &Json, kind: &str) -> bool {
    schema["type"] == kind || schema["type"].as_array().is_some_and(|t| t.contains(&json!(kind)))
}

fn words(schema: &Json) -> Vec<Json> {
    if let Some(words) = schema["enum"].as_array() {
        return words.clone();
    }
    let parts = schema["oneOf"].as_array().into_iter().flatten();
    parts.filter_map(|part| part.get("const").cloned()).collect()
}

fn table() -> Table<wib_core::Wib> {
    routes::table(&AppConfig::default())
}

/// Rows of whoever signs in, what deletes last.
fn rows() -> Vec<Row> {
    let table = table();
    let signed_in = |access| matches!(access, Access::Session | Access::Role(_) | Access::Platform);
    let mut rows: Vec<_> = table.rows().filter(|row| signed_in(row.access())).map(Row::of).collect();
    rows.sort_by_key(|row| row.method == Method::DELETE);
    rows
}

#[tokio::test]
async fn every_row_answers_whom_it_says_in_the_shape_it_says_and_nobody_else() {
    let house = House::new().await;
    let (mut lower, mut others, mut platform) = (0, 0, 0);
    for row in rows() {
        let what = format!("{} {}", row.method, row.path);
        let (path, body) = house.least(&row);
        for token in [None, Some("no such token")] {
            let refused = house.asks(token, &row, &path, &body).await;
            assert_eq!((refused.status, &refused.json["code"]), (401, &json!("AUTH_REQUIRED")), "{what}");
        }
        let rank = match row.access {
            Access::Role(role) => role.rank(),
            _ => 1,
        };
        if row.access == Access::Platform {
            let refused = house.asks(Some(house.member(5)), &row, &path, &body).await;
            assert_eq!((refused.status, &refused.json["code"]), (403, &json!("FORBIDDEN")), "{what}");
            platform += 1;
        } else if rank > 1 {
            let refused = house.asks(Some(house.member(rank - 1)), &row, &path, &body).await;
            assert_eq!((refused.status, &refused.json["code"]), (403, &json!("FORBIDDEN")), "{what}");
            lower += 1;
        }
        // An invitation is its addressee's, whatever the organisation.
        let anybodys = row.access == Access::Platform || row.path == "/api/team/invites/accept/{token}";
        if row.path.contains('{') && !anybodys {
            let absent = house.asks(Some(&house.stranger), &row, &path, &body).await;
            // Some rows say what is not there in the code as well.
            let code = absent.json["code"].as_str().unwrap_or_default();
            assert!(absent.status == 404 && code.ends_with("NOT_FOUND"), "{what}: {}", absent.json);
            others += 1;
        }
        let who = if row.access == Access::Platform { &house.admin } else { house.member(rank) };
        let answer = house.asks(Some(who), &row, &path, &body).await;
        if row.path == "/api/ai-toggle/activate" {
            // The house wants no machine; those that do find it among the scenarios.
            assert_eq!((answer.status, &answer.json["code"]), (403, &json!("AI_NOT_ENABLED")), "{}", answer.json);
            continue;
        }
        if let Some(status) = house::refuses(row.method.as_str(), &row.path) {
            assert_eq!(answer.status, status, "{what}: {}", answer.json);
            continue;
        }
        assert!((200..300).contains(&answer.status), "{what}: {} {}", answer.status, answer.json);
        house.fits(&row, &answer);
    }
    assert!(lower >= 18 && others >= 15, "{lower} with a role, {others} with an id");
    assert!(platform >= 6, "{platform} of the platform");
}

#[tokio::test]
async fn another_organisation_finds_nothing_in_any_list() {
    let house = House::new().await;
    let mut lists = 0;
    let lists_of = |row: &Row| row.method == Method::GET && !row.path.contains('{') && row.access != Access::Platform;
    for row in rows().into_iter().filter(lists_of) {
        let (path, body) = house.least(&row);
        let answer = house.asks(Some(&house.stranger), &row, &path, &body).await;
        let text = answer.json.to_string();
        for (name, id) in house.ids.iter().filter(|(_, id)| id.as_str().unwrap().len() == 36) {
            assert!(!text.contains(id.as_str().unwrap()), "{}: {name} is ours", row.path);
        }
        let total = answer.json.get("total").or_else(|| answer.json["pagination"].get("total"));
        // Their own log and members are there.
        let own = ["/api/audit", "/api/team/members"].iter().any(|start| row.path.starts_with(start));
        if let Some(total) = total.filter(|_| !own) {
            assert_eq!(total, 0, "{}: {}", row.path, answer.json);
            lists += 1;
        }
    }
    assert!(lists >= 9, "{lists}");
}

#[tokio::test]
async fn a_body_that_is_no_object_is_refused_on_every_row() {
    let house = House::new().await;
    let mut seen = 0;
    let reads = |row: &Row| house.operation(row)["requestBody"].is_object() && !house.takes_form(row);
    for row in rows().into_iter().filter(reads) {
        let path = house.path(&row.path);
        for (body, code) in [("{", "INVALID_JSON"), ("\"x\"", "VALIDATION_ERROR"), ("[1]", "VALIDATION_ERROR")] {
            let refused = house.server.asks(Some(house.token(row.access)), row.method.as_str(), &path, body).await;
            assert_eq!((refused.status, &refused.json["code"]), (400, &json!(code)), "{} {path} {body}", row.method);
        }
        seen += 1;
    }
    assert!(seen >= 12, "{seen}");
}

#[tokio::test]
async fn bad_input_names_every_wrong_field_of_every_row() {
    let house = House::new().await;
    let (mut fields, mut asked) = (0, 0);
    for row in rows() {
        let what = format!("{} {}", row.method, row.path);
        let path = house.path(&row.path);
        let properties = house.properties(&row);
        // Another type, then words that do not exist.
        let of_type = |schema: &Json| {
            (is(schema, "string") || !words(schema).is_empty())
                .then(|| json!({ "x": 1 }))
                .or_else(|| schema.get("type").map(|_| json!("no such")))
        };
        let of_word = |schema: &Json| (!words(schema).is_empty() || strict(schema)).then(|| json!("no such"));
        for wrong in [&of_type as &dyn Fn(&Json) -> Option<Json>, &of_word] {
            let mut body = house.least(&row).1.as_object().cloned().unwrap();
            let mut named = vec!["no_such_field"];
            body.insert("no_such_field".to_owned(), json!(1));
            for (name, schema, _) in &properties {
                if let Some(value) = wrong(schema).filter(|_| !schema.as_object().is_none_or(Map::is_empty)) {
                    body.insert(name.clone(), value);
                    named.push(name);
                }
            }
            if properties.is_empty() {
                continue;
            }
            let refused = house
                .server
                .asks(Some(house.token(row.access)), row.method.as_str(), &path, &Json::Object(body).to_string())
                .await;
            assert_eq!(
                (refused.status, &refused.json["code"]),
                (400, &json!("VALIDATION_ERROR")),
                "{what}: {}",
                refused.json
            );
            let told = told(&refused);
            for name in &named {
                assert!(
                    told.contains(&format!("{name}: ")) || told.contains(&format!("{name}.")),
                    "{what} does not name {name}: {told}"
                );
            }
            fields += named.len();
        }
        let missing: Vec<_> = properties.iter().filter(|p| p.2).map(|p| &p.0).collect();
        if !missing.is_empty() {
            let refused = house
                .server
                .asks(Some(house.token(row.access)), row.method.as_str(), &path, r#"{"no_such_field":1}"#)
                .await;
            let told = told(&refused);
            assert!(missing.iter().all(|name| told.contains(&format!("{name}: required"))), "{what}: {told}");
        }
        // A page that is no number is the usual one, and words may be anything.
        let odd = |(name, schema, _): &(String, Json, bool)| {
            let free = is(schema, "integer")
                || (is(schema, "string") && schema["format"].is_null() && words(schema).is_empty());
            (!free || name.contains("phone")).then(|| name.clone())
        };
        let wrong: Vec<_> = house.parameters(&row).iter().filter_map(odd).collect();
        if !wrong.is_empty() {
            let query: Vec<_> = wrong.iter().map(|name| format!("{name}=no+such")).collect();
            let refused = house
                .server
                .asks(Some(house.token(row.access)), row.method.as_str(), &format!("{path}?{}", query.join("&")), "")
                .await;
            assert_eq!(refused.status, 400, "{what}: {}", refused.json);
            let told = told(&refused);
            assert!(wrong.iter().all(|name| told.contains(&format!("{name}: "))), "{what}: {told}");
            asked += wrong.len();
        }
    }
    assert!(fields >= 60 && asked >= 8, "{fields} fields, {asked} parameters");
}

/// Whether a text of a format is read at once. An address is looked at together with the rest.
fn strict(schema: &Json) -> bool {
    schema["format"].as_str().is_some_and(|format| format != "email")
}

/// Values that are just outside each bound that a schema tells.
fn beyond(schema: &Json) -> Vec<Json> {
    let mut values = vec![];
    let free = |schema: &Json| is(schema, "string") && schema["format"].is_null() && words(schema).is_empty();
    let long = |schema: &Json| {
        let most = schema["maxLength"].as_u64().filter(|_| free(schema))?;
        Some(json!("x".repeat(usize::try_from(most).unwrap() + 1)))
    };
    values.extend(long(schema));
    values.extend((schema["format"] == "email").then(|| json!("no such")));
    let step = if is(schema, "integer") { json!(1) } else { json!(0.01) }.as_f64().unwrap();
    for (bound, step) in [("maximum", step), ("minimum", -step)] {
        values.extend(schema[bound].as_f64().map(|value| match is(schema, "integer") {
            true => json!((value + step) as i64),
            false => json!(value + step),
        }));
    }
    if let Some(most) = schema["maxItems"].as_u64() {
        let item = words(&schema["items"]).first().cloned().unwrap_or_else(|| json!("text"));
        values.push(json!(vec![item; usize::try_from(most).unwrap() + 1]));
    }
    values.extend(long(&schema["items"]).map(|item| json!([item])));
    values
}

#[tokio::test]
async fn what_is_just_beyond_a_bound_is_refused_by_name_on_every_row() {
    let house = House::new().await;
    let mut seen = 0;
    for row in rows() {
        let path = house.path(&row.path);
        for (name, schema, _) in house.properties(&row) {
            for value in beyond(&schema) {
                let (_, mut body) = house.least(&row);
                body[&name] = value;
                let refused = house
                    .server
                    .asks(Some(house.token(row.access)), row.method.as_str(), &path, &body.to_string())
                    .await;
                let told = told(&refused);
                let what = format!("{} {path} {name}: {schema}: {}", row.method, refused.json);
                let named = [": ", ".", "["].iter().any(|behind| told.contains(&format!("{name}{behind}")));
                assert!(refused.status == 400 && named, "{what}");
                assert!(told.len() < 2000, "the value is not told back: {what}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 100, "{seen}");
}

#[tokio::test]
async fn a_text_as_long_as_the_document_lets_it_be_is_not_too_long_on_any_row() {
    let house = House::new().await;
    let mut seen = 0;
    for row in rows() {
        let path = house.path(&row.path);
        for (name, schema, _) in house.properties(&row) {
            let free = is(&schema, "string") && schema["format"].is_null() && words(&schema).is_empty();
            let Some(most) = schema["maxLength"].as_u64().filter(|_| free) else { continue };
            let (_, mut body) = house.least(&row);
            body[&name] = json!("x".repeat(usize::try_from(most).unwrap()));
            let answer =
                house.server.asks(Some(house.token(row.access)), row.method.as_str(), &path, &body.to_string()).await;
            // It may be refused for what it says, but not for how long it is.
            let told = told(&answer);
            let long = told.contains(&format!("{name}: must have")) && told.contains("characters");
            assert!(!long, "{} {path} {name}: {schema}: {}", row.method, answer.json);
            seen += 1;
        }
    }
    assert!(seen >= 40, "{seen}");
}

#[tokio::test]
async fn what_is_open_is_open_and_what_is_not_refuses_a_stranger() {
    let server = Server::start().await;
    let id = "00000000-0000-7000-8000-000000000001";
    for row in table().rows() {
        let path = row.path().replace("{id}", id);
        let stranger = server.asks(None, row.method().as_str(), &path, "{}").await;
        assert_eq!(stranger.status == 401, row.access() != Access::Public, "{} {path}", row.method());
        assert!(stranger.status < 500, "{} {path}: {}", row.method(), stranger.json);
    }
}

#[tokio::test]
async fn every_limit_ends_with_a_refusal_that_says_when_to_come_back() {
    let house = House::new().await;
    // One request in a minute.
    let minute = Duration::from_secs(60);
    let app = house.server.again(|settings| {
        settings.limits = Limit::ALL.iter().map(|limit| (*limit, (1, minute))).collect();
    });
    let mut seen = 0;
    for row in table().rows().filter(|row| !row.limits().is_empty() && row.access() != Access::Signature) {
        let path = nowhere(row.path());
        house.server.clock.advance(minute);
        let bearer = format!("Bearer {}", house.token(row.access()));
        let headers = [("authorization", bearer.as_str()), ("x-internal-key", INTERNAL)];
        let first = ask(&app, row.method().as_str(), &path, &headers, "{}").await;
        assert_ne!(first.status, 429, "{} {path}", row.method());
        let last = ask(&app, row.method().as_str(), &path, &headers, "{}").await;
        let what = format!("{} {path}: {}", row.method(), last.json);
        assert_eq!((last.status, &last.json["code"]), (429, &json!("RATE_LIMIT")), "{what}");
        let wait: u64 = last.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait) && last.json["retry_after"] == wait, "{what}");
        assert!(last.headers["x-ratelimit-limit"] == "1" && last.headers["x-ratelimit-remaining"] == "0", "{what}");
        seen += 1;
    }
    assert!(seen >= 30, "{seen}");
}

#[tokio::test]
async fn a_plan_that_lacks_the_feature_is_told_which_has_it() {
    let house = House::new().await;
    house.server.wib.system().set_plan(house.server.org().await.id(), Plan::Free).await.unwrap();
    for row in table().rows().filter(|row| row.plan().is_some()) {
        let (path, body) = house.least(&Row::of(row));
        let refused = house.asks(Some(house.member(5)), &Row::of(row), &path, &body).await;
        let least = row.plan().unwrap().least();
        assert_eq!(refused.status, 402, "{} {path}: {}", row.method(), refused.json);
        let told = json!({
            "error": "Upgrade required", "code": "PLAN_UPGRADE_REQUIRED", "current_plan": "free", "required_plan": least,
            "upgrade_url": format!("/settings?tab=billing&upgrade_to={least}"),
        });
        assert!(told.as_object().unwrap().iter().all(|(name, value)| refused.json[name] == *value), "{}", refused.json);
    }
}

#[tokio::test]
async fn a_key_of_another_request_or_of_one_under_way_is_refused_on_every_row_that_honours_one() {
    let house = House::new().await;
    let org = house.server.org().await;
    let mut seen = 0;
    for row in table().rows().filter(|row| row.idempotent()) {
        let (path, body) = house.least(&Row::of(row));
        let body = body.to_string();
        let ask = async |key: &str, body: &str| {
            let bearer = format!("Bearer {}", house.server.token);
            let headers = [("authorization", bearer.as_str()), ("idempotency-key", key)];
            ask(&house.server.app, row.method().as_str(), &path, &headers, body).await
        };
        let what = format!("{} {path}", row.method());
        let request = Keyed { key: "flying", what: &what, said: body.as_bytes() };
        assert!(matches!(org.claim_request(request).await.unwrap(), Claim::Run(_)));
        let flying = ask("flying", &body).await;
        assert_eq!(
            (flying.status, &flying.json["code"]),
            (409, &json!("IDEMPOTENCY_IN_FLIGHT")),
            "{what}: {}",
            flying.json
        );
        let other = ask("flying", &format!("{body} ")).await;
        assert_eq!(
            (other.status, &other.json["code"]),
            (422, &json!("IDEMPOTENCY_MISMATCH")),
            "{what}: {}",
            other.json
        );
        seen += 1;
    }
    assert!(seen >= 2, "{seen}");
}

#[tokio::test]
async fn without_a_database_every_row_that_asks_one_says_so() {
    let house = House::new().await;
    let rows: Vec<_> = table().rows().map(|row| (Row::of(row), row.declares(503))).collect();
    house.server.store().close().await;
    for (row, declared) in rows.into_iter().filter(|(row, _)| {
        !matches!(row.access, Access::Signature) && !row.path.contains("{*") && !row.path.starts_with("/media")
    }) {
        let (path, body) = house.least(&row);
        let failed = house.asks(Some(house.token(row.access)), &row, &path, &body).await;
        let what = format!("{} {path}: {} {}", row.method, failed.status, failed.json);
        if !matches!(row.access, Access::Public) {
            assert_eq!((failed.status, &failed.json["code"]), (503, &json!("DATABASE_ERROR")), "{what}");
            assert!(failed.headers.contains_key("retry-after") && failed.json["correlation_id"].is_string(), "{what}");
        }
        assert!(failed.status == 503 || !declared || failed.status < 500, "{what}");
    }
}

impl House {
    /// What a row is asked with so that it has to ask a vendor.
    async fn asking(&self, row: &Row) -> (String, Json) {
        let (path, mut body) = self.least(row);
        match row.path.as_str() {
            "/api/calls/{id}/hold" => body["hold"] = json!(true),
            // It takes back what was ordered before.
            "/api/billing/resume" => {
                let ended = self.server.asks(Some(self.member(5)), "POST", "/api/billing/cancel", "").await;
                assert_eq!(ended.status, 200, "{}", ended.json);
            }
            _ => {}
        }
        (path, body)
    }
    fn fault(&self, times: u32, kind: FaultKind) {
        self.server.sandbox.inject(Fault { vendor: "*".to_owned(), operation: "*".to_owned(), times, kind });
    }
}

#[tokio::test]
async fn a_vendor_that_refuses_is_told_on_every_row_that_asks_one() {
    let house = House::new().await;
    let mut asked = vec![];
    for route in table().rows().filter(|row| row.declares(502)) {
        let row = Row::of(route);
        let (path, body) = house.asking(&row).await;
        asked.push((row, path, body));
    }
    house.fault(1000, FaultKind::Status { status: 422, retry_after: None });
    for (row, path, body) in &asked {
        let refused = house.asks(Some(house.token(row.access)), row, path, body).await;
        let what = format!("{} {path}: {}", row.method, refused.json);
        assert_eq!(refused.status, 502, "{what}");
        house.fits(row, &refused);
    }
    assert!(asked.len() >= 20, "{}", asked.len());
}

#[tokio::test]
async fn a_vendor_that_never_answers_is_told_on_every_row_that_waits_for_one() {
    let house = House::new().await;
    let mut asked = vec![];
    for route in table().rows().filter(|row| row.declares(504)) {
        let row = Row::of(route);
        let (path, body) = house.asking(&row).await;
        asked.push((row, path, body));
    }
    house.fault(1000, FaultKind::TimeoutBeforeEffect);
    for (row, path, body) in &asked {
        let answer = house.server.waits(house.asks(Some(house.token(row.access)), row, path, body)).await;
        assert_eq!(answer.status, 504, "{} {path}: {}", row.method, answer.json);
        house.fits(row, &answer);
    }
    assert!(asked.len() >= 12, "{}", asked.len());
}

#[tokio::test]
async fn a_body_past_the_limit_is_refused_on_every_row() {
    let house = House::new().await;
    let huge = format!("{{\"x\":\"{}\"}}", "x".repeat(2 << 20));
    let reads = |row: &&Route<wib_core::Wib>| {
        row.declares(413) && row.access() != Access::Signature && !house.takes_form(&Row::of(row))
    };
    for row in table().rows().filter(reads) {
        let path = nowhere(row.path());
        let bearer = format!("Bearer {}", house.token(row.access()));
        let headers = [("authorization", bearer.as_str()), ("x-internal-key", INTERNAL)];
        let refused = ask(&house.server.app, row.method().as_str(), &path, &headers, &huge).await;
        let what = format!("{} {path}: {}", row.method(), refused.json);
        assert_eq!((refused.status, &refused.json["code"]), (413, &json!("PAYLOAD_TOO_LARGE")), "{what}");
    }
}

#[tokio::test]
async fn an_id_that_is_none_is_refused_on_every_row() {
    let house = House::new().await;
    let mut seen = 0;
    let table = table();
    let machines = table.rows().filter(|row| row.access() == Access::Internal).map(Row::of);
    for row in rows().into_iter().chain(machines) {
        let ids: Vec<_> = house.named(&row, "path").into_iter().filter(|p| p.1["format"] == "uuid").collect();
        for (name, ..) in &ids {
            let path = row.path.replace(&format!("{{{name}}}"), "no-id");
            let (path, body) = (house.path(&path), house.least(&row).1);
            let refused = house.asks(Some(house.token(row.access)), &row, &path, &body).await;
            let what = format!("{} {path}: {}", row.method, refused.json);
            assert_eq!(refused.status, 400, "{what}");
            assert!(refused.json["error"].to_string().contains(name), "{what}");
            seen += 1;
        }
    }
    assert!(seen >= 30, "{seen}");
}

#[tokio::test]
async fn a_parameter_that_no_row_knows_is_refused_by_name() {
    let house = House::new().await;
    let table = table();
    let machines = table.rows().filter(|row| row.access() == Access::Internal).map(Row::of);
    for row in rows().into_iter().chain(machines).filter(|row| matches!(row.method, Method::GET | Method::DELETE)) {
        let path = format!("{}?no_such=1", house.path(&row.path));
        let refused = house.asks(Some(house.token(row.access)), &row, &path, &json!({})).await;
        let what = format!("{} {path}: {}", row.method, refused.json);
        if house.operation(&row)["responses"]["400"].is_object() {
            assert_eq!((refused.status, &refused.json["code"]), (400, &json!("VALIDATION_ERROR")), "{what}");
            assert!(refused.json["error"].to_string().contains("no_such: unknown field"), "{what}");
        }
    }
}

#[tokio::test]
async fn an_id_of_nobody_in_a_body_or_a_query_is_not_found_where_a_row_says_so() {
    let house = House::new().await;
    let mut seen = 0;
    for route in table().rows().filter(|row| row.declares(404) && !row.path().contains('{')) {
        let row = Row::of(route);
        let (path, body) = house.least(&row);
        let is_id = |p: &(String, Json, bool)| p.1["format"] == "uuid";
        let mut statuses = vec![];
        for (name, ..) in house.properties(&row).into_iter().filter(is_id) {
            let mut with = body.clone();
            with[&name] = json!(NOBODY);
            // Beside what is needed, and in the place of another.
            for body in [with, json!({ name: NOBODY })] {
                statuses.push(house.asks(Some(house.token(row.access)), &row, &path, &body).await.status);
            }
        }
        for (name, ..) in house.parameters(&row).into_iter().filter(is_id) {
            let path = path.split('?').next().unwrap();
            let others: Vec<_> =
                house.least(&row).0.split_once('?').map_or(vec![], |(_, q)| q.split('&').map(str::to_owned).collect());
            let others = others.into_iter().filter(|pair| !pair.starts_with(&format!("{name}=")));
            let query: Vec<_> = others.chain([format!("{name}={NOBODY}")]).collect();
            let path = format!("{path}?{}", query.join("&"));
            statuses.push(house.asks(Some(house.token(row.access)), &row, &path, &body).await.status);
        }
        if !statuses.is_empty() {
            assert!(statuses.contains(&404), "{} {path}: {statuses:?}", row.method);
            seen += 1;
        }
    }
    assert!(seen >= 8, "{seen}");
}

#[tokio::test]
async fn somebody_without_an_organisation_and_a_cookie_from_elsewhere_are_refused() {
    let house = House::new().await;
    let nobody = house.server.nobody().await;
    let table = table();
    let mut routes: Vec<_> =
        table.rows().filter(|row| matches!(row.access(), Access::Session | Access::Role(Role::Viewer))).collect();
    // Some rows are where an organisation is had by: they come last.
    routes.sort_by_key(|row| row.method() != Method::GET);
    for route in routes {
        let row = Row::of(route);
        let (path, body) = house.least(&row);
        if route.declares(403) {
            let cookie = format!("session-token={}", house.member(5));
            let headers = [("cookie", cookie.as_str()), ("origin", "https://evil.example")];
            let body = body.to_string();
            let forged = ask(&house.server.app, row.method.as_str(), &path, &headers, &body).await;
            if row.method != Method::GET {
                assert_eq!(forged.status, 403, "{} {path}: {}", row.method, forged.json);
            }
        }
        let alone = house.asks(Some(&nobody), &row, &path, &body).await;
        assert!(alone.status < 500, "{} {path}: {} {}", row.method, alone.status, alone.json);
        if row.method == Method::GET
            && route.declares(403)
            && !path.contains("/api/auth/")
            && !path.starts_with("/api/users/")
        {
            assert_eq!(alone.status, 403, "{} {path}: {}", row.method, alone.json);
        }
    }
}
