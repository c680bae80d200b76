//! The sealed fields of reporters: written before a bug names their subject, and opened on request.

use sqal_core::Name;
use sqal_storage::bugs::Bug;
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
        let Some(subject) = bug.reporter else { return Ok(None) };
        let fields = self.parts.confidential.as_deref().ok_or(BugBookError::NoKey)?;
        let name = opened(fields, subject, Field::Name, |text| PersonName::new(text).ok()).await?;
        let mail = opened(fields, subject, Field::Mail, |text| MailAddress::new(text).ok()).await?;
        Ok(Reporter::new(name, mail))
    }

    /// Seals the fields of a person and returns their subject.
    pub(super) async fn seal(&self, reporter: Option<&Reporter>) -> Result<Option<Subject>, BugBookError> {
        let Some(reporter) = reporter else { return Ok(None) };
        let fields = self.parts.confidential.as_deref().ok_or(BugBookError::NoKey)?;
        let subject = reporter.subject();
        if let Some(name) = reporter.name() {
            fields.write(&Field::Name.of(subject), name.as_str().as_bytes()).await?;
        }
        if let Some(mail) = reporter.mail() {
            fields.write(&Field::Mail.of(subject), mail.as_str().as_bytes()).await?;
        }
        Ok(Some(subject))
    }
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
