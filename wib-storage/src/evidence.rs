//! The chain, its tree and its checkpoints.

use async_trait::async_trait;
use uuid::Uuid;
use wib_core::{
    evidence::{Checkpoint, EntryKind, EvidenceEntry, EvidenceNode, merkle::Hash},
    kit::{Error, Page, PageRequest, Result, time, time::Timestamp},
    store::EvidenceLog,
};

use crate::{
    db::Row,
    sql::org_sql,
    store::{SqlOrg, edge, page},
    table::table,
};

table!(EvidenceEntry in "evidence" {
    id, kind, subject_id, call_id, version, supersedes, format, seq, manifest, manifest_hash, prev_hash, entry_hash,
    created_at
});
table!(Checkpoint in "checkpoints" { id, size, head, root, signer, signature, created_at });

fn odd() -> Error {
    Error::internal("a node of the tree that cannot be")
}

fn hash(row: &Row) -> Result<Hash> {
    row.get::<Vec<u8>>("hash")?.try_into().map_err(|_| odd())
}

fn node(row: &Row) -> Result<EvidenceNode> {
    let level = u32::try_from(row.get::<i64>("level")?).map_err(|_| odd())?;
    let position = u64::try_from(row.get::<i64>("position")?).map_err(|_| odd())?;
    Ok(EvidenceNode { level, position, hash: hash(row)? })
}

#[async_trait]
impl EvidenceLog for SqlOrg {
    async fn lock_chain_head(&mut self) -> Result<Option<EvidenceEntry>> {
        // The chain is locked, not its last row: a first link has no row before it.
        self.alone_with("chain").await?;
        let head = org_sql!(chain_head, "SELECT * FROM evidence WHERE organization_id = $1 ORDER BY seq DESC LIMIT 1");
        self.one(head, []).await
    }
    async fn newest_entry(&mut self, kind: EntryKind, subject: Uuid) -> Result<Option<EvidenceEntry>> {
        let sql = org_sql!(
            newest_entry,
            "SELECT * FROM evidence WHERE organization_id = $1 AND kind = $2 AND subject_id = $3
            ORDER BY version DESC LIMIT 1"
        );
        self.one(sql, [kind.as_str().into(), subject.into()]).await
    }
    async fn chain_after(&mut self, after: i64, limit: i64) -> Result<Vec<EvidenceEntry>> {
        let sql = org_sql!(
            chain_after,
            "SELECT * FROM evidence WHERE organization_id = $1 AND seq > $2
            ORDER BY seq LIMIT $3"
        );
        self.all(sql, [after.into(), limit.into()]).await
    }
    async fn newest_checkpoint(&mut self, most: i64) -> Result<Option<Checkpoint>> {
        let sql = org_sql!(
            newest_checkpoint,
            "SELECT * FROM checkpoints WHERE organization_id = $1 AND size <= $2
            ORDER BY size DESC, CASE WHEN root IS NULL THEN 1 ELSE 0 END, created_at DESC, id DESC LIMIT 1"
        );
        self.one(sql, [most.into()]).await
    }
    async fn checkpoints_after(
        &mut self,
        after: (i64, Timestamp, Uuid),
        signer: &str,
        limit: i64,
    ) -> Result<Vec<Checkpoint>> {
        let sql = org_sql!(
            checkpoints_after,
            "SELECT * FROM checkpoints WHERE organization_id = $1 AND signer = $2 AND (size, created_at, id) > ($3, $4, $5)
            ORDER BY size, created_at, id LIMIT $6"
        );
        let (size, at, id) = after;
        self.all(sql, [signer.into(), size.into(), time::microseconds(at).into(), id.into(), limit.into()]).await
    }
    async fn page_of_checkpoints(&mut self, request: &PageRequest) -> Result<Page<Checkpoint>> {
        let rows = org_sql!(
            page_of_checkpoints,
            "SELECT * FROM checkpoints WHERE organization_id = $1 AND (created_at, id) < ($2, $3)
            ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5"
        );
        let rows = self.rows(rows, edge(request)?).await?;
        let total = org_sql!(count_checkpoints, "SELECT COUNT(*) AS n FROM checkpoints WHERE organization_id = $1");
        page(&rows, self.count(total, []).await?, request, "created_at")
    }
    async fn tree_size(&mut self) -> Result<i64> {
        let sql = org_sql!(
            tree_size,
            "SELECT COALESCE(MAX(position), -1) + 1 AS n FROM evidence_nodes WHERE organization_id = $1 AND level = 0"
        );
        self.count(sql, []).await
    }
    async fn tree_edge(&mut self, size: i64) -> Result<Vec<EvidenceNode>> {
        // A subtree for each bit of the size, looked up by its place: one trip, a row per level at most. SQLite takes the
        // levels first only where a join is called a cross join; else it reads the whole tree.
        let sql = org_sql!(
            tree_edge,
            "WITH RECURSIVE levels (level) AS (SELECT 0 UNION ALL SELECT level + 1 FROM levels WHERE level < 62)
            SELECT n.level, n.position, n.hash FROM levels l CROSS JOIN evidence_nodes n
            WHERE n.organization_id = $1 AND n.level = l.level AND n.position = (CAST($2 AS BIGINT) >> l.level) - 1
            AND (CAST($2 AS BIGINT) >> l.level) & 1 = 1 ORDER BY n.level DESC"
        );
        self.rows(sql, [size.into()]).await?.iter().map(node).collect()
    }
    async fn tree_node(&mut self, level: u32, position: u64) -> Result<Option<Hash>> {
        let sql = org_sql!(
            tree_node,
            "SELECT hash FROM evidence_nodes WHERE organization_id = $1 AND level = $2 AND position = $3"
        );
        let position = i64::try_from(position).map_err(|_| odd())?;
        self.rows(sql, [i64::from(level).into(), position.into()]).await?.first().map(hash).transpose()
    }
    async fn add_nodes(&mut self, nodes: &[EvidenceNode]) -> Result<()> {
        for node in nodes {
            let sql = org_sql!(
                add_node,
                "INSERT INTO evidence_nodes (organization_id, level, position, hash) VALUES ($1, $2, $3, $4)"
            );
            let position = i64::try_from(node.position).map_err(|_| odd())?;
            self.change(sql, [i64::from(node.level).into(), position.into(), node.hash.to_vec().into()]).await?;
        }
        Ok(())
    }
}
