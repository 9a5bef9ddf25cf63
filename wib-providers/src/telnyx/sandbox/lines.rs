//! Telnyx's numbers, trunks, credentials and messages.
//!
//! What there is at the beginning: the number [`OUR_NUMBER`], wired to the application `1000000000000000001`, and the
//! connection of credentials `1000000000000000002`. Numbers to be had are `+1 <area code> 555 01xx`, which ones the seed
//! says; that ending in 0199 is always among them, and an order of it fails. The code of every verification is
//! [`CODE`]. Messages to `+15005550009` are not taken by the carrier, to `+15005550010` not brought, to `+15005550003`
//! nobody says; every other one is delivered. Who writes `STOP` to a number is not written to from it until `START`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use wib_core::kit::time::{Timestamp, after};

use super::{Refusal, e164, error, missing, ok, paged, refuse, stranger, VENDOR};
use crate::sandbox::{
    OUR_NUMBER,
    chance::Chance,
    wire::{Ask, instant, json as answer, text, typed},
    world::{KEPT, World},
};

/// The code of every verification.
const CODE: &str = "12345";
/// How long a code is good.
const CODE_LIFE: Duration = Duration::from_secs(600);
/// How long a token is good.
const TOKEN_LIFE: Duration = Duration::from_secs(24 * 3600);
/// Towns with numbers, when no area code is asked for.
const TOWNS: [(&str, &str, &str); 7] = [
    ("312", "CHICAGO", "IL"),
    ("415", "SAN FRANCISCO", "CA"),
    ("212", "NEW YORK", "NY"),
    ("305", "MIAMI", "FL"),
    ("512", "AUSTIN", "TX"),
    ("206", "SEATTLE", "WA"),
    ("303", "DENVER", "CO"),
];
const TOLL_FREE: [&str; 7] = ["800", "833", "844", "855", "866", "877", "888"];
const FEATURES: [&str; 3] = ["voice", "sms", "mms"];

/// Things that are made, changed and deleted as they are asked for.
struct Kind {
    name: &'static str,
    record: &'static str,
    /// Fields without which none is made.
    needs: &'static [&'static str],
    /// The status of one that was made.
    made: u16,
}
const KINDS: [Kind; 7] = [
    Kind {
        name: "call_control_applications",
        record: "call_control_application",
        needs: &["application_name", "webhook_event_url"],
        made: 201,
    },
    Kind {
        name: "credential_connections",
        record: "credential_connection",
        needs: &["connection_name", "user_name", "password"],
        made: 201,
    },
    Kind { name: "fqdn_connections", record: "fqdn_connection", needs: &["connection_name"], made: 201 },
    Kind { name: "ip_connections", record: "ip_connection", needs: &[], made: 201 },
    Kind { name: "fqdns", record: "fqdn", needs: &["connection_id", "dns_record_type", "fqdn"], made: 201 },
    Kind { name: "ips", record: "ip", needs: &["ip_address"], made: 201 },
    Kind { name: "outbound_voice_profiles", record: "outbound_voice_profile", needs: &["name"], made: 200 },
];
/// The kinds that are trunks.
const TRUNKS: [&str; 4] =
    ["call_control_applications", "credential_connections", "fqdn_connections", "ip_connections"];
const REST: [&str; 8] = [
    "telephony_credentials",
    "available_phone_numbers",
    "number_orders",
    "phone_numbers",
    "number_lookup",
    "verified_numbers",
    "messages",
    "connections",
];

