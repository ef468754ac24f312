//! What each detector finds, and what it leaves alone.

mod calls;
mod cycles;
mod data;
mod shop;
