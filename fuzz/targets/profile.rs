//! The fuzzing target `profile`; what it holds is said in the library.
#![cfg_attr(fuzzing, no_main)]

fuzzing::target!(profile);
