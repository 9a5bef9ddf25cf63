//! Why was it lawful: verdicts are explained with the rules they were made with, and checked by a second reading.

use wib_core::{
    calls::StartCall,
    compliance::{
        GuidePhase, Outcome, RulePack, StoredVerdict,
        checker::{check_file, check_file_by},
    },
    kit::{Error, Id, Kind, Principal},
    store::Repo,
};
use wib_http::rules::{Follower, in_force};

use crate::{
    billing::House,
    stage::{Stage, magic, phone},
};

/// Use cases of this file, and the line of the audit log that each leaves.
pub(crate) const CHANGES: &[(&str, &str)] = &[("compliance_guide", "compliance:guide_viewed")];

/// The same rules under another name.
fn renamed(version: &str) -> RulePack {
    let standard = RulePack::standard();
    RulePack::new(version, standard.definitions, standard.rules)
}
fn verdict_id(error: &Error) -> Id<StoredVerdict> {
    error.details()["verdict_id"].as_str().unwrap().parse().unwrap()
}
async fn kept(stage: &Stage, id: Id<StoredVerdict>) -> StoredVerdict {
    Repo::find(&mut *stage.store.org(stage.org.id()).await.unwrap(), id).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_call_is_explained_by_the_rules_it_was_placed_under() {
    let stage = Stage::new().await;
    let account = stage.account(&magic(1)).await;
    let call = stage.start(&account).await.unwrap();
    let then = stage.wib.rules().hash().unwrap();
    stage.wib.adopt_rules(renamed("later")).await.unwrap();

    let file = stage.org.explain_call(call.id).await.unwrap().to_bytes().unwrap();
    let report = check_file_by(&file, std::slice::from_ref(&then));
    assert!(report.holds && report.outcome == Some(Outcome::Permit), "{:?}", report.faults);
    assert_eq!(report.pack_hash, Some(then));
    let stored = kept(&stage, call.verdict_id.unwrap()).await;
    assert_eq!(report.explanation_hash, Some(stored.explanation_hash), "what the evidence seals");
    assert!(!check_file_by(&file, &[stage.wib.rules().hash().unwrap()]).holds);
}

#[tokio::test]
async fn a_refusal_is_explained_and_a_kinder_story_is_found_out() {
    let stage = Stage::from("2026-06-02T02:00:00Z", 1).await;
    let account = stage.account(&magic(5)).await;
    let id = verdict_id(&stage.refused(&account).await);
    let file = stage.org.explain_verdict(id).await.unwrap();
    assert_eq!(file.explanation().unwrap().outcome, Outcome::Defer);
    let bytes = file.to_bytes().unwrap();
    assert!(check_file(&bytes).holds, "{:?}", check_file(&bytes).faults);
    let text = String::from_utf8(bytes).unwrap();
    let moved = text.replacen("2026-06-02T02:00:00Z", "2026-06-02T15:00:00Z", 1);
    let report = check_file(moved.as_bytes());
    let parts: Vec<_> = report.faults.iter().map(|f| f.part.as_str()).collect();
    assert!(moved != text && report.readable && !report.holds, "{report:?}");
    assert!(parts.contains(&"finding RF-TIME.outcome") && parts.contains(&"outcome"), "{parts:?}");
}

#[tokio::test]
async fn what_was_judged_by_rules_that_are_not_kept_is_refused_by_their_name() {
    let stage = Stage::from("2026-06-02T02:00:00Z", 1).await;
    let account = stage.account(&magic(5)).await;
    let mut verdict = kept(&stage, verdict_id(&stage.refused(&account).await)).await;
    verdict.id = "019e8a00-0000-7000-8000-000000000001".parse().unwrap();
    verdict.explanation["pack_hash"] = "sha256:0123".into();
    let mut tx = stage.store.org(stage.org.id()).await.unwrap();
    Repo::insert(&mut *tx, &verdict).await.unwrap();
    tx.commit().await.unwrap();
    let error = stage.org.explain_verdict(verdict.id).await.unwrap_err();
    assert_eq!((error.kind(), error.machine_code()), (Kind::NotFound, "rule_pack_not_kept"), "{error:?}");
    assert!(error.message().contains("sha256:0123"), "{error:?}");
}

#[tokio::test]
async fn nobody_is_told_why_anothers_call_was_lawful() {
    let stage = Stage::new().await;
    let account = stage.account(&magic(1)).await;
    let call = stage.start(&account).await.unwrap();
    let other = stage.wib.system().create_organization("Other").await.unwrap();
    let other = stage.wib.org(Principal::service(other.id)).await.unwrap();
    assert_eq!(other.explain_call(call.id).await.unwrap_err().kind(), Kind::NotFound);
    assert_eq!(other.explain_verdict(call.verdict_id.unwrap()).await.unwrap_err().kind(), Kind::NotFound);
}

#[tokio::test]
async fn a_folder_of_rules_is_followed_and_a_bad_one_changes_nothing() {
    let stage = Stage::new().await;
    let account = stage.account(&magic(1)).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("house.json");
    let rule = |id: &str, opens: &str| {
        format!(
            r#"{{"version":"house","rules":[{{"id":"{id}","title":"Afternoons.","citation":"house rule 1",
            "jurisdiction":"US","confidence":"p","effective_from":null,"effective_to":null,
            "source_checked_on":"2026-11-01","acts":["dial"],"check":{{"kind":"hours","opens":"{opens}",
            "closes":"20:00:00","not_sundays":false,"not_holidays":false}}}}]}}"#
        )
    };
    let mut follower = Follower::new(&stage.wib, folder.path().to_owned());
    assert!(!follower.look().await.unwrap(), "an empty folder is the built-in rules");

    std::fs::write(&path, rule("HOUSE-TIME", "14:00:00")).unwrap();
    assert!(follower.look().await.unwrap());
    assert!(!follower.look().await.unwrap());
    assert_eq!(in_force(Some(folder.path())).unwrap(), *stage.wib.rules());
    let error = stage.refused(&account).await;
    assert_eq!(error.details()["blocked_by"], "HOUSE-TIME", "half past twelve is too early for this house");
    let file = stage.org.explain_verdict(verdict_id(&error)).await.unwrap().to_bytes().unwrap();
    assert!(check_file(&file).holds, "the rules of the house are kept too: {:?}", check_file(&file).faults);

    let rules = stage.wib.rules();
    for bad in ["{", &rule("RF-TIME", "14:00:00"), &rule("HOUSE-TIME", "21:00:00")] {
        std::fs::write(&path, bad).unwrap();
        let error = follower.look().await.unwrap_err();
        assert!(error.message().contains("house.json"), "{error:?}");
        assert_eq!(stage.wib.rules(), rules);
    }
    std::fs::remove_file(&path).unwrap();
    assert!(follower.look().await.unwrap());
    assert_eq!(*stage.wib.rules(), RulePack::standard());
    let to = StartCall { to: Some(phone(&magic(1))), account_id: Some(account.id), ..StartCall::default() };
    stage.org.start_call(to).await.expect("the built-in rules permit it");
    drop(folder);
    assert!(follower.look().await.is_err(), "a folder that is gone is no empty folder");
}

