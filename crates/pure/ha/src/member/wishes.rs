//! Which change a member proposes now, and how a proposal is carried through.

use model::Time;
use model::pair::Epoch;

use super::{Member, Sync};
use crate::event::Loss;
use crate::replica;
use crate::settings::Settings;
use crate::table::Standing;
use crate::value::Change;

/// A proposal that nobody answers is given up after so many calls. Ours: with the pause that follows
/// it stays well below the time in which a holder must be able to go on alone.
const CALLS: u64 = 3;
/// It is given so many times what an answer takes. Ours: it needs two of them, and one may be late.
const ANSWERS: u64 = 3;

/// Proposals by the clock.
#[derive(Debug, Clone)]
pub(super) struct Attempts {
    next_at: Time,
    repeat_at: Time,
    begun: Time,
    /// The last change that was tried.
    pub(super) last: Option<Change>,
    /// Since when the accepted value is what it is.
    pub(super) in_doubt_since: Time,
    readmit_at: Time,
    readmit_pause_ms: u64,
    lost_at: Option<Time>,
    /// The session whose backup was counted as lost.
    lost_in: Option<Epoch>,
    confirm_at: Time,
    /// The pair was disarmed because nobody saw the witness.
    was_disarmed: bool,
    jitter: u64,
}

impl Attempts {
    pub(super) fn new(now: Time, seed: u64) -> Self {
        Self {
            next_at: now,
            repeat_at: now,
            begun: now,
            last: None,
            in_doubt_since: now,
            readmit_at: now,
            readmit_pause_ms: 0,
            lost_at: None,
            lost_in: None,
            confirm_at: now,
            was_disarmed: false,
            jitter: seed,
        }
    }

    pub(super) fn repeat_at(&self) -> Time {
        self.repeat_at
    }

    /// An operator says that the reasons to wait are gone.
    pub(super) fn resume(&mut self, now: Time) {
        self.readmit_at = now;
        self.readmit_pause_ms = 0;
        self.lost_at = None;
    }

    fn pause(&mut self, now: Time, settings: &Settings) {
        let span = settings.retry_max_ms - settings.retry_min_ms + 1;
        self.next_at = now.plus_ms(settings.retry_min_ms + self.random() % span);
    }

    /// The backup was lost: the more often, the longer it has to wait. One that only was not willing
    /// is taken back at once the first time.
    fn lose(&mut self, now: Time, why: Loss, settings: &Settings) {
        let is_long_ago =
            self.lost_at.is_none_or(|lost| now.since_ms(lost) >= settings.readmit_reset_ms);
        self.readmit_pause_ms = match is_long_ago {
            true if why == Loss::Unwilling => 0,
            true => settings.readmit_ms,
            false => {
                (self.readmit_pause_ms * 2).clamp(settings.readmit_ms, settings.readmit_max_ms)
            }
        };
        self.lost_at = Some(now);
        self.readmit_at = now.plus_ms(self.readmit_pause_ms);
    }

