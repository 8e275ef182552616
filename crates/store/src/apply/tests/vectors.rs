//! What is written stays what it is: `tests/vectors` has the bytes of each change, and the hashes of
//! one state and of sealed files.
//!
//! `UPDATE_GOLDEN=1 cargo test -p store` rewrites them. Bytes of a released kind must not change at
//! all; hashes may change only together with the feature level, because nodes of one level have to
//! agree (`docs/adr/0005`).

use std::fmt::Write as _;
use std::path::Path;

use super::*;

/// Compares `text` with the file `name`, or rewrites the file.
fn check_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    for (line, (found, expected)) in text.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "{name}, line {}", line + 1);
    }
    assert_eq!(text.len(), expected.len(), "{name} is longer or shorter");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// One of each kind, with values that show the width of numbers.
fn one_of_each() -> Vec<Change> {
    [replicated_state(), analytics()].concat()
}

fn analytics() -> Vec<Change> {
    let at = Time(1_795_202_690_693);
    vec![
        Change::StaysKept {
            stays: vec![
                Stay {
                    category: Category::Tag,
                    mac: Mac([0x00, 0x50, 0x56, 0x9c, 0x34, 0x89]),
                    place: MapId::of("North>Main>Ground"),
                    entered: at,
                    left: at.plus_ms(300_000),
                    strongest_dbm: Some(-61),
                    is_connected: true,
                },
                Stay {
                    category: Category::WirelessClient,
                    mac: Mac::from_u64(2),
                    place: MapId(3),
                    entered: Time(0),
                    left: Time(0),
                    strongest_dbm: None,
                    is_connected: false,
                },
            ],
        },
        Change::HeatAdded {
            floor: MapId::of("North>Main>Ground"),
            hour: Time(1_795_200_000_000),
            cells: vec![
                HeatCell { row: 0, column: 1, time_ms: 2_000 },
                HeatCell { row: 300, column: 999, time_ms: 3_600_000 },
            ],
        },
        Change::AnalyticsExpired { before: Time(1) },
    ]
}

fn replicated_state() -> Vec<Change> {
    let name = || "anna".to_owned();
    let password_hash = || Secret("$argon2id$v=19$m=19456".into());
    let at = Time(1_795_202_690_693);
    vec![
        put("language", "en"),
        Change::SettingRemoved { key: "language".into() },
        Change::maps(&model::map::Maps::default()).unwrap(),
        Change::UserAdded {
            name: name(),
            role: Role::Admin,
            password_hash: password_hash(),
            must_change_password: true,
            at,
        },
        Change::PasswordSet {
            name: name(),
            password_hash: password_hash(),
            must_change_password: false,
            at,
        },
        Change::RoleSet { name: name(), role: Role::Operator, at },
        Change::UserRemoved { name: name() },
        Change::AlarmRaised {
            kind: "witness_lost".into(),
            severity: Severity::Major,
            source: "node-1".into(),
            text: "Automatic failover is not possible.".into(),
            at,
        },
        Change::AlarmCleared { id: 300, at },
        Change::AlarmAcknowledged { id: 300, by: name() },
        Change::EventRecorded {
            at,
            kind: "takeover".into(),
            generated_by: "node-2".into(),
            text: "It took over.".into(),
            remarks: "after 2.5 s".into(),
        },
        Change::RecordsExpired { before: at },
        Change::HistoryAppended {
            rows: vec![
                KeptRow {
                    mac: Mac([0x00, 0x50, 0x56, 0x9c, 0x34, 0x89]),
                    category: Category::Tag,
                    at,
                    floor: MapId::of("North>Main>Ground"),
                    x_cm: 4_146,
                    y_cm: -1,
                    confidence_cm: 250,
                    ap: Some(Mac([2, 0, 0, 0, 0, 1])),
                },
                row(2, 4),
            ],
        },
        Change::HistoryExpired { before: at },
        Change::LevelRaised { level: 1 },
        Change::ContentMigrated { to: 300 },
        identity("-----BEGIN CERTIFICATE-----", "-----BEGIN PRIVATE KEY-----"),
        file(&[7, 0, 255]),
        begun([7; 32], "anna", at),
        Change::SessionRenewed { token_hash: [7; 32], at, expires: at.plus_ms(1_800_000) },
        Change::SessionEnded { token_hash: [7; 32] },
        Change::SessionsEnded { user: name(), kept: Some([8; 32]) },
        Change::DocumentPut {
            collection: "notifications".into(),
            name: "lobby".into(),
            document: Secret("{}".into()),
        },
        Change::DocumentRemoved { collection: "notifications".into(), name: "porch".into() },
    ]
}

