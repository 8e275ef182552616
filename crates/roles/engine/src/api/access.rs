//! Who may do what: session cookies, Basic credentials, the node's own socket.
//!
//! Trying passwords is slow for whoever tries too often, by address and by user name. A right
//! password of the Basic kind is remembered for a while under a hash that is worthless elsewhere,
//! so that a client that polls does not cost 20 ms of hashing each time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use model::Time;
use node::clock;
use node::http::Origin;
use node::password;
use node::throttle::Throttle;
use node::token::{self, Token};
use store::{Role, Session, Store, User};
use tokio::sync::Semaphore;

use super::Shared;
use super::error::{ApiError, blocking};
use crate::writer::Writer;

/// Name of the session cookie.
pub const COOKIE: &str = "mse_session";
/// Header that a page of another site cannot send: the guard against forged requests.
pub const CONSOLE_HEADER: &str = "x-mse-console";
/// A session ends after this long without a request. "Session timeout in mins: 30" of MSE.
pub const SESSION_IDLE_MS: u64 = 30 * 60_000;
/// A session's end is moved at most this often.
const TOUCH_INTERVAL_MS: u64 = 60_000;
/// A right Basic password is remembered for this long. Ours.
const REMEMBER_MS: u64 = 5 * 60_000;
/// Remembered passwords at once.
const REMEMBERED_MAX: usize = 1_024;
/// Tries of one address: so many at once, then so many a minute.
const TRIES_OF_ADDRESS: NonZeroU32 = NonZeroU32::new(10).unwrap();
/// Tries for one user from all addresses. Far more than a person needs, so that a stranger cannot
/// lock a user out from one address; few enough to make guessing from many pointless.
const TRIES_FOR_USER: NonZeroU32 = NonZeroU32::new(60).unwrap();
/// Passwords that are hashed at once: each takes 20 ms of a core and 19 MiB.
const HASHING_MAX: usize = 2;

/// Who asks through the node's own socket.
const LOCAL_USER: &str = "local";

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// User name; `local` for the node's own socket.
    pub user: String,
    /// What they may do.
    pub role: Role,
    /// Whether the password must be changed first.
    pub must_change_password: bool,
    /// Hash of the session token, when they came with one.
    pub session: Option<[u8; 32]>,
}

impl Principal {
    fn of(user: User, session: Option<[u8; 32]>) -> Self {
        let User { name, role, must_change_password, .. } = user;
        Self { user: name, role, must_change_password, session }
    }

    /// Refuses those with a lesser role.
    pub fn require(&self, role: Role) -> Result<(), ApiError> {
        if self.role >= role {
            return Ok(());
        }
        let message =
            format!("this needs the role {role}; {} has the role {}", self.user, self.role);
        Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", message))
    }
}

/// An administrator. As an extractor it refuses others before the body of a request is read.
#[derive(Debug, Clone)]
pub struct Admin(pub Principal);

impl<S: Sync> FromRequestParts<S> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let principal = parts.extensions.get::<Principal>().cloned();
        let principal = principal.ok_or_else(|| unauthenticated("log in first"))?;
        principal.require(Role::Admin)?;
        Ok(Self(principal))
    }
}

/// Somebody who works with the maps and the survey: an operator or an administrator.
#[derive(Debug, Clone)]
pub struct Operator(pub Principal);

impl<S: Sync> FromRequestParts<S> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let principal = parts.extensions.get::<Principal>().cloned();
        let principal = principal.ok_or_else(|| unauthenticated("log in first"))?;
        principal.require(Role::Operator)?;
        Ok(Self(principal))
    }
}

/// Checks credentials.
#[derive(Debug)]
pub struct Access {
    store: Arc<Store>,
    writer: Writer,
    by_address: Throttle,
    by_user: Throttle,
    hashing: Semaphore,
    /// Turns of those whose password is not remembered yet.
    unknown: Semaphore,
    remembered: Mutex<HashMap<[u8; 32], Time>>,
    /// Makes remembered hashes worthless elsewhere.
    salt: [u8; 32],
}

