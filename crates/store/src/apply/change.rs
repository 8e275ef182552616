//! What an entry of the journal may change, and how it is written.
//!
//! A payload is the [`Change`] as `postcard` writes it: the number of the variant, then its fields.
//! An entry also carries kind and version, so that a program can say what it does not know without
//! reading the payload. What is written is never given another meaning: variants (also of roles,
//! severities and categories) are only added, at the end, and `tests/vectors` has the bytes of each.
//!
//! Two kinds of rules are kept apart. What can be told from the change alone (limits of texts, maps
//! that are valid) is checked once, when the holder encodes it, so that a later version may change
//! these limits. What depends on the state (the last admin stays) is decided when the entry is
//! applied, by both nodes alike; such a rule changes only with a new variant.

use std::fmt;

use model::Time;
use model::map::{MapId, Maps};
use model::pair::{ENTRY_BYTES_MAX, Entry};
use presence::Stay;
use serde::{Deserialize, Serialize, Serializer};

use super::level::Program;
use crate::history::packed;
use crate::{
    Event, HeatCell, KeptRow, Role, Severity, StoreError, alarms, documents, events, heat, maps,
    service_identity, sessions, settings, stays, users,
};

/// Most rows of one [`Change::HistoryAppended`]. Source: ha.md section 5.3; 19 KB, a twentieth of a
/// second at 20,000 rows/s.
pub const HISTORY_BATCH_ROWS_MAX: usize = 1_000;

/// One change of the replicated state. Times are those of the node that wrote the entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A setting was set or replaced.
    SettingPut {
        /// Its key.
        key: String,
        /// Its new value.
        value: String,
    },
    /// A setting was removed.
    SettingRemoved {
        /// Its key.
        key: String,
    },
    /// The maps were replaced. Made by [`Change::maps`].
    MapsSaved {
        /// The maps as JSON.
        document: String,
    },
    /// A user was added.
    UserAdded {
        /// Unique.
        name: String,
        /// What the user may do.
        role: Role,
        /// The hashed password.
        password_hash: Secret,
        /// Whether it has to be changed first.
        must_change_password: bool,
        /// When.
        at: Time,
    },
    /// A user's password was replaced.
    PasswordSet {
        /// Whose.
        name: String,
        /// The hashed password.
        password_hash: Secret,
        /// Whether it has to be changed first.
        must_change_password: bool,
        /// When.
        at: Time,
    },
    /// What a user may do was changed.
    RoleSet {
        /// Whose.
        name: String,
        /// The new role.
        role: Role,
        /// When.
        at: Time,
    },
    /// A user was removed.
    UserRemoved {
        /// Who.
        name: String,
    },
    /// A condition began, or changed while it stood.
    AlarmRaised {
        /// Word for programs.
        kind: String,
        /// How bad it is.
        severity: Severity,
        /// What it is about.
        source: String,
        /// Sentence for people.
        text: String,
        /// When.
        at: Time,
    },
    /// A condition ended.
    AlarmCleared {
        /// Number of the alarm.
        id: u64,
        /// When.
        at: Time,
    },
    /// Somebody has taken note of an alarm.
    AlarmAcknowledged {
        /// Number of the alarm.
        id: u64,
        /// Who.
        by: String,
    },
    /// Something happened.
    EventRecorded {
        /// When.
        at: Time,
        /// Word for programs.
        kind: String,
        /// Who or what noticed or caused it.
        generated_by: String,
        /// Sentence for people.
        text: String,
        /// What else is known; may be empty.
        remarks: String,
    },
    /// Events, and alarms that were cleared, are forgotten when they are older.
    RecordsExpired {
        /// Older than this.
        before: Time,
    },
    /// Elements were located; 1 to [`HISTORY_BATCH_ROWS_MAX`] rows, best some hundreds.
    HistoryAppended {
        /// Where and when.
        #[serde(with = "packed")]
        rows: Vec<KeptRow>,
    },
    /// History is forgotten when it is older. Older rows are not shown from now on; they leave the
    /// disk with the file they are in.
    HistoryExpired {
        /// Older than this.
        before: Time,
    },
    /// The pair agreed on a higher feature level.
    LevelRaised {
        /// The level.
        level: u32,
    },
    /// What is stored takes a new form, on both nodes at this entry.
    ContentMigrated {
        /// The version of the content after it; one more than before.
        to: u32,
    },
    /// The service got its key and certificate, which controllers are told to trust. The first ones
    /// stay.
    ServiceIdentitySet {
        /// The certificate, in PEM.
        certificate: String,
        /// The private key, in PEM.
        key: Secret,
    },
    /// A file was added to those that are named by their content.
    FilePut {
        /// What is in it; it gives the file its name.
        content: Content,
    },
    /// Somebody logged in.
    SessionBegun {
        /// SHA-256 of the token.
        token_hash: [u8; 32],
        /// Who.
        user: String,
        /// When.
        at: Time,
        /// The first moment at which it is no longer valid.
        expires: Time,
        /// Where it came from, for people.
        address: String,
    },
    /// A session was used.
    SessionRenewed {
        /// SHA-256 of the token.
        token_hash: [u8; 32],
        /// When.
        at: Time,
        /// The first moment at which it is no longer valid.
        expires: Time,
    },
    /// Somebody logged out.
    SessionEnded {
        /// SHA-256 of the token.
        token_hash: [u8; 32],
    },
    /// The sessions of a user were ended, but for one perhaps.
    SessionsEnded {
        /// Whose.
        user: String,
        /// SHA-256 of the token of the one that stays.
        kept: Option<[u8; 32]>,
    },
    /// A document was added to a collection, or replaced.
    DocumentPut {
        /// The collection.
        collection: String,
        /// Unique in the collection.
        name: String,
        /// The document; it may hold passwords.
        document: Secret,
    },
    /// A document was removed.
    DocumentRemoved {
        /// The collection.
        collection: String,
        /// Which one.
        name: String,
    },
    /// Elements stayed somewhere, or went on to; 1 to [`STAYS_BATCH_MAX`](crate::STAYS_BATCH_MAX).
    StaysKept {
        /// Who, where and how long.
        #[serde(with = "stays::packed")]
        stays: Vec<Stay>,
    },
    /// Elements spent time on a floor; 1 to [`HEAT_CELLS_MAX`](crate::HEAT_CELLS_MAX) cells.
    HeatAdded {
        /// The floor.
        floor: MapId,
        /// The beginning of the hour.
        hour: Time,
        /// Where, and how long.
        cells: Vec<HeatCell>,
    },
    /// Stays and heat maps are forgotten when they are older.
    AnalyticsExpired {
        /// Older than this.
        before: Time,
    },
}

