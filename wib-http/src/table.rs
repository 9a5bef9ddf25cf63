//! The table of endpoints: a row each, with its access as data.
//!
//! A row boxes its closure at once. What is compiled per endpoint is "read the input, run, write the output"; merging,
//! access, errors, envelopes and the OpenAPI document are written once.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    marker::PhantomData,
    sync::Arc,
};

use axum::response::Response;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, request::Parts};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};
use std::sync::Mutex;
use wib_core::{
    auth::SignedIn,
    kit::{Error, List, Page, Result, Role, Timestamp},
    limits::Limit,
    plans::Feature,
};

use crate::{
    auth,
    core_api::Core,
    input::{self, BODY_LIMIT, Merged, Shape},
};

/// Who may use an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Anybody signed in.
    Session,
    /// Members of an organisation with this role or a higher one.
    Role(Role),
    /// Platform administrators.
    Platform,
    /// Machines of the installation, by the key in `X-Internal-Key`.
    Internal,
    /// A vendor whose signature fits; the handler checks it over the raw bytes.
    Signature,
}

/// An access rule that knows what its endpoints are handed: an organisation, or the system.
#[derive(Clone, Copy, Debug)]
pub struct Guard<S> {
    access: Access,
    limits: [Option<Limit>; 2],
    plan: Option<Feature>,
    scope: PhantomData<fn() -> S>,
}
impl<S> Guard<S> {
    const fn new(access: Access) -> Self {
        Self { access, limits: [None; 2], plan: None, scope: PhantomData }
    }
    /// Counted against that limit, too.
    ///
    /// # Panics
    /// At the third limit of a row.
    #[must_use]
    pub const fn limit(mut self, limit: Limit) -> Self {
        match self.limits {
            [None, _] => self.limits[0] = Some(limit),
            [_, None] => self.limits[1] = Some(limit),
            _ => panic!("a row has two limits at most"),
        }
        self
    }
}
impl Guard<Member> {
    /// For plans alone that have that feature.
    #[must_use]
    pub const fn plan(mut self, feature: Feature) -> Self {
        self.plan = Some(feature);
        self
    }
}

/// Endpoints without a session: handed the system.
#[derive(Debug)]
pub struct Anyone;
/// Endpoints of a session: handed the organisation.
#[derive(Debug)]
pub struct Member;
/// Endpoints of somebody signed in, whatever the organisation: handed the person.
#[derive(Debug)]
pub struct Somebody;
/// Endpoints that check a signature: raw ones only.
#[derive(Debug)]
pub struct Signed;

/// No session needed.
#[must_use]
pub const fn public() -> Guard<Anyone> {
    Guard::new(Access::Public)
}
/// A session of any role.
#[must_use]
pub const fn session() -> Guard<Member> {
    Guard::new(Access::Session)
}
/// A session with this role or a higher one.
#[must_use]
pub const fn role(least: Role) -> Guard<Member> {
    Guard::new(Access::Role(least))
}
/// A session, with an organisation or without.
#[must_use]
pub const fn person() -> Guard<Somebody> {
    Guard::new(Access::Session)
}
/// A platform administrator's session.
#[must_use]
pub const fn platform() -> Guard<Somebody> {
    Guard::new(Access::Platform)
}
/// The installation's own key.
#[must_use]
pub const fn internal() -> Guard<Anyone> {
    Guard::new(Access::Internal)
}
/// A vendor's signature.
#[must_use]
pub const fn signature() -> Guard<Signed> {
    Guard::new(Access::Signature)
}

/// What rows of one kind of access are handed.
pub trait Scope<C: Core> {
    /// The handle.
    type Handle: Send + 'static;
    /// The boxed closure, filed under its kind.
    fn file(run: Boxed<Self::Handle>) -> Run<C>;
}
impl<C: Core> Scope<C> for Anyone {
    type Handle = C::System;
    fn file(run: Boxed<C::System>) -> Run<C> {
        Run::System(run)
    }
}
impl<C: Core> Scope<C> for Somebody {
    type Handle = C::Person;
    fn file(run: Boxed<C::Person>) -> Run<C> {
        Run::Person(run)
    }
}
impl<C: Core> Scope<C> for Member {
    type Handle = C::Org;
    fn file(run: Boxed<C::Org>) -> Run<C> {
        Run::Org(run)
    }
}

