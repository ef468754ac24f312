//! What the simulated system consists of. Data only: who exists, who calls whom, how long things take.

mod alter;
mod build;
mod generated;
mod model;
mod pause;
mod policy;
mod script;
mod shop;
mod timeline;

pub use alter::Effect;
pub use build::Builder;
pub use generated::{Histogram, Shape, generated};
pub use model::{
    Consumer, Conventions, DataStore, DataStoreId, Endpoint, Entry, External, ExternalId, Health, Instance, InstanceId,
    Language, Node, Operation, OperationId, Service, ServiceId, Topic, TopicId, Topology,
};
pub use policy::{Breaker, Call, OnFailure, Target, Window};
pub use script::{Query, Script, Step, expected_calls};
pub use shop::shop;
pub use timeline::Timeline;
