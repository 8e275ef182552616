//! `mse ha ..`: what an operator does with a pair, through the health monitor's socket.
//!
//! Everything is decided there; here are only the question before what cannot be taken back, and
//! the words of the manager's high availability page (`mse-8.0-high-availability`).

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;

use ha::State;
use model::pair::Seat;
use monitor::info::{Info, PATH, PeerInfo, SOCKET_NAME};
use monitor::operators::{Operator, Operators};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ha_info;
use crate::cli::ha::{Confirmed, Group, HaCommand, Pair};
use crate::local;
use crate::output::{Failure, Output};

/// One line of the events log.
#[derive(Debug, Serialize, Deserialize)]
struct EventRow {
    id: u64,
    at_ms: model::Time,
    group: Value,
    event: String,
    generated_by: String,
    severity: Value,
    #[serde(default)]
    remarks: Option<String>,
}

/// What the monitor answers to a command.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    text: String,
}

pub(crate) async fn run(
    output: &mut Output<impl Write>,
    command: HaCommand,
) -> Result<(), Failure> {
    match command {
        HaCommand::Status { node } => {
            let info = ha_info::load(&node.place()?).await?;
            output.show(&info, |out| status(out, &info))
        }
        HaCommand::Events { limit, node } => {
            let mut rows = events(&node.place()?.data, 0).await?;
            rows.drain(..rows.len().saturating_sub(limit));
            rows.reverse();
            output.show(&rows, |out| table(out, &rows))
        }
        HaCommand::History { after, node } => {
            let rows = events(&node.place()?.data, after).await?;
            output.show(&rows, |out| list(out, &rows))
        }
        HaCommand::Passwd { name, node } => passwd(output, &name, &node.place()?.data),
        HaCommand::Switchover(group) => {
            act(output, &group, "switchover", Some(Seat::Secondary)).await
        }
        HaCommand::Failback(group) => act(output, &group, "failback", Some(Seat::Primary)).await,
        HaCommand::Pause(group) => act(output, &group, "pause", None).await,
        HaCommand::Resume(group) => act(output, &group, "resume", None).await,
        HaCommand::Enrol(group) => act(output, &group, "enrol", None).await,
        HaCommand::Force(confirmed) => confirm(output, &confirmed, "force").await,
        HaCommand::Unpair(confirmed) => confirm(output, &confirmed, "unpair").await,
        HaCommand::Pair(pair) => self::pair(output, &pair).await,
    }
}

/// Sends a command; `goal` is who should serve afterwards, if that is what it is about.
async fn act(
    output: &mut Output<impl Write>,
    group: &Group,
    verb: &str,
    goal: Option<Seat>,
) -> Result<(), Failure> {
    let (data, peer, _) = find(group).await?;
    if let Some(seat) = goal
        && serves(peer.state) == Some(seat)
    {
        let text = format!("the {seat} serves already; nothing was changed");
        return output.show(&Answer { text: text.clone() }, |out| writeln!(out, "{text}"));
    }
    send(output, &data, peer.instance, verb).await
}

/// Says what may be lost, and wants the word typed.
async fn confirm(
    output: &mut Output<impl Write>,
    confirmed: &Confirmed,
    verb: &str,
) -> Result<(), Failure> {
    let (data, peer, info) = find(&confirmed.group).await?;
    if !confirmed.yes {
        if output.json {
            let message = format!("with --json nobody is asked; confirm {verb} with --yes");
            return Err(Failure::Failed(anyhow::anyhow!(message)));
        }
        warning(output.writer(), verb, &peer, info.node.role)?;
        write!(output.writer(), "\nType {verb} to go on: ")?;
        output.flush()?;
        let mut typed = String::new();
        io::stdin().read_line(&mut typed)?;
        if !io::stdin().is_terminal() {
            writeln!(output.writer())?;
        }
        if typed.trim() != verb {
            let message = format!("'{verb}' was not typed; nothing was changed");
            return Err(Failure::Failed(anyhow::anyhow!(message)));
        }
    }
    send(output, &data, peer.instance, verb).await
}

