//! Violations, and the lists that members leaf through.

use async_trait::async_trait;
use wib_core::{
    audit::AuditEvent,
    collections::Suppression,
    consent::Consent,
    kit::{List, Result, Stretch, time::Timestamp},
    notices::{Dispute, Notice},
    retention::LegalHold,
    store::{Column, ConsentFilter, Lists, NoticeFilter, Value},
    violations::{Violation, ViolationId, ViolationStatus},
};

use crate::{
    sql::{OrgSql, org_sql},
    store::SqlOrg,
    table::{Table, table},
};

table!(Violation in "violations" {
    id, call_id, user_id, code, kind, context, status, notes, resolved_by, resolved_at, created_at
} mutable);

/// The words as a pattern that holds them anywhere.
fn holding(words: &str) -> String {
    let mut pattern = String::from("%");
    for c in words.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern + "%"
}

impl SqlOrg {
    /// A stretch of what two statements say; both take the same arguments, the first with limit and offset behind them.
    pub(crate) async fn list<T: Table, const N: usize, const M: usize>(
        &mut self,
        rows: OrgSql<N>,
        total: OrgSql<M>,
        args: [Value; M],
        of: Stretch,
    ) -> Result<List<T>> {
        let span = [i64::from(of.limit).into(), i64::from(of.offset).into()];
        let mut all = args.iter().cloned().chain(span);
        let with_span = std::array::from_fn(|_| all.next().unwrap_or(Value::Int(None)));
        let items = if of.limit == 0 { vec![] } else { self.all(rows, with_span).await? };
        Ok(List { items, total: self.count(total, args).await?, limit: of.limit, offset: of.offset })
    }
}

/// The two statements of a list: `$2` and on are its filter, limit and offset come behind them.
macro_rules! list_sql {
    ($rows:ident, $count:ident, $from:literal, $order:literal) => {
        (
            org_sql!($rows, concat!("SELECT * FROM ", $from, " ", $order)),
            org_sql!($count, concat!("SELECT COUNT(*) AS n FROM ", $from)),
        )
    };
}

pub(crate) use list_sql;

#[async_trait]
impl Lists for SqlOrg {
    async fn lock_violation(&mut self, id: ViolationId) -> Result<Option<Violation>> {
        let sql = org_sql!(
            lock_violation,
            pg: "SELECT * FROM violations WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE",
            sqlite: "SELECT * FROM violations WHERE organization_id = $1 AND id = $2"
        );
        self.one(sql, [id.into()]).await
    }
    async fn list_violations(&mut self, status: Option<ViolationStatus>, of: Stretch) -> Result<List<Violation>> {
        let (rows, total) = list_sql!(
            list_violations,
            count_violations,
            "violations WHERE organization_id = $1 AND ($2 IS NULL OR status = $2)",
            "ORDER BY created_at DESC, id DESC LIMIT $3 OFFSET $4"
        );
        self.list(rows, total, [status.into_value()], of).await
    }
    async fn list_disputes(&mut self, of: Stretch) -> Result<List<Dispute>> {
        let (rows, total) = list_sql!(
            list_disputes,
            count_disputes,
            "disputes WHERE organization_id = $1",
            "ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3"
        );
        self.list(rows, total, [], of).await
    }
    async fn list_suppressions(&mut self, words: Option<&str>, of: Stretch) -> Result<List<Suppression>> {
        let (rows, total) = list_sql!(
            list_suppressions,
            count_suppressions,
            "suppressions WHERE organization_id = $1
            AND ($2 IS NULL OR phone LIKE $2 ESCAPE '\\' OR LOWER(reason) LIKE $2 ESCAPE '\\')",
            "ORDER BY created_at DESC, id DESC LIMIT $3 OFFSET $4"
        );
        self.list(rows, total, [words.map(holding).into_value()], of).await
    }
    async fn list_consents(&mut self, filter: ConsentFilter, of: Stretch) -> Result<List<Consent>> {
        let (rows, total) = list_sql!(
            list_consents,
            count_consents,
            "consents WHERE organization_id = $1
            AND ($2 IS NULL OR account_id = $2 OR (account_id IS NULL AND person_id = $3))
            AND ($4 IS NULL OR scope = $4) AND ($5 IS NULL OR event = $5)",
            "ORDER BY at DESC, id DESC LIMIT $6 OFFSET $7"
        );
        let (person, account) = filter.about.unzip();
        let args = [account.into_value(), person.into_value(), filter.scope.into_value(), filter.event.into_value()];
        self.list(rows, total, args, of).await
    }
    async fn list_notices(&mut self, filter: NoticeFilter, of: Stretch) -> Result<List<Notice>> {
        let (rows, total) = list_sql!(
            list_notices,
            count_notices,
            "notices WHERE organization_id = $1 AND kind = 'validation' AND ($2 IS NULL OR account_id = $2)
            AND ($3 IS NULL OR status = $3) AND ($4 IS NULL OR created_at < $4)",
            "ORDER BY created_at DESC, id DESC LIMIT $5 OFFSET $6"
        );
        let args = [filter.account.into_value(), filter.status.into_value(), filter.before.into_value()];
        self.list(rows, total, args, of).await
    }
    async fn list_holds(&mut self, of: Stretch) -> Result<List<LegalHold>> {
        let (rows, total) = list_sql!(
            list_holds,
            count_holds,
            "legal_holds WHERE organization_id = $1",
            "ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3"
        );
        self.list(rows, total, [], of).await
    }
    async fn list_audit(&mut self, since: Option<Timestamp>, of: Stretch) -> Result<List<AuditEvent>> {
        let (rows, total) = list_sql!(
            list_audit,
            count_audit_since,
            "audit_events WHERE organization_id = $1 AND ($2 IS NULL OR created_at >= $2)",
            "ORDER BY created_at DESC, id DESC LIMIT $3 OFFSET $4"
        );
        self.list(rows, total, [since.into_value()], of).await
    }
}
