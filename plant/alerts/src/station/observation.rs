//! [`Observation`]: what one sample says about the instruments that took it.

use sqal_core::defect::ZoneSet;
use sqal_core::tof::TargetStatus;
use sqal_core::{DeviceId, Flag, Flags, Grid, Measured, Purpose, Sample, Timestamp, TofFrame, defect::DefectKind};

/// Fewer valid zones than this are no reading of the time-of-flight sensor.
const LEAST_VALID: u32 = 8;

/// Fewer bands with a count are no reading of the spectral sensor.
pub(super) const LEAST_BANDS: usize = 4;

/// What one sample says about the instruments that took it.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The device.
    pub device: DeviceId,
    /// The device's time of the reading.
    pub at: Timestamp,
    /// When the server received it.
    pub received_at: Timestamp,
    pub(super) tof: Option<Sight>,
    /// Whether there was a spectrum with enough light, and not too much, in at least four bands.
    pub(super) has_spectrum: bool,
    /// The natural logarithm of the counts of each band at equal gain and time.
    pub(super) bands: [Option<f64>; 10],
    /// The mean height of the product in mm.
    pub(super) height_mm: Option<f64>,
    pub(super) is_wrongly_transferred: bool,
    pub(super) do_sensors_disagree: bool,
}

/// What the time-of-flight sensor saw.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sight {
    pub(super) distance_mm: Grid<f32>,
    pub(super) amplitude_kcps: Option<Grid<f32>>,
    pub(super) reflectance_percent: Option<Grid<f32>>,
    pub(super) sigma_mm: Option<Grid<f32>>,
    pub(super) valid: ZoneSet,
    /// The zones of the tray whose height is known.
    pub(super) product: ZoneSet,
}

impl Observation {
    /// The observation of a sample; `None` for a reading of a reference, which shows no tray.
    #[must_use]
    pub fn of(sample: &Sample) -> Option<Self> {
        if sample.purpose != Purpose::Product {
            return None;
        }
        let (tof, spectral) = (sample.inspection.tof.as_ref(), sample.inspection.spectral.as_ref());
        let height = tof.and_then(|assessed| assessed.findings.height_mm);
        let product = height.map_or(ZoneSet::default(), |map| ZoneSet::from_fn(|zone| map[zone].is_some()));
        let flags = |assessed: Option<Flags>| assessed.unwrap_or_default();
        let (of_tof, of_spectrum) = (flags(tof.map(|one| one.flags)), flags(spectral.map(|one| one.flags)));
        let wrong = [Flag::RepeatedBands, Flag::BytesSwapped, Flag::RepeatedFrame];
        let counts = spectral.map_or([None; 10], |assessed| assessed.findings.basic_counts);
        Some(Self {
            device: sample.key.device_id,
            at: sample.key.timestamp,
            received_at: sample.received_at,
            tof: sample.tof.as_ref().and_then(|frame| Sight::of(frame, product)),
            has_spectrum: counts.iter().flatten().filter(|count| **count > 0.0).count() >= LEAST_BANDS,
            bands: counts.map(|count| count.filter(|count| *count > 0.0).map(f64::ln)),
            height_mm: tof.and_then(|assessed| assessed.findings.avg_height_mm).map(Measured::value),
            is_wrongly_transferred: wrong.iter().any(|flag| of_tof.contains(*flag) || of_spectrum.contains(*flag)),
            do_sensors_disagree: sample
                .inspection
                .verdict
                .defects
                .iter()
                .any(|defect| defect.kind == DefectKind::SensorDisagreement),
        })
    }

    /// The seconds from the device's time of the reading to its receipt.
    #[must_use]
    pub fn age_seconds(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "microseconds to seconds")]
        let micros = self.received_at.micros().saturating_sub(self.at.micros()) as f64;
        micros / 1e6
    }
}

impl Sight {
    fn of(frame: &TofFrame, product: ZoneSet) -> Option<Self> {
        let reading = frame.reading();
        let is_valid = |zone: usize| reading.status.as_ref().is_none_or(|codes| trusted(codes[zone]));
        let valid = ZoneSet::from_fn(|zone| is_valid(zone) && reading.distance_mm[zone] > 0.0);
        (valid.len() >= LEAST_VALID).then_some(Self {
            distance_mm: reading.distance_mm,
            amplitude_kcps: reading.amplitude_kcps,
            reflectance_percent: reading.reflectance_percent,
            sigma_mm: reading.sigma_mm,
            valid,
            product,
        })
    }
}

fn trusted(status: TargetStatus) -> bool {
    status.confidence() > 0.0
}
