//! The platform that every role stands on.
//!
//! | module | what it is for |
//! |---|---|
//! | [`accept`] | the accept loop behind every listener, with its limits |
//! | [`clock`] | the only place that asks what time it is |
//! | [`config`] | configuration files, with errors that name file, line and key |
//! | [`datagram`] | datagrams beside a TLS connection, sealed with its keys |
//! | [`directory`] | a data directory belongs to one role |
//! | [`identity`] | a node's key, certificate and MAC; made once, kept for good |
//! | [`journal`] | the replicated log on a real disk, and the thread that writes it |
//! | [`key_hash`] | key hashes and the list of trusted ones |
//! | [`tls`] | TLS configurations, the one crypto provider |
//! | [`nmsp`] | NMSP links over TCP and TLS: dial, listen, drive, status |
//! | [`notifier`] | carries events to receivers: HTTP, syslog, SNMP, mail, MQTT |
//! | [`http`] | HTTP over TLS, plain loopback TCP and Unix sockets |
//! | [`service`] | the line between a health monitor and the service that it supervises |
//! | [`password`], [`token`], [`throttle`] | what authentication is made of |
//! | [`log`] | log output |
//!
//! Nothing here knows what a role does with a measurement, and nothing here is global: an engine is
//! one of possibly several instances in a node, each with its own identity, links and listener.

pub mod accept;
pub mod clock;
pub mod config;
pub mod datagram;
pub mod directory;
pub mod http;
pub mod identity;
pub mod journal;
pub mod key_hash;
pub mod log;
pub mod nmsp;
pub mod notifier;
pub mod password;
pub mod service;
pub mod throttle;
pub mod tls;
pub mod token;
