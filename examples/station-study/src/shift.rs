//! Simulated shifts of a station, with the noise of the simulator or of a recorded sensor, and with
//! lasting faults of its instruments.

use fixtures::capture::vl53l8_buffers;
use fixtures::scene::{Reading, Station};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use sqal_alerts::station::{Cause, Change, Observation, StationFault, StationWatch};
use sqal_core::beside::Beside;
use sqal_core::grade::GradeScale;
use sqal_core::sample::Meta;
use sqal_core::tof::TargetStatus;
use sqal_core::{Flag, Grid, Name, ProfileRef, Purpose, Sample, SampleKey, Spectrum, Timestamp, TofFrame};
use sqal_fusion::{Inspector, PowerMeanRule};
use sqal_sensors::tof::decode_uld_frame;
use sqal_sensors::{SpectralAnalyzer, SpectralProfile, TofAnalyzer, TofProfile};

/// Trays of a shift of eight hours, one each ten seconds.
pub const TRAYS_OF_A_SHIFT: u32 = 2880;

/// The trays over which a fault that grows reaches its full size.
const GROWS: f64 = 13.0;

/// The faults that were named within `trays`, each with the number of its tray.
pub fn named(watch: &mut StationWatch, shift: &mut Shift, trays: u32) -> Vec<(u32, StationFault)> {
    let mut named = Vec::new();
    for tray in 1..=trays {
        for change in watch.take(&shift.observation()) {
            if let Change::Began(fault) = change {
                named.push((tray, fault));
            }
        }
    }
    named
}

/// A lasting fault of a station, or a lasting change of its product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// The time-of-flight sensor sends nothing.
    DeadTof,
    /// The spectral sensor sends nothing.
    DeadSpectrum,
    /// Nine zones are covered.
    DirtyWindow,
    /// A film: amplitude −70 %, noise x2.2, reflectance −45 %.
    FilmedWindow,
    /// The lamp fades to 17 %.
    FadingLamp,
    /// The lamp gives no light; the spectral sensor goes on sending.
    DeadLamp,
    /// The floor sinks by 4 mm.
    MovedFloor,
    /// The bytes of every other spectrum are exchanged.
    ExchangedBytes,
    /// The device's clock is five minutes ahead.
    ClockAhead,
    /// The device's clock is an hour behind.
    ClockBehind,
    /// A filter of the spectral sensor has moved: short bands lose light and long bands gain it.
    MovedFilter,
    /// The product is darker by a third for both instruments.
    DarkerProduct,
}

impl Lasting {
    /// Every fault; the first five are those that a line operator has tried.
    pub const ALL: [Self; 12] = [
        Self::DeadTof,
        Self::DirtyWindow,
        Self::FilmedWindow,
        Self::FadingLamp,
        Self::MovedFloor,
        Self::DeadSpectrum,
        Self::DeadLamp,
        Self::ExchangedBytes,
        Self::ClockAhead,
        Self::ClockBehind,
        Self::MovedFilter,
        Self::DarkerProduct,
    ];

    /// The causes that name it rightly.
    #[must_use]
    pub const fn causes(self) -> &'static [Cause] {
        match self {
            Self::DeadTof | Self::DeadSpectrum | Self::DeadLamp => &[Cause::SensorBlind],
            Self::DirtyWindow => &[Cause::WindowDirty],
            Self::FilmedWindow => &[Cause::WindowFilmed],
            Self::FadingLamp => &[Cause::LampFading],
            Self::MovedFloor => &[Cause::FloorMoved],
            Self::ExchangedBytes => &[Cause::BusErrors],
            Self::ClockAhead | Self::ClockBehind => &[Cause::ClockWrong],
            Self::MovedFilter => &[Cause::SensorsDisagree],
            Self::DarkerProduct => &[Cause::ProductChanged],
        }
    }
}

/// A station whose trays are judged as the server judges them.
#[derive(Debug)]
pub struct Shift {
    station: Station,
    random: ChaCha8Rng,
    inspector: Inspector<TofAnalyzer, SpectralAnalyzer, PowerMeanRule>,
    /// The deviations of recorded frames from their mean, in units of each zone's claimed noise.
    recorded: Option<Vec<Grid<f64>>>,
    tray: u32,
    fault: Option<(Lasting, u32)>,
}

impl Shift {
    /// A shift with the noise of the simulator.
    #[must_use]
    pub fn simulated(seed: u64) -> Self {
        Self {
            station: Station::new(seed),
            random: ChaCha8Rng::seed_from_u64(seed ^ 0x5eed),
            inspector: Inspector::new(
                TofAnalyzer::new(TofProfile::example()).expect("valid"),
                SpectralAnalyzer::new(SpectralProfile::example()).expect("valid"),
                PowerMeanRule::default(),
                GradeScale::default(),
            ),
            recorded: None,
            tray: 0,
            fault: None,
        }
    }

