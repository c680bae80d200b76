//! The format of pprof (`profile.proto`): a gzipped protobuf, which `go tool pprof` opens.
//!
//! The messages and the numbers of their fields are those of
//! <https://github.com/google/pprof/blob/main/proto/profile.proto>.

use std::collections::HashMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::profile::{CpuProfile, Place, Stack};
use crate::protobuf::Message;

/// The fields of `Profile`.
mod field {
    pub(super) const SAMPLE_TYPE: u32 = 1;
    pub(super) const SAMPLE: u32 = 2;
    pub(super) const MAPPING: u32 = 3;
    pub(super) const LOCATION: u32 = 4;
    pub(super) const FUNCTION: u32 = 5;
    pub(super) const STRING_TABLE: u32 = 6;
    pub(super) const TIME_NANOS: u32 = 9;
    pub(super) const DURATION_NANOS: u32 = 10;
    pub(super) const PERIOD_TYPE: u32 = 11;
    pub(super) const PERIOD: u32 = 12;
}

impl CpuProfile {
    /// The profile in the format of pprof, gzipped: samples and CPU time of each stack, with its
    /// functions and lines.
    #[must_use]
    pub fn to_pprof(&self) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        // A vector takes every byte, so neither call fails.
        let _ = packed.write_all(&self.to_protobuf());
        packed.finish().unwrap_or_default()
    }

    fn to_protobuf(&self) -> Vec<u8> {
        let (mut texts, mut profile) = (Texts::default(), Message::default());
        let [samples, count, cpu, nanoseconds] =
            ["samples", "count", "cpu", "nanoseconds"].map(|text| texts.index(text));
        for (what, unit) in [(samples, count), (cpu, nanoseconds)] {
            profile.message(field::SAMPLE_TYPE, |kind| {
                kind.index(1, what).index(2, unit);
            });
        }
        let thread = texts.index("thread");
        for stack in &self.stacks {
            self.sample(stack, thread, &mut texts, &mut profile);
        }
        // One mapping that has all names, so that no tool looks for a program to read them from.
        profile.message(field::MAPPING, |mapping| {
            mapping.integer(1, 1).integer(7, 1).integer(8, 1).integer(9, 1).integer(10, 1);
        });
        let mut functions = HashMap::new();
        for (number, place) in (1..).zip(&self.places) {
            let function = function_of(place, &mut functions, &mut texts, &mut profile);
            profile.message(field::LOCATION, |location| {
                location.integer(1, number).integer(2, 1).message(4, |line| {
                    line.integer(1, function).integer(2, place.line.unwrap_or(0).into());
                });
            });
        }
        let began = u64::try_from(self.taken_at().micros()).unwrap_or(0).saturating_mul(1_000);
        let lasted = u64::try_from(self.duration().as_nanos()).unwrap_or(u64::MAX);
        profile.integer(field::TIME_NANOS, began).integer(field::DURATION_NANOS, lasted);
        profile.message(field::PERIOD_TYPE, |kind| {
            kind.index(1, cpu).index(2, nanoseconds);
        });
        profile.integer(field::PERIOD, self.period_nanos());
        for text in &texts.list {
            profile.text(field::STRING_TABLE, text);
        }
        profile.into_bytes()
    }

    /// Writes a stack: the ids of its places, its samples and their CPU time, and its thread.
    fn sample(&self, stack: &Stack, thread: usize, texts: &mut Texts, profile: &mut Message) {
        let name = texts.index(&stack.thread);
        let nanos = stack.samples.saturating_mul(self.period_nanos());
        profile.message(field::SAMPLE, |sample| {
            sample.integers(1, stack.places.iter().map(|place| id(*place))).integers(2, [stack.samples, nanos]);
            sample.message(3, |label| {
                label.index(1, thread).index(2, name);
            });
        });
    }
}

/// The id of a place, or of a function: its index and one, because 0 stands for none.
fn id(index: usize) -> u64 {
    u64::try_from(index).unwrap_or(u64::MAX).saturating_add(1)
}

