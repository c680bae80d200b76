//! Unpacks the inputs of a fuzzing target into a folder, or packs the files of a folder.
//!
//! Usage: `corpus unpack frame target/frame`, `corpus pack frame target/frame`.

use std::io;
use std::path::Path;

use fuzzing::corpus::{archive, pack, unpack};

fn main() -> io::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["unpack", target, folder] => unpack(&archive(target), Path::new(folder)),
        ["pack", target, folder] => pack(Path::new(folder), &archive(target)),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "expected: corpus unpack|pack TARGET FOLDER")),
    }
}
