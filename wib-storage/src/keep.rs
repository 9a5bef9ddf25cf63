//! What is kept, until when, and how content is taken away.

use async_trait::async_trait;
use serde_json::json;
use uuid::Uuid;
use wib_core::{
    calls::{Call, CallId},
    collections::{Account, AccountId, PersonId},
    compliance::StoredVerdict,
    kit::{Id, Result, time::Timestamp},
    privacy::{Counted, Erasure, TOMBSTONE},
    retention::{RetentionMark, RetentionPolicy, Subject, SubjectKind},
    store::{Keeping, Repo, Value},
    transcripts::TranscriptId,
};

use crate::{
    sql::{OrgSql, org_sql},
    store::SqlOrg,
    table::table,
};

table!(RetentionPolicy in "retention_policies" {
    id, recording_retention_days, transcript_retention_days, call_log_retention_days, auto_delete_enabled, gdpr_mode,
    updated_at
} mutable);
table!(RetentionMark in "retention_marks" {
    id, kind, subject_id, call_id, status, next_look_at, hash, verdict_id, seq, updated_at
} mutable);
table!(Erasure in "erasures" {
    id, person_id, reason, status, report, requested_by, next_look_at, created_at, updated_at
} mutable);

/// An analysis without words.
fn blank_insight() -> Value {
    json!({"summary": "", "sentiment": "neutral", "findings": [], "dropped": 0, "suspicious": []}).into()
}

fn counted(what: &str, count: u64) -> Counted {
    Counted { what: what.to_owned(), count: i64::try_from(count).unwrap_or(i64::MAX) }
}

impl SqlOrg {
    async fn subjects(&mut self, kind: SubjectKind, sql: OrgSql<3>, args: [Value; 3]) -> Result<Vec<Subject>> {
        let read = |row: &crate::db::Row| Ok(Subject { kind, id: row.get("id")?, call_id: row.get("call_id")? });
        self.rows(sql, args).await?.iter().map(read).collect()
    }
}

/// Deletes what a table holds of the calls with a person (`$2`).
macro_rules! of_calls {
    ($name:ident, $table:literal) => {
        org_sql!(
            $name,
            concat!(
                "DELETE FROM ",
                $table,
                " WHERE organization_id = $1 AND call_id IN
                (SELECT id FROM calls WHERE organization_id = $1 AND person_id = $2)"
            )
        )
    };
}