    /// Steele, Lea and Flood's `SplitMix64`: spreads retries, nothing depends on its quality.
    fn random(&mut self) -> u64 {
        self.jitter = self.jitter.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.jitter;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Member {
    /// Carries a running proposal on, or begins the one that is wanted now.
    pub(super) fn propose(&mut self) {
        if self.replica.is_proposing() {
            if self.now >= self.attempts.repeat_at {
                self.repeat_or_withdraw();
            }
            return;
        }
        if self.now < self.attempts.next_at {
            return;
        }
        let Some(change) = self.wish() else { return };
        self.attempts.last = Some(change);
        self.attempts.begun = self.now;
        self.attempts.repeat_at = self.now.plus_ms(self.settings.request_ms);
        self.attempts.pause(self.now, &self.settings);
        self.replica.handle(replica::Input::Attempt(change));
    }

    fn repeat_or_withdraw(&mut self) {
        let settings = &self.settings;
        // On a slow path a proposal that is given up too early never comes to its end.
        let enough_ms = (ANSWERS * self.contact.answer_ms(self.now)).clamp(
            CALLS * settings.request_ms,
            settings.failover_wait_ms.max(CALLS * settings.request_ms),
        );
        if self.now.since_ms(self.attempts.begun) < enough_ms {
            self.attempts.repeat_at = self.now.plus_ms(self.settings.request_ms);
            self.replica.handle(replica::Input::Repeat);
        } else {
            self.attempts.pause(self.now, &self.settings);
            self.replica.handle(replica::Input::Withdraw);
        }
    }

    /// The change that this node would like now.
    fn wish(&mut self) -> Option<Change> {
        match self.replica.standing() {
            Standing::PairHolder if self.orders.is_well => self.wish_of_pair_holder(),
            Standing::SoleHolder if self.may_readmit() => Some(Change::Readmit),
            Standing::Frozen if self.may_hand_over() => Some(Change::Handover),
            Standing::Claimant => {
                let is_alone = !self.contact.hears_peer(self.now, &self.settings);
                let is_pair = self.replica.record().value.is_pair();
                Some(if is_pair && is_alone { Change::Shrink } else { Change::Confirm })
            }
            Standing::Standby if self.may_take_over() => Some(Change::Takeover),
            Standing::Doubtful if self.replica.record().value.is_pair() && self.may_take_over() => {
                Some(Change::Takeover)
            }
            Standing::Doubtful => {
                // Whoever proposed it usually finds out first.
                let waited_ms = self.now.since_ms(self.attempts.in_doubt_since);
                (waited_ms >= self.settings.suspect_ms).then_some(Change::Confirm)
            }
            Standing::Standby | Standing::Outdated | Standing::Rebuilding if self.is_forsaken() => {
                Some(Change::Confirm)
            }
            _ => None,
        }
    }

    /// A backup that has followed nobody for long may have missed what was decided.
    fn is_forsaken(&mut self) -> bool {
        let is_due = self.now.since_ms(self.contact.patient_since)
            >= self.settings.failover_wait_ms
            && self.now >= self.attempts.confirm_at;
        if is_due {
            self.attempts.confirm_at = self.now.plus_ms(self.settings.failover_wait_ms);
        }
        is_due
    }

    fn wish_of_pair_holder(&mut self) -> Option<Change> {
        let loss = if self.has_abdicated() {
            Some(Loss::Abdicated)
        } else if !self.contact.is_followed(self.now, &self.settings) {
            Some(Loss::Silent)
        } else if self.sync.is_slow(self.now, &self.settings) {
            Some(Loss::Slow)
        } else if self.peer_is_leaving() {
            Some(Loss::Leaving)
        } else if !self.pair_is_wanted() {
            Some(Loss::Manual)
        } else if !self.contact.peer_is_willing && self.has_waited_for_witness() {
            Some(Loss::Unwilling)
        } else {
            None
        };
        if let Some(why) = loss {
            // Once for each session, however often the change has to be tried.
            if self.attempts.lost_in != self.replica.session() {
                self.attempts.lost_in = self.replica.session();
                self.attempts.was_disarmed = false;
                if matches!(why, Loss::Silent | Loss::Slow | Loss::Unwilling) {
                    self.attempts.lose(self.now, why, &self.settings);
                }
                self.lost_backup(why);
            }
            return Some(Change::Shrink);
        }
        if self.contact.witness_is_gone(self.now, &self.settings) && self.has_waited_for_witness() {
            self.attempts.was_disarmed = true;
            return Some(Change::Disarm);
        }
        None
    }

    /// A pair that has just formed, or a node that has just started, has not seen anybody yet.
    pub(super) fn has_waited_for_witness(&self) -> bool {
        self.now.since_ms(self.attempts.in_doubt_since) >= self.settings.disarm_ms
    }

    /// Whether the register is to promise a takeover.
    pub(super) fn pair_is_wanted(&self) -> bool {
        self.settings.is_automatic() && !self.orders.is_paused && !self.orders.is_flapping
    }

    fn may_readmit(&self) -> bool {
        let witness_is_there = if self.attempts.was_disarmed {
            self.contact.witness_is_back(self.now, &self.settings)
        } else {
            self.contact.sees_witness(self.now, &self.settings)
        };
        self.pair_is_wanted()
            && witness_is_there
            && self.now >= self.attempts.readmit_at
            && self.contact.is_followed(self.now, &self.settings)
            && self.replica.backup_is_complete()
            && Sync::is_near(&self.replica)
            && !self.sync.is_slow(self.now, &self.settings)
            && !self.peer_is_leaving()
            && self.contact.peer_is_willing
            && self.orders.is_well
            && !self.orders.is_stopping()
    }

    fn may_take_over(&self) -> bool {
        let has_abdicated =
            self.contact.abdicated.is_some() && self.contact.abdicated == self.replica.followed();
        let has_waited =
            self.now.since_ms(self.contact.patient_since) >= self.settings.failover_wait_ms;
        let peer_starts = self.now < self.contact.peer_starts_until;
        (has_abdicated || has_waited && !peer_starts) && self.is_willing()
    }
}
