//! [`Step`]: how a schema goes from one version to the next, and back.

use crate::StorageErrorKind;

/// One step of a schema. A released step is never edited; a mistake in it is corrected by the next
/// step.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) up: &'static str,
    /// Undoes the step and loses no data that the version before knew.
    pub(crate) down: &'static str,
}

/// A schema's versions: the oldest that this program reads, and the steps after it.
#[derive(Debug)]
pub(crate) struct Schema {
    /// The version that `base` makes of an empty database.
    pub(crate) oldest: i64,
    pub(crate) base: &'static str,
    pub(crate) steps: &'static [Step],
}

impl Schema {
    /// The newest version.
    #[expect(clippy::cast_possible_wrap, reason = "a handful of steps")]
    pub(crate) const fn newest(&self) -> i64 {
        self.oldest + self.steps.len() as i64
    }

    /// The texts to run, each with the version that it makes, from version `found` (0: an empty
    /// database) to version `target`.
    pub(crate) fn route(&self, found: i64, target: i64) -> Result<Vec<(i64, &'static str)>, StorageErrorKind> {
        let newest = self.newest();
        if found > newest || target > newest {
            return Err(StorageErrorKind::SchemaTooNew { found: found.max(target), known: newest });
        }
        if target < self.oldest || (found != 0 && found < self.oldest) {
            let found = if target < self.oldest { target } else { found };
            return Err(StorageErrorKind::SchemaTooOld { found, oldest: self.oldest });
        }
        let mut texts = Vec::new();
        let mut at = found;
        if at == 0 {
            texts.push((self.oldest, self.base));
            at = self.oldest;
        }
        while at != target {
            let place = |version: i64| usize::try_from(version - self.oldest).unwrap_or(usize::MAX);
            if at < target {
                texts.push((at + 1, self.steps[place(at)].up));
                at += 1;
            } else {
                texts.push((at - 1, self.steps[place(at - 1)].down));
                at -= 1;
            }
        }
        Ok(texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: Schema = Schema {
        oldest: 2,
        base: "base",
        steps: &[Step { up: "to 3", down: "to 2" }, Step { up: "to 4", down: "back to 3" }],
    };

    #[test]
    fn every_route_passes_every_version_between() {
        assert_eq!(SCHEMA.route(0, 4), Ok(vec![(2, "base"), (3, "to 3"), (4, "to 4")]));
        assert_eq!(SCHEMA.route(2, 3), Ok(vec![(3, "to 3")]));
        assert_eq!(SCHEMA.route(4, 2), Ok(vec![(3, "back to 3"), (2, "to 2")]));
        assert_eq!(SCHEMA.route(4, 4), Ok(vec![]));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert_eq!(SCHEMA.route(5, 4), Err(StorageErrorKind::SchemaTooNew { found: 5, known: 4 }));
        assert_eq!(SCHEMA.route(3, 5), Err(StorageErrorKind::SchemaTooNew { found: 5, known: 4 }));
        assert_eq!(SCHEMA.route(1, 4), Err(StorageErrorKind::SchemaTooOld { found: 1, oldest: 2 }));
        assert_eq!(SCHEMA.route(4, 1), Err(StorageErrorKind::SchemaTooOld { found: 1, oldest: 2 }));
    }
}
