//! The CMX API over HTTP: what [`crate::cmx`] answers, and the images of maps.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State as FromState};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::map::FloorImage;
use model::{Element, Mac, Time};
use node::clock;

use super::access::Principal;
use super::error::ApiError;
use super::{Shared, State, maps};
use crate::cmx::{self, Answer, Manufacturers, View, shape};
use crate::contextaware::{self, Form};
use crate::wips::vendors;

mod stored;
mod subscriptions;

/// How a listener is reached: `https` or `http`.
#[derive(Debug, Clone, Copy)]
pub struct Scheme(pub &'static str);

impl Scheme {
    /// That of a listener with or without TLS.
    pub fn of(is_plain: bool) -> Self {
        Self(if is_plain { "http" } else { "https" })
    }
}

/// Longest error that is rewritten.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// Answers what no route of the native API matched.
pub async fn answer(FromState(shared): State, request: Request) -> Response {
    let segments = cmx::path::segments(request.uri().path());
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let is_cmx = matches!(
        segments[..],
        [
            "api",
            "location" | "config" | "configuration" | "presence" | "analytics" | "contextaware",
            ..
        ]
    );
    if !is_cmx {
        let message = format!("no such resource: {}", request.uri().path());
        return ApiError::not_found(message).into_response();
    }
    let form = form(&request);
    if let Some(asked) = subscriptions::Asked::of(&segments, form) {
        let allowed = asked.allowed();
        if !allowed.split(", ").any(|it| it == request.method().as_str())
            || *request.method() == Method::OPTIONS
        {
            return not_one_of(allowed, request.method());
        }
        let (parts, body) = request.into_parts();
        let Some(principal) = parts.extensions.get::<Principal>().cloned() else {
            return ApiError::bad_request("log in first").into_response();
        };
        let answered = asked.answer(&shared, principal, &parts.method, body).await;
        return answered.map_or_else(IntoResponse::into_response, respond);
    }
    let is_zone_count = segments == ["api", "config", "v1", "zoneCountParams", "1"];
    let is_registration = is_zone_count && *request.method() == Method::PUT;
    // Registering zones to be counted changes nothing: all are.
    if !matches!(*request.method(), Method::GET | Method::HEAD) && !is_registration {
        let allowed = if is_zone_count { "GET, HEAD, PUT, OPTIONS" } else { "GET, HEAD, OPTIONS" };
        return not_one_of(allowed, request.method());
    }
    if let ["api", "config" | "contextaware", "v1", "maps", "image" | "imagesource", ..] =
        segments[..]
    {
        let Some(image) = image(&shared, &segments) else {
            return ApiError::not_found("there is no such floor, or it has no plan")
                .into_response();
        };
        let headers = request.headers();
        let outcome =
            maps::image_response(&shared, &image.sha256, &image.media_type, headers).await;
        return outcome.unwrap_or_else(IntoResponse::into_response);
    }
    let (path, query) =
        (request.uri().path().to_owned(), request.uri().query().unwrap_or_default().to_owned());
    let principal = request.extensions().get::<Principal>().cloned();
    let origin = origin(&request);
    // A full list of a large site takes tenths of a second.
    let work = move || {
        let principal = principal.ok_or_else(|| ApiError::bad_request("log in first"))?;
        let segments = cmx::path::segments(&path);
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        if segments.get(1) == Some(&"contextaware") {
            let (path, query, origin) = (path.as_str(), query.as_str(), origin.as_str());
            let request = contextaware::Request { path, query, form, origin };
            return context(&shared, &segments, request);
        }
        let stored = stored::answer(&shared, &principal, &segments, &query)?;
        Ok::<_, ApiError>(stored.or_else(|| shape(&shared, &path, &query)))
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(Some(answer))) => respond(answer),
        Ok(Ok(None)) => {
            ApiError::not_found("CMX has no such resource, or it is not answered here yet")
                .into_response()
        }
        Ok(Err(error)) => error.into_response(),
        Err(panicked) => ApiError::internal(&panicked).into_response(),
    }
}

/// Says which methods a path has (RFC 9110 sections 9.3.7 and 15.5.6): to `OPTIONS` as an answer, to
/// others as an error.
fn not_one_of(allowed: &'static str, method: &Method) -> Response {
    let mut response = if *method == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        let message = format!("{method} is not answered here; use {allowed}");
        ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message).into_response()
    };
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

