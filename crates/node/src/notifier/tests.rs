use super::*;

/// An event that several tests send.
pub(super) fn message() -> Message {
    Message {
        id: 1,
        at: Time(1_426_552_053_437),
        sender: "mse-1".into(),
        kind: "containment",
        line: "00:50:56:9c:34:89 entered North>Lobby".into(),
        media_type: "application/json",
        body: r#"{"notifications":[{}]}"#.into(),
        severity: Severity::Notice,
        variables: Vec::new(),
    }
}
