//! What a subscription of CMX or MSE 8 makes of the definition that has its name.
//!
//! A subscription says less than a [`Definition`] holds. So it starts from the one that is there, and
//! changes what it has words for and says otherwise than it was shown: what was shown can be put back,
//! and nothing changes. A definition that a dialect cannot show whole is refused: putting it back
//! would take away what nobody saw.

use notify::{Condition, Definition, Filter, Format, HIDDEN, Receiver, Transport};

use crate::notifications::names;

/// Who speaks of definitions in words of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// CMX 10.
    Cmx,
    /// MSE 8.
    Mse,
}

/// Why a subscription is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It says something that is not understood.
    #[error("{0}")]
    PeerUnreadable(String),
    /// The definition of its name has more than a subscription can say.
    #[error(
        "the notification '{name}' has {what}: change it in the console or by PUT of /api/v1/notifications/{name}, or DELETE it first"
    )]
    LocalBeyondWords {
        /// Of the definition.
        name: String,
        /// What there is too much of, and how much a subscription has.
        what: String,
    },
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self::PeerUnreadable(message)
    }
}

impl From<&str> for Refusal {
    fn from(message: &str) -> Self {
        Self::PeerUnreadable(message.to_owned())
    }
}

/// What a subscription says.
#[derive(Debug)]
pub struct Subscription<'s> {
    /// Whether it fires; `None` when there is no word for that.
    pub enabled: Option<bool>,
    /// When.
    pub conditions: Vec<Condition>,
    /// About whom; `area` means nothing in words of MSE 8.
    pub filter: Filter,
    /// Who is told; [`Dialect::format`] gives the formats.
    pub receivers: Vec<Receiver>,
    /// Whether addresses are scrambled, and the salt that is said.
    pub scrambling: Option<Option<&'s str>>,
}

/// The definition of a name, or a new one; refused when the dialect cannot show it whole.
pub fn start(dialect: Dialect, known: &[Definition], name: &str) -> Result<Definition, Refusal> {
    let Some(old) = known.iter().find(|it| it.name == name) else {
        return Ok(Definition {
            name: name.to_owned(),
            group: String::new(),
            enabled: true,
            conditions: Vec::new(),
            filter: Filter::default(),
            receivers: Vec::new(),
            scramble_salt: None,
            refresh_min: 0,
            retry_count: notify::RETRY_COUNT,
            rate_limit_ms: 0,
            queue_limit: notify::QUEUE_LIMIT,
        });
    };
    match dialect.lacks_words_for(old) {
        None => Ok(old.clone()),
        Some(what) => Err(Refusal::LocalBeyondWords { name: name.to_owned(), what }),
    }
}

impl Subscription<'_> {
    /// Changes a definition to what is said. `as_said` is how a receiver would be said; `salt` makes a
    /// salt where none is known.
    pub fn over(
        self,
        dialect: Dialect,
        mut definition: Definition,
        as_said: impl Fn(&Receiver) -> Receiver,
        salt: impl FnOnce() -> String,
    ) -> Definition {
        definition.enabled = self.enabled.unwrap_or(definition.enabled);
        definition.conditions = conditions(self.conditions, &definition.conditions);
        let area = match dialect {
            Dialect::Cmx => self.filter.area,
            Dialect::Mse => definition.filter.area,
        };
        definition.filter = Filter { area, ..self.filter };
        definition.receivers = receivers(dialect, self.receivers, &definition.receivers, as_said);
        definition.scramble_salt = self.scrambling.map(|said| match said {
            Some(said) => said.to_owned(),
            None => definition.scramble_salt.take().unwrap_or_else(salt),
        });
        definition
    }
}

impl Dialect {
    /// The format that is meant where a receiver does not have one that is called the same: formats of
    /// JSON have one name.
    pub fn format(self, format: Format) -> Format {
        match (format, self) {
            (Format::Xml | Format::Text, _) => format,
            (Format::Cmx | Format::Mse8 | Format::Mse7, Self::Cmx) => Format::Cmx,
            (Format::Cmx | Format::Mse8 | Format::Mse7, Self::Mse) => Format::Mse8,
        }
    }

