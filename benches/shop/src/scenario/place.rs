//! Where in a topology a scenario happens.

use crate::{
    random::Dice,
    topology::{OperationId, ServiceId, Topology},
    truth::FindingKind,
};

/// An edge, and the operation of the caller that makes the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Who calls.
    pub caller: ServiceId,
    /// Who is called.
    pub callee: ServiceId,
    /// What the caller does.
    pub operation: OperationId,
}

impl Place {
    /// Where a scenario happens in the usual shop; `None` in another topology.
    pub fn in_shop(topology: &Topology, kind: FindingKind) -> Option<Self> {
        let (caller, operation, callee) = match kind {
            FindingKind::SyncChain => ("search", "GET /search", "catalog"),
            FindingKind::Cascade | FindingKind::HotService | FindingKind::InstrumentationGap => {
                ("web-bff", "GET /api/products/{id}", "pricing")
            }
            FindingKind::DistributedMonolith | FindingKind::Nanoservice => ("web-bff", "GET /api/cart", "pricing"),
            FindingKind::Breaker
            | FindingKind::TimeoutInversion
            | FindingKind::WastedWork
            | FindingKind::HiddenErrors => ("web-bff", "GET /api/products/{id}", "recommendation"),
            FindingKind::RetryStorm => ("web-bff", "GET /api/search", "search"),
            FindingKind::RetryAmplification | FindingKind::FanoutBurst => {
                ("web-bff", "GET /api/products/{id}", "inventory")
            }
            FindingKind::Chatty | FindingKind::GodGateway | FindingKind::Spof => ("web-bff", "GET /", "catalog"),
            FindingKind::NPlusOne => ("cart", "shop.cart.v1.CartService/GetCart", "catalog"),
            FindingKind::SharedDb => ("recommendation", "GET /recommendations", "catalog"),
            FindingKind::Cycle => ("checkout", "shop.checkout.v1.CheckoutService/PlaceOrder", "fraud"),
        };
        let caller = topology.service_named(caller)?;
        let operation = topology.operation_named(caller, operation)?;
        Some(Self { caller, callee: topology.service_named(callee)?, operation })
    }

    /// Some place that fits, chosen by the dice; `None` if nothing fits. Busy places are enough for statistics.
    pub fn drawn(topology: &Topology, kind: FindingKind, time: i64, dice: &mut Dice) -> Option<Self> {
        let demand = topology.demand(time);
        let mut places = Vec::new();
        for caller in topology.service_ids() {
            for operation in topology.operations_of(caller) {
                let Some(depth) = topology.depth_of(operation, time) else { continue };
                for callee in topology.called_by(operation, time) {
                    let asked = |id: &OperationId| demand.get(id).copied().unwrap_or_default();
                    let busy = topology.calls_between((caller, callee), time);
                    let place = Self { caller, callee, operation };
                    if asked(&operation) >= 0.1 && busy >= 0.15 && place.fits(topology, kind, (depth, busy), time) {
                        places.push(place);
                    }
                }
            }
        }
        places.get(dice.below(places.len() as u64) as usize).copied()
    }

    /// Whether the scenario makes the condition it is meant for here, and no other.
    fn fits(self, topology: &Topology, kind: FindingKind, (depth, busy): (u32, f64), time: i64) -> bool {
        let calls_nobody = topology.callees(self.callee, time).is_empty();
        let is_entry = depth == 0;
        match kind {
            // Deep enough to need few more services.
            FindingKind::SyncChain => (1..=3).contains(&depth),
            // What is added below must not make a chain, and gateways may be left out by rules about services.
            FindingKind::NPlusOne | FindingKind::FanoutBurst | FindingKind::Chatty => !is_entry && depth <= 2,
            FindingKind::SharedDb => !is_entry && depth <= 2 && !topology.shares_database(self.callee),
            FindingKind::GodGateway => !is_entry && depth == 1,
            // One more call below the callee is not too many, and the callee is not always called.
            FindingKind::Nanoservice => depth == 1,
            // In a circle that exists it would make no other one.
            FindingKind::Cycle => {
                let circles = |service| topology.below(service, time).contains(&service);
                depth == 1 && !circles(self.caller) && !circles(self.callee)
            }
            FindingKind::DistributedMonolith => depth == 1 && self.entries(topology, time) >= 3,
            FindingKind::Spof => busy >= 0.5,
            FindingKind::InstrumentationGap | FindingKind::Cascade => !is_entry && calls_nobody,
            FindingKind::HotService
            | FindingKind::Breaker
            | FindingKind::RetryStorm
            | FindingKind::RetryAmplification
            | FindingKind::TimeoutInversion
            | FindingKind::WastedWork
            | FindingKind::HiddenErrors => !is_entry,
        }
    }

    /// How many kinds of requests from outside the callee has a part in.
    fn entries(self, topology: &Topology, time: i64) -> usize {
        let entries = topology.entries().iter();
        entries.filter(|entry| topology.reaches(entry.operation, self.callee, time)).count()
    }
}
