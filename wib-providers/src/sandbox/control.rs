//! `/sandbox/...`: what no vendor has. Look at the model, move its clock, order faults.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use super::{
    faults::Fault,
    network::{Call, Detection, Link, Order},
    wire::{Ask, instant, json as answer, text},
    world::World,
};

fn error(status: u16, message: &str) -> Response<Bytes> {
    answer(status, &json!({"error": message}))
}

/// Answers one request.
pub(crate) fn respond(world: &mut World, ask: &Ask<'_>) -> Response<Bytes> {
    let (method, path) = ask.route();
    let Some(body) = (if method == "POST" { ask.object() } else { Some(Value::Null) }) else {
        return error(400, "the body is not a JSON object");
    };
    match (method, path.as_slice()) {
        ("GET", ["numbers"]) => answer(200, &json!(world.phones.dials)),
        ("GET", ["calls"]) => {
            let calls: Vec<_> = world.phones.calls.values().map(shown).collect();
            answer(200, &json!({"calls": calls}))
        }
        ("GET", ["words", number]) => {
            let words = world.words(number).into_iter().map(|word| {
                let (start, end) = (instant(word.start), instant(word.end));
                json!({"speaker": word.speaker, "text": word.text, "start": start, "end": end})
            });
            answer(200, &json!({"words": words.collect::<Vec<_>>()}))
        }
        ("POST", ["calls"]) => world.ring_us(ask, &body),
        ("GET", ["outbox"]) => answer(200, &json!({"emails": world.outbox})),
        ("GET", ["clock"]) => answer(200, &clock(world)),
        ("POST", ["clock"]) => match body["advance_seconds"].as_u64() {
            Some(seconds) => {
                world.ahead = world.ahead.saturating_add(Duration::from_secs(seconds));
                answer(200, &clock(world))
            }
            None => error(400, "advance_seconds must be a whole number"),
        },
        ("GET", ["faults"]) => answer(200, &json!({"faults": world.faults})),
        ("DELETE", ["faults"]) => {
            world.faults.clear();
            answer(200, &json!({"faults": []}))
        }
        ("POST", ["faults"]) => match serde_json::from_value::<Fault>(body) {
            Ok(fault) => {
                world.faults.push(fault);
                answer(200, &json!({"faults": world.faults}))
            }
            Err(why) => error(400, &why.to_string()),
        },
        ("GET", ["live_faults"]) => answer(200, &live_faults(world)),
        ("DELETE", ["live_faults"]) => {
            world.live_faults.clear();
            answer(200, &live_faults(world))
        }
        ("POST", ["live_faults"]) => match (text(&body, "vendor"), serde_json::from_value(body.clone())) {
            (None, _) => error(400, "vendor is needed"),
            (Some(vendor), Ok(fault)) => {
                world.live_faults.push((vendor.to_owned(), fault));
                answer(200, &live_faults(world))
            }
            (_, Err(why)) => error(400, &why.to_string()),
        },
        ("GET", ["keys"]) => {
            answer(200, &json!({"telnyx_public_key": world.models.get("telnyx").and_then(|m| m.verifier())}))
        }
        ("GET", ["models", vendor]) => match world.models.get(*vendor) {
            Some(model) => answer(200, &json!({"verifier": model.verifier(), "kept": model.show()})),
            None => error(404, "no such vendor"),
        },
        (method, [vendor, rest @ ..]) => {
            let done = world.with_model(vendor, |model, world| model.control(world, method, rest, &body)).flatten();
            done.unwrap_or_else(|| error(404, "no such control"))
        }
        _ => error(404, "no such control"),
    }
}

fn live_faults(world: &World) -> Value {
    let shown = world.live_faults.iter().map(|(vendor, fault)| {
        let mut shown = json!(fault);
        shown["vendor"] = json!(vendor);
        shown
    });
    json!({"live_faults": shown.collect::<Vec<_>>()})
}

fn clock(world: &World) -> Value {
    json!({"now": instant(world.now), "ahead_seconds": world.ahead.as_secs()})
}

fn shown(call: &Call) -> Value {
    json!({
        "call_control_id": call.control_id,
        "call_leg_id": call.leg_id,
        "from": call.order.from,
        "to": call.order.to,
        "incoming": call.order.incoming,
        "behaviour": format!("{:?}", call.behaviour),
        "placed_at": instant(call.placed_at),
        "answered_at": call.answered_at.map(instant),
        "ended_at": call.ended_at.map(instant),
        "hangup_cause": call.cause.map(|cause| cause.word),
        "recordings": call.tapes.iter().map(|tape| tape.id).collect::<Vec<_>>(),
        "events": call.log.iter().map(|happened| happened.what.name(call.order.detection)).collect::<Vec<_>>(),
    })
}

impl World {
    /// Somebody calls us: `{"from", "to", "connection_id"}`.
    fn ring_us(&mut self, ask: &Ask<'_>, body: &Value) -> Response<Bytes> {
        let (Some(from), Some(to)) = (text(body, "from"), text(body, "to")) else {
            return error(400, "from and to are needed");
        };
        let key = self.place(Order {
            to: to.to_owned(),
            from: from.to_owned(),
            connection_id: text(body, "connection_id").unwrap_or("1").to_owned(),
            client_state: None,
            webhook_url: text(body, "webhook_url").map(str::to_owned),
            base: ask.base.clone(),
            detection: Detection::Off,
            record: None,
            ring_seconds: 60,
            limit_seconds: 14_400,
            incoming: true,
            link: Link::default(),
        });
        self.phones.calls.get(&key).map_or_else(|| error(500, "lost"), |call| answer(200, &shown(call)))
    }
}
