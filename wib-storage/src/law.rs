//! What the gate reads, and the records behind it.

use async_trait::async_trait;
use wib_core::{
    calls::CallId,
    circumstances::Circumstance,
    collections::{Account, AccountId, Person, PersonId},
    consent::{Consent, Preference},
    contacts::Contact,
    disclosures::Disclosure,
    kit::{Phone, Result, time::Timestamp},
    licences::Licence,
    lists::ListCheck,
    notices::{Dispute, Notice},
    retention::LegalHold,
    store::{Column, Gathering, Known, Notices, People, Registers, Wishes},
};

use crate::{
    db::Row,
    sql::org_sql,
    store::SqlOrg,
    table::{insert_new, table},
};

table!(Consent in "consents" {
    id, person_id, account_id, phone, email, scope, event, written, source, evidence, call_id, note, at, expires_at,
    recorded_by, created_at
});
table!(Preference in "preferences" {
    id, person_id, phone, email, medium, wish, since, ended_at, recorded_by, created_at
} mutable);
table!(Circumstance in "circumstances" {
    id, person_id, account_id, phone, kind, since, source, note, ended_at, recorded_by, created_at
} mutable);
table!(Notice in "notices" {
    id, person_id, account_id, kind, status, method, sent_at, period_ends, created_by, created_at
} mutable);
table!(Dispute in "disputes" {
    id, person_id, account_id, call_id, kind, written, reason, at, answered_at, hold_id, account_status, recorded_by, created_at
} mutable);
table!(Disclosure in "disclosures" {
    id, call_id, account_id, person_id, kind, text_hash, language, started_at, ended_at, spoken_by, created_at
});
table!(Licence in "licences" { id, region, number, from_at, until_at, created_at } mutable);
table!(LegalHold in "legal_holds" {
    id, name, matter_reference, applies_to_all, account_id, call_id, status, created_by, created_at, released_at
} mutable);
table!(ListCheck in "list_checks" { id, list, phone, listed, as_of, source, created_at });

fn known(row: &Row) -> Result<Known> {
    Ok(Known {
        what: row.get("what")?,
        person_id: row.get("person_id")?,
        account_id: row.get("account_id")?,
        phone: row.get("phone")?,
        email: row.get("email")?,
        word: row.get("word")?,
        state: row.get("state")?,
        written: row.get("written")?,
        wish: row.get("wish")?,
        at: row.get("at")?,
        until: row.get("until")?,
    })
}

