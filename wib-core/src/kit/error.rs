//! The one error of use cases.

use std::{fmt, time::Duration};

use serde_json::{Map, Value};

/// What use cases answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a use case did not do what was asked, in the few kinds that callers treat differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The input is wrong; [`Error::fields`] names what.
    Invalid,
    /// Nobody is known to be asking.
    Unauthenticated,
    /// Somebody is known and may not.
    Forbidden,
    /// There is no such thing for this organisation.
    NotFound,
    /// It contradicts what is already so.
    Conflict,
    /// It was there and is no more.
    Gone,
    /// It is well formed, and does not fit what was said before.
    Mismatch,
    /// More bytes or items than are taken.
    TooLarge,
    /// Too often; try again after this long.
    RateLimited {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The organisation's plan lacks the feature.
    PlanRequired,
    /// The plan's amount is used up.
    QuotaExceeded,
    /// The law, or a rule of the client, forbids it now.
    Blocked,
    /// A vendor refused or answered nonsense.
    Vendor,
    /// Something we need is down; trying again may help.
    Unavailable,
    /// It took too long.
    Timeout,
    /// A defect of ours.
    Internal,
}

/// One wrong field of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// Dotted path, as the caller spelled it (`meta.amount`).
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// Why a use case failed: a kind to branch on, a stable code for machines, a message for people, the cause for logs.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    code: &'static str,
    message: String,
    fields: Vec<FieldFault>,
    details: Map<String, Value>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident => $kind:ident $code:literal;)+) => {
        $($(#[$doc])* pub fn $name(message: impl Into<String>) -> Self { Self::new(Kind::$kind, $code, message) })+
    };
}

impl Error {
    /// An error of that kind.
    pub fn new(kind: Kind, code: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, code, message: message.into(), fields: vec![], details: Map::new(), source: None }))
    }
    kinds! {
        /// The input is wrong.
        invalid => Invalid "VALIDATION_ERROR";
        /// Nobody is known to be asking.
        unauthenticated => Unauthenticated "AUTH_REQUIRED";
        /// Somebody is known and may not.
        forbidden => Forbidden "FORBIDDEN";
        /// It contradicts what is already so.
        conflict => Conflict "CONFLICT";
        /// More than is taken.
        too_large => TooLarge "PAYLOAD_TOO_LARGE";
        /// Something we need is down.
        unavailable => Unavailable "SERVICE_DOWN";
        /// The database did not answer.
        database => Unavailable "DATABASE_ERROR";
        /// It took too long.
        timeout => Timeout "TIMEOUT";
        /// A vendor refused or answered nonsense.
        vendor => Vendor "EXTERNAL_SERVICE_ERROR";
        /// A defect of ours.
        internal => Internal "INTERNAL_ERROR";
        /// The law forbids it.
        blocked => Blocked "COMPLIANCE_BLOCKED";
    }
    /// There is no such `what` for this organisation.
    pub fn not_found(what: &str) -> Self {
        Self::new(Kind::NotFound, "NOT_FOUND", format!("{what} not found"))
    }
    /// One field of the input is wrong.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::fields_invalid(vec![FieldFault { field: field.into(), message: message.into() }])
    }
    /// Several fields of the input are wrong; all are named at once.
    #[must_use]
    pub fn fields_invalid(fields: Vec<FieldFault>) -> Self {
        let message = fields.iter().map(|f| format!("{}: {}", f.field, f.message)).collect::<Vec<_>>().join("; ");
        let mut error = Self::invalid(message);
        error.0.fields = fields;
        error
    }
    /// Replaces the machine code.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        self.0.code = code;
        self
    }
    /// Adds a datum that the caller may act on (`blocked_by`, `not_before`).
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.details.insert(key.to_owned(), value.into());
        self
    }
    /// Keeps the cause, for logs.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }
    /// The kind to branch on.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }
    /// The stable word for machines.
    #[must_use]
    pub fn machine_code(&self) -> &'static str {
        self.0.code
    }
    /// What to tell the caller; never holds secrets or another tenant's data.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }
    /// Every wrong field of the input.
    #[must_use]
    pub fn fields(&self) -> &[FieldFault] {
        &self.0.fields
    }
    /// Data for the caller to act on.
    #[must_use]
    pub fn details(&self) -> &Map<String, Value> {
        &self.0.details
    }
    /// Whether the same request may succeed later without a change.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self.0.kind, Kind::RateLimited { .. } | Kind::Vendor | Kind::Unavailable | Kind::Timeout)
    }
    /// The status of HTTP for this kind (one table for every adapter that speaks it).
    #[must_use]
    pub fn http_status(&self) -> u16 {
        match self.0.kind {
            Kind::Invalid => 400,
            Kind::Unauthenticated => 401,
            Kind::PlanRequired | Kind::QuotaExceeded => 402,
            Kind::Forbidden | Kind::Blocked => 403,
            Kind::NotFound => 404,
            Kind::Conflict => 409,
            Kind::Gone => 410,
            Kind::Mismatch => 422,
            Kind::TooLarge => 413,
            Kind::RateLimited { .. } => 429,
            Kind::Internal => 500,
            Kind::Vendor => 502,
            Kind::Unavailable => 503,
            Kind::Timeout => 504,
        }
    }
    /// Message and causes in one line, for logs and dead letters.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.0.message.clone();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} {}", self.0.kind, self.0.code, self.chain())
    }
}
impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|s| s as _)
    }
}

/// Turns an absent record into the error that names it.
pub trait OrNotFound<T> {
    /// The record, or `NotFound` naming `what`.
    ///
    /// # Errors
    /// `NotFound` when absent.
    fn or_not_found(self, what: &str) -> Result<T>;
}
impl<T> OrNotFound<T> for Option<T> {
    fn or_not_found(self, what: &str) -> Result<T> {
        self.ok_or_else(|| Error::not_found(what))
    }
}
