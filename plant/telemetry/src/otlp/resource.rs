//! [`OtlpResource`]: what traces say of the service that they come from.

use super::pairs::pairs;

/// The most attributes that a program can add.
const MOST: usize = 64;

/// The longest name or version of a service, in characters.
const LONGEST: usize = 255;

/// The attribute with the name of the service.
const SERVICE_NAME: &str = "service.name";

/// The attribute with the version of the service.
const SERVICE_VERSION: &str = "service.version";

/// The attributes of a service: its name, its version, and what an operator adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpResource(Vec<(String, String)>);

/// A text that is no attribute of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOtlpResource {
    /// A name or a version is empty, too long, or has control characters.
    #[error("expected 1 to {} characters without control characters", LONGEST)]
    Text,
    /// A pair of a list is no attribute.
    #[error("pair {0}: expected name=value with a percent-encoded value")]
    Pair(usize),
    /// There are too many pairs.
    #[error("more pairs than the limit: expected at most {}", MOST)]
    Number,
}

impl OtlpResource {
    /// A service of this name and version.
    ///
    /// # Errors
    ///
    /// [`InvalidOtlpResource::Text`] if one of them is empty, longer than 255 characters, or has
    /// control characters.
    pub fn new(name: &str, version: &str) -> Result<Self, InvalidOtlpResource> {
        let mut resource = Self(Vec::new());
        resource.set(SERVICE_NAME, checked(name)?);
        resource.set(SERVICE_VERSION, checked(version)?);
        resource.set("telemetry.sdk.name", env!("CARGO_PKG_NAME").to_owned());
        resource.set("telemetry.sdk.language", "rust".to_owned());
        resource.set("telemetry.sdk.version", env!("CARGO_PKG_VERSION").to_owned());
        Ok(resource)
    }

    /// Adds the attributes of a list `name=value,…`. An attribute of the list takes the place of
    /// one that the service has.
    ///
    /// # Errors
    ///
    /// [`InvalidOtlpResource`] if a pair is no attribute, or there are more than 64.
    pub fn with_list(mut self, text: &str) -> Result<Self, InvalidOtlpResource> {
        for (place, pair) in (1..).zip(pairs(text)) {
            if place > MOST {
                return Err(InvalidOtlpResource::Number);
            }
            let (name, value) = pair.ok_or(InvalidOtlpResource::Pair(place))?;
            let name = checked(name).map_err(|_| InvalidOtlpResource::Pair(place))?;
            self.set(&name, value);
        }
        Ok(self)
    }

    /// Gives the service another name.
    ///
    /// # Errors
    ///
    /// [`InvalidOtlpResource::Text`] as for [`OtlpResource::new`].
    pub fn named(mut self, name: &str) -> Result<Self, InvalidOtlpResource> {
        self.set(SERVICE_NAME, checked(name)?);
        Ok(self)
    }

    /// Gives the service another version.
    ///
    /// # Errors
    ///
    /// [`InvalidOtlpResource::Text`] as for [`OtlpResource::new`].
    pub fn versioned(mut self, version: &str) -> Result<Self, InvalidOtlpResource> {
        self.set(SERVICE_VERSION, checked(version)?);
        Ok(self)
    }

    /// The value of an attribute.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// All attributes, each name once.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn set(&mut self, name: &str, value: String) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }
}

fn checked(text: &str) -> Result<String, InvalidOtlpResource> {
    let text = text.trim();
    let is_sound = (1..=LONGEST).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if is_sound { Ok(text.to_owned()) } else { Err(InvalidOtlpResource::Text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> OtlpResource {
        OtlpResource::new("atmr-backend", "1.0").unwrap()
    }

    #[test]
    fn a_name_of_its_own_comes_before_the_list_and_the_list_before_the_default() {
        let listed = plain().with_list("service.name=line%201,deployment.environment.name=plant").unwrap();
        assert_eq!(listed.get(SERVICE_NAME), Some("line 1"));
        let named = listed.named("sqal").unwrap();
        assert_eq!((named.get(SERVICE_NAME), named.get(SERVICE_VERSION)), (Some("sqal"), Some("1.0")));
        assert_eq!(named.get("deployment.environment.name"), Some("plant"));
        assert_eq!(named.attributes().filter(|(name, _)| *name == SERVICE_NAME).count(), 1);
    }

    #[test]
    fn what_is_no_attribute_is_told_by_its_place() {
        assert_eq!(plain().with_list("a=1,b"), Err(InvalidOtlpResource::Pair(2)));
        assert_eq!(plain().with_list("a\u{7}=1"), Err(InvalidOtlpResource::Pair(1)));
        assert_eq!(plain().with_list(&"a=1,".repeat(MOST + 1)), Err(InvalidOtlpResource::Number));
        for text in ["", " ", "a\nb", &"x".repeat(LONGEST + 1)] {
            assert_eq!(plain().named(text), Err(InvalidOtlpResource::Text), "{text:?}");
            assert_eq!(plain().versioned(text), Err(InvalidOtlpResource::Text), "{text:?}");
        }
        assert!(plain().named(&"é".repeat(LONGEST)).is_ok());
    }
}
