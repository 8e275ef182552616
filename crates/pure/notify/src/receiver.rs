//! Where events go, and in which format.
//!
//! Addresses are not looked up here and certificates not parsed: whoever sends does that.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::definition::DefinitionError;

/// What stands for a secret where a definition is shown. Sent back, it means "as it was".
pub const HIDDEN: &str = "***";
/// Longest URL, host or other text of a receiver, in bytes. Ours.
const TEXT_BYTES_MAX: usize = 2_048;
/// Longest certificate of an authority, in bytes of PEM. Ours: a chain of four.
const CA_BYTES_MAX: usize = 16 << 10;
/// Most headers of a receiver. Ours.
const HEADERS_MAX: usize = 16;
/// Headers that belong to the connection; a definition that sets them would break it.
const RESERVED_HEADERS: [&str; 6] =
    ["connection", "content-length", "host", "te", "transfer-encoding", "upgrade"];

/// One place that is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Receiver {
    /// How it is reached.
    pub transport: Transport,
    /// What it is sent. Traps have a shape of their own.
    #[serde(default)]
    pub format: Format,
}

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Format {
    /// JSON of CMX 10: `{"notifications":[{..}]}`.
    #[default]
    Cmx,
    /// JSON of MSE 8: `{"ContainmentEvent":{..}}`.
    Mse8,
    /// JSON of MSE 7: `{"ContainmentEvent":{..}}` with fewer keys, and `lattitude`.
    Mse7,
    /// XML of MSE 7: `<ContainmentTrackEvent ../>`.
    Xml,
    /// One line for people.
    Text,
}

/// How a receiver is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Transport {
    /// A POST for each event; any status from 200 to 299 is success.
    Http {
        /// `http://host[:port]/path` or `https://..`.
        url: String,
        /// Sent with each event. The values are secret.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        headers: BTreeMap<String, String>,
        /// Whom to believe, for `https`.
        #[serde(default)]
        trust: Trust,
    },
    /// A message of RFC 5424.
    Syslog {
        /// Name or address.
        host: String,
        /// Usually 514; 6514 with TLS.
        port: u16,
        /// What carries it.
        protocol: SyslogProtocol,
        /// Whom to believe, with TLS.
        #[serde(default)]
        trust: Trust,
    },
    /// A trap of SNMP version 2c.
    Snmp {
        /// Name or address.
        host: String,
        /// Usually 162.
        port: u16,
        /// Goes over the network in clear, as SNMP v2c has it; secret all the same.
        community: String,
    },
    /// A mail for each event.
    Email {
        /// Name or address of the mail server.
        host: String,
        /// Usually 587, or 465 with TLS from the start.
        port: u16,
        /// How it is protected.
        #[serde(default)]
        security: MailSecurity,
        /// Whom to believe.
        #[serde(default)]
        trust: Trust,
        /// How to log in there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        login: Option<Authentication>,
        /// Address of the sender.
        from: String,
        /// Address of the reader.
        to: String,
    },
    /// A message of MQTT 3.1.1, acknowledged by the broker.
    Mqtt {
        /// Name or address of the broker.
        host: String,
        /// Usually 1883; 8883 with TLS.
        port: u16,
        /// Whether TLS protects it.
        #[serde(default)]
        tls: bool,
        /// Whom to believe, with TLS.
        #[serde(default)]
        trust: Trust,
        /// How to log in there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        login: Option<Authentication>,
        /// Where it is published.
        topic: String,
    },
}

/// A user of somebody else's server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Authentication {
    /// User name.
    pub username: String,
    /// Password; secret.
    pub password: String,
}

/// What carries syslog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum SyslogProtocol {
    /// RFC 5426: nobody says whether it arrived.
    Udp,
    /// RFC 6587, with octet counting.
    Tcp,
    /// RFC 5425.
    Tls,
}

/// How a mail server's connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum MailSecurity {
    /// STARTTLS; without it nothing is sent.
    #[default]
    StartTls,
    /// TLS from the start.
    Tls,
    /// In clear; not together with a login.
    None,
}

