use std::collections::BTreeSet;
use std::io::Read;
use std::sync::atomic::{AtomicU32, Ordering};

use model::Metres;
use model::map::{Building, Campus, Floor, Maps};

use super::*;

/// A directory that is removed at the end, with a store in it.
pub(crate) struct Scratch {
    pub(crate) dir: PathBuf,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("openmse-store-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        // What an earlier process with the same number left behind.
        let _ = fs::remove_dir_all(&dir);
        Self { dir }
    }

    pub(crate) fn open(&self) -> Store {
        Store::open(&self.dir).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn user(name: &str, role: Role) -> User {
    User {
        name: name.into(),
        role,
        password_hash: "$argon2id$...".into(),
        must_change_password: true,
        created: Time(1),
        changed: Time(1),
    }
}

fn session(token: u8, user: &str, created: u64) -> Session {
    Session {
        token_hash: [token; 32],
        user: user.into(),
        created: Time(created),
        last_access: Time(created),
        expires: Time(created + 1_000),
        address: "192.0.2.1:50000".into(),
    }
}

fn maps(width: f32) -> Maps {
    let floor = Floor::bare("Ground", 0, width, 10.3);
    let building = Building { name: "Main".into(), floors: vec![floor] };
    Maps { campuses: vec![Campus { name: "North".into(), buildings: vec![building] }] }
}

/// Checks that `result` is an error whose text holds every one of `words`.
fn check_refused<T: std::fmt::Debug>(result: Result<T, StoreError>, words: &[&str]) {
    let error = result.unwrap_err().to_string();
    for word in words {
        assert!(error.contains(word), "'{error}' does not say '{word}'");
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn only_the_owner_can_read_what_is_stored() {
    let scratch = Scratch::new();
    let store = scratch.open();
    store.set_setting("a", "b").unwrap();
    let name = store.files().put(b"plan").unwrap();
    assert_eq!(mode(&scratch.dir), 0o700);
    assert_eq!(mode(&scratch.dir.join("files")), 0o700);
    assert_eq!(mode(&scratch.dir.join("files").join(name)), 0o600);
    for file in ["state.db", "state.db-wal", "state.db-shm"] {
        assert_eq!(mode(&scratch.dir.join(file)), 0o600, "{file}");
    }
}

#[test]
fn a_database_that_others_could_read_is_made_private() {
    let scratch = Scratch::new();
    drop(scratch.open());
    let database = scratch.dir.join("state.db");
    fs::set_permissions(&database, Permissions::from_mode(0o644)).unwrap();
    drop(scratch.open());
    assert_eq!(mode(&database), 0o600);
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let scratch = Scratch::new();
    drop(scratch.open());
    let database = scratch.dir.join("state.db");
    fs::write(&database, vec![0x55; 8192]).unwrap();
    let words = [database.to_str().unwrap(), "not a database", "restore a backup"];
    check_refused(Store::open(&scratch.dir), &words);
}

#[test]
fn a_damaged_database_is_named() {
    let scratch = Scratch::new();
    let store = scratch.open();
    for number in 0..2_000 {
        store.set_setting(&format!("key {number}"), &"x".repeat(100)).unwrap();
    }
    drop(store);
    let database = scratch.dir.join("state.db");
    let mut bytes = fs::read(&database).unwrap();
    let table_pages = bytes.len() / 2;
    bytes[table_pages..].fill(0xee);
    fs::write(&database, bytes).unwrap();
    let result = Store::open(&scratch.dir).and_then(|store| store.settings());
    check_refused(result, &[database.to_str().unwrap(), "damaged"]);
}

#[test]
fn a_newer_schema_is_refused() {
    let scratch = Scratch::new();
    scratch.open().run(|connection| connection.pragma_update(None, "user_version", 99)).unwrap();
    check_refused(Store::open(&scratch.dir), &["state.db", "schema 99", "newer OpenMSE"]);
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let scratch = Scratch::new();
    check_refused(
        Store::open(&scratch.dir.join("missing").join("deeper")),
        &["missing/deeper", "parent must exist"],
    );
    fs::write(&scratch.dir, "a file").unwrap();
    check_refused(Store::open(&scratch.dir), &[scratch.dir.to_str().unwrap()]);
    fs::remove_file(&scratch.dir).unwrap();
}

#[test]
fn everything_is_there_again_after_opening() {
    let scratch = Scratch::new();
    let store = scratch.open();
    store.add_user(&user("admin", Role::Admin)).unwrap();
    store.add_session(&session(1, "admin", 5)).unwrap();
    store.save_maps(&maps(20.7)).unwrap();
    store.set_setting("language", "en").unwrap();
    let name = store.files().put(b"plan").unwrap();
    drop(store);

    let store = scratch.open();
    assert_eq!(store.user("admin").unwrap(), Some(user("admin", Role::Admin)));
    assert_eq!(store.sessions().unwrap(), [session(1, "admin", 5)]);
    assert_eq!(store.maps().unwrap(), (1, maps(20.7)));
    assert_eq!(store.setting("language").unwrap().as_deref(), Some("en"));
    assert!(store.files().has(&name));
}

#[test]
fn there_is_always_an_admin() {
    let scratch = Scratch::new();
    let store = scratch.open();
    store.add_user(&user("root", Role::Admin)).unwrap();
    store.add_user(&user("guest", Role::Viewer)).unwrap();
    check_refused(store.remove_user("root"), &["'root' is the last admin"]);
    check_refused(store.set_role("root", Role::Operator, Time(2)), &["last admin"]);
    assert_eq!(store.user("root").unwrap().unwrap().role, Role::Admin);

    store.set_role("guest", Role::Admin, Time(2)).unwrap();
    store.remove_user("root").unwrap();
    assert_eq!(store.user("guest").unwrap().unwrap().changed, Time(2));
    check_refused(store.remove_user("guest"), &["last admin"]);
}

#[test]
fn users_are_refused_by_name() {
    let scratch = Scratch::new();
    let store = scratch.open();
    store.add_user(&user("anna", Role::Viewer)).unwrap();
    check_refused(store.add_user(&user("anna", Role::Admin)), &["a user 'anna' already"]);
    check_refused(store.add_user(&user("", Role::Admin)), &["name of a user"]);
    check_refused(store.add_user(&user("a b", Role::Admin)), &["name of a user"]);
    check_refused(store.add_user(&user(&"x".repeat(65), Role::Admin)), &["1 to 64 bytes"]);
    check_refused(store.set_password("bob", "hash", false, Time(2)), &["no user 'bob'"]);
    check_refused(store.set_password("anna", "", false, Time(2)), &["password hash"]);
    check_refused(store.set_role("bob", Role::Admin, Time(2)), &["no user 'bob'"]);
    check_refused(store.remove_user("bob"), &["no user 'bob'"]);
    assert_eq!(store.users().unwrap(), [user("anna", Role::Viewer)]);
}

#[test]
fn there_is_a_limit_of_users() {
    let scratch = Scratch::new();
    let store = scratch.open();
    for number in 0..USERS_MAX {
        store.add_user(&user(&format!("u{number}"), Role::Viewer)).unwrap();
    }
    check_refused(store.add_user(&user("one-more", Role::Viewer)), &["at most 1000"]);
}

#[test]
fn a_new_password_needs_no_change_any_more() {
    let scratch = Scratch::new();
    let store = scratch.open();
    store.add_user(&user("anna", Role::Operator)).unwrap();
    store.set_password("anna", "$argon2id$new", false, Time(9)).unwrap();
    let anna = store.user("anna").unwrap().unwrap();
    assert_eq!(anna.password_hash, "$argon2id$new");
    assert!(!anna.must_change_password);
    assert_eq!((anna.created, anna.changed), (Time(1), Time(9)));
    assert!(!format!("{anna:?}").contains("argon2"), "no hash in logs");
}

#[test]
fn a_session_lasts_until_it_expires() {
    let scratch = Scratch::new();
    let store = scratch.open();
    store.add_user(&user("anna", Role::Viewer)).unwrap();
    store.add_session(&session(1, "anna", 0)).unwrap();
    let is_valid = |now| store.session(&[1; 32], Time(now)).unwrap().is_some();
    assert!(is_valid(999));
    assert!(!is_valid(1_000));
    assert!(store.touch_session(&[1; 32], Time(999), Time(5_000)).unwrap());
    assert!(is_valid(4_999));
    assert!(!store.touch_session(&[1; 32], Time(5_000), Time(9_000)).unwrap(), "too late");
    assert!(!store.touch_session(&[2; 32], Time(1), Time(9_000)).unwrap(), "unknown");

    store.add_session(&session(2, "anna", 6_000)).unwrap();
    assert_eq!(store.purge_sessions(Time(6_000)).unwrap(), 1);
    assert_eq!(store.sessions().unwrap(), [session(2, "anna", 6_000)]);
    assert!(store.remove_session(&[2; 32]).unwrap());
    assert!(!store.remove_session(&[2; 32]).unwrap());
}

#[test]
fn one_session_too_many_ends_the_oldest_of_that_user() {
    let scratch = Scratch::new();
    let store = scratch.open();
    store.add_user(&user("anna", Role::Viewer)).unwrap();
    store.add_user(&user("bob", Role::Viewer)).unwrap();
    store.add_session(&session(200, "bob", 0)).unwrap();
    let most = SESSIONS_PER_USER_MAX as u8;
    for token in 0..=most {
        store.add_session(&session(token, "anna", 10 + u64::from(token))).unwrap();
    }
    let tokens: Vec<u8> = store.sessions().unwrap().iter().map(|s| s.token_hash[0]).collect();
    let expected: Vec<u8> = std::iter::once(200).chain(1..=most).collect();
    assert_eq!(tokens, expected);

    assert_eq!(store.remove_sessions_of("anna", Some(&[3; 32])).unwrap(), 15);
    assert_eq!(store.remove_sessions_of("anna", None).unwrap(), 1);
    assert_eq!(store.sessions().unwrap().len(), 1, "bob's");
}

#[test]
fn sessions_belong_to_users() {
    let scratch = Scratch::new();
    let store = scratch.open();
    store.add_user(&user("anna", Role::Viewer)).unwrap();
    check_refused(store.add_session(&session(1, "bob", 0)), &["no user 'bob'"]);
    let mut far = session(1, "anna", 0);
    far.address = "x".repeat(65);
    check_refused(store.add_session(&far), &["address"]);
    store.add_session(&session(1, "anna", 0)).unwrap();
    store.remove_user("anna").unwrap();
    assert_eq!(store.sessions().unwrap(), []);
}

#[test]
fn maps_are_replaced_as_a_whole_and_counted() {
    let scratch = Scratch::new();
    let store = scratch.open();
    assert_eq!(store.maps().unwrap(), (0, Maps::default()));
    assert_eq!(store.save_maps(&maps(20.7)).unwrap(), 1);
    assert_eq!(store.save_maps(&maps(0.1)).unwrap(), 2);
    assert_eq!(store.maps().unwrap(), (2, maps(0.1)));
}

#[test]
fn maps_that_would_not_work_are_not_saved() {
    let scratch = Scratch::new();
    let store = scratch.open();
    store.save_maps(&maps(20.7)).unwrap();
    check_refused(store.save_maps(&maps(-1.0)), &["not saved", "North>Main>Ground"]);
    let mut silent = maps(20.7);
    silent.campuses[0].buildings[0].floors[0].access_points = vec![model::map::AccessPoint {
        mac: model::Mac([2; 6]),
        name: "ap".into(),
        at: model::geometry::Point::new(1.0, 1.0),
        height: Metres(2.0),
        radios: vec![model::map::Radio {
            band: model::Band::Ghz5,
            channel: 36,
            tx_power: model::Dbm(f32::NAN),
            antenna: None,
        }],
    }];
    check_refused(store.save_maps(&silent), &["not saved"]);
    assert_eq!(store.maps().unwrap(), (1, maps(20.7)));
}

#[test]
fn documents_are_kept_within_limits() {
    let scratch = Scratch::new();
    let store = scratch.open();
    store.put_document("survey", "1", "first").unwrap();
    store.put_document("survey", "1", "second").unwrap();
    assert_eq!(store.document("survey", "1").unwrap().as_deref(), Some("second"));
    assert_eq!(store.document("notifications", "1").unwrap(), None);
    assert!(store.remove_document("survey", "1").unwrap());
    assert!(!store.remove_document("survey", "1").unwrap());
    let long = "x".repeat(DOCUMENT_BYTES_MAX + 1);
    check_refused(store.put_document("survey", "1", &long), &["a document", "786432 bytes"]);
    check_refused(store.put_document("survey", "", ""), &["name of a document", "1 to 256"]);
}

#[test]
fn settings_are_kept_within_limits() {
    let scratch = Scratch::new();
    let store = scratch.open();
    assert_eq!(store.setting("a").unwrap(), None);
    store.set_setting("b", "").unwrap();
    store.set_setting("a", "1").unwrap();
    store.set_setting("a", "2").unwrap();
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(store.settings().unwrap(), [pair("a", "2"), pair("b", "")]);
    assert!(store.remove_setting("a").unwrap());
    assert!(!store.remove_setting("a").unwrap());
    check_refused(store.set_setting("", "1"), &["key of a setting", "1 to 128 bytes"]);
    let long = "x".repeat(SETTING_VALUE_BYTES_MAX + 1);
    check_refused(store.set_setting("a", &long), &["65536 bytes"]);
}

#[test]
fn files_are_named_by_their_content() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let files = store.files();
    let name = files.put(b"abc").unwrap();
    // FIPS 180-2, appendix B.1.
    assert_eq!(name, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(files.put(b"abc").unwrap(), name);
    let mut content = String::new();
    files.open_file(&name).unwrap().unwrap().read_to_string(&mut content).unwrap();
    assert_eq!(content, "abc");
    assert_eq!(fs::read_dir(scratch.dir.join("files")).unwrap().count(), 1, "no leftovers");
}

#[test]
fn a_name_never_leads_out_of_the_folder() {
    let scratch = Scratch::new();
    let store = scratch.open();
    for name in ["", "..", "../state.db", "/etc/passwd", &"A".repeat(64), &"a".repeat(64)] {
        assert!(!store.files().has(name), "{name}");
        assert!(store.files().open_file(name).unwrap().is_none(), "{name}");
    }
}

#[test]
fn what_nobody_refers_to_is_removed() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let kept = store.files().put(b"kept").unwrap();
    let unused = store.files().put(b"unused").unwrap();
    let folder = scratch.dir.join("files");
    fs::write(folder.join(format!("{kept}.1-0.partial")), "broken off").unwrap();
    fs::write(folder.join("README"), "not ours").unwrap();
    let referenced = BTreeSet::from([kept.clone()]);
    assert_eq!(store.files().remove_unreferenced(&referenced).unwrap(), 2);
    assert!(store.files().has(&kept));
    assert!(!store.files().has(&unused));
    assert!(folder.join("README").exists());
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    let scratch = Scratch::new();
    let content = vec![0; FILE_BYTES_MAX + 1];
    check_refused(scratch.open().files().put(&content), &["a file", "at most"]);
}

#[test]
fn a_backup_is_a_store_of_its_own() {
    let scratch = Scratch::new();
    let store = scratch.open();
    store.add_user(&user("anna", Role::Admin)).unwrap();
    assert!(store.size_bytes().unwrap() > 0);
    let copy = Scratch::new();
    fs::create_dir(&copy.dir).unwrap();
    let target = copy.dir.join("state.db");
    fs::write(&target, "an older backup").unwrap();
    store.backup_to(&target).unwrap();
    assert_eq!(mode(&target), 0o600);
    assert_eq!(copy.open().users().unwrap(), [user("anna", Role::Admin)]);
    let nowhere = copy.dir.join("missing").join("state.db");
    check_refused(store.backup_to(&nowhere), &["missing"]);
}

#[test]
fn a_store_of_its_own_raises_and_clears_alarms() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let raise = |text| store.raise_alarm("silent", Severity::Minor, "roof", text, Time(5)).unwrap();
    let id = raise("since noon");
    assert_eq!(raise("since eleven"), id, "it stands at most once");
    let standing = store.standing_alarm("silent", "roof").unwrap().unwrap();
    assert_eq!((standing.id, standing.text.as_str()), (id, "since eleven"));
    assert!(store.clear_alarm(id, Time(6)).unwrap());
    assert!(!store.clear_alarm(id, Time(7)).unwrap());
    assert!(raise("again") > id);
}
