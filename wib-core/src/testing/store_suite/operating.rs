//! What operators ask of a database.

use super::*;
use crate::internal::Enquiry;

/// No table, no column is there but those, and nothing is amiss of a new database.
pub async fn the_tables_are_those_that_the_migrations_make(store: &dyn Store) {
    let t = tenant(store).await;
    system!(store, |tx| {
        let (expected, actual) = (tx.expected_tables(), tx.actual_tables().await.expect("read"));
        assert!(expected.len() > 50 && expected["calls"].contains("organization_id"), "{expected:?}");
        assert_eq!(expected, actual);
        assert_eq!(tx.count_rows("members", 9).await.expect("counted"), 0);
        assert_eq!(tx.count_rows("calls", 9).await.expect("counted"), 1);
        assert_eq!(tx.count_rows("calls", 0).await.expect("counted"), 0, "no further than asked");
        assert_eq!(kind_of(tx.count_rows("calls; DROP TABLE calls", 9).await), Kind::NotFound);
        assert_eq!(tx.broken_references(9).await.expect("counted"), 0);
        assert_eq!(tx.unguarded_tables().await.expect("read"), Vec::<String>::new());
        assert_eq!(tx.orphaned_sessions().await.expect("counted"), 0);
        let weak = tx.weak_passwords().await.expect("counted");
        tx.set_password_hash(t.user, "pbkdf2:100000:aa:bb").await.expect("set");
        assert_eq!(tx.weak_passwords().await.expect("counted"), weak - 1);
    });
}

/// Whole, and gone when it is old.
pub async fn enquiries_are_kept_for_a_while(store: &dyn Store) {
    let enquiry = |seconds| Enquiry {
        id: id(),
        name: "Eve".to_owned(),
        email: "eve@example.com".to_owned(),
        company: "Acme".to_owned(),
        team_size: Some("9".to_owned()),
        use_case: None,
        message: Some("Hello.\n".to_owned()),
        created_at: at(seconds),
    };
    system!(store, |tx| {
        for seconds in [1, 2] {
            tx.keep_enquiry(&enquiry(seconds)).await.expect("kept");
        }
        assert_eq!(tx.count_rows("demo_requests", 9).await.expect("counted"), 2);
        assert_eq!(tx.purge_enquiries(at(2)).await.expect("purged"), 1);
        assert_eq!(tx.count_rows("demo_requests", 9).await.expect("counted"), 1);
    });
}
