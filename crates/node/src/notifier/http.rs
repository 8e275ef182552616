//! A POST: the status decides, the body is not read.
//!
//! Redirects are not followed: they would carry headers and events where the definition does not say.

use std::collections::BTreeMap;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, Uri, header};
use hyper_util::rt::TokioIo;
use notify::Trust;

use super::{Courier, DeliveryError, Message};

/// What an engine calls itself.
const USER_AGENT: &str = concat!("OpenMSE/", env!("CARGO_PKG_VERSION"));

/// A URL, taken apart.
pub(super) struct Url {
    pub(super) host: String,
    pub(super) is_tls: bool,
    port: u16,
    authority: String,
    path: String,
}

impl Url {
    pub(super) fn parse(text: &str) -> Result<Self, DeliveryError> {
        let bad = |why: &str| DeliveryError::ConfigValue(format!("the URL {why}"));
        let uri: Uri = text.parse().map_err(|error| bad(&format!("is none: {error}")))?;
        let is_tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(bad("begins neither with http:// nor with https://")),
        };
        let authority = uri.authority().ok_or_else(|| bad("has no host"))?;
        if authority.host().is_empty() {
            return Err(bad("has no host"));
        }
        // A port that is none must not become the usual one: somebody else may listen there.
        let after_host = authority.as_str().rsplit(']').next().unwrap_or_default();
        let usual = if is_tls { 443 } else { 80 };
        let port = match authority.port_u16() {
            Some(port) if port > 0 => port,
            None if !after_host.contains(':') => usual,
            _ => return Err(bad("has a port that is not between 1 and 65535")),
        };
        Ok(Self {
            host: authority.host().to_owned(),
            is_tls,
            port,
            authority: authority.to_string(),
            path: uri.path_and_query().map_or("/", |it| it.as_str()).to_owned(),
        })
    }
}

pub(super) async fn post(
    courier: &Courier,
    url: &str,
    headers: &BTreeMap<String, String>,
    trust: &Trust,
    message: &Message,
) -> Result<(), DeliveryError> {
    let url = Url::parse(url)?;
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(&url.path)
        .header(header::HOST, &url.authority)
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::CONTENT_TYPE, message.media_type)
        .header(header::CONNECTION, "close");
    for (name, value) in headers {
        // Their own media type replaces ours.
        if let Some(own) = request.headers_mut() {
            own.remove(name);
        }
        request = request.header(name, value);
    }
    let body = Full::new(Bytes::from(message.body.clone()));
    let request =
        request.body(body).map_err(|error| DeliveryError::ConfigValue(error.to_string()))?;
    let stream = courier.open((&url.host, url.port), url.is_tls.then_some(trust)).await?;
    let broken = |error: hyper::Error| {
        DeliveryError::PeerConnection(std::io::Error::other(format!("HTTP: {error}")))
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        Ok::<_, DeliveryError>(response.status())
    };
    let status = tokio::select! {
        status = answer => status?,
        Err(error) = connection => return Err(broken(error)),
    };
    if status.is_success() {
        return Ok(());
    }
    let hint = if status.is_redirection() { "; redirects are not followed" } else { "" };
    Err(DeliveryError::PeerAnswer(format!("{status}{hint}")))
}
