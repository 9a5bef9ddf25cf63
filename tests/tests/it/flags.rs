//! Flags, ways to sign in, and whoever runs the installation.

use std::time::Duration;

use wib_core::{
    Person,
    audit::AuditEvent,
    auth::{LogIn, SignUp},
    flags::{CreateGlobalFlag, CreateOrgFlag, OrgFlag, UpdateGlobalFlag, UpdateOrgFlag},
    kit::{ExposeSecret, Kind, PageRequest, Principal, Role},
    platform::MakePlatformAdmin,
    secrets::Vault,
    sso::{Provider, SetAuthProvider},
};
use wib_storage::testing::memory_store;

use crate::{
    audit::FLAGS,
    stage::{NOON, Stage, at},
};

const PASSWORD: &str = "a long enough password";

pub(crate) fn a_flag(feature: &str) -> CreateOrgFlag {
    CreateOrgFlag {
        feature: feature.to_owned(),
        enabled: true,
        disabled_reason: None,
        daily_limit: None,
        monthly_limit: None,
    }
}
fn everybodys(feature: &str, enabled: bool) -> CreateGlobalFlag {
    CreateGlobalFlag { feature: feature.to_owned(), enabled }
}

async fn lines(stage: &Stage) -> Vec<AuditEvent> {
    let mut tx = stage.store.org(stage.org.id()).await.unwrap();
    tx.page_of_audit(&PageRequest { limit: 200, ..PageRequest::default() }).await.unwrap().items
}

/// Somebody who signed up, with an organisation when it is named, and signed in.
async fn person(stage: &Stage, email: &str, organization: Option<&str>) -> Person {
    let system = stage.wib.system();
    let account = SignUp {
        email: email.to_owned(),
        password: PASSWORD.into(),
        name: None,
        organization_name: organization.map(str::to_owned),
        csrf_token: Some(system.csrf_token().await.unwrap()),
    };
    system.sign_up(account).await.unwrap();
    signed_in(stage, email).await
}
async fn signed_in(stage: &Stage, email: &str) -> Person {
    let system = stage.wib.system();
    let csrf_token = Some(system.csrf_token().await.unwrap());
    let login = LogIn { email: email.to_owned(), password: PASSWORD.into(), csrf_token, fingerprint: None };
    let token = system.log_in(login).await.unwrap().token;
    stage.wib.person(system.authenticate(token.expose_secret(), "").await.unwrap().unwrap())
}

#[tokio::test]
async fn an_organisations_word_goes_before_everybodys_and_silence_is_off() {
    let stage = Stage::new().await;
    let org = &stage.org;
    assert!(!org.flag("dialer_v2").await, "nobody says anything");
    for on in ["grok_chat_enabled", "openai_chat_enabled", "grok_tts_enabled", "elevenlabs_tts_enabled"] {
        assert!(org.flag(on).await && org.use_flag(on).await, "{on} is on by default");
    }
    let command =
        MakePlatformAdmin { email: "root@example.test".to_owned(), name: None, password: Some(PASSWORD.into()) };
    stage.wib.system().make_platform_admin(command).await.unwrap();
    let desk = signed_in(&stage, "root@example.test").await.platform().unwrap();
    desk.create_global_flag(everybodys("dialer_v2", true)).await.unwrap();
    desk.create_global_flag(everybodys("grok_tts_enabled", false)).await.unwrap();
    assert!(org.flag("dialer_v2").await && org.use_flag("dialer_v2").await);
    assert!(!org.flag("grok_tts_enabled").await, "what is said goes before what is usual");
    org.create_org_flag(CreateOrgFlag { enabled: false, ..a_flag("dialer_v2") }).await.unwrap();
    assert!(!org.flag("dialer_v2").await && !org.use_flag("dialer_v2").await, "our own goes first");
    let elsewhere = stage.wib.system().create_organization("Elsewhere").await.unwrap().id;
    let elsewhere = stage.wib.org(Principal::service(elsewhere)).await.unwrap();
    assert!(elsewhere.flag("dialer_v2").await, "ours is not theirs");
    org.delete_org_flag("dialer_v2").await.unwrap();
    assert!(org.flag("dialer_v2").await, "everybody's holds again, at once");
    let off = UpdateGlobalFlag { feature: "dialer_v2".to_owned(), enabled: Some(false) };
    desk.update_global_flag(off).await.unwrap();
    assert!(!org.flag("dialer_v2").await);
}

