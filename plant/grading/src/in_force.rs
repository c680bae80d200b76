//! [`ProfilesInForce`]: the profiles that judge now.

use std::sync::{Arc, PoisonError, RwLock};

use crate::profile::Profiles;

/// The most profiles that are in force at a time. All of them are read whenever decisions are
/// taken.
pub const MOST: usize = 1000;

/// The profiles that judge now. Clones share them.
///
/// ```
/// use sqal_grading::{Profile, Profiles, ProfilesInForce};
///
/// let name = "terrine".parse()?;
/// let in_force = ProfilesInForce::new(Profiles::new([(name, Profile::example())])?);
/// let mut newer = Profile::example();
/// newer.version = 2;
/// assert!(in_force.put(&Profiles::new([(name, newer)])?));
/// assert!(!in_force.put(&Profiles::new([(name, Profile::example())])?), "an older one changes nothing");
/// assert_eq!(in_force.now().reference(&name).map(|profile| profile.version), Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ProfilesInForce(Arc<RwLock<Arc<Profiles>>>);

impl ProfilesInForce {
    /// Judges by these profiles.
    #[must_use]
    pub fn new(profiles: Profiles) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(profiles))))
    }

    /// The profiles that judge now.
    #[must_use]
    pub fn now(&self) -> Arc<Profiles> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Judges by these profiles too from now on, unless a newer profile of the same name is in
    /// force, or there would be more than [`MOST`]. Returns whether anything changed. Frames wait
    /// only while a few pointers are written.
    #[must_use]
    pub fn put(&self, others: &Profiles) -> bool {
        let mut profiles = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let changed = profiles.with(others, MOST);
        if let Some(changed) = &changed {
            *profiles = Arc::new(changed.clone());
        }
        changed.is_some()
    }
}
