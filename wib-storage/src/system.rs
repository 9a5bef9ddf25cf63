//! Transactions of the platform: sign-in, routing, and the door to the queue.

use std::time::Duration;

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use wib_core::{
    auth::{Session, User, UserId},
    calls::CallId,
    compliance::{CollectorRole, KeptPack},
    engine::{InboxEvent, JobRun, Message, MessageStatus, NewMessage, Owner, QueueDepth, RunOutcome, Topic},
    evidence::StampKind,
    kit::{
        Error, Id, Phone, Result,
        time::{Date, Timestamp, after},
    },
    orgs::{Member, Organization, OrganizationId, Plan},
    ports::{voice::Leg, webhook::Event},
    store::{Column, SystemTx, Value},
    usage::DaySum,
};

use crate::{
    billing,
    db::{Conn, Row},
    likelihood, payments, queue,
    sql::{Sql, SystemSql, system_sql},
    stamps,
    table::{insert, read_all},
    transcripts,
};

/// A transaction without an organisation.
pub(crate) struct SqlSystem {
    pub(crate) conn: Conn,
    pub(crate) now: Timestamp,
}
impl SqlSystem {
    pub(crate) async fn all<const N: usize>(&mut self, sql: SystemSql<N>, args: [Value; N]) -> Result<Vec<Row>> {
        self.conn.all(&sql.0, args.into()).await
    }
    pub(crate) async fn one<const N: usize>(&mut self, sql: SystemSql<N>, args: [Value; N]) -> Result<Option<Row>> {
        self.conn.one(&sql.0, args.into()).await
    }
    pub(crate) async fn change<const N: usize>(&mut self, sql: SystemSql<N>, args: [Value; N]) -> Result<u64> {
        self.conn.change(&sql.0, args.into()).await
    }
    pub(crate) async fn owners<const N: usize>(&mut self, sql: SystemSql<N>, args: [Value; N]) -> Result<Vec<Owner>> {
        let owner = |row: &Row| Ok(Owner { organization_id: row.get("organization_id")?, record: row.get("record")? });
        self.all(sql, args).await?.iter().map(owner).collect()
    }
    async fn owner<const N: usize>(&mut self, sql: SystemSql<N>, args: [Value; N]) -> Result<Option<Owner>> {
        let row = self.one(sql, args).await?;
        let owner = |row: Row| Ok(Owner { organization_id: row.get("organization_id")?, record: row.get("record")? });
        row.map(owner).transpose()
    }
}

/// The organisation's row.
pub(crate) async fn organization(conn: &mut Conn, id: OrganizationId) -> Result<Option<Organization>> {
    let sql = system_sql!(organization, "SELECT * FROM organizations WHERE id = $1");
    let read = |row: Row| {
        Ok(Organization {
            id: row.get("id")?,
            name: row.get("name")?,
            plan: row.get("plan")?,
            collector_role: row.get("collector_role")?,
            live: row.get("live")?,
            created_at: row.get("created_at")?,
        })
    };
    conn.one(&sql.0, vec![id.into()]).await?.map(read).transpose()
}

/// Queues a message; whether its key was new. Its id follows from what makes it one.
pub(crate) async fn enqueue(
    conn: &mut Conn,
    organization: Option<OrganizationId>,
    message: &NewMessage,
    now: Timestamp,
) -> Result<bool> {
    insert_message(conn, message_id(organization, message), organization, message, now).await
}

/// Queues a message of an organisation, or leaves the transaction as it was.
pub(crate) async fn attempt_enqueue(
    conn: &mut Conn,
    organization: OrganizationId,
    message: &NewMessage,
    now: Timestamp,
) -> Result<Result<u64>> {
    let organization = Some(organization);
    let (sql, args) = insertion(message_id(organization, message), organization, message, now);
    conn.attempt(&sql, args).await
}

