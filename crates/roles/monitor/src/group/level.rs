//! The feature level of this node in its pair: that of its service.
//!
//! The pair must know it before its member takes part: the member names it in its first message, and
//! does not serve below what is written already. The service says it only once it is on the line,
//! and may be down for long while the node still has to vote. So what it said last is kept, and
//! counts until it says otherwise. A service of another level is another release: the member then
//! begins anew, from its record, as after a restart of the monitor.

use std::io;
use std::path::Path;

/// The file in the group's folder.
const FILE_NAME: &str = "level";

/// What the service said last; none when it has never said it, or nobody knows any more.
pub(super) fn told(folder: &Path) -> Option<u16> {
    let text = std::fs::read_to_string(folder.join(FILE_NAME)).ok()?;
    text.trim().parse().ok()
}

/// Keeps what the service says; on disk when this returns.
pub(super) fn keep(folder: &Path, level: u16) -> io::Result<()> {
    node::directory::replace(&folder.join(FILE_NAME), format!("{level}\n").as_bytes(), 0o600)
}
