//! Reads the token file again when it changes, so that tokens are replaced without a restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqal_http::{Access, TokenFile};
use sqal_resilience::outage::Outage;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::plain_file::{Reading, ReadingError};
use crate::settings::tokens;

/// The time between two checks of the file. A change takes effect when two checks find equal
/// content, because a file that is being written may be read in parts.
const EVERY: Duration = Duration::from_secs(1);

/// Checks the file for ever, starting from the content `first` of `access`.
///
/// Each time that other tokens take effect, `changed` is called with their number. If the file
/// cannot be used, the tokens stay as they were, and the fault is logged once. An empty list
/// removes the access of all callers.
pub(crate) async fn follow<F>(path: PathBuf, first: TokenFile, access: Arc<Access>, changed: impl Fn(usize) -> F)
where
    F: Future<Output = ()>,
{
    let mut looks = Looks::new(first);
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        let Some(found) = look(&path).await else { continue };
        let Some(settled) = looks.add(found) else { continue };
        let count = settled.as_ref().map_or(0, |file| file.tokens.len());
        match settled.and_then(|file| access.replace(file).map_err(|error| error.to_string())) {
            Ok(()) => {
                info!(tokens = count, "other tokens from now on");
                changed(count).await;
            }
            Err(error) => warn!(%error, "the tokens stay as they were"),
        }
    }
}

/// The content of the file, or its fault. If the file system does not answer, this waits until it
/// does.
async fn look(path: &Path) -> Option<Found> {
    let file = path.to_owned();
    let mut reading = Reading::begin(move || tokens(&file));
    let (outage, now) = (Outage::default(), || Instant::now().into_std());
    loop {
        match reading.result().await {
            Ok(found) => {
                if let Some(recovery) = outage.succeeded(now()) {
                    info!(path = %path.display(), seconds = recovery.seconds(), "the file of tokens answers again");
                }
                return Some(found);
            }
            Err(ReadingError::Broken) => return None,
            Err(ReadingError::Late) => {
                if outage.failed(now()) {
                    warn!(path = %path.display(), "the file of tokens does not answer: the tokens stay as they were");
                }
            }
        }
    }
}

type Found = Result<TokenFile, String>;

/// The latest checks, until two of them agree.
struct Looks {
    /// The content that is in effect, or was refused.
    known: Found,
    last: Found,
}

impl Looks {
    fn new(first: TokenFile) -> Self {
        Self { known: Ok(first.clone()), last: Ok(first) }
    }

    /// Adds a check. Returns its result if it is new and equal to that of the previous check.
    fn add(&mut self, found: Found) -> Option<Found> {
        let is_settled = found == self.last;
        let is_new = found != self.known;
        self.last.clone_from(&found);
        if !is_settled || !is_new {
            return None;
        }
        self.known.clone_from(&found);
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    use sqal_http::{Grant, Token, TokenHash};

    fn entry(token: &str) -> String {
        format!("  - name: camera\n    grant: gateway\n    sha256: {}\n", TokenHash::of(token))
    }

    fn file(folder: &Path, text: &str) -> PathBuf {
        let path = folder.join("tokens.yaml");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A list without entries after its key, and a file that is cut inside an entry, are refused.
    #[test]
    fn a_file_that_is_cut_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let two = format!("tokens:\n{}{}", entry("one"), entry("two"));
        assert_eq!(tokens(&file(folder.path(), &two)).unwrap().tokens.len(), 2);
        assert_eq!(tokens(&file(folder.path(), "tokens: []\n")).unwrap().tokens.len(), 0);
        for wrong in ["tokens:\n", "tokens:", "tokens: null\n", "tokens: ~\n", "", "token: []\n"] {
            assert!(tokens(&file(folder.path(), wrong)).is_err(), "{wrong:?}");
        }
        // The second entry is cut at every place. The dash and the key of the first line alone are
        // no entry either.
        let begin = two.len() - entry("two").len();
        for end in begin + 3..two.len() - 1 {
            assert!(tokens(&file(folder.path(), &two[..end])).is_err(), "{:?}", &two[begin..end]);
        }
    }

    #[test]
    fn a_change_is_in_force_when_two_looks_find_the_same() {
        let of = |tokens: &[&str]| -> Found {
            let token = |text: &&str| Token {
                name: "camera".parse().unwrap(),
                grant: Grant::Gateway,
                sha256: TokenHash::of(text),
                until: None,
            };
            Ok(TokenFile { tokens: tokens.iter().map(token).collect() })
        };
        let mut looks = Looks::new(of(&["one", "two"]).unwrap());
        assert_eq!(looks.add(of(&["one", "two"])), None);
        assert_eq!(looks.add(of(&["one"])), None, "it may be half written");
        assert_eq!(looks.add(of(&["one", "three"])), None);
        assert_eq!(looks.add(of(&["one", "three"])), Some(of(&["one", "three"])));
        assert_eq!(looks.add(of(&["one", "three"])), None, "once");
        let wrong: Found = Err("line 1".to_owned());
        assert_eq!(
            [looks.add(wrong.clone()), looks.add(wrong.clone()), looks.add(wrong.clone())],
            [None, Some(wrong), None]
        );
        assert_eq!(
            [looks.add(of(&["one", "three"])), looks.add(of(&["one", "three"]))],
            [None, Some(of(&["one", "three"]))]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn other_tokens_are_in_force_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), &format!("tokens:\n{}", entry("one")));
        let first = tokens(&path).unwrap();
        let access = Arc::new(Access::of(first.clone()).unwrap());
        let changes = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&changes);
        let following = tokio::spawn(follow(path, first, Arc::clone(&access), move |count| {
            told.lock().unwrap().push(count);
            std::future::ready(())
        }));
        let now = sqal_core::Timestamp::from_micros(0).unwrap();
        let knows = |token: &str| {
            let bearer: axum::http::HeaderValue = format!("Bearer {token}").parse().unwrap();
            let headers: axum::http::HeaderMap = [(axum::http::header::AUTHORIZATION, bearer)].into_iter().collect();
            access.identify(&headers, now).is_ok()
        };
        file(folder.path(), &format!("tokens:\n{}", entry("two")));
        while changes.lock().unwrap().is_empty() {
            tokio::time::sleep(EVERY).await;
        }
        assert!(knows("two") && !knows("one"));
        assert_eq!(*changes.lock().unwrap(), [1]);
        following.abort();
    }
}
