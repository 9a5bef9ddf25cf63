//! Two readings of one law: what the engine judges, the checker has to find again; what is changed, it has to find out.

mod chance;
mod forged;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wib_core::{
    compliance::{RulePack, checker::check_file, judge},
    kit::{Timestamp, canonical},
};

use self::chance::{Chance, KINDS};

/// How many cases are drawn; `WIB_CHECKER_CASES` draws more.
fn cases() -> u64 {
    std::env::var("WIB_CHECKER_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(5_000)
}

fn file(facts: &Value, pack: &RulePack, now: Timestamp) -> Value {
    let facts = serde_json::from_value(facts.clone()).unwrap();
    let verdict = judge(&facts, pack, now);
    json!({"format": "wib-verdict/1", "explanation": verdict.explanation(), "pack": pack})
}
fn bytes(file: &Value) -> Vec<u8> {
    canonical::to_text(file).unwrap().into_bytes()
}
fn pack(drawn: &Value) -> RulePack {
    RulePack::from_json(drawn.to_string().as_bytes()).unwrap()
}

/// Judges and checks many cases; tells how many differ in what, and one of each.
#[track_caller]
fn agree(seeds: std::ops::Range<u64>, mut draw: impl FnMut(&mut Chance) -> (Value, RulePack, Timestamp)) {
    let mut differ: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for seed in seeds {
        let (facts, pack, now) = draw(&mut Chance(seed));
        let file = file(&facts, &pack, now);
        let report = check_file(&bytes(&file));
        for fault in &report.faults {
            // `COUNT-3` of any pack is one kind.
            let part = fault.part.split('-').next().unwrap_or_default();
            let field = fault.part.rsplit('.').next().unwrap_or_default();
            let seen = differ.entry(format!("{part} {field}")).or_insert_with(|| (0, format!("seed {seed}: {fault}")));
            seen.0 += 1;
        }
        assert_eq!(report.holds, report.faults.is_empty());
    }
    assert!(differ.is_empty(), "{differ:#?}");
}

#[test]
fn each_kind_of_check_is_read_alike() {
    let each = cases() / KINDS.len() as u64 / 2;
    agree(0..each * KINDS.len() as u64, |chance| {
        let kind = KINDS[usize::try_from(chance.0 % KINDS.len() as u64).unwrap()];
        let now = chance.instant();
        (chance.facts(now), pack(&chance.pack(&[kind], 1)), now)
    });
}

#[test]
fn edges_of_local_time_are_read_alike() {
    agree(0..cases() / 2, |chance| {
        let drawn = chance.pack(&["hours", "hours", "time_wanted", "quiet"], 3);
        let (now, zone) = chance.edge(&drawn);
        let mut facts = chance.facts(now);
        facts["locations"] = json!([{"source": "address", "zones": [zone], "noted_on": null}]);
        (facts, pack(&drawn), now)
    });
}

#[test]
fn packs_of_many_rules_are_read_alike() {
    agree(0..cases() / 2, |chance| {
        let now = chance.instant();
        (chance.facts(now), pack(&chance.pack(&KINDS, 12)), now)
    });
}

#[test]
fn the_built_in_packs_are_read_alike() {
    let (federal, standard) = (RulePack::federal(), RulePack::standard());
    agree(0..cases() / 10, |chance| {
        let (now, pack) = (chance.instant(), if chance.whether(20) { &federal } else { &standard });
        (chance.facts(now), pack.clone(), now)
    });
}