/// Whose certificates are believed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Trust {
    /// The authorities that this machine believes.
    #[default]
    System,
    /// These authorities alone, in PEM.
    Ca(String),
    /// The certificate with this key hash, SHA-1 or SHA-256 in hexadecimal.
    Pin(String),
}

impl Receiver {
    /// Whether values are within their limits. Names are not looked up.
    pub(crate) fn validate(&self) -> Result<(), DefinitionError> {
        match &self.transport {
            Transport::Http { url, headers, trust } => {
                let is_http = url.starts_with("http://") || url.starts_with("https://");
                // A login in a URL would be shown wherever the place is.
                if !is_http
                    || self.place().contains('@')
                    || url.len() > TEXT_BYTES_MAX
                    || !is_printable(url)
                {
                    return Err(DefinitionError::BadReceiver {
                        what: "url",
                        is: "http://host[:port]/path or https://.., without spaces and without a login, which belongs into headers",
                    });
                }
                headers_fit(headers)?;
                trust.validate()
            }
            Transport::Syslog { host, port, trust, .. } => {
                endpoint(host, *port)?;
                trust.validate()
            }
            Transport::Snmp { host, port, community } => {
                endpoint(host, *port)?;
                text("community", community)
            }
            Transport::Email { host, port, security, trust, login, from, to } => {
                endpoint(host, *port)?;
                mail_address("from", from)?;
                mail_address("to", to)?;
                if *security == MailSecurity::None && login.is_some() {
                    return Err(DefinitionError::BadReceiver {
                        what: "security",
                        is: "start_tls or tls with a login: a password does not travel in clear",
                    });
                }
                trust.validate()
            }
            Transport::Mqtt { host, port, trust, topic, login, tls } => {
                endpoint(host, *port)?;
                text("topic", topic)?;
                if topic.contains(['#', '+']) {
                    return Err(DefinitionError::BadReceiver {
                        what: "topic",
                        is: "a topic without # and +",
                    });
                }
                if login.is_some() && !tls {
                    return Err(DefinitionError::BadReceiver {
                        what: "tls",
                        is: "true with a login: a password does not travel in clear",
                    });
                }
                trust.validate()
            }
        }
    }

    /// The receiver as it may be shown: secrets are [`HIDDEN`].
    pub(crate) fn shown(&self) -> Self {
        let mut shown = self.clone();
        for secret in shown.secrets() {
            HIDDEN.clone_into(secret);
        }
        shown
    }

    /// Takes over what was hidden from the receiver that this one replaces; false when something is
    /// hidden that is not there.
    pub(crate) fn reveal(&mut self, old: Option<&Self>) -> bool {
        let mut old = old.cloned();
        if let Transport::Http { headers, .. } = &mut self.transport {
            // By name, not by order: one may have been added.
            let known = match old.as_ref().map(|old| &old.transport) {
                Some(Transport::Http { headers, .. }) => headers.clone(),
                _ => BTreeMap::new(),
            };
            return headers.iter_mut().filter(|(_, value)| *value == HIDDEN).all(
                |(name, value)| {
                    let found = known.get(name);
                    found.inspect(|found| value.clone_from(found)).is_some()
                },
            );
        }
        let mut known = old.as_mut().map(Self::secrets).unwrap_or_default();
        let mut own = self.secrets();
        own.iter_mut().enumerate().filter(|(_, secret)| **secret == HIDDEN).all(|(at, secret)| {
            let found = known.get_mut(at);
            found.map(|found| secret.clone_from(found)).is_some()
        })
    }

    /// Whether a secret that was meant for `other` may be sent here: same transport, same host.
    pub(crate) fn is_same_place(&self, other: &Self) -> bool {
        self.place() == other.place()
    }

