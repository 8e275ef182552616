//! The virtual address: who holds it, and the thread that does.
//!
//! A [`Holder`] does one thing at a time, on a thread of its own, because the kernel may keep it
//! waiting and the pair must not wait. An address is added with a life in the kernel: whoever does
//! not refresh it in time loses it, even when its process is frozen or dead.
//!
//! | module | what it is for |
//! |---|---|
//! | `kernel` | the address in the kernel; when the kernel ends its life |
//! | `announce` | gratuitous ARP and unsolicited neighbour advertisements |
//! | `probe` | whether somebody else has the address |
//! | `rules` | which interface answers for it |
//! | `carrier` | whether that interface has a link |
//! | `link`, `netlink` | the interface, and the way to the kernel |

mod announce;
pub mod carrier;
mod kernel;
mod link;
mod netlink;
mod probe;
mod rules;

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use model::Time;

pub use self::kernel::Kernel;
pub use self::probe::{Conflict, probe};
use crate::config::{Provider, VirtualAddress};

/// Between two attempts to release an address.
const RELEASE_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);
/// Attempts after the first. Ours: together longer than the longest life of an address that nobody
/// refreshes, 2 s, and the kernel's delay in dropping it.
const RELEASE_ATTEMPTS: u32 = 30;

/// Puts an address on this machine, and takes it away.
///
/// Each call is bounded in time. An error is for people, and the caller goes on: an address that
/// could not be added is tried again with the next refresh.
pub trait Holder: Send {
    /// Adds the address or lets it live on, until `until` by [`node::clock::boot`]. It is announced
    /// when it is new. A time that has passed adds nothing.
    fn hold(&mut self, until: Time) -> io::Result<()>;
    /// Removes the address; it may be gone already.
    fn release(&mut self) -> io::Result<()>;
    /// What is due besides: further announcements. Called when [`Holder::deadline`] has passed.
    fn tick(&mut self) {}
    /// When [`Holder::tick`] is due.
    fn deadline(&self) -> Option<Time> {
        None
    }
}

impl Holder for Box<dyn Holder> {
    fn hold(&mut self, until: Time) -> io::Result<()> {
        self.as_mut().hold(until)
    }

    fn release(&mut self) -> io::Result<()> {
        self.as_mut().release()
    }

    fn tick(&mut self) {
        self.as_mut().tick();
    }

    fn deadline(&self) -> Option<Time> {
        self.as_ref().deadline()
    }
}

/// The holder that the configuration asks for, on the health monitor's interface. An address that
/// was left on this machine is gone afterwards. An error names what is missing, and the remedy.
pub fn holder(config: &VirtualAddress, interface: Option<&str>) -> io::Result<Box<dyn Holder>> {
    match (config.provider, interface) {
        (Provider::Loopback, _) => Ok(Box::new(Everywhere)),
        (Provider::Kernel, Some(interface)) => {
            Ok(Box::new(Kernel::new(config.address, interface)?))
        }
        (Provider::Kernel, None) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            crate::config::ConfigError::ConfigNoInterface,
        )),
    }
}

/// An address that nobody has to hold: 127.0.0.0/8 is everywhere on its machine.
#[derive(Debug, Default)]
pub struct Everywhere;

impl Holder for Everywhere {
    fn hold(&mut self, _until: Time) -> io::Result<()> {
        Ok(())
    }

    fn release(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The thread that holds an address. Dropping it releases the address.
#[derive(Debug)]
pub struct Keeper {
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Order {
    Hold(Time),
    Release,
}

impl Keeper {
    /// Starts the thread. `gone` is called on it after each release, once the address is gone.
    pub fn start(
        holder: impl Holder + 'static,
        gone: impl FnMut() + Send + 'static,
    ) -> io::Result<Self> {
        let (orders, receiver) = channel();
        let thread = std::thread::Builder::new().name("address".to_owned());
        let thread = thread.spawn(move || keep(holder, gone, &receiver))?;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
    }

    /// Holds the address until then.
    pub fn hold(&self, until: Time) {
        self.order(Order::Hold(until));
    }

    /// Releases it; `gone` follows.
    pub fn release(&self) {
        self.order(Order::Release);
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // A thread that ended has said why.
            let _ = orders.send(order);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn keep(mut holder: impl Holder, mut gone: impl FnMut(), orders: &Receiver<Order>) {
    use std::sync::mpsc::RecvTimeoutError;
    let mut was_refused = false;
    loop {
        let order = match holder.deadline() {
            None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(deadline) => {
                let left_ms = deadline.since_ms(node::clock::boot());
                orders.recv_timeout(std::time::Duration::from_millis(left_ms))
            }
        };
        let outcome = match order {
            Ok(Order::Hold(until)) => holder.hold(until),
            Ok(Order::Release) => {
                let outcome = release(&mut holder);
                gone();
                outcome
            }
            Err(RecvTimeoutError::Timeout) => {
                holder.tick();
                Ok(())
            }
            Err(RecvTimeoutError::Disconnected) => break,
        };
        match outcome {
            Err(error) if !was_refused => {
                was_refused = true;
                tracing::error!(%error, "the virtual address cannot be held");
            }
            Err(_) => {}
            Ok(()) => was_refused = false,
        }
    }
    if let Err(error) = holder.release() {
        tracing::error!(%error, "the virtual address cannot be released; the kernel drops it soon");
    }
}

/// Releases the address, again and again while the kernel refuses; in the end it is gone by itself,
/// because nobody refreshes it.
fn release(holder: &mut impl Holder) -> io::Result<()> {
    let mut outcome = holder.release();
    for _ in 0..RELEASE_ATTEMPTS {
        if outcome.is_ok() {
            break;
        }
        std::thread::sleep(RELEASE_PAUSE);
        outcome = holder.release();
    }
    outcome
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    struct Recorder(mpsc::Sender<String>);

    impl Holder for Recorder {
        fn hold(&mut self, until: Time) -> io::Result<()> {
            self.0.send(format!("hold {}", until.0)).map_err(io::Error::other)
        }

        fn release(&mut self) -> io::Result<()> {
            self.0.send("release".to_owned()).map_err(io::Error::other)
        }
    }

    #[test]
    fn orders_are_carried_out_one_after_the_other_and_the_end_releases() {
        let (done, what) = mpsc::channel();
        let told = done.clone();
        let keeper =
            Keeper::start(Recorder(done), move || told.send("gone".to_owned()).unwrap()).unwrap();
        keeper.hold(Time(5));
        keeper.hold(Time(9));
        keeper.release();
        drop(keeper);
        let all: Vec<String> = what.iter().collect();
        assert_eq!(all, ["hold 5", "hold 9", "release", "gone", "release"]);
    }
}
