//! [`Recommendation`]: what an operator should do about the profiles of several weeks.

use sqal_core::verdict::Language;

use crate::record::ProfileRecord;
use crate::share::{number, percent};

/// The share of one function, in percent, from which making it faster makes the server faster.
const LARGE_SHARE: f64 = 20.0;

/// The difference of a share, in percentage points, that is a cause to look for. It is five
/// standard deviations of a share in a profile of 1000 samples.
const LARGE_CHANGE: f64 = 5.0;

/// The samples below which a profile says little: with 200, a share of 20 % is known to within 3
/// points.
const FEW_SAMPLES: u64 = 200;

/// The busy share of a machine, in percent, from which load that varies has to wait.
const BUSY: f64 = 80.0;

/// The share of the machine's memory, in percent, below which little is left.
const LITTLE_MEMORY: f64 = 10.0;

/// The fewest records over which growing memory is told: the first weeks of a server fill its
/// caches.
const WEEKS_OF_GROWTH: usize = 4;

/// What an operator should do about the profiles of several weeks.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Recommendation {
    /// There is no profile yet.
    AwaitProfile,
    /// The newest profile has few samples, because the server was idle.
    ProfileUnderLoad {
        /// The samples of the newest profile.
        samples: u64,
    },
    /// There is one profile, so nothing can be compared.
    AwaitComparison,
    /// One function uses much of the CPU time.
    OptimizeFunction {
        /// The function.
        function: String,
        /// Its share in the newest profile, in percent.
        percent: f64,
    },
    /// The share of a function has grown.
    ExamineGrowth {
        /// The function.
        function: String,
        /// Its share in the oldest profile, in percent; 0 if it was not among the hottest.
        before: f64,
        /// Its share in the newest profile, in percent.
        now: f64,
    },
    /// The CPUs of the machine are busy.
    RelieveCpu {
        /// How busy they were during the newest profile, in percent.
        percent: f64,
    },
    /// The memory of the process has grown by half or more over the last four profiles.
    ExamineMemory {
        /// The resident memory at the first of the last four profiles, in bytes.
        before: u64,
        /// The resident memory at the newest profile, in bytes.
        now: u64,
    },
    /// The machine has little memory left.
    AddMemory {
        /// The share of the memory that is available, in percent.
        percent: f64,
    },
    /// The profiles show nothing that needs a person.
    Nothing,
}

impl Recommendation {
    /// The word of the recommendation, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AwaitProfile => "await_profile",
            Self::ProfileUnderLoad { .. } => "profile_under_load",
            Self::AwaitComparison => "await_comparison",
            Self::OptimizeFunction { .. } => "optimize_function",
            Self::ExamineGrowth { .. } => "examine_growth",
            Self::RelieveCpu { .. } => "relieve_cpu",
            Self::ExamineMemory { .. } => "examine_memory",
            Self::AddMemory { .. } => "add_memory",
            Self::Nothing => "nothing",
        }
    }

    /// The function that the recommendation is about, if it is about one.
    #[must_use]
    pub fn function(&self) -> Option<&str> {
        match self {
            Self::OptimizeFunction { function, .. } | Self::ExamineGrowth { function, .. } => Some(function),
            _ => None,
        }
    }

    /// The recommendation as a sentence.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        match language {
            Language::English => self.english(),
            Language::French => self.french(),
        }
    }

    fn english(&self) -> String {
        match self {
            Self::AwaitProfile => "There is no profile yet: wait for the weekly run, or start it by hand.".to_owned(),
            Self::ProfileUnderLoad { samples } => {
                format!("The newest profile has {samples} samples, too few to judge by: run it while the line works.")
            }
            Self::AwaitComparison => "There is one profile: a comparison needs a second one.".to_owned(),
            Self::OptimizeFunction { function, percent } => {
                format!("{function} uses {percent:.1} % of the CPU time: making it faster makes the server faster.")
            }
            Self::ExamineGrowth { function, before, now } => format!(
                "The share of {function} has grown from {before:.1} % to {now:.1} %: look for a change of the program \
                 or of the load."
            ),
            Self::RelieveCpu { percent } => {
                format!("The machine is busy for {percent:.1} % of the time: give it more cores, or less work.")
            }
            Self::ExamineMemory { before, now } => format!(
                "The memory of the server has grown from {} MiB to {} MiB: take a heap profile.",
                mebibytes(*before),
                mebibytes(*now)
            ),
            Self::AddMemory { percent } => {
                format!("{percent:.1} % of the memory of the machine is available: give it more, or less work.")
            }
            Self::Nothing => "Nothing needs attention.".to_owned(),
        }
    }

    fn french(&self) -> String {
        match self {
            Self::AwaitProfile => {
                "Aucun profil pour l'instant : attendre l'exécution hebdomadaire, ou la lancer à la main.".to_owned()
            }
            Self::ProfileUnderLoad { samples } => format!(
                "Le profil le plus récent compte {samples} échantillons, trop peu pour juger : le relancer pendant que \
                 la ligne travaille."
            ),
            Self::AwaitComparison => "Un seul profil : il en faut un deuxième pour comparer.".to_owned(),
            Self::OptimizeFunction { function, percent } => format!(
                "{function} occupe {} % du temps processeur : l'accélérer accélère le serveur.",
                decimal(*percent)
            ),
            Self::ExamineGrowth { function, before, now } => format!(
                "La part de {function} est passée de {} % à {} % : chercher un changement du programme ou de la \
                 charge.",
                decimal(*before),
                decimal(*now)
            ),
            Self::RelieveCpu { percent } => format!(
                "La machine est occupée {} % du temps : lui donner plus de cœurs, ou moins de travail.",
                decimal(*percent)
            ),
            Self::ExamineMemory { before, now } => format!(
                "La mémoire du serveur est passée de {} Mio à {} Mio : prendre un profil du tas.",
                mebibytes(*before),
                mebibytes(*now)
            ),
            Self::AddMemory { percent } => format!(
                "Il reste {} % de la mémoire de la machine : lui en donner plus, ou moins de travail.",
                decimal(*percent)
            ),
            Self::Nothing => "Rien ne demande d'attention.".to_owned(),
        }
    }
}