impl Access {
    /// Checks against the users and sessions in `store`.
    pub fn new(store: Arc<Store>, writer: Writer) -> Self {
        Self {
            store,
            writer,
            by_address: Throttle::new(TRIES_OF_ADDRESS, TRIES_OF_ADDRESS),
            by_user: Throttle::new(TRIES_FOR_USER, TRIES_FOR_USER),
            hashing: Semaphore::new(HASHING_MAX),
            unknown: Semaphore::new(HASHING_MAX),
            remembered: Mutex::default(),
            salt: token::random(),
        }
    }

    /// Checks a user name and password that somebody typed or sent.
    pub async fn check_password(
        &self,
        origin: Origin,
        user: &str,
        typed: &str,
    ) -> Result<Principal, ApiError> {
        if user.len() > store::USER_NAME_BYTES_MAX {
            return Err(unauthenticated("wrong user name or password"));
        }
        let address = match origin {
            Origin::Network(peer) => node::accept::network(peer.ip()),
            Origin::Local => IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        };
        // A refused address does not count against the user.
        let tries = self.by_address.check(&address).and_then(|()| self.by_user.check(user));
        if let Err(wait) = tries {
            tracing::warn!(%address, user, "too many log-in tries");
            let seconds = wait.as_secs() + 1;
            let message = format!("too many tries; wait {seconds} s");
            let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_tries", message);
            return Err(ApiError { retry_after_s: Some(seconds), ..error });
        }
        let _turn = self.hashing.acquire().await;
        let (store, name, typed) = (Arc::clone(&self.store), user.to_owned(), typed.to_owned());
        let known = blocking(move || {
            let Some(user) = store.user(&name)? else {
                password::spend_as_for_a_user(&typed);
                return Ok(None);
            };
            Ok(password::verify(&typed, &user.password_hash).then_some(user))
        })
        .await?;
        let Some(user) = known else {
            tracing::info!(%address, user, "wrong user name or password");
            return Err(unauthenticated("wrong user name or password"));
        };
        Ok(Principal::of(user, None))
    }

    /// Whether somebody who was let in may stay: their session lives, and they are still a user.
    /// Watching counts as use of the session.
    pub async fn is_still_in(&self, principal: &Principal) -> bool {
        let now = clock::wall();
        let store = Arc::clone(&self.store);
        match principal.session {
            Some(hash) => {
                let session = blocking(move || store.session(&hash, now)).await;
                match session {
                    Ok(Some(session)) => self.renew(&session, now).await.unwrap_or(false),
                    Ok(None) | Err(_) => false,
                }
            }
            None if principal.user == LOCAL_USER => true,
            None => {
                let user = principal.user.clone();
                blocking(move || Ok(store.user(&user)?.is_some())).await.unwrap_or(false)
            }
        }
    }

    /// Moves the end of a session that is used, now and then; false when it has ended meanwhile.
    async fn renew(&self, session: &Session, now: Time) -> Result<bool, ApiError> {
        if now.since_ms(session.last_access) < TOUCH_INTERVAL_MS {
            return Ok(true);
        }
        let expires = now.plus_ms(SESSION_IDLE_MS);
        Ok(self.writer.renew_session(session.token_hash, now, expires).await?)
    }

