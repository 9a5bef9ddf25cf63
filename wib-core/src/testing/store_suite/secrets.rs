//! Secrets, as they are kept.

use super::*;

fn a_secret(name: &str, key: &str) -> TenantSecret {
    TenantSecret {
        id: id(),
        name: name.to_owned(),
        key_id: key.to_owned(),
        nonce: vec![0, 1, 255],
        sealed: vec![255, 0, 7],
        created_at: at(1),
        updated_at: at(2),
    }
}

/// Every field; changed; found by name; one of a name; listed; under which key; forgotten; one tenant's.
pub async fn secrets_come_back_change_and_go(store: &dyn Store) {
    let (t, other) = (tenant(store).await, tenant(store).await);
    let [b, a, c] = [a_secret("b", "old"), a_secret("a", "old"), a_secret("c", "new")];
    comes_back(store, t.org, &[b.clone(), a.clone(), c.clone()]).await;
    let mut tx = store.org(t.org).await.expect("a transaction opens");
    assert_eq!(kind_of(tx.insert(&a_secret("a", "new")).await), Kind::Conflict, "one of a name");
    drop(tx);
    let theirs = a_secret("a", "old");
    org!(store, other.org, |tx| {
        tx.insert(&theirs).await.expect("another organisation has names of its own");
        assert_eq!(tx.secret_by_name("b").await.expect("read"), None);
        assert_eq!(tx.secrets(9).await.expect("read"), std::slice::from_ref(&theirs));
        tx.delete_secret(b.id).await.expect("nothing is removed");
    });
    let nil = uuid::Uuid::nil().into();
    let mut old = vec![a.clone(), b.clone()];
    old.sort_by_key(|secret| secret.id);
    org!(store, t.org, |tx| {
        assert_eq!(tx.secret_by_name("b").await.expect("read").as_ref(), Some(&b));
        assert_eq!(tx.secrets(9).await.expect("read"), [a.clone(), b.clone(), c.clone()]);
        assert_eq!(tx.secrets_not_under("new", nil, 9).await.expect("read"), old);
        assert_eq!(tx.secrets_not_under("new", old[0].id, 9).await.expect("read"), old[1..]);
        assert_eq!(tx.secrets_not_under("new", nil, 1).await.expect("read"), old[..1]);
    });
    let renewed = TenantSecret { key_id: "new".to_owned(), sealed: vec![1], updated_at: at(3), ..b.clone() };
    org!(store, t.org, |tx| tx.update(&renewed).await.expect("changed"));
    org!(store, t.org, |tx| {
        assert_eq!(tx.secret_by_name("b").await.expect("read"), Some(renewed));
        tx.delete_secret(a.id).await.expect("removed");
    });
    org!(store, t.org, |tx| assert_eq!(tx.secret_by_name("a").await.expect("read"), None));
}
