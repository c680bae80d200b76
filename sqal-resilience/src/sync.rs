//! The parts of `std::sync` that state machines use, replaced by loom's to check interleavings.

#[cfg(model_check)]
pub(crate) use loom::hint::spin_loop;
#[cfg(model_check)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(model_check)]
pub(crate) use loom::sync::{Mutex, MutexGuard};
#[cfg(not(model_check))]
pub(crate) use std::hint::spin_loop;
#[cfg(not(model_check))]
pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(model_check))]
pub(crate) use std::sync::{Mutex, MutexGuard};
