//! Scores of accounts, what they are computed from, and what was used day by day.

use async_trait::async_trait;
use uuid::Uuid;
use wib_core::{
    collections::AccountId,
    kit::{
        Error, Id, Result,
        time::{Date, Timestamp},
    },
    likelihood::{CollectionSettings, History, LikelihoodScore},
    orgs::OrganizationId,
    store::{Column, Scores},
    usage::{DaySum, UsageStats},
};

use crate::{
    db::Row,
    sql::{org_sql, system_sql},
    store::SqlOrg,
    system::SqlSystem,
    table::table,
};

table!(LikelihoodScore in "likelihood_scores" { id, account_id, score, factors, scored_at } mutable);
table!(CollectionSettings in "collection_settings" { id, prevention_threshold, updated_at } mutable);
table!(UsageStats in "usage_stats" {
    id, day, total_calls, total_duration_seconds, total_recordings, updated_at
} mutable);

/// What happened with accounts, in one statement; the engines differ in how two instants are subtracted.
macro_rules! histories {
    ($seconds:literal) => {
        concat!(
            "WITH a AS (
                SELECT id, balance_minor, currency FROM accounts WHERE organization_id = $1 AND id BETWEEN $2 AND $3
                    AND (status IN ('active', 'partial') OR $2 = $3)
                ORDER BY balance_minor DESC, id LIMIT $6
            ), paid AS (
                SELECT p.account_id, COUNT(*) AS n, CAST(SUM(p.amount_minor) AS BIGINT) AS minor, MAX(p.paid_at) AS at
                FROM collection_payments p JOIN a ON a.id = p.account_id AND a.currency = p.currency
                WHERE p.organization_id = $1 GROUP BY p.account_id
            ), talked AS (
                SELECT c.account_id, COUNT(*) AS n, COUNT(c.answered_at) AS answered, ",
            $seconds,
            " AS seconds
                FROM calls c JOIN a ON a.id = c.account_id
                WHERE c.organization_id = $1 AND c.direction = 'outbound' AND c.created_at >= $4 GROUP BY c.account_id
            ), heard AS (
                SELECT account_id, COUNT(*) FILTER (WHERE word = 'positive') AS positive,
                    COUNT(*) FILTER (WHERE word = 'negative') AS negative
                FROM (SELECT c.account_id, s.insight ->> 'sentiment' AS word,
                        ROW_NUMBER() OVER (PARTITION BY c.account_id ORDER BY c.created_at DESC, c.id DESC) AS place
                    FROM calls c JOIN a ON a.id = c.account_id
                    JOIN analyses s ON s.organization_id = $1 AND s.call_id = c.id
                        AND NOT EXISTS (SELECT 1 FROM analyses o WHERE o.organization_id = $1 AND o.call_id = c.id
                            AND (o.created_at, o.id) > (s.created_at, s.id))
                    WHERE c.organization_id = $1) AS words
                WHERE place <= 3 GROUP BY account_id
            ), promised AS (
                SELECT t.account_id, COUNT(*) FILTER (WHERE t.status = 'completed') AS kept,
                    COUNT(*) FILTER (WHERE t.status = 'completed'
                        OR (t.status IN ('pending', 'in_progress') AND t.due_at < $5)) AS n
                FROM tasks t JOIN a ON a.id = t.account_id
                WHERE t.organization_id = $1 AND t.kind = 'promise' GROUP BY t.account_id
            )
            SELECT a.id, a.balance_minor, COALESCE(paid.minor, 0) AS paid, COALESCE(paid.n, 0) AS payments,
                paid.at AS last_paid_at, COALESCE(talked.n, 0) AS calls, COALESCE(talked.answered, 0) AS answered,
                COALESCE(talked.seconds, 0) AS seconds, COALESCE(heard.positive, 0) AS positive,
                COALESCE(heard.negative, 0) AS negative, COALESCE(promised.kept, 0) AS kept,
                COALESCE(promised.n, 0) AS promises
            FROM a LEFT JOIN paid ON paid.account_id = a.id LEFT JOIN talked ON talked.account_id = a.id
                LEFT JOIN heard ON heard.account_id = a.id LEFT JOIN promised ON promised.account_id = a.id
            ORDER BY a.balance_minor DESC, a.id"
        )
    };
}

fn history(row: &Row) -> Result<(AccountId, History)> {
    let history = History {
        owed_minor: row.get("balance_minor")?,
        paid_minor: row.get("paid")?,
        payments: row.get("payments")?,
        last_paid_at: row.get("last_paid_at")?,
        calls: row.get("calls")?,
        answered: row.get("answered")?,
        talk_seconds: row.get("seconds")?,
        positive: row.get("positive")?,
        negative: row.get("negative")?,
        kept: row.get("kept")?,
        promises: row.get("promises")?,
    };
    Ok((row.get("id")?, history))
}

