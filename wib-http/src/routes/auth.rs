use axum::response::Response;
use http::{HeaderValue, Method, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wib_core::{
    Wib,
    auth::{LogIn, SignUp, User, UserId},
    kit::{Error, ExposeSecret, Result, Role, SecretString},
    limits::Limit,
    orgs::OrganizationId,
};

use crate::{
    auth, reply,
    table::{Asked, Routes, Wire, person, public},
};

/// Makes an account, and an organisation that goes with it when one is named.
#[derive(Deserialize, JsonSchema)]
struct SignUpForm {
    /// At most 254 characters; kept in lower case.
    #[schemars(email, length(max = 254))]
    email: String,
    /// 8 to 128 characters.
    #[schemars(with = "String", length(min = 8, max = 128))]
    password: SecretString,
    /// The address's local part by default.
    #[schemars(length(max = 100))]
    name: Option<String>,
    #[serde(rename = "organizationName")]
    #[schemars(length(min = 1, max = 200))]
    organization_name: Option<String>,
    /// From `GET /api/auth/csrf`.
    csrf_token: Option<String>,
    /// The same.
    #[serde(rename = "csrfToken")]
    csrf_camel: Option<String>,
}

/// Signs in. One of `username` and `email` is needed; both hold the address.
#[derive(Deserialize, JsonSchema)]
struct LogInForm {
    #[schemars(length(max = 254))]
    username: Option<String>,
    #[schemars(length(max = 254))]
    email: Option<String>,
    #[schemars(with = "String")]
    password: SecretString,
    /// From `GET /api/auth/csrf`.
    csrf_token: Option<String>,
    /// The same.
    #[serde(rename = "csrfToken")]
    csrf_camel: Option<String>,
}

/// An account that was made.
#[derive(Serialize, JsonSchema)]
struct Account {
    id: UserId,
    email: String,
    name: String,
}

/// Somebody signed in.
#[derive(Serialize, JsonSchema)]
struct Person {
    id: UserId,
    email: String,
    name: String,
    organization_id: Option<OrganizationId>,
    role: Option<Role>,
}
impl Person {
    fn new(user: User, place: Option<(OrganizationId, Role)>) -> Self {
        let (organization_id, role) = place.unzip();
        Self { id: user.id, email: user.email, name: user.name, organization_id, role }
    }
}

/// Who asks; nulls for nobody.
#[derive(Serialize, JsonSchema)]
struct Who {
    user: Option<Person>,
    expires: Option<String>,
}

/// A one-time token.
#[derive(Serialize, JsonSchema)]
struct Csrf {
    csrf_token: String,
}

/// A session that began; its token is in the cookie and in `X-Session-Token`.
#[derive(Serialize, JsonSchema)]
struct Begun {
    url: &'static str,
    ok: bool,
    status: u16,
    expires: String,
    user: Person,
}

/// A session that ended.
#[derive(Serialize, JsonSchema)]
struct Ended {
    success: bool,
}

/// How a session that wanted to go on does.
#[derive(Serialize, JsonSchema)]
struct Continued {
    success: bool,
    refreshed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotated: Option<bool>,
    expires: String,
    /// The new session's, told once.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

/// Asks whose a key is.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct KeyForm {
    /// At most 10,000 characters.
    #[schemars(with = "String", length(min = 1, max = 10_000))]
    api_key: SecretString,
}

/// A key that is good.
#[derive(Serialize, JsonSchema)]
struct GoodKey {
    valid: bool,
    organization_id: OrganizationId,
    organization_name: String,
    permissions: Vec<String>,
}

/// A key that is unknown, over or taken back.
#[derive(Serialize, JsonSchema)]
struct NoKey {
    valid: bool,
    error: &'static str,
    code: &'static str,
}

/// Asks for a link to set another password.
#[derive(Deserialize, JsonSchema)]
struct ForgotForm {
    /// At most 254 characters.
    #[schemars(length(max = 254))]
    email: String,
    /// From `GET /api/auth/csrf`.
    csrf_token: Option<String>,
    /// The same.
    #[serde(rename = "csrfToken")]
    csrf_camel: Option<String>,
}

/// Sets another password by the token of a mailed link.
#[derive(Deserialize, JsonSchema)]
struct ResetForm {
    /// At most 256 characters.
    #[schemars(length(min = 1, max = 256))]
    token: String,
    /// 8 to 128 characters.
    #[schemars(with = "String", length(min = 8, max = 128))]
    password: SecretString,
}

/// What was done.
#[derive(Serialize, JsonSchema)]
struct Told {
    message: &'static str,
}

/// Something came in.
#[derive(Serialize, JsonSchema)]
struct LogReceived {
    received: bool,
}

/// The ways to sign in.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SignInWays")]
struct Ways {
    credentials: Way,
}

/// A way to sign in.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SignInWay")]
struct Way {
    id: &'static str,
    name: &'static str,
    r#type: &'static str,
    signin_url: &'static str,
    callback_url: &'static str,
}

pub(super) fn routes() -> Routes<Wib> {
    Routes::<Wib>::at("auth", "/api/auth")
        .raw(
            Method::GET,
            "/csrf",
            public(),
            Wire::json::<Csrf>().refuses(&[503]),
            |asked| async move { csrf(&asked).await },
        )
        .raw(Method::GET, "/session", public(), Wire::json::<Who>().refuses(&[503]), |asked| async move {
            who(&asked).await
        })
        .raw(Method::GET, "/providers", public(), Wire::json::<Ways>(), |_| async move {
            let credentials = Way {
                id: "credentials",
                name: "Credentials",
                r#type: "credentials",
                signin_url: "/api/auth/signin/credentials",
                callback_url: "/api/auth/callback/credentials",
            };
            reply::view(&Ways { credentials })
        })
        .post("/signup", public().limit(Limit::Signup), |system, form: SignUpForm| async move {
            let command = SignUp {
                email: form.email,
                password: form.password,
                name: form.name,
                organization_name: form.organization_name,
                csrf_token: form.csrf_token.or(form.csrf_camel),
            };
            system.sign_up(command).await.map(|user| Account { id: user.id, email: user.email, name: user.name })
        })
        .refuses(&[401, 403, 409])
        .item("user")
        .raw(
            Method::POST,
            "/callback/credentials",
            public().limit(Limit::Login),
            Wire::json::<Begun>().takes::<LogInForm>().refuses(&[401, 403, 503]),
            |asked| async move { log_in(&asked).await },
        )
        .raw(Method::POST, "/refresh", person(), Wire::json::<Continued>().refuses(&[503]), |asked| async move {
            refresh(&asked).await
        })
        .raw(
            Method::POST,
            "/validate-key",
            public().limit(Limit::Login),
            Wire::json::<GoodKey>().takes::<KeyForm>().or::<NoKey>(401).refuses(&[503]),
            |asked| async move { validate(&asked).await },
        )
        .post("/forgot-password", public().limit(Limit::Forgot), |system, form: ForgotForm| async move {
            let csrf = form.csrf_token.or(form.csrf_camel);
            system.forgot_password(&form.email, csrf.as_deref()).await?;
            Ok(Told { message: "If an account has this address, a link was sent to it" })
        })
        .refuses(&[401, 403])
        .bare()
        .post("/reset-password", public().limit(Limit::Forgot), |system, form: ResetForm| async move {
            system.reset_password(&form.token, &form.password).await?;
            Ok(Told { message: "The password was set" })
        })
        .bare()
        // What clients say of themselves is not kept: anybody may say anything here.
        .raw(Method::POST, "/_log", public(), Wire::json::<LogReceived>(), |_| async move {
            reply::view(&LogReceived { received: true })
        })
        .raw(Method::POST, "/signout", public(), Wire::json::<Ended>().refuses(&[503]), |asked| async move {
            if let Some((token, _)) = auth::token(asked.headers()) {
                asked.core().system().log_out(&token).await?;
            }
            Ok(uncached(reply::view(&Ended { success: true })?, [(header::SET_COOKIE, auth::no_session_cookie())]))
        })
}

fn uncached<const N: usize>(mut response: Response, headers: [(header::HeaderName, HeaderValue); N]) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().extend(headers);
    response
}

