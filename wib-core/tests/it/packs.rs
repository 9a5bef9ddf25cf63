//! Packs of rules: the built-in one, what is refused, what an overlay may do.

use wib_core::{
    compliance::{Check, Rule, RuleId, RulePack},
    kit::Kind,
};

fn rule(id: &'static str) -> Rule {
    let mut rule = RulePack::federal().rules.into_iter().find(|r| r.id.as_str() == "RF-TIME").unwrap();
    rule.id = RuleId::new(id);
    rule
}
fn overlay(rules: Vec<Rule>) -> RulePack {
    RulePack::new("acme-1", vec![], rules)
}
#[track_caller]
fn refused(result: wib_core::kit::Result<impl std::fmt::Debug>, naming: &str) {
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.machine_code()), (Kind::Invalid, "BAD_RULES"));
    assert!(error.to_string().contains(naming), "{error}");
}
/// The federal pack with one rule changed.
fn spoiled(id: &str, change: impl FnOnce(&mut Rule)) -> RulePack {
    let mut pack = RulePack::federal();
    change(pack.rules.iter_mut().find(|r| r.id.as_str() == id).unwrap());
    pack
}

#[test]
fn the_built_in_rules_are_checked_and_cover_every_kind_of_check() {
    let pack = RulePack::standard();
    assert!(pack.check().is_ok());
    assert_eq!((pack.version.as_str(), RulePack::federal().version.as_str()), ("us-2026-11", "federal-2026-11"));
    let kinds: std::collections::BTreeSet<_> = pack
        .rules
        .iter()
        .map(|r| serde_json::to_value(&r.check).unwrap()["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds.len(), 22, "{kinds:?}");
    assert_eq!(pack.hash().unwrap(), RulePack::standard().hash().unwrap());
    assert_ne!(pack.hash().unwrap(), RulePack::federal().hash().unwrap());
}

#[test]
fn an_overlay_adds_rules_and_takes_none_away() {
    let federal = RulePack::federal();
    let more = RulePack::layered(federal.clone(), [overlay(vec![rule("ACME-TIME")])]).unwrap();
    assert_eq!(more.version, "federal-2026-11+acme-1");
    assert_eq!(more.rules[..federal.rules.len()], federal.rules);
    assert_eq!(more.rules.last().unwrap().id.as_str(), "ACME-TIME");
    assert_ne!(more.hash().unwrap(), federal.hash().unwrap());
}

#[test]
fn an_overlay_that_loosens_is_refused_by_name() {
    let laid = |rules| RulePack::layered(RulePack::federal(), [overlay(rules)]);
    refused(laid(vec![rule("RF-TIME")]), "RF-TIME is there twice");
    let exempting = Rule { exempts: vec![RuleId::new("RF-TIME")], ..rule("ACME-ANYTIME") };
    refused(laid(vec![exempting]), "ACME-ANYTIME exempts from a rule that is not here");
    let own = Rule { exempts: vec![RuleId::new("ACME-TIME")], ..rule("ACME-ANYTIME") };
    assert!(laid(vec![rule("ACME-TIME"), own]).is_ok());
    let meaning = RulePack::federal().definitions.remove(0);
    let says = RulePack::new("acme-1", vec![meaning], vec![]);
    refused(RulePack::layered(RulePack::federal(), [says]), "RF-FREQ-BOTH is there twice");
}

#[test]
fn a_pack_that_makes_no_sense_is_refused_by_name() {
    let twice = RulePack::new("twice", vec![], vec![rule("A-1"), rule("A-1")]);
    refused(twice.check(), "A-1 is there twice");
    refused(RulePack::new(" ", vec![], vec![]).check(), "version");
    refused(spoiled("RF-TIME", |r| r.citation.clear()).check(), "RF-TIME has no title, or no citation");
    refused(spoiled("RF-TIME", |r| r.acts.clear()).check(), "RF-TIME binds no act");
    refused(spoiled("RF-TIME", |r| r.jurisdiction = "MA".to_owned()).check(), "RF-TIME has a jurisdiction");
    refused(spoiled("RF-TIME", |r| r.jurisdiction = "US-".to_owned()).check(), "RF-TIME has a jurisdiction");
    refused(
        spoiled("RF-TIME", |r| r.effective_to = Some("2001-01-01".parse().unwrap())).check(),
        "ends before it begins",
    );
    refused(spoiled("RF-TIME", |r| r.id = RuleId::new("rf time")).check(), "no name");
    refused(spoiled("RF-FREQ-X-CONSENT", |r| r.jurisdiction = "US-MA".to_owned()).check(), "another jurisdiction");
    refused(spoiled("RF-FREQ-X-CONSENT", |r| r.roles.clear()).check(), "other roles");
    refused(spoiled("RF-FREQ-X-CONSENT", |r| r.exempts = vec![RuleId::new("RF-FREQ-X-PRO")]).check(), "an exemption");
    for (id, check) in [
        (
            "RF-TIME",
            r#"{"kind":"hours","opens":"21:00:00","closes":"08:00:00","not_sundays":false,"not_holidays":false}"#,
        ),
        (
            "RF-TIME",
            r#"{"kind":"hours","opens":"08:00:00","closes":"08:00:00","not_sundays":false,"not_holidays":false}"#,
        ),
        ("RF-TIME", r#"{"kind":"spacing","minutes":0,"per":"debt"}"#),
        ("RF-TIME", r#"{"kind":"spacing","minutes":5270401,"per":"debt"}"#),
        ("RF-TIME", r#"{"kind":"quiet","days":0}"#),
        ("RF-TIME", r#"{"kind":"fresh_consent","days":0}"#),
        ("RF-TIME", r#"{"kind":"fresh_consent","days":3661}"#),
        ("RF-TIME", r#"{"kind":"abandoned","per_mille":1001}"#),
        ("RF-TIME", r#"{"kind":"kept","class":"recording","years":0,"from":"made"}"#),
        ("RF-TIME", r#"{"kind":"kept","class":"recording","years":101,"from":"made"}"#),
        ("RF-TIME", r#"{"kind":"not_listed","lists":[],"unless":[]}"#),
        ("RF-TIME", r#"{"kind":"holders","of":[]}"#),
        ("RF-TIME", r#"{"kind":"no_circumstance","of":[],"spare":[],"places":[]}"#),
        ("RF-TIME", r#"{"kind":"consent","scopes":[],"written":false,"lines":[],"revoke_all":true}"#),
        ("RF-TIME", r#"{"kind":"answers","when":[],"wanted":[],"unmet":"deny","needed":"it"}"#),
        (
            "RF-TIME",
            r#"{"kind":"answers","when":[],"wanted":[{"flag":"card_data","is":true}],"unmet":"permit","needed":"it"}"#,
        ),
        (
            "RF-TIME",
            r#"{"kind":"answers","when":[],"wanted":[{"flag":"card_data","is":true}],"unmet":"defer","needed":"it"}"#,
        ),
        (
            "RF-TIME",
            r#"{"kind":"answers","when":[],"wanted":[{"flag":"card_data","is":true}],"unmet":"deny","needed":""}"#,
        ),
        (
            "RF-TIME",
            r#"{"kind":"count","kinds":[],"media":[],"technologies":[],"places":[],"per":"debt","window":{"hours":0},"cap":1}"#,
        ),
        (
            "RF-TIME",
            r#"{"kind":"count","kinds":[],"media":[],"technologies":[],"places":[],"per":"debt","window":{"days":0},"cap":1}"#,
        ),
        (
            "RF-TIME",
            r#"{"kind":"count","kinds":[],"media":[],"technologies":[],"places":[],"per":"debt","window":{"hours":87841},"cap":1}"#,
        ),
    ] {
        let check: Check = serde_json::from_str(check).unwrap();
        refused(spoiled(id, |r| r.check = check).check(), "RF-TIME has parameters that make no sense");
    }
}

#[test]
fn a_text_that_is_no_pack_is_refused() {
    let text = serde_json::to_string(&RulePack::federal()).unwrap();
    assert_eq!(RulePack::from_json(text.as_bytes()).unwrap(), RulePack::federal());
    refused(RulePack::from_json(b""), "no pack");
    refused(RulePack::from_json(&[0xff; 64]), "no pack");
    refused(RulePack::from_json(text.replace("\"rules\"", "\"rulez\"").as_bytes()), "no pack");
    refused(RulePack::from_json(text.replace("\"cap\":7", "\"cap\":0").as_bytes()), "no pack");
    refused(RulePack::from_json(text.replace("\"hours\":168", "\"fortnights\":1").as_bytes()), "no pack");
    refused(RulePack::from_json(text.replace("\"kind\":\"quiet\"", "\"kind\":\"loud\"").as_bytes()), "no pack");
    refused(RulePack::from_json("[".repeat(100_000).as_bytes()), "no pack");
    refused(RulePack::from_json(&vec![b' '; (1 << 20) + 1]), "at most");
    for end in (0..text.len()).step_by(97) {
        assert!(RulePack::from_json(&text.as_bytes()[..end]).is_err(), "cut off at {end}");
    }
}

#[cfg(feature = "schema")]
#[test]
fn the_schema_of_rule_files_is_the_one_of_the_types() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/rules/schema.json");
    let schema = serde_json::to_value(schemars::schema_for!(RulePack)).unwrap();
    let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap_or_default()).unwrap_or_default();
    if std::env::var_os("WIB_WRITE_SCHEMA").is_some() {
        std::fs::write(path, serde_json::to_string_pretty(&schema).unwrap() + "\n").unwrap();
    }
    assert!(kept == schema, "rules/schema.json is not what the types say; WIB_WRITE_SCHEMA=1 writes it anew");
}
