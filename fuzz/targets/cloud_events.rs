//! The fuzzing target `cloud_events`; what it holds is said in the library.
#![cfg_attr(fuzzing, no_main)]

fuzzing::target!(cloud_events);