#[async_trait]
impl Scores for SqlOrg {
    async fn histories(
        &mut self,
        of: Option<AccountId>,
        since: Timestamp,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<(AccountId, History)>> {
        let sql = org_sql!(
            histories,
            pg: histories!("CAST(SUM(FLOOR(EXTRACT(EPOCH FROM c.ended_at - c.answered_at))) AS BIGINT)"),
            sqlite: histories!("SUM((c.ended_at - c.answered_at) / 1000000)")
        );
        let (from, to) = of.map_or((Uuid::nil(), Uuid::max()), |id| (id.uuid(), id.uuid()));
        let args = [from.into(), to.into(), since.into(), now.into(), limit.into()];
        self.rows(sql, args).await?.iter().map(history).collect()
    }
    async fn put_score(&mut self, score: &LikelihoodScore) -> Result<LikelihoodScore> {
        let sql = org_sql!(
            put_score,
            "INSERT INTO likelihood_scores (organization_id, id, account_id, score, factors, scored_at)
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (organization_id, account_id) DO UPDATE SET
                score = excluded.score, factors = excluded.factors, scored_at = excluded.scored_at
            RETURNING *"
        );
        let s = score;
        let args = [s.id.into(), s.account_id.into(), s.score.into(), s.factors.into_value(), s.scored_at.into()];
        self.one(sql, args).await?.ok_or_else(|| Error::internal("a score that was put is not there"))
    }
    async fn score_of(&mut self, account: AccountId) -> Result<Option<LikelihoodScore>> {
        let sql = org_sql!(score_of, "SELECT * FROM likelihood_scores WHERE organization_id = $1 AND account_id = $2");
        self.one(sql, [account.into()]).await
    }
    async fn accounts_at_risk(&mut self, below: i64, since: Timestamp, limit: i64) -> Result<Vec<(AccountId, i64)>> {
        let sql = org_sql!(
            accounts_at_risk,
            "SELECT s.account_id, s.score FROM likelihood_scores s
            JOIN accounts a ON a.organization_id = $1 AND a.id = s.account_id
            WHERE s.organization_id = $1 AND s.score < $2 AND s.scored_at >= $3 AND a.status IN ('active', 'partial')
                AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.organization_id = $1 AND t.account_id = s.account_id
                    AND t.kind = 'prevention_review' AND t.status IN ('pending', 'in_progress'))
            ORDER BY s.score, s.account_id LIMIT $4"
        );
        let rows = self.rows(sql, [below.into(), since.into(), limit.into()]).await?;
        rows.iter().map(|row| Ok((row.get("account_id")?, row.get("score")?))).collect()
    }
    async fn collection_settings(&mut self) -> Result<Option<CollectionSettings>> {
        self.one(org_sql!(collection_settings, "SELECT * FROM collection_settings WHERE organization_id = $1"), [])
            .await
    }
    async fn put_usage_stats(&mut self, stats: &UsageStats) -> Result<()> {
        let sql = org_sql!(
            put_usage_stats,
            "INSERT INTO usage_stats
            (organization_id, id, day, total_calls, total_duration_seconds, total_recordings, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (organization_id, day) DO UPDATE SET
                total_calls = excluded.total_calls, total_duration_seconds = excluded.total_duration_seconds,
                total_recordings = excluded.total_recordings, updated_at = excluded.updated_at"
        );
        let s = stats;
        let sums = [s.total_calls, s.total_duration_seconds, s.total_recordings].map(Into::into);
        let [calls, seconds, recordings] = sums;
        let args = [s.id.into(), s.day.into(), calls, seconds, recordings, s.updated_at.into()];
        self.change(sql, args).await.map(drop)
    }
    async fn usage_stats(&mut self, from: Date, to: Date, limit: i64) -> Result<Vec<UsageStats>> {
        let sql = org_sql!(
            usage_stats,
            "SELECT * FROM usage_stats WHERE organization_id = $1 AND day BETWEEN $2 AND $3 ORDER BY day, id LIMIT $4"
        );
        self.all(sql, [from.into(), to.into(), limit.into()]).await
    }
}

/// Calls of a stretch of time by organisation.
macro_rules! sums {
    ($seconds:literal) => {
        concat!(
            "SELECT c.organization_id, COUNT(*) AS calls, ",
            $seconds,
            " AS seconds, COUNT(*) FILTER (WHERE EXISTS (SELECT 1 FROM recordings r
                WHERE r.organization_id = c.organization_id AND r.call_id = c.id)) AS recordings
            FROM calls c WHERE c.created_at >= $1 AND c.created_at < $2
            GROUP BY c.organization_id ORDER BY c.organization_id"
        )
    };
}

pub(crate) async fn sums_of_calls(
    tx: &mut SqlSystem,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<(OrganizationId, DaySum)>> {
    let sql = system_sql!(
        sums_of_calls,
        pg: sums!("CAST(COALESCE(SUM(FLOOR(EXTRACT(EPOCH FROM c.ended_at - c.created_at))), 0) AS BIGINT)"),
        sqlite: sums!("COALESCE(SUM((c.ended_at - c.created_at) / 1000000), 0)")
    );
    let read = |row: &Row| {
        let sum = DaySum { calls: row.get("calls")?, seconds: row.get("seconds")?, recordings: row.get("recordings")? };
        Ok((row.get::<Id<_>>("organization_id")?, sum))
    };
    tx.all(sql, [from.into(), until.into()]).await?.iter().map(read).collect()
}

pub(crate) async fn organizations_to_score(tx: &mut SqlSystem, limit: i64) -> Result<Vec<OrganizationId>> {
    let sql = system_sql!(
        organizations_to_score,
        "SELECT o.id FROM organizations o LEFT JOIN (
            SELECT organization_id, MAX(scored_at) AS at FROM likelihood_scores GROUP BY organization_id
        ) AS s ON s.organization_id = o.id
        WHERE o.plan <> 'free' AND EXISTS (SELECT 1 FROM accounts a
            WHERE a.organization_id = o.id AND a.status IN ('active', 'partial'))
        ORDER BY s.at NULLS FIRST, o.id LIMIT $1"
    );
    tx.all(sql, [limit.into()]).await?.iter().map(|row| row.get("id")).collect()
}
