//! Files that are a crash by themselves, also without an event: minidumps and core dumps.

use super::event::{Event, EventException, EventLevel};
use super::parse::EnvelopeItem;
use super::pending::FaultFile;
use super::text::without_mail;
use crate::attachment::{CORE_DUMP, is_core_dump, is_minidump, says_nothing};

/// The kind of attachment that is a crash.
const CRASH: &str = "event.minidump";

/// The file of an attachment. A crash that is no minidump is a core dump, unless the client
/// declares something else: clients have no kind of attachment for core dumps. Its name loses mail
/// addresses.
pub(super) fn file(item: &EnvelopeItem<'_>) -> FaultFile {
    let (name, content_type) = labels(item);
    FaultFile { name: without_mail(name), content_type: content_type.map(str::to_owned), bytes: item.payload.to_vec() }
}

/// The event of a crash of which there are only files; `None` if no file is a crash.
pub(super) fn event<'a, 'b: 'a>(files: impl IntoIterator<Item = &'a EnvelopeItem<'b>>) -> Option<Event> {
    let crash = files.into_iter().find(|item| is_crash(item))?;
    let kind = if is_minidump(crash.payload) { "Minidump" } else { "CoreDump" };
    let exception = EventException { kind: Some(kind.to_owned()), ..EventException::default() };
    Some(Event { level: EventLevel::Fatal, exceptions: vec![exception], ..Event::default() })
}

fn is_crash(item: &EnvelopeItem<'_>) -> bool {
    let (name, content_type) = labels(item);
    is_declared(item) || is_core_dump(name, content_type, item.payload)
}

fn is_declared(item: &EnvelopeItem<'_>) -> bool {
    item.attachment_type.as_deref() == Some(CRASH)
}

/// The name and the media type of an attachment.
fn labels<'a>(item: &'a EnvelopeItem<'_>) -> (&'a str, Option<&'a str>) {
    let (named, declared) = (item.file_name.as_deref(), item.content_type.as_deref());
    match (is_declared(item), is_minidump(item.payload)) {
        (false, _) => (named.unwrap_or("attachment"), declared),
        (true, true) => (named.unwrap_or("minidump.dmp"), declared),
        (true, false) => {
            let declared = declared.filter(|declared| !says_nothing(declared));
            (named.unwrap_or("crash.core"), declared.or(Some(CORE_DUMP)))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::parse::ItemKind;
    use super::*;
    use crate::attachment::media_type;

    /// An attachment with a name, a media type, a kind and bytes.
    fn item<'a>(name: Option<&str>, declared: Option<&str>, kind: &str, bytes: &'a [u8]) -> EnvelopeItem<'a> {
        EnvelopeItem {
            kind: ItemKind::Attachment,
            file_name: name.map(str::to_owned),
            content_type: declared.map(str::to_owned),
            attachment_type: Some(kind.to_owned()),
            payload: bytes,
        }
    }

    /// The bytes of an ESP32: its header has no signature.
    const ESP32: &[u8] = b"\xb4\x31\0\0\x02\x01\0\0\x08\0\0\0\xfc\x5d\xfc\x3f";

    const MINIDUMP: &[u8] = b"MDMP\x93\xa7\0\0";

    fn elf() -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..8].copy_from_slice(b"\x7fELF\x01\x01\x01\0");
        bytes[16] = 4;
        bytes
    }

    /// The media type under which the file of an attachment is kept.
    fn kept(item: &EnvelopeItem<'_>) -> Option<String> {
        let FaultFile { name, content_type, bytes } = file(item);
        media_type(&name, content_type.as_deref(), &bytes).ok().map(|kind| kind.to_string())
    }

    fn kind(item: &EnvelopeItem<'_>) -> Option<String> {
        event([item]).and_then(|event| event.exceptions.first()?.kind.clone())
    }

    #[test]
    fn a_crash_is_kept_as_what_it_is_and_makes_an_event() {
        let elf = elf();
        let (core, dump) = ("application/x-coredump", "application/x-minidump");
        let plain = Some("application/octet-stream");
        for (name, declared, bytes, expected, word) in [
            (None, None, MINIDUMP, dump, "Minidump"),
            (Some("a.dmp"), plain, MINIDUMP, dump, "Minidump"),
            (None, None, ESP32, core, "CoreDump"),
            (None, plain, ESP32, core, "CoreDump"),
            (Some("coredump.bin"), plain, ESP32, core, "CoreDump"),
            (Some("crash.elf"), None, elf.as_slice(), core, "CoreDump"),
            (None, Some(core), elf.as_slice(), core, "CoreDump"),
        ] {
            let item = item(name, declared, CRASH, bytes);
            assert_eq!(kept(&item).as_deref(), Some(expected), "{name:?} {declared:?}");
            assert_eq!(kind(&item).as_deref(), Some(word), "{name:?} {declared:?}");
        }
    }

    #[test]
    fn another_attachment_is_a_crash_only_if_it_is_a_core_dump() {
        let elf = elf();
        let of = |name, declared, bytes| kind(&item(name, declared, "event.attachment", bytes));
        let core = Some("CoreDump".to_owned());
        assert_eq!(of(Some("crash.core"), Some("application/octet-stream"), ESP32), core);
        assert_eq!(of(None, Some("application/x-coredump"), ESP32), core);
        assert_eq!(of(None, None, &elf), core);
        assert_eq!(of(Some("flash.bin"), Some("application/octet-stream"), ESP32), None);
        assert_eq!(of(Some("trace.log"), None, b"lost the sensor\n"), None);
    }

    #[test]
    fn the_name_of_a_file_loses_a_mail_address() {
        let kept = file(&item(Some("log of jo@plant.fr"), None, "event.attachment", b"a"));
        assert_eq!(kept.name, "log of …");
    }

    proptest! {
        #[test]
        fn the_bytes_the_name_and_what_a_client_declares_stay(
            bytes: Vec<u8>, name in "[a-z]{1,9}\\.[a-z]{1,4}", declared in "(text|image)/[a-z]{1,9}", is_crash: bool,
        ) {
            let kind = if is_crash { CRASH } else { "event.attachment" };
            let file = file(&item(Some(&name), Some(&declared), kind, &bytes));
            prop_assert_eq!((file.name, file.content_type, file.bytes), (name, Some(declared), bytes));
        }
    }
}