/// A number with the comma that French has.
pub(crate) fn decimal(number: f64) -> String {
    format!("{number:.1}").replace('.', ",")
}

/// A size in whole mebibytes.
pub(crate) const fn mebibytes(bytes: u64) -> u64 {
    bytes >> 20
}

/// What follows from these records, the oldest of which is first.
pub(crate) fn recommendations(records: &[ProfileRecord]) -> Vec<Recommendation> {
    let ([oldest, ..], [.., newest]) = (records, records) else {
        return vec![Recommendation::AwaitProfile];
    };
    let mut all = Vec::new();
    if newest.samples < FEW_SAMPLES {
        all.push(Recommendation::ProfileUnderLoad { samples: newest.samples });
    } else {
        all.extend(of_functions(oldest, newest));
    }
    all.extend(of_machine(newest));
    all.extend(of_memory(records));
    if records.len() == 1 {
        all.push(Recommendation::AwaitComparison);
    }
    if all.is_empty() {
        all.push(Recommendation::Nothing);
    }
    all
}

/// What follows from the functions of the newest record, and of the oldest one if it has enough
/// samples.
fn of_functions(oldest: &ProfileRecord, newest: &ProfileRecord) -> Vec<Recommendation> {
    let is_comparable = oldest.taken_at < newest.taken_at && oldest.samples >= FEW_SAMPLES;
    let mut all = Vec::new();
    for (function, now) in newest.shares() {
        if now >= LARGE_SHARE {
            all.push(Recommendation::OptimizeFunction { function: function.to_owned(), percent: now });
        }
        let before = oldest.share_of(function).unwrap_or(0.0);
        if is_comparable && now - before >= LARGE_CHANGE {
            all.push(Recommendation::ExamineGrowth { function: function.to_owned(), before, now });
        }
    }
    all
}

fn of_machine(newest: &ProfileRecord) -> Vec<Recommendation> {
    let busy = newest.system.cpu_percent.filter(|percent| *percent >= BUSY);
    let memory = newest.system.memory_available_bytes.zip(newest.system.memory_total_bytes);
    let available = memory.and_then(|(available, total)| percent(number(available), number(total)));
    let little = available.filter(|percent| *percent < LITTLE_MEMORY);
    let busy = busy.map(|percent| Recommendation::RelieveCpu { percent });
    busy.into_iter().chain(little.map(|percent| Recommendation::AddMemory { percent })).collect()
}

/// Memory that has grown by half or more, if it was larger in each record than in the one before: a
/// server that is restarted begins anew.
fn of_memory(records: &[ProfileRecord]) -> Option<Recommendation> {
    let memory: Vec<u64> = records.iter().filter_map(|record| record.process.memory_bytes).collect();
    let newest = memory.get(memory.len().checked_sub(WEEKS_OF_GROWTH)?..)?;
    let ([before, ..], [.., now]) = (newest, newest) else {
        return None;
    };
    let grows = newest.is_sorted_by(|one, other| one < other) && *now >= before.saturating_add(before / 2);
    grows.then_some(Recommendation::ExamineMemory { before: *before, now: *now })
}
