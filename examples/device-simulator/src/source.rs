//! [`Source`]: the source of a station's readings, simulated or recorded.

use std::path::PathBuf;

use fixtures::capture::{self, BadRecording, RecordedSpectrum};
use fixtures::scene;
use sqal_core::{Spectrum, TofFrame};
use sqal_grading::{InvalidProfileFile, InvalidProfiles, ProfileFile, Profiles};
use sqal_sensors::tof::{UldError, decode_uld_frame};

use crate::wired::{WiredStation, WiringError};

/// The built-in profile of the server, for a first trial.
const BUILT_IN: &str = include_str!("../../reference-server/profiles/config_foiegras.yaml");

/// One reading of both instruments.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) tof: Option<TofFrame>,
    pub(crate) spectrum: Option<Spectrum>,
    pub(crate) temperature_c: Option<f32>,
    pub(crate) humidity_percent: Option<f32>,
    /// The truth, if it is known.
    pub(crate) truth: Option<serde_json::Value>,
}

impl Reading {
    fn of_scene(reading: &scene::Reading) -> Self {
        Self {
            tof: reading.frame,
            spectrum: reading.spectrum,
            temperature_c: Some(reading.temperature_c),
            humidity_percent: Some(reading.humidity_percent),
            truth: Some(serde_json::json!({
                "scene": reading.scene,
                "volume_mm3": reading.scene.volume_mm3(),
                "fault": reading.fault,
            })),
        }
    }
}

/// Endless simulated products, or recordings.
#[derive(Debug)]
pub enum Source {
    /// Seeded scenes.
    Simulated(Box<scene::Station>),
    /// Seeded scenes, read through devices on a bus with published drivers.
    Wired(Box<WiredStation>),
    /// Recorded result buffers of a VL53L8 and counts of an AS7341, decoded as a device's driver
    /// does it.
    Recorded(std::vec::IntoIter<(TofFrame, Spectrum)>),
}

/// Why a source or its profiles could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A name is not valid.
    #[error("{what} {why}")]
    Name {
        /// The owner of the name.
        what: &'static str,
        /// The fault of the name.
        why: sqal_core::name::InvalidName,
    },
    /// A recording is damaged.
    #[error(transparent)]
    Recording(#[from] BadRecording),
    /// A recorded buffer cannot be decoded.
    #[error("recorded frame {index}: {source}")]
    Buffer {
        /// The index of the frame, from 0.
        index: usize,
        /// The cause.
        source: UldError,
    },
    /// The profile file cannot be read.
    #[error("profile file {path}: {source}")]
    File {
        /// The path of the file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The profile file cannot be parsed.
    #[error("profile file: {0}")]
    Yaml(#[from] InvalidProfileFile),
    /// A driver does not find its device.
    #[error(transparent)]
    Wires(#[from] WiringError),
    /// A profile is not valid.
    #[error(transparent)]
    Profile(#[from] InvalidProfiles),
}

impl Source {
    /// Simulated products from a seed.
    #[must_use]
    pub fn simulated(seed: u64) -> Self {
        Self::Simulated(Box::new(scene::Station::new(seed)))
    }

    /// Simulated products from a seed, read over I2C.
    ///
    /// # Errors
    ///
    /// [`SourceError`] if a driver does not find its device.
    pub fn wired(seed: u64) -> Result<Self, SourceError> {
        Ok(Self::Wired(Box::new(WiredStation::boot(seed)?)))
    }

    /// The 45 recorded VL53L8 frames whose expected values are known, each with one of the 36
    /// recorded AS7341 readings.
    ///
    /// # Errors
    ///
    /// [`SourceError`] if a recording is damaged.
    pub fn recorded() -> Result<Self, SourceError> {
        let spectra = capture::as7341_readings()?;
        let known = capture::vl53l8_expected()?.len();
        let mut readings = Vec::with_capacity(known);
        for (index, raw) in capture::vl53l8_buffers()?.into_iter().take(known).enumerate() {
            let frame = decode_uld_frame(&raw.buffer).map_err(|source| SourceError::Buffer { index, source })?;
            let RecordedSpectrum { spectrum, .. } = spectra[index % spectra.len()];
            readings.push((frame, spectrum));
        }
        Ok(Self::Recorded(readings.into_iter()))
    }

    /// The next reading; `None` after the last recording.
    pub(crate) fn next(&mut self) -> Option<Reading> {
        match self {
            Self::Simulated(station) => Some(Reading::of_scene(&station.next_reading())),
            Self::Wired(station) => Some(Reading::of_scene(&station.next_reading())),
            Self::Recorded(readings) => readings.next().map(|(tof, spectrum)| Reading {
                tof: Some(tof),
                spectrum: Some(spectrum),
                temperature_c: None,
                humidity_percent: None,
                truth: None,
            }),
        }
    }
}

/// Loads profiles from a file, or the built-in ones.
pub(crate) fn profiles(path: Option<&PathBuf>) -> Result<Profiles, SourceError> {
    let text = match path {
        Some(path) => {
            std::fs::read_to_string(path).map_err(|source| SourceError::File { path: path.clone(), source })?
        }
        None => BUILT_IN.to_owned(),
    };
    Ok(Profiles::new(ProfileFile::from_yaml(&text)?.profiles)?)
}