/// The name of the operation that a request asks for, as faults know it; `None` when it is none of these.
pub(super) fn operation(ask: &Ask<'_>) -> Option<&'static str> {
    let (method, path) = ask.route();
    match (method, path.as_slice()) {
        (_, ["v2", "connections", _, _, ..]) => None,
        ("POST", ["v2", "telephony_credentials", _, "token"]) => Some("token"),
        ("POST", ["v2", "number_orders"]) => Some("order_number"),
        ("POST", ["v2", "verified_numbers"]) => Some("ask_code"),
        ("POST", ["v2", "verified_numbers", ..]) => Some("submit_code"),
        ("POST", ["v2", "messages"]) => Some("send_message"),
        (_, ["v2", first, ..]) => {
            REST.into_iter().chain(KINDS.iter().map(|kind| kind.name)).find(|known| known == first)
        }
        _ => None,
    }
}

/// Rows by their id, in the order in which they were made; the oldest beyond [`KEPT`] are forgotten.
#[derive(Default)]
struct Shelf {
    rows: BTreeMap<u64, (String, Value)>,
    places: BTreeMap<String, u64>,
}
impl Shelf {
    fn put(&mut self, place: u64, id: &str, row: Value) {
        self.remove(id);
        self.places.insert(id.to_owned(), place);
        self.rows.insert(place, (id.to_owned(), row));
        if self.rows.len() > KEPT
            && let Some((_, (oldest, _))) = self.rows.pop_first()
        {
            self.places.remove(&oldest);
        }
    }
    fn get(&self, id: &str) -> Option<&Value> {
        self.rows.get(self.places.get(id)?).map(|(_, row)| row)
    }
    fn get_mut(&mut self, id: &str) -> Option<&mut Value> {
        self.rows.get_mut(self.places.get(id)?).map(|(_, row)| row)
    }
    fn remove(&mut self, id: &str) -> Option<Value> {
        self.rows.remove(&self.places.remove(id)?).map(|(_, row)| row)
    }
    fn all(&self) -> impl Iterator<Item = &Value> {
        self.rows.values().map(|(_, row)| row)
    }
}

/// What Telnyx keeps of an account besides its calls.
pub(super) struct Lines {
    seed: u64,
    /// How many things were made.
    made: u64,
    shelves: BTreeMap<&'static str, Shelf>,
    /// When a code was asked for, by number.
    codes: BTreeMap<String, Timestamp>,
    /// Who is not to be written to: our number, theirs.
    stopped: BTreeSet<(String, String)>,
    /// Messages that wait for their time; the document has no word for it.
    waiting: BTreeSet<String>,
}

type Answered = Result<Response<Bytes>, Refusal>;

impl Lines {
    pub(super) fn new(seed: u64) -> Self {
        let (codes, stopped, waiting) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        let mut lines = Self { seed, made: 0, shelves: BTreeMap::new(), codes, stopped, waiting };
        let start = instant(Timestamp::UNIX_EPOCH);
        let stamps = json!({"created_at": start, "updated_at": start, "active": true});
        let mut own = |shelf, id: &str, mut row: Value| {
            merge(&mut row, &stamps);
            merge(&mut row, &json!({"id": id}));
            lines.keep(shelf, id, row);
        };
        let (application, credentials) = ("1000000000000000001", "1000000000000000002");
        own(
            "call_control_applications",
            application,
            json!({"record_type": "call_control_application", "application_name": "calls"}),
        );
        own(
            "credential_connections",
            credentials,
            json!({"record_type": "credential_connection", "connection_name": "browsers", "user_name": "browsers"}),
        );
        lines.own_number(OUR_NUMBER, Some(application), None, None, Timestamp::UNIX_EPOCH);
        lines
    }

    fn shelf(&self, name: &str) -> Option<&Shelf> {
        self.shelves.get(name)
    }
    fn row(&self, shelf: &str, id: &str) -> Result<&Value, Refusal> {
        self.shelf(shelf).and_then(|shelf| shelf.get(id)).ok_or_else(missing)
    }
    fn row_mut(&mut self, shelf: &str, id: &str) -> Result<&mut Value, Refusal> {
        self.shelves.get_mut(shelf).and_then(|shelf| shelf.get_mut(id)).ok_or_else(missing)
    }
    fn all(&self, shelf: &str) -> impl Iterator<Item = &Value> {
        self.shelf(shelf).into_iter().flat_map(Shelf::all)
    }
    fn keep(&mut self, shelf: &'static str, id: &str, row: Value) {
        self.made += 1;
        self.shelves.entry(shelf).or_default().put(self.made, id, row);
    }
    fn remove(&mut self, shelf: &str, id: &str) -> Result<Value, Refusal> {
        self.shelves.get_mut(shelf).and_then(|shelf| shelf.remove(id)).ok_or_else(missing)
    }
    /// An id in digits.
    fn number_id(&self) -> String {
        (2_000_000_000_000_000_000 + self.made).to_string()
    }
    fn chance(&self, what: &str) -> Chance {
        Chance::of(self.seed, &["line", what, &self.made.to_string()])
    }

    /// Answers one request.
    pub(super) fn respond(&mut self, world: &mut World, ask: &Ask<'_>) -> Response<Bytes> {
        if !ask.bearer() {
            return stranger();
        }
        let (method, path) = ask.route();
        let Some(body) = (if matches!(method, "POST" | "PATCH") { ask.object() } else { Some(Value::Null) }) else {
            return error(400, "10015", "Bad Request", "The request body is not valid JSON.", None);
        };
        let answered = match (method, &path[1..]) {
            ("GET", ["connections", id]) => self.connection(id),
            ("POST", ["telephony_credentials"]) => self.make_credential(&body, world.now),
            ("POST", ["telephony_credentials", id, "token"]) => self.token(id, world.now),
            ("GET", ["telephony_credentials", id]) => {
                self.row("telephony_credentials", id).map(|row| ok(&credential(row, world.now)))
            }
            ("GET", ["available_phone_numbers"]) => Ok(self.available(ask)),
            ("POST", ["number_orders"]) => self.order(world, &body),
            ("GET", ["number_lookup", number]) => self.look_up(number, ask),
            ("GET", ["phone_numbers", id, "voice"]) => self.row("voice", id).map(ok),
            ("PATCH", ["phone_numbers", id, "voice"]) => self.set_voice(id, &body),
            ("PATCH", ["phone_numbers", id]) => self.assign(id, &body),
            ("DELETE", ["phone_numbers", id]) => self.release(id),
            ("POST", ["verified_numbers"]) => self.ask_code(&body, world.now),
            ("POST", ["verified_numbers", number, "actions", "verify"]) => self.submit_code(number, &body, world.now),
            ("POST", ["messages"]) => self.send(world, &body),
            ("DELETE", ["messages", id]) => self.cancel(id, world.now),
            ("POST", [kind]) => match KINDS.iter().find(|known| known.name == *kind) {
                Some(kind) => self.make(kind, body, world.now),
                None => Err(missing()),
            },
            ("PATCH", [kind, id]) => match KINDS.iter().find(|known| known.name == *kind) {
                Some(kind) => self.change(kind, id, &body, world.now),
                None => Err(missing()),
            },
            ("GET", [shelf]) if *shelf != "messages" => Ok(self.list(shelf, ask, world.now)),
            ("GET", [shelf, id]) => self.row(shelf, id).map(ok),
            ("DELETE", [shelf, id]) if *shelf != "number_orders" => self.remove(shelf, id).map(|row| ok(&row)),
            _ => Err(missing()),
        };
        answered.unwrap_or_else(|refusal| *refusal)
    }

    fn list(&self, shelf: &str, ask: &Ask<'_>, now: Timestamp) -> Response<Bytes> {
        let filters: Vec<_> = ask
            .query
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("filter[")?.strip_suffix(']')?, value.as_str())))
            .collect();
        let fits = |row: &&Value| {
            filters.iter().all(|(field, wanted)| match *field {
                "phone_number" => text(row, field).is_some_and(|number| number.contains(wanted)),
                "tag" => row["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag == wanted)),
                _ => text(row, field) == Some(wanted),
            })
        };
        let rows: Vec<_> = self.all(shelf).filter(fits).collect();
        let credentials = shelf == "telephony_credentials";
        paged(ask, &rows, |row| if credentials { credential(row, now) } else { (*row).clone() })
    }

    fn make(&mut self, kind: &Kind, body: Value, now: Timestamp) -> Answered {
        if let Some(missed) = kind.needs.iter().find(|field| text(&body, field).is_none()) {
            let (detail, pointer) = (format!("Missing required parameter '{missed}'."), format!("/{missed}"));
            return Err(refuse(422, "10004", "Missing required parameter", &detail, Some(&pointer)));
        }
        self.check(kind, &body, None)?;
        let id = self.number_id();
        let mut row = json!({"created_at": instant(now)});
        if TRUNKS.contains(&kind.name) {
            row["active"] = json!(true);
        }
        merge(&mut row, &body);
        merge(&mut row, &json!({"id": id, "record_type": kind.record, "updated_at": instant(now)}));
        self.keep(kind.name, &id, row.clone());
        Ok(answer(kind.made, &json!({"data": row})))
    }

    fn change(&mut self, kind: &Kind, id: &str, body: &Value, now: Timestamp) -> Answered {
        self.row(kind.name, id)?;
        self.check(kind, body, Some(id))?;
        let row = self.row_mut(kind.name, id)?;
        merge(row, body);
        merge(row, &json!({"id": id, "record_type": kind.record, "updated_at": instant(now)}));
        Ok(ok(row))
    }

    /// What is named must be there, and what must be unique must be so.
    fn check(&self, kind: &Kind, body: &Value, id: Option<&str>) -> Result<(), Refusal> {
        let named = [
            ("/connection_id", text(body, "connection_id"), &TRUNKS[..]),
            (
                "/outbound/outbound_voice_profile_id",
                text(&body["outbound"], "outbound_voice_profile_id"),
                &["outbound_voice_profiles"][..],
            ),
        ];
        for (pointer, wanted, shelves) in named {
            let there = |id: &str| shelves.iter().any(|shelf| self.row(shelf, id).is_ok());
            if wanted.is_some_and(|id| !there(id)) {
                let detail = "The requested parameter is invalid as the associated resource does not exist.";
                return Err(refuse(422, "10017", "Associated resource does not exist", detail, Some(pointer)));
            }
        }
        let user = text(body, "user_name");
        let taken = |row: &Value| user.is_some() && text(row, "user_name") == user && text(row, "id") != id;
        if self.all(kind.name).any(taken) {
            return Err(refuse(422, "10012", "Duplicate resource", "The name is taken.", Some("/user_name")));
        }
        if text(body, "ip_address").is_some_and(|ip| ip.parse::<std::net::IpAddr>().is_err()) {
            return Err(refuse(422, "10015", "Bad Request", "Not an address.", Some("/ip_address")));
        }
        Ok(())
    }

    fn connection(&self, id: &str) -> Answered {
        let row = TRUNKS.iter().find_map(|shelf| self.row(shelf, id).ok()).ok_or_else(missing)?;
        let name = row.get("connection_name").or_else(|| row.get("application_name"));
        let mut shown = json!({"id": id, "connection_name": name, "record_type": row["record_type"]});
        for field in ["active", "created_at", "updated_at", "webhook_event_url"] {
            if let Some(value) = row.get(field) {
                shown[field] = value.clone();
            }
        }
        Ok(ok(&shown))
    }

    fn make_credential(&mut self, body: &Value, now: Timestamp) -> Answered {
        let Some(connection) = text(body, "connection_id") else {
            let detail = "Missing required parameter 'connection_id'.";
            return Err(refuse(422, "10004", "Missing required parameter", detail, Some("/connection_id")));
        };
        if self.row("credential_connections", connection).is_err() {
            let detail = "The connection must be one of credentials.";
            return Err(refuse(422, "10017", "Associated resource does not exist", detail, Some("/connection_id")));
        }
        let ends = text(body, "expires_at").map(|at| at.parse::<Timestamp>());
        let ends = match ends {
            Some(Ok(at)) if at > now => Some(at),
            None => None,
            _ => {
                let detail = "expires_at must be an instant to come.";
                return Err(refuse(422, "10015", "Bad Request", detail, Some("/expires_at")));
            }
        };
        let mut chance = self.chance("credential");
        let id = chance.uuid().to_string();
        let mut row = json!({
            "record_type": "credential",
            "id": id,
            "name": text(body, "name").unwrap_or("credential"),
            "resource_id": format!("connection:{connection}"),
            "sip_username": format!("gencred{}", chance.hex(12)),
            "sip_password": chance.hex(16),
            "user_id": "sandbox",
            "created_at": instant(now),
            "updated_at": instant(now),
        });
        if let Some(at) = ends {
            row["expires_at"] = json!(instant(at));
        }
        self.keep("telephony_credentials", &id, row.clone());
        Ok(answer(201, &json!({"data": credential(&row, now)})))
    }

    fn token(&mut self, id: &str, now: Timestamp) -> Answered {
        let row = credential(self.row("telephony_credentials", id)?, now);
        if row["expired"] == true {
            return Err(refuse(422, "10015", "Bad Request", "The credential has expired.", None));
        }
        self.made += 1;
        let mut chance = self.chance("token");
        let ends = text(&row, "expires_at").and_then(|at| at.parse::<Timestamp>().ok());
        let exp = ends.map_or_else(|| after(now, TOKEN_LIFE), |at| at.min(after(now, TOKEN_LIFE))).as_second();
        let claims = json!({
            "aud": "telnyx_telephony",
            "exp": exp,
            "iat": now.as_second(),
            "iss": "telnyx_telephony",
            "jti": chance.uuid(),
            "nbf": now.as_second() - 1,
            "sub": row["sip_username"],
            "typ": "access",
        });
        let parts = [json!({"alg": "HS512", "typ": "JWT"}), claims];
        let [head, claims] = parts.map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()));
        let signature = BASE64_URL_SAFE_NO_PAD.encode(chance.hex(32));
        Ok(typed(201, "text/plain", format!("{head}.{claims}.{signature}")))
    }

    /// The numbers of an area code that can be had.
    fn stock(&self, area: &str) -> Vec<String> {
        let there = |n: &u64| *n == 99 || Chance::of(self.seed, &["stock", area, &n.to_string()]).below(100) < 40;
        let numbers = (0..100).filter(there).map(|n| format!("+1{area}55501{n:02}"));
        numbers.filter(|number| !self.is_taken(number)).collect()
    }

    fn is_taken(&self, number: &str) -> bool {
        let pending = |order: &Value| {
            order["status"] == "pending"
                && order["phone_numbers"].as_array().is_some_and(|all| all.iter().any(|n| n["phone_number"] == number))
        };
        self.owned(number).is_some() || self.all("number_orders").any(pending)
    }

    fn owned(&self, number: &str) -> Option<&Value> {
        self.all("phone_numbers").find(|row| row["phone_number"] == number)
    }

    fn available(&self, ask: &Ask<'_>) -> Response<Bytes> {
        let filter = |name: &str| ask.param(&format!("filter[{name}]"));
        let limit: usize = filter("limit").and_then(|limit| limit.parse().ok()).unwrap_or(100);
        let free = filter("phone_number_type") == Some("toll_free");
        let asked: Vec<&str> =
            ask.query.iter().filter(|(name, _)| name.starts_with("filter[features]")).map(|(_, v)| v.as_str()).collect();
        let home = filter("country_code").is_none_or(|code| matches!(code, "US" | "CA"));
        let able = asked.iter().all(|feature| FEATURES.contains(feature));
        let town = |area: &str| TOWNS.iter().find(|(code, ..)| *code == area);
        let areas: Vec<&str> = match filter("national_destination_code") {
            _ if !home || !able => vec![],
            Some(area) if area.len() == 3 && area.bytes().all(|b| b.is_ascii_digit()) && area >= "200" => vec![area],
            Some(_) => vec![],
            None if free => TOLL_FREE.to_vec(),
            None => TOWNS.iter().map(|(area, ..)| *area).collect(),
        };
        let fits = |area: &&str| {
            let (city, state) = town(area).map_or(("", ""), |(_, city, state)| (*city, *state));
            TOLL_FREE.contains(area) == free
                && filter("locality").is_none_or(|wanted| wanted.eq_ignore_ascii_case(city))
                && filter("administrative_area").is_none_or(|wanted| wanted.eq_ignore_ascii_case(state))
        };
        let numbers = areas.into_iter().filter(fits).flat_map(|area| {
            let town = town(area);
            self.stock(area).into_iter().map(move |number| (number, town))
        });
        let row = |(number, town): (String, Option<&(&str, &str, &str)>)| {
            let region = |kind: &str, name: &str| json!({"region_type": kind, "region_name": name});
            let mut regions = vec![region("country_code", "US")];
            if let Some((_, city, state)) = town {
                regions.extend([region("rate_center", city), region("state", state)]);
            }
            json!({
                "record_type": "available_phone_number",
                "phone_number": number,
                "best_effort": false,
                "quickship": true,
                "reservable": true,
                "cost_information": {"currency": "USD", "monthly_cost": "1.00000", "upfront_cost": "1.00000"},
                "features": FEATURES.map(|name| json!({"name": name})),
                "region_information": regions,
            })
        };
        let data: Vec<_> = numbers.take(limit).map(row).collect();
        let meta = json!({"total_results": data.len(), "best_effort_results": 0});
        answer(200, &json!({"data": data, "meta": meta}))
    }

    fn order(&mut self, world: &mut World, body: &Value) -> Answered {
        let asked = body["phone_numbers"].as_array().cloned().unwrap_or_default();
        let numbers: Vec<&str> = asked.iter().filter_map(|one| text(one, "phone_number")).collect();
        if numbers.is_empty() || numbers.len() < asked.len() {
            let detail = "Missing required parameter 'phone_numbers'.";
            return Err(refuse(422, "10004", "Missing required parameter", detail, Some("/phone_numbers")));
        }
        let had = |number: &str| number.get(2..5).is_some_and(|area| self.stock(area).iter().any(|one| one == number));
        if !numbers.iter().all(|number| e164(number) && had(number)) {
            let detail = "The phone number cannot be had.";
            return Err(refuse(422, "10002", "Invalid phone number", detail, Some("/phone_numbers")));
        }
        self.check(&KINDS[0], &json!({"connection_id": body["connection_id"]}), None)?;
        let mut chance = self.chance("order");
        let id = chance.uuid().to_string();
        let rows: Vec<_> = numbers
            .iter()
            .map(|number| {
                json!({
                    "record_type": "number_order_phone_number",
                    "id": chance.uuid(),
                    "phone_number": number,
                    "phone_number_type": kind_of(number),
                    "country_code": "US",
                    "requirements_met": true,
                    "status": "pending",
                })
            })
            .collect();
        let now = instant(world.now);
        let mut row = json!({
            "record_type": "number_order",
            "id": id,
            "status": "pending",
            "phone_numbers_count": rows.len(),
            "phone_numbers": rows,
            "requirements_met": true,
            "created_at": now,
            "updated_at": now,
        });
        for field in ["customer_reference", "connection_id", "messaging_profile_id"] {
            if let Some(given) = text(body, field) {
                row[field] = json!(given);
            }
        }
        let wait = chance.between(2_000, 20_000);
        self.keep("number_orders", &id, row.clone());
        world.plan_for(VENDOR, wait, format!("order {id}"));
        Ok(ok(&row))
    }

    fn own_number(
        &mut self,
        number: &str,
        connection: Option<&str>,
        profile: Option<&str>,
        reference: Option<&str>,
        now: Timestamp,
    ) {
        let id = self.number_id();
        let now = instant(now);
        let mut row = json!({
            "record_type": "phone_number",
            "id": id,
            "phone_number": number,
            "phone_number_type": kind_of(number),
            "country_iso_alpha2": "US",
            "status": "active",
            "tags": [],
            "cnam_listing_enabled": false,
            "caller_id_name_enabled": false,
            "deletion_lock_enabled": false,
            "external_pin": null,
            "created_at": now,
            "purchased_at": now,
            "updated_at": now,
        });
        let given =
            [("connection_id", connection), ("messaging_profile_id", profile), ("customer_reference", reference)];
        for (field, value) in given {
            if let Some(value) = value {
                row[field] = json!(value);
            }
        }
        let voice = json!({
            "record_type": "voice_settings",
            "id": id,
            "phone_number": number,
            "cnam_listing": {"cnam_listing_enabled": false},
            "call_forwarding": {"call_forwarding_enabled": false},
            "call_recording": {"inbound_call_recording_enabled": false},
            "inbound_call_screening": "disabled",
        });
        self.keep("phone_numbers", &id, row);
        self.keep("voice", &id, voice);
    }

    fn assign(&mut self, id: &str, body: &Value) -> Answered {
        self.row("phone_numbers", id)?;
        self.check(&KINDS[0], body, None)?;
        let row = self.row_mut("phone_numbers", id)?;
        for field in ["connection_id", "customer_reference", "tags"] {
            if let Some(value) = body.get(field) {
                row[field] = value.clone();
            }
        }
        Ok(ok(row))
    }

    fn set_voice(&mut self, id: &str, body: &Value) -> Answered {
        self.row("voice", id)?;
        if text(&body["cnam_listing"], "cnam_listing_details").is_some_and(|name| name.chars().count() > 15) {
            let pointer = Some("/cnam_listing/cnam_listing_details");
            return Err(refuse(422, "10015", "Bad Request", "The name has more than 15 characters.", pointer));
        }
        let number = self.row_mut("phone_numbers", id)?;
        if let Some(listed) = body["cnam_listing"].get("cnam_listing_enabled") {
            number["cnam_listing_enabled"] = listed.clone();
        }
        if let Some(looked_up) = body.get("caller_id_name_enabled") {
            number["caller_id_name_enabled"] = looked_up.clone();
        }
        let row = self.row_mut("voice", id)?;
        for field in ["cnam_listing", "call_forwarding", "call_recording", "inbound_call_screening"] {
            if let Some(value) = body.get(field) {
                merge(&mut row[field], value);
            }
        }
        Ok(ok(row))
    }

    fn release(&mut self, id: &str) -> Answered {
        let mut row = self.remove("phone_numbers", id)?;
        self.remove("voice", id)?;
        row["status"] = json!("deleted");
        // The shape of this answer has no nulls.
        if let Some(fields) = row.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        Ok(ok(&row))
    }

    fn look_up(&self, number: &str, ask: &Ask<'_>) -> Answered {
        if !e164(number) {
            return Err(refuse(400, "10002", "Invalid phone number", "The phone number is invalid.", None));
        }
        let mut chance = Chance::of(self.seed, &["carrier", number]);
        let carriers =
            ["Verizon Wireless/mobile", "T-Mobile USA/mobile", "AT&T Mobility/mobile", "Lumen/fixed line", "Telnyx/voip"];
        let (carrier, kind) = chance.pick(&carriers).split_once('/').unwrap_or_default();
        let town = number.get(2..5).and_then(|area| TOWNS.iter().find(|(code, ..)| *code == area));
        let mut data = json!({
            "record_type": "number_lookup",
            "phone_number": number,
            "country_code": "US",
            "carrier": {"name": carrier, "type": kind, "error_code": null},
            "portability": {
                "line_type": kind,
                "ported_status": if chance.below(4) == 0 { "Y" } else { "N" },
                "city": town.map_or("", |(_, city, _)| city),
                "state": town.map_or("", |(.., state)| state),
            },
        });
        if ask.param("type") == Some("caller-name") {
            data["caller_name"] = json!({"caller_name": format!("CALLER {}", &number[number.len() - 4..])});
        }
        Ok(ok(&data))
    }

    fn ask_code(&mut self, body: &Value, now: Timestamp) -> Answered {
        let (Some(number), Some(by)) = (text(body, "phone_number"), text(body, "verification_method")) else {
            let detail = "phone_number and verification_method are needed.";
            return Err(refuse(400, "10004", "Missing required parameter", detail, None));
        };
        if !e164(number) || !matches!(by, "sms" | "call") {
            return Err(refuse(400, "10015", "Bad Request", "No such number, or no such way.", None));
        }
        self.codes.retain(|_, at| after(*at, CODE_LIFE) > now);
        self.codes.insert(number.to_owned(), now);
        Ok(answer(200, &json!({"phone_number": number, "verification_method": by})))
    }

    fn submit_code(&mut self, number: &str, body: &Value, now: Timestamp) -> Answered {
        let asked = self.codes.get(number).copied().ok_or_else(missing)?;
        if text(body, "verification_code") != Some(CODE) || after(asked, CODE_LIFE) <= now {
            let pointer = Some("/verification_code");
            return Err(refuse(400, "10015", "Bad Request", "The code is wrong, or too old.", pointer));
        }
        self.codes.remove(number);
        // Telnyx writes this instant without its zone.
        let at = instant(now).trim_end_matches('Z').to_owned();
        let row = json!({"record_type": "verified_number", "phone_number": number, "verified_at": at});
        self.keep("verified_numbers", number, row.clone());
        Ok(ok(&row))
    }

    fn send(&mut self, world: &mut World, body: &Value) -> Answered {
        let bad = |code: &str, title: &str, field: &str| refuse(400, code, title, title, Some(field));
        let to = text(body, "to").filter(|to| e164(to)).ok_or_else(|| bad("40310", "Invalid 'to' address", "/to"))?;
        let profile = text(body, "messaging_profile_id");
        let from = match (text(body, "from"), profile) {
            (Some(from), _) => self.owned(from).and_then(|row| text(row, "phone_number")),
            // The profile's pool.
            (None, Some(_)) => self.all("phone_numbers").find_map(|row| text(row, "phone_number")),
            (None, None) => None,
        };
        let from = from.ok_or_else(|| bad("40305", "Invalid 'from' address", "/from"))?.to_owned();
        let words = text(body, "text").unwrap_or_default();
        let media: Vec<_> = body["media_urls"].as_array().into_iter().flatten().map(|url| json!({"url": url})).collect();
        if words.is_empty() && media.is_empty() {
            return Err(bad("10004", "Missing required parameter", "/text"));
        }
        let parts = parts(words);
        if parts > 10 {
            return Err(bad("40302", "Message too large", "/text"));
        }
        if self.stopped.contains(&(from.clone(), to.to_owned())) {
            return Err(bad("40300", "Blocked due to STOP message", "/to"));
        }
        let later = text(body, "send_at").map(|at| at.parse::<Timestamp>());
        let later = match later {
            Some(Ok(at)) if at > world.now => Some(at),
            None => None,
            _ => return Err(bad("10015", "Bad Request", "/send_at")),
        };
        let mut chance = self.chance("message");
        let id = chance.uuid().to_string();
        if later.is_some() && self.waiting.len() < KEPT {
            self.waiting.insert(id.clone());
        }
        let mut row = message(&id, "outbound", &from, to, "queued", words, world.now);
        row["media"] = json!(media);
        row["type"] = json!(if media.is_empty() { "SMS" } else { "MMS" });
        row["parts"] = json!(parts);
        row["cost"] = money(40 + 30, parts);
        row["cost_breakdown"] = json!({"carrier_fee": money(30, parts), "rate": money(40, parts)});
        for field in ["webhook_url", "messaging_profile_id"] {
            if let Some(given) = text(body, field) {
                row[field] = json!(given);
            }
        }
        let wait = later.map_or(0, |at| at.duration_since(world.now).as_millis());
        let wait = u64::try_from(wait).unwrap_or(0) + chance.between(300, 1_500);
        self.keep("messages", &id, row.clone());
        world.plan_for(VENDOR, wait, format!("message.sent {id}"));
        Ok(ok(&row))
    }

    fn cancel(&mut self, id: &str, now: Timestamp) -> Answered {
        let waits = self.waiting.remove(id);
        let row = self.row_mut("messages", id)?;
        if !waits {
            return Err(refuse(400, "10015", "Bad Request", "The message is not to be sent later.", None));
        }
        row["to"][0]["status"] = json!("cancelled");
        row["completed_at"] = json!(instant(now));
        // The one answer of messages without an envelope.
        Ok(answer(200, row))
    }

    /// Something that was planned is due.
    pub(super) fn step(&mut self, world: &mut World, what: &str) {
        match what.split_once(' ') {
            Some(("order", id)) => self.complete(world, id),
            Some((event @ ("message.sent" | "message.finalized"), id)) => self.carry(world, event, id),
            _ => {}
        }
    }

    fn complete(&mut self, world: &mut World, id: &str) {
        let Ok(order) = self.row_mut("number_orders", id) else { return };
        let mut had = Vec::new();
        for number in order["phone_numbers"].as_array_mut().into_iter().flatten() {
            let fails = text(number, "phone_number").is_none_or(|number| number.ends_with("0199"));
            number["status"] = json!(if fails { "failure" } else { "success" });
            had.extend(text(number, "phone_number").filter(|_| !fails).map(str::to_owned));
        }
        order["status"] = json!(if had.is_empty() { "failure" } else { "success" });
        order["updated_at"] = json!(instant(world.now));
        let order = order.clone();
        let given = |field| text(&order, field);
        for number in had {
            let (trunk, profile) = (given("connection_id"), given("messaging_profile_id"));
            self.own_number(&number, trunk, profile, given("customer_reference"), world.now);
        }
        self.tell(world, "number_order.complete", &order);
    }

    /// Brings a message one step further.
    fn carry(&mut self, world: &mut World, event: &str, id: &str) {
        let mut chance = self.chance(event);
        self.waiting.remove(id);
        let Ok(row) = self.row_mut("messages", id) else { return };
        if row["to"][0]["status"] == "cancelled" {
            return;
        }
        let now = instant(world.now);
        let fault = |code: &str, title: &str| json!([{"code": code, "title": title, "detail": title}]);
        let to = text(&row["to"][0], "phone_number").unwrap_or_default().to_owned();
        let (status, errors) = match (event, to.as_str()) {
            (_, "+15005550009") => ("sending_failed", fault("40008", "Undeliverable")),
            ("message.sent", _) => ("sent", json!([])),
            (_, "+15005550010") => ("delivery_failed", fault("40001", "Not routable")),
            (_, "+15005550003") => ("delivery_unconfirmed", json!([])),
            _ => ("delivered", json!([])),
        };
        row["to"][0]["status"] = json!(status);
        row["errors"] = errors;
        let event = if status == "sent" {
            row["sent_at"] = json!(now);
            "message.sent"
        } else {
            row["completed_at"] = json!(now);
            "message.finalized"
        };
        let row = row.clone();
        if status == "sent" {
            world.plan_for(VENDOR, chance.between(1_000, 6_000), format!("message.finalized {id}"));
        }
        self.tell(world, event, &row);
    }

    /// Somebody writes to a number: `{"from", "to", "text", "media_urls"}`.
    pub(super) fn write_to_us(&mut self, world: &mut World, body: &Value) -> Response<Bytes> {
        let (Some(from), Some(to)) = (text(body, "from"), text(body, "to")) else {
            return answer(400, &json!({"error": "from and to are needed"}));
        };
        let words = text(body, "text").unwrap_or_default();
        let pair = (to.to_owned(), from.to_owned());
        match words.trim().to_ascii_uppercase().as_str() {
            "STOP" | "STOPALL" | "UNSUBSCRIBE" | "CANCEL" | "END" | "QUIT" => {
                self.stopped.insert(pair);
                if self.stopped.len() > KEPT {
                    self.stopped.pop_first();
                }
            }
            "START" | "UNSTOP" => _ = self.stopped.remove(&pair),
            _ => {}
        }
        let id = self.chance("message").uuid().to_string();
        let mut row = message(&id, "inbound", from, to, "webhook_delivered", words, world.now);
        row["from"]["status"] = json!("received");
        let media = body["media_urls"].as_array().into_iter().flatten();
        row["media"] = media.map(|url| json!({"url": url, "content_type": "image/png", "size": 1})).collect();
        row["parts"] = json!(parts(words));
        self.keep("messages", &id, row.clone());
        self.tell(world, "message.received", &row);
        answer(200, &json!({"message": row}))
    }

    fn tell(&mut self, world: &mut World, event: &str, payload: &Value) {
        self.made += 1;
        let id = self.chance("event").uuid();
        let url = text(payload, "webhook_url").map(str::to_owned);
        let at = instant(world.now);
        let body =
            json!({"record_type": "event", "event_type": event, "id": id, "occurred_at": at, "payload": payload});
        world.post(VENDOR, url, [], body);
    }
}

