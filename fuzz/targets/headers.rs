//! The fuzzing target `headers`; what it holds is said in the library.
#![cfg_attr(fuzzing, no_main)]

fuzzing::target!(headers);
