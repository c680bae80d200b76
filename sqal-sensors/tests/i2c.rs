//! Published driver crates read simulated devices over a bus, and get the scene's values.
#![cfg(all(feature = "as7341", feature = "vl53-8x8"))]
#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "a test fails by panicking, and small whole numbers are exact"
)]

use std::sync::{Arc, Mutex};

use as7341::{ALL_GAINS, As7341, Gain};
use embedded_hal::i2c::{Error as _, ErrorKind, I2c};
use fixtures::i2c::{Bus, NoDeviceError, SimulatedAs7341, SimulatedVl53l8, SkippedTime, Zone, open};
use fixtures::scene::{Fault, Scene, Station, WHITE};
use futures_util::FutureExt;
use sqal_core::{Analyzer, Channel, IntegrationTime, spectrum::AdcStatus, tof::TargetStatus};
use sqal_sensors::{
    TofAnalyzer, TofProfile,
    drivers::{DriverUnits, frame_from_vl53_8x8, spectrum_from_as7341},
    tof::decode_uld_frame,
};
use vl53_8x8::{BlockingI2c, Resolution, Sensor};

const STATUS2: u8 = 0xA3;

fn spectral() -> (Arc<Mutex<SimulatedAs7341>>, Bus) {
    let device = Arc::new(Mutex::new(SimulatedAs7341::default()));
    let bus = Bus::default().with(&device);
    (device, bus)
}

fn status2(bus: &Bus) -> u8 {
    let mut status = [0];
    bus.clone().write_read(SimulatedAs7341::ADDRESS, &[STATUS2], &mut status).unwrap();
    status[0]
}

#[test]
fn the_as7341_driver_reads_what_the_light_makes_of_every_gain_and_time() {
    let (device, bus) = spectral();
    let mut driver = As7341::new(bus.clone(), SkippedTime(bus.clone()));
    driver.init().unwrap();
    let light: [f64; 10] = core::array::from_fn(|k| f64::from(u16::try_from(110 + 17 * k).unwrap()) / 1000.0);
    for gain in ALL_GAINS {
        for (atime, astep) in [(29, 599), (0, 999), (100, 999)] {
            driver.set_gain(gain).unwrap();
            driver.set_atime(atime).unwrap();
            driver.set_astep(astep).unwrap();
            open(&device).set_light(light);
            let data = driver.read_all_channels().unwrap();
            let time = IntegrationTime::from_registers(atime, astep).unwrap();
            let status = match status2(&bus) & 0b1_1000 {
                0 => AdcStatus::Clear,
                0b1_0000 => AdcStatus::DigitalSaturation,
                _ => AdcStatus::AnalogSaturation,
            };
            let spectrum = spectrum_from_as7341(&data, gain, (atime, astep), status).unwrap();
            let mut full = false;
            for channel in Channel::ALL {
                let exact = light[channel.index()] * f64::from(gain.multiplier()) * time.millis();
                let clipped = exact.round().min(f64::from(time.full_scale()));
                full |= exact.round() >= f64::from(time.full_scale());
                assert!((spectrum.counts(channel) - clipped).abs() < 1e-9, "{channel:?} at {gain:?}: {data:?}");
            }
            // The status of the second pass is of F5 to F8, Clear and NIR, which are the brightest
            // here.
            assert_eq!(spectrum.adc_status() == AdcStatus::DigitalSaturation, full, "{gain:?} {atime} {astep}");
        }
    }
}

#[test]
fn analogue_saturation_is_in_the_status_alone() {
    let (device, bus) = spectral();
    let mut driver = As7341::new(bus.clone(), SkippedTime(bus.clone()));
    driver.init().unwrap();
    open(&device).set_light([1.0; 10]);
    let before = driver.read_all_channels().unwrap();
    open(&device).set_analog_saturation(true);
    assert_eq!(driver.read_all_channels().unwrap(), before);
    assert_eq!(status2(&bus) & 0b1000, 0b1000);
}

