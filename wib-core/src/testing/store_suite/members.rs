//! Who belongs to an organisation, and who is to.

use super::*;
use crate::{
    auth::{ApiKey, PasswordReset, Permissions},
    orgs::{Author, Invite, InviteStatus, InvitedRole, Team, TeamMember},
};

fn a_key(hash: &str) -> ApiKey {
    ApiKey {
        id: id(),
        name: "Ærø".to_owned(),
        prefix: "wib_00".to_owned(),
        key_hash: hash.to_owned(),
        permissions: Permissions(vec!["call:read".to_owned()]),
        created_by: None,
        created_at: at(1),
        expires_at: Some(at(100)),
        revoked_at: None,
        last_used_at: Some(at(2)),
    }
}
fn a_team(name: &str) -> Team {
    Team {
        id: id(),
        name: name.to_owned(),
        description: Some("Those who call".to_owned()),
        team_type: "department".to_owned(),
        parent_team_id: None,
        manager_user_id: None,
        is_active: true,
        created_at: at(1),
        updated_at: at(2),
    }
}
fn an_invite(email: &str, hash: &str) -> Invite {
    Invite {
        id: id(),
        email: email.to_owned(),
        role: InvitedRole::Manager,
        token_hash: hash.to_owned(),
        status: InviteStatus::Pending,
        invited_by: None,
        created_at: at(1),
        expires_at: at(100),
    }
}
fn a_member(t: &Tenant, role: Role) -> Member {
    Member { id: id(), organization_id: t.org, user_id: t.user, role, created_at: at(1) }
}