#[async_trait]
impl Gathering for SqlOrg {
    async fn persons(&mut self, of: People, limit: i64) -> Result<Vec<Person>> {
        let sql = org_sql!(
            persons,
            "SELECT * FROM persons WHERE organization_id = $1 AND id BETWEEN $2 AND $3 ORDER BY id LIMIT $4"
        );
        self.all(sql, [of.from.into(), of.to.into(), limit.into()]).await
    }
    async fn accounts(&mut self, of: People, limit: i64) -> Result<Vec<Account>> {
        let sql = org_sql!(
            accounts,
            "SELECT * FROM accounts WHERE organization_id = $1 AND person_id BETWEEN $2 AND $3
            ORDER BY person_id, created_at, id LIMIT $4"
        );
        self.all(sql, [of.from.into(), of.to.into(), limit.into()]).await
    }
    async fn open_accounts(&mut self, after: (PersonId, AccountId), limit: i64) -> Result<Vec<Account>> {
        let sql = org_sql!(
            open_accounts,
            "SELECT * FROM accounts
            WHERE organization_id = $1 AND status IN ('active', 'partial', 'disputed') AND (person_id, id) > ($2, $3)
            ORDER BY person_id, id LIMIT $4"
        );
        self.all(sql, [after.0.into(), after.1.into(), limit.into()]).await
    }
    async fn ledger(&mut self, of: People, since: Timestamp, limit: i64) -> Result<Vec<Contact>> {
        let sql = org_sql!(
            ledger,
            "SELECT * FROM contacts WHERE organization_id = $1 AND person_id BETWEEN $2 AND $3 AND at >= $4
            ORDER BY person_id, at, id LIMIT $5"
        );
        self.all(sql, [of.from.into(), of.to.into(), since.into(), limit.into()]).await
    }
    async fn known(&mut self, of: People, limit: i64) -> Result<Vec<Known>> {
        // One round trip for all that has this shape. The first arm gives absent columns their types.
        let sql = org_sql!(
            known,
            "SELECT * FROM (
                SELECT 'organization' AS what, CAST(NULL AS UUID) AS person_id, CAST(NULL AS UUID) AS account_id,
                    CAST(NULL AS TEXT) AS phone, CAST(NULL AS TEXT) AS email, collector_role AS word,
                    CAST(NULL AS TEXT) AS state, CAST(NULL AS BOOLEAN) AS written, CAST(NULL AS JSONB) AS wish,
                    created_at AS at, CAST(NULL AS TIMESTAMPTZ) AS until, id
                FROM organizations WHERE id = $1
                UNION ALL SELECT 'licence', NULL, NULL, NULL, NULL, region, NULL, NULL, NULL, from_at, until_at, id
                FROM licences WHERE organization_id = $1
                UNION ALL SELECT 'hold', NULL, NULL, NULL, NULL, 'all', NULL, NULL, NULL, created_at, NULL, id
                FROM legal_holds WHERE organization_id = $1 AND status = 'active' AND applies_to_all
                UNION ALL SELECT 'hold', a.person_id, a.id, NULL, NULL, 'account', NULL, NULL, NULL, h.created_at, NULL,
                    h.id
                FROM accounts a JOIN legal_holds h ON h.organization_id = $1 AND h.account_id = a.id
                WHERE a.organization_id = $1 AND a.person_id BETWEEN $2 AND $3 AND h.status = 'active'
                UNION ALL SELECT 'consent', person_id, account_id, phone, email, scope, event, written, NULL, at,
                    expires_at, id
                FROM consents WHERE organization_id = $1 AND person_id BETWEEN $2 AND $3
                UNION ALL SELECT 'preference', person_id, NULL, phone, email, COALESCE(medium, ''), NULL, NULL, wish,
                    since, NULL, id
                FROM preferences WHERE organization_id = $1 AND person_id BETWEEN $2 AND $3 AND ended_at IS NULL
                UNION ALL SELECT 'circumstance', person_id, account_id, phone, NULL, kind, NULL, NULL, NULL, since, NULL,
                    id
                FROM circumstances WHERE organization_id = $1 AND person_id BETWEEN $2 AND $3 AND ended_at IS NULL
                UNION ALL SELECT 'notice', person_id, account_id, NULL, NULL, kind, status, NULL, NULL, sent_at,
                    period_ends, id
                FROM notices WHERE organization_id = $1 AND person_id BETWEEN $2 AND $3 AND sent_at IS NOT NULL
                UNION ALL SELECT 'dispute', person_id, account_id, NULL, NULL, 'dispute', NULL, written, NULL, at,
                    answered_at, id
                FROM disputes WHERE organization_id = $1 AND person_id BETWEEN $2 AND $3
            ) k ORDER BY person_id NULLS FIRST, at, id LIMIT $4"
        );
        let rows = self.rows(sql, [of.from.into(), of.to.into(), limit.into()]).await?;
        rows.iter().map(known).collect()
    }
    async fn listed(&mut self, of: Option<People>, number: Option<&Phone>, limit: i64) -> Result<Vec<ListCheck>> {
        // Our own list has the same shape; the numbers of nobody are none.
        let sql = org_sql!(
            listed,
            "SELECT * FROM (
                SELECT id, list, phone, TRUE AS listed, created_at AS as_of, source, created_at
                FROM suppressions WHERE organization_id = $1 AND phone IN
                    (SELECT phone FROM person_phones WHERE organization_id = $1 AND person_id BETWEEN $2 AND $3
                    UNION SELECT CAST($4 AS TEXT))
                UNION ALL SELECT id, list, phone, listed, as_of, source, created_at
                FROM list_checks WHERE organization_id = $1 AND phone IN
                    (SELECT phone FROM person_phones WHERE organization_id = $1 AND person_id BETWEEN $2 AND $3
                    UNION SELECT CAST($4 AS TEXT))
                UNION ALL SELECT id, list, phone, listed, as_of, source, created_at
                FROM list_checks WHERE organization_id = $1 AND phone IS NULL
            ) l ORDER BY as_of, id LIMIT $5"
        );
        let none = People { from: uuid::Uuid::max().into(), to: uuid::Uuid::nil().into() };
        let of = of.unwrap_or(none);
        self.all(sql, [of.from.into(), of.to.into(), number.cloned().into_value(), limit.into()]).await
    }
}

