//! [`reporter_of`]: the sealed fields of reporters, written before a bug names their subject.
//!
//! Each bug has a subject of its own, made of its id. A report can so write no field that belongs
//! to another bug, whatever name and mail address it gives.

use sqal_core::Name;
use sqal_storage::bugs::{Bug, BugId};
use sqal_storage::sealed::{FieldKey, FieldName, Plain, Subject};

use super::error::BugBookError;
use super::{BugBook, ReporterFields};
use crate::report::{MailAddress, PersonName, Reporter};

/// A field of a reporter.
#[derive(Clone, Copy)]
enum Field {
    Name,
    Mail,
}

impl Field {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Mail => "mail",
        }
    }

    fn of(self, subject: Subject) -> FieldKey {
        let field: FieldName = Name::new(self.as_str()).unwrap_or_else(|_| unreachable!("four letters are a name"));
        FieldKey { subject, field }
    }
}

impl BugBook {
    /// The person who has reported a bug; `None` if no person is known, or the person was erased.
    ///
    /// # Errors
    ///
    /// [`BugBookError::NoKey`] if there is no key, [`BugBookError::Unreadable`] if no key opens the
    /// fields, or the error of the store.
    pub async fn reporter(&self, bug: &Bug) -> Result<Option<Reporter>, BugBookError> {
        if bug.reporter.is_none() {
            return Ok(None);
        }
        reporter_of(bug, self.parts.confidential.as_deref().ok_or(BugBookError::NoKey)?).await
    }

    /// Seals the fields of the person who reports the bug with this id, and returns their subject.
    pub(super) async fn seal(&self, bug: &BugId, reporter: Option<&Reporter>) -> Result<Option<Subject>, BugBookError> {
        let Some(reporter) = reporter else { return Ok(None) };
        let fields = self.parts.confidential.as_deref().ok_or(BugBookError::NoKey)?;
        let subject = subject_of(bug);
        if let Some(name) = reporter.name() {
            fields.write(&Field::Name.of(subject), name.as_str().as_bytes()).await?;
        }
        if let Some(mail) = reporter.mail() {
            fields.write(&Field::Mail.of(subject), mail.as_str().as_bytes()).await?;
        }
        Ok(Some(subject))
    }
}

/// The person who has reported a bug, from the sealed fields; `None` if no person is known, or the
/// person was erased.
///
/// # Errors
///
/// [`BugBookError::Unreadable`] if no key opens the fields, or the error of the store.
pub async fn reporter_of(bug: &Bug, fields: &ReporterFields) -> Result<Option<Reporter>, BugBookError> {
    let Some(subject) = bug.reporter else { return Ok(None) };
    let name = opened(fields, subject, Field::Name, |text| PersonName::new(text).ok()).await?;
    let mail = opened(fields, subject, Field::Mail, |text| MailAddress::new(text).ok()).await?;
    Ok(Reporter::new(name, mail))
}

/// The subject of the person who reports the bug with this id.
fn subject_of(bug: &BugId) -> Subject {
    Name::new(&format!("bug-{bug}")).unwrap_or_else(|_| unreachable!("a word and a UUID are printable and short"))
}

/// A field of a reporter, opened and checked.
async fn opened<T>(
    fields: &ReporterFields,
    subject: Subject,
    field: Field,
    check: fn(&str) -> Option<T>,
) -> Result<Option<T>, BugBookError> {
    let read = |plain: Plain| {
        let value = std::str::from_utf8(plain.as_bytes()).ok().and_then(check);
        let what = || format!("the {} of {subject}", field.as_str());
        value.ok_or_else(|| BugBookError::Unreadable { what: what() })
    };
    fields.read(&field.of(subject)).await?.map(read).transpose()
}
