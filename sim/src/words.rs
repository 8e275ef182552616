//! One line for everything that a trace tells.

use ha::{Input, Known, Message, Output};
use model::pair::Entry;

/// A message.
pub(crate) fn message(message: &Message) -> String {
    match message {
        Message::Prepare { ballot } => format!("Prepare {ballot}"),
        Message::Promise { ballot, accepted, value } => {
            format!("Promise {ballot}, has {value}@{accepted}")
        }
        Message::Accept { ballot, value } => format!("Accept {value}@{ballot}"),
        Message::Accepted { ballot } => format!("Accepted {ballot}"),
        Message::Reject { ballot, promised } => format!("Reject {ballot}, promised {promised}"),
        Message::Decided { ballot, value } => format!("Decided {value}@{ballot}"),
        Message::Open { session, value, backup_run, base, commit, .. } => format!(
            "Open {session} {value} to run {backup_run}, base {}, commit {commit}",
            base.end()
        ),
        Message::Append { session, backup_run, entries: list, commit } => {
            format!("Append {session} to run {backup_run}: {}, commit {commit}", entries(list))
        }
        Message::Ack { session, run, durable } => format!("Ack {session} run {run}: {durable}"),
        Message::Nack { session, run, known: state } => {
            format!("Nack {session} run {run}: {}", known(state))
        }
        Message::Report { known: state, life, .. } => {
            format!("Report {}, run {} of yours", known(state), life.run)
        }
        Message::Beacon(beacon) => {
            let session = beacon.session.map(|(session, value)| format!(" {value}@{session}"));
            format!(
                "Beacon {} run {}{} commit {}",
                beacon.seq,
                beacon.life.run,
                session.unwrap_or_default(),
                beacon.commit
            )
        }
        Message::Fetched { entries: list } => format!("Fetched {}", entries(list)),
        other => format!("{other:?}"),
    }
}

/// An input.
pub(crate) fn input(input: &Input) -> String {
    match input {
        Input::Durable(position) => format!("Durable {position}"),
        Input::Install { session, log } => format!("Install of {session}, end {}", log.end()),
        other => format!("{other:?}"),
    }
}

/// An output.
pub(crate) fn output(output: &Output) -> String {
    match output {
        Output::Persist(record) => format!("Persist {record} hint {}", record.hint),
        Output::Send(to, load) => format!("Send {to:?} {}", message(load)),
        Output::Append(list) => format!("Append {}", entries(list)),
        Output::Fetched(list) => format!("Fetched {}", entries(list)),
        other => format!("{other:?}"),
    }
}

fn entries(list: &[Entry]) -> String {
    match (list.first(), list.last()) {
        (Some(first), Some(last)) if list.len() > 1 => {
            format!("{}..{}", first.position, last.position)
        }
        (Some(first), _) => first.position.to_string(),
        _ => "nothing".to_owned(),
    }
}

fn known(known: &Known) -> String {
    format!("{}@{} promised {}", known.value, known.accepted, known.promised)
}
