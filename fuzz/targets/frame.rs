//! The fuzzing target `frame`; what it holds is said in the library.
#![cfg_attr(fuzzing, no_main)]

fuzzing::target!(frame);