async fn csrf(asked: &Asked<Wib>) -> Result<Response> {
    let csrf_token = asked.core().system().csrf_token().await?;
    let cookie = auth::csrf_cookie(&csrf_token);
    Ok(uncached(reply::view(&Csrf { csrf_token })?, [(header::SET_COOKIE, cookie)]))
}

async fn who(asked: &Asked<Wib>) -> Result<Response> {
    let signed_in = asked.signed_in().await?;
    let who = signed_in.map_or(Who { user: None, expires: None }, |s| Who {
        expires: Some(s.session.expires_at.to_string()),
        user: Some(Person::new(s.user, s.principal.map(|p| (p.organization_id, p.role)))),
    });
    Ok(uncached(reply::view(&who)?, []))
}

async fn log_in(asked: &Asked<Wib>) -> Result<Response> {
    let form: LogInForm = asked.input().await?;
    let folded = |text: String| text.trim().to_lowercase();
    let (username, email) = (form.username.map(folded), form.email.map(folded));
    let wrong = || Error::unauthenticated("Invalid credentials");
    let email = match (username, email) {
        (Some(one), Some(other)) if one != other => return Err(wrong()),
        (Some(email), _) | (None, Some(email)) => email,
        (None, None) => return Err(Error::field("email", "required, here or as username")),
    };
    if email.is_empty() || email.len() > 254 {
        return Err(Error::field("email", "must have 1 to 254 characters"));
    }
    if !(1..=128).contains(&form.password.expose_secret().chars().count()) {
        return Err(Error::field("password", "must have 1 to 128 characters"));
    }
    let command = LogIn {
        email,
        password: form.password,
        csrf_token: form.csrf_token.or(form.csrf_camel),
        fingerprint: Some(auth::fingerprint(asked.headers())),
    };
    let begun = asked.core().system().log_in(command).await?;
    let token = begun.token.expose_secret();
    let view = Begun {
        url: "/dashboard",
        ok: true,
        status: 200,
        expires: begun.session.expires_at.to_string(),
        user: Person::new(begun.user, begun.membership.map(|m| (m.organization_id, m.role))),
    };
    Ok(uncached(reply::view(&view)?, told_once(token)?))
}