    /// A shift whose time-of-flight frames have the deviations of recorded frames in place of the
    /// simulator's: real zones have real scatter, which is correlated and heavy-tailed.
    #[must_use]
    pub fn recorded(seed: u64) -> Self {
        Self { recorded: Some(deviations()), station: Station::new(seed).with_sigma(1e-3), ..Self::simulated(seed) }
    }

    /// The fault begins with the next tray.
    pub fn begin(&mut self, fault: Lasting) {
        self.fault = Some((fault, self.tray));
    }

    /// The fault is over.
    pub fn repair(&mut self) {
        self.fault = None;
    }

    /// The next tray, judged.
    pub fn sample(&mut self) -> Sample {
        let mut reading = self.station.next_reading();
        self.add_recorded_noise(&mut reading);
        let (mut seconds, mut age) = (f64::from(self.tray) * 10.0, 0.05);
        if let Some((fault, since)) = self.fault {
            let grown = (f64::from(self.tray - since + 1) / GROWS).min(1.0);
            self.apply(fault, grown, &mut reading);
            age = match fault {
                Lasting::ClockAhead => -300.0,
                Lasting::ClockBehind => 3600.0,
                _ => age,
            };
        }
        age += 0.2 * self.normal().abs();
        seconds += 1_794_000_000.0;
        self.tray += 1;
        #[expect(clippy::cast_possible_truncation, reason = "microseconds of this century")]
        let at = |seconds: f64| Timestamp::from_micros((seconds * 1e6) as i64).expect("in range");
        let inspection = self.inspector.inspect(reading.frame.as_ref(), reading.spectrum.as_ref());
        Sample {
            key: SampleKey {
                device_id: Name::new("POSTE1").expect("short"),
                timestamp: at(seconds - age),
                name: Name::new(&format!("SAMPLE-{:08}", self.tray)).expect("short"),
            },
            received_at: at(seconds),
            tof: reading.frame,
            spectrum: reading.spectrum,
            inspection,
            reported: None,
            meta: Meta { firmware_version: None, temperature_c: Some(12.0), humidity_percent: Some(55.0) },
            profile: ProfileRef { name: Name::new("example").expect("short"), version: 1, hash: [7; 16] },
            processing_micros: 11,
            beside: Beside::default(),
            purpose: Purpose::Product,
        }
    }

    /// What the next tray says about the instruments.
    pub fn observation(&mut self) -> Observation {
        let wrong = matches!(self.fault, Some((Lasting::ExchangedBytes, _)));
        let mut sample = self.sample();
        if wrong && let Some(spectral) = sample.inspection.spectral.as_mut() {
            // The simulator's counts cannot be exchanged without leaving the sensor's range.
            spectral.flags.insert(Flag::BytesSwapped);
        }
        Observation::of(&sample).expect("a product")
    }

    fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.random)
    }

    fn add_recorded_noise(&mut self, reading: &mut Reading) {
        let (Some(recorded), Some(frame)) = (&self.recorded, &reading.frame) else { return };
        let drawn = &recorded[self.random.next_u32() as usize % recorded.len()];
        let mut values = *frame.reading();
        for zone in 0..64 {
            // The claimed noise of the simulator's usual zones: 1.2 mm at 150 mm.
            let sigma = 1.2 * f64::from(values.distance_mm[zone]) / 150.0;
            #[expect(clippy::cast_possible_truncation, reason = "the sensor's own fixed point")]
            {
                values.distance_mm[zone] =
                    (sigma.mul_add(drawn[zone], f64::from(values.distance_mm[zone])) * 4.0).round().max(0.0) as f32
                        / 4.0;
                if let Some(claimed) = values.sigma_mm.as_mut() {
                    claimed[zone] = ((sigma * 128.0).round() / 128.0) as f32;
                }
            }
        }
        reading.frame = Some(TofFrame::new(values).expect("within the ranges"));
    }

    fn apply(&mut self, fault: Lasting, grown: f64, reading: &mut Reading) {
        match fault {
            Lasting::DeadTof => reading.frame = None,
            Lasting::DeadSpectrum => reading.spectrum = None,
            Lasting::DirtyWindow => self.change_frame(reading, |values, _| {
                for zone in [17, 18, 19, 25, 26, 27, 33, 34, 35] {
                    values.distance_mm[zone] = 0.0;
                    if let Some(codes) = values.status.as_mut() {
                        codes[zone] = TargetStatus(255);
                    }
                }
            }),
            Lasting::FilmedWindow => self.change_frame(reading, |values, normals| {
                let noise = 2.2f64.mul_add(2.2, -1.0).sqrt();
                for zone in 0..64 {
                    let sigma = values.sigma_mm.map_or(1.2, |sigma| f64::from(sigma[zone]));
                    scale(&mut values.amplitude_kcps, zone, 0.3);
                    scale(&mut values.reflectance_percent, zone, 0.55);
                    scale(&mut values.sigma_mm, zone, 2.2);
                    add(&mut values.distance_mm, zone, noise * sigma * normals[zone]);
                }
            }),
            Lasting::MovedFloor => self.change_frame(reading, |values, _| {
                for zone in 0..64 {
                    add(&mut values.distance_mm, zone, 4.0 * grown);
                }
            }),
            Lasting::FadingLamp => change_spectrum(reading, |_| 0.17f64.powf(grown)),
            Lasting::DeadLamp => change_spectrum(reading, |_| 0.0),
            Lasting::MovedFilter => change_spectrum(reading, |band| 1.0 + 0.5 * grown * (band - 3.5) / 3.5),
            Lasting::DarkerProduct => {
                self.change_frame(reading, |values, _| {
                    for zone in 0..64 {
                        if values.distance_mm[zone] < 140.0 {
                            scale(&mut values.amplitude_kcps, zone, 0.67);
                            scale(&mut values.reflectance_percent, zone, 0.67);
                        }
                    }
                });
                change_spectrum(reading, |_| 0.67);
            }
            Lasting::ExchangedBytes | Lasting::ClockAhead | Lasting::ClockBehind => {}
        }
    }

    fn change_frame(&mut self, reading: &mut Reading, change: impl FnOnce(&mut sqal_core::tof::TofReading, &[f64])) {
        let normals: Vec<f64> = (0..64).map(|_| self.normal()).collect();
        if let Some(frame) = &reading.frame {
            let mut values = *frame.reading();
            change(&mut values, &normals);
            reading.frame = Some(TofFrame::new(values).expect("within the ranges"));
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the sensor's own precision")]
fn add(matrix: &mut Grid<f32>, zone: usize, more: f64) {
    matrix[zone] = (f64::from(matrix[zone]) + more).max(0.0) as f32;
}

#[expect(clippy::cast_possible_truncation, reason = "the sensor's own precision")]
fn scale(matrix: &mut Option<Grid<f32>>, zone: usize, times: f64) {
    if let Some(matrix) = matrix.as_mut() {
        matrix[zone] = (f64::from(matrix[zone]) * times) as f32;
    }
}

/// Multiplies the counts of each band. Clear and NIR count as the middle of the bands.
fn change_spectrum(reading: &mut Reading, times: impl Fn(f64) -> f64) {
    if let Some(spectrum) = &reading.spectrum {
        let mut counts = *spectrum.all_counts();
        let largest = f64::from(spectrum.integration_time().largest_count());
        for (band, count) in counts.iter_mut().enumerate() {
            let place = if band < 8 { f64::from(u8::try_from(band).expect("few")) } else { 3.5 };
            #[expect(clippy::cast_possible_truncation, reason = "at most the sensor's full scale")]
            let changed = (f64::from(*count) * times(place)).round().clamp(0.0, largest) as f32;
            *count = changed;
        }
        reading.spectrum = Some(
            Spectrum::new(counts, spectrum.gain(), spectrum.integration_time(), spectrum.adc_status())
                .expect("within the ranges"),
        );
    }
}

/// The deviations of each zone of the recorded frames from its mean, over its standard deviation.
fn deviations() -> Vec<Grid<f64>> {
    let frames: Vec<TofFrame> = vl53l8_buffers()
        .expect("the recording is whole")
        .iter()
        .map(|raw| decode_uld_frame(&raw.buffer).expect("a recorded frame"))
        .collect();
    let n = f64::from(u32::try_from(frames.len()).expect("few"));
    let of = |frame: &TofFrame, zone: usize| f64::from(frame.reading().distance_mm[zone]);
    let mean = Grid::from_fn(|zone| frames.iter().map(|frame| of(frame, zone)).sum::<f64>() / n);
    let sd = Grid::from_fn(|zone| {
        let squares: f64 = frames.iter().map(|frame| (of(frame, zone) - mean[zone]).powi(2)).sum();
        (squares / (n - 1.0)).sqrt()
    });
    frames
        .iter()
        .map(|frame| Grid::from_fn(|zone| if sd[zone] > 0.0 { (of(frame, zone) - mean[zone]) / sd[zone] } else { 0.0 }))
        .collect()
}
