//! [`NoticeSettings`]: the channels to which notices are posted, from a file of the plant.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use sqal_client::Trust;
use sqal_work::outbox::notify::{ChannelName, NoticeChannel};
use sqal_work::outbox::{Secret, TargetUrl};

use super::outgoing::OutgoingSettings;
use super::row::Setting;
use super::values::Values;
use crate::plain_file;

pub(super) const CHANNELS_FILE: Setting = Setting::plain(
    "SQAL_NOTICE_CHANNELS_FILE",
    None,
    "a YAML file of channels: name: { kind: slack, pagerduty or json, url: … }",
    "Where notices are posted to: Slack, PagerDuty, or a receiver of JSON; without it nowhere",
);

/// The URL of `PagerDuty`'s Events API v2, as `PagerDuty` documents it.
const PAGER_DUTY: &str = "https://events.pagerduty.com/v2/enqueue";

/// The channels to which notices are posted.
#[derive(Clone, Debug)]
pub struct NoticeSettings {
    /// The channels.
    pub channels: Vec<NoticeChannel>,
    /// The authorities that may certify the servers of the channels; `None` if every channel is
    /// plain.
    pub trust: Option<Trust>,
    /// The names in the file, also those of channels with a mistake; `None` if the file could not
    /// be read.
    names: Option<BTreeSet<String>>,
}

/// The form of a channel.
#[derive(Clone, Copy)]
enum ChannelKind {
    Slack,
    PagerDuty,
    Json,
}

impl NoticeSettings {
    /// Reads the file of channels. A file that a channel names, such as `token_file`, is relative
    /// to the folder of that file. No mistake repeats a value, because it may be a secret.
    pub(super) fn read(values: &mut Values, outgoing: &OutgoingSettings) -> Self {
        let Some(path) = values.text(&CHANNELS_FILE).map(PathBuf::from) else {
            return Self { channels: Vec::new(), trust: None, names: Some(BTreeSet::new()) };
        };
        let file = match file(&path) {
            Ok(file) => file,
            Err(why) => {
                values.wrong(&CHANNELS_FILE, why);
                return Self { channels: Vec::new(), trust: None, names: None };
            }
        };
        let (folder, mut mistakes) = (path.parent().unwrap_or(Path::new("")), Vec::new());
        let mut channels = Vec::new();
        for (name, value) in &file {
            channels
                .extend(ChannelEntry::of(name, value, folder, &mut mistakes).and_then(|entry| entry.channel(outgoing)));
        }
        let is_secure = channels.iter().any(|channel| !channel.url().origin().is_plain());
        let trust = is_secure.then(Trust::machine).transpose().unwrap_or_else(|why| {
            mistakes.push(why.to_string());
            None
        });
        for what in mistakes {
            values.wrong(&CHANNELS_FILE, format!("{}: {what}", path.display()));
        }
        Self { channels, trust, names: Some(file.keys().cloned().collect()) }
    }

    /// Whether the file was read and has no channel of this name.
    pub(super) fn lacks(&self, channel: &ChannelName) -> bool {
        self.names.as_ref().is_some_and(|names| !names.contains(channel.as_str()))
    }
}

/// The mapping of a file. The error names the file, and the line of a text that is not YAML.
fn file(path: &Path) -> Result<Map<String, Value>, String> {
    let text = plain_file::text(path)?;
    let value: Value = serde_saphyr::from_str(&text).map_err(|error| {
        let line = error.location().map(|location| format!(" at line {}", location.line())).unwrap_or_default();
        format!("{}: this is not YAML{line}", path.display())
    })?;
    match value {
        Value::Object(file) => Ok(file),
        _ => Err(format!("{}: expected a mapping of names of channels", path.display())),
    }
}

/// The URL of `PagerDuty`'s Events API v2.
fn pager_duty() -> TargetUrl {
    PAGER_DUTY.parse().unwrap_or_else(|_| unreachable!("a constant URL"))
}

/// The values of one channel in the file.
struct ChannelEntry<'a> {
    name: ChannelName,
    kind: ChannelKind,
    members: &'a Map<String, Value>,
    folder: &'a Path,
    mistakes: &'a mut Vec<String>,
}

impl ChannelKind {
    /// The key of the secret beside the URL.
    const fn secret(self) -> Option<&'static str> {
        match self {
            Self::Slack => None,
            Self::PagerDuty => Some("routing_key"),
            Self::Json => Some("token"),
        }
    }
}