/// The id of the function of a place, which is written when it occurs first.
fn function_of<'a>(
    place: &'a Place,
    known: &mut HashMap<(&'a str, Option<&'a str>), u64>,
    texts: &mut Texts,
    profile: &mut Message,
) -> u64 {
    let next = id(known.len());
    *known.entry((place.function.as_str(), place.file.as_deref())).or_insert_with(|| {
        let (name, file) = (texts.index(&place.function), place.file.as_deref().map_or(0, |file| texts.index(file)));
        profile.message(field::FUNCTION, |function| {
            function.integer(1, next).index(2, name).index(4, file);
        });
        next
    })
}

/// The texts of a profile, each once. The first one is empty.
struct Texts {
    list: Vec<String>,
    known: HashMap<String, usize>,
}

impl Default for Texts {
    fn default() -> Self {
        Self { list: vec![String::new()], known: HashMap::from([(String::new(), 0)]) }
    }
}

impl Texts {
    /// The index of a text, which is added if it is new.
    fn index(&mut self, text: &str) -> usize {
        if let Some(index) = self.known.get(text) {
            return *index;
        }
        let index = self.list.len();
        self.list.push(text.to_owned());
        self.known.insert(text.to_owned(), index);
        index
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;
    use std::time::Duration;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;
    use sqal_core::Timestamp;

    use super::*;
    use crate::plan::ProfilePlan;

    /// A field of a message that was read: an integer, or bytes.
    #[derive(Clone, Debug, PartialEq)]
    enum Value {
        Integer(u64),
        Bytes(Vec<u8>),
    }

    fn varint(bytes: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let (first, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= u64::from(first & 0x7f) << shift;
            shift += 7;
            if first & 0x80 == 0 {
                return value;
            }
        }
    }

    /// The fields of a message, by a reader that shares no code with the writer.
    fn fields(mut bytes: &[u8]) -> BTreeMap<u64, Vec<Value>> {
        let mut fields = BTreeMap::<u64, Vec<Value>>::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let value = if key.is_multiple_of(8) {
                Value::Integer(varint(&mut bytes))
            } else {
                assert_eq!(key % 8, 2);
                let length = usize::try_from(varint(&mut bytes)).unwrap();
                let (text, rest) = bytes.split_at(length);
                bytes = rest;
                Value::Bytes(text.to_vec())
            };
            fields.entry(key >> 3).or_default().push(value);
        }
        fields
    }