/// A session's token, as cookie and header.
fn told_once(token: &str) -> Result<[(header::HeaderName, HeaderValue); 2]> {
    let sealed =
        HeaderValue::try_from(token).map_err(|e| Error::internal("a token that no header takes").because(e))?;
    let name = header::HeaderName::from_static("x-session-token");
    Ok([(header::SET_COOKIE, auth::session_cookie(token)), (name, sealed)])
}

async fn refresh(asked: &Asked<Wib>) -> Result<Response> {
    let refreshed = asked.person()?.refresh().await?;
    let token = refreshed.token.as_ref().map(|token| token.expose_secret().to_owned());
    let view = Continued {
        success: true,
        refreshed: token.is_some(),
        rotated: token.as_ref().map(|_| true),
        expires: refreshed.session.expires_at.to_string(),
        message: token.is_none().then_some("The session has time left"),
        session_token: token.clone(),
    };
    match token {
        Some(token) => Ok(uncached(reply::view(&view)?, told_once(&token)?)),
        None => Ok(uncached(reply::view(&view)?, [])),
    }
}

async fn validate(asked: &Asked<Wib>) -> Result<Response> {
    let form: KeyForm = asked.input().await?;
    let answer = match asked.core().system().validate_api_key(form.api_key.expose_secret()).await? {
        Some(known) => reply::view(&GoodKey {
            valid: true,
            organization_id: known.organization_id,
            organization_name: known.organization_name,
            permissions: known.permissions,
        })?,
        None => reply::view_as(401, &NoKey { valid: false, error: "Invalid API key", code: "AUTH_REQUIRED" })?,
    };
    Ok(uncached(answer, []))
}
