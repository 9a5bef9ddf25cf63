//! The chain and its checkpoints.

use async_trait::async_trait;
use wib_core::{
    calls::CallId,
    evidence::{Checkpoint, EvidenceEntry},
    kit::Result,
    store::EvidenceLog,
};

use crate::{
    sql::{org_sql, system_sql},
    store::SqlOrg,
    table::table,
};

table!(EvidenceEntry in "evidence" { id, call_id, seq, manifest, manifest_hash, prev_hash, entry_hash, created_at });
table!(Checkpoint in "checkpoints" { id, size, head, signer, signature, created_at });

#[async_trait]
impl EvidenceLog for SqlOrg {
    async fn lock_chain_head(&mut self) -> Result<Option<EvidenceEntry>> {
        // The chain is locked, not its last row: a first link has no row before it. The statement behind the lock sees
        // what the holder before us has committed.
        let lock = system_sql!(
            lock_chain,
            pg: "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
            sqlite: "SELECT 1 WHERE $1 IS NOT NULL"
        );
        self.conn.all(&lock.0, vec![format!("wib chain {}", self.organization).into()]).await?;
        let head = org_sql!(chain_head, "SELECT * FROM evidence WHERE organization_id = $1 ORDER BY seq DESC LIMIT 1");
        self.one(head, []).await
    }
    async fn entry_of_call(&mut self, call: CallId) -> Result<Option<EvidenceEntry>> {
        let sql = org_sql!(entry_of_call, "SELECT * FROM evidence WHERE organization_id = $1 AND call_id = $2");
        self.one(sql, [call.into()]).await
    }
    async fn chain_after(&mut self, after: i64, limit: i64) -> Result<Vec<EvidenceEntry>> {
        let sql = org_sql!(
            chain_after,
            "SELECT * FROM evidence WHERE organization_id = $1 AND seq > $2
            ORDER BY seq LIMIT $3"
        );
        self.all(sql, [after.into(), limit.into()]).await
    }
    async fn checkpoint_covering(&mut self, seq: i64) -> Result<Option<Checkpoint>> {
        let sql = org_sql!(
            checkpoint_covering,
            "SELECT * FROM checkpoints WHERE organization_id = $1 AND size >= $2
            ORDER BY size, id LIMIT 1"
        );
        self.one(sql, [seq.into()]).await
    }
}
