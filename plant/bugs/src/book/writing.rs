//! What people do with bugs: reports, changes and comments.

use sqal_core::Timestamp;
use sqal_storage::bugs::{AddedBug, Bug, BugComment, BugGroup, BugId, BugLinks, BugPerson, BugSource};

use super::error::BugBookError;
use super::{ATTEMPTS, BugBook};
use crate::change::{apply, first_entry};
use crate::events::BugEventKind;
use crate::report::{BugPatch, InvalidField, Limit, NewBug, check_comment};

/// The most steps over which a chain of duplicates is followed.
const MOST_STEPS: u8 = 20;

impl BugBook {
    /// Stores a report. The name and the mail address of its reporter are sealed first.
    ///
    /// # Errors
    ///
    /// [`BugBookError::NoKey`] if it has a reporter and there is no key, [`BugBookError::Invalid`]
    /// if it is linked to a bug that is not stored, or the error of the store.
    pub async fn report(
        &self,
        new: NewBug,
        source: BugSource,
        by: BugPerson,
        at: Timestamp,
    ) -> Result<Bug, BugBookError> {
        self.check_links(None, &new.content().links).await?;
        for _ in 0..ATTEMPTS {
            if let Some(bug) = self.add(&new, source, None, by, at).await? {
                self.tell((BugEventKind::Created, None), &bug, by, at, None).await;
                return Ok(bug);
            }
        }
        Err(BugBookError::contended())
    }

    /// Changes a bug, and returns it as it is then; a patch of which nothing differs changes
    /// nothing, and its reason is not kept. With `expected`, the bug changes only if that is its
    /// revision.
    ///
    /// # Errors
    ///
    /// [`BugBookError::Unknown`] if there is no such bug, [`BugBookError::Stale`] if it has another
    /// revision than expected, [`BugBookError::Refused`] if the change does not fit,
    /// [`BugBookError::Invalid`] if it links to a bug that is not stored or whose links lead back,
    /// or the error of the store.
    pub async fn change(
        &self,
        id: &BugId,
        expected: Option<u64>,
        patch: &BugPatch,
        by: BugPerson,
        at: Timestamp,
    ) -> Result<Bug, BugBookError> {
        for _ in 0..ATTEMPTS {
            let bug = self.get(id).await?;
            if expected.is_some_and(|expected| expected != bug.revision) {
                return Err(BugBookError::Stale { found: bug.revision });
            }
            let Some((changed, entry)) = apply(&bug, patch, by, at)? else { return Ok(bug) };
            self.check_links(Some(&bug), &changed.content.links).await?;
            if self.parts.bugs.change_bug(&changed, &entry).await? {
                let what = (BugEventKind::Changed, Some(bug.content.status));
                self.tell(what, &changed, by, changed.updated_at, None).await;
                return Ok(changed);
            }
        }
        Err(BugBookError::contended())
    }

    /// Adds a comment. An internal one is not told to the events.
    ///
    /// # Errors
    ///
    /// [`BugBookError::Invalid`] if the text is blank, has more than 20 000 characters or a control
    /// character, [`BugBookError::Unknown`] if there is no such bug, or the error of the store.
    pub async fn comment(
        &self,
        id: &BugId,
        text: String,
        is_internal: bool,
        by: BugPerson,
        at: Timestamp,
    ) -> Result<BugComment, BugBookError> {
        let text = check_comment(&text).map_err(|fault| BugBookError::Invalid(vec![fault]))?;
        let bug = self.get(id).await?;
        let comment = BugComment { id: self.id(), bug: *id, at, by, is_internal, text };
        if !self.parts.bugs.add_comment(&comment).await? {
            return Err(BugBookError::unknown_bug(id));
        }
        if !is_internal {
            let what = (BugEventKind::Commented, Some(bug.content.status));
            self.tell(what, &bug, by, at, Some(comment.id)).await;
        }
        Ok(comment)
    }

    /// Adds a bug with its first entry; `None` if its id or its group is there already.
    pub(super) async fn add(
        &self,
        new: &NewBug,
        source: BugSource,
        group: Option<BugGroup>,
        by: BugPerson,
        at: Timestamp,
    ) -> Result<Option<Bug>, BugBookError> {
        let id = self.id();
        let reporter = self.seal(&id, new.reporter()).await?;
        let bug = Bug {
            id,
            revision: 1,
            source,
            reporter,
            created_at: at,
            updated_at: at,
            ended_at: None,
            reopened: 0,
            content: new.content().clone(),
            group,
        };
        let entry = first_entry(&bug, by);
        let added = self.parts.bugs.add_bug(&bug, &entry).await?;
        Ok((added == AddedBug::New).then_some(bug))
    }

    /// Checks that the bugs exist to which a change links, and that their links do not lead back.
    /// To a new bug, which is `None`, no other one leads. Of two changes at once, each can pass and
    /// both make a circle.
    async fn check_links(&self, bug: Option<&Bug>, after: &BugLinks) -> Result<(), BugBookError> {
        let (none, mut faults) = (BugLinks::default(), Vec::new());
        let before = bug.map_or(&none, |bug| &bug.content.links);
        for (field, id) in added_links(before, after) {
            let Some(target) = self.parts.bugs.bug(&id).await? else {
                let limit = Limit::new("the id of a bug that is stored", "l'identifiant d'une anomalie enregistrée");
                faults.push(InvalidField::new(field, &id.to_string(), limit));
                continue;
            };
            let Some(bug) = bug else { continue };
            let leads_back = match field {
                "duplicate_of" => self.leads_back(&target, &bug.id).await?,
                "blocks" => target.content.links.blocks.contains(&bug.id),
                _ => false,
            };
            if leads_back {
                let limit = Limit::new(
                    format!("a bug whose {field} does not lead back, within {MOST_STEPS} steps"),
                    format!("une anomalie dont {field} ne ramène pas à celle-ci, en {MOST_STEPS} étapes"),
                );
                faults.push(InvalidField::new(field, &id.to_string(), limit));
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(BugBookError::Invalid(faults)) }
    }

    /// Whether a bug is a duplicate of `begin`, directly or over others. A chain of too many steps
    /// counts as one that leads back.
    async fn leads_back(&self, target: &Bug, begin: &BugId) -> Result<bool, BugBookError> {
        let mut next = target.content.links.duplicate_of;
        for _ in 0..MOST_STEPS {
            let Some(id) = next else { return Ok(false) };
            if id == *begin {
                return Ok(true);
            }
            next = self.parts.bugs.bug(&id).await?.and_then(|bug| bug.content.links.duplicate_of);
        }
        Ok(next.is_some())
    }
}

/// The bugs to which links are added, each with its field.
fn added_links(before: &BugLinks, after: &BugLinks) -> Vec<(&'static str, BugId)> {
    let duplicate_of = after.duplicate_of.filter(|_| after.duplicate_of != before.duplicate_of);
    let duplicate_of = duplicate_of.map(|id| ("duplicate_of", id));
    let blocks = after.blocks.difference(&before.blocks).map(|id| ("blocks", *id));
    let relates_to = after.relates_to.difference(&before.relates_to).map(|id| ("relates_to", *id));
    duplicate_of.into_iter().chain(blocks).chain(relates_to).collect()
}
