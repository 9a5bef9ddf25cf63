//! Files that were changed: every change is found, or nothing follows from it.

use serde_json::Value;
use wib_core::{
    compliance::{
        Explanation, Facts, Outcome, RulePack,
        checker::{FILE_LIMIT, check_file, check_file_by},
        judge,
    },
    kit::{Timestamp, canonical},
};

use super::{
    bytes,
    chance::{Chance, KINDS},
    file, pack,
};

/// A way to a place in a file.
type Way = Vec<String>;

/// Every place in a value but the root, with the way to it.
fn places(value: &Value, way: &mut Way, all: &mut Vec<Way>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), v)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(n, v)| (n.to_string(), v)).collect(),
        _ => vec![],
    };
    for (step, value) in inner {
        way.push(step);
        all.push(way.clone());
        places(value, way, all);
        way.pop();
    }
}

fn at<'v>(file: &'v mut Value, way: &[String]) -> &'v mut Value {
    let pointer: String = way.iter().map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1"))).collect();
    file.pointer_mut(&pointer).unwrap()
}

/// Changes what stands there; how, in words.
fn change(file: &mut Value, way: &[String], chance: &mut Chance) -> &'static str {
    let (last, before) = way.split_last().unwrap();
    if chance.whether(25) {
        match at(file, before) {
            Value::Object(map) => {
                map.remove(last);
            }
            Value::Array(list) => {
                let n: usize = last.parse().unwrap();
                if chance.whether(50) {
                    list.remove(n);
                } else {
                    list.push(list[n].clone());
                }
            }
            _ => unreachable!("only these hold others"),
        }
        return "removed or doubled";
    }
    let value = at(file, way);
    *value = match &*value {
        Value::Null => Value::from("2026-03-01T00:00:00Z"),
        Value::Bool(is) => Value::Bool(!is),
        Value::Number(n) => Value::from(n.as_i64().unwrap() + 1),
        Value::String(text) => match text.parse::<Timestamp>() {
            Ok(at) => Value::from(at.checked_add(jiff::ToSpan::hours(1)).unwrap().to_string()),
            Err(_) => Value::from(*chance.one(&["deny", "work", "inbound", "US-NY", "attorney", "revoked", ""])),
        },
        Value::Array(_) | Value::Object(_) => Value::Null,
    };
    "changed"
}

/// Places from which nothing follows: sentences, and what a finding repeats for its reader.
fn is_told_only(way: &[String]) -> bool {
    let way: Vec<_> = way.iter().map(String::as_str).collect();
    matches!(
        way.as_slice(),
        ["explanation", "findings", _, "explanation" | "needed" | "facts", ..]
            | ["explanation", "counterfactuals", _, "change"]
    )
}

/// What a verdict says, without its sentences.
fn said(why: &Explanation) -> (Outcome, Option<String>, Option<Timestamp>, Vec<String>) {
    let findings = why.findings.iter().map(|f| {
        format!("{} {} {:?} {:?} {:?} {}", f.rule, f.outcome, f.not_before, f.duty, f.exempt_by, f.facts["satisfied"])
    });
    let others = why.counterfactuals.iter().map(|c| format!("{} {}", c.rule, c.outcome));
    (why.outcome, why.blocked_by.as_ref().map(ToString::to_string), why.not_before, findings.chain(others).collect())
}

/// What the engine says to what a file holds, when it is what the file claims.
fn is_what_the_engine_says(file: &Value) -> bool {
    let read = || {
        let facts: Facts = serde_json::from_value(file["explanation"]["facts"].clone()).ok()?;
        let pack: RulePack = serde_json::from_value(file["pack"].clone()).ok()?;
        let claim: Explanation = serde_json::from_value(file["explanation"].clone()).ok()?;
        let again = judge(&facts, &pack, claim.decided_at);
        Some(said(again.explanation()) == said(&claim))
    };
    read().unwrap_or_default()
}

fn drawn(seed: u64) -> (Chance, Value) {
    let mut chance = Chance(seed);
    let now = chance.instant();
    let facts = chance.facts(now);
    let rules = if seed.is_multiple_of(8) { RulePack::standard() } else { pack(&chance.pack(&KINDS, 6)) };
    let file = file(&facts, &rules, now);
    (chance, file)
}

#[test]
fn a_change_is_found_or_nothing_follows_from_it() {
    let mut found = 0;
    let cases = super::cases() / 4;
    for seed in 0..cases {
        let (mut chance, genuine) = drawn(seed);
        let mut all = vec![];
        places(&genuine, &mut vec![], &mut all);
        let way = chance.one(&all).clone();
        let mut forged = genuine.clone();
        let how = change(&mut forged, &way, &mut chance);
        if forged == genuine {
            continue;
        }
        // A forger who changes the rules also names their hash.
        if way[0] == "pack" && chance.whether(50) {
            forged["explanation"]["pack_hash"] = canonical::hash(&forged["pack"]).unwrap().into();
        }
        let report = check_file(&bytes(&forged));
        found += u64::from(!report.holds);
        assert_eq!(report.holds, report.faults.is_empty());
        if report.holds {
            let told = is_told_only(&way) || is_what_the_engine_says(&forged);
            assert!(told, "seed {seed}: {how} at {} and not found", way.join("."));
        }
    }
    assert!(found * 2 > cases, "only {found} were found");
}

