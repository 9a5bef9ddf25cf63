//! Lists that a member leafs through, with their totals.

use async_trait::async_trait;

use super::Edit;
use crate::{
    audit::AuditEvent,
    collections::{AccountId, PersonId, Suppression},
    compliance::ConsentScope,
    consent::{Consent, ConsentEvent},
    kit::{List, Result, Stretch, time::Timestamp},
    notices::{Dispute, Notice, NoticeStatus},
    retention::LegalHold,
    violations::{Violation, ViolationId, ViolationStatus},
};

/// Which consents are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConsentFilter {
    /// Those of the person about that debt, or about every debt.
    pub about: Option<(PersonId, AccountId)>,
    /// For that.
    pub scope: Option<ConsentScope>,
    /// Of that kind.
    pub event: Option<ConsentEvent>,
}

/// Which notices are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoticeFilter {
    /// Those about that debt.
    pub account: Option<AccountId>,
    /// Those that stand so.
    pub status: Option<NoticeStatus>,
    /// Those that became due before then.
    pub before: Option<Timestamp>,
}

/// Lists of an organisation, newest first, each with its true total.
#[async_trait]
pub trait Lists: Edit<Violation> {
    /// The row, held against other writers until the end of the transaction.
    async fn lock_violation(&mut self, id: ViolationId) -> Result<Option<Violation>>;
    /// Violations; all when no status is named.
    async fn list_violations(&mut self, status: Option<ViolationStatus>, of: Stretch) -> Result<List<Violation>>;
    /// Disputes.
    async fn list_disputes(&mut self, of: Stretch) -> Result<List<Dispute>>;
    /// Numbers that are not called; those whose number or reason holds the words, whatever their case.
    async fn list_suppressions(&mut self, words: Option<&str>, of: Stretch) -> Result<List<Suppression>>;
    /// The consent ledger, by when it happened.
    async fn list_consents(&mut self, filter: ConsentFilter, of: Stretch) -> Result<List<Consent>>;
    /// Validation notices.
    async fn list_notices(&mut self, filter: NoticeFilter, of: Stretch) -> Result<List<Notice>>;
    /// Legal holds.
    async fn list_holds(&mut self, of: Stretch) -> Result<List<LegalHold>>;
    /// Lines of the audit log, from then on when that is named.
    async fn list_audit(&mut self, since: Option<Timestamp>, of: Stretch) -> Result<List<AuditEvent>>;
}