#[async_trait]
impl Keeping for SqlOrg {
    async fn retention_policy(&mut self) -> Result<Option<RetentionPolicy>> {
        self.one(org_sql!(retention_policy, "SELECT * FROM retention_policies WHERE organization_id = $1"), []).await
    }
    async fn retention_mark(&mut self, kind: SubjectKind, subject: Uuid) -> Result<Option<RetentionMark>> {
        let sql = org_sql!(
            retention_mark,
            "SELECT * FROM retention_marks WHERE organization_id = $1 AND kind = $2 AND subject_id = $3"
        );
        self.one(sql, [kind.as_str().into(), subject.into()]).await
    }
    async fn put_retention_mark(&mut self, mark: &RetentionMark) -> Result<()> {
        match self.retention_mark(mark.kind, mark.subject_id).await? {
            // Whoever writes a mark holds its call.
            Some(known) => wib_core::store::Edit::update(self, &RetentionMark { id: known.id, ..mark.clone() }).await,
            None => self.insert(mark).await,
        }
    }
    async fn purge_candidates(
        &mut self,
        kind: SubjectKind,
        made_before: Timestamp,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<Subject>> {
        let recordings = org_sql!(
            due_recordings,
            "SELECT r.id, r.call_id FROM recordings r LEFT JOIN retention_marks m
                ON m.organization_id = $1 AND m.kind = 'recording' AND m.subject_id = r.id
            WHERE r.organization_id = $1 AND r.status <> 'deleted' AND r.created_at <= $2
                AND (m.id IS NULL OR (m.status = 'kept' AND m.next_look_at <= $3))
            ORDER BY r.created_at, r.id LIMIT $4"
        );
        let transcripts = org_sql!(
            due_transcripts,
            "SELECT t.id, t.call_id FROM transcripts t LEFT JOIN retention_marks m
                ON m.organization_id = $1 AND m.kind = 'transcript' AND m.subject_id = t.id
            WHERE t.organization_id = $1 AND t.created_at <= $2
                AND (m.id IS NULL OR (m.status = 'kept' AND m.next_look_at <= $3))
            ORDER BY t.created_at, t.id LIMIT $4"
        );
        let timelines = org_sql!(
            due_timelines,
            "SELECT c.id, c.id AS call_id FROM calls c LEFT JOIN retention_marks m
                ON m.organization_id = $1 AND m.kind = 'timeline' AND m.subject_id = c.id
            WHERE c.organization_id = $1 AND c.created_at <= $2
                AND c.status IN ('completed', 'transferred', 'missed', 'canceled', 'failed')
                AND (m.id IS NULL OR (m.status = 'kept' AND m.next_look_at <= $3))
            ORDER BY c.created_at, c.id LIMIT $4"
        );
        let sql = match kind {
            SubjectKind::Recording => recordings,
            SubjectKind::Transcript => transcripts,
            SubjectKind::Timeline => timelines,
        };
        self.subjects(kind, sql, [made_before.into(), now.into(), limit.into()]).await
    }
    async fn last_activity(&mut self, account: AccountId) -> Result<Option<Timestamp>> {
        let sql = org_sql!(
            last_activity,
            "SELECT MAX(at) AS at FROM (
                SELECT MAX(at) AS at FROM contacts WHERE organization_id = $1 AND account_id = $2
                UNION ALL
                SELECT MAX(COALESCE(ended_at, created_at)) FROM calls WHERE organization_id = $1 AND account_id = $2
                UNION ALL
                SELECT MAX(sent_at) FROM notices WHERE organization_id = $1 AND account_id = $2
            ) AS activities"
        );
        let rows = self.rows(sql, [account.into()]).await?;
        rows.first().map_or(Ok(None), |row| row.get("at"))
    }
    async fn holds_on_person(&mut self, person: PersonId) -> Result<i64> {
        let sql = org_sql!(
            holds_on_person,
            "SELECT COUNT(*) AS n FROM legal_holds WHERE organization_id = $1 AND status = 'active'
                AND (applies_to_all
                    OR account_id IN (SELECT id FROM accounts WHERE organization_id = $1 AND person_id = $2)
                    OR call_id IN (SELECT id FROM calls WHERE organization_id = $1 AND person_id = $2))"
        );
        self.count(sql, [person.into()]).await
    }
    async fn blank_transcript(&mut self, id: TranscriptId) -> Result<()> {
        let sql =
            org_sql!(blank_transcript, "UPDATE transcripts SET utterances = $3 WHERE organization_id = $1 AND id = $2");
        self.change(sql, [id.into(), json!([]).into()]).await.map(drop)
    }
    async fn blank_analyses_of(&mut self, transcript: TranscriptId) -> Result<()> {
        let sql = org_sql!(
            blank_analyses_of,
            "UPDATE analyses SET insight = $3 WHERE organization_id = $1 AND transcript_id = $2"
        );
        self.change(sql, [transcript.into(), blank_insight()]).await.map(drop)
    }
    async fn blank_translations_of(&mut self, transcript: TranscriptId) -> Result<()> {
        let sql = org_sql!(
            blank_translations_of,
            "UPDATE translations SET utterances = $3 WHERE organization_id = $1 AND transcript_id = $2"
        );
        self.change(sql, [transcript.into(), json!([]).into()]).await.map(drop)
    }
    async fn forget_timeline(&mut self, call: CallId) -> Result<()> {
        let sql = org_sql!(forget_timeline, "DELETE FROM call_events WHERE organization_id = $1 AND call_id = $2");
        self.change(sql, [call.into()]).await.map(drop)
    }
    async fn erasure_of(&mut self, person: PersonId) -> Result<Option<Erasure>> {
        let sql = org_sql!(erasure_of, "SELECT * FROM erasures WHERE organization_id = $1 AND person_id = $2");
        self.one(sql, [person.into()]).await
    }
    async fn erasures_due(&mut self, now: Timestamp, limit: i64) -> Result<Vec<Erasure>> {
        let sql = org_sql!(
            erasures_due,
            "SELECT * FROM erasures WHERE organization_id = $1 AND status = 'pending' AND next_look_at <= $2
            ORDER BY next_look_at, id LIMIT $3"
        );
        self.all(sql, [now.into(), limit.into()]).await
    }
    async fn forget_person(&mut self, person: PersonId) -> Result<Vec<Counted>> {
        let name = org_sql!(
            forget_name,
            "UPDATE persons SET name = $3, email = NULL, do_not_call = TRUE WHERE organization_id = $1 AND id = $2"
        );
        let places = org_sql!(
            forget_addresses,
            "UPDATE person_locations SET text = NULL WHERE organization_id = $1 AND person_id = $2 AND text IS NOT NULL"
        );
        let notes = org_sql!(
            forget_notes,
            "UPDATE accounts SET notes = NULL WHERE organization_id = $1 AND person_id = $2 AND notes IS NOT NULL"
        );
        let analyses = org_sql!(
            forget_analyses,
            "UPDATE analyses SET insight = $3 WHERE organization_id = $1 AND call_id IN
                (SELECT id FROM calls WHERE organization_id = $1 AND person_id = $2)"
        );
        let translations = org_sql!(
            forget_translations,
            "UPDATE translations SET utterances = $3 WHERE organization_id = $1 AND call_id IN
                (SELECT id FROM calls WHERE organization_id = $1 AND person_id = $2)"
        );
        let consents = org_sql!(
            forget_consents,
            "UPDATE consents SET email = NULL, evidence = NULL, note = NULL WHERE organization_id = $1 AND person_id = $2
            AND (email IS NOT NULL OR evidence IS NOT NULL OR note IS NOT NULL)"
        );
        let preferences = org_sql!(
            forget_preferences,
            "UPDATE preferences SET email = NULL WHERE organization_id = $1 AND person_id = $2 AND email IS NOT NULL"
        );
        let circumstances = org_sql!(
            forget_circumstances,
            "UPDATE circumstances SET note = NULL WHERE organization_id = $1 AND person_id = $2 AND note IS NOT NULL"
        );
        let disputes =
            org_sql!(forget_disputes, "UPDATE disputes SET reason = $3 WHERE organization_id = $1 AND person_id = $2");
        let reasons = org_sql!(
            forget_reasons,
            "UPDATE suppressions SET reason = NULL WHERE organization_id = $1 AND reason IS NOT NULL AND phone IN
                (SELECT phone FROM person_phones WHERE organization_id = $1 AND person_id = $2)"
        );
        let violations = org_sql!(
            forget_violations,
            "UPDATE violations SET context = $3, notes = NULL WHERE organization_id = $1 AND call_id IN
                (SELECT id FROM calls WHERE organization_id = $1 AND person_id = $2)"
        );
        let tasks = org_sql!(
            forget_tasks,
            "UPDATE tasks SET title = $3, notes = NULL WHERE organization_id = $1 AND source IS NULL AND title <> $3
            AND account_id IN (SELECT id FROM accounts WHERE organization_id = $1 AND person_id = $2)"
        );
        let translated = of_calls!(forget_translated_lines_of_person, "line_translations");
        let lines = of_calls!(forget_lines_of_person, "live_lines");
        let scores = of_calls!(forget_scores_of_person, "sentiment_scores");
        let moods = of_calls!(forget_sentiments_of_person, "sentiment_summaries");
        let advice = of_calls!(forget_advice_of_person, "advice");
        let said = of_calls!(forget_ai_turns_of_person, "ai_turns");
        let call_notes = of_calls!(forget_call_notes_of_person, "call_notes");
        let confirmations = of_calls!(forget_confirmations_of_person, "call_confirmations");
        let summaries = of_calls!(forget_summaries_of_person, "ai_summaries");
        // What was heard in them goes with them.
        let files = of_calls!(forget_audio_files_of_person, "audio_files");
        let revisions = of_calls!(forget_outcome_history_of_person, "call_outcome_history");
        let outcomes = of_calls!(forget_outcomes_of_person, "call_outcomes");
        let cards = org_sql!(
            forget_cards,
            "UPDATE call_cards SET disposition_notes = NULL, metadata = $3 WHERE organization_id = $1
            AND (disposition_notes IS NOT NULL OR metadata <> $3) AND call_id IN
                (SELECT id FROM calls WHERE organization_id = $1 AND person_id = $2)"
        );
        let asked = of_calls!(forget_ordered_texts_of_person, "ordered_texts");
        let empty = Value::Json(Some(json!({})));
        self.change(translated, [person.into()]).await?;
        self.change(moods, [person.into()]).await?;
        self.change(revisions, [person.into()]).await?;
        let (scores, advice) =
            (self.change(scores, [person.into()]).await?, self.change(advice, [person.into()]).await?);
        Ok(vec![
            counted("judgements of moods", scores),
            counted("advice about calls", advice),
            counted("summaries by order", self.change(asked, [person.into()]).await?),
            counted("what a machine said", self.change(said, [person.into()]).await?),
            counted("lines heard live", self.change(lines, [person.into()]).await?),
            counted("notes about calls", self.change(call_notes, [person.into()]).await?),
            counted("confirmations", self.change(confirmations, [person.into()]).await?),
            counted("summaries of calls", self.change(summaries, [person.into()]).await?),
            counted("audio that was brought", self.change(files, [person.into()]).await?),
            counted("outcomes of calls", self.change(outcomes, [person.into()]).await?),
            counted("words of dispositions", self.change(cards, [person.into(), empty.clone()]).await?),
            counted("reasons for numbers not to be called", self.change(reasons, [person.into()]).await?),
            counted("words of violations", self.change(violations, [person.into(), empty]).await?),
            counted("mail addresses, proofs and notes of consents", self.change(consents, [person.into()]).await?),
            counted("mail addresses of preferences", self.change(preferences, [person.into()]).await?),
            counted("notes of circumstances", self.change(circumstances, [person.into()]).await?),
            counted("reasons of disputes", self.change(disputes, [person.into(), TOMBSTONE.into()]).await?),
            counted("name and mail address", self.change(name, [person.into(), TOMBSTONE.into()]).await?),
            counted("texts of addresses", self.change(places, [person.into()]).await?),
            counted("notes", self.change(notes, [person.into()]).await?),
            counted("analyses", self.change(analyses, [person.into(), blank_insight()]).await?),
            counted("words of tasks", self.change(tasks, [person.into(), TOMBSTONE.into()]).await?),
            counted("translations", self.change(translations, [person.into(), json!([]).into()]).await?),
        ])
    }
    async fn forget_numbers(&mut self, person: PersonId) -> Result<i64> {
        let sql = org_sql!(forget_numbers, "DELETE FROM person_phones WHERE organization_id = $1 AND person_id = $2");
        Ok(i64::try_from(self.change(sql, [person.into()]).await?).unwrap_or(i64::MAX))
    }
    async fn accounts_of_person(&mut self, person: PersonId, limit: i64) -> Result<Vec<Account>> {
        let sql = org_sql!(
            accounts_of_person,
            "SELECT * FROM accounts WHERE organization_id = $1 AND person_id = $2 ORDER BY created_at, id LIMIT $3"
        );
        self.all(sql, [person.into(), limit.into()]).await
    }
    async fn calls_of_person(&mut self, person: PersonId, after: CallId, limit: i64) -> Result<Vec<Call>> {
        let sql = org_sql!(
            calls_of_person,
            "SELECT * FROM calls WHERE organization_id = $1 AND person_id = $2 AND id > $3 ORDER BY id LIMIT $4"
        );
        self.all(sql, [person.into(), after.into(), limit.into()]).await
    }
    async fn verdicts_of_person(
        &mut self,
        person: PersonId,
        after: Id<StoredVerdict>,
        limit: i64,
    ) -> Result<Vec<StoredVerdict>> {
        let sql = org_sql!(
            verdicts_of_person,
            "SELECT * FROM verdicts WHERE organization_id = $1 AND person_id = $2 AND id > $3 ORDER BY id LIMIT $4"
        );
        self.all(sql, [person.into(), after.into(), limit.into()]).await
    }
    async fn purged_of_person(&mut self, person: PersonId) -> Result<Vec<Counted>> {
        let sql = org_sql!(
            purged_of_person,
            "SELECT m.kind, COUNT(*) AS n FROM retention_marks m
            JOIN calls c ON c.organization_id = $1 AND c.id = m.call_id
            WHERE m.organization_id = $1 AND m.status = 'purged' AND c.person_id = $2 GROUP BY m.kind ORDER BY m.kind"
        );
        let read = |row: &crate::db::Row| Ok(Counted { what: row.get("kind")?, count: row.get("n")? });
        self.rows(sql, [person.into()]).await?.iter().map(read).collect()
    }
    async fn count_contacts_of_person(&mut self, person: PersonId) -> Result<i64> {
        let sql = org_sql!(
            count_contacts_of_person,
            "SELECT COUNT(*) AS n FROM contacts WHERE organization_id = $1 AND person_id = $2"
        );
        self.count(sql, [person.into()]).await
    }
}