impl<'a> ChannelEntry<'a> {
    /// The channel of a name; `None` if its name or its kind cannot be read.
    fn of(name: &str, value: &'a Value, folder: &'a Path, mistakes: &'a mut Vec<String>) -> Option<Self> {
        // An invalid name may be a secret at the wrong place, so the mistake does not show it.
        let name = name.parse::<ChannelName>().map_err(|why| mistakes.push(why.to_string())).ok()?;
        let Some(members) = value.as_object() else {
            mistakes.push(format!("{name}: expected a mapping with kind and url"));
            return None;
        };
        let kind = match members.get("kind").and_then(Value::as_str) {
            Some("slack") => ChannelKind::Slack,
            Some("pagerduty") => ChannelKind::PagerDuty,
            Some("json") => ChannelKind::Json,
            _ => {
                mistakes.push(format!("{name}.kind: expected slack, pagerduty or json"));
                return None;
            }
        };
        Some(Self { name, kind, members, folder, mistakes })
    }

    fn channel(mut self, outgoing: &OutgoingSettings) -> Option<NoticeChannel> {
        self.refuse_unknown();
        let (name, url) = (self.name.clone(), self.url(outgoing));
        let secret = self.kind.secret().and_then(|key| self.secret(key));
        // A secret is checked also if the URL is refused.
        let (is_whole, url) = (url.is_some(), url.unwrap_or_else(pager_duty));
        let made = match (self.kind, secret) {
            (ChannelKind::Slack, _) => Ok(NoticeChannel::slack(name, url)),
            (ChannelKind::Json, None) if self.has("token") => return None,
            (ChannelKind::Json, token) => NoticeChannel::json(name, url, token),
            (ChannelKind::PagerDuty, Some(key)) => NoticeChannel::pager_duty(name, url, key),
            (ChannelKind::PagerDuty, None) => {
                if !self.has("routing_key") {
                    self.wrong("routing_key", "missing, expected the key of a service, or routing_key_file");
                }
                return None;
            }
        };
        made.map_err(|why| self.mistakes.push(format!("{}: {why}", self.name))).ok().filter(|_| is_whole)
    }

    fn wrong(&mut self, key: &str, what: &str) {
        self.mistakes.push(format!("{}.{key}: {what}", self.name));
    }

    /// A key that no channel of this kind has is not shown: it may be a secret without its key.
    fn refuse_unknown(&mut self) {
        let mut known = vec!["kind".to_owned()];
        for key in ["url"].into_iter().chain(self.kind.secret()) {
            known.extend([key.to_owned(), format!("{key}_file")]);
        }
        if self.members.keys().any(|key| !known.contains(key)) {
            self.mistakes.push(format!("{}: an unknown key, expected no other than {}", self.name, known.join(", ")));
        }
    }

    fn url(&mut self, outgoing: &OutgoingSettings) -> Option<TargetUrl> {
        let text = self.secret("url");
        if text.is_none() && self.has("url") {
            return None;
        }
        let url = match (text, self.kind) {
            (Some(text), _) => text.expose().parse::<TargetUrl>(),
            (None, ChannelKind::PagerDuty) => Ok(pager_duty()),
            (None, _) => {
                self.wrong("url", "missing, expected a URL such as https://hooks.example.com/quality, or url_file");
                return None;
            }
        };
        let url = url.map_err(|why| self.mistakes.push(format!("{}: {why}", self.name))).ok()?;
        if let Some(why) = outgoing.refusal(url.origin()) {
            self.wrong("url", why);
            return None;
        }
        Some(url)
    }

    /// Whether a key is given, or the key with `_file`.
    fn has(&self, key: &str) -> bool {
        let is_given = |key: &str| self.members.get(key).is_some_and(|value| !value.is_null());
        is_given(key) || is_given(&format!("{key}_file"))
    }

    /// The text of a key, or of the file that the key with `_file` names. `None` if there is
    /// neither, or if there is a mistake.
    fn secret(&mut self, key: &str) -> Option<Secret> {
        let (in_file, members) = (format!("{key}_file"), self.members);
        let value = |key: &str| members.get(key).filter(|value| !value.is_null());
        match (value(key), value(&in_file)) {
            (None, None) => None,
            (Some(_), Some(_)) => {
                self.wrong(key, &format!("expected either this or {in_file}"));
                None
            }
            (Some(value), None) => self.text(key, value).map(Secret::new),
            (None, Some(value)) => {
                let path = self.text(&in_file, value)?;
                let text = plain_file::text_of_unnamed(&self.folder.join(path));
                let told = text.map_err(|why| self.wrong(&in_file, &format!("the file cannot be read: {why}")));
                told.ok().map(|text| Secret::new(text.trim()))
            }
        }
    }

