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
    table::{Asked, Routes, Wire, public},
};

/// Makes an account, and an organisation that goes with it when one is named.
#[derive(Deserialize, JsonSchema)]
struct SignUpForm {
    /// At most 254 characters; kept in lower case.
    email: String,
    /// 8 to 128 characters.
    #[schemars(with = "String")]
    password: SecretString,
    /// The address's local part by default.
    name: Option<String>,
    #[serde(rename = "organizationName")]
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
    username: Option<String>,
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
    let sealed =
        HeaderValue::try_from(token).map_err(|e| Error::internal("a token that no header takes").because(e))?;
    let view = Begun {
        url: "/dashboard",
        ok: true,
        status: 200,
        expires: begun.session.expires_at.to_string(),
        user: Person::new(begun.user, begun.membership.map(|m| (m.organization_id, m.role))),
    };
    let headers = [
        (header::SET_COOKIE, auth::session_cookie(token)),
        (header::HeaderName::from_static("x-session-token"), sealed),
    ];
    Ok(uncached(reply::view(&view)?, headers))
}
