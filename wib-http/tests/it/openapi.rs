use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use wib_http::{AppConfig, routes, table::Access};

use crate::toy;

fn refs<'a>(value: &'a Json, found: &mut BTreeSet<&'a str>) {
    match value {
        Json::Object(fields) => fields.iter().for_each(|(name, value)| match (name.as_str(), value) {
            ("$ref", Json::String(to)) => _ = found.insert(to),
            _ => refs(value, found),
        }),
        Json::Array(items) => items.iter().for_each(|item| refs(item, found)),
        _ => {}
    }
}

fn check(document: &Json) {
    let mut ids = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            let good = responses.keys().any(|status| status.starts_with('2') || status == "101");
            // Members join by invitation: it is there to say so.
            assert!(good != (method == "post" && path == "/api/team/members"), "{method} {path}");
            assert!(responses.contains_key("500"), "{method} {path}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{method} {path}");
            for name in path.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}')) {
                let declared = operation["parameters"].as_array().unwrap();
                assert!(declared.iter().any(|p| p["name"] == name && p["in"] == "path"), "{method} {path}");
            }
        }
    }
    let mut found = BTreeSet::new();
    refs(document, &mut found);
    for to in found {
        assert!(document.pointer(&to[1..]).is_some(), "{to} leads nowhere");
    }
}

#[test]
fn the_document_is_the_same_bytes_every_time_and_complete() {
    let document = toy::table().openapi("/");
    assert_eq!(document.to_string(), toy::table().openapi("/").to_string());
    check(&document);
    assert_eq!(document["paths"]["/things"]["post"]["x-least-role"], "agent");
    assert_eq!(document["paths"]["/things"]["post"]["summary"], "Makes a thing.");
    assert!(document["paths"]["/api/things"]["post"]["responses"]["201"].is_object());
    assert_eq!(document["paths"]["/faults/{how}"]["get"]["security"], serde_json::json!([]));
}

#[tokio::test]
async fn the_document_is_served() {
    let served = toy::get("/openapi.json", "").await;
    assert_eq!(served.body, toy::table().openapi("/"));
}

#[test]
fn the_real_document_is_complete() {
    check(&routes::table(&AppConfig::default()).openapi("/"));
}

/// Texts and lists of a request without an end: where they are, by the names that lead there.
fn endless(document: &Json, schema: &Json, place: String, found: &mut BTreeSet<String>) {
    if let Some(to) = schema["$ref"].as_str() {
        return endless(document, document.pointer(&to[1..]).unwrap(), place, found);
    }
    for parts in ["anyOf", "oneOf", "allOf"] {
        for part in schema[parts].as_array().into_iter().flatten() {
            endless(document, part, place.clone(), found);
        }
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        endless(document, property, format!("{place} {name}"), found);
    }
    let is =
        |kind: &str| schema["type"] == kind || schema["type"].as_array().is_some_and(|t| t.iter().any(|t| t == kind));
    let bound = |bounds: &[&str]| bounds.iter().any(|bound| schema.get(bound).is_some());
    if is("array") {
        endless(document, &schema["items"], format!("{place}[]"), found);
        // One of each word is enough.
        let item = schema["items"]["$ref"].as_str().and_then(|to| document.pointer(&to[1..]));
        let words = item.is_some_and(|item| item.get("enum").is_some() || item.get("oneOf").is_some());
        if !words && !bound(&["maxItems"]) {
            found.insert(place);
        }
    } else if is("string") && !bound(&["maxLength", "format", "enum", "const"]) {
        found.insert(place);
    }
}

#[test]
fn every_text_and_every_list_that_may_be_sent_has_an_end() {
    let table = routes::table(&AppConfig::default());
    let document = table.openapi("/");
    let signed: BTreeSet<_> = table.rows().filter(|r| r.access() == Access::Signature).map(|r| r.path()).collect();
    let mut found = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        // What vendors send is theirs, and addresses that are lent are ours.
        if signed.contains(path.as_str()) || ["/blobs/", "/media/"].iter().any(|part| path.starts_with(part)) {
            continue;
        }
        for (method, operation) in operations.as_object().unwrap() {
            let place = format!("{method} {path}");
            endless(
                &document,
                &operation["requestBody"]["content"]["application/json"]["schema"],
                place.clone(),
                &mut found,
            );
            let all = operation["parameters"].as_array().into_iter().flatten();
            for parameter in all.filter(|parameter| parameter["in"] == "query") {
                endless(&document, &parameter["schema"], format!("{place}?{}", parameter["name"]), &mut found);
            }
        }
    }
    // Whatever is no password, or no token, is refused alike.
    let secret = |place: &String| ["password", "csrf_token", "csrfToken"].iter().any(|name| place.ends_with(name));
    found.retain(|place| !(place.contains("/api/auth/") && secret(place)));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn only_what_must_be_public_is() {
    let table = routes::table(&AppConfig::default());
    let open: BTreeSet<_> =
        table.rows().filter(|r| r.access() == Access::Public).map(|r| r.path().to_owned()).collect();
    let known = |path: &str| {
        matches!(path, "/" | "/livez" | "/readyz" | "/metrics" | "/openapi.json" | "/docs" | "/docs/style.css")
            || path == "/api/internal/demo-request"
            // Its addresses are signed.
            || path == "/blobs/{*key}" || path == "/media/{vendor}/{address}"
            // Whoever has its token was sent it.
            || path == "/api/team/invites/validate/{token}"
            || ["/health", "/api/health", "/api/auth/"].iter().any(|start| path.starts_with(start))
    };
    assert!(open.iter().all(|path| known(path)), "{open:?}");
    let signed: Vec<_> = table.rows().filter(|r| r.access() == Access::Signature).map(|r| r.path()).collect();
    assert!(signed.len() == 8 && signed.iter().all(|path| path.contains("/webhooks/")), "{signed:?}");
}

#[test]
fn every_example_is_one_that_its_schema_takes() {
    let document = routes::table(&AppConfig::default()).openapi("/");
    let mut seen = 0;
    // Most refusals have one schema, and making a validator takes longest.
    let mut validators = BTreeMap::new();
    let mut check = |what: &str, holder: &Json| {
        let (schema, example) = (&holder["schema"], &holder["example"]);
        let validator = validators.entry(schema.to_string()).or_insert_with(|| {
            let root = serde_json::json!({ "allOf": [schema], "components": document["components"] });
            jsonschema::draft202012::new(&root).unwrap()
        });
        let faults: Vec<_> = validator.iter_errors(example).map(|e| format!("{e} at {}", e.instance_path())).collect();
        assert!(faults.is_empty(), "{what}: {faults:?}: {example}");
        seen += 1;
    };
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                check(&format!("{method} {path} {}", parameter["name"]), parameter);
            }
            let bodies = std::iter::once(("body", &operation["requestBody"]));
            let answers = operation["responses"].as_object().unwrap().iter().map(|(status, r)| (status.as_str(), r));
            for (of, holder) in bodies.chain(answers) {
                let content = &holder["content"]["application/json"];
                if content.is_object() {
                    check(&format!("{method} {path} {of}"), content);
                }
            }
        }
    }
    assert!(seen > 500, "{seen}");
}
