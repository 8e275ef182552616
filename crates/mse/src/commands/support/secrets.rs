//! What must not leave a node, taken out of texts.
//!
//! Three nets, one behind the other: values of configuration keys that are named like secrets; every
//! secret that the node itself has, wherever it appears; and what looks like a secret anywhere. MAC
//! addresses are personal data: each becomes another one, the same within one bundle and unknown
//! outside it.

use std::path::Path;

use toml::{Table, Value};

/// Stands where a secret was.
pub(super) const REMOVED: &str = "(removed)";
/// Shorter values are not searched for elsewhere: they would be found in every text. Ours.
const SECRET_BYTES_MIN: usize = 6;
/// Parts of names of keys, options and fields whose values are secret. A `key_hash` is public: it is
/// what one node tells the other.
const SECRET_NAMES: [&str; 9] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "private",
    "community",
    "authorization",
];

/// Knows what to take out.
#[derive(Debug)]
pub(super) struct Scrubber {
    /// What the node keeps secret, longest first.
    known: Vec<String>,
    /// Forgotten with the process.
    salt: [u8; 32],
}

impl Scrubber {
    pub(super) fn new() -> Self {
        Self { known: Vec::new(), salt: node::token::random() }
    }

    /// Finds what the files in a folder of keys hold: key, operators' hashes, one-time passwords.
    pub(super) fn learn_folder(&mut self, folder: &Path) {
        let text = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        for line in text(&folder.join("identity.key")).lines() {
            if !line.starts_with("-----") {
                self.learn(line);
            }
        }
        for name in [monitor::operators::FILE_NAME, "setup.toml"] {
            let _ = self.toml(&text(&folder.join(name)));
        }
        if let Some(data) = folder.parent() {
            self.learn(text(&data.join("initial-password")).trim());
        }
    }

    fn learn(&mut self, secret: &str) {
        let is_new = !self.known.iter().any(|known| known == secret);
        if secret.len() >= SECRET_BYTES_MIN && secret != REMOVED && is_new {
            self.known.push(secret.to_owned());
            self.known.sort_by_key(|known| std::cmp::Reverse(known.len()));
        }
    }

    /// A configuration without its secrets, and without its comments, which may have some. An error
    /// says why there is nothing.
    pub(super) fn toml(&mut self, text: &str) -> Result<String, String> {
        // The parser's own words show the line.
        let mut table: Table = toml::from_str(text)
            .map_err(|_| "it is no TOML, so nothing is known of it".to_owned())?;
        let mut found = Vec::new();
        for (name, value) in &mut table {
            strip(name, value, &mut found);
        }
        for secret in found {
            self.learn(&secret);
        }
        toml::to_string(&table).map_err(|error| error.to_string())
    }

    /// A text without what is known to be secret, and without what looks like it.
    pub(super) fn text(&self, text: &str) -> String {
        let mut text = without_keys(text);
        for secret in &self.known {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), REMOVED);
            }
        }
        let lines = text.split_inclusive('\n').map(|line| self.macs(&without_values(line)));
        lines.collect()
    }

    /// Every MAC address becomes another one.
    fn macs(&self, line: &str) -> String {
        let mut out = String::with_capacity(line.len());
        let mut rest = line;
        let mut before = None;
        while let Some(first) = rest.chars().next() {
            let begins = before.is_none_or(|it| !is_part(it));
            if let Some((form, length)) = begins.then(|| mac_at(rest)).flatten() {
                out.push_str(&self.other_mac(&rest[..length], form));
                before = rest[..length].chars().last();
                rest = &rest[length..];
                continue;
            }
            out.push(first);
            before = Some(first);
            rest = &rest[first.len_utf8()..];
        }
        out
    }

    fn other_mac(&self, found: &str, form: Form) -> String {
        let digits: String = found.chars().filter(char::is_ascii_hexdigit).collect();
        let salted = [&self.salt[..], digits.to_ascii_lowercase().as_bytes()].concat();
        let hash = node::token::sha256(&salted);
        // Locally administered: nobody's interface has it.
        let digits = format!("02{}", node::token::hex(&hash[..5]));
        let (size, separator) = match form {
            Form::Pairs(separator) => (2, separator),
            Form::Fours => (4, '.'),
            Form::Bare => return digits,
        };
        let groups: Vec<&str> = (0..12).step_by(size).map(|at| &digits[at..at + size]).collect();
        groups.join(&separator.to_string())
    }
}