/// So far no version of the content exists; encoding one needs a program that knows it.
fn payload(change: &Change) -> Vec<u8> {
    match change {
        Change::ContentMigrated { .. } => postcard::to_stdvec(change).unwrap(),
        change => change.encode(FEATURE_LEVEL).unwrap().payload,
    }
}

#[test]
fn every_change_keeps_its_bytes() {
    let changes = one_of_each();
    assert_eq!(changes.len(), KINDS.len(), "one of each kind");
    let mut text = String::new();
    for (change, kind) in changes.iter().zip(KINDS) {
        let payload = payload(change);
        let (version, level) = (kind.version, kind.level);
        let _ = writeln!(text, "{} version {version} level {level}: {}", kind.number, kind.name);
        let _ = writeln!(text, "  {}", serde_json::to_string(change).unwrap());
        let _ = writeln!(text, "  {}", hex(&payload));
        let position = Position { epoch: EPOCH, index: 1 };
        let entry = Entry { position, kind: kind.number, version, payload };
        assert_eq!(&Change::of(&entry).unwrap(), change);
    }
    check_golden("changes.txt", &text);
}

#[test]
fn a_state_keeps_its_hash() {
    let mut changes = one_of_each();
    // What a level brought comes after the levels before: their states keep their hash.
    let level_4 = changes.split_off(24);
    let level_3 = changes.split_off(22);
    let level_2 = changes.split_off(16);
    // Nothing to migrate yet, and an expiry now would hide everything that follows.
    changes
        .retain(|it| !matches!(it, Change::ContentMigrated { .. } | Change::HistoryExpired { .. }));
    changes.extend((0..30).map(|n| rows(n * 9, 9)));
    changes.extend([add("bob", Role::Viewer), raise("disk", "node-1", Severity::Minor), event(9)]);
    changes.extend([Change::HistoryExpired { before: Time(100) }, put("last", "1")]);
    let scratch = Scratch::new();
    let store = open(&scratch, SMALL);
    let levels = [changes, level_2, level_3, level_4];
    let mut entries = journal(&levels.concat()).into_iter();
    let mut hashes = Vec::new();
    for level in &levels {
        let entries: Vec<Entry> = entries.by_ref().take(level.len()).collect();
        hashes.extend(store.apply(&entries).unwrap().hashes);
        hashes.push(store.state_hash().unwrap());
    }
    let mut text = String::new();
    for StateHash { index, hash } in hashes {
        let _ = writeln!(text, "state after entry {index}: {}", hex(&hash));
    }
    for file in store.sealed_files().unwrap() {
        let _ = writeln!(text, "{}: {}", file.name(), hex(&file.blake3));
    }
    check_golden("state.txt", &text);
}

/// Enough rows for two row groups, and for dictionaries that overflow nothing.
#[test]
fn a_large_file_keeps_its_hash() {
    let rows: Vec<KeptRow> = (0..70_000_u64)
        .map(|n| KeptRow {
            mac: Mac::from_u64((n % 900).wrapping_mul(0x9e37_79b9_7f4a)),
            at: Time(1_795_202_690_693 + n * 37 % 20_000),
            floor: MapId::of(&n.to_string()),
            x_cm: (n * n % 7_919) as i32,
            ..row(n, n)
        })
        .collect();
    let (file, content) = sealed::pack(Path::new(""), (1, 70), rows).unwrap();
    assert!(content.starts_with(b"PAR1"));
    check_golden("large-file.txt", &format!("{} bytes: {}\n", file.bytes, hex(&file.blake3)));
}
