//! Persons, their numbers and places, accounts, and numbers not to be called.

use async_trait::async_trait;
use wib_core::{
    collections::{Account, Person, PersonId, PersonLocation, PersonPhone, Suppression},
    kit::{Phone, Result},
    store::{Collections, Column, People},
};

use crate::{sql::org_sql, store::SqlOrg, table::table};

table!(Person in "persons" { id, name, email, do_not_call, language, created_at } mutable);
table!(Account in "accounts" {
    id, person_id, external_id, balance_minor, currency, status, debt_key, first_communication_at,
    notes, created_at
} mutable);
table!(PersonPhone in "person_phones" { id, person_id, phone, holder, line, place, created_at } mutable);
table!(PersonLocation in "person_locations" { id, person_id, source, state, zone, text, created_at });
table!(Suppression in "suppressions" { id, phone, list, source, reason, added_by, created_at });

#[async_trait]
impl Collections for SqlOrg {
    async fn lock_person(&mut self, id: PersonId) -> Result<Option<Person>> {
        let sql = org_sql!(
            lock_person,
            pg: "SELECT * FROM persons WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE",
            sqlite: "SELECT * FROM persons WHERE organization_id = $1 AND id = $2"
        );
        self.one(sql, [id.into()]).await
    }
    async fn accounts_by_phone(&mut self, phone: &Phone, limit: i64) -> Result<Vec<Account>> {
        let sql = org_sql!(
            accounts_by_phone,
            "SELECT * FROM accounts
            WHERE organization_id = $1 AND status IN ('active', 'partial', 'disputed') AND person_id IN
                (SELECT person_id FROM person_phones WHERE organization_id = $1 AND phone = $2)
            ORDER BY created_at, id LIMIT $3"
        );
        self.all(sql, [phone.clone().into_value(), limit.into()]).await
    }
    async fn account_by_external_id(&mut self, external_id: &str) -> Result<Option<Account>> {
        let sql =
            org_sql!(account_by_external_id, "SELECT * FROM accounts WHERE organization_id = $1 AND external_id = $2");
        self.one(sql, [external_id.into()]).await
    }
    async fn account_by_debt_key(&mut self, debt_key: &str) -> Result<Option<Account>> {
        let sql = org_sql!(
            account_by_debt_key,
            "SELECT * FROM accounts WHERE organization_id = $1 AND debt_key = $2 ORDER BY created_at, id LIMIT 1"
        );
        self.one(sql, [debt_key.into()]).await
    }
    async fn persons_by_phone(&mut self, phone: &Phone, limit: i64) -> Result<Vec<PersonId>> {
        let sql = org_sql!(
            persons_by_phone,
            "SELECT DISTINCT person_id FROM person_phones WHERE organization_id = $1 AND phone = $2
            ORDER BY person_id LIMIT $3"
        );
        let rows = self.rows(sql, [phone.clone().into_value(), limit.into()]).await?;
        rows.iter().map(|row| row.get("person_id")).collect()
    }
    async fn phones(&mut self, of: People, limit: i64) -> Result<Vec<PersonPhone>> {
        let sql = org_sql!(
            phones,
            "SELECT * FROM person_phones WHERE organization_id = $1 AND person_id BETWEEN $2 AND $3
            ORDER BY person_id, created_at, id LIMIT $4"
        );
        self.all(sql, [of.from.into(), of.to.into(), limit.into()]).await
    }
    async fn locations(&mut self, of: People, limit: i64) -> Result<Vec<PersonLocation>> {
        let sql = org_sql!(
            locations,
            "SELECT * FROM person_locations WHERE organization_id = $1 AND person_id BETWEEN $2 AND $3
            ORDER BY person_id, created_at, id LIMIT $4"
        );
        self.all(sql, [of.from.into(), of.to.into(), limit.into()]).await
    }
    async fn suppression(&mut self, phone: &Phone) -> Result<Option<Suppression>> {
        let sql = org_sql!(suppression, "SELECT * FROM suppressions WHERE organization_id = $1 AND phone = $2");
        self.one(sql, [phone.clone().into_value()]).await
    }
    async fn unsuppress(&mut self, phone: &Phone) -> Result<bool> {
        let sql = org_sql!(unsuppress, "DELETE FROM suppressions WHERE organization_id = $1 AND phone = $2");
        Ok(self.change(sql, [phone.clone().into_value()]).await? == 1)
    }
}
