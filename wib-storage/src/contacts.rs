//! Verdicts, and the ledgers the frequency rules read.

use async_trait::async_trait;
use wib_core::{
    calls::CallId,
    collections::{AccountId, PersonId},
    compliance::StoredVerdict,
    contacts::Contact,
    kit::{Result, time::Timestamp},
    store::Contacts,
};

use crate::{sql::org_sql, store::SqlOrg, table::table};

table!(StoredVerdict in "verdicts" {
    id, person_id, account_id, call_id, outcome, blocked_by, explanation, explanation_hash, pack, not_before, created_at
});
table!(Contact in "contacts" { id, person_id, account_id, call_id, kind, direction, at, counts });

#[async_trait]
impl Contacts for SqlOrg {
    async fn contacts_since(&mut self, person: PersonId, account: AccountId, since: Timestamp) -> Result<Vec<Contact>> {
        let sql = org_sql!(
            contacts_since,
            "SELECT * FROM contacts
            WHERE organization_id = $1 AND person_id = $2 AND account_id = $3 AND at >= $4 ORDER BY at, id"
        );
        self.all(sql, [person.into(), account.into(), since.into()]).await
    }
    async fn put_contact(&mut self, contact: &Contact) -> Result<()> {
        // A row of another organisation would not fit its call's key, so what is corrected is ours.
        let sql = org_sql!(put_contact, "INSERT INTO contacts
            (organization_id, id, person_id, account_id, call_id, kind, direction, at, counts)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            ON CONFLICT (call_id, account_id, kind) DO UPDATE SET
                person_id = excluded.person_id, direction = excluded.direction, at = excluded.at, counts = excluded.counts
                WHERE contacts.organization_id = $1");
        let c = contact;
        let (kind, direction) = (c.kind.as_str().into(), c.direction.as_str().into());
        let ids = [c.id.into(), c.person_id.into(), c.account_id.into(), c.call_id.into()];
        let [id, person, account, call] = ids;
        self.change(sql, [id, person, account, call, kind, direction, c.at.into(), c.counts.into()]).await.map(|_| ())
    }
    async fn contacts_of_call(&mut self, call: CallId) -> Result<Vec<Contact>> {
        let sql = org_sql!(
            contacts_of_call,
            "SELECT * FROM contacts WHERE organization_id = $1 AND call_id = $2
            ORDER BY kind, id"
        );
        self.all(sql, [call.into()]).await
    }
}
