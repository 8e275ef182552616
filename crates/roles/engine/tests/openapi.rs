//! The committed description of the native API is the one that the program gives.

use std::path::Path;

#[test]
fn the_committed_document_is_that_of_the_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/api/openapi.json");
    let document = engine::api::openapi();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &document).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == document,
        "{} is not what the program serves; run `cargo xtask openapi` and read the difference",
        path.display()
    );
}