#[tokio::test]
async fn the_guide_is_read_off_the_rules_in_force() {
    let house = House::open().await;
    let guide = house.org.compliance_guide().await.unwrap();
    let pack = house.wib.rules();
    assert_eq!(guide.pack, pack.version);
    assert!(guide.modes.iter().map(|mode| mode.id).eq(["coach", "compliance"]));
    assert!(
        guide.rules.iter().all(|rule| pack.rules.iter().any(|known| known.id == rule.id && known.title == rule.title))
    );
    for phase in [GuidePhase::PreCall, GuidePhase::InCall, GuidePhase::PostCall] {
        assert!(guide.checklist.iter().any(|item| item.phase == phase), "{phase}");
    }
    // Rules that change change it.
    let mut fewer = (*pack).clone();
    fewer.version = "fewer".to_owned();
    let gone = fewer.rules.iter().position(|rule| rule.exempts.is_empty() && rule.jurisdiction != "US").unwrap();
    let gone = fewer.rules.remove(gone).id;
    fewer.rules.retain(|rule| !rule.exempts.contains(&gone));
    house.wib.swap_rules(fewer).unwrap();
    let after = house.org.compliance_guide().await.unwrap();
    assert_eq!(after.pack, "fewer");
    assert!(after.rules.iter().all(|rule| rule.id != gone));
    assert_eq!(house.lines("compliance:guide_viewed").await, 2);
}