/// How an address is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `00:50:56:9c:34:89` or `00-50-56-9c-34-89`.
    Pairs(char),
    /// `0050.569c.3489`.
    Fours,
    /// `0050569c3489`.
    Bare,
}

/// Whether a character goes on with what may be an address; `_` does not: it stands before the one in
/// a serial number.
fn is_part(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == ':' || character == '-'
}

/// The address that a text begins with, and its length.
fn mac_at(text: &str) -> Option<(Form, usize)> {
    let bytes = text.as_bytes();
    let matches = |length: usize, size: usize, separator: Option<u8>| {
        let found = bytes.get(..length)?;
        let fits = found.iter().enumerate().all(|(at, byte)| match separator {
            Some(separator) if at % (size + 1) == size => *byte == separator,
            _ => byte.is_ascii_hexdigit(),
        });
        let ends =
            text.get(length..)?.chars().next().is_none_or(|next| !next.is_ascii_alphanumeric());
        (fits && ends).then_some(length)
    };
    let pairs = |separator: char| {
        let length = matches(17, 2, Some(separator as u8))?;
        // A longer row of pairs is a fingerprint or an IPv6 address.
        let goes_on = text[length..].starts_with(separator)
            && text[length + 1..].starts_with(|next: char| next.is_ascii_hexdigit());
        (!goes_on).then_some((Form::Pairs(separator), length))
    };
    pairs(':')
        .or_else(|| pairs('-'))
        .or_else(|| matches(14, 4, Some(b'.')).map(|length| (Form::Fours, length)))
        .or_else(|| matches(12, 12, None).map(|length| (Form::Bare, length)))
}

