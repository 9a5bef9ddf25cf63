//! Secrets of organisations: sealed in every byte that is kept, opened by nobody else, moved to another key.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use wib_core::{
    Org, Wib,
    audit::ListAudit,
    kit::{ExposeSecret, Kind, Principal, Role, VirtualClock},
    secrets::Vault,
    store::Store,
};
use wib_storage::{
    SqlStore,
    testing::{PgStore, dump, memory_store, postgres_store, raw, tables_with},
};

use crate::stage::{NOON, Stage, at};

/// The use cases that write, and the lines that they leave.
pub(crate) const CHANGES: &[(&str, &str)] =
    &[("put_secret", "secret:put"), ("secret", "secret:read"), ("delete_secret", "secret:deleted")];

const VALUE: &str = "sk-canary-7c1e-hunter2";

#[derive(Debug, Clone)]
enum Kept {
    Lite(Arc<SqlStore>),
    Pg(Arc<PgStore>),
}
impl Kept {
    async fn each(test: &str) -> Vec<Self> {
        let clock = Arc::new(VirtualClock::new(at(NOON)));
        let mut all = vec![Self::Lite(Arc::new(memory_store(clock.clone()).await))];
        all.extend(postgres_store(test, clock).await.map(|store| Self::Pg(Arc::new(store))));
        all
    }
    fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Lite(store) => store.clone(),
            Self::Pg(store) => store.clone(),
        }
    }
    async fn raw(&self, text: &str) {
        match self {
            Self::Lite(store) => raw(store, text).await,
            Self::Pg(store) => store.raw(text).await,
        }
        .unwrap();
    }
    async fn with(&self, text: &str) -> Vec<String> {
        let all = match self {
            Self::Lite(store) => dump(store).await,
            Self::Pg(store) => dump(store).await,
        };
        tables_with(&all.unwrap(), text)
    }
    /// An installation on it, with keys of those numbers: the present one first.
    async fn installed(&self, keys: &[u8]) -> Stage {
        let hex: Vec<String> = keys.iter().map(|key| format!("{key:02x}").repeat(32)).collect();
        let vault = Vault::from_hex(&hex[0], hex[1..].iter().map(String::as_str)).unwrap();
        let clock = Arc::new(VirtualClock::new(at(NOON)));
        // Installations on one store draw different ids.
        static SEED: AtomicU64 = AtomicU64::new(1);
        let seed = SEED.fetch_add(1, Ordering::Relaxed);
        Stage::on(self.store(), clock, seed, |builder, _| builder.vault(vault)).await
    }
}

async fn as_role(wib: &Wib, org: &Org, role: Role) -> Org {
    wib.org(Principal { role, ..Principal::service(org.id()) }).await.unwrap()
}

#[tokio::test]
async fn a_secret_is_sealed_wherever_it_is_kept_and_its_use_is_told() {
    for kept in Kept::each("a_secret_is_sealed_wherever_it_is_kept_and_its_use_is_told").await {
        let stage = kept.installed(&[1]).await;
        let org = &stage.org;
        assert_eq!(org.secret("crm.key").await.unwrap_err().kind(), Kind::NotFound);
        let note = org.put_secret("crm.key", "first".into()).await.unwrap();
        stage.pass(60);
        let again = org.put_secret("crm.key", VALUE.into()).await.unwrap();
        assert!(again.created_at == note.created_at && again.updated_at > note.updated_at);
        org.put_secret("bank", "x".repeat(16 << 10).into()).await.unwrap();
        assert_eq!(org.secret("crm.key").await.unwrap().expose_secret(), VALUE);
        let names: Vec<_> = org.list_secrets().await.unwrap().into_iter().map(|note| note.name).collect();
        assert_eq!(names, ["bank", "crm.key"]);
        assert_eq!(kept.with(VALUE).await, Vec::<String>::new(), "no table holds it");
        assert_eq!(kept.with("crm.key").await, ["audit_events", "tenant_secrets"]);
        for (action, times) in [("secret:put", 3), ("secret:read", 1)] {
            let log = org.list_audit(ListAudit { limit: Some(200), ..ListAudit::default() }).await.unwrap();
            assert_eq!(log.items.iter().filter(|line| line.action == action).count(), times, "{action}");
        }
        let neighbour = stage.wib.system().create_organization("Other").await.unwrap();
        let neighbour = stage.wib.org(Principal::service(neighbour.id)).await.unwrap();
        assert_eq!(neighbour.secret("crm.key").await.unwrap_err().kind(), Kind::NotFound);
        let manager = as_role(&stage.wib, org, Role::Manager).await;
        assert_eq!(manager.secret("crm.key").await.unwrap_err().kind(), Kind::Forbidden);
        assert_eq!(manager.put_secret("a", "b".into()).await.unwrap_err().kind(), Kind::Forbidden);
        assert_eq!(manager.delete_secret("bank").await.unwrap_err().kind(), Kind::Forbidden);
        assert_eq!(manager.list_secrets().await.unwrap_err().kind(), Kind::Forbidden);
        for (name, value) in [("", "v"), ("Name", "v"), ("a b", "v"), ("a", ""), ("a", &"x".repeat((16 << 10) + 1))] {
            assert_eq!(org.put_secret(name, value.into()).await.unwrap_err().kind(), Kind::Invalid, "{name}");
        }
        org.delete_secret("bank").await.unwrap();
        assert_eq!(org.delete_secret("bank").await.unwrap_err().kind(), Kind::NotFound);
        let log = org.list_audit(ListAudit { limit: Some(200), ..ListAudit::default() }).await.unwrap().items;
        for (name, action) in CHANGES {
            assert!(log.iter().any(|line| line.action == *action), "{name} leaves no {action}");
        }
        assert!(!serde_json::to_string(&log).unwrap().contains("canary"));
    }
}