/// What may be lost.
fn warning(out: &mut dyn Write, verb: &str, peer: &PeerInfo, own: Seat) -> io::Result<()> {
    let name = format!("{} ({})", peer.name, peer.health_monitor);
    writeln!(out, "Group {}, peer {name}", peer.instance)?;
    writeln!(out, "Current state: {}", peer.state)?;
    writeln!(out, "Heartbeats: {}", up(peer.heartbeat_is_up))?;
    writeln!(out, "Synchronized: {} %\n", peer.sync_percent)?;
    if verb == "force" {
        writeln!(out, "This node will serve by decree, without asking anybody.")?;
        if peer.heartbeat_is_up {
            writeln!(
                out,
                "The peer answers: hand over without loss instead, with switchover or failback."
            )?;
        }
        writeln!(
            out,
            "Whatever {name} acknowledged and this node does not have is lost to clients;"
        )?;
        writeln!(out, "it is kept aside there when that node comes back.")?;
        return writeln!(
            out,
            "While {name} still serves somewhere, both would serve: make sure that it is off."
        );
    }
    writeln!(
        out,
        "The pair is dissolved: nobody takes over for {} any more.",
        peer.virtual_address
    )?;
    match own {
        Seat::Primary => {
            writeln!(out, "The standby copy on {name} is given up; this node goes on alone.")
        }
        Seat::Secondary => {
            writeln!(out, "The standby copy on this node is given up; {name} goes on alone.")
        }
    }?;
    if serves(peer.state) == Some(Seat::Secondary) {
        writeln!(
            out,
            "The secondary serves now: what it acknowledged since the failover is only there. Fail back first."
        )?;
    }
    if !peer.heartbeat_is_up {
        writeln!(out, "The peer does not answer: it learns of this when it comes back.")?;
    }
    Ok(())
}

async fn send(
    output: &mut Output<impl Write>,
    data: &std::path::Path,
    instance: u32,
    verb: &str,
) -> Result<(), Failure> {
    let path = format!("/api/v1/ha/groups/{instance}/{verb}");
    let answer: Answer = local::post(data, SOCKET_NAME, &path, &json!({})).await?;
    output.show(&answer, |out| writeln!(out, "{}", answer.text))
}

/// The group that is meant.
async fn find(group: &Group) -> Result<(PathBuf, PeerInfo, Info), Failure> {
    let data = group.node.place()?.data;
    let info: Info = local::get(&data, SOCKET_NAME, PATH).await?;
    let peer = choose(&info, group.instance)?.clone();
    Ok((data, peer, info))
}

fn choose(info: &Info, instance: Option<u32>) -> Result<&PeerInfo, Failure> {
    let known = || {
        let named = |it: &PeerInfo| format!("{} with {}", it.instance, it.name);
        info.peers.iter().map(named).collect::<Vec<_>>().join(", ")
    };
    match (instance, &info.peers[..]) {
        (_, []) => Err(Failure::NotFound(
            "this node is not paired; 'mse ha pair' on the primary pairs it".to_owned(),
        )),
        (None, [only]) => Ok(only),
        (None, _) => {
            let message = format!("this node is in several groups; add --instance: {}", known());
            Err(Failure::Failed(anyhow::anyhow!(message)))
        }
        (Some(instance), peers) => {
            peers.iter().find(|it| it.instance == instance).ok_or_else(|| {
                Failure::NotFound(format!("no group {instance} here; there is {}", known()))
            })
        }
    }
}

/// Who serves, as far as a state tells.
fn serves(state: State) -> Option<Seat> {
    match state {
        State::PrimaryActive
        | State::SecondaryActive
        | State::FailbackComplete
        | State::SecondaryAlone
        | State::Syncing(_)
        | State::Disarmed => Some(Seat::Primary),
        State::FailoverActive | State::Terminated => Some(Seat::Secondary),
        State::FailoverInvoked
        | State::FailbackActive
        | State::GracefulShutdown
        | State::Suspended
        | State::Blank
        | State::Diverged => None,
    }
}

/// Writes the operator's password beside the node's key; a running monitor or witness reads it when
/// it is asked.
fn passwd(
    output: &mut Output<impl Write>,
    name: &str,
    data: &std::path::Path,
) -> Result<(), Failure> {
    let folder = data.join("node");
    if !folder.is_dir() {
        let text =
            format!("{} is no node's directory; run `mse init` or start it first", data.display());
        return Err(Failure::Config(text));
    }
    let password_hash = node::password::hash(&super::read_password()?)
        .map_err(|error| Failure::Config(error.to_string()))?;
    let failed = |error: node::config::ConfigError| Failure::Config(error.to_string());
    let mut operators = Operators::load(&folder).map_err(failed)?;
    operators.set(Operator { name: name.to_owned(), password_hash });
    operators.save(&folder).map_err(failed)?;
    let text = format!("operator {name} may pair this node");
    output.show(&json!({ "operator": name }), |out| writeln!(out, "{text}"))
}

