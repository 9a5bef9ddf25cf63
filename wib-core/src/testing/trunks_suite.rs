//! The conformance suite of [`Trunks`]: a function per promise.
//!
//! ```text
//! async fn make() -> Arc<dyn Trunks> { .. }   // one that was made empty, or holds what the vendor starts with
//! wib_core::trunks_suite!(make);              // one named test per case
//! ```

use std::sync::Arc;

use crate::{
    kit::text::TextEnum,
    ports::{
        Fault, Trunks,
        pages::whole,
        trunks::{Access, DnsRecord, OutboundProfile, Peer, PeerAt, Trunk, TrunkId, TrunkKind},
    },
};

/// Makes one test per case. `make` is an `async fn() -> Arc<dyn Trunks>`.
#[macro_export]
macro_rules! trunks_suite {
    ($make:path) => {
        $crate::suite_cases! { trunks_suite, $make:
            a_trunk_of_every_kind_is_made_changed_and_deleted
            a_trunk_needs_what_its_kind_needs
            far_ends_are_those_of_their_trunk
            a_profile_is_made_changed_and_deleted
            a_limit_that_is_taken_away_is_gone
            a_password_is_never_shown
        }
    };
}

fn trunk(kind: TrunkKind) -> Trunk {
    let access = match kind {
        TrunkKind::Application => Access::Application,
        TrunkKind::Credential => {
            Access::Credential { user_name: "office".to_owned(), password: Some("hunter2hunter2".to_owned().into()) }
        }
        TrunkKind::Fqdn => Access::Fqdn,
        TrunkKind::Ip => Access::Ip,
    };
    Trunk {
        name: format!("suite {kind}"),
        active: true,
        access,
        outbound_profile: None,
        outbound_channels: Some(10),
        inbound_channels: None,
        webhook_url: Some("https://wib.test/webhooks/suite".to_owned()),
    }
}

fn profile() -> OutboundProfile {
    OutboundProfile {
        name: "suite".to_owned(),
        enabled: true,
        destinations: vec!["US".to_owned(), "CA".to_owned()],
        daily_spend_minor: Some(12_345),
        dearest_minute_micros: Some(50_500),
        calls_at_once: Some(7),
    }
}

/// It is found by its name and by its id alone, and in the list of its kind; a change leaves what it does not name.
pub async fn a_trunk_of_every_kind_is_made_changed_and_deleted(trunks: Arc<dyn Trunks>) {
    let profile = trunks.create_profile(&profile()).await.expect("a profile");
    for kind in TrunkKind::ALL.iter().copied() {
        let wanted = Trunk { outbound_profile: Some(profile.id.clone()), ..trunk(kind) };
        let made = trunks.create_trunk(&wanted).await.expect("a trunk");
        assert_eq!((made.id.kind, &made.trunk.name), (kind, &wanted.name));
        let found = trunks.trunk(&made.id).await.expect("an answer").expect("the trunk");
        assert_eq!((found.trunk.outbound_channels, found.trunk.active), (Some(10), true));
        assert_eq!((found.trunk.outbound_profile.as_ref(), found.trunk.inbound_channels), (Some(&profile.id), None));
        assert_eq!(trunks.find_trunk(&made.id.id).await.expect("an answer"), Some(made.id.clone()));
        let mut changed = Trunk { name: format!("changed {kind}"), active: false, ..trunk(kind) };
        changed.outbound_channels = None;
        changed.inbound_channels = Some(3);
        if let Access::Credential { password, .. } = &mut changed.access {
            *password = None;
        }
        let kept = trunks.update_trunk(&made.id.id, &changed).await.expect("the trunk").trunk;
        assert_eq!((kept.name.as_str(), kept.active), (&*format!("changed {kind}"), false));
        assert_eq!((kept.outbound_channels, kept.inbound_channels), (Some(10), Some(3)));
        let listed = whole("suite", 50, |place| trunks.trunks(kind, place)).await.expect("the list");
        assert_eq!(listed.iter().filter(|kept| kept.id == made.id).count(), 1);
        for _ in 0..2 {
            trunks.delete_trunk(&made.id).await.expect("deleted");
        }
        assert!(trunks.trunk(&made.id).await.expect("an answer").is_none());
        assert_eq!(trunks.find_trunk(&made.id.id).await.expect("an answer"), None);
        assert_eq!(trunks.update_trunk(&made.id.id, &changed).await.expect_err("gone").fault, Fault::Missing);
    }
}

