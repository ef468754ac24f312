//! What the simulated system consists of. Data only: who exists, who calls whom, how long things take.

mod build;
mod model;
mod script;
mod shop;

pub use build::Builder;
pub use model::{
    Consumer, Conventions, DataStore, DataStoreId, Endpoint, Entry, External, ExternalId, Instance, InstanceId,
    Language, Operation, OperationId, Service, ServiceId, Topic, TopicId, Topology,
};
pub use script::{Call, OnFailure, Query, Script, Step, Target};
pub use shop::shop;
