//! What belongs to the installation, and to no organisation.

use std::{collections::BTreeMap, sync::LazyLock};

use async_trait::async_trait;
use wib_core::{
    internal::Enquiry,
    kit::{Error, Result, time::Timestamp},
    store::{Operating, Tables},
};

use crate::{
    db::Row,
    migrate,
    sql::{Sql, system_sql},
    system::SqlSystem,
};

/// A question per table, made once: texts live as long as the program.
static COUNTS: LazyLock<BTreeMap<String, Sql>> = LazyLock::new(|| {
    let count = |table: &str| {
        let text = format!("SELECT COUNT(*) AS n FROM (SELECT 1 FROM {table} LIMIT $1) AS found");
        Sql::same("count_rows", text.leak())
    };
    migrate::tables().into_keys().map(|table| (table.clone(), count(&table))).collect()
});

fn many(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

fn counted(row: Option<Row>) -> Result<i64> {
    row.map_or(Ok(0), |row| row.get("n"))
}

#[async_trait]
impl Operating for SqlSystem {
    fn expected_tables(&self) -> Tables {
        migrate::tables()
    }
    async fn actual_tables(&mut self) -> Result<Tables> {
        let sql = system_sql!(
            actual_tables,
            pg: "SELECT c.table_name::text AS table_name, c.column_name::text AS column_name
                FROM information_schema.columns c
                JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
                WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE'",
            sqlite: "SELECT m.name AS table_name, c.name AS column_name
                FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'"
        );
        let mut tables = Tables::new();
        for row in self.all(sql, []).await? {
            tables.entry(row.get("table_name")?).or_default().insert(row.get("column_name")?);
        }
        Ok(tables)
    }
    async fn count_rows(&mut self, table: &str, most: i64) -> Result<i64> {
        let sql = COUNTS.get(table).ok_or_else(|| Error::not_found("table"))?;
        counted(self.conn.one(sql, vec![most.into()]).await?)
    }
    async fn broken_references(&mut self, most: i64) -> Result<i64> {
        let sql = system_sql!(
            broken_references,
            pg: "SELECT COUNT(*) AS n FROM (SELECT 1 FROM pg_constraint WHERE contype = 'f' AND NOT convalidated
                AND connamespace = current_schema()::regnamespace LIMIT $1) AS found",
            sqlite: "SELECT COUNT(*) AS n FROM (SELECT 1 FROM pragma_foreign_key_check LIMIT $1) AS found"
        );
        counted(self.one(sql, [most.into()]).await?)
    }
    async fn unguarded_tables(&mut self) -> Result<Vec<String>> {
        let sql = system_sql!(
            unguarded_tables,
            pg: "SELECT k.relname::text AS table_name FROM pg_class k JOIN pg_attribute a ON a.attrelid = k.oid
                WHERE k.relnamespace = current_schema()::regnamespace AND k.relkind = 'r'
                AND a.attname = 'organization_id' AND NOT a.attisdropped
                AND NOT (k.relrowsecurity AND k.relforcerowsecurity) ORDER BY 1",
            sqlite: "SELECT name AS table_name FROM sqlite_master WHERE FALSE"
        );
        self.all(sql, []).await?.iter().map(|row| row.get("table_name")).collect()
    }
    async fn orphaned_sessions(&mut self) -> Result<i64> {
        let sql = system_sql!(
            orphaned_sessions,
            "SELECT COUNT(*) AS n FROM sessions s WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = s.user_id)"
        );
        counted(self.one(sql, []).await?)
    }
    async fn weak_passwords(&mut self) -> Result<i64> {
        let sql = system_sql!(
            weak_passwords,
            "SELECT COUNT(*) AS n FROM users
            WHERE password_hash NOT LIKE '$argon2id$%' AND password_hash NOT LIKE 'pbkdf2:%'"
        );
        counted(self.one(sql, []).await?)
    }
    async fn keep_enquiry(&mut self, enquiry: &Enquiry) -> Result<()> {
        let sql = system_sql!(
            keep_enquiry,
            "INSERT INTO demo_requests (id, name, email, company, team_size, use_case, message, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        );
        let e = enquiry.clone();
        let args = [
            e.id.into(),
            e.name.into(),
            e.email.into(),
            e.company.into(),
            e.team_size.into(),
            e.use_case.into(),
            e.message.into(),
            e.created_at.into(),
        ];
        self.change(sql, args).await.map(drop)
    }
    async fn purge_enquiries(&mut self, before: Timestamp) -> Result<i64> {
        let sql = system_sql!(purge_enquiries, "DELETE FROM demo_requests WHERE created_at < $1");
        self.change(sql, [before.into()]).await.map(many)
    }
    async fn purge_deliveries(&mut self, before: Timestamp) -> Result<i64> {
        let sql = system_sql!(purge_deliveries, "DELETE FROM webhook_deliveries WHERE created_at < $1");
        self.change(sql, [before.into()]).await.map(many)
    }
    async fn purge_failures(&mut self, before: Timestamp) -> Result<i64> {
        let sql = system_sql!(purge_failures, "DELETE FROM webhook_failures WHERE updated_at < $1");
        self.change(sql, [before.into()]).await.map(many)
    }
}