#[test]
fn a_finding_that_is_changed_is_named() {
    for seed in 0..super::cases() / 50 {
        let (mut chance, genuine) = drawn(seed);
        let count = genuine["explanation"]["findings"].as_array().unwrap().len() as u64;
        if count == 0 {
            continue;
        }
        let n = usize::try_from(chance.below(count)).unwrap();
        let rule = genuine["explanation"]["findings"][n]["rule"].as_str().unwrap().to_owned();
        let other = if genuine["explanation"]["findings"][n]["outcome"] == "permit" { "deny" } else { "permit" };
        let confidence = if genuine["explanation"]["findings"][n]["confidence"] == "p" { "k" } else { "p" };
        let named = |change: &dyn Fn(&mut Value), part: &str| {
            let mut forged = genuine.clone();
            change(&mut forged["explanation"]["findings"]);
            let report = check_file(&bytes(&forged));
            assert!(report.readable && report.faults.iter().any(|f| f.part == part), "{part}: {:?}", report.faults);
        };
        named(&|f| f[n]["outcome"] = other.into(), &format!("finding {rule}.outcome"));
        named(&|f| f[n]["not_before"] = "2030-01-01T00:00:00Z".into(), &format!("finding {rule}.not_before"));
        let duty = if genuine["explanation"]["findings"][n]["duty"] == "opt_out" { "identify" } else { "opt_out" };
        named(&|f| f[n]["duty"] = duty.into(), &format!("finding {rule}.duty"));
        named(&|f| f[n]["exempt_by"] = "NOBODY".into(), &format!("finding {rule}.exempt_by"));
        named(&|f| f[n]["citation"] = "elsewhere".into(), &format!("finding {rule}.citation"));
        named(&|f| f[n]["confidence"] = confidence.into(), &format!("finding {rule}.confidence"));
        named(&|f| f[n]["explanation"] = "".into(), &format!("finding {rule}.explanation"));
        named(&|f| drop(f.as_array_mut().unwrap().remove(n)), &format!("findings.missing {rule}"));
        named(&|f| f[n]["rule"] = "NOBODY".into(), "findings.added NOBODY");
        let doubled = |f: &mut Value| {
            let one = f[n].clone();
            f.as_array_mut().unwrap().push(one);
        };
        named(&doubled, &format!("findings.added {rule}"));
        if count > 1 {
            named(&|f| f.as_array_mut().unwrap().swap(0, 1), "findings.order");
        }
    }
}

#[test]
fn what_is_no_verdict_is_refused_by_name() {
    let genuine = bytes(&drawn(0).1);
    let refused = |bytes: &[u8], words: &str| {
        let report = check_file(bytes);
        assert!(!report.holds && !report.readable && report.outcome.is_none(), "{report:?}");
        assert!(report.faults.len() == 1 && report.faults[0].to_string().contains(words), "{report:?}");
    };
    assert!(check_file(&genuine).holds, "{:?}", check_file(&genuine).faults);
    refused(b"", "is not JSON");
    refused(b"\xff\xfe", "is not JSON");
    refused(&b"[".repeat(100_000), "is not JSON");
    refused(b"{}", "names no format");
    refused(b"[]", "names no format");
    refused(br#"{"format":"wib-evidence/1"}"#, "another format");
    refused(br#"{"format":"wib-verdict/1"}"#, "cannot be read");
    refused(&vec![b' '; FILE_LIMIT + 1], "larger than");
    refused(&[b" ".as_slice(), &genuine].concat(), "canonical");
    let text = String::from_utf8(genuine.clone()).unwrap();
    refused(text.replacen("{\"explanation\"", "{\"a\":1.5,\"explanation\"", 1).as_bytes(), "integers only");
    refused(text.replacen("{\"explanation\"", "{\"a\":1,\"explanation\"", 1).as_bytes(), "cannot be read");
    // The last of two equal names would be read, the first be seen.
    refused(text.replacen("{\"explanation\"", "{\"explanation\":1,\"explanation\"", 1).as_bytes(), "canonical");
    for end in (0..genuine.len()).step_by(genuine.len() / 40) {
        refused(&genuine[..end], "is not JSON");
    }
}

#[test]
fn a_pack_that_is_not_expected_is_named() {
    let genuine = bytes(&drawn(0).1);
    let ours = RulePack::standard().hash().unwrap();
    assert!(check_file_by(&genuine, &["sha256:00".to_owned(), ours]).holds);
    let report = check_file_by(&genuine, &["sha256:00".to_owned()]);
    assert!(!report.holds && report.faults.iter().all(|f| f.part == "pack"), "{report:?}");
}

#[test]
fn a_file_that_asks_for_endless_work_is_given_up() {
    let (_, mut forged) = drawn(0);
    let entry = serde_json::json!({
        "at": "2026-01-01T00:00:00Z", "kind": "attempt", "counts": true, "debt": uuid::Uuid::from_u128(1),
        "direction": "outbound",
    });
    let rule = forged["pack"]["rules"][0].clone();
    let rules = (0..1500).map(|n| {
        let mut rule = rule.clone();
        rule["id"] = format!("R-{n}").into();
        rule
    });
    forged["pack"]["rules"] = rules.collect();
    forged["explanation"]["facts"]["ledger"] = vec![entry; 20_000].into();
    forged["explanation"]["facts"]["act"]["kind"] = "dial".into();
    forged["explanation"]["decided_at"] = "2026-03-01T00:00:00Z".into();
    let bytes = bytes(&forged);
    assert!(bytes.len() < FILE_LIMIT, "{}", bytes.len());
    let report = check_file(&bytes);
    let told: Vec<_> = report.faults.iter().map(ToString::to_string).collect();
    assert!(!report.holds && told.iter().any(|f| f.contains("more work")), "{told:?}");
}
