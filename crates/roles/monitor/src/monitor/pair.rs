//! Pairing, as this node does it: a primary asks, a secondary is asked.

use std::net::SocketAddr;
use std::sync::Arc;

use model::pair::Seat;

use super::{Shared, new_id, stop};
use crate::operators::Operators;
use crate::pairing::{self, JoinAnswer, JoinRequest, PairError, PairRequest, WitnessRequest};
use crate::peers::{FIRST_INSTANCE, Group};

impl Shared {
    /// Takes a primary in.
    pub async fn join(self: &Arc<Self>, request: JoinRequest) -> Result<JoinAnswer, PairError> {
        let mut peers = self.peers.lock().await;
        let (role, most) = (self.config.role, self.config.max_active);
        let group = request.check(&self.me, role, &peers.groups, most)?;
        let known = peers.groups.iter().find(|it| it.id == group.id).cloned();
        let has_other_key =
            known.as_ref().and_then(|known| known.peer.as_ref()).is_some_and(|peer| {
                group.peer.as_ref().is_none_or(|other| other.key_hash != peer.key_hash)
            });
        if has_other_key && self.hears_peer(group.instance) {
            return Err(PairError::PeerAlive(group.virtual_address.address));
        }
        let answer = JoinAnswer {
            secondary: self.me.clone(),
            group: group.id,
            settings: group.settings.clone(),
            witness: group.witness.clone(),
        };
        let goes_on = known.as_ref().is_some_and(|known| {
            (&known.settings, &known.witness) == (&group.settings, &group.witness)
        });
        peers.groups.retain(|it| it.id != group.id);
        peers.groups.push(Group { is_begun: true, ..group.clone() });
        peers.save(&self.folder).map_err(|error| PairError::LocalFailed(error.to_string()))?;
        let is_hosted = goes_on && self.replace_group(&group);
        if !is_hosted {
            self.restart(group).await?;
        }
        Ok(answer)
    }

    fn hears_peer(&self, instance: u32) -> bool {
        let groups = self.groups();
        let shown = groups.get(&instance).map(|hosted| hosted.running.shown());
        shown.and_then(|shown| shown.status).is_some_and(|status| status.heartbeat_is_up)
    }

    /// A group that behaves as before only learns who its peer is now.
    fn replace_group(&self, group: &Group) -> bool {
        match self.groups().get_mut(&group.instance) {
            Some(hosted) if !hosted.running.has_ended() => {
                hosted.group = Group { is_begun: true, ..group.clone() };
                true
            }
            _ => false,
        }
    }

    /// Starts a group anew.
    async fn restart(self: &Arc<Self>, group: Group) -> Result<(), PairError> {
        let old = self.groups().remove(&group.instance);
        if let Some(old) = old {
            stop(old).await;
        }
        self.host(group).await.map_err(|error| PairError::LocalFailed(error.to_string()))
    }

    /// Pairs this primary with a secondary.
    pub async fn pair(self: &Arc<Self>, request: PairRequest) -> Result<String, PairError> {
        if self.config.role != Seat::Primary {
            return Err(PairError::ConfigNotPrimary);
        }
        let address = SocketAddr::new(request.address, request.port);
        if address == self.me.address {
            return Err(PairError::ConfigSelf(address));
        }
        let virtual_address = self.config.virtual_address.clone();
        let virtual_address = virtual_address.ok_or(PairError::ConfigNotPrimary)?;
        let settings = request.settings(virtual_address.address)?;
        pairing::check_witness(request.witness.as_ref(), self.me.address.ip(), request.address)?;
        if request.direct_connect && self.me.direct_connect.is_none() {
            return Err(PairError::ConfigNoDirect("this primary"));
        }
        let mut peers = self.peers.lock().await;
        let own = peers.groups.first().cloned();
        request.check_peer(own.as_ref().and_then(|group| group.peer.as_ref()))?;
        let join = JoinRequest {
            user: request.user.clone(),
            password: request.password.clone(),
            group: own.as_ref().map_or_else(new_id, |group| group.id),
            is_recovery: own.is_none(),
            virtual_address: virtual_address.clone(),
            settings,
            witness: request.witness.clone(),
            primary: self.me.clone(),
            direct_connect: request.direct_connect,
            allow_smaller: request.allow_smaller,
        };
        let ask = pairing::ask(
            &self.identity,
            "the secondary",
            address,
            request.key_hash,
            pairing::JOIN_PATH,
            &join,
        );
        let JoinAnswer { secondary, group, settings, witness } = ask.await?;
        if let Some(witness) = &witness {
            let ask = WitnessRequest {
                user: request.user.clone(),
                password: request.password.clone(),
                group,
                primary: self.me.key_hash,
                secondary: secondary.key_hash,
                is_recovery: own.is_none(),
            };
            let path = pairing::WITNESS_PATH;
            let asked = pairing::ask::<serde_json::Value>(
                &self.identity,
                "the witness",
                witness.address,
                witness.key_hash,
                path,
                &ask,
            );
            asked.await?;
        }
        let direct_connect = secondary.direct_connect.filter(|_| request.direct_connect);
        let name = secondary.name.clone();
        let group = Group {
            id: group,
            instance: FIRST_INSTANCE,
            seat: Seat::Primary,
            is_begun: true,
            virtual_address,
            settings,
            peer: Some(pairing::Node { direct_connect, ..secondary }.peer()),
            witness,
        };
        peers.groups = vec![group.clone()];
        peers.save(&self.folder).map_err(|error| PairError::LocalFailed(error.to_string()))?;
        self.restart(group).await?;
        Ok(format!("Configuration successfully created: {} is paired with {name}", self.me.name))
    }

    /// Whether name and password are an operator's of this node.
    pub async fn knows(&self, user: &str, password: &str) -> bool {
        let Ok(_permit) = self.checks.acquire().await else { return false };
        let (folder, user, password) = (self.folder.clone(), user.to_owned(), password.to_owned());
        let verified = tokio::task::spawn_blocking(move || match Operators::load(&folder) {
            Ok(operators) => operators.verify(&user, &password),
            Err(error) => {
                tracing::error!(%error, "operators cannot be read");
                false
            }
        });
        verified.await.unwrap_or(false)
    }
}