/// Takes secret values out, and says which.
fn strip(name: &str, value: &mut Value, found: &mut Vec<String>) {
    match value {
        Value::Table(table) => {
            for (name, value) in table.iter_mut() {
                strip(name, value, found);
            }
        }
        Value::Array(values) if !is_secret(name) => {
            let mut is_next = false;
            for value in values {
                // The arguments of a command: `--password=x`, or the word after `--password`.
                if let Value::String(word) = value {
                    if std::mem::take(&mut is_next) {
                        found.push(std::mem::replace(word, REMOVED.to_owned()));
                    } else if word.starts_with('-') && is_secret(word) {
                        match word.split_once('=') {
                            Some((option, secret)) => {
                                found.push(secret.to_owned());
                                *word = format!("{option}={REMOVED}");
                            }
                            None => is_next = true,
                        }
                    }
                } else {
                    strip(name, value, found);
                }
            }
        }
        _ if is_secret(name) => {
            match &*value {
                Value::String(secret) => found.push(secret.clone()),
                Value::Array(values) => {
                    found.extend(values.iter().filter_map(|it| it.as_str().map(str::to_owned)));
                }
                _ => {}
            }
            *value = Value::String(REMOVED.to_owned());
        }
        _ => {}
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    let is_key = name == "key" || (name.ends_with("_key") && !name.contains("hash"));
    is_key || SECRET_NAMES.iter().any(|part| name.contains(part))
}

/// Without blocks of PEM that are private.
fn without_keys(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut is_inside = false;
    for line in text.split_inclusive('\n') {
        if line.contains("-----BEGIN") && line.contains("PRIVATE KEY") {
            is_inside = !(line.contains("-----END"));
            out.push_str(REMOVED);
            out.push('\n');
        } else if is_inside {
            is_inside = !line.contains("-----END");
        } else {
            out.push_str(line);
        }
    }
    out
}

/// Without hashes of passwords, and without what stands behind a name like `password`.
fn without_values(line: &str) -> String {
    let mut line = line.to_owned();
    let ends =
        |it: char| it.is_whitespace() || matches!(it, '"' | '\'' | ',' | ';' | '&' | '}' | ')');
    while let Some(at) = line.find("$argon2") {
        // A hash has commas.
        let length = line[at..].find(|it| it != ',' && ends(it)).unwrap_or(line.len() - at);
        line.replace_range(at..at + length, REMOVED);
    }
    for name in SECRET_NAMES {
        let mut from = 0;
        // Lower case has the same length: only ASCII changes.
        while let Some(at) = line[from..].to_ascii_lowercase().find(name).map(|at| from + at) {
            let behind = at + name.len();
            from = behind;
            let rest = &line[behind..];
            // The rest of the name, then `=` or `:`, then the value, quoted or not.
            let name_length = rest.find(|it: char| !it.is_ascii_alphanumeric() && it != '_');
            let Some(name_length) = name_length else { break };
            let after_name = rest[name_length..].trim_start_matches(['"', '\\']);
            let Some(value) = after_name.trim_start().strip_prefix(['=', ':']) else { continue };
            let value = value.trim_start();
            let quote = value.chars().next().filter(|it| matches!(it, '"' | '\''));
            let value = quote.map_or(value, |_| &value[1..]);
            let begin = line.len() - value.len();
            let mut length = match quote {
                Some(quote) => value.find(quote).unwrap_or(value.trim_end().len()),
                None => value.find(ends).unwrap_or(value.len()),
            };
            // `Authorization: Basic abc` has two words.
            if name == "authorization" && quote.is_none() {
                length = value.trim_end().len();
            }
            if length > 0 && !value.starts_with(REMOVED) {
                line.replace_range(begin..begin + length, REMOVED);
                from = begin + REMOVED.len();
            }
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_line(line: &str, expected: &str) {
        assert_eq!(Scrubber::new().text(line), expected);
    }

    #[test]
    fn what_looks_like_a_secret_is_taken_out_of_any_line() {
        check_line("password=hunter2 user=ana\n", "password=(removed) user=ana\n");
        check_line(
            "{\"api_token\": \"abc def\", \"n\": 1}",
            "{\"api_token\": \"(removed)\", \"n\": 1}",
        );
        check_line("Authorization: Basic YWRtaW46eA==\n", "Authorization: (removed)\n");
        check_line("hash $argon2id$v=19$m=1,p=1$c2FsdA$aGFzaA end", "hash (removed) end");
        check_line("wrong password for ana", "wrong password for ana");
        check_line("key_hash = \"aabb\"", "key_hash = \"aabb\"");
        let key = "a\n-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG\n-----END PRIVATE KEY-----\nb\n";
        check_line(key, "a\n(removed)\nb\n");
    }

    #[test]
    fn a_configuration_loses_its_secrets_and_comments_and_they_are_known_from_then_on() {
        let text = "# hunter2 is the old one\nname = \"mse1\"\n[smtp]\npassword = \"hunter2\"\n\
                    [service]\ncommand = [\"x\", \"--api-token\", \"tok-4711\", \"--secret=abcdef\", \"-v\"]\n\
                    [[trusted]]\nkey_hash = \"00ff\"\n[snmp]\ncommunity = [\"public-ro\"]\n";
        let mut scrubber = Scrubber::new();
        let clean = scrubber.toml(text).unwrap();
        for secret in ["hunter2", "tok-4711", "abcdef", "public-ro"] {
            assert!(!clean.contains(secret), "{secret}: {clean}");
            let later = scrubber.text(&format!("tried {secret} in vain\n"));
            assert_eq!(later, "tried (removed) in vain\n");
        }
        for kept in ["mse1", "\"-v\"", "00ff", "--api-token"] {
            assert!(clean.contains(kept), "{kept}: {clean}");
        }
        assert!(scrubber.toml("password = hunter3").unwrap_err().contains("no TOML"));
    }

    #[test]
    fn every_form_of_a_mac_becomes_the_same_other_one() {
        let scrubber = Scrubber::new();
        let line =
            "00:50:56:9C:34:89 00-50-56-9c-34-89 0050.569c.3489 0050569c3489 mse1_0050569c3489";
        let text = scrubber.text(line);
        assert!(
            !text.to_lowercase().contains("569c") && !text.to_lowercase().contains("56:9c"),
            "{text}"
        );
        let bare: Vec<String> = text
            .split(' ')
            .map(|word| word.replace("mse1_", "").replace([':', '-', '.'], ""))
            .collect();
        assert!(bare.iter().all(|mac| *mac == bare[0] && mac.starts_with("02")), "{text}");
        assert_ne!(Scrubber::new().text(line), text, "another bundle has other ones");
    }

    #[test]
    fn what_only_looks_like_a_mac_stays() {
        let hash = "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3";
        let line = format!(
            "{hash} fd00:1:2:3:4:5:6:7 2026-11-28T01:02:03 10.10.10.12:8082 chain 00112233445566ff"
        );
        check_line(&line, &line);
        check_line("aa:bb:cc:dd:ee:ff:00:11", "aa:bb:cc:dd:ee:ff:00:11");
    }
}