/// The device follows the bytes that a driver writes to the multiplexer, whatever the driver
/// intended: with a wrong table, it reads wrong channels.
#[test]
fn a_wrong_multiplexer_table_reads_wrong_channels() {
    let (device, bus) = spectral();
    let mut driver = As7341::new(bus.clone(), SkippedTime(bus.clone()));
    driver.init().unwrap();
    open(&device).set_light([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]);
    driver.read_all_channels().unwrap();
    // Written by hand: F8's two diodes are connected to the converter that the driver reads as F5
    // (the known fault of an Arduino library, reversed).
    let mut master = bus.clone();
    let mut set = |register: u8, value: u8| master.write(SimulatedAs7341::ADDRESS, &[register, value]).unwrap();
    set(0x80, 1);
    for at in 0..20 {
        set(at, 0);
    }
    set(0x03, 0x10);
    set(0x0E, 0x01);
    set(0xAF, 0x10);
    set(0x80, 1 | 1 << 4);
    set(0x80, 1 | 1 << 1);
    embedded_hal::delay::DelayNs::delay_ms(&mut SkippedTime(bus.clone()), 60);
    let mut counts = [0; 2];
    master.write_read(SimulatedAs7341::ADDRESS, &[0x95], &mut counts).unwrap();
    let time = IntegrationTime::from_registers(29, 599).unwrap();
    assert!((f64::from(u16::from_le_bytes(counts)) - (8.0 * 8.0 * time.millis()).round()).abs() < 1e-9);
}

#[test]
fn a_reading_takes_its_time_and_no_other_address_answers() {
    let (device, bus) = spectral();
    open(&device).set_light([1.0; 10]);
    let mut master = bus.clone();
    for (register, value) in [(0x81, 29), (0xCA, 87), (0xCB, 2), (0x80, 3)] {
        master.write(SimulatedAs7341::ADDRESS, &[register, value]).unwrap();
    }
    let mut time = SkippedTime(bus.clone());
    embedded_hal::delay::DelayNs::delay_ms(&mut time, 50);
    assert_eq!(status2(&bus), 0, "50 ms of 50.04 have passed");
    embedded_hal::delay::DelayNs::delay_ms(&mut time, 1);
    assert_eq!(status2(&bus) & 1 << 6, 1 << 6);
    let refused = master.write(0x38, &[0]).unwrap_err();
    assert_eq!(
        (refused, refused.kind()),
        (NoDeviceError(0x38), ErrorKind::NoAcknowledge(embedded_hal::i2c::NoAcknowledgeSource::Address))
    );
}

/// A frame of a simulated tray in the device's own fixed point.
fn zones(seed: u64) -> [Zone; 64] {
    let frame = Station::new(seed).read(Scene::GOOD, Fault::None).frame.unwrap();
    let reading = frame.reading();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the sensor's own fixed point")]
    core::array::from_fn(|zone| Zone {
        distance: (reading.distance_mm[zone] * 4.0) as i16,
        sigma: (reading.sigma_mm.unwrap()[zone] * 128.0) as u16,
        signal: (reading.amplitude_kcps.unwrap()[zone] * 2048.0) as u32,
        ambient: 2048,
        reflectance: (reading.reflectance_percent.unwrap()[zone] * 2.0) as u8,
        status: reading.status.unwrap()[zone].0,
        targets: 1,
    })
}

type Driver = Sensor<BlockingI2c<Bus>, SkippedTime>;

fn range_finder(device: SimulatedVl53l8) -> (Arc<Mutex<SimulatedVl53l8>>, Driver) {
    let device = Arc::new(Mutex::new(device));
    let bus = Bus::default().with(&device);
    let driver = Sensor::new(BlockingI2c(bus.clone()), SkippedTime(bus));
    (device, driver)
}

/// Nothing on this bus waits, so every future is ready at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().unwrap()
}