/// The content of a file. People see how long it is.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Content(pub Vec<u8>);

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} bytes)", self.0.len())
    }
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(&format_args!("({} bytes)", self.0.len()));
        }
        // As `postcard` writes a sequence of bytes, in one piece.
        serializer.serialize_bytes(&self.0)
    }
}

/// A text that does not reach a log. What people see instead of it cannot be read back.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(not shown)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_for_people = serializer.is_human_readable();
        serializer.serialize_str(if is_for_people { "(not shown)" } else { &self.0 })
    }
}

/// A change as an entry carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// For [`Entry::kind`].
    pub kind: u16,
    /// For [`Entry::version`].
    pub version: u8,
    /// For [`Entry::payload`].
    pub payload: Vec<u8>,
}

/// One way to write one kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) number: u16,
    pub(crate) version: u8,
    /// The feature level that brought it.
    pub(crate) level: u32,
    pub(crate) name: &'static str,
}

/// Every variant of [`Change`], in their order.
pub(crate) const KINDS: [Kind; 27] = [
    kind(1, "setting put"),
    kind(2, "setting removed"),
    kind(3, "maps saved"),
    kind(4, "user added"),
    kind(5, "password set"),
    kind(6, "role set"),
    kind(7, "user removed"),
    kind(8, "alarm raised"),
    kind(9, "alarm cleared"),
    kind(10, "alarm acknowledged"),
    kind(11, "event recorded"),
    kind(12, "records expired"),
    kind(13, "history appended"),
    kind(14, "history expired"),
    kind(15, "feature level raised"),
    kind(16, "content migrated"),
    Kind { level: 2, ..kind(17, "service identity set") },
    Kind { level: 2, ..kind(18, "file put") },
    Kind { level: 2, ..kind(19, "session begun") },
    Kind { level: 2, ..kind(20, "session renewed") },
    Kind { level: 2, ..kind(21, "session ended") },
    Kind { level: 2, ..kind(22, "sessions ended") },
    Kind { level: 3, ..kind(23, "document put") },
    Kind { level: 3, ..kind(24, "document removed") },
    Kind { level: 4, ..kind(50, "stays kept") },
    Kind { level: 4, ..kind(51, "heat added") },
    Kind { level: 4, ..kind(52, "analytics expired") },
];