    /// Where it is, for logs and lists: nothing of it is secret, a URL's path least of all shown.
    pub fn place(&self) -> String {
        match &self.transport {
            Transport::Http { url, .. } => {
                let rest = url.split_once("://").map_or(url.len(), |(scheme, _)| scheme.len() + 3);
                let end = url.get(rest..).and_then(|it| it.find(['/', '?', '#']));
                let end = end.map_or(url.len(), |end| rest + end);
                url.get(..end).unwrap_or_default().to_owned()
            }
            Transport::Syslog { host, port, protocol, .. } => {
                let protocol = match protocol {
                    SyslogProtocol::Udp => "udp",
                    SyslogProtocol::Tcp => "tcp",
                    SyslogProtocol::Tls => "tls",
                };
                format!("syslog+{protocol}://{}", host_port(host, *port))
            }
            Transport::Snmp { host, port, .. } => format!("snmp://{}", host_port(host, *port)),
            Transport::Email { host, port, to, .. } => {
                format!("smtp://{}/{to}", host_port(host, *port))
            }
            Transport::Mqtt { host, port, tls, topic, .. } => {
                let scheme = if *tls { "mqtts" } else { "mqtt" };
                format!("{scheme}://{}/{topic}", host_port(host, *port))
            }
        }
    }

    fn secrets(&mut self) -> Vec<&mut String> {
        match &mut self.transport {
            Transport::Http { headers, .. } => headers.values_mut().collect(),
            Transport::Snmp { community, .. } => vec![community],
            Transport::Email { login, .. } | Transport::Mqtt { login, .. } => {
                login.iter_mut().map(|login| &mut login.password).collect()
            }
            Transport::Syslog { .. } => Vec::new(),
        }
    }
}

impl Trust {
    fn validate(&self) -> Result<(), DefinitionError> {
        match self {
            Self::System => Ok(()),
            Self::Ca(pem) if pem.len() <= CA_BYTES_MAX => Ok(()),
            Self::Ca(_) => {
                Err(DefinitionError::BadReceiver { what: "trust.ca", is: "at most 16 KiB of PEM" })
            }
            Self::Pin(hash) => {
                let is_hex = hash.bytes().all(|byte| byte.is_ascii_hexdigit());
                if is_hex && matches!(hash.len(), 40 | 64) {
                    return Ok(());
                }
                Err(DefinitionError::BadReceiver {
                    what: "trust.pin",
                    is: "40 or 64 hexadecimal digits",
                })
            }
        }
    }
}

fn headers_fit(headers: &BTreeMap<String, String>) -> Result<(), DefinitionError> {
    let is_token = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_.".contains(&it))
    };
    let fits = headers.len() <= HEADERS_MAX
        && headers.iter().all(|(name, value)| {
            is_token(name)
                && !RESERVED_HEADERS.contains(&name.to_ascii_lowercase().as_str())
                && name.len() + value.len() <= TEXT_BYTES_MAX
                && value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
        });
    if fits {
        return Ok(());
    }
    Err(DefinitionError::BadReceiver {
        what: "headers",
        is: "at most 16, of printable ASCII, none that belongs to the connection",
    })
}

fn endpoint(host: &str, port: u16) -> Result<(), DefinitionError> {
    text("host", host)?;
    if host.contains(['/', '@', ' ']) {
        return Err(DefinitionError::BadReceiver { what: "host", is: "a name or an address" });
    }
    if port == 0 {
        return Err(DefinitionError::BadReceiver { what: "port", is: "from 1 to 65535" });
    }
    Ok(())
}

fn mail_address(what: &'static str, address: &str) -> Result<(), DefinitionError> {
    text(what, address)?;
    let halves = address.split_once('@');
    if halves.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
        && !address.contains(['<', '>', ' ', ','])
    {
        return Ok(());
    }
    Err(DefinitionError::BadReceiver { what, is: "one mail address, user@host" })
}

fn text(what: &'static str, text: &str) -> Result<(), DefinitionError> {
    if text.is_empty() || text.len() > TEXT_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(DefinitionError::BadReceiver {
            what,
            is: "from 1 to 2,048 bytes without control characters",
        });
    }
    Ok(())
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `host:port`, with brackets around an IPv6 address.
fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') && !host.starts_with('[') {
        return format!("[{host}]:{port}");
    }
    format!("{host}:{port}")
}
