//! What is tried, by category.

/// How a part is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    Database,
    Schema,
    Cache,
    Blobs,
    Connections,
    Session,
    Passwords,
    Table(&'static str),
    Vendor(&'static str),
    References,
    Guards,
    OrphanedSessions,
}

/// The checks of a category: its id, its name, and each check by its id.
pub(super) type Group = (&'static str, &'static str, &'static [(&'static str, Check)]);

pub(super) const REGISTRY: &[Group] = &[
    (
        "infrastructure",
        "Infrastructure",
        &[
            ("db-connection", Check::Database),
            ("db-schema", Check::Schema),
            ("kv-store", Check::Cache),
            ("r2-storage", Check::Blobs),
            ("hyperdrive", Check::Connections),
        ],
    ),
    (
        "auth",
        "Sign-in",
        &[
            ("session-valid", Check::Session),
            ("session-table", Check::Table("sessions")),
            ("user-table", Check::Table("users")),
            ("password-security", Check::Passwords),
        ],
    ),
    (
        "services",
        "Vendors",
        &[
            ("telnyx", Check::Vendor("telnyx")),
            ("openai", Check::Vendor("openai")),
            ("stripe", Check::Vendor("stripe")),
            ("assemblyai", Check::Vendor("assemblyai")),
        ],
    ),
    (
        "bond_ai",
        "Assistant",
        &[
            ("conversations-table", Check::Table("bond_ai_conversations")),
            ("messages-table", Check::Table("bond_ai_messages")),
            ("alerts-table", Check::Table("bond_ai_alerts")),
            ("alert-rules-table", Check::Table("bond_ai_alert_rules")),
            ("openai-chat", Check::Vendor("openai")),
        ],
    ),
    (
        "teams",
        "Teams",
        &[
            ("teams-table", Check::Table("teams")),
            ("team-members-table", Check::Table("team_members")),
            ("rbac-permissions", Check::Table("rbac_permissions")),
            ("org-members", Check::Table("members")),
        ],
    ),
    (
        "voice",
        "Calls",
        &[
            ("calls-table", Check::Table("calls")),
            ("voice-configs", Check::Table("voice_configs")),
            ("recordings-table", Check::Table("recordings")),
            ("telnyx-connection", Check::Vendor("telnyx")),
        ],
    ),
    (
        "analytics",
        "Numbers over time",
        &[
            ("audit-logs", Check::Table("audit_events")),
            ("organizations", Check::Table("organizations")),
            ("scorecards", Check::Table("scorecards")),
        ],
    ),
    (
        "integrity",
        "Integrity",
        &[
            ("fk-constraints", Check::References),
            ("rls-policies", Check::Guards),
            ("orphaned-sessions", Check::OrphanedSessions),
        ],
    ),
];