    fn integer(fields: &BTreeMap<u64, Vec<Value>>, field: u64) -> usize {
        match fields.get(&field).map(Vec::as_slice) {
            None => 0,
            Some([Value::Integer(value)]) => usize::try_from(*value).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn messages(fields: &BTreeMap<u64, Vec<Value>>, field: u64) -> Vec<Vec<u8>> {
        let bytes = |value: &Value| match value {
            Value::Bytes(bytes) => bytes.clone(),
            Value::Integer(_) => panic!("no message"),
        };
        fields.get(&field).into_iter().flatten().map(bytes).collect()
    }

    fn integers(bytes: &[u8]) -> Vec<usize> {
        let (mut bytes, mut all) = (bytes, Vec::new());
        while !bytes.is_empty() {
            all.push(usize::try_from(varint(&mut bytes)).unwrap());
        }
        all
    }

    /// The table of texts of a profile.
    fn texts_of(profile: &BTreeMap<u64, Vec<Value>>) -> Vec<String> {
        messages(profile, 6).into_iter().map(|text| String::from_utf8(text).unwrap()).collect()
    }

    fn unpacked(profile: &CpuProfile) -> BTreeMap<u64, Vec<Value>> {
        let mut bytes = Vec::new();
        GzDecoder::new(&*profile.to_pprof()).read_to_end(&mut bytes).unwrap();
        fields(&bytes)
    }

    proptest! {
        #[test]
        fn every_stack_is_read_back_with_its_functions_lines_thread_and_values(stacks in prop::collection::vec(
            (prop::collection::vec(("[a-c]{1,2}", prop::option::of("[x-z]"), prop::option::of(1..9_u32)), 1..5),
             "[t-v]", 1..9_u64), 0..12)) {
            let at = Timestamp::from_micros(1_794_002_400_000_001).unwrap();
            let plan = ProfilePlan::new(1, 100).unwrap();
            let mut profile = CpuProfile::new(at, Duration::from_millis(1_500), plan);
            for (places, thread, samples) in &stacks {
                let place = |(function, file, line): &(String, Option<String>, Option<u32>)| {
                    Place { function: function.clone(), file: file.clone(), line: *line }
                };
                profile.add(thread, places.iter().map(place), *samples);
            }
            let read = unpacked(&profile);
            let texts = texts_of(&read);
            prop_assert_eq!(texts[0].as_str(), "");
            let functions: BTreeMap<usize, (String, String)> = messages(&read, 5).iter().map(|function| {
                let function = fields(function);
                let text = |field| texts[integer(&function, field)].clone();
                (integer(&function, 1), (text(2), text(4)))
            }).collect();
            let locations: BTreeMap<usize, (usize, usize)> = messages(&read, 4).iter().map(|location| {
                let location = fields(location);
                assert_eq!(integer(&location, 2), 1, "every place is of the one mapping");
                let line = fields(&messages(&location, 4)[0]);
                (integer(&location, 1), (integer(&line, 1), integer(&line, 2)))
            }).collect();
            prop_assert!(!locations.contains_key(&0) && !functions.contains_key(&0), "0 stands for none");
            let samples = messages(&read, 2);
            prop_assert_eq!(samples.len(), stacks.len());
            for (sample, (places, thread, count)) in samples.iter().zip(&stacks) {
                let sample = fields(sample);
                let found: Vec<_> = integers(&messages(&sample, 1)[0]).into_iter().map(|id| {
                    let (function, line) = locations[&id];
                    (functions[&function].clone(), line)
                }).collect();
                let expected: Vec<_> = places.iter().map(|(function, file, line)| {
                    let line = usize::try_from(line.unwrap_or(0)).unwrap();
                    ((function.clone(), file.clone().unwrap_or_default()), line)
                }).collect();
                prop_assert_eq!(found, expected);
                let count = usize::try_from(*count).unwrap();
                prop_assert_eq!(integers(&messages(&sample, 2)[0]), vec![count, count * 10_000_000]);
                let label = fields(&messages(&sample, 3)[0]);
                prop_assert_eq!((texts[integer(&label, 1)].as_str(), &texts[integer(&label, 2)]), ("thread", thread));
            }
        }
    }

    #[test]
    fn the_head_says_what_was_measured_when_for_how_long_and_how_often() {
        let at = Timestamp::from_micros(1_794_002_400_000_001).unwrap();
        let profile = CpuProfile::new(at, Duration::from_millis(1_500), ProfilePlan::default());
        let read = unpacked(&profile);
        assert_eq!((integer(&read, 9), integer(&read, 10)), (1_794_002_400_000_001_000, 1_500_000_000));
        assert_eq!(integer(&read, 12), 10_000_000, "nanoseconds between two samples at 100 Hz");
        let texts = texts_of(&read);
        let kind = |bytes: &[u8]| {
            let kind = fields(bytes);
            (texts[integer(&kind, 1)].as_str(), texts[integer(&kind, 2)].as_str())
        };
        let kinds: Vec<_> = messages(&read, 1).iter().map(|bytes| kind(bytes)).collect();
        assert_eq!(kinds, [("samples", "count"), ("cpu", "nanoseconds")]);
        assert_eq!(kind(&messages(&read, 11)[0]), ("cpu", "nanoseconds"));
        let mapping = fields(&messages(&read, 3)[0]);
        assert_eq!([1, 7, 8, 9, 10].map(|field| integer(&mapping, field)), [1; 5]);
    }
}