#[async_trait]
impl Wishes for SqlOrg {
    async fn consents(&mut self, person: PersonId, limit: i64) -> Result<Vec<Consent>> {
        let sql = org_sql!(
            consents,
            "SELECT * FROM consents WHERE organization_id = $1 AND person_id = $2 ORDER BY at DESC, id DESC LIMIT $3"
        );
        self.all(sql, [person.into(), limit.into()]).await
    }
    async fn preferences(&mut self, person: PersonId, limit: i64) -> Result<Vec<Preference>> {
        let sql = org_sql!(
            preferences,
            "SELECT * FROM preferences WHERE organization_id = $1 AND person_id = $2
            ORDER BY since DESC, id DESC LIMIT $3"
        );
        self.all(sql, [person.into(), limit.into()]).await
    }
    async fn circumstances(&mut self, person: PersonId, limit: i64) -> Result<Vec<Circumstance>> {
        let sql = org_sql!(
            circumstances,
            "SELECT * FROM circumstances WHERE organization_id = $1 AND person_id = $2
            ORDER BY since DESC, id DESC LIMIT $3"
        );
        self.all(sql, [person.into(), limit.into()]).await
    }
}

#[async_trait]
impl Notices for SqlOrg {
    async fn notices(&mut self, account: AccountId, limit: i64) -> Result<Vec<Notice>> {
        let sql = org_sql!(
            notices,
            "SELECT * FROM notices WHERE organization_id = $1 AND account_id = $2
            ORDER BY created_at DESC, id DESC LIMIT $3"
        );
        self.all(sql, [account.into(), limit.into()]).await
    }
    async fn disputes(&mut self, account: AccountId, limit: i64) -> Result<Vec<Dispute>> {
        let sql = org_sql!(
            disputes,
            "SELECT * FROM disputes WHERE organization_id = $1 AND account_id = $2 ORDER BY at DESC, id DESC LIMIT $3"
        );
        self.all(sql, [account.into(), limit.into()]).await
    }
    async fn disclosures(&mut self, call: CallId) -> Result<Vec<Disclosure>> {
        // Bounded by its key: one of each kind by each speaker.
        let sql = org_sql!(
            disclosures,
            "SELECT * FROM disclosures WHERE organization_id = $1 AND call_id = $2 ORDER BY started_at, id"
        );
        self.all(sql, [call.into()]).await
    }
    async fn note_disclosure(&mut self, disclosure: &Disclosure) -> Result<bool> {
        insert_new(&mut self.conn, self.organization, disclosure).await
    }
}

#[async_trait]
impl Registers for SqlOrg {
    async fn put_list_check(&mut self, check: &ListCheck) -> Result<()> {
        let c = check;
        let (list, source) = (|| c.list.as_str().into(), || c.source.as_str().into());
        let (as_of, created) = (|| c.as_of.into(), || c.created_at.into());
        if let Some(phone) = &c.phone {
            let sql = org_sql!(
                put_list_check,
                "INSERT INTO list_checks (organization_id, id, list, phone, listed, as_of, source, created_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                ON CONFLICT (organization_id, phone, list, source) WHERE phone IS NOT NULL DO UPDATE SET
                    listed = excluded.listed, as_of = excluded.as_of, created_at = excluded.created_at
                    WHERE list_checks.as_of <= excluded.as_of"
            );
            let phone = phone.clone().into_value();
            self.change(sql, [c.id.into(), list(), phone, c.listed.into(), as_of(), source(), created()]).await?;
        } else {
            let sql = org_sql!(
                put_list_version,
                "INSERT INTO list_checks (organization_id, id, list, phone, listed, as_of, source, created_at)
                VALUES ($1, $2, $3, NULL, $4, $5, $6, $7)
                ON CONFLICT (organization_id, list, source) WHERE phone IS NULL DO UPDATE SET
                    listed = excluded.listed, as_of = excluded.as_of, created_at = excluded.created_at
                    WHERE list_checks.as_of <= excluded.as_of"
            );
            self.change(sql, [c.id.into(), list(), c.listed.into(), as_of(), source(), created()]).await?;
        }
        Ok(())
    }
    async fn licences(&mut self, limit: i64) -> Result<Vec<Licence>> {
        let sql = org_sql!(
            licences,
            "SELECT * FROM licences WHERE organization_id = $1 ORDER BY region, from_at, id LIMIT $2"
        );
        self.all(sql, [limit.into()]).await
    }
    async fn holds_on(&mut self, account: Option<AccountId>, call: Option<CallId>) -> Result<i64> {
        let sql = org_sql!(
            holds_on,
            "SELECT COUNT(*) AS n FROM legal_holds WHERE organization_id = $1 AND status = 'active'
            AND (applies_to_all OR account_id = $2 OR call_id = $3)"
        );
        self.count(sql, [account.into(), call.into()]).await
    }
}
