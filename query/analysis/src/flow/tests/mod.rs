//! Named cases of flows.

mod hostile;
mod places;
mod searches;
mod support;