    fn text(&mut self, key: &str, value: &'a Value) -> Option<&'a str> {
        let text = value.as_str();
        if text.is_none() {
            self.wrong(key, "expected text; a number is text between quotes");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{mistakes, settings};

    const KEY: &str = "hunter2xhunter2xhunter2xhunter2x";

    /// Writes a file of channels, with the secrets that it may name beside it.
    fn file(folder: &tempfile::TempDir, text: &str) -> String {
        std::fs::write(folder.path().join("key"), format!("{KEY}\n")).unwrap();
        let path = folder.path().join("channels.yaml");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn every_kind_of_channel_is_read_and_no_secret_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "team: {{ kind: slack, url: 'https://hooks.slack.com/services/T0/hunter2' }}\n\
             pager: {{ kind: pagerduty, routing_key_file: key }}\n\
             other-pager: {{ kind: pagerduty, url: 'https://events.eu.pagerduty.com/v2/enqueue', routing_key: {KEY} }}\n\
             erp: {{ kind: json, url: 'https://erp.example/hooks', token: hunter2 }}\n\
             board: {{ kind: json, url_file: url }}\n"
        );
        std::fs::write(folder.path().join("url"), "https://board.example/hunter2\n").unwrap();
        let notices = settings(&[], &[("SQAL_NOTICE_CHANNELS_FILE", file(&folder, &text).as_str())]).notices;
        let mut read: Vec<_> =
            notices.channels.iter().map(|channel| (channel.name().to_string(), channel.url().to_string())).collect();
        read.sort();
        let expected = [
            ("board", "https://board.example"),
            ("erp", "https://erp.example"),
            ("other-pager", "https://events.eu.pagerduty.com"),
            ("pager", "https://events.pagerduty.com"),
            ("team", "https://hooks.slack.com"),
        ];
        assert_eq!(read, expected.map(|(name, url)| (name.to_owned(), url.to_owned())));
        assert!(notices.trust.is_some());
        let shown = format!("{notices:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(!notices.lacks(&"pager".parse().unwrap()) && notices.lacks(&"nurse".parse().unwrap()));
    }

    #[test]
    fn every_mistake_of_the_file_is_told_at_once_and_no_secret_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let text = "\
            team: { kind: slack }\n\
            pager: { kind: pagerduty, routing_key: hunter2 }\n\
            nurse: { kind: pagerduty, routing_key_file: hunter2 }\n\
            quiet: { kind: pagerduty }\n\
            erp: { kind: json, url: 'http://erp.example/hunter2', token: hunter2 }\n\
            both: { kind: json, url: 'https://erp.example/', token: hunter2, token_file: key }\n\
            inside: { kind: json, url: 'https://10.0.0.7/hunter2' }\n\
            number: { kind: json, url: 'https://erp.example/', token: 5 }\n\
            broken: { kind: json, url: 'hunter2' }\n\
            odd: { kind: fax, url: 'hunter2' }\n\
            other: { kind: slack, url: 'https://hooks.slack.com/', hunter2: }\n\
            list: [hunter2]\n\
            'Hunter2 ': { kind: slack }\n";
        let path = file(&folder, text);
        let told = mistakes(&[], &[("SQAL_NOTICE_CHANNELS_FILE", path.as_str())]);
        for right in [
            "team.url: missing",
            "pager: routing key: expected 32",
            "nurse.routing_key_file: the file cannot be read: No such file",
            "quiet.routing_key: missing",
            "erp.url: http, which every network in between can read",
            "both.token: expected either this or token_file",
            "inside.url: an address inside a network",
            "number.token: expected text",
            "broken: url: expected a scheme",
            "odd.kind: expected slack, pagerduty or json",
            "other: an unknown key, expected no other than kind, url, url_file",
            "list: expected a mapping with kind and url",
            "channel name: expected 1 to 64",
        ] {
            let begin = format!("SQAL_NOTICE_CHANNELS_FILE (environment): {path}: {right}");
            assert_eq!(told.iter().filter(|line| line.starts_with(&begin)).count(), 1, "{right}: {told:#?}");
        }
        assert_eq!(told.len(), 13, "{told:#?}");
        assert!(!told.join("\n").to_lowercase().contains("hunter2"), "{told:#?}");
    }

    #[test]
    fn a_file_that_is_no_mapping_is_refused_and_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        for (text, why) in [
            ("hunter2", "expected a mapping"),
            ("- hunter2", "expected a mapping"),
            ("a: [hunter2", "this is not YAML"),
        ] {
            let told = mistakes(&[], &[("SQAL_NOTICE_CHANNELS_FILE", file(&folder, text).as_str())]);
            assert!(told.len() == 1 && told[0].contains(why) && !told[0].contains("hunter2"), "{text}: {told:?}");
        }
    }

    #[test]
    fn a_receiver_inside_the_plant_is_called_if_its_network_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, "board: { kind: json, url: 'http://10.20.0.7:8080/notices' }");
        let variables = [("SQAL_NOTICE_CHANNELS_FILE", path.as_str()), ("SQAL_OUTGOING_NETWORKS", "10.20.0.0/16")];
        let notices = settings(&[], &variables).notices;
        assert_eq!((notices.channels.len(), notices.trust.is_none()), (1, true));
    }
}
