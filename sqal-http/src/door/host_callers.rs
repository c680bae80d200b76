//! [`HostCallers`]: the devices and gateways for which the host application has vouched.
//!
//! They are remembered so that their dead letters can be replayed later.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use sqal_core::DeviceId;
use sqal_intake::Holder;

use crate::door::caller::{Caller, Grant, only_device_of};

/// The most pairs of holder and purpose that are remembered. The letters of further pairs are not
/// replayed.
const MOST: usize = 10_000;

/// The holders and purposes that the host application has vouched for since this process began.
#[derive(Debug, Default)]
pub(crate) struct HostCallers(Mutex<HashSet<(Holder, Grant)>>);

impl HostCallers {
    /// Remembers a device or a gateway. People hand in no samples and are not remembered.
    pub(crate) fn remember(&self, caller: &Caller) {
        let Caller::Known(holder, grant @ (Grant::Device(_) | Grant::Gateway), _) = caller else { return };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST {
            known.insert((*holder, *grant));
        }
    }

    /// Whether the host application has vouched for this holder as this device, or as a gateway.
    pub(crate) fn may_bring(&self, holder: &Holder, device: &DeviceId) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.contains(&(*holder, Grant::Gateway)) || known.contains(&(*holder, Grant::Device(*device)))
    }

    /// The device as which the host application has vouched for this holder, if it is one only.
    pub(crate) fn only_device(&self, holder: &Holder) -> Option<DeviceId> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        only_device_of(known.iter().filter(|(name, _)| name == holder).map(|(_, grant)| *grant))
    }
}

#[cfg(test)]
mod tests {
    use sqal_core::Name;

    use super::*;
    use crate::door::caller::Role;

    #[test]
    fn a_holder_may_bring_what_the_host_has_vouched_for_and_nothing_else() {
        let (callers, name) = (HostCallers::default(), |text: &str| Name::new(text).unwrap());
        let (camera, ours, other) = (name("camera"), Name::new("ESP32_001").unwrap(), Name::new("ESP32_002").unwrap());
        assert!(!callers.may_bring(&camera, &ours));
        callers.remember(&Caller::person(camera, Role::Administrator));
        callers.remember(&Caller::Unauthenticated);
        assert!(!callers.may_bring(&camera, &ours), "a person makes no measurement");
        callers.remember(&Caller::Known(camera, Grant::Device(ours), None));
        assert!(callers.may_bring(&camera, &ours) && !callers.may_bring(&camera, &other));
        assert_eq!((callers.only_device(&camera), callers.only_device(&name("another"))), (Some(ours), None));
        callers.remember(&Caller::Known(camera, Grant::Device(other), None));
        assert_eq!(callers.only_device(&camera), None, "it is two devices");
        callers.remember(&Caller::Known(name("gateway"), Grant::Gateway, None));
        assert!(callers.may_bring(&name("gateway"), &other) && !callers.may_bring(&name("another"), &other));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let callers = HostCallers::default();
        for number in 0..MOST + 10 {
            let holder = Name::new(&format!("device_{number}")).unwrap();
            callers.remember(&Caller::Known(holder, Grant::Gateway, None));
        }
        assert_eq!(callers.0.lock().unwrap().len(), MOST);
    }
}