/// Keys, teams, places in them and invitations: every field; one tenant's; found by what they are found by.
pub async fn teams_keys_and_invitations_come_back_and_are_one_tenants(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let (hash, token) = (fresh::<ApiKey>("key"), fresh::<Invite>("token"));
    let (key, invite) = (a_key(&hash), an_invite("x@example.org", &token));
    let top = Team { manager_user_id: Some(t.user), ..a_team("Top") };
    let part = Team { parent_team_id: Some(top.id), created_at: at(2), ..a_team("Part") };
    let place =
        TeamMember { id: id(), team_id: top.id, user_id: t.user, team_role: "lead".to_owned(), joined_at: at(3) };
    let member = a_member(&t, Role::Owner);
    comes_back(store, t.org, std::slice::from_ref(&member)).await;
    comes_back(store, t.org, std::slice::from_ref(&key)).await;
    comes_back(store, t.org, &[top.clone(), part.clone()]).await;
    comes_back(store, t.org, std::slice::from_ref(&place)).await;
    comes_back(store, t.org, std::slice::from_ref(&invite)).await;
    org!(store, other.org, |tx| {
        assert_eq!(tx.api_keys(9).await.expect("read"), []);
        assert_eq!(tx.count_api_keys(at(1)).await.expect("read"), 0);
        assert_eq!(tx.lock_owners().await.expect("read"), []);
        assert_eq!(tx.member_of_user(t.user).await.expect("read"), None);
        assert_eq!(tx.open_invites(at(1), 9).await.expect("read"), []);
        assert_eq!((tx.count_teams().await.expect("read"), tx.count_team(top.id).await.expect("read")), (0, 0));
        assert_eq!(tx.page_of_teams(&PageRequest::default()).await.expect("read").total, 0);
        assert_eq!(tx.team_members(top.id, 9).await.expect("read"), []);
        assert_eq!(tx.members_of_team(top.id, 9).await.expect("read"), []);
        assert_eq!(tx.team_sizes(&[top.id]).await.expect("read"), []);
        assert!(!tx.leave_team(top.id, t.user).await.expect("nothing of another's"));
        tx.expire_invites(at(500)).await.expect("nothing of another's");
        tx.remove_member(t.user).await.expect("nothing of another's");
    });
    let mut tx = store.org(other.org).await.expect("a transaction opens");
    let forged = Team { parent_team_id: Some(top.id), ..a_team("Forged") };
    assert!(tx.insert(&forged).await.is_err(), "no part of another organisation's team");
    drop(tx);
    org!(store, t.org, |tx| {
        assert_eq!(tx.api_keys(9).await.expect("read"), std::slice::from_ref(&key));
        assert_eq!(tx.count_api_keys(at(99)).await.expect("read"), 1);
        assert_eq!(tx.count_api_keys(at(100)).await.expect("read"), 0, "its time is over");
        assert_eq!(tx.lock_owners().await.expect("read"), std::slice::from_ref(&member));
        assert_eq!(tx.member_of_user(t.user).await.expect("read").as_ref(), Some(&member));
        assert_eq!(tx.count_members().await.expect("read"), 1);
        assert_eq!(tx.open_invites(at(99), 9).await.expect("read"), std::slice::from_ref(&invite));
        assert_eq!(tx.open_invites(at(100), 9).await.expect("read"), []);
        let page = tx.page_of_teams(&PageRequest::default()).await.expect("read");
        assert_eq!((page.items, page.total), (vec![part.clone(), top.clone()], 2));
        assert_eq!(tx.count_team(top.id).await.expect("read"), 1);
        assert_eq!(tx.team_members(top.id, 9).await.expect("read"), std::slice::from_ref(&place));
        assert_eq!(tx.members_of_team(top.id, 9).await.expect("read"), std::slice::from_ref(&member));
        assert_eq!(tx.members_of_team(part.id, 9).await.expect("read"), []);
        assert_eq!(tx.team_sizes(&[part.id, top.id]).await.expect("read"), [(top.id, 1)]);
        assert_eq!(tx.team_sizes(&[]).await.expect("read"), []);
        assert_eq!(tx.team_member(top.id, t.user).await.expect("read").as_ref(), Some(&place));
    });
    // One transaction after another: some stores have room for one.
    let mut tx = store.org(other.org).await.expect("opens");
    assert_eq!(kind_of(tx.insert(&a_key(&hash)).await), Kind::Conflict, "a key of the hash");
    drop(tx);
    let mut tx = store.org(t.org).await.expect("opens");
    assert_eq!(kind_of(tx.insert(&a_team("Top")).await), Kind::Conflict, "a team of the name");
    drop(tx);
    let mut tx = store.org(t.org).await.expect("opens");
    assert_eq!(kind_of(tx.insert(&an_invite("x@example.org", "z")).await), Kind::Conflict, "an open invitation");
    drop(tx);
    system!(store, |tx| {
        let known = tx.user(t.user).await.expect("read").expect("there");
        let author = Author { email: known.email, name: known.name };
        assert_eq!(tx.authors(&[t.user, UserId::from(uuid::Uuid::nil())]).await.expect("read"), [(t.user, author)]);
        assert_eq!(tx.api_key_by_hash(&hash).await.expect("read"), Some((t.org, key.clone())));
        assert_eq!(tx.invite_by_hash(&token).await.expect("read"), Some((t.org, invite.clone())));
        assert_eq!(tx.invite_by_hash("other").await.expect("read"), None);
        assert_eq!(tx.members_of(t.org).await.expect("read"), 1);
        let people = tx.people_of(t.org, 9).await.expect("read");
        assert!(people.len() == 1 && people[0].0 == member && people[0].1.name == "Ada", "{people:?}");
        assert_eq!(tx.people_of(other.org, 9).await.expect("read"), []);
    });
    let closed = Team { is_active: false, ..top.clone() };
    org!(store, t.org, |tx| {
        tx.update(&closed).await.expect("changed");
        tx.insert(&a_team("Top")).await.expect("the name is free");
        tx.expire_invites(at(100)).await.expect("noted");
        tx.insert(&an_invite("x@example.org", &fresh::<Invite>("again"))).await.expect("the address is free");
        tx.remove_member(t.user).await.expect("removed");
    });
    org!(store, t.org, |tx| {
        assert_eq!(tx.member_of_user(t.user).await.expect("read"), None);
        assert_eq!(tx.team_member(top.id, t.user).await.expect("read"), None);
        let left = Repo::<Team>::find(&mut *tx, top.id).await.expect("read").expect("it stays");
        assert_eq!((left.manager_user_id, left.is_active), (None, false));
        let over = Repo::<Invite>::find(&mut *tx, invite.id).await.expect("read").expect("it stays");
        assert_eq!(over.status, InviteStatus::Expired);
        let page = tx.page_of_teams(&PageRequest::default()).await.expect("read");
        assert_eq!(page.total, 2, "those that were dissolved are left out");
        // What the next reader of every table finds.
        tx.insert(&a_member(&t, Role::Agent)).await.expect("added");
        tx.insert(&TeamMember { id: id(), ..place.clone() }).await.expect("added");
    });
}