#[test]
fn the_vl53_driver_boots_the_device_and_reads_64_distances_and_statuses() {
    let (device, mut driver) = range_finder(SimulatedVl53l8::default());
    now(driver.init()).unwrap();
    now(driver.set_resolution(Resolution::Res8x8)).unwrap();
    now(driver.start_ranging()).unwrap();
    assert!(!now(driver.check_data_ready()).unwrap(), "nothing was measured yet");
    for (seed, blind) in (0..20).zip(0..) {
        let mut zones = zones(seed);
        zones[blind] = Zone::NOTHING;
        open(&device).measure(zones, 31);
        assert!(now(driver.check_data_ready()).unwrap());
        let results = now(driver.get_ranging_data()).unwrap();
        assert!(!now(driver.check_data_ready()).unwrap(), "a frame is new once");
        assert_eq!(results.silicon_temp_degc, 31);
        let frame = frame_from_vl53_8x8(&results, DriverUnits::Whole).unwrap();
        for (k, zone) in zones.iter().enumerate() {
            let reading = frame.reading();
            // The driver drops the fraction.
            assert_eq!(reading.distance_mm[k], f32::from(zone.distance / 4), "zone {k}");
            assert_eq!(reading.status.unwrap()[k], TargetStatus(zone.status), "zone {k}");
            assert_eq!(reading.reflectance_percent.unwrap()[k], f32::from(zone.reflectance / 2), "zone {k}");
            assert_eq!(reading.sigma_mm.unwrap()[k], f32::from(zone.sigma / 128) + 0.5, "zone {k}");
            assert_eq!(
                reading.amplitude_kcps.unwrap()[k],
                f32::from(u16::try_from(zone.signal / 2048).unwrap()),
                "zone {k}"
            );
        }
        // Our own decoder reads the bytes too, and keeps the quarters.
        let ours = decode_uld_frame(open(&device).frame().unwrap()).unwrap();
        for (k, zone) in zones.iter().enumerate() {
            assert_eq!(ours.reading().distance_mm[k], f32::from(zone.distance) / 4.0, "zone {k}");
            assert_eq!(ours.reading().status.unwrap()[k].0, zone.status, "zone {k}");
        }
        // The driver's frame can be analysed.
        let found = TofAnalyzer::new(TofProfile::example()).unwrap().analyze(&frame).unwrap().findings;
        assert!((found.avg_height_mm.unwrap().value() - 20.0).abs() < 4.0, "{found:?}");
    }
    now(driver.stop_ranging()).unwrap();
    open(&device).measure(zones(99), 31);
    assert!(!now(driver.check_data_ready()).unwrap(), "a device that stopped measures nothing");
}

#[test]
fn another_device_is_not_taken_for_the_sensor() {
    let (_, mut driver) = range_finder(SimulatedVl53l8::impostor(0xAB));
    assert!(now(driver.init()).is_err());
}

/// Both sensors are on one bus, as on the station's board.
#[test]
fn both_sensors_share_the_wires() {
    let (spectral, tof) =
        (Arc::new(Mutex::new(SimulatedAs7341::default())), Arc::new(Mutex::new(SimulatedVl53l8::default())));
    let bus = Bus::default().with(&spectral).with(&tof);
    let mut eyes = Sensor::new(BlockingI2c(bus.clone()), SkippedTime(bus.clone()));
    let mut colours = As7341::new(bus.clone(), SkippedTime(bus));
    now(eyes.init()).unwrap();
    colours.init().unwrap();
    colours.set_gain(Gain::X4).unwrap();
    open(&spectral).set_light(WHITE.map(|white| white / 2.0));
    let white = colours.read_all_channels().unwrap();
    assert_eq!(white.f5, 4604, "46/2 · 4 · 50.04 ms");
    assert!(now(eyes.is_alive()).unwrap());
    colours.set_led(true, 20).unwrap();
    assert_eq!(open(&spectral).lamp_ma(), Some(20));
}