/// A use case with its types erased.
pub type Boxed<H> = Box<dyn Fn(H, Merged) -> BoxFuture<'static, Result<Json>> + Send + Sync>;
type BoxedRaw<C> = Box<dyn Fn(Asked<C>) -> BoxFuture<'static, Result<Response>> + Send + Sync>;

/// What a row does.
pub enum Run<C: Core> {
    /// Without a session.
    System(Boxed<C::System>),
    /// For somebody signed in.
    Person(Boxed<C::Person>),
    /// For one organisation.
    Org(Boxed<C::Org>),
    /// Reads the request and writes the answer itself.
    Raw(BoxedRaw<C>),
}

pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// Error bodies of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// `{error, code}`
    #[default]
    Flat,
    /// `{success: false, error, code}`
    SuccessFalse,
    /// `{success: false, error: {code, message}, code}`
    Nested,
}

/// How an answer is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Envelope {
    /// `{success, <name>: [..], pagination}`
    Page(&'static str),
    /// `{success, <name>: [..]}`
    List(&'static str),
    /// `{success, <name>: [..], total, limit, offset}`
    Stretch(&'static str),
    /// `{success, <name>: ..}`
    Item(&'static str),
    /// `{data: ..}`
    Data,
    /// `{success, ..}`
    Flat,
    /// As it is.
    Bare,
}

impl Envelope {
    pub(crate) fn wrap(self, mut answer: Json) -> Result<Json> {
        Ok(match self {
            Self::Bare => answer,
            Self::List(name) | Self::Item(name) => json!({ "success": true, name: answer }),
            Self::Data => json!({ "data": answer }),
            Self::Page(name) => {
                let (page, limit) =
                    (&answer["request"]["page"], answer["request"]["limit"].as_i64().unwrap_or(1).max(1));
                let total = answer["total"].as_i64().unwrap_or(0);
                let pagination =
                    json!({ "page": page, "limit": limit, "total": total, "totalPages": (total + limit - 1) / limit });
                json!({ "success": true, name: answer["items"].take(), "pagination": pagination })
            }
            Self::Stretch(name) => {
                let [total, limit, offset] = ["total", "limit", "offset"].map(|field| answer[field].take());
                json!({ "success": true, name: answer["items"].take(), "total": total, "limit": limit, "offset": offset })
            }
            Self::Flat => {
                let fields = answer.as_object_mut().ok_or_else(|| Error::internal("a flat answer is not an object"))?;
                fields.insert("success".into(), true.into());
                answer
            }
        })
    }
    /// What somebody without an organisation sees of a list: nothing.
    pub(crate) fn empty(self, limit: i64) -> Option<Json> {
        match self {
            Self::List(_) => self.wrap(json!([])).ok(),
            Self::Stretch(_) => self.wrap(json!({ "items": [], "total": 0, "limit": limit, "offset": 0 })).ok(),
            Self::Page(_) => {
                self.wrap(json!({ "items": [], "total": 0, "request": { "page": 1, "limit": limit } })).ok()
            }
            _ => None,
        }
    }
    pub(crate) fn schema(self, inner: Json) -> Json {
        let object = |mut fields: Json| {
            fields["success"] = json!({ "const": true });
            let names: Vec<_> = fields.as_object().into_iter().flat_map(|f| f.keys().cloned()).collect();
            json!({ "type": "object", "properties": fields, "required": names })
        };
        let list = json!({ "type": "array", "items": &inner });
        match self {
            Self::Bare => inner,
            Self::Item(name) => object(json!({ name: inner })),
            Self::Data => json!({ "type": "object", "properties": { "data": inner }, "required": ["data"] }),
            Self::List(name) => object(json!({ name: list })),
            Self::Page(name) => {
                object(json!({ name: list, "pagination": { "$ref": "#/components/schemas/Pagination" } }))
            }
            Self::Stretch(name) => {
                let count = json!({ "type": "integer", "minimum": 0 });
                object(json!({ name: list, "total": &count, "limit": &count, "offset": &count }))
            }
            Self::Flat => json!({ "allOf": [object(json!({})), inner] }),
        }
    }
}

/// One answer that a row declares.
#[derive(Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) mime: &'static str,
    pub(crate) schema: Option<SchemaOf>,
    pub(crate) envelope: Envelope,
}

/// What a raw row reads and answers, for the document.
pub struct Wire {
    input: Option<SchemaOf>,
    form: Option<SchemaOf>,
    answers: Vec<Answer>,
    refusals: Vec<u16>,
}
impl Wire {
    fn answers(mime: &'static str, schema: Option<SchemaOf>) -> Self {
        Self {
            input: None,
            form: None,
            answers: vec![Answer { status: 200, mime, schema, envelope: Envelope::Bare }],
            refusals: vec![],
        }
    }
    /// Answers JSON.
    #[must_use]
    pub fn json<T: JsonSchema>() -> Self {
        Self::answers("application/json", Some(schema_of::<T>))
    }
    /// Answers a body of that media type.
    #[must_use]
    pub fn bytes(mime: &'static str) -> Self {
        Self::answers(mime, None)
    }
    /// Answers by becoming a WebSocket.
    #[must_use]
    pub fn upgrade() -> Self {
        let mut wire = Self::bytes("application/octet-stream");
        wire.answers[0].status = 101;
        wire
    }
    /// Answers Server-Sent Events whose data is that.
    #[must_use]
    pub fn events<T: JsonSchema>() -> Self {
        Self::answers("text/event-stream", Some(schema_of::<T>))
    }
    /// Answers the same with this status, too.
    #[must_use]
    pub fn also(mut self, status: u16) -> Self {
        let first = self.answers[0];
        self.answers.push(Answer { status, ..first });
        self
    }
    /// Answers that with this status, too.
    #[must_use]
    pub fn or<T: JsonSchema>(mut self, status: u16) -> Self {
        let schema = Some(schema_of::<T> as SchemaOf);
        self.answers.push(Answer { status, mime: "application/json", schema, envelope: Envelope::Bare });
        self
    }
    /// Refuses with these, besides what follows from its access and its input.
    #[must_use]
    pub fn refuses(mut self, statuses: &[u16]) -> Self {
        self.refusals.extend(statuses);
        self
    }
    /// Reads a form of several parts, with these fields.
    #[must_use]
    pub fn takes_form<I: JsonSchema>(mut self) -> Self {
        self.form = Some(I::json_schema);
        self
    }
    /// Reads this command with [`Asked::input`].
    #[must_use]
    pub fn takes<I: JsonSchema>(mut self) -> Self {
        self.input = Some(I::json_schema);
        self
    }
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// One endpoint.
pub struct Route<C: Core> {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) tag: &'static str,
    pub(crate) about: &'static str,
    pub(crate) access: Access,
    pub(crate) limits: Vec<Limit>,
    pub(crate) plan: Option<Feature>,
    /// Whether `Idempotency-Key` is honoured.
    pub(crate) idempotent: bool,
    pub(crate) style: Style,
    pub(crate) input: Option<SchemaOf>,
    /// A body of several parts, instead of JSON.
    pub(crate) form: Option<SchemaOf>,
    pub(crate) shape: Shape,
    pub(crate) answers: Vec<Answer>,
    /// Statuses of refusals that do not follow from anything else.
    pub(crate) refusals: Vec<u16>,
    pub(crate) run: Arc<Run<C>>,
}

impl<C: Core> Route<C> {
    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }
    /// The path's template.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
    /// Who may.
    #[must_use]
    pub fn access(&self) -> Access {
        self.access
    }
    /// What its requests are counted against.
    #[must_use]
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }
    /// The feature that a plan must have.
    #[must_use]
    pub fn plan(&self) -> Option<Feature> {
        self.plan
    }
    /// Whether `Idempotency-Key` is honoured.
    #[must_use]
    pub fn idempotent(&self) -> bool {
        self.idempotent
    }
    /// Whether the document says that it may answer so.
    #[must_use]
    pub fn declares(&self, status: u16) -> bool {
        self.answers.iter().any(|told| told.status == status) || self.refused().contains(&status)
    }
    /// The path's template as the document has it, which knows no name that spans segments.
    pub(crate) fn documented_path(&self) -> String {
        self.path.replace("{*", "{")
    }
    /// Whether its input is in a body.
    pub(crate) fn has_body(&self) -> bool {
        matches!(self.method, Method::POST | Method::PUT | Method::PATCH)
    }
    /// Whether somebody signed in may be refused: for their role, for want of an organisation, for a cookie from another site.
    fn forbids(&self) -> bool {
        match self.access {
            Access::Public | Access::Signature | Access::Internal => false,
            Access::Role(_) | Access::Platform => true,
            Access::Session => match &*self.run {
                Run::System(_) | Run::Person(_) => self.changes(),
                // Lists of nobody's organisation are empty.
                Run::Org(_) => self.changes() || self.answers.iter().all(|told| told.envelope.empty(1).is_none()),
                Run::Raw(_) => true,
            },
        }
    }
    fn changes(&self) -> bool {
        !matches!(self.method, Method::GET | Method::HEAD)
    }
    /// Whether it fails without a database by what it is: what raw rows of strangers and vendors do they say themselves.
    fn asks_a_database(&self) -> bool {
        !matches!((&*self.run, self.access), (Run::Raw(_), Access::Public | Access::Signature))
    }
    /// Every status that it refuses with, least first: what follows from its access, its limits, its plan and its input, and
    /// what it says itself.
    pub(crate) fn refused(&self) -> BTreeSet<u16> {
        let reads = !matches!(&*self.run, Run::Raw(_)) || (self.input.is_some() && !self.shape.is_empty());
        let when = [
            (401, !matches!(self.access, Access::Public)),
            (403, self.forbids()),
            (400, reads || self.form.is_some() || self.idempotent),
            (404, self.params().next().is_some()),
            (402, self.plan.is_some()),
            (409, self.idempotent),
            (422, self.idempotent),
            (413, self.has_body() && (reads || self.form.is_some())),
            (429, !self.limits.is_empty()),
            (500, true),
            (503, self.asks_a_database()),
        ];
        let follows = when.into_iter().filter(|(_, so)| *so).map(|(status, _)| status);
        self.refusals.iter().copied().chain(follows).collect()
    }
    /// The names in its path.
    pub(crate) fn params(&self) -> impl Iterator<Item = &str> {
        self.path
            .split('/')
            .filter_map(|s| s.strip_prefix('{')?.strip_suffix('}'))
            .map(|name| name.trim_start_matches('*'))
    }
}