async fn pair(output: &mut Output<impl Write>, pair: &Pair) -> Result<(), Failure> {
    let data = pair.node.place()?.data;
    let wait_ms = pair.failover_wait * 1_000.0;
    // The same check as the monitor's, before anybody types a password.
    let settings = ha::Settings {
        failover: pair.failover.into(),
        failback: pair.failback.into(),
        has_witness: pair.witness.is_some(),
        failover_wait_ms: wait_ms.max(0.0) as u64,
        ..ha::Settings::fast()
    };
    settings.checked().map_err(|error| Failure::Config(error.to_string()))?;
    let witness = pair.witness.zip(pair.witness_key_hash);
    let request = json!({
        "address": pair.address,
        "port": pair.port,
        "user": pair.user,
        "password": super::read_password()?,
        "key_hash": pair.key_hash,
        "failover": ha::Mode::from(pair.failover),
        "failback": ha::Mode::from(pair.failback),
        "failover_wait_s": pair.failover_wait,
        "witness": witness.map(|(address, key_hash)| {
            json!({ "address": address, "key_hash": key_hash })
        }),
        "direct_connect": pair.direct_connect,
        "allow_smaller": pair.allow_smaller,
    });
    let answer: Answer = local::post(&data, SOCKET_NAME, "/api/v1/ha/pair", &request).await?;
    output.show(&answer, |out| writeln!(out, "{}", answer.text))
}

async fn events(data: &std::path::Path, after: u64) -> Result<Vec<EventRow>, Failure> {
    local::get(data, SOCKET_NAME, &format!("/api/v1/ha/events?after={after}")).await
}

fn up(is_up: bool) -> &'static str {
    if is_up { "Up" } else { "Down" }
}

fn status(out: &mut dyn Write, info: &Info) -> io::Result<()> {
    if !info.running {
        writeln!(out, "Health Monitor is not running. This is its last word.\n")?;
    }
    if info.peers.is_empty() {
        return writeln!(out, "This {} is not paired.", info.node.role);
    }
    for (nth, peer) in info.peers.iter().enumerate() {
        if nth > 0 {
            writeln!(out)?;
        }
        let row = |out: &mut dyn Write, name: &str, value: &str| writeln!(out, "{name:<30}{value}");
        let synchronized = peer.sync_percent >= 100;
        let replication = match (peer.heartbeat_is_up, synchronized) {
            (true, true) => "Up",
            (true, false) => "Setting up",
            (false, _) => "Down",
        };
        let response = peer.heartbeat_response_ms;
        let response = response.map_or("-".to_owned(), |ms| format!("{ms} millisec"));
        row(out, "Group", &peer.instance.to_string())?;
        row(out, "Peer", &format!("{} ({})", peer.name, peer.health_monitor))?;
        row(out, "Virtual IP Address", &peer.virtual_address.to_string())?;
        row(out, "Status", &sentence(peer))?;
        row(out, "Current state", &peer.state.to_string())?;
        row(out, "Heartbeats", up(peer.heartbeat_is_up))?;
        row(out, "Data Replication", replication)?;
        row(out, "Mean Heartbeat Response Time", &response)?;
        let paused = if peer.is_paused { ", paused" } else { "" };
        row(out, "Failover type", &format!("{}{paused}", ha_info::mode(peer.failover)))?;
    }
    Ok(())
}

/// `Status` of the manager's page.
fn sentence(peer: &PeerInfo) -> String {
    match peer.state {
        State::PrimaryActive | State::SecondaryActive => "Active".to_owned(),
        State::FailoverActive | State::Terminated => {
            "Instance is in failover active state".to_owned()
        }
        State::FailbackComplete | State::SecondaryAlone => {
            "Primary instance is not synchronized with the secondary server. In progress."
                .to_owned()
        }
        State::Syncing(percent) => format!(
            "Primary and secondary server synchronization in progress ({percent}% complete)"
        ),
        State::FailoverInvoked => "Failover invoked".to_owned(),
        State::FailbackActive => "Failback in progress".to_owned(),
        State::GracefulShutdown => "Stopped on purpose".to_owned(),
        State::Suspended => "Serves nobody: neither the peer nor the witness answers".to_owned(),
        State::Disarmed => "Serves, and nobody would take over by itself".to_owned(),
        State::Blank => "Has lost its memory; 'mse ha enrol' lets it back in".to_owned(),
        State::Diverged => "Has entries that the forced node does not have".to_owned(),
    }
}