#[tokio::test]
async fn without_an_answer_everything_is_off() {
    let clock = std::sync::Arc::new(wib_core::kit::VirtualClock::new(at(NOON)));
    let store = std::sync::Arc::new(memory_store(clock.clone()).await);
    let stage = Stage::on(store.clone(), clock, 1, |builder, _| builder).await;
    assert!(stage.org.flag("grok_chat_enabled").await);
    store.close().await;
    assert!(!stage.org.flag("grok_chat_enabled").await && !stage.org.use_flag("grok_chat_enabled").await);
}

#[tokio::test]
async fn uses_are_counted_by_day_and_by_month_apart() {
    let stage = Stage::new().await;
    let org = &stage.org;
    let limited = CreateOrgFlag { daily_limit: Some(2), monthly_limit: Some(3), ..a_flag("exports") };
    let made = org.create_org_flag(limited).await.unwrap();
    assert!(org.use_flag("exports").await && org.use_flag("exports").await);
    assert!(!org.use_flag("exports").await, "the day is used up");
    assert!(org.flag("exports").await, "it is on nevertheless");
    let read = org.org_flag("exports").await.unwrap();
    assert_eq!((read.daily_usage, read.monthly_usage, read.updated_at), (2, 2, made.updated_at));
    stage.pass(24 * 3600);
    let read = org.org_flag("exports").await.unwrap();
    assert_eq!((read.daily_usage, read.monthly_usage), (0, 2), "the day begins anew, the month does not");
    assert!(org.use_flag("exports").await && !org.use_flag("exports").await, "the month is used up");
    stage.pass(24 * 3600);
    assert!(!org.use_flag("exports").await, "another day is not another month");
    let more = UpdateOrgFlag { feature: "exports".to_owned(), monthly_limit: Some(None), ..UpdateOrgFlag::default() };
    org.update_org_flag(more).await.unwrap();
    assert!(org.use_flag("exports").await, "no limit of the month");
    stage.pass(31 * 24 * 3600);
    let read = org.org_flag("exports").await.unwrap();
    assert_eq!((read.daily_usage, read.monthly_usage), (0, 0));
    let off = UpdateOrgFlag { feature: "exports".to_owned(), enabled: Some(false), ..UpdateOrgFlag::default() };
    org.update_org_flag(off).await.unwrap();
    assert!(!org.use_flag("exports").await, "off is off under any limit");
}

#[tokio::test]
async fn changes_of_flags_and_ways_to_sign_in_leave_lines_without_reasons_and_secrets() {
    let vault = Vault::from_hex(&"11".repeat(32), []).unwrap();
    let stage = Stage::with(NOON, 1, |builder, _| builder.vault(vault)).await;
    let org = &stage.org;
    org.create_org_flag(a_flag("exports")).await.unwrap();
    let update = UpdateOrgFlag {
        feature: "exports".to_owned(),
        enabled: Some(false),
        disabled_reason: Some(Some("Quentin said so".to_owned())),
        ..UpdateOrgFlag::default()
    };
    let off: OrgFlag = org.update_org_flag(update.clone()).await.unwrap();
    assert_eq!((off.disabled_at, off.disabled_reason.as_deref()), (Some(stage.now()), Some("Quentin said so")));
    let before = lines(&stage).await.len();
    assert_eq!(org.update_org_flag(update).await.unwrap(), off);
    assert_eq!(lines(&stage).await.len(), before, "what changes nothing leaves no line");
    org.delete_org_flag("exports").await.unwrap();
    let set = SetAuthProvider {
        provider: Provider::Google,
        enabled: Some(true),
        client_id: Some(Some("client-7788".to_owned())),
        client_secret: Some(Some("sk-canary-hunter2".into())),
        config: None,
    };
    let row = org.set_auth_provider(set.clone()).await.unwrap();
    assert!(row.configured() && row.masked_client().as_deref() == Some("***7788"));
    assert_eq!(org.secret("auth_provider.google").await.unwrap().expose_secret(), "sk-canary-hunter2");
    let kept = SetAuthProvider { enabled: Some(false), client_id: None, client_secret: None, ..set.clone() };
    let row = org.set_auth_provider(kept).await.unwrap();
    assert!(row.configured() && !row.enabled, "what is absent stays");
    let gone = SetAuthProvider { enabled: None, client_id: None, client_secret: Some(None), ..set };
    assert!(!org.set_auth_provider(gone).await.unwrap().configured());
    assert_eq!(org.secret("auth_provider.google").await.unwrap_err().kind(), Kind::NotFound);
    let log = lines(&stage).await;
    for (name, action) in FLAGS {
        assert!(log.iter().any(|line| line.action == *action), "{name} leaves no {action}");
    }
    let all = serde_json::to_string(&log).unwrap();
    for private in ["Quentin", "hunter2", "client-7788"] {
        assert!(!all.contains(private), "{private} is in the log");
    }
}

