//! What the service costs and is used for, what models are asked for by order, and what became of mails.

use async_trait::async_trait;
use wib_core::{
    ai::{AiConfig, OrderedText},
    billing::{KnownInvoice, KnownMethod},
    collections::PersonId,
    engine::Owner,
    kit::{
        List, Result, Stretch,
        time::{Date, Timestamp},
    },
    mail::{MailSuppression, SentMail},
    orgs::OrganizationId,
    store::{Routing, Service},
    usage::{UsageStats, Used},
};

use crate::{
    lists::list_sql,
    sql::{org_sql, system_sql},
    store::SqlOrg,
    system::SqlSystem,
    table::{insert_new, table},
};

table!(KnownMethod in "payment_methods" {
    id, vendor, vendor_id, kind, brand, last4, exp_month, exp_year, added_at, seen_at, detached_at, created_at
} mutable);
table!(AiConfig in "ai_configs" {
    id, enabled, model, temperature_milli, max_tokens, system_prompt, sentiment_analysis, auto_summarize, language,
    grok_chat, openai_chat, grok_tts, elevenlabs_tts, updated_at
} mutable);
table!(OrderedText in "ordered_texts" {
    id, call_id, kind, vendor, vendor_id, status, text, live, created_by, created_at, updated_at
} mutable);
table!(SentMail in "sent_mails" {
    id, vendor, vendor_id, recipients, sent_at, delivered_at, opened_at, clicked_at, bounced_at, complained_at
} mutable);
table!(MailSuppression in "mail_suppressions" { id, address_hash, reason, mail_id, since });