fn shape(shared: &Shared, path: &str, query: &str) -> Option<Answer> {
    let site = shared.site.load();
    let named = |mac| manufacturer(shared, mac);
    let view = View::new(&site.maps, clock::wall(), shared.missing_after_ms);
    cmx::answer(path, query, &view.naming(Manufacturers(&named)), &elements(shared))
}

/// Who made the radio with this address, from the lists of the IEEE; nobody made a random one.
fn manufacturer(shared: &Shared, mac: Mac) -> Option<&str> {
    let name = shared.wips.as_ref()?.vendor(mac)?;
    (name != vendors::RANDOMISED).then_some(name)
}

/// What MSE 8 answers.
fn context(
    shared: &Shared,
    segments: &[&str],
    request: contextaware::Request<'_>,
) -> Result<Option<Answer>, ApiError> {
    let site = shared.site.load();
    let view = View::new(&site.maps, clock::wall(), shared.missing_after_ms);
    let elements = elements(shared);
    let past = match contextaware::past(segments) {
        Some(past) => stored::past(shared, &elements, &past, (Time(0), Time(u64::MAX)))?,
        None => Vec::new(),
    };
    Ok(contextaware::answer(request, &view, &elements, &past))
}

/// Where the program that asks found us: `https://host:port`; empty when it does not say.
fn origin(request: &Request) -> String {
    let scheme = request.extensions().get::<Scheme>().map_or("https", |scheme| scheme.0);
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri().authority().map(axum::http::uri::Authority::as_str));
    host.map(|host| format!("{scheme}://{host}")).unwrap_or_default()
}

/// Every element that is tracked, in an order.
fn elements(shared: &Shared) -> Vec<Element> {
    // Published first: ingest waits for as long as the table is read.
    let mut elements: Vec<Element> = shared
        .elements
        .read()
        .iter()
        .map(|(category, mac, tracked)| tracked.publish(category, mac))
        .collect();
    // The table has no order; programs that compare two answers want one.
    elements.sort_unstable_by_key(|element| (element.category, element.mac));
    elements
}

fn respond(answer: Answer) -> Response {
    let Answer { status, media_type, body } = answer;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status != 204 {
        let media_type = HeaderValue::from_static(media_type);
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    }
    response
}

/// How the answer to a request is written.
fn form(request: &Request) -> Form {
    let accept = request.headers().get_all(header::ACCEPT).iter();
    let accept: Vec<&str> = accept.filter_map(|accept| accept.to_str().ok()).collect();
    Form::of(request.uri().path(), &accept.join(","))
}

/// Gives errors on the paths of MSE 8 the form that its programs read: `{"error": ".."}`, or the same as
/// XML where that is asked for.
pub async fn errors_of_mse(request: Request, next: Next) -> Response {
    let is_mse =
        cmx::path::segments(request.uri().path()).get(1).is_some_and(|it| it == "contextaware");
    let form = form(&request);
    let response = next.run(request).await;
    if !is_mse || !(response.status().is_client_error() || response.status().is_server_error()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, ERROR_BYTES_MAX).await.unwrap_or_default();
    let message = serde_json::from_slice::<serde_json::Value>(&body).ok();
    let message = message.as_ref().and_then(|error| error.pointer("/error/message")?.as_str());
    match message {
        Some(message) => {
            let answer = form.error(parts.status.as_u16(), message);
            parts.headers.remove(header::CONTENT_LENGTH);
            if form == Form::Xml {
                let media_type = HeaderValue::from_static(answer.media_type);
                parts.headers.insert(header::CONTENT_TYPE, media_type);
            }
            Response::from_parts(parts, Body::from(answer.body))
        }
        None => Response::from_parts(parts, Body::from(body)),
    }
}

/// The image that a path of `/api/config/v1/maps` names.
fn image(shared: &Arc<Shared>, segments: &[&str]) -> Option<FloorImage> {
    let site = shared.site.load();
    let mut floors = site.maps.floors();
    let found = match segments {
        ["api", _, "v1", "maps", "image", campus, building, floor] => floors.find(|it| {
            it.campus.name == *campus && it.building.name == *building && it.floor.name == *floor
        }),
        ["api", _, "v1", "maps", "imagesource", name] => floors.find(|it| {
            it.floor.image.as_ref().is_some_and(|image| shape::image_name(image) == *name)
        }),
        _ => None,
    };
    found.and_then(|it| it.floor.image.clone())
}
