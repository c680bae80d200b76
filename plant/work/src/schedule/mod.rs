//! When work is due: [`Schedule`], its cron expression in a time zone, and the decision about each
//! due time.

mod cron;
mod definition;
mod frequency;
mod occasion;
mod plan;
mod wall_table;
mod zone;

pub use cron::{Cron, InvalidCron};
pub use definition::{InvalidExpiry, Missed, Schedule, ScheduleName};
pub use frequency::Frequency;
pub use occasion::Occasion;
pub use plan::{Decision, LONGEST_GAP, Plan, PlanError, Planned, plan};
pub use zone::{InvalidZone, Zone};