/// An application an address for its events, one of credentials a password.
pub async fn a_trunk_needs_what_its_kind_needs(trunks: Arc<dyn Trunks>) {
    let deaf = Trunk { webhook_url: None, ..trunk(TrunkKind::Application) };
    assert_eq!(trunks.create_trunk(&deaf).await.expect_err("refused").fault, Fault::Request);
    let access = Access::Credential { user_name: "open".to_owned(), password: None };
    let open = Trunk { access, ..trunk(TrunkKind::Credential) };
    assert_eq!(trunks.create_trunk(&open).await.expect_err("refused").fault, Fault::Request);
}

/// Hosts of one of hosts, addresses of one of addresses, no others.
pub async fn far_ends_are_those_of_their_trunk(trunks: Arc<dyn Trunks>) {
    let host = PeerAt::Host { name: "sip.example.test".to_owned(), record: DnsRecord::Srv };
    let address = PeerAt::Ip([192, 0, 2, 7].into());
    for (kind, at, other) in [(TrunkKind::Fqdn, &host, &address), (TrunkKind::Ip, &address, &host)] {
        let made = trunks.create_trunk(&trunk(kind)).await.expect("a trunk").id;
        let elsewhere = trunks.create_trunk(&trunk(kind)).await.expect("a trunk").id;
        let peer = Peer { at: at.clone(), port: 5071 };
        let kept = trunks.add_peer(&made, &peer).await.expect("a far end");
        assert_eq!(kept.peer, peer);
        let wrong = Peer { at: other.clone(), port: 5060 };
        assert_eq!(trunks.add_peer(&made, &wrong).await.expect_err("refused").fault, Fault::Request);
        let of =
            async |trunk: &TrunkId| whole("suite", 50, |place| trunks.peers(trunk, place)).await.expect("the list");
        assert_eq!(of(&made).await, std::slice::from_ref(&kept));
        assert_eq!(of(&elsewhere).await, []);
        for _ in 0..2 {
            trunks.remove_peer(&kept).await.expect("removed");
        }
        assert_eq!(of(&made).await, []);
    }
}

/// With all its limits, to the last unit.
pub async fn a_profile_is_made_changed_and_deleted(trunks: Arc<dyn Trunks>) {
    let made = trunks.create_profile(&profile()).await.expect("a profile");
    assert_eq!(made.profile, profile());
    assert_eq!(trunks.profile(&made.id).await.expect("an answer"), Some(made.clone()));
    let changed = OutboundProfile { enabled: false, destinations: vec!["US".to_owned()], ..profile() };
    let kept = trunks.update_profile(&made.id, &changed).await.expect("the profile");
    assert_eq!(kept.profile, changed);
    let listed = whole("suite", 50, |place| trunks.profiles(place)).await.expect("the list");
    assert!(listed.contains(&kept));
    for _ in 0..2 {
        trunks.delete_profile(&made.id).await.expect("deleted");
    }
    assert_eq!(trunks.profile(&made.id).await.expect("an answer"), None);
}

/// Of money and of calls alike.
pub async fn a_limit_that_is_taken_away_is_gone(trunks: Arc<dyn Trunks>) {
    let made = trunks.create_profile(&profile()).await.expect("a profile");
    let free = OutboundProfile { daily_spend_minor: None, calls_at_once: None, ..profile() };
    let kept = trunks.update_profile(&made.id, &free).await.expect("the profile");
    assert_eq!(kept.profile, free);
    assert_eq!(trunks.profile(&made.id).await.expect("an answer").expect("the profile").profile, free);
}

/// Neither in what is asked nor in what is answered.
pub async fn a_password_is_never_shown(trunks: Arc<dyn Trunks>) {
    let wanted = trunk(TrunkKind::Credential);
    let made = trunks.create_trunk(&wanted).await.expect("a trunk");
    let found = trunks.trunk(&made.id).await.expect("an answer");
    let shown = format!("{wanted:?} {made:?} {found:?} {trunks:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
}
