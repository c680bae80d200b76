//! The blocks of the two instruments in a frame (ING-05, ING-07): what the sensors read.

use sqal_core::{
    Channel, Gain, IntegrationTime, Spectrum, TofFrame,
    spectrum::AdcStatus,
    tof::{DistanceKind, Matrix, TargetStatus, TofReading},
};

use crate::block::{Block, read_single, read_status};
use crate::item::{Item, whole};
use crate::violation::Violation;

pub(crate) fn tof(block: &Block<'_, '_>, wrong: &mut Vec<Violation>) -> Option<TofFrame> {
    let distance_mm = block.grid("distance_matrix", read_single, 0.0, wrong);
    let before = wrong.len();
    let reflectance_percent = block.grid_or_none("reflectance_matrix", read_single, 0.0, wrong);
    let amplitude_kcps = block.grid_or_none("amplitude_matrix", read_single, 0.0, wrong);
    let sigma_mm = block.grid_or_none("sigma_matrix", read_single, 0.0, wrong);
    let status = block.grid_or_none("status_matrix", read_status, TargetStatus(0), wrong);
    let distance_kind = block.word("distance_kind", "perpendicular or radial", "perpendicular ou radial", wrong);
    if wrong.len() > before {
        return None;
    }
    let (distance_mm, distance_kind): (_, DistanceKind) = (distance_mm?, distance_kind?);
    let reading = TofReading { distance_mm, reflectance_percent, amplitude_kcps, sigma_mm, status, distance_kind };
    let refused = match TofFrame::new(reading) {
        Ok(frame) => return Some(frame),
        Err(refused) => refused,
    };
    let (min, max) = refused.matrix.range();
    let (matrix, unit): (Matrix, _) = (refused.matrix, refused.matrix.unit());
    let (row, column) = (refused.zone / 8, refused.zone % 8);
    wrong.push(Violation::new(
        format!("/vl53l8ch/{}/{row}/{column}", matrix.as_str()),
        refused.value,
        format!("{min} to {max} {unit}"),
        format!("{min} à {max} {unit}"),
    ));
    None
}

/// The counts of the channels, by the names that a frame has for them.
fn counts(block: &Block<'_, '_>, wrong: &mut Vec<Violation>) -> Option<[f32; 10]> {
    let channels = Block::of("/as7341/channels", block.required("channels", wrong)?, wrong)?;
    let mut counts = [0.0; 10];
    for (channel, count) in Channel::ALL.into_iter().zip(&mut counts) {
        let item = channels.required(channel.as_str(), wrong)?;
        match read_single(item) {
            Ok(read) => *count = read,
            Err((limit, french)) => {
                wrong.push(Violation::new(channels.pointer(channel.as_str()), item, limit, french));
                return None;
            }
        }
    }
    Some(counts)
}

/// How long the counts were collected: `integration_time` in milliseconds, the registers `atime`
/// and `astep`, or both. If both are there, they must agree.
fn integration_time(block: &Block<'_, '_>, wrong: &mut Vec<Violation>) -> Option<IntegrationTime> {
    let registers = ["atime", "astep"].map(|name| block.item.member(name));
    if registers.iter().all(|item| **item == Item::Null) {
        let millis = block.number("integration_time", wrong)?;
        let time = IntegrationTime::from_millis(millis);
        if time.is_err() {
            let (limit, french) = ("0.00556 to 46639.9 ms", "0,00556 à 46639,9 ms");
            wrong.push(Violation::new("/as7341/integration_time", millis, limit, french));
        }
        return time.ok();
    }
    let atime = register::<u8>(block, "atime", 255, wrong);
    let astep = register::<u16>(block, "astep", 65_534, wrong);
    let (atime, astep) = (atime?, astep?);
    let Ok(time) = IntegrationTime::from_registers(atime, astep) else {
        let (limit, french) = ("at least 1 if atime is 0", "au moins 1 si atime vaut 0");
        wrong.push(Violation::new("/as7341/astep", astep, limit, french));
        return None;
    };
    let item = block.item.member("integration_time");
    if *item != Item::Null {
        let millis = block.number("integration_time", wrong)?;
        if !time.is_about_millis(millis) {
            let exact = time.millis();
            let limit = format!("about {exact} ms, as atime and astep have it");
            let french = format!("environ {exact} ms, selon atime et astep");
            wrong.push(Violation::new("/as7341/integration_time", item, limit, french));
            return None;
        }
    }
    Some(time)
}

/// A register of the AS7341 that must be there, from 0 to `most`.
fn register<T: TryFrom<u32>>(block: &Block<'_, '_>, name: &str, most: u32, wrong: &mut Vec<Violation>) -> Option<T> {
    let item = block.required(name, wrong)?;
    let number = match item {
        Item::Number(written) => whole::<u32>(written).filter(|number| *number <= most),
        _ => None,
    };
    let register = number.and_then(|number| T::try_from(number).ok());
    if register.is_none() {
        let (limit, french) = (format!("a whole number from 0 to {most}"), format!("un entier de 0 à {most}"));
        wrong.push(Violation::new(block.pointer(name), item, limit, french));
    }
    register
}

pub(crate) fn spectrum(block: &Block<'_, '_>, wrong: &mut Vec<Violation>) -> Option<Spectrum> {
    let counts = counts(block, wrong);
    let gain = block.number("gain", wrong).and_then(|number| {
        let gain = Gain::from_multiplier(number);
        if gain.is_err() {
            let gains = "0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256 or 512 (the multiplier, not the register code)";
            wrong.push(Violation::new("/as7341/gain", number, gains, "0,5, 1, 2, 4, 8, 16, 32, 64, 128, 256 ou 512"));
        }
        gain.ok()
    });
    let time = integration_time(block, wrong);
    let status: Option<AdcStatus> = block.word(
        "adc_status",
        "unreported, clear, digital_saturation or analog_saturation",
        "unreported, clear, digital_saturation ou analog_saturation",
        wrong,
    );
    let (counts, gain, time, status) = (counts?, gain?, time?, status?);
    let refused = match Spectrum::new(counts, gain, time, status) {
        Ok(spectrum) => return Some(spectrum),
        Err(refused) => refused,
    };
    let channel: Channel = refused.channel;
    let (largest, full_scale, millis) = (refused.largest, time.full_scale(), time.millis());
    wrong.push(Violation::new(
        format!("/as7341/channels/{}", channel.as_str()),
        refused.value,
        format!("0 to {largest} counts: the full scale at {millis} ms is {full_scale}"),
        format!("0 à {largest} coups : la pleine échelle à {millis} ms est {full_scale}"),
    ));
    None
}