#[tokio::test]
async fn a_row_that_was_moved_or_changed_does_not_open() {
    for kept in Kept::each("a_row_that_was_moved_or_changed_does_not_open").await {
        let stage = kept.installed(&[1]).await;
        let org = &stage.org;
        let other = stage.wib.system().create_organization("Other").await.unwrap();
        let other = stage.wib.org(Principal::service(other.id)).await.unwrap();
        org.put_secret("crm.key", VALUE.into()).await.unwrap();
        org.put_secret("bank", "money".into()).await.unwrap();
        let refused = async |org: &Org, name: &str| {
            let error = org.secret(name).await.unwrap_err();
            assert!(error.kind() == Kind::Internal && error.message().contains("not as it was sealed"), "{error:?}");
        };
        // To another name, to another organisation, with a flipped bit.
        kept.raw("UPDATE tenant_secrets SET name = 'moved' WHERE name = 'crm.key'").await;
        refused(org, "moved").await;
        kept.raw("UPDATE tenant_secrets SET name = 'crm.key' WHERE name = 'moved'").await;
        assert_eq!(org.secret("crm.key").await.unwrap().expose_secret(), VALUE, "back in its place it opens");
        let theirs = match &kept {
            Kept::Lite(_) => format!("X'{}'", other.id().uuid().simple()),
            Kept::Pg(_) => format!("'{}'", other.id()),
        };
        kept.raw(&format!("UPDATE tenant_secrets SET organization_id = {theirs} WHERE name = 'crm.key'")).await;
        refused(&other, "crm.key").await;
        let flipped = match &kept {
            Kept::Lite(_) => "UPDATE tenant_secrets SET sealed = zeroblob(length(sealed)) WHERE name = 'bank'",
            Kept::Pg(_) => {
                "UPDATE tenant_secrets SET sealed = set_byte(sealed, 0, get_byte(sealed, 0) # 1) WHERE name = 'bank'"
            }
        };
        kept.raw(flipped).await;
        refused(org, "bank").await;
    }
}

#[tokio::test]
async fn keys_are_changed_without_losing_a_secret_and_an_interruption_is_made_good() {
    const NAME: &str = "keys_are_changed_without_losing_a_secret_and_an_interruption_is_made_good";
    for kept in Kept::each(NAME).await {
        let old = kept.installed(&[1]).await;
        for n in 0..120 {
            old.org.put_secret(&format!("key.{n}"), format!("value {n}").into()).await.unwrap();
        }
        // The new key alone reads nothing, says so, and a rotation leaves what it cannot read.
        let blind = kept.installed(&[2]).await;
        let mine = blind.wib.org(Principal::service(old.org.id())).await.unwrap();
        let error = mine.secret("key.1").await.unwrap_err();
        assert!(error.message().contains("which is not given"), "{error:?}");
        let rotated = blind.wib.system().rotate_secrets().await.unwrap();
        assert_eq!((rotated.renewed, rotated.unreadable.len()), (0, 120));
        assert_eq!(rotated.unreadable[0].organization_id, old.org.id());
        let both = kept.installed(&[2, 1]).await;
        let mine = both.wib.org(Principal::service(old.org.id())).await.unwrap();
        // Interrupted: some are renewed already.
        mine.put_secret("key.7", "newer".into()).await.unwrap();
        let rotated = both.wib.system().rotate_secrets().await.unwrap();
        assert_eq!((rotated.renewed, rotated.unreadable.len()), (119, 0));
        assert_eq!(
            both.wib.system().rotate_secrets().await.unwrap().renewed,
            0,
            "a second time there is nothing to do"
        );
        let new = kept.installed(&[2]).await;
        let mine = new.wib.org(Principal::service(old.org.id())).await.unwrap();
        for n in [0, 1, 7, 119] {
            let expected = if n == 7 { "newer".to_owned() } else { format!("value {n}") };
            assert_eq!(mine.secret(&format!("key.{n}")).await.unwrap().expose_secret(), expected);
        }
        assert!(old.org.secret("key.1").await.is_err(), "the old key alone opens nothing any more");
    }
}

#[tokio::test]
async fn without_a_key_no_secret_is_kept() {
    let stage = Stage::new().await;
    assert_eq!(stage.org.put_secret("a", "b".into()).await.unwrap_err().kind(), Kind::Unavailable);
    assert!(stage.wib.system().rotate_secrets().await.is_err());
}