#[tokio::test]
async fn only_admins_have_flags_and_ways_to_sign_in() {
    let stage = Stage::new().await;
    let manager = Principal { role: Role::Manager, ..Principal::service(stage.org.id()) };
    let org = stage.wib.org(manager).await.unwrap();
    let set =
        SetAuthProvider { provider: Provider::Saml, enabled: None, client_id: None, client_secret: None, config: None };
    let refused = [
        org.list_org_flags().await.unwrap_err(),
        org.org_flag("x").await.unwrap_err(),
        org.create_org_flag(a_flag("x")).await.unwrap_err(),
        org.update_org_flag(UpdateOrgFlag { feature: "x".to_owned(), ..UpdateOrgFlag::default() }).await.unwrap_err(),
        org.delete_org_flag("x").await.unwrap_err(),
        org.auth_providers().await.unwrap_err(),
        org.set_auth_provider(set).await.unwrap_err(),
        org.roles().unwrap_err(),
    ];
    assert!(refused.iter().all(|error| error.kind() == Kind::Forbidden), "{refused:?}");
}

#[tokio::test]
async fn a_platform_administrator_is_made_of_an_account_or_with_one_and_is_told_of() {
    let stage = Stage::new().await;
    let system = stage.wib.system();
    let make = |email: &str, password: Option<&str>| MakePlatformAdmin {
        email: email.to_owned(),
        name: None,
        password: password.map(Into::into),
    };
    for (command, field) in [
        (make("nobody", Some(PASSWORD)), "email"),
        (make("", Some(PASSWORD)), "email"),
        (make("new@example.test", None), "password"),
        (make("new@example.test", Some("short")), "password"),
        (MakePlatformAdmin { name: Some("x".repeat(101)), ..make("new@example.test", Some(PASSWORD)) }, "name"),
    ] {
        let error = system.make_platform_admin(command).await.unwrap_err();
        assert_eq!((error.kind(), error.fields()[0].field.as_str()), (Kind::Invalid, field));
    }
    let ann = person(&stage, "ann@example.test", Some("Acme")).await;
    assert_eq!(ann.platform().unwrap_err().kind(), Kind::Forbidden);
    let (user, new) = system.make_platform_admin(make("Ann@Example.test", None)).await.unwrap();
    assert!(user.platform_admin && !new);
    let desk = signed_in(&stage, "ann@example.test").await.platform().unwrap();
    let flag = desk.create_global_flag(everybodys("dialer_v2", true)).await.unwrap();
    desk.delete_global_flag("dialer_v2").await.unwrap();
    assert_eq!(desk.delete_global_flag("dialer_v2").await.unwrap_err().kind(), Kind::NotFound);
    let home = ann.signed_in().principal.unwrap().organization_id;
    let mut tx = stage.store.org(home).await.unwrap();
    let log = tx.page_of_audit(&PageRequest { limit: 50, ..PageRequest::default() }).await.unwrap().items;
    drop(tx);
    for (action, id) in [
        ("platform:admin_made", user.id.uuid()),
        ("feature_flag:created", flag.id.uuid()),
        ("feature_flag:deleted", flag.id.uuid()),
    ] {
        assert!(log.iter().any(|l| l.action == action && l.resource_id == Some(id)), "{action}: {log:?}");
    }
    assert!(!system.drop_platform_admin("ann@example.test").await.unwrap().platform_admin);
    assert!(signed_in(&stage, "ann@example.test").await.platform().is_err());
    assert_eq!(system.drop_platform_admin("nobody@example.test").await.unwrap_err().kind(), Kind::NotFound);
    let (root, new) = system.make_platform_admin(make("root@example.test", Some(PASSWORD))).await.unwrap();
    assert!(root.platform_admin && new && root.name == "root");
    let desk = signed_in(&stage, "root@example.test").await.platform().unwrap();
    let totals = desk.totals().await.unwrap();
    assert_eq!((totals.users, totals.active_calls, totals.now), (2, 0, stage.now()), "{totals:?}");
    stage.clock.advance(Duration::from_secs(8 * 24 * 3600));
    assert_eq!(desk.totals().await.unwrap().sessions, 0, "sessions are over after a week");
}
