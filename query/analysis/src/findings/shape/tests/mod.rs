//! What each detector finds, and what it leaves alone.

mod calls;
mod cuts;
mod cycles;
mod data;
mod gaps;
mod hubs;
mod shop;
mod spof;
