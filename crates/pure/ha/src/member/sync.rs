//! Bringing the backup up to date, waiting for it, and saying how far it has come.

use std::collections::VecDeque;

use model::Time;
use model::pair::{Entry, Position};

use super::progress::Progress;
use super::{Member, Output};
use crate::event::Event;
use crate::message::Message;
use crate::replica::{self, Replica};
use crate::settings::Settings;

/// Most entries of one message. Ours: with a row in each they are some kilobytes, and a backup that
/// lags needs few round trips; who reads them from its journal ends a message of large ones sooner.
pub const SHIP_ENTRIES_MAX: u64 = 256;
/// Entries that may be on their way. Ours: some messages, so that a round trip does not idle.
const IN_FLIGHT_MAX: u64 = 4 * SHIP_ENTRIES_MAX;
/// Shipped batches whose answer is timed.
const TIMED_MAX: usize = 64;
/// State hashes that are kept until the peer has reached the same entry.
const HASHES_MAX: usize = 16;
/// Replication by the clock.
#[derive(Debug, Clone)]
pub(super) struct Sync {
    offer_at: Time,
    shipped: u64,
    shipping_since: Time,
    /// The first index that the journal keeps.
    first_kept: u64,
    snapshot_at: Time,
    /// As backup: what this node had when it began to follow.
    stood_at: Option<u64>,
    /// What the backup was last known to have.
    backup_had: u64,
    /// What waits for the backup: the commit index that does not move, and since when.
    waiting: Option<(u64, Time)>,
    /// A sole holder did not wait any longer; it does again when its backup has this index.
    gave_up_at: Option<u64>,
    timed: VecDeque<(u64, Time)>,
    slow_since: Option<Time>,
    hashes: VecDeque<(Position, u64)>,
    /// As backup: what the holder has committed.
    pub(super) holder_commit: u64,
    pub(super) progress: Progress,
}

impl Sync {
    pub(super) fn new(now: Time) -> Self {
        Self {
            offer_at: now,
            shipped: 0,
            shipping_since: now,
            first_kept: 1,
            snapshot_at: now,
            stood_at: None,
            backup_had: 0,
            waiting: None,
            gave_up_at: None,
            timed: VecDeque::new(),
            slow_since: None,
            hashes: VecDeque::new(),
            holder_commit: 0,
            progress: Progress::new(now),
        }
    }

    /// A new configuration; under SOLE the backup is to be brought up to date anew.
    pub(super) fn configured(&mut self, now: Time, is_pair: bool) {
        if !is_pair {
            self.progress.lost(now);
        }
        self.offer_at = now;
        self.shipped = 0;
        self.stood_at = None;
        self.backup_had = 0;
        self.timed.clear();
        self.slow_since = None;
        self.waiting = None;
    }

    pub(super) fn retained(&mut self, first: u64) {
        self.first_kept = first;
    }

    /// Whether new entries follow on what is on its way.
    pub(super) fn may_ship(&self, first: u64, replica: &Replica) -> bool {
        let had = replica.backup_durable().unwrap_or(0);
        first == self.shipped.max(had) + 1 && first <= had + IN_FLIGHT_MAX
    }

    /// Something is on its way.
    pub(super) fn shipping(&mut self, now: Time) {
        self.shipping_since = now;
    }

    /// What is on its way was given the time of two answers. A peer that does not answer at all has
    /// time for as long as that lasts.
    fn is_overdue(&self, now: Time, answer_ms: u64, settings: &Settings) -> bool {
        now.since_ms(self.shipping_since) >= 2 * settings.request_ms.max(answer_ms)
    }

    /// Whether the backup has all but what is just on its way.
    pub(super) fn is_near(replica: &Replica) -> bool {
        let had = replica.backup_durable().unwrap_or(0);
        replica.log().end().index.saturating_sub(had) <= SHIP_ENTRIES_MAX
    }

    /// Whether the backup has taken too long for too long.
    pub(super) fn is_slow(&self, now: Time, settings: &Settings) -> bool {
        self.slow_since.is_some_and(|since| now.since_ms(since) >= settings.slow_for_ms)
    }

    /// Times the backup's answers: slow is one that took, or has been taking, too long.
    fn time(&mut self, now: Time, had: u64, settings: &Settings) {
        let mut last_ms = None;
        while let Some((index, sent)) = self.timed.front().copied()
            && index <= had
        {
            last_ms = Some(now.since_ms(sent));
            self.timed.pop_front();
        }
        let oldest_ms = self.timed.front().map_or(0, |(_, sent)| now.since_ms(*sent));
        if oldest_ms > settings.slow_ms || last_ms.is_some_and(|ms| ms > settings.slow_ms) {
            self.slow_since.get_or_insert(now);
        } else if last_ms.is_some() || self.timed.is_empty() {
            self.slow_since = None;
        }
    }

    pub(super) fn hashed(&mut self, position: Position, hash: u64) {
        self.hashes.push_back((position, hash));
        if self.hashes.len() > HASHES_MAX {
            self.hashes.pop_front();
        }
    }

    fn hash_of(&self, position: Position) -> Option<u64> {
        self.hashes.iter().rev().find(|(at, _)| *at == position).map(|(_, hash)| *hash)
    }
}

