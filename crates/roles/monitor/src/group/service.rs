//! The monitor's end of the line to a service, and the process behind it.
//!
//! The process is started again when it ends. Its line is what counts: a service that is on the line
//! and answers is well, whoever started it.

use std::io::BufReader;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use node::log::Rotating;
use node::service::{GreetingError, Order, Report, read_frame, read_greeting, write_frame};

use super::output::{self, Printed};
use crate::config::VirtualAddress;

/// The socket that the service connects to.
pub const SOCKET_NAME: &str = "service.sock";
/// The service's own folder.
pub const STATE_NAME: &str = "state";
/// Tells the service where the socket is.
pub const SOCKET_VARIABLE: &str = "MSE_SERVICE_SOCKET";
/// Tells the service where its state belongs.
pub const STATE_VARIABLE: &str = "MSE_SERVICE_DATA";
/// Tells the service at which address clients look for it.
pub const ADDRESS_VARIABLE: &str = "MSE_SERVICE_ADDRESS";
/// Tells the service how long the prefix of that address's network is.
pub const PREFIX_VARIABLE: &str = "MSE_SERVICE_PREFIX";
/// Orders that wait for the service. Ours: one that is so far behind does not work any more.
const QUEUE_ORDERS_MAX: usize = 1_024;
/// First pause before a service that ended is started again; doubles each time.
const RESTART_PAUSE: Duration = Duration::from_millis(100);
/// Longest such pause.
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(10);
/// A service that ran for so long is started again after the first pause.
const STEADY: Duration = Duration::from_mins(1);
/// How often the process is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// A service that was asked to end and has not after so long is killed.
const END_MAX: Duration = Duration::from_secs(5);

/// What comes from the line.
#[derive(Debug)]
pub(crate) enum Word {
    /// A service has connected.
    Connected(Orders),
    /// It says something.
    Says(u64, Report),
    /// It cannot be understood, and why.
    Strange(u64, String),
    /// It is gone.
    Gone(u64),
}

/// Where orders to one connection go.
#[derive(Debug, Clone)]
pub(crate) struct Orders {
    /// Tells connections apart.
    pub(crate) number: u64,
    queue: SyncSender<Order>,
}

/// The line and the process.
#[derive(Debug)]
pub(crate) struct Service {
    is_wanted: Arc<AtomicBool>,
    child: Arc<Mutex<Option<Child>>>,
    socket: PathBuf,
}

impl Orders {
    /// Hands an order over. `false` when the service does not take any more.
    pub(crate) fn give(&self, order: Order) -> bool {
        match self.queue.try_send(order) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                tracing::error!("the service does not take orders any more");
                false
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }
}

impl Service {
    /// Listens for the service and starts its process; without a command somebody else does.
    pub(crate) fn start(
        folder: &Path,
        command: &[String],
        address: &VirtualAddress,
        log: Rotating,
        told: impl Fn(Word) + Send + Clone + 'static,
    ) -> io::Result<Self> {
        let socket = folder.join(SOCKET_NAME);
        match fs::remove_file(&socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&socket)?;
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o600))?;
        let is_wanted = Arc::new(AtomicBool::new(true));
        let service = Self { is_wanted: Arc::clone(&is_wanted), child: Arc::default(), socket };
        let wanted = Arc::clone(&is_wanted);
        thread::Builder::new()
            .name("service-line".to_owned())
            .spawn(move || listen(&listener, &wanted, &told))?;
        if let Some((program, arguments)) = command.split_first() {
            let mut command = Command::new(program);
            command
                .args(arguments)
                .env(SOCKET_VARIABLE, &service.socket)
                .env(STATE_VARIABLE, folder.join(STATE_NAME))
                .env(ADDRESS_VARIABLE, address.address.to_string())
                .env(PREFIX_VARIABLE, address.prefix.to_string());
            let child = Arc::clone(&service.child);
            let printed = Printed::new(log);
            thread::Builder::new()
                .name("service-process".to_owned())
                .spawn(move || supervise(&mut command, &printed, &is_wanted, &child))?;
        }
        Ok(service)
    }

    /// The process is of no use any more: it is killed, and started again.
    pub(crate) fn kill(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(child) = child.as_mut() {
            // One that has ended by itself is as good.
            let _ = child.kill();
        }
    }

    /// The process's number.
    pub(crate) fn process(&self) -> Option<u32> {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        child.as_ref().map(Child::id)
    }

    /// Ends the process, and does not start it again. Blocks.
    pub(crate) fn stop(self) {
        self.is_wanted.store(false, Ordering::Release);
        // The listener looks up.
        let _ = UnixStream::connect(&self.socket);
        let _ = fs::remove_file(&self.socket);
        let asked = Instant::now();
        loop {
            let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(running) = child.as_mut() else { return };
            if matches!(running.try_wait(), Ok(Some(_)) | Err(_)) {
                *child = None;
                return;
            }
            if asked.elapsed() >= END_MAX {
                let _ = running.kill();
            }
            drop(child);
            thread::sleep(LOOK);
        }
    }
}