/// What [`Entry::kind`] says of a [`Change::HistoryAppended`]: for who wants no other entries read.
pub const HISTORY_APPENDED_KIND: u16 = KINDS[12].number;

/// Whether the payload of an entry holds what nobody should see: hashed passwords, the key of the
/// service, passwords of others in documents. It is told by the kind, so that an entry that cannot be read is not shown either.
pub fn holds_secret(entry: &Entry) -> bool {
    const USER_ADDED: u16 = KINDS[3].number;
    const PASSWORD_SET: u16 = KINDS[4].number;
    const SERVICE_IDENTITY_SET: u16 = KINDS[16].number;
    const DOCUMENT_PUT: u16 = KINDS[22].number;
    matches!(entry.kind, USER_ADDED | PASSWORD_SET | SERVICE_IDENTITY_SET | DOCUMENT_PUT)
}

/// A kind of the first level.
const fn kind(number: u16, name: &'static str) -> Kind {
    Kind { number, version: 1, level: 1, name }
}

impl Change {
    /// The change that replaces the maps, when they are valid.
    pub fn maps(maps: &Maps) -> Result<Self, StoreError> {
        Ok(Self::MapsSaved { document: maps::document(maps)? })
    }

    /// The change as an entry carries it, for a pair that agreed on `level`. Refused when it is
    /// outside its limits, or when its kind needs a higher level.
    pub fn encode(&self, level: u32) -> Result<Encoded, StoreError> {
        Program::THIS.encode(self, level)
    }

    /// The change of an entry, for people who look into a journal.
    pub fn of(entry: &Entry) -> Result<Self, StoreError> {
        Program::THIS.decode(entry)
    }

    /// Its place in [`KINDS`].
    fn place(&self) -> usize {
        match self {
            Self::SettingPut { .. } => 0,
            Self::SettingRemoved { .. } => 1,
            Self::MapsSaved { .. } => 2,
            Self::UserAdded { .. } => 3,
            Self::PasswordSet { .. } => 4,
            Self::RoleSet { .. } => 5,
            Self::UserRemoved { .. } => 6,
            Self::AlarmRaised { .. } => 7,
            Self::AlarmCleared { .. } => 8,
            Self::AlarmAcknowledged { .. } => 9,
            Self::EventRecorded { .. } => 10,
            Self::RecordsExpired { .. } => 11,
            Self::HistoryAppended { .. } => 12,
            Self::HistoryExpired { .. } => 13,
            Self::LevelRaised { .. } => 14,
            Self::ContentMigrated { .. } => 15,
            Self::ServiceIdentitySet { .. } => 16,
            Self::FilePut { .. } => 17,
            Self::SessionBegun { .. } => 18,
            Self::SessionRenewed { .. } => 19,
            Self::SessionEnded { .. } => 20,
            Self::SessionsEnded { .. } => 21,
            Self::DocumentPut { .. } => 22,
            Self::DocumentRemoved { .. } => 23,
            Self::StaysKept { .. } => 24,
            Self::HeatAdded { .. } => 25,
            Self::AnalyticsExpired { .. } => 26,
        }
    }

