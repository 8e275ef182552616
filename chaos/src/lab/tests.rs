use std::net::UdpSocket;
use std::time::{Duration, Instant};

use super::*;

/// A lab, or none and the reason on the terminal.
fn lab(wired: &[Host]) -> Option<Lab> {
    if let Some(reason) = missing() {
        // Not a macro: those are captured, and this must be seen.
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        crate::say(&format!("SKIPPED {test}: {reason}"));
        return None;
    }
    Some(Lab::new(wired, false).unwrap())
}

/// A datagram from one machine to another and back; how long that took, if it came back.
fn ping(lab: &Lab, from: Host, to: Host, patience_ms: u64) -> Option<Duration> {
    let there = lab.inside(to.name(), || UdpSocket::bind((to.address(), 0)).unwrap()).unwrap();
    let here = lab.inside(from.name(), || UdpSocket::bind((from.address(), 0)).unwrap()).unwrap();
    let patience = Some(Duration::from_millis(patience_ms));
    there.set_read_timeout(patience).unwrap();
    here.set_read_timeout(patience).unwrap();
    let sent = Instant::now();
    here.send_to(&[7; 1_000], there.local_addr().unwrap()).unwrap();
    let mut buffer = [0; 2_000];
    let (length, back) = there.recv_from(&mut buffer).ok()?;
    there.send_to(&buffer[..length], back).unwrap();
    here.recv(&mut buffer).ok()?;
    Some(sent.elapsed())
}

#[test]
fn cables_and_the_switch_do_what_they_are_told() {
    let Some(mut lab) = lab(&[]) else { return };
    let is_through = |lab: &Lab, from, to| ping(lab, from, to, 300).is_some();
    assert!(is_through(&lab, Host::A, Host::B));
    lab.pull(Host::A).unwrap();
    assert!(!is_through(&lab, Host::B, Host::A));
    assert!(lab.ip("a", "link show eth0").unwrap().contains("NO-CARRIER"));
    lab.plug_in(Host::A).unwrap();
    assert!(is_through(&lab, Host::B, Host::A));
    lab.lose(&[(Host::A, Host::B, 100)]).unwrap();
    assert!(!is_through(&lab, Host::A, Host::B));
    assert!(is_through(&lab, Host::A, Host::W) && is_through(&lab, Host::W, Host::B));
    lab.lose_nothing().unwrap();
    lab.lose(&[(Host::A, Host::B, 50)]).unwrap();
    let came = (0..40).filter(|_| ping(&lab, Host::A, Host::B, 20).is_some()).count();
    assert!((5..36).contains(&came), "{came} of 40");
}

#[test]
fn a_wire_delays_what_goes_over_it_both_ways_and_nothing_else() {
    let Some(lab) = lab(&[Host::B]) else { return };
    assert!(ping(&lab, Host::A, Host::B, 300).is_some());
    lab.delay(Host::B, 100).unwrap();
    let took = ping(&lab, Host::A, Host::B, 1_000).unwrap();
    assert!(took >= Duration::from_millis(200), "{took:?}");
    let took = ping(&lab, Host::A, Host::W, 1_000).unwrap();
    assert!(took < Duration::from_millis(150), "{took:?}");
    lab.delay(Host::B, 0).unwrap();
    // A stream as TCP sends it: long segments whose checksums are left to a card.
    let sent = vec![7; 1 << 20];
    let listener = lab.inside("b", || std::net::TcpListener::bind((Host::B.address(), 0)).unwrap());
    let listener = listener.unwrap();
    let to = listener.local_addr().unwrap();
    let received = std::thread::spawn(move || {
        let mut received = Vec::new();
        std::io::Read::read_to_end(&mut listener.accept().unwrap().0, &mut received).unwrap();
        received.len()
    });
    let mut stream = lab.inside("a", || std::net::TcpStream::connect(to).unwrap()).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(&sent).unwrap();
    drop(stream);
    assert_eq!(received.join().unwrap(), sent.len());
}

#[test]
fn nothing_is_left() {
    let Some(lab) = lab(&[Host::A]) else { return };
    let (prefix, folder) = (lab.prefix.clone(), lab.folder().to_owned());
    let mut command = Command::new("sleep");
    command.arg("600").process_group(0);
    let mut sleeper = lab.inside("a", || command.spawn().unwrap()).unwrap();
    assert_eq!(lab.processes(Host::A).unwrap(), [sleeper.id()]);
    lab.mount("a", 1).unwrap();
    drop(lab);
    assert!(!sleeper.wait().unwrap().success());
    assert!(!run("ip", &["netns"]).unwrap().contains(&prefix));
    assert!(!folder.exists());
    assert!(!fs::read_to_string("/proc/self/mounts").unwrap().contains(&prefix));
}
