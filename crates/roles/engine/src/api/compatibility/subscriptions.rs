//! Subscriptions of CMX and MSE 8: views of the notifications of the native API.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{Method, StatusCode};
use notify::Definition;
use serde_json::{Value, json};
use store::Role;

use super::super::access::Principal;
use super::super::error::ApiError;
use super::super::revision::Seen;
use super::super::{BODY_BYTES_MAX, Shared, notifications};
use crate::cmx::{self, Answer};
use crate::contextaware::{self, Form};
use crate::subscription::Refusal;

/// Which API asks.
#[derive(Debug, Clone, Copy)]
enum Api {
    Cmx,
    Mse(Form),
}

/// A request for subscriptions.
#[derive(Debug)]
pub(super) struct Asked {
    api: Api,
    name: Option<String>,
    /// Only whether there is one of this name.
    is_question: bool,
}

impl Asked {
    /// What a path asks for; none when it is about something else.
    pub(super) fn of(segments: &[&str], form: Form) -> Option<Self> {
        let (api, rest) = match segments {
            ["api", "config", "v1", "notification" | "notifications", rest @ ..] => {
                (Api::Cmx, rest)
            }
            ["api", "contextaware", "v1", "notifications", rest @ ..] => (Api::Mse(form), rest),
            _ => return None,
        };
        match rest {
            [] => Some(Self { api, name: None, is_question: false }),
            ["exists", name] => {
                Some(Self { api, name: Some((*name).to_owned()), is_question: true })
            }
            [name] => Some(Self { api, name: Some((*name).to_owned()), is_question: false }),
            _ => None,
        }
    }

    /// The methods that it can have.
    pub(super) fn allowed(&self) -> &'static str {
        match (self.is_question, &self.name) {
            (true, _) => "GET, HEAD, OPTIONS",
            (false, Some(_)) => "GET, HEAD, PUT, POST, DELETE, OPTIONS",
            (false, None) => "GET, HEAD, PUT, POST, OPTIONS",
        }
    }

    /// Answers a method that it can have.
    pub(super) async fn answer(
        self,
        shared: &Arc<Shared>,
        principal: Principal,
        method: &Method,
        body: axum::body::Body,
    ) -> Result<Answer, ApiError> {
        match *method {
            Method::PUT | Method::POST => {
                principal.require(Role::Admin)?;
                let body = axum::body::to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| {
                    ApiError::bad_request("the subscription is larger than 64 KiB, or broke off")
                })?;
                let (bodies, is_list) = self.read(&body).map_err(ApiError::bad_request)?;
                // None is taken when one is refused.
                let known = notifications::all(shared).await?;
                for body in &bodies {
                    parse(self.api, self.name.as_deref(), body, &known)?;
                }
                let (mut is_new, mut saved) = (false, Vec::new());
                for body in bodies {
                    let (shared, principal) = (Arc::clone(shared), principal.clone());
                    let (api, named) = (self.api, self.name.clone());
                    let make =
                        move |known: &[Definition]| parse(api, named.as_deref(), &body, known);
                    let (new, shown) =
                        notifications::save(shared, principal, Seen::Unsaid, make).await?;
                    is_new |= new;
                    saved.push(self.body(&shown));
                }
                let body = match saved.pop() {
                    Some(only) if !is_list => only,
                    last => saved.into_iter().chain(last).collect(),
                };
                Ok(self.write(if is_new { 201 } else { 200 }, &body))
            }
            Method::DELETE => {
                principal.require(Role::Admin)?;
                let name = self.name.clone().unwrap_or_default();
                notifications::drop_one(Arc::clone(shared), principal, name, Seen::Unsaid).await?;
                // A program of the field takes 200 alone for success.
                Ok(self.write(200, &json!({"success": true})))
            }
            _ => {
                principal.require(Role::Operator)?;
                self.show(notifications::all(shared).await?)
            }
        }
    }

    fn show(&self, definitions: Vec<Definition>) -> Result<Answer, ApiError> {
        let Some(name) = &self.name else {
            return Ok(match self.api {
                Api::Cmx => {
                    Answer::ok(&definitions.iter().map(cmx::subscription::show).collect::<Vec<_>>())
                }
                Api::Mse(_) => self.write(200, &contextaware::subscription::list(&definitions)),
            });
        };
        let found = definitions.into_iter().find(|it| it.name == *name);
        if self.is_question {
            return Ok(self.write(200, &json!({"name": name, "exists": found.is_some()})));
        }
        let found = found
            .ok_or_else(|| ApiError::not_found(format!("no subscription is named '{name}'")))?;
        Ok(self.write(200, &self.body(&found)))
    }

    /// The subscriptions of a body, and whether it is a list: a program of the field puts its only
    /// subscription into one.
    fn read(&self, body: &Bytes) -> Result<(Vec<Value>, bool), String> {
        let body: Value = match self.api {
            Api::Cmx => serde_json::from_slice(body)
                .map_err(|error| format!("the subscription is no JSON: {error}"))?,
            Api::Mse(_) => contextaware::subscription::read(body)?,
        };
        match body {
            Value::Array(bodies) if bodies.is_empty() => Err("the list is empty".to_owned()),
            Value::Array(bodies) => Ok((bodies, true)),
            body => Ok((vec![body], false)),
        }
    }

    fn body(&self, definition: &Definition) -> Value {
        match self.api {
            Api::Cmx => cmx::subscription::show(definition),
            Api::Mse(_) => contextaware::subscription::show(definition),
        }
    }

    fn write(&self, status: u16, body: &Value) -> Answer {
        match self.api {
            Api::Cmx => Answer::json(status, body),
            Api::Mse(form) => form.answer(status, body),
        }
    }
}

/// The definition that a subscription makes of those that there are.
fn parse(
    api: Api,
    named: Option<&str>,
    body: &Value,
    known: &[Definition],
) -> Result<Definition, ApiError> {
    let salt = || node::token::hex(&node::token::random::<16>());
    let parsed = match api {
        Api::Cmx => cmx::subscription::parse(body, named, known, salt),
        Api::Mse(_) => contextaware::subscription::parse(body, known, salt),
    };
    parsed.map_err(|refusal| match refusal {
        Refusal::PeerUnreadable(message) => ApiError::bad_request(message),
        Refusal::LocalBeyondWords { .. } => {
            ApiError::new(StatusCode::CONFLICT, "conflict", refusal.to_string())
        }
    })
}
