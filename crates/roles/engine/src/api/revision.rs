//! Whether what somebody changes is still what they saw: `ETag`, `If-Match` and `If-None-Match`.
//!
//! Two people who change one thing at once cannot undo each other's work: the second is told. Programs
//! that do not say what they saw replace whatever is there.

use std::fmt::Display;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode, header};
use node::token;
use serde::Serialize;

use super::error::ApiError;

/// So many bytes of a hash are a revision. Ours: nobody gains anything by making two of one.
const HASH_BYTES: usize = 16;

/// What somebody saw of what they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// They do not say.
    Unsaid,
    /// It was not there: `If-None-Match: *`.
    Nothing,
    /// It had this `ETag`: `If-Match`.
    Revision(String),
}

impl<S: Sync> FromRequestParts<S> for Seen {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let value = |name: &HeaderName| match parts.headers.get(name) {
            None => Ok(None),
            Some(value) => value.to_str().map(Some).map_err(|_| {
                ApiError::bad_request(format!("{name} is no text; send the ETag that was read"))
            }),
        };
        match (value(&header::IF_MATCH)?, value(&header::IF_NONE_MATCH)?) {
            (Some(seen), _) => Ok(Self::Revision(seen.to_owned())),
            (None, Some("*")) => Ok(Self::Nothing),
            (None, Some(_)) => Err(ApiError::bad_request(
                "If-None-Match of a change can be * only, which adds and never replaces",
            )),
            (None, None) => Ok(Self::Unsaid),
        }
    }
}

impl Seen {
    /// Whether that is how it is: `current` is the `ETag` of what is there now.
    pub fn is(&self, current: Option<&str>) -> bool {
        match self {
            Self::Unsaid => true,
            Self::Nothing => current.is_none(),
            Self::Revision(seen) => current.is_some_and(|current| seen == current || seen == "*"),
        }
    }

    /// Refuses a change of `what` when it is not how they saw it.
    pub fn check(&self, current: Option<&str>, what: &str) -> Result<(), ApiError> {
        if self.is(current) {
            return Ok(());
        }
        let message = match (self, current) {
            (Self::Nothing, _) => format!("{what} is there already; nothing was saved"),
            (_, None) => {
                format!("somebody removed {what} since it was read; nothing was saved")
            }
            (_, Some(_)) => changed(what),
        };
        Err(ApiError::new(StatusCode::PRECONDITION_FAILED, "changed", message))
    }
}

/// What is said to the second of two who change something.
pub fn changed(what: &str) -> String {
    format!(
        "somebody else changed {what} since it was read; read it again and repeat the changes, \
         nothing was saved"
    )
}

/// A revision as HTTP compares it.
pub fn etag(revision: impl Display) -> String {
    format!("\"{revision}\"")
}

/// The revision of what has no number: the same on both nodes of a pair, and after a restart.
pub fn of_content(content: &impl Serialize) -> Result<String, ApiError> {
    let bytes = serde_json::to_vec(content).map_err(|error| ApiError::internal(&error))?;
    Ok(token::hex(&token::sha256(&bytes)[..HASH_BYTES]))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    async fn seen(headers: &[(HeaderName, &str)]) -> Result<Seen, String> {
        let mut request = Request::get("/");
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let mut parts = request.body(()).unwrap().into_parts().0;
        Seen::from_request_parts(&mut parts, &()).await.map_err(|error| error.message)
    }

    #[tokio::test]
    async fn headers_say_what_was_seen() {
        assert_eq!(seen(&[]).await, Ok(Seen::Unsaid));
        assert_eq!(seen(&[(header::IF_NONE_MATCH, "*")]).await, Ok(Seen::Nothing));
        let revision = Seen::Revision("\"7\"".to_owned());
        assert_eq!(seen(&[(header::IF_MATCH, "\"7\"")]).await, Ok(revision));
        let refused = seen(&[(header::IF_NONE_MATCH, "\"7\"")]).await.unwrap_err();
        assert!(refused.contains("* only"), "{refused}");
    }

    #[test]
    fn only_what_is_still_so_is_changed() {
        let check = |seen: &Seen, current: Option<&str>, expected: &str| {
            let said = seen.check(current, "the door").map_err(|error| error.message);
            let said = said.err().unwrap_or_default();
            assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{said}");
        };
        let seven = Seen::Revision(etag(7));
        check(&Seen::Unsaid, Some("\"8\""), "");
        check(&seven, Some("\"7\""), "");
        check(&Seen::Revision("*".to_owned()), Some("\"8\""), "");
        check(&seven, Some("\"8\""), "somebody else changed the door");
        check(&seven, None, "somebody removed the door");
        check(&Seen::Nothing, None, "");
        check(&Seen::Nothing, Some("\"7\""), "the door is there already");
    }
}