    /// Whether it is within the limits that can be told without the state.
    fn check(&self) -> Result<(), StoreError> {
        match self {
            Self::SettingPut { key, value } => settings::check(key, value),
            Self::SettingRemoved { key } => settings::check(key, ""),
            Self::MapsSaved { document } => maps::check(document),
            Self::UserAdded { name, password_hash, .. } => {
                users::check_name(name)?;
                users::check_password_hash(&password_hash.0)
            }
            Self::PasswordSet { password_hash, .. } => users::check_password_hash(&password_hash.0),
            Self::AlarmRaised { kind, source, text, .. } => alarms::check(kind, source, text),
            Self::AlarmAcknowledged { by, .. } => {
                settings::check_text("the name of a person", by, 1, alarms::ALARM_WORD_BYTES_MAX)
            }
            Self::EventRecorded { at, kind, generated_by, text, remarks } => {
                let [kind, generated_by, text, remarks] =
                    [kind, generated_by, text, remarks].map(Clone::clone);
                events::check(&Event { id: 0, at: *at, kind, generated_by, text, remarks })
            }
            Self::HistoryAppended { rows } => {
                let is_allowed = (1..=HISTORY_BATCH_ROWS_MAX).contains(&rows.len());
                is_allowed.then_some(()).ok_or_else(|| StoreError::PeerBadValue {
                    what: "a batch of history",
                    allowed: format!("1 to {HISTORY_BATCH_ROWS_MAX} rows"),
                })
            }
            Self::ServiceIdentitySet { certificate, key } => {
                service_identity::check(certificate, &key.0)
            }
            Self::SessionBegun { user, address, .. } => {
                users::check_name(user)?;
                sessions::check_address(address)
            }
            Self::DocumentPut { collection, name, document } => {
                documents::check(collection, name, &document.0)
            }
            Self::DocumentRemoved { collection, name } => documents::check(collection, name, ""),
            Self::StaysKept { stays } => stays::check(stays),
            Self::HeatAdded { cells, .. } => heat::check(cells),
            // A file is bounded by what an entry holds.
            Self::FilePut { .. }
            | Self::SessionRenewed { .. }
            | Self::SessionEnded { .. }
            | Self::SessionsEnded { .. }
            | Self::RoleSet { .. }
            | Self::UserRemoved { .. }
            | Self::AlarmCleared { .. }
            | Self::RecordsExpired { .. }
            | Self::HistoryExpired { .. }
            | Self::AnalyticsExpired { .. }
            | Self::LevelRaised { .. }
            | Self::ContentMigrated { .. } => Ok(()),
        }
    }
}

impl Program {
    pub(crate) fn encode(&self, change: &Change, level: u32) -> Result<Encoded, StoreError> {
        let Kind { number, version, level: needs, name } = self.kinds[change.place()];
        if needs > level {
            return Err(StoreError::PeerAboveLevel { change: name, needs, agreed: level });
        }
        change.check()?;
        self.check_level(change, level)?;
        let too_long = || StoreError::PeerBadValue {
            what: name,
            allowed: format!("at most {ENTRY_BYTES_MAX} bytes"),
        };
        let payload = postcard::to_stdvec(change).map_err(|_| too_long())?;
        if payload.len() > ENTRY_BYTES_MAX {
            return Err(too_long());
        }
        Ok(Encoded { kind: number, version, payload })
    }

    /// Whether the pair knows what a change of a known kind asks for.
    fn check_level(&self, change: &Change, level: u32) -> Result<(), StoreError> {
        let (what, known) = match change {
            Change::LevelRaised { level: wanted } if *wanted > self.feature_level => {
                ("the feature level", self.feature_level)
            }
            Change::ContentMigrated { to } if *to > self.content_version(level) => {
                ("the version of the content", self.content_version(level))
            }
            _ => return Ok(()),
        };
        Err(StoreError::PeerBadValue { what, allowed: format!("at most {known}") })
    }

    pub(crate) fn decode(&self, entry: &Entry) -> Result<Change, StoreError> {
        let Entry { position, kind, version, payload } = entry;
        let index = position.index;
        let same_kind = || self.kinds.iter().filter(|it| it.number == *kind);
        let is_known = |it: &&Kind| it.version == *version && it.level <= self.feature_level;
        let Some(known) = same_kind().find(is_known) else {
            let name = same_kind().next().map_or("a kind of change", |it| it.name);
            let what = format!("'{name}' (kind {kind}, version {version})");
            return Err(StoreError::LocalOlderProgram { index, what });
        };
        let bad = |what: String| StoreError::LocalBadEntry { index, change: known.name, what };
        let (change, rest) =
            postcard::take_from_bytes::<Change>(payload).map_err(|error| bad(error.to_string()))?;
        if !rest.is_empty() {
            return Err(bad(format!("{} bytes too many", rest.len())));
        }
        if self.kinds[change.place()] != *known {
            return Err(bad(format!("it holds '{}'", self.kinds[change.place()].name)));
        }
        Ok(change)
    }
}