/// A token of a reset is used once, with all others of its user; sessions are replaced once, chosen for, and ended.
pub async fn sessions_are_replaced_once_and_resets_used_once(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let session = |user, organization| Session {
        id: id(),
        token_hash: fresh::<Session>("session"),
        user_id: user,
        organization_id: organization,
        fingerprint: None,
        created_at: at(0),
        expires_at: at(100),
    };
    let (one, two) = (session(t.user, Some(t.org)), session(t.user, None));
    let theirs = session(other.user, Some(t.org));
    system!(store, |tx| for row in [&one, &two, &theirs] {
        tx.insert_session(row).await.expect("added");
    });
    let next = session(t.user, Some(t.org));
    system!(store, |tx| {
        tx.lock_user(t.user).await.expect("held");
        assert!(tx.replace_session(&one.token_hash, &next).await.expect("replaced"));
        let late = session(t.user, None);
        assert!(!tx.replace_session(&one.token_hash, &late).await.expect("asked"));
        assert_eq!(tx.session_by_hash(&late.token_hash).await.expect("read"), None);
        assert!(tx.choose_organization(two.id, other.org).await.expect("chosen"));
        assert!(!tx.choose_organization(one.id, other.org).await.expect("asked"), "it is gone");
    });
    system!(store, |tx| {
        tx.end_sessions(t.user, Some(t.org)).await.expect("ended");
        assert_eq!(tx.session_by_hash(&next.token_hash).await.expect("read"), None);
        let chosen = tx.session_by_hash(&two.token_hash).await.expect("read").expect("of another organisation");
        assert_eq!(chosen.organization_id, Some(other.org));
        tx.end_sessions(t.user, None).await.expect("ended");
        assert_eq!(tx.session_by_hash(&two.token_hash).await.expect("read"), None);
        assert!(tx.session_by_hash(&theirs.token_hash).await.expect("read").is_some(), "somebody else's");
    });
    let reset = |user| PasswordReset {
        id: id(),
        token_hash: fresh::<PasswordReset>("reset"),
        user_id: user,
        created_at: at(0),
        expires_at: at(100),
    };
    let [first, second, nobodys, others] =
        [reset(Some(t.user)), reset(Some(t.user)), reset(None), reset(Some(other.user))];
    system!(store, |tx| for row in [&first, &second, &nobodys, &others] {
        tx.put_reset(row).await.expect("kept");
    });
    system!(store, |tx| {
        assert_eq!(tx.user_of_reset(&first.token_hash, at(99)).await.expect("read"), Some(t.user));
        assert_eq!(tx.user_of_reset(&first.token_hash, at(100)).await.expect("read"), None);
        assert_eq!(tx.take_reset(&first.token_hash, at(100)).await.expect("asked"), None, "its time is over");
        assert_eq!(tx.take_reset(&nobodys.token_hash, at(1)).await.expect("asked"), None);
        assert_eq!(tx.take_reset(&first.token_hash, at(1)).await.expect("used"), Some(t.user));
        assert_eq!(tx.take_reset(&first.token_hash, at(1)).await.expect("asked"), None);
        assert_eq!(tx.take_reset(&second.token_hash, at(1)).await.expect("asked"), None, "it went with the first");
        assert_eq!(tx.user_of_reset(&others.token_hash, at(1)).await.expect("read"), Some(other.user));
        tx.delete_expired(at(100)).await.expect("purged");
        assert_eq!(tx.user_of_reset(&others.token_hash, at(1)).await.expect("read"), None);
    });
}