/// Bytes that are kept. Nothing is a tebibyte large: what says so adds one, and no sum overflows.
macro_rules! stored {
    () => {
        "SELECT CAST(COALESCE(SUM(CASE WHEN size > 1099511627776 THEN 1099511627776 ELSE size END), 0) AS BIGINT)
            FROM (SELECT size_bytes AS size FROM recordings WHERE organization_id = $1 AND blob_key IS NOT NULL
                UNION ALL SELECT size_bytes FROM tts_audio WHERE organization_id = $1
                UNION ALL SELECT size_bytes FROM audio_files WHERE organization_id = $1) AS stored"
    };
}
/// What was used in a stretch of time.
macro_rules! used {
    ($seconds:literal) => {
        concat!(
            "SELECT (SELECT COUNT(*) FROM calls WHERE organization_id = $1 AND created_at >= $2 AND created_at < $3) AS calls,
            (SELECT COALESCE(",
            $seconds,
            ", 0) FROM calls WHERE organization_id = $1 AND created_at >= $2 AND created_at < $3) AS seconds,
            (SELECT COUNT(*) FROM recordings WHERE organization_id = $1 AND created_at >= $2 AND created_at < $3) AS recordings,
            (SELECT COUNT(*) FROM transcripts
                WHERE organization_id = $1 AND version = 1 AND created_at >= $2 AND created_at < $3) AS transcripts,
            (SELECT COUNT(*) FROM ordered_texts
                WHERE organization_id = $1 AND kind = 'transcript' AND created_at >= $2 AND created_at < $3) AS ordered,
            (",
            stored!(),
            ") AS stored_bytes"
        )
    };
}

#[async_trait]
impl Service for SqlOrg {
    async fn lock_count_of(&mut self, kind: &'static str) -> Result<()> {
        self.alone_with(kind).await
    }
    async fn stored_bytes(&mut self) -> Result<i64> {
        self.count(org_sql!(stored_bytes, concat!("SELECT (", stored!(), ") AS n")), []).await
    }
    async fn count_calls_since(&mut self, since: Timestamp) -> Result<i64> {
        let sql = org_sql!(
            count_calls_since,
            "SELECT COUNT(*) AS n FROM calls WHERE organization_id = $1 AND created_at >= $2"
        );
        self.count(sql, [since.into()]).await
    }
    async fn used(&mut self, from: Timestamp, until: Timestamp) -> Result<Used> {
        let sql = org_sql!(
            used,
            pg: used!("CAST(SUM(FLOOR(EXTRACT(EPOCH FROM ended_at - created_at))) AS BIGINT)"),
            sqlite: used!("SUM((ended_at - created_at) / 1000000)")
        );
        let rows = self.rows(sql, [from.into(), until.into()]).await?;
        let Some(row) = rows.first() else { return Ok(Used::default()) };
        Ok(Used {
            calls: row.get("calls")?,
            seconds: row.get("seconds")?,
            recordings: row.get("recordings")?,
            transcripts: row.get::<i64>("transcripts")? + row.get::<i64>("ordered")?,
            storage_bytes: row.get("stored_bytes")?,
        })
    }
    async fn unreported_usage(&mut self, since: Date, limit: i64) -> Result<Vec<UsageStats>> {
        let sql = org_sql!(
            unreported_usage,
            "SELECT * FROM usage_stats WHERE organization_id = $1 AND day >= $2 AND reported_at IS NULL
            ORDER BY day, id LIMIT $3"
        );
        self.all(sql, [since.into(), limit.into()]).await
    }
    async fn mark_usage_reported(&mut self, day: Date, now: Timestamp) -> Result<()> {
        let sql = org_sql!(
            mark_usage_reported,
            "UPDATE usage_stats SET reported_at = $3 WHERE organization_id = $1 AND day = $2 AND reported_at IS NULL"
        );
        self.change(sql, [day.into(), now.into()]).await.map(drop)
    }
    async fn known_method(&mut self, vendor: &str, vendor_id: &str) -> Result<Option<KnownMethod>> {
        let sql = org_sql!(
            known_method,
            "SELECT * FROM payment_methods WHERE organization_id = $1 AND vendor = $2 AND vendor_id = $3"
        );
        self.one(sql, [vendor.into(), vendor_id.into()]).await
    }
    async fn known_methods(&mut self, limit: i64) -> Result<Vec<KnownMethod>> {
        let sql = org_sql!(
            known_methods,
            "SELECT * FROM payment_methods WHERE organization_id = $1 AND detached_at IS NULL
            ORDER BY added_at DESC, id DESC LIMIT $2"
        );
        self.all(sql, [limit.into()]).await
    }
    async fn list_invoices(&mut self, of: Stretch) -> Result<List<KnownInvoice>> {
        let (rows, total) = list_sql!(
            list_invoices,
            count_invoices,
            "invoices WHERE organization_id = $1",
            "ORDER BY COALESCE(billed_at, created_at) DESC, id DESC LIMIT $2 OFFSET $3"
        );
        self.list(rows, total, [], of).await
    }
    async fn ai_config(&mut self) -> Result<Option<AiConfig>> {
        self.one(org_sql!(ai_config, "SELECT * FROM ai_configs WHERE organization_id = $1"), []).await
    }
    async fn ordered_text_of(&mut self, vendor: &str, vendor_id: &str) -> Result<Option<OrderedText>> {
        let sql = org_sql!(
            ordered_text_of,
            "SELECT * FROM ordered_texts WHERE organization_id = $1 AND vendor = $2 AND vendor_id = $3"
        );
        self.one(sql, [vendor.into(), vendor_id.into()]).await
    }
    async fn note_sent_mail(&mut self, mail: &SentMail) -> Result<bool> {
        insert_new(&mut self.conn, self.organization, mail).await
    }
    async fn suppressed_mail(&mut self, hashes: &[String]) -> Result<Vec<String>> {
        let sql = org_sql!(
            suppressed_mail,
            "SELECT * FROM mail_suppressions WHERE organization_id = $1 AND address_hash = $2"
        );
        let mut found = vec![];
        for hash in hashes {
            let row: Option<MailSuppression> = self.one(sql, [hash.as_str().into()]).await?;
            found.extend(row.map(|row| row.address_hash));
        }
        Ok(found)
    }
    async fn suppress_mail(&mut self, row: &MailSuppression) -> Result<bool> {
        insert_new(&mut self.conn, self.organization, row).await
    }
    async fn persons_by_email(&mut self, email: &str, limit: i64) -> Result<Vec<PersonId>> {
        let sql = org_sql!(
            persons_by_email,
            "SELECT id FROM persons WHERE organization_id = $1 AND LOWER(email) = $2 ORDER BY id LIMIT $3"
        );
        self.rows(sql, [email.into(), limit.into()]).await?.iter().map(|row| row.get("id")).collect()
    }
}

#[async_trait]
impl Routing for SqlSystem {
    async fn organization_of_method(&mut self, vendor: &str, vendor_id: &str) -> Result<Option<OrganizationId>> {
        let sql = system_sql!(
            organization_of_method,
            "SELECT organization_id FROM payment_methods WHERE vendor = $1 AND vendor_id = $2"
        );
        let row = self.one(sql, [vendor.into(), vendor_id.into()]).await?;
        row.map(|row| row.get("organization_id")).transpose()
    }
    async fn owner_of_mail(&mut self, vendor: &str, vendor_id: &str) -> Result<Option<Owner>> {
        let sql = system_sql!(
            owner_of_mail,
            "SELECT organization_id, id AS record FROM sent_mails WHERE vendor = $1 AND vendor_id = $2"
        );
        Ok(self.owners(sql, [vendor.into(), vendor_id.into()]).await?.pop())
    }
    async fn customers_after(
        &mut self,
        vendor: &str,
        after: Option<OrganizationId>,
        limit: i64,
    ) -> Result<Vec<OrganizationId>> {
        let sql = system_sql!(
            customers_after,
            "SELECT organization_id FROM billing_accounts WHERE vendor = $1 AND organization_id > $2
            ORDER BY organization_id LIMIT $3"
        );
        let after = after.map_or(uuid::Uuid::nil(), |id| id.uuid());
        let rows = self.all(sql, [vendor.into(), after.into(), limit.into()]).await?;
        rows.iter().map(|row| row.get("organization_id")).collect()
    }
    async fn purge_mails(&mut self, before: Timestamp) -> Result<i64> {
        let sql = system_sql!(purge_mails, "DELETE FROM sent_mails WHERE sent_at < $1");
        Ok(i64::try_from(self.change(sql, [before.into()]).await?).unwrap_or(i64::MAX))
    }
}