/// Takes one service at a time; a newer one replaces the one before.
fn listen(
    listener: &UnixListener,
    is_wanted: &AtomicBool,
    told: &(impl Fn(Word) + Send + Clone + 'static),
) {
    for (number, stream) in (1..).zip(listener.incoming()) {
        if !is_wanted.load(Ordering::Acquire) {
            return;
        }
        let connected = stream.and_then(|stream| connect(stream, number, told.clone()));
        if let Err(error) = connected {
            tracing::error!(%error, "the line to the service cannot be set up");
            thread::sleep(LOOK);
        }
    }
}

fn connect(
    stream: UnixStream,
    number: u64,
    told: impl Fn(Word) + Send + 'static,
) -> io::Result<()> {
    let (queue, orders) = sync_channel(QUEUE_ORDERS_MAX);
    let mut writer = stream.try_clone()?;
    thread::Builder::new().name("service-orders".to_owned()).spawn(move || {
        for order in orders {
            if write_frame(&mut writer, &order).is_err() {
                break;
            }
        }
        // What is not ordered any more is not read any more either.
        let _ = writer.shutdown(std::net::Shutdown::Both);
    })?;
    thread::Builder::new().name("service-reports".to_owned()).spawn(move || {
        told(Word::Connected(Orders { number, queue }));
        let mut reader = BufReader::new(stream);
        match read_greeting(&mut reader) {
            Ok(()) => {}
            Err(GreetingError::LocalEnded(_)) => return told(Word::Gone(number)),
            Err(strange) => return told(Word::Strange(number, strange.to_string())),
        }
        loop {
            match read_frame(&mut reader) {
                Ok(Some(report)) => told(Word::Says(number, report)),
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!(%error, "the line to the service ended");
                    break;
                }
            }
        }
        told(Word::Gone(number));
    })?;
    Ok(())
}

/// Starts the process, and again whenever it has ended.
fn supervise(
    command: &mut Command,
    printed: &Printed,
    is_wanted: &AtomicBool,
    child: &Mutex<Option<Child>>,
) {
    let mut pause = RESTART_PAUSE;
    while is_wanted.load(Ordering::Acquire) {
        let started = Instant::now();
        match spawn(command, printed) {
            Ok(process) => {
                let id = process.id();
                tracing::info!(process = id, "service started");
                *child.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
                let status = wait(child);
                if !is_wanted.load(Ordering::Acquire) {
                    return;
                }
                tracing::error!(process = id, status, "the service ended; it is started again");
            }
            Err(error) => {
                let program = command.get_program().to_string_lossy().into_owned();
                tracing::error!(program, %error, "the service cannot be started; check service.command");
            }
        }
        if started.elapsed() >= STEADY {
            pause = RESTART_PAUSE;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(RESTART_PAUSE_MAX);
    }
}

fn spawn(command: &mut Command, printed: &Printed) -> io::Result<Child> {
    let reader = output::attach(command)?;
    let spawned = command.spawn();
    output::let_go(command);
    let mut child = spawned?;
    if let Err(error) = printed.follow(reader) {
        // It would stop at a full pipe.
        let _ = child.kill();
        let _ = child.wait();
        return Err(error);
    }
    Ok(child)
}

/// Waits for the end of the process, and forgets it.
fn wait(child: &Mutex<Option<Child>>) -> String {
    loop {
        {
            let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(running) = child.as_mut() else { return "ended".to_owned() };
            let status = match running.try_wait() {
                Ok(None) => None,
                Ok(Some(status)) => Some(status.to_string()),
                Err(error) => Some(error.to_string()),
            };
            if let Some(status) = status {
                *child = None;
                return status;
            }
        }
        thread::sleep(LOOK);
    }
}
