//! [`WiredStation`]: the simulated station read over a bus by real drivers (SIM-01).
//!
//! The scene is written into simulated devices, register by register, and published driver crates
//! read it over I2C. Analysis and fusion follow as in every station. The only loss is that of the
//! drivers: the one for the time-of-flight sensor returns whole millimetres.

use std::sync::{Arc, Mutex};

use as7341::{As7341, Gain};
use embedded_hal::i2c::I2c;
use fixtures::i2c::{Bus, NoDeviceError, Shared, SimulatedAs7341, SimulatedVl53l8, SkippedTime, Zone, open};
use fixtures::scene;
use futures_util::FutureExt;
use sqal_core::{Channel, Spectrum, TofFrame, spectrum::AdcStatus};
use sqal_sensors::drivers::{DriverUnits, frame_from_vl53_8x8, spectrum_from_as7341};
use vl53_8x8::{BlockingI2c, Resolution, Sensor};

/// ATIME and ASTEP for an integration time of 99.9 ms.
const TIMING: (u8, u16) = (59, 598);

/// The station: the scenes, both devices, and a driver for each.
pub struct WiredStation {
    scenes: scene::Station,
    bus: Bus,
    eyes: Shared<SimulatedVl53l8>,
    colours: Shared<SimulatedAs7341>,
    ranging: Box<Sensor<BlockingI2c<Bus>, SkippedTime>>,
    spectral: As7341<Bus, SkippedTime>,
}

impl std::fmt::Debug for WiredStation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WiredStation").field("bus", &self.bus).finish_non_exhaustive()
    }
}

/// Why a driver cannot read its device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WiringError {
    /// The driver of the spectral sensor failed.
    #[error("AS7341 driver: {0}")]
    Spectral(String),
    /// The driver of the time-of-flight sensor failed.
    #[error("VL53L8 driver: {0}")]
    Ranging(String),
}

impl WiredStation {
    /// A station whose drivers have booted both devices.
    ///
    /// # Errors
    ///
    /// [`WiringError`] if a driver does not find its device.
    pub fn boot(seed: u64) -> Result<Self, WiringError> {
        let eyes = Arc::new(Mutex::new(SimulatedVl53l8::default()));
        let colours = Arc::new(Mutex::new(SimulatedAs7341::default()));
        let bus = Bus::default().with(&eyes).with(&colours);
        let mut ranging = Box::new(Sensor::new(BlockingI2c(bus.clone()), SkippedTime(bus.clone())));
        now(ranging.init())?;
        now(ranging.set_resolution(Resolution::Res8x8))?;
        now(ranging.start_ranging())?;
        let mut spectral = As7341::new(bus.clone(), SkippedTime(bus.clone()));
        spectral.init()?;
        spectral.set_gain(Gain::X4)?;
        spectral.set_atime(TIMING.0)?;
        spectral.set_astep(TIMING.1)?;
        Ok(Self { scenes: scene::Station::new(seed), bus, eyes, colours, ranging, spectral })
    }

    /// The next reading of both instruments, with its truth. An instrument whose driver fails has
    /// no reading.
    pub fn next_reading(&mut self) -> scene::Reading {
        let reading = self.scenes.next_reading();
        let frame = reading.frame.and_then(|frame| self.range(&frame).ok());
        let spectrum = reading.spectrum.and_then(|spectrum| self.colour(&spectrum).ok());
        scene::Reading { frame, spectrum, ..reading }
    }

    fn range(&mut self, frame: &TofFrame) -> Result<TofFrame, WiringError> {
        open(&self.eyes).measure(zones(frame), 25);
        now(self.ranging.check_data_ready())?;
        let results = now(self.ranging.get_ranging_data())?;
        frame_from_vl53_8x8(&results, DriverUnits::Whole).map_err(|refused| WiringError::Ranging(refused.to_string()))
    }

    fn colour(&mut self, spectrum: &Spectrum) -> Result<Spectrum, WiringError> {
        let unit = spectrum.gain().multiplier() * spectrum.integration_time().millis();
        open(&self.colours).set_light(Channel::ALL.map(|channel| spectrum.counts(channel) / unit));
        let data = self.spectral.read_all_channels()?;
        // The driver reads no flags, so the converter's status of the second pass is read from
        // STATUS2.
        let mut status = [0];
        let read = self.bus.write_read(SimulatedAs7341::ADDRESS, &[0xA3], &mut status);
        read.map_err(|error| WiringError::Spectral(error.to_string()))?;
        let status = match status[0] & 0b1_1000 {
            0 => AdcStatus::Clear,
            0b1_0000 => AdcStatus::DigitalSaturation,
            _ => AdcStatus::AnalogSaturation,
        };
        spectrum_from_as7341(&data, Gain::X4, TIMING, status)
            .map_err(|refused| WiringError::Spectral(refused.to_string()))
    }
}

/// A frame in the device's own fixed point.
fn zones(frame: &TofFrame) -> [Zone; 64] {
    let reading = frame.reading();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the sensor's own fixed point")]
    core::array::from_fn(|zone| Zone {
        distance: (reading.distance_mm[zone] * 4.0) as i16,
        sigma: (reading.sigma_mm.map_or(1.0, |sigma| sigma[zone]) * 128.0) as u16,
        signal: (reading.amplitude_kcps.map_or(0.0, |amplitude| amplitude[zone]) * 2048.0) as u32,
        ambient: 0,
        reflectance: (reading.reflectance_percent.map_or(0.0, |reflectance| reflectance[zone]) * 2.0) as u8,
        status: reading.status.map_or(5, |status| status[zone].0),
        targets: 1,
    })
}

/// Nothing on this bus waits, so every future is ready at once.
fn now<T>(future: impl Future<Output = Result<T, vl53_8x8::Error<NoDeviceError>>>) -> Result<T, WiringError> {
    let done = future.now_or_never().ok_or_else(|| WiringError::Ranging("the bus waits for something".to_owned()))?;
    done.map_err(|error| WiringError::Ranging(format!("{error:?}")))
}

impl From<as7341::Error<NoDeviceError>> for WiringError {
    fn from(error: as7341::Error<NoDeviceError>) -> Self {
        match error {
            as7341::Error::I2c(error) => Self::Spectral(error.to_string()),
            as7341::Error::InvalidDeviceId(id) => Self::Spectral(format!("device id {id:#04x}: expected 0x24")),
            as7341::Error::Timeout => Self::Spectral("the measurement did not end".to_owned()),
        }
    }
}
