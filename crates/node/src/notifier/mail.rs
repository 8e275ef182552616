//! A mail for each event, spoken by `lettre`.
//!
//! The address is looked up and checked here, so the library connects to nothing else. A login is
//! sent only when TLS protects it.

use lettre::address::Envelope;
use lettre::message::header::{self, ContentType};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message as Mail};
use notify::{MailSecurity, Transport, Trust};

use super::{Courier, DELIVERY_MAX, DeliveryError, Message};

/// What a mail server may ask a login for.
const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

pub(super) async fn send(
    courier: &Courier,
    transport: &Transport,
    message: &Message,
) -> Result<(), DeliveryError> {
    let Transport::Email { host, port, security, trust, login, from, to } = transport else {
        return Err(DeliveryError::ConfigValue("this is no mail".to_owned()));
    };
    let (from, to) = (address(from)?, address(to)?);
    let bytes = written(&from, &to, message)?;
    let addresses = courier.rules.resolve(host, *port).await?;
    // Encrypted from the start, or upgraded, or neither.
    let tls = || parameters(host.trim_matches(['[', ']']), trust);
    let (first, upgrade) = match security {
        MailSecurity::Tls => (Some(tls()?), None),
        MailSecurity::StartTls => (None, Some(tls()?)),
        MailSecurity::None => (None, None),
    };
    let name = ClientId::default();
    let timeout = Some(DELIVERY_MAX);
    let mut connection =
        AsyncSmtpConnection::connect_tokio1(&*addresses, timeout, &name, first, None)
            .await
            .map_err(refused)?;
    if let Some(tls) = upgrade {
        connection.starttls(tls, &name).await.map_err(refused)?;
    }
    if let Some(login) = login {
        let credentials = Credentials::new(login.username.clone(), login.password.clone());
        connection.auth(&MECHANISMS, &credentials).await.map_err(refused)?;
    }
    let envelope = Envelope::new(Some(from), vec![to]).map_err(unusable)?;
    connection.send(&envelope, &bytes).await.map_err(refused)?;
    // The mail is taken; how the connection ends changes nothing.
    let _ = connection.quit().await;
    Ok(())
}

fn written(from: &Address, to: &Address, message: &Message) -> Result<Vec<u8>, DeliveryError> {
    let media_type = ContentType::parse(message.media_type).map_err(unusable)?;
    let mail = Mail::builder()
        .from(lettre::message::Mailbox::new(Some(message.sender.clone()), from.clone()))
        .to(lettre::message::Mailbox::new(None, to.clone()))
        .subject(&message.line)
        .message_id(None)
        .header(header::MIME_VERSION_1_0)
        .header(media_type)
        .body(message.body.clone())
        .map_err(unusable)?;
    Ok(mail.formatted())
}

fn address(text: &str) -> Result<Address, DeliveryError> {
    text.parse().map_err(|error| DeliveryError::ConfigValue(format!("{text}: {error}")))
}

fn parameters(host: &str, trust: &Trust) -> Result<TlsParameters, DeliveryError> {
    let builder = TlsParameters::builder(host.to_owned());
    let builder = match trust {
        Trust::System => builder,
        Trust::Ca(pem) => {
            let authority = Certificate::from_pem(pem.as_bytes()).map_err(refused)?;
            builder.certificate_store(CertificateStore::None).add_root_certificate(authority)
        }
        Trust::Pin(_) => {
            let error = "a mail server's certificate is checked by an authority: use trust.ca";
            return Err(DeliveryError::ConfigValue(error.to_owned()));
        }
    };
    builder.build().map_err(refused)
}

fn refused(error: lettre::transport::smtp::Error) -> DeliveryError {
    // Only these two kinds are answers of the server; the library's text names the reason already.
    if error.is_transient() || error.is_permanent() {
        return DeliveryError::PeerAnswer(error.to_string());
    }
    DeliveryError::PeerConnection(std::io::Error::other(error))
}

fn unusable(error: impl std::fmt::Display) -> DeliveryError {
    DeliveryError::ConfigValue(error.to_string())
}
