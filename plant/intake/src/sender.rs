//! [`Sender`]: who brings a frame, and for which devices it may speak.

use sqal_core::{DeviceId, Name};

/// The name of the holder of a token, for the log and for quotas.
pub type Holder = Name<64>;

/// The devices that a sender may speak for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Devices {
    /// Any device: a gateway, or a sender that no server asks for a token.
    All,
    /// One device.
    One(DeviceId),
    /// No device: people make no measurements.
    None,
}

/// The sender of a frame, whatever has brought it.
///
/// ```
/// use sqal_intake::sender::{Devices, Sender};
///
/// let station = Sender { holder: "station 7".parse().ok(), devices: Devices::One("ESP32_7".parse()?) };
/// assert!(station.speaks_for(&"ESP32_7".parse()?) && !station.speaks_for(&"ESP32_8".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The holder of the token that came with the frame; `None` without one.
    pub holder: Option<Holder>,
    /// The devices that it may speak for.
    pub devices: Devices,
}

impl Sender {
    /// A sender without a token, on a server that asks for none.
    pub const UNAUTHENTICATED: Self = Self { holder: None, devices: Devices::All };

    /// Whether the sender may hand in a sample of this device.
    #[must_use]
    pub fn speaks_for(&self, device: &DeviceId) -> bool {
        match &self.devices {
            Devices::All => true,
            Devices::One(own) => own == device,
            Devices::None => false,
        }
    }
}
