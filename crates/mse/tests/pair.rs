//! A real pair on loopback, driven by the words of `mse demo --ha`: processes are killed, and the
//! service goes on.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine. Nothing is measured here.
const PATIENCE: Duration = Duration::from_secs(90);

/// Three demonstrations at once are a dozen processes: too much for a small machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

struct Demo {
    _alone: MutexGuard<'static, ()>,
    child: Child,
    words: ChildStdin,
    lines: Receiver<String>,
    said: Vec<String>,
}

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Demo {
    fn start() -> Self {
        let alone = alone();
        let port = TcpListener::bind("127.0.10.11:0").unwrap().local_addr().unwrap().port();
        let mut child = Command::new(env!("CARGO_BIN_EXE_mse"))
            .args(["demo", "--ha", "--port", &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let words = child.stdin.take().unwrap();
        let output = child.stdout.take().unwrap();
        let (say, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = say.send(line);
            }
        });
        let mut demo = Self { _alone: alone, child, words, lines, said: Vec::new() };
        demo.until("In another terminal");
        demo
    }

    fn say(&mut self, word: &str) {
        writeln!(self.words, "{word}").unwrap();
    }

    /// Waits for a line with that text.
    fn until(&mut self, text: &str) {
        let asked = Instant::now();
        loop {
            match self.lines.recv_timeout(PATIENCE.saturating_sub(asked.elapsed())) {
                Ok(line) => {
                    let is_it = line.contains(text);
                    self.said.push(line);
                    if is_it {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("'{text}' was not said:\n{}", self.said.join("\n"))
                }
            }
        }
    }

    /// Says a word until it is answered so: an order is refused while the pair is not ready for it.
    fn insist(&mut self, word: &str, text: &str) {
        let asked = Instant::now();
        while asked.elapsed() < PATIENCE {
            self.say(word);
            let from = self.said.len();
            // Every word has an answer; `status` ends with the witness.
            self.say("status");
            self.until("witness");
            if self.said[from..].iter().any(|line| line.contains(text)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        panic!("'{text}' was not said:\n{}", self.said.join("\n"));
    }

    /// Asks for the status until both nodes are as expected.
    fn until_status(&mut self, primary: &str, secondary: &str) {
        let asked = Instant::now();
        while asked.elapsed() < PATIENCE {
            self.say("status");
            let from = self.said.len();
            self.until("witness");
            let has = |name: &str, state: &str| {
                self.said[from..].iter().any(|line| line.contains(name) && line.contains(state))
            };
            if has("primary", primary) && has("secondary", secondary) {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("not {primary} and {secondary}:\n{}", self.said.join("\n"));
    }

    fn quit(mut self) -> ExitStatus {
        self.say("quit");
        self.child.wait().unwrap()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            // Its processes end with it: it is asked to stop, not killed.
            let _ = writeln!(self.words, "quit");
            let _ = self.child.wait();
        }
    }
}

#[test]
fn a_pair_survives_its_engine_and_its_monitor_and_comes_back() {
    let mut demo = Demo::start();
    demo.until_status("PRIMARY_ACTIVE", "SECONDARY_ACTIVE");
    demo.say("kill service");
    demo.until("kill -9");
    // A handover waits for what is starting only so long.
    demo.until("served by the secondary");
    demo.until_status("TERMINATED", "FAILOVER_ACTIVE");
    demo.insist("failback", "Failback invoked");
    demo.until_status("PRIMARY_ACTIVE", "SECONDARY_ACTIVE");
    demo.say("kill monitor");
    demo.until("kill -9");
    demo.until_status("does not run", "FAILOVER_ACTIVE");
    demo.say("start");
    demo.until("started: primary");
    demo.until_status("TERMINATED", "FAILOVER_ACTIVE");
    demo.say("nonsense");
    demo.until("'nonsense' is none of these words");
    assert!(demo.quit().success());
}

/// The page's buttons, and who may not press them.
#[test]
fn the_page_does_what_its_words_do_for_nobody_else() {
    let mut demo = Demo::start();
    let line = demo.said.iter().find(|line| line.contains("Buttons ")).unwrap();
    let address = line.split_whitespace().last().unwrap().to_owned();
    let (host, path) = address.strip_prefix("http://").unwrap().split_once('/').unwrap();
    assert!(host.starts_with("127.0.0.1:") && path.len() > 32, "{address}");
    let own = format!("origin: http://{host}\r\n");
    let ask = |method: &str, path: &str, asked: &str, more: &str, body: &str| {
        let mut stream = TcpStream::connect(host).unwrap();
        write!(
            stream,
            "{method} /{path} HTTP/1.1\r\nhost: {asked}\r\nconnection: close\r\n{more}\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let check = |answer: &str, status: &str, expected: &str| {
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(answer.contains(expected), "no {expected}: {answer}");
    };
    check(&ask("GET", path, host, "", ""), "200", "data-word=\"kill witness\"");
    check(&ask("GET", path, host, "", ""), "200", "content-security-policy: default-src 'none'");
    check(&ask("GET", &format!("{path}view"), host, "", ""), "200", "\"witness_runs\":true");
    let kill = "{\"word\":\"kill witness\"}";
    let word = format!("{path}word");
    // Without the token, from another site, and by another name of this machine.
    let other = format!("{}/", "0".repeat(64));
    check(&ask("GET", &other, host, "", ""), "404", "");
    check(&ask("POST", &format!("{other}word"), host, &own, kill), "404", "");
    check(&ask("POST", &word, host, "", kill), "403", "");
    check(&ask("POST", &word, host, "origin: http://evil.example\r\n", kill), "403", "");
    check(&ask("POST", &word, "evil.example", &own, kill), "404", "");
    check(&ask("GET", &format!("{path}view"), host, "", ""), "200", "\"witness_runs\":true");
    check(&ask("POST", &word, host, &own, kill), "200", "kill -9");
    demo.until("the witness of the witness");
    let view = ask("GET", &format!("{path}view"), host, "", "");
    check(&view, "200", "\"witness_runs\":false");
    check(&view, "200", "[kill witness]");
    assert!(demo.quit().success());
}

/// A path of a socket has 108 bytes at most: here the controller's still fits, the engine's does not.
#[test]
fn a_demo_that_cannot_start_shows_the_last_words_of_what_failed() {
    let _alone = alone();
    let base = std::env::temp_dir();
    let name = "x".repeat(39 - base.as_os_str().len());
    let dir = base.join(name);
    std::fs::create_dir_all(&dir).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_mse"))
        .args(["demo", "--ha", "--port", "0"])
        .env("TMPDIR", &dir)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let left = std::fs::read_dir(&dir).unwrap().count();
    std::fs::remove_dir_all(&dir).unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("the last words of the primary:"), "{text}");
    assert!(text.contains("engine.sock") && text.contains("SUN_LEN"), "{text}");
    assert_eq!(left, 0, "its storage is removed");
}