impl Member {
    /// The message that carries these entries of the session; nothing when there is none any more.
    pub fn ship(&mut self, now: Time, entries: Vec<Entry>) -> Option<Message> {
        let session = self.replica.session()?;
        let last = entries.last()?.position.index;
        self.sync.shipped = self.sync.shipped.max(last);
        if self.sync.timed.len() < TIMED_MAX {
            self.sync.timed.push_back((last, now));
        }
        let backup_run = self.replica.peer().run;
        Some(Message::Append { session, backup_run, entries, commit: self.replica.commit() })
    }

    /// As holder: lets go what is safe; a sole holder waits for a backup that is in contact, but
    /// not for ever.
    pub(super) fn let_go(&mut self) {
        if !self.replica.standing().serves() {
            return;
        }
        let durable = self.replica.log().durable();
        let had = self.replica.backup_durable();
        let commit = self.replica.commit();
        let is_near = Sync::is_near(&self.replica);
        let sync = &mut self.sync;
        if is_near && had >= sync.gave_up_at {
            sync.gave_up_at = None;
        }
        sync.waiting = match sync.waiting {
            _ if durable <= commit => None,
            // Whatever moves is not late.
            Some((stood_at, since)) if stood_at == commit => Some((stood_at, since)),
            _ => Some((commit, self.now)),
        };
        let is_late = sync
            .waiting
            .is_some_and(|(_, since)| self.now.since_ms(since) >= self.settings.sync_ms);
        if is_late && sync.gave_up_at.is_none() {
            sync.gave_up_at = Some(durable);
        }
        let with_backup = had.is_some()
            && sync.gave_up_at.is_none()
            && self.contact.is_followed(self.now, &self.settings);
        self.replica.handle(replica::Input::Advance { with_backup });
    }

    /// As holder: opens the session to the backup, ships what it lacks, and watches its progress.
    pub(super) fn bring_up_to_date(&mut self) {
        if self.replica.session().is_none() {
            if self.replica.followed().is_some() {
                let durable = self.replica.log().durable();
                let lag = self.sync.holder_commit.saturating_sub(durable);
                // Until the first entry comes, a snapshot may be on its way instead.
                let stood_at = *self.sync.stood_at.get_or_insert(durable);
                if lag == 0 || durable > stood_at {
                    self.watch_progress(lag);
                }
                self.watch_stall();
            }
            return;
        }
        let Some(had) = self.replica.backup_durable() else {
            if self.now >= self.sync.offer_at && self.contact.hears_peer(self.now, &self.settings) {
                self.sync.offer_at = self.now.plus_ms(self.settings.request_ms);
                if self.is_compatible() {
                    self.replica.handle(replica::Input::Offer);
                }
            }
            return;
        };
        let end = self.replica.log().end().index;
        let has_moved = had > self.sync.backup_had;
        self.sync.backup_had = had;
        self.sync.time(self.now, had, &self.settings);
        if had >= end || had + 1 >= self.sync.first_kept {
            self.watch_progress(end.saturating_sub(had));
        }
        if had >= end {
            return;
        }
        if had + 1 < self.sync.first_kept {
            // How far a snapshot has come, and whether it stands still, its receiver knows.
            self.offer_snapshot();
            return;
        }
        self.watch_stall();
        let shipped = self.sync.shipped.max(had);
        let goes_on = has_moved && shipped < end && shipped < had + IN_FLIGHT_MAX;
        if goes_on {
            self.ship_from(shipped + 1);
        } else if self.sync.is_overdue(
            self.now,
            self.contact.peer_answer_ms(self.now),
            &self.settings,
        ) {
            self.sync.timed.retain(|(index, _)| *index > had);
            self.sync.shipped = had;
            self.ship_from(had + 1);
        } else if has_moved {
            self.sync.shipping(self.now);
        }
    }

    fn offer_snapshot(&mut self) {
        if self.now >= self.sync.snapshot_at {
            self.sync.snapshot_at = self.now.plus_ms(self.settings.disarm_ms);
            self.outputs.push_back(Output::Snapshot);
        }
    }

    /// The backup cannot read these entries of its own disk any more. What the journal here does
    /// not keep either comes with a snapshot.
    pub(super) fn fetch(&mut self, first: u64, last: u64) {
        if first >= self.sync.first_kept {
            self.outputs.push_back(Output::Fetch { first, last });
        } else if self.replica.session().is_some() {
            self.offer_snapshot();
        }
    }

    fn ship_from(&mut self, first: u64) {
        self.sync.shipping(self.now);
        self.outputs.push_back(Output::Ship { first });
    }

    /// As holder or backup: `lag` entries are still to come.
    fn watch_progress(&mut self, lag: u64) {
        let is_pair = self.replica.record().value.is_pair();
        if is_pair || lag == 0 && !self.pair_is_wanted() {
            self.sync.progress.taken_in(self.now);
        } else {
            self.sync.progress.catch_up(self.now, lag);
        }
    }

    fn watch_stall(&mut self) {
        if self.sync.progress.stalls(self.now, self.settings.stall_ms) {
            let percent = self.sync.progress.percent();
            self.event(Event::SynchronizationStalled { percent });
        }
    }

    /// The peer says what its state is after an entry.
    pub(super) fn compare(&mut self, position: Position, hash: u64) {
        let Some(own) = self.sync.hash_of(position) else { return };
        if own != hash {
            self.event(Event::StateDiffers { index: position.index });
            if !self.replica.standing().serves() {
                self.outputs.push_back(Output::Rebuild);
            }
        }
    }
}