    /// The format that a word names.
    pub fn format_named(self, word: &str) -> Option<Format> {
        Some(match word.to_ascii_lowercase().as_str() {
            "json" => self.format(Format::Cmx),
            "xml" => Format::Xml,
            "text" => Format::Text,
            _ => return None,
        })
    }

    fn lacks_words_for(self, definition: &Definition) -> Option<String> {
        let api = match self {
            Self::Cmx => "CMX",
            Self::Mse => "MSE 8",
        };
        let (categories, receivers) =
            (definition.filter.categories.len(), definition.receivers.len());
        if categories > 1 {
            return Some(format!("{categories} categories, and a subscription of {api} has one"));
        }
        if let Some(condition) = definition.conditions.iter().find(|it| !it.is_about_elements()) {
            let condition = names::condition(condition);
            return Some(format!("the condition {condition}, for which {api} has no word"));
        }
        let is_contained =
            definition.conditions.iter().any(|it| matches!(it, Condition::Containment { .. }));
        let is_mail = |it: &Receiver| {
            matches!(it.transport, Transport::Email { .. } | Transport::Mqtt { .. })
        };
        match self {
            Self::Cmx if is_contained && !definition.filter.area.is_empty() => {
                Some(format!("an area beside that of its containment, and a rule of {api} has one"))
            }
            Self::Mse if receivers > 1 => {
                Some(format!("{receivers} receivers, and a subscription of {api} has one"))
            }
            Self::Mse if definition.receivers.iter().any(is_mail) => {
                Some(format!("a receiver by mail or MQTT, for which {api} has no words"))
            }
            Self::Cmx | Self::Mse => None,
        }
    }
}

/// Conditions as they were, where they are said as they were shown.
fn conditions(said: Vec<Condition>, old: &[Condition]) -> Vec<Condition> {
    let kept = |(at, said): (usize, Condition)| {
        let is_same = |it: &&Condition| match (&said, it) {
            // Shown in whole feet.
            (
                Condition::Movement { distance_m: said },
                Condition::Movement { distance_m: shown },
            ) => names::feet(*said) == names::feet(*shown),
            (said, shown) => said == *shown,
        };
        let found = old.get(at).filter(is_same).or_else(|| old.iter().find(is_same));
        found.cloned().unwrap_or(said)
    };
    said.into_iter().enumerate().map(kept).collect()
}

/// Receivers as they were, where they are said as they were shown. One that is said otherwise keeps
/// what there are no words for: of one at the same place all of that, of one that stood there the
/// format alone.
fn receivers(
    dialect: Dialect,
    said: Vec<Receiver>,
    old: &[Receiver],
    as_said: impl Fn(&Receiver) -> Receiver,
) -> Vec<Receiver> {
    let shown: Vec<Receiver> = old.iter().map(as_said).collect();
    let mut is_taken = vec![false; old.len()];
    let mut same: Vec<Option<&Receiver>> = Vec::with_capacity(said.len());
    for (at, receiver) in said.iter().enumerate() {
        let fits =
            |it: &usize| is_taken.get(*it) == Some(&false) && shown.get(*it) == Some(receiver);
        let found = Some(at).filter(fits).or_else(|| (0..old.len()).find(fits));
        if let Some(is_taken) = found.and_then(|found| is_taken.get_mut(found)) {
            *is_taken = true;
        }
        same.push(found.and_then(|found| old.get(found)));
    }
    let change = |(at, (mut said, same)): (usize, (Receiver, Option<&Receiver>))| {
        if let Some(same) = same {
            return same.clone();
        }
        let free = || old.iter().zip(&shown).zip(&is_taken).filter(|(_, is_taken)| !**is_taken);
        let there = free().map(|(it, _)| it).find(|(_, shown)| shown.place() == said.place());
        if let Some((old, _)) = there {
            keep_unsaid(dialect, &mut said.transport, &old.transport);
        }
        let stood = || old.iter().zip(&shown).nth(at);
        if let Some((old, shown)) = there.or_else(stood)
            && shown.format == said.format
        {
            said.format = old.format;
        }
        said
    };
    said.into_iter().zip(same).enumerate().map(change).collect()
}

