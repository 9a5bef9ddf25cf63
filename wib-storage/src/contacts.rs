//! Verdicts, and the ledgers the frequency rules read.

use async_trait::async_trait;
use wib_core::{
    calls::CallId,
    compliance::StoredVerdict,
    contacts::Contact,
    kit::{Error, Result},
    store::{Contacts, Value},
};

use crate::{
    sql::org_sql,
    store::SqlOrg,
    table::{Table, insert_new, table},
};

table!(StoredVerdict in "verdicts" {
    id, person_id, account_id, call_id, outcome, blocked_by, explanation, explanation_hash, pack, not_before, created_at
});
table!(Contact in "contacts" {
    id, person_id, account_id, call_id, kind, direction, at, counts, medium, technology, phone, place, source
});

#[async_trait]
impl Contacts for SqlOrg {
    async fn put_contact(&mut self, contact: &Contact) -> Result<()> {
        // A row of another organisation would not fit its call's key, so what is corrected is ours.
        let sql = org_sql!(
            put_contact,
            "INSERT INTO contacts (organization_id, id, person_id, account_id, call_id, kind, direction, at, counts,
                medium, technology, phone, place, source)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
            ON CONFLICT (call_id, account_id, kind) DO UPDATE SET
                person_id = excluded.person_id, direction = excluded.direction, at = excluded.at,
                counts = excluded.counts, medium = excluded.medium, technology = excluded.technology,
                phone = excluded.phone, place = excluded.place
                WHERE contacts.organization_id = $1"
        );
        let values: Result<[Value; 13], _> = contact.values().try_into();
        let values = values.map_err(|_| Error::internal("a ledger row has other columns"))?;
        self.change(sql, values).await.map(|_| ())
    }
    async fn note_contact(&mut self, contact: &Contact) -> Result<bool> {
        insert_new(&mut self.conn, self.organization, contact).await
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