/// The manager's events log, newest first.
fn table(out: &mut dyn Write, rows: &[EventRow]) -> io::Result<()> {
    writeln!(out, "{:<66}{:<14}{:<28}Remarks", "Event Description", "Generated By", "Timestamp")?;
    for EventRow { event, generated_by, at_ms, remarks, .. } in rows {
        let (at, remarks) = (node::clock::event_text(*at_ms), remarks.as_deref().unwrap_or("-"));
        writeln!(out, "{event:<66}{generated_by:<14}{at:<28}{remarks}")?;
    }
    Ok(())
}

fn list(out: &mut dyn Write, rows: &[EventRow]) -> io::Result<()> {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for EventRow { id, at_ms, group, event, generated_by, severity, remarks } in rows {
        let at = node::clock::event_text(*at_ms);
        let (group, severity) = (plain(group), plain(severity));
        let remarks = remarks.as_deref().map(|it| format!("  ({it})")).unwrap_or_default();
        writeln!(
            out,
            "{id:>6}  {at:<26}  {group}  {severity:<12}{generated_by:<10} {event}{remarks}"
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use model::Time;

    use super::*;
    use crate::commands::ha_info::tests::{primary, secondary};
    use crate::golden;

    fn check(name: &str, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let mut text = Vec::new();
        write(&mut text).unwrap();
        let mut text = String::from_utf8(text).unwrap();
        for row in rows() {
            // Times are printed in the zone of the machine that runs the test.
            let at = node::clock::event_text(row.at_ms);
            let width = at.len();
            text = text.replace(&at, &format!("{:<width$}", format!("<time {}>", row.id)));
        }
        golden::check(&format!("ha/{name}.txt"), &text);
    }

    fn rows() -> Vec<EventRow> {
        let row = |id: u64, event: &str, severity: &str, remarks: Option<&str>| EventRow {
            id,
            at_ms: Time(1_425_814_757_000 + 60_000 * id),
            group: json!(3),
            event: event.to_owned(),
            generated_by: "Primary".to_owned(),
            severity: json!(severity),
            remarks: remarks.map(str::to_owned),
        };
        vec![
            row(1, "Heartbeats have been setup successfully", "information", None),
            row(2, "Active", "information", None),
            row(3, "Configuration updated", "information", Some("Failover mode set to AUTOMATIC.")),
            row(4, "Failover invoked; shutting down primary instance", "warning", None),
        ]
    }

    #[test]
    fn status_has_the_words_of_the_managers_page() {
        let mut two = secondary(State::SecondaryActive, true);
        let mut other = two.peers[0].clone();
        (other.number, other.instance, other.state) = (2, 4, State::Syncing(66));
        (other.sync_percent, other.is_paused) = (66, true);
        two.peers.push(other);
        check("status", |out| status(out, &two));
        check("status-stopped", |out| {
            status(out, &primary(State::FailoverActive, false).stopped())
        });
        let mut alone = primary(State::Disarmed, false);
        alone.peers.clear();
        check("status-alone", |out| status(out, &alone));
    }

    #[test]
    fn events_are_the_managers_log_and_history_is_everything() {
        check("events", |out| table(out, &rows()));
        check("history", |out| list(out, &rows()));
    }

    #[test]
    fn what_may_be_lost_is_said_before() {
        let peer = |info: Info| info.peers.into_iter().next().unwrap();
        let alone = peer(secondary(State::Suspended, false));
        check("force", |out| warning(out, "force", &alone, Seat::Secondary));
        let served = peer(primary(State::Terminated, true));
        check("unpair", |out| warning(out, "unpair", &served, Seat::Primary));
        check("force-in-vain", |out| warning(out, "force", &served, Seat::Primary));
    }

    #[test]
    fn a_group_need_not_be_named_when_there_is_one() {
        let mut info = secondary(State::SecondaryActive, true);
        assert_eq!(choose(&info, None).unwrap().instance, 3);
        let refused = |info: &Info, instance, words: &str| {
            let failure = format!("{:?}", choose(info, instance).unwrap_err());
            assert!(failure.contains(words), "{failure}");
        };
        refused(&info, Some(7), "no group 7 here; there is 3 with NicoMSE");
        let mut other = info.peers[0].clone();
        (other.instance, other.name) = (4, "mse3".to_owned());
        info.peers.push(other);
        assert_eq!(choose(&info, Some(4)).unwrap().instance, 4);
        refused(&info, None, "add --instance: 3 with NicoMSE, 4 with mse3");
        info.peers.clear();
        refused(&info, Some(3), "'mse ha pair'");
    }
}
