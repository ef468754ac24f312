//! The network between callers and callees, where packets get lost.

use super::core::Engine;
use crate::{
    random::Dice,
    topology::{Node, ServiceId},
};

/// How long a sender waits before it sends a lost packet again; doubles each time. The least that TCP waits on Linux.
const RETRANSMISSION_TIMEOUT: i64 = 200_000_000;
/// How often a packet is sent again before the connection is given up.
const MOST_RETRANSMISSIONS: u32 = 6;

/// What losses do to a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passage {
    /// How much later it arrives, or the connection is given up.
    pub(super) delay: i64,
    pub(super) arrives: bool,
}

impl Engine {
    /// The fate of a packet that is sent over an edge.
    pub(super) fn passage(&self, (caller, callee): (ServiceId, Node), dice: &mut Dice) -> Passage {
        let mut passage = Passage { delay: 0, arrives: true };
        let loss = self.topology.loss_at(caller, callee, self.now);
        if loss == 0 {
            return passage;
        }
        for sent in 0..=MOST_RETRANSMISSIONS {
            if !dice.chance(loss) {
                return passage;
            }
            passage.delay += RETRANSMISSION_TIMEOUT << sent;
        }
        Passage { arrives: false, ..passage }
    }
}