fn message_id(organization: Option<OrganizationId>, message: &NewMessage) -> Id<Message> {
    let owner = organization.map(|id| id.to_string()).unwrap_or_default();
    let name = format!("{owner}\0{}\0{}", message.topic, message.key);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(name)[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().into()
}

/// Queues a message under an id; whether its key was new.
pub(crate) async fn insert_message(
    conn: &mut Conn,
    id: Id<Message>,
    organization: Option<OrganizationId>,
    message: &NewMessage,
    now: Timestamp,
) -> Result<bool> {
    let (sql, args) = insertion(id, organization, message, now);
    Ok(conn.change(&sql, args).await? == 1)
}

fn insertion(
    id: Id<Message>,
    organization: Option<OrganizationId>,
    message: &NewMessage,
    now: Timestamp,
) -> (Sql, Vec<Value>) {
    let sql = system_sql!(
        enqueue,
        "INSERT INTO queue
        (organization_id, id, topic, key, payload, status, attempts, run_at, due_at, created_at)
        VALUES ($1, $2, $3, $4, $5, 'ready', 0, $6, $6, $7) ON CONFLICT DO NOTHING"
    );
    let (topic, key) = (message.topic.as_str().into(), message.key.as_str().into());
    let args = vec![
        organization.into(),
        id.into(),
        topic,
        key,
        message.payload.clone().into(),
        message.run_at.into(),
        now.into(),
    ];
    (sql.0, args)
}

fn user(row: &Row) -> Result<User> {
    Ok(User {
        id: row.get("id")?,
        email: row.get("email")?,
        name: row.get("name")?,
        password_hash: row.get("password_hash")?,
        platform_admin: row.get("platform_admin")?,
        created_at: row.get("created_at")?,
    })
}

#[async_trait]
impl SystemTx for SqlSystem {
    async fn insert_user(&mut self, user: &User) -> Result<()> {
        let sql = system_sql!(
            insert_user,
            "INSERT INTO users (id, email, name, password_hash, platform_admin, created_at)
            VALUES ($1, $2, $3, $4, $5, $6)"
        );
        let (email, name, hash) =
            (user.email.as_str().into(), user.name.as_str().into(), user.password_hash.as_str().into());
        let args = [user.id.into(), email, name, hash, user.platform_admin.into(), user.created_at.into()];
        self.change(sql, args).await.map(|_| ())
    }
    async fn user(&mut self, id: UserId) -> Result<Option<User>> {
        let row = self.one(system_sql!(user, "SELECT * FROM users WHERE id = $1"), [id.into()]).await?;
        row.as_ref().map(user).transpose()
    }
    async fn user_by_email(&mut self, email: &str) -> Result<Option<User>> {
        let row = self.one(system_sql!(user_by_email, "SELECT * FROM users WHERE email = $1"), [email.into()]).await?;
        row.as_ref().map(user).transpose()
    }
    async fn set_password_hash(&mut self, user: UserId, hash: &str) -> Result<()> {
        let sql = system_sql!(set_password_hash, "UPDATE users SET password_hash = $2 WHERE id = $1");
        match self.change(sql, [user.into(), hash.into()]).await? {
            0 => Err(Error::not_found("user")),
            _ => Ok(()),
        }
    }
    async fn insert_organization(&mut self, organization: &Organization) -> Result<()> {
        let sql = system_sql!(
            insert_organization,
            "INSERT INTO organizations (id, name, plan, collector_role, live, created_at)
            VALUES ($1, $2, $3, $4, $5, $6)"
        );
        let o = organization;
        let (plan, role) = (o.plan.as_str().into(), o.collector_role.as_str().into());
        let args = [o.id.into(), o.name.as_str().into(), plan, role, o.live.into(), o.created_at.into()];
        self.change(sql, args).await.map(|_| ())
    }
    async fn set_collector_role(&mut self, id: OrganizationId, role: CollectorRole) -> Result<()> {
        let sql = system_sql!(set_collector_role, "UPDATE organizations SET collector_role = $2 WHERE id = $1");
        match self.change(sql, [id.into(), role.as_str().into()]).await? {
            0 => Err(Error::not_found("organization")),
            _ => Ok(()),
        }
    }
    async fn set_plan(&mut self, id: OrganizationId, plan: Plan) -> Result<()> {
        let sql = system_sql!(set_plan, "UPDATE organizations SET plan = $2 WHERE id = $1");
        match self.change(sql, [id.into(), plan.as_str().into()]).await? {
            0 => Err(Error::not_found("organization")),
            _ => Ok(()),
        }
    }
    async fn insert_member(&mut self, member: &Member) -> Result<()> {
        insert(&mut self.conn, member.organization_id, member).await
    }
    async fn organization(&mut self, id: OrganizationId) -> Result<Option<Organization>> {
        organization(&mut self.conn, id).await
    }
    async fn organizations_after(&mut self, after: OrganizationId, limit: i64) -> Result<Vec<OrganizationId>> {
        let sql = system_sql!(organizations_after, "SELECT id FROM organizations WHERE id > $1 ORDER BY id LIMIT $2");
        self.all(sql, [after.into(), limit.into()]).await?.iter().map(|row| row.get("id")).collect()
    }
    async fn memberships(&mut self, user: UserId) -> Result<Vec<Member>> {
        let sql = system_sql!(memberships, "SELECT * FROM members WHERE user_id = $1 ORDER BY created_at, id");
        read_all(&self.all(sql, [user.into()]).await?)
    }
    async fn insert_session(&mut self, session: &Session) -> Result<()> {
        let sql = system_sql!(
            insert_session,
            "INSERT INTO sessions
            (id, token_hash, user_id, chosen_organization_id, fingerprint, created_at, expires_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)"
        );
        let s = session;
        let (hash, user, organization) = (s.token_hash.as_str().into(), s.user_id.into(), s.organization_id.into());
        let args = [
            s.id.into(),
            hash,
            user,
            organization,
            s.fingerprint.clone().into(),
            s.created_at.into(),
            s.expires_at.into(),
        ];
        self.change(sql, args).await.map(|_| ())
    }
    async fn session_by_hash(&mut self, token_hash: &str) -> Result<Option<Session>> {
        let sql = system_sql!(session_by_hash, "SELECT * FROM sessions WHERE token_hash = $1");
        let read = |row: Row| {
            Ok(Session {
                id: row.get("id")?,
                token_hash: row.get("token_hash")?,
                user_id: row.get("user_id")?,
                organization_id: row.get("chosen_organization_id")?,
                fingerprint: row.get("fingerprint")?,
                created_at: row.get("created_at")?,
                expires_at: row.get("expires_at")?,
            })
        };
        self.one(sql, [token_hash.into()]).await?.map(read).transpose()
    }
    async fn delete_session(&mut self, token_hash: &str) -> Result<()> {
        let sql = system_sql!(delete_session, "DELETE FROM sessions WHERE token_hash = $1");
        self.change(sql, [token_hash.into()]).await.map(|_| ())
    }
    async fn delete_expired(&mut self, now: Timestamp) -> Result<i64> {
        let sessions = system_sql!(delete_expired_sessions, "DELETE FROM sessions WHERE expires_at <= $1");
        let tokens = system_sql!(delete_expired_tokens, "DELETE FROM one_time_tokens WHERE expires_at <= $1");
        // Not counted: whoever reads it knows that it is over.
        self.change(system_sql!(delete_expired_cache, "DELETE FROM cache WHERE expires_at <= $1"), [now.into()])
            .await?;
        let requests = system_sql!(delete_expired_requests, "DELETE FROM idempotent_requests WHERE expires_at <= $1");
        self.change(requests, [now.into()]).await?;
        let resets = system_sql!(delete_expired_resets, "DELETE FROM password_resets WHERE expires_at <= $1");
        self.change(resets, [now.into()]).await?;
        let gone = self.change(sessions, [now.into()]).await? + self.change(tokens, [now.into()]).await?;
        Ok(i64::try_from(gone).unwrap_or(i64::MAX))
    }
    async fn put_token(&mut self, purpose: &str, hash: &str, expires_at: Timestamp) -> Result<()> {
        let sql = system_sql!(put_token, "INSERT INTO one_time_tokens (purpose, hash, expires_at) VALUES ($1, $2, $3)");
        self.change(sql, [purpose.into(), hash.into(), expires_at.into()]).await.map(|_| ())
    }
    async fn take_token(&mut self, purpose: &str, hash: &str, now: Timestamp) -> Result<bool> {
        let sql =
            system_sql!(take_token, "DELETE FROM one_time_tokens WHERE purpose = $1 AND hash = $2 AND expires_at > $3");
        Ok(self.change(sql, [purpose.into(), hash.into(), now.into()]).await? == 1)
    }
    async fn keep_pack(&mut self, pack: &KeptPack) -> Result<bool> {
        let sql = system_sql!(
            keep_pack,
            "INSERT INTO rule_packs (hash, version, text, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
        );
        let (hash, version, text) =
            (pack.hash.as_str().into(), pack.version.as_str().into(), pack.text.as_str().into());
        Ok(self.change(sql, [hash, version, text, pack.created_at.into()]).await? == 1)
    }
    async fn kept_pack(&mut self, hash: &str) -> Result<Option<KeptPack>> {
        let row = self.one(system_sql!(kept_pack, "SELECT * FROM rule_packs WHERE hash = $1"), [hash.into()]).await?;
        let read = |row: Row| {
            Ok(KeptPack {
                hash: row.get("hash")?,
                version: row.get("version")?,
                text: row.get("text")?,
                created_at: row.get("created_at")?,
            })
        };
        row.map(read).transpose()
    }
    async fn receive(
        &mut self,
        id: Id<InboxEvent>,
        vendor: &str,
        event: &Event,
        body: &[u8],
        now: Timestamp,
    ) -> Result<bool> {
        queue::receive(self, id, vendor, event, body, now).await
    }
    async fn inbox_event(&mut self, id: Id<InboxEvent>) -> Result<Option<InboxEvent>> {
        queue::inbox_event(self, id).await
    }
    async fn owner_of_leg(&mut self, vendor: &str, leg: &Leg) -> Result<Option<Owner>> {
        let by_leg = system_sql!(
            owner_by_leg,
            "SELECT organization_id, call_id AS record FROM call_legs
            WHERE vendor = $1 AND leg_id = $2 ORDER BY created_at, id LIMIT 1"
        );
        let by_control = system_sql!(
            owner_by_control,
            "SELECT organization_id, call_id AS record FROM call_legs
            WHERE vendor = $1 AND control_id = $2 ORDER BY created_at, id LIMIT 1"
        );
        let by_session = system_sql!(
            owner_by_session,
            "SELECT organization_id, call_id AS record FROM call_legs
            WHERE vendor = $1 AND session_id = $2 ORDER BY created_at, id LIMIT 1"
        );
        for (sql, name) in [(by_leg, &leg.leg_id), (by_control, &leg.control_id), (by_session, &leg.session_id)] {
            if let Some(name) = name
                && let Some(owner) = self.owner(sql, [vendor.into(), name.as_str().into()]).await?
            {
                return Ok(Some(owner));
            }
        }
        Ok(None)
    }
    async fn owner_of_call(&mut self, call: CallId) -> Result<Option<Owner>> {
        let sql = system_sql!(owner_of_call, "SELECT organization_id, id AS record FROM calls WHERE id = $1");
        self.owner(sql, [call.into()]).await
    }
    async fn owner_of_number(&mut self, vendor: &str, phone: &Phone) -> Result<Option<Owner>> {
        let sql = system_sql!(
            owner_of_number,
            "SELECT organization_id, id AS record FROM phone_numbers
            WHERE vendor = $1 AND phone = $2 AND active AND purpose IN ('inbound', 'both')"
        );
        self.owner(sql, [vendor.into(), phone.clone().into_value()]).await
    }
    async fn organizations_of_phone(&mut self, phone: &Phone, limit: i64) -> Result<Vec<OrganizationId>> {
        let sql = system_sql!(
            organizations_of_phone,
            "SELECT DISTINCT p.organization_id FROM person_phones p
            JOIN accounts a ON a.organization_id = p.organization_id AND a.person_id = p.person_id
            WHERE p.phone = $1 AND a.status IN ('active', 'partial', 'disputed')
            ORDER BY p.organization_id LIMIT $2"
        );
        let rows = self.all(sql, [phone.clone().into_value(), limit.into()]).await?;
        rows.iter().map(|row| row.get("organization_id")).collect()
    }
    async fn owner_of_transcript(&mut self, vendor: &str, vendor_id: &str) -> Result<Option<Owner>> {
        let sql = system_sql!(
            owner_of_transcript,
            "SELECT organization_id, id AS record FROM transcript_jobs
            WHERE vendor = $1 AND vendor_id = $2"
        );
        self.owner(sql, [vendor.into(), vendor_id.into()]).await
    }
    async fn enqueue(&mut self, organization: Option<OrganizationId>, message: &NewMessage) -> Result<bool> {
        enqueue(&mut self.conn, organization, message, self.now).await
    }
    async fn lease(&mut self, now: Timestamp, lease: Duration, limit: i64) -> Result<Vec<Message>> {
        queue::lease(self, now, lease, limit).await
    }
    async fn mark_started(&mut self, message: &Message, now: Timestamp) -> Result<bool> {
        queue::mark_started(self, message, now).await
    }
    async fn acknowledge(&mut self, message: &Message, now: Timestamp) -> Result<()> {
        queue::acknowledge(self, message, now).await
    }
    async fn retry(
        &mut self,
        message: &Message,
        run_at: Timestamp,
        error: &str,
        started: bool,
        counted: bool,
    ) -> Result<()> {
        queue::retry(self, message, run_at, error, started, counted).await
    }
    async fn hand_on(
        &mut self,
        message: &Message,
        until: Timestamp,
        error: Option<&str>,
        started: bool,
        counted: bool,
    ) -> Result<bool> {
        queue::hand_on(self, message, until, error, (started, counted)).await
    }
    async fn lease_one(
        &mut self,
        organization: OrganizationId,
        topic: Topic,
        key: &str,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Option<Message>> {
        queue::lease_one(self, organization, topic, key, (now, after(now, lease))).await
    }
    async fn take_handed(
        &mut self,
        id: Id<Message>,
        topic: Topic,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Option<Message>> {
        queue::take_handed(self, id, topic, (now, after(now, lease))).await
    }
    async fn release(&mut self, message: &Message) -> Result<bool> {
        queue::release(self, message).await
    }
    async fn bury(&mut self, message: &Message, now: Timestamp, error: &str) -> Result<()> {
        queue::bury(self, message, now, error).await
    }
    async fn dead_letters(&mut self, topic: Option<Topic>, limit: i64) -> Result<Vec<Message>> {
        queue::dead_letters(self, topic, limit).await
    }
    async fn message(&mut self, id: Id<Message>) -> Result<Option<(Message, MessageStatus)>> {
        queue::find(self, id).await
    }
    async fn drop_letter(&mut self, id: Id<Message>, now: Timestamp) -> Result<bool> {
        queue::drop_letter(self, id, now).await
    }
    async fn replay(&mut self, id: Id<Message>, now: Timestamp) -> Result<bool> {
        queue::replay(self, id, now).await
    }
    async fn queue_depths(&mut self) -> Result<Vec<QueueDepth>> {
        queue::depths(self).await
    }
    async fn oldest_due(&mut self, now: Timestamp) -> Result<Vec<(Topic, Timestamp)>> {
        queue::oldest_due(self, now).await
    }
    async fn next_due(&mut self) -> Result<Option<Timestamp>> {
        queue::next_due(self).await
    }
    async fn purge(&mut self, before: Timestamp) -> Result<i64> {
        queue::purge(self, before).await
    }
    async fn lease_job(&mut self, job: &str, node: &str, now: Timestamp, lease: Duration) -> Result<bool> {
        queue::lease_job(self, job, node, now, lease).await
    }
    async fn release_job(&mut self, job: &str, node: &str) -> Result<()> {
        queue::release_job(self, job, node).await
    }
    async fn break_job(&mut self, job: &str) -> Result<()> {
        queue::break_job(self, job).await
    }
    async fn break_runs(&mut self, job: &str, now: Timestamp) -> Result<i64> {
        queue::break_runs(self, job, now).await
    }
    async fn runs_since(&mut self, job: &str, since: Timestamp, limit: i64) -> Result<Vec<JobRun>> {
        queue::runs_since(self, job, since, limit).await
    }
    async fn history(&mut self, job: Option<&str>, outcome: Option<RunOutcome>, limit: i64) -> Result<Vec<JobRun>> {
        queue::history(self, job, outcome, limit).await
    }
    async fn purge_runs(&mut self, before: Timestamp) -> Result<i64> {
        queue::purge_runs(self, before).await
    }
    async fn remove_letter(&mut self, id: Id<Message>) -> Result<bool> {
        queue::remove_letter(self, id).await
    }
    async fn failed_transcripts(
        &mut self,
        ended_since: Timestamp,
        idle: Timestamp,
        failures: i64,
        limit: i64,
    ) -> Result<Vec<Owner>> {
        transcripts::failed(self, ended_since, idle, failures, limit).await
    }
    async fn sums_of_calls(&mut self, from: Timestamp, until: Timestamp) -> Result<Vec<(OrganizationId, DaySum)>> {
        likelihood::sums_of_calls(self, from, until).await
    }
    async fn due_payments(&mut self, today: Date, limit: i64) -> Result<Vec<Owner>> {
        payments::due(self, today, limit).await
    }
    async fn doubtful_payments(&mut self, before: Timestamp, limit: i64) -> Result<Vec<Owner>> {
        payments::doubtful(self, before, limit).await
    }
    async fn organization_of_customer(&mut self, vendor: &str, customer: &str) -> Result<Option<OrganizationId>> {
        billing::organization_of_customer(self, vendor, customer).await
    }
    async fn follow_plan(&mut self, organization: OrganizationId) -> Result<()> {
        billing::follow_plan(self, organization).await
    }
    async fn owners_addresses(&mut self, organization: OrganizationId, limit: i64) -> Result<Vec<String>> {
        billing::owners_addresses(self, organization, limit).await
    }
    async fn organizations_to_dun(
        &mut self,
        since: Timestamp,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<OrganizationId>> {
        billing::organizations_to_dun(self, since, now, limit).await
    }
    async fn organizations_to_score(&mut self, limit: i64) -> Result<Vec<OrganizationId>> {
        likelihood::organizations_to_score(self, limit).await
    }
    async fn last_run(&mut self, job: &str) -> Result<Option<JobRun>> {
        queue::last_run(self, job).await
    }
    async fn put_run(&mut self, run: &JobRun) -> Result<()> {
        queue::put_run(self, run).await
    }
    async fn organizations_without_stamp(
        &mut self,
        kind: StampKind,
        name: &str,
        after: Option<OrganizationId>,
        limit: i64,
    ) -> Result<Vec<OrganizationId>> {
        stamps::organizations_without_stamp(self, kind, name, after, limit).await
    }
    async fn last_stamp(&mut self, kind: StampKind, name: &str) -> Result<Option<Timestamp>> {
        stamps::last_stamp(self, kind, name).await
    }
    async fn commit(self: Box<Self>) -> Result<()> {
        self.conn.commit().await
    }
}
