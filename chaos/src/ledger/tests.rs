use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use model::Time;
use node::service::{Order, Report, read_frame, read_greeting, write_frame};

use super::*;

/// A monitor that commits at once what it is asked to write.
#[test]
fn what_is_put_is_found_and_nothing_is_answered_after_the_end() {
    let data = std::env::temp_dir().join(format!("openmse-ledger-node-{}", std::process::id()));
    let folder = data.join("instances/3");
    std::fs::create_dir_all(&folder).unwrap();
    let address = "127.9.7.3";
    let socket = folder.join("service.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let (line, orders) = node::service::connect(&socket).unwrap();
    let state = Arc::new(State::open(&folder.join("state"), 0).unwrap());
    let mut ledger = Ledger {
        name: "a".to_owned(),
        entries: Entries { rows_max: 256, pad_bytes: 0 },
        address: address.parse().unwrap(),
        line,
        state,
        serving: None,
    };
    let service = std::thread::spawn(move || orders.serve(&mut ledger));
    let (mut monitor, _) = listener.accept().unwrap();
    read_greeting(&mut monitor).unwrap();
    let mut hear = {
        let mut monitor = monitor.try_clone().unwrap();
        move || read_frame::<Report>(&mut monitor).unwrap().unwrap()
    };
    let mut say = move |order: Order| write_frame(&mut monitor, &order).unwrap();
    assert_eq!(hear(), Report::Hello { applied: Position::default(), level: LEVEL });
    say(Order::Activate(Epoch::default()));
    assert_eq!(hear(), Report::Active);
    say(Order::Reads(Time(u64::MAX)));

    let client = TcpStream::connect((address, PORT)).unwrap();
    let mut lines = BufReader::new(client.try_clone().unwrap()).lines();
    let mut answer = move || lines.next().unwrap().unwrap();
    (&client).write_all(b"PUT 7 700\nPUT 8 800\n").unwrap();
    let Report::Write { ticket, drafts } = hear() else { panic!("no write") };
    say(Order::Written { ticket, first: 1 });
    let entries = drafts.into_iter().zip(1..).map(|(draft, index)| Entry {
        position: Position { epoch: Epoch::default(), index },
        kind: draft.kind,
        version: draft.version,
        payload: draft.payload,
    });
    say(Order::Apply(entries.collect()));
    assert_eq!([answer(), answer()], ["OK 1 0.0p/0 a", "OK 1 0.0p/0 a"]);
    (&client).write_all(b"GET 8\nGET 9\nFLY\nALL\n").unwrap();
    let expected = ["IS 800 1", "NONE", "NO such command: PUT KEY VALUE, GET KEY, FILL BYTES, ALL"];
    assert_eq!([answer(), answer(), answer()], expected);
    assert_eq!([answer(), answer(), answer()], ["1 7 700", "1 8 800", "END 2"]);

    let probe = UdpSocket::bind("127.0.0.1:0").unwrap();
    probe.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let echo = || {
        probe.send_to(b"41", (address, ECHO_PORT)).unwrap();
        let mut buffer = [0; 64];
        let length = probe.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    };
    // The end of the lease comes on the same line as the answers.
    assert_eq!(echo().as_deref(), Some("41 a 0.0p/0 1"));
    say(Order::Deactivate);
    while !matches!(hear(), Report::Dormant) {}
    assert_eq!(echo(), None);
    assert!(TcpStream::connect((address, PORT)).is_err());
    drop((say, hear));
    drop(listener);
    assert!(service.join().is_ok());
    std::fs::remove_dir_all(&data).unwrap();
}