/// A credential as it is now.
fn credential(row: &Value, now: Timestamp) -> Value {
    let ends = text(row, "expires_at").and_then(|at| at.parse::<Timestamp>().ok());
    let mut shown = row.clone();
    shown["expired"] = json!(ends.is_some_and(|at| at <= now));
    shown
}

fn message(id: &str, direction: &str, from: &str, to: &str, status: &str, words: &str, now: Timestamp) -> Value {
    let party = |number: &str| json!({"phone_number": number, "carrier": "", "line_type": ""});
    let mut recipient = party(to);
    recipient["status"] = json!(status);
    json!({
        "record_type": "message",
        "id": id,
        "direction": direction,
        "type": "SMS",
        "from": party(from),
        "to": [recipient],
        "cc": [],
        "text": words,
        "encoding": if words.is_ascii() { "GSM-7" } else { "UCS-2" },
        "media": [],
        "errors": [],
        "tags": [],
        "received_at": instant(now),
        "sent_at": null,
        "completed_at": null,
    })
}

/// How many messages the carrier makes of a text: 160 characters or 153 each in one alphabet, 70 or 67 in the other.
fn parts(words: &str) -> usize {
    let (one, each) = if words.is_ascii() { (160, 153) } else { (70, 67) };
    let units = words.encode_utf16().count();
    if units <= one { 1 } else { units.div_ceil(each) }
}

/// So many ten-thousandths of a dollar for each part.
fn money(each: usize, parts: usize) -> Value {
    let all = each * parts;
    json!({"amount": format!("{}.{:04}", all / 10_000, all % 10_000), "currency": "USD"})
}

fn kind_of(number: &str) -> &'static str {
    if number.get(2..5).is_some_and(|area| TOLL_FREE.contains(&area)) { "toll_free" } else { "local" }
}

/// Takes over every field that the other names, objects field by field.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => into.clone_from(from),
    }
}