/// The rows of a group.
#[must_use]
pub struct Routes<C: Core> {
    tag: &'static str,
    prefixes: Vec<&'static str>,
    style: Style,
    rows: Vec<Route<C>>,
}

macro_rules! methods {
    ($($name:ident $method:ident),+) => { $(
        #[doc = concat!("A row of ", stringify!($method), ".")]
        pub fn $name<S: Scope<C>, I, O, F, R>(self, path: &'static str, access: Guard<S>, run: F) -> Pending<C, O>
        where
            I: DeserializeOwned + JsonSchema + Send + 'static,
            O: Serialize + 'static,
            F: Fn(S::Handle, I) -> R + Clone + Send + Sync + 'static,
            R: Future<Output = Result<O>> + Send + 'static,
        {
            self.row(Method::$method, path, access, run)
        }
    )+ };
}

impl<C: Core> Routes<C> {
    /// A group under that prefix.
    pub fn at(tag: &'static str, prefix: &'static str) -> Self {
        Self { tag, prefixes: vec![prefix], style: Style::Flat, rows: vec![] }
    }
    /// The same rows under another prefix, too.
    pub fn and_at(mut self, prefix: &'static str) -> Self {
        self.prefixes.push(prefix);
        self
    }
    /// Errors of this group are `{success: false, error: {code, message}, code}`.
    pub fn nested(mut self) -> Self {
        self.style = Style::Nested;
        self
    }
    /// Errors of this group carry `success: false`.
    pub fn success_false(mut self) -> Self {
        self.style = Style::SuccessFalse;
        self
    }
    methods! { get GET, post POST, put PUT, patch PATCH, delete DELETE }

    fn row<S: Scope<C>, I, O, F, R>(self, method: Method, path: &'static str, access: Guard<S>, run: F) -> Pending<C, O>
    where
        I: DeserializeOwned + JsonSchema + Send + 'static,
        O: Serialize + 'static,
        F: Fn(S::Handle, I) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<O>> + Send + 'static,
    {
        let run: Boxed<S::Handle> = Box::new(move |handle, merged| {
            let run = run.clone();
            Box::pin(async move { input::written(&run(handle, merged.read()?).await?) })
        });
        let row = Route {
            method,
            path: path.to_owned(),
            tag: self.tag,
            about: "",
            access: access.access,
            limits: access.limits.into_iter().flatten().collect(),
            plan: access.plan,
            idempotent: false,
            style: Style::Flat,
            input: Some(I::json_schema),
            form: None,
            shape: Shape::default(),
            answers: vec![],
            refusals: vec![],
            run: Arc::new(S::file(run)),
        };
        Pending { routes: self, row, status: 200, output: PhantomData }
    }
    /// A row that reads the request and writes the answer itself: streams, uploads, cookies, webhooks.
    pub fn raw<S, F, R>(mut self, method: Method, path: &'static str, access: Guard<S>, wire: Wire, run: F) -> Self
    where
        F: Fn(Asked<C>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Response>> + Send + 'static,
    {
        self.rows.push(Route {
            method,
            path: path.to_owned(),
            tag: self.tag,
            about: "",
            access: access.access,
            limits: access.limits.into_iter().flatten().collect(),
            plan: access.plan,
            idempotent: false,
            style: Style::Flat,
            input: wire.input,
            form: wire.form,
            shape: Shape::default(),
            answers: wire.answers,
            refusals: wire.refusals,
            run: Arc::new(Run::Raw(Box::new(move |asked| Box::pin(run(asked))))),
        });
        self
    }
    fn into_rows(self) -> impl Iterator<Item = Route<C>> {
        let Self { prefixes, style, rows, .. } = self;
        rows.into_iter().flat_map(move |row| {
            prefixes
                .iter()
                .map(|prefix| {
                    let path = if row.path == "/" && !prefix.is_empty() {
                        (*prefix).to_owned()
                    } else {
                        format!("{prefix}{}", row.path)
                    };
                    let mut row = Route {
                        path,
                        style,
                        method: row.method.clone(),
                        answers: row.answers.clone(),
                        limits: row.limits.clone(),
                        refusals: row.refusals.clone(),
                        shape: Shape::default(),
                        run: Arc::clone(&row.run),
                        ..row
                    };
                    row.shape = Shape::of(row.input, row.params());
                    row
                })
                .collect::<Vec<_>>()
        })
    }
}

/// A row that still lacks its envelope.
#[must_use]
pub struct Pending<C: Core, O> {
    routes: Routes<C>,
    row: Route<C>,
    status: u16,
    output: PhantomData<fn() -> O>,
}
impl<C: Core, O> Pending<C, O> {
    /// What it does, in a sentence; without it the document takes the first line of the command's own words.
    pub fn about(mut self, about: &'static str) -> Self {
        self.row.about = about;
        self
    }
    /// Honours `Idempotency-Key`: a key's first request is run, and whoever asks the same again is told the same.
    pub fn idempotent(mut self) -> Self {
        self.row.idempotent = true;
        self
    }
    /// Refuses with these, besides what follows from its access, limits, plan and input.
    pub fn refuses(mut self, statuses: &[u16]) -> Self {
        self.row.refusals.extend(statuses);
        self
    }
    /// Answers with another status than 200.
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
    /// Refuses everybody: a row that is there to say what to ask instead.
    pub fn refusal(mut self) -> Routes<C> {
        self.routes.rows.push(self.row);
        self.routes
    }
    fn end<T: JsonSchema>(mut self, envelope: Envelope) -> Routes<C> {
        let answer = Answer { status: self.status, mime: "application/json", schema: Some(schema_of::<T>), envelope };
        self.row.answers.push(answer);
        self.routes.rows.push(self.row);
        self.routes
    }
}
impl<C: Core, O: JsonSchema> Pending<C, O> {
    /// `201 {success, <name>: ..}`
    pub fn created(self, name: &'static str) -> Routes<C> {
        self.status(201).end::<O>(Envelope::Item(name))
    }
    /// `{success, <name>: ..}`
    pub fn item(self, name: &'static str) -> Routes<C> {
        self.end::<O>(Envelope::Item(name))
    }
    /// `{data: ..}`
    pub fn data(self) -> Routes<C> {
        self.end::<O>(Envelope::Data)
    }
    /// `{success, ..}`
    pub fn flat(self) -> Routes<C> {
        self.end::<O>(Envelope::Flat)
    }
    /// As it is.
    pub fn bare(self) -> Routes<C> {
        self.end::<O>(Envelope::Bare)
    }
}
impl<C: Core, T: JsonSchema> Pending<C, Page<T>> {
    /// `{success, <name>: [..], pagination: {page, limit, total, totalPages}}`
    pub fn page(self, name: &'static str) -> Routes<C> {
        self.end::<T>(Envelope::Page(name))
    }
}
impl<C: Core, T: JsonSchema> Pending<C, List<T>> {
    /// `{success, <name>: [..], total, limit, offset}`
    pub fn stretch(self, name: &'static str) -> Routes<C> {
        self.end::<T>(Envelope::Stretch(name))
    }
}
impl<C: Core, T: JsonSchema> Pending<C, Vec<T>> {
    /// `{success, <name>: [..]}`
    pub fn list(self, name: &'static str) -> Routes<C> {
        self.end::<T>(Envelope::List(name))
    }
}

/// Every row, in the order of the groups.
pub struct Table<C: Core>(pub(crate) Vec<Route<C>>);

impl<C: Core> Table<C> {
    /// The groups joined.
    ///
    /// # Panics
    /// When two rows have one method and path.
    #[must_use]
    pub fn new(groups: impl IntoIterator<Item = Routes<C>>) -> Self {
        let rows: Vec<_> = groups.into_iter().flat_map(Routes::into_rows).collect();
        let mut seen = BTreeMap::new();
        for row in &rows {
            let twice = seen.insert((row.path.clone(), row.method.to_string()), ()).is_some();
            assert!(!twice, "two rows for {} {}", row.method, row.path);
        }
        Self(rows)
    }
    /// The rows.
    pub fn rows(&self) -> impl Iterator<Item = &Route<C>> {
        self.0.iter()
    }
}

/// A request as a raw row sees it, access already checked.
pub struct Asked<C: Core> {
    pub(crate) core: C,
    pub(crate) row: Arc<Route<C>>,
    pub(crate) parts: Parts,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) signed_in: Option<SignedIn>,
    pub(crate) document: Bytes,
    // Behind a lock because axum's body may be sent but not shared; nobody ever waits for it.
    pub(crate) body: Mutex<Option<axum::body::Body>>,
}
impl<C: Core> Asked<C> {
    /// The core.
    pub fn core(&self) -> &C {
        &self.core
    }
    /// This instant.
    pub fn now(&self) -> Timestamp {
        self.core.clock().now()
    }
    /// The request's headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }
    /// The organisation of a session or role row.
    ///
    /// # Errors
    /// `Forbidden` without an organisation; `PlanRequired` when its plan lacks the row's feature; what the core refuses.
    pub async fn org(&self) -> Result<C::Org> {
        let principal = self.signed_in.as_ref().and_then(|signed_in| signed_in.principal);
        let org = self.core.org(principal.ok_or_else(auth::no_organization)?).await?;
        if let Some(feature) = self.row.plan {
            self.core.gate(&org, feature)?;
        }
        Ok(org)
    }
    /// Whoever asks on a row of a session.
    ///
    /// # Errors
    /// `Unauthenticated` on a row that asks for none.
    pub fn person(&self) -> Result<C::Person> {
        let signed_in = self.signed_in.clone().ok_or_else(|| Error::unauthenticated("Authentication required"))?;
        Ok(self.core.person(signed_in))
    }
    /// Who asks, on a public row.
    ///
    /// # Errors
    /// When the core cannot tell.
    pub async fn signed_in(&self) -> Result<Option<SignedIn>> {
        let Some((token, _)) = auth::token(self.headers()) else { return Ok(None) };
        self.core.authenticate(&token, &auth::fingerprint(self.headers())).await
    }
    /// The raw body, at most `limit` bytes; empty when asked a second time.
    ///
    /// # Errors
    /// `TooLarge`, or `Invalid` when the client breaks off.
    pub async fn bytes(&self, limit: usize) -> Result<Bytes> {
        let body = self.body.lock().ok().and_then(|mut body| body.take()).unwrap_or_default();
        input::bytes(&**self.core.clock(), &self.parts.headers, body, limit).await
    }
    /// The command that the row [takes](Wire::takes).
    ///
    /// # Errors
    /// `Invalid` with every wrong field, `TooLarge`.
    pub async fn input<I: DeserializeOwned>(&self) -> Result<I> {
        let body = if self.row.has_body() { Some(self.bytes(BODY_LIMIT).await?) } else { None };
        input::merge(&self.row.shape, body.as_deref(), &self.parts.uri, &self.params)?.read()
    }
}