/// Takes over what a dialect does not say of a receiver at the same place.
fn keep_unsaid(dialect: Dialect, said: &mut Transport, old: &Transport) {
    match (said, old) {
        (
            Transport::Http { headers, trust, .. },
            Transport::Http { headers: old_headers, trust: old_trust, .. },
        ) => {
            trust.clone_from(old_trust);
            if dialect == Dialect::Mse {
                headers.clone_from(old_headers);
            }
            for (name, value) in headers.iter_mut().filter(|(_, value)| *value == HIDDEN) {
                if let Some(old) = old_headers.get(name) {
                    value.clone_from(old);
                }
            }
        }
        (
            Transport::Syslog { protocol, trust, .. },
            Transport::Syslog { protocol: old_protocol, trust: old_trust, .. },
        ) => {
            *protocol = *old_protocol;
            trust.clone_from(old_trust);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use model::{BatteryLevel, Category, Emergency};
    use notify::{Authentication, Boundary, MailSecurity, SyslogProtocol, Trust};
    use serde_json::{Value, json};

    use super::*;
    use crate::{cmx, contextaware};

    const BOTH: [Dialect; 2] = [Dialect::Cmx, Dialect::Mse];

    fn show(dialect: Dialect, definition: &Definition) -> Value {
        match dialect {
            Dialect::Cmx => cmx::subscription::show(definition),
            Dialect::Mse => contextaware::subscription::show(definition),
        }
    }

    fn put(
        dialect: Dialect,
        body: &Value,
        known: Option<&Definition>,
    ) -> Result<Definition, Refusal> {
        let (known, salt) = (known.cloned().into_iter().collect::<Vec<_>>(), || "new".to_owned());
        let mut made = match dialect {
            Dialect::Cmx => cmx::subscription::parse(body, None, &known, salt)?,
            Dialect::Mse => contextaware::subscription::parse(body, &known, salt)?,
        };
        made.reveal(known.first()).map_err(|error| error.to_string())?;
        Ok(made)
    }

    fn http(url: &str, format: Format) -> Receiver {
        let headers = [("Authorization".to_owned(), "Bearer one".to_owned())].into();
        let trust = Trust::Pin("0".repeat(40));
        Receiver { transport: Transport::Http { url: url.to_owned(), headers, trust }, format }
    }

    fn syslog(protocol: SyslogProtocol, format: Format) -> Receiver {
        let trust = Trust::Pin("1".repeat(40));
        let host = "192.0.2.9".to_owned();
        Receiver { transport: Transport::Syslog { host, port: 6_514, protocol, trust }, format }
    }

    /// With nothing as it usually is.
    fn definition(conditions: Vec<Condition>) -> Definition {
        let definition = Definition {
            name: "pf".to_owned(),
            group: "night".to_owned(),
            enabled: false,
            conditions,
            filter: Filter {
                categories: vec![Category::Tag],
                macs: vec!["00:0c:cc:*".parse().unwrap(), "00:00:5e:00:53:01".parse().unwrap()],
                area: String::new(),
            },
            receivers: vec![http("https://192.0.2.9/mse?key=1", Format::Mse7)],
            scramble_salt: Some("pepper".to_owned()),
            refresh_min: 7,
            retry_count: 3,
            rate_limit_ms: 500,
            queue_limit: 30_000,
        };
        definition.validate().unwrap();
        definition
    }

    fn check_unchanged(dialect: Dialect, definition: &Definition) {
        let shown = show(dialect, definition);
        let again = put(dialect, &shown, Some(definition));
        assert_eq!(again.as_ref(), Ok(definition), "{dialect:?}");
        if dialect == Dialect::Mse {
            let xml = contextaware::Form::Xml.answer(200, &shown).body;
            let body = contextaware::subscription::read(&xml).unwrap();
            assert_eq!(put(dialect, &body, Some(definition)).as_ref(), Ok(definition), "as XML");
        }
    }

    fn check_refused(dialect: Dialect, change: impl FnOnce(&mut Definition), expected: &str) {
        let mut beyond = definition(vec![Condition::AreaChange]);
        change(&mut beyond);
        beyond.validate().unwrap();
        let shown = show(dialect, &beyond);
        let refusal = put(dialect, &shown, Some(&beyond)).unwrap_err();
        assert!(matches!(refusal, Refusal::LocalBeyondWords { .. }), "{refusal}");
        assert!(refusal.to_string().contains(expected), "'{refusal}' does not name '{expected}'");
        assert!(refusal.to_string().contains("/api/v1/notifications/pf"), "{refusal}");
    }

    fn every_condition() -> Vec<Condition> {
        let inside = |area: &str, boundary| Condition::Containment { area: area.into(), boundary };
        vec![
            inside("North>Main>Ground>West <e\"", None),
            inside("North>Main>Ground>\"Lobby\"", Some(Boundary::Inside)),
            inside("\"North\"", Some(Boundary::Outside)),
            inside("A == B;", None),
            Condition::Movement { distance_m: 5.0 },
            Condition::Movement { distance_m: 0.1 },
            Condition::Absence { minutes: 5 },
            Condition::AreaChange,
            Condition::Association { associated: None },
            Condition::Association { associated: Some(false) },
            Condition::Battery { level: BatteryLevel::Normal },
            Condition::Emergency { reason: None },
            Condition::Emergency { reason: Some(Emergency::Detached) },
            Condition::Chokepoint { name: None },
            Condition::Chokepoint { name: Some("Gate;".into()) },
            Condition::LocationUpdate,
        ]
    }

    #[test]
    fn every_condition_that_is_shown_is_put_back_unchanged() {
        for dialect in BOTH {
            for condition in every_condition() {
                check_unchanged(dialect, &definition(vec![condition]));
            }
            check_unchanged(dialect, &definition(every_condition()));
        }
    }

    #[test]
    fn every_category_and_area_is_put_back_unchanged() {
        for dialect in BOTH {
            for category in Category::ALL {
                let mut definition = definition(vec![Condition::AreaChange]);
                definition.filter.categories = vec![category];
                definition.filter.area = "North>\"Main\"".to_owned();
                check_unchanged(dialect, &definition);
            }
            let mut open = definition(vec![Condition::LocationUpdate]);
            (open.enabled, open.scramble_salt, open.filter) = (true, None, Filter::default());
            check_unchanged(dialect, &open);
        }
    }

    #[test]
    fn every_receiver_that_is_shown_is_put_back_unchanged() {
        use SyslogProtocol::{Tcp, Tls, Udp};
        let community = "private".to_owned();
        let snmp = Transport::Snmp { host: "::1".into(), port: 162, community };
        let mut receivers = vec![Receiver { transport: snmp, format: Format::Cmx }];
        for format in [Format::Cmx, Format::Mse8, Format::Mse7, Format::Xml, Format::Text] {
            let urls = ["http://192.0.2.9", "https://h.example:8443/a/b", "http://[2001:db8::1]/x"];
            receivers.extend(urls.map(|url| http(url, format)));
            receivers.extend([Udp, Tcp, Tls].map(|protocol| syslog(protocol, format)));
        }
        for receiver in receivers {
            let mut definition = definition(vec![Condition::AreaChange]);
            definition.receivers = vec![receiver];
            for dialect in BOTH {
                check_unchanged(dialect, &definition);
            }
        }
    }

    /// Also two at one address that differ in nothing that is shown.
    #[test]
    fn all_receivers_of_a_subscription_of_cmx_are_put_back_unchanged() {
        let url = "http://192.0.2.9/";
        let mut other = http(url, Format::Cmx);
        if let Transport::Http { headers, .. } = &mut other.transport {
            headers.insert("Authorization".to_owned(), "Bearer two".to_owned());
        }
        let login = Some(Authentication { username: "a".into(), password: "secret".into() });
        let broker = Transport::Mqtt {
            host: "192.0.2.9".into(),
            port: 8_883,
            tls: true,
            trust: Trust::System,
            login,
            topic: "mse/x".into(),
        };
        let mut definition = definition(vec![Condition::AreaChange]);
        definition.receivers = vec![
            http(url, Format::Mse8),
            other,
            Receiver { transport: broker, format: Format::Text },
            syslog(SyslogProtocol::Tcp, Format::Text),
        ];
        check_unchanged(Dialect::Cmx, &definition);
        // One is left out, and one is new.
        let mut body = show(Dialect::Cmx, &definition);
        let listed = body["subscribers"][0]["receivers"].as_array_mut().unwrap();
        listed.remove(1);
        listed[2] = json!({"uri": "http://192.0.2.7/"});
        let again = put(Dialect::Cmx, &body, Some(&definition)).unwrap();
        assert_eq!(again.receivers[0], definition.receivers[0]);
        assert_eq!(again.receivers[1], definition.receivers[2]);
        assert_eq!(again.receivers[2].place(), "http://192.0.2.7");
    }

    #[test]
    fn what_is_said_otherwise_is_changed_and_nothing_else() {
        let before = definition(vec![Condition::AreaChange]);
        let mut body = show(Dialect::Mse, &before);
        let path = "/NotificationSubscription/NotificationReceiverInfo/transport/urlPath";
        *body.pointer_mut(path).unwrap() = json!("/other");
        let mut expected = before.clone();
        expected.receivers = vec![http("https://192.0.2.9:443/other", Format::Mse7)];
        assert_eq!(put(Dialect::Mse, &body, Some(&before)), Ok(expected));

        // At another place nothing that is secret goes along, but the format is that of the receiver.
        let host = "/NotificationSubscription/NotificationReceiverInfo/transport/hostAddress";
        *body.pointer_mut(host).unwrap() = json!("192.0.2.7");
        let moved = put(Dialect::Mse, &body, Some(&before)).unwrap();
        let url = "https://192.0.2.7:443/other".to_owned();
        let transport = Transport::Http { url, headers: [].into(), trust: Trust::System };
        assert_eq!(moved.receivers, [Receiver { transport, format: Format::Mse7 }]);

        let mut body = show(Dialect::Cmx, &before);
        body["enabled"] = json!(true);
        body["subscribers"][0]["receivers"][0]["messageFormat"] = json!("XML");
        let mut expected = before.clone();
        expected.enabled = true;
        expected.receivers[0].format = Format::Xml;
        assert_eq!(put(Dialect::Cmx, &body, Some(&before)), Ok(expected));
    }

    #[test]
    fn a_salt_that_is_not_said_stays() {
        let before = definition(vec![Condition::AreaChange]);
        let check = |dialect, body: &Value, known: Option<&Definition>, expected: Option<&str>| {
            let made = put(dialect, body, known).unwrap();
            assert_eq!(made.scramble_salt.as_deref(), expected, "{dialect:?}");
        };
        let mse = show(Dialect::Mse, &before);
        check(Dialect::Mse, &mse, Some(&before), Some("pepper"));
        check(Dialect::Mse, &mse, None, Some("new"));
        let mut cmx = show(Dialect::Cmx, &before);
        cmx["macScramblingSalt"] = json!(null);
        check(Dialect::Cmx, &cmx, Some(&before), Some("pepper"));
        cmx["macScramblingSalt"] = json!("salt");
        check(Dialect::Cmx, &cmx, Some(&before), Some("salt"));
        cmx["enableMacScrambling"] = json!(false);
        check(Dialect::Cmx, &cmx, Some(&before), None);
    }

    #[test]
    fn a_definition_that_cannot_be_shown_whole_is_not_replaced() {
        for dialect in BOTH {
            let two = vec![Category::WirelessClient, Category::Tag];
            check_refused(dialect, |it| it.filter.categories = two, "2 categories");
            check_refused(
                dialect,
                |it| it.conditions.push(Condition::SensorSilent),
                "SensorSilent",
            );
        }
        let more = |it: &mut Definition| it.receivers = vec![it.receivers[0].clone(); 8];
        check_refused(Dialect::Mse, more, "8 receivers");
        let mail = Transport::Email {
            host: "mail.example".into(),
            port: 25,
            security: MailSecurity::None,
            trust: Trust::System,
            login: None,
            from: "a@x.example".into(),
            to: "b@x.example".into(),
        };
        check_refused(Dialect::Mse, |it| it.receivers[0].transport = mail, "by mail");
        let both = |it: &mut Definition| {
            it.conditions = vec![Condition::Containment { area: "A".into(), boundary: None }];
            it.filter.area = "B".to_owned();
        };
        check_refused(Dialect::Cmx, both, "an area beside");
    }
}