    async fn check_basic(&self, origin: Origin, value: &str) -> Result<Principal, ApiError> {
        let malformed =
            || unauthenticated("the Authorization header is not Basic base64(user:password)");
        let (scheme, encoded) = value.split_once(' ').ok_or_else(malformed)?;
        if !scheme.eq_ignore_ascii_case("Basic") {
            return Err(malformed());
        }
        let decoded = base64::engine::general_purpose::STANDARD
            .decode(encoded.trim())
            .map_err(|_| malformed())?;
        let text = String::from_utf8(decoded).map_err(|_| malformed())?;
        let (name, typed) = text.split_once(':').ok_or_else(malformed)?;

        let (store, owned) = (Arc::clone(&self.store), name.to_owned());
        let user = blocking(move || store.user(&owned)).await?;
        let Some(user) = user else {
            return self.check_password(origin, name, typed).await;
        };
        // The stored hash is part of the key: a changed password is forgotten at once.
        let key =
            token::sha256(&[&self.salt, text.as_bytes(), user.password_hash.as_bytes()].concat());
        let now = clock::wall();
        let is_remembered = || self.lock().get(&key).is_some_and(|until| *until > now);
        if is_remembered() {
            return Ok(Principal::of(user, None));
        }
        // Pollers that begin together use one try: who waited finds what the first one was told.
        let _turn = self.unknown.acquire().await;
        if is_remembered() {
            return Ok(Principal::of(user, None));
        }
        let principal = self.check_password(origin, name, typed).await?;
        let mut remembered = self.lock();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.retain(|_, until| *until > now);
        }
        if remembered.len() < REMEMBERED_MAX {
            remembered.insert(key, now.plus_ms(REMEMBER_MS));
        }
        Ok(principal)
    }

    async fn check_cookie(&self, value: &str) -> Result<Principal, ApiError> {
        let expired = || unauthenticated("the session has ended; log in again");
        let hash = Token::from_hex(value).ok_or_else(expired)?.hash();
        let store = Arc::clone(&self.store);
        let now = clock::wall();
        let found = blocking(move || {
            let Some(session) = store.session(&hash, now)? else {
                return Ok(None);
            };
            let user = store.user(&session.user)?;
            Ok(user.map(|user| (session, user)))
        });
        let (session, user) = found.await?.ok_or_else(expired)?;
        if !self.renew(&session, now).await? {
            return Err(expired());
        }
        Ok(Principal::of(user, Some(hash)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Time>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unauthenticated(message: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "unauthenticated", message)
}

/// The session cookie of a request.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies =
        headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|value| value.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    })
}

/// Lets a request pass with its [`Principal`], or answers why not.
pub async fn guard(
    State(shared): State<Arc<Shared>>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    let is_log_in = path == "/api/v1/session" && request.method() == Method::POST;
    if is_log_in {
        return next.run(request).await;
    }
    let asked = Asked {
        origin: request.extensions().get::<Origin>().copied(),
        is_safe: matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS),
        headers: request.headers().clone(),
    };
    match principal(&shared, asked).await {
        Ok(principal) => {
            let may_pass = !principal.must_change_password || path.starts_with("/api/v1/session");
            if !may_pass {
                let message = "change the password first: PUT /api/v1/session/password, or log in to the console";
                return ApiError::new(StatusCode::FORBIDDEN, "password_change_required", message)
                    .into_response();
            }
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(error) => challenge(error, &path),
    }
}

/// What of a request says who asks.
struct Asked {
    origin: Option<Origin>,
    is_safe: bool,
    headers: HeaderMap,
}

async fn principal(shared: &Shared, asked: Asked) -> Result<Principal, ApiError> {
    let Asked { origin, is_safe, headers } = asked;
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match (origin, authorization, cookie(&headers)) {
        (Some(Origin::Local), _, _) => Ok(Principal {
            user: LOCAL_USER.to_owned(),
            role: Role::Admin,
            must_change_password: false,
            session: None,
        }),
        (Some(origin), Some(value), _) => shared.access.check_basic(origin, value).await,
        (Some(_), None, Some(value)) => {
            if !is_safe && !headers.contains_key(CONSOLE_HEADER) {
                let message = "a request that changes something needs the header X-MSE-Console beside the cookie";
                return Err(ApiError::new(StatusCode::FORBIDDEN, "header_required", message));
            }
            shared.access.check_cookie(value).await
        }
        _ => Err(unauthenticated("log in, or send Basic credentials")),
    }
}

/// Tells clients of the CMX API how to log in. Browsers that see `Basic` open a window of their own
/// over the console, so the native API names another scheme.
fn challenge(error: ApiError, path: &str) -> Response {
    let is_unauthenticated = error.status == StatusCode::UNAUTHORIZED;
    let mut response = error.into_response();
    if is_unauthenticated {
        let scheme = if path.starts_with("/api/v1/") {
            "MSE-Session"
        } else {
            "Basic realm=\"OpenMSE\", charset=\"UTF-8\""
        };
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
    }
    response
}
