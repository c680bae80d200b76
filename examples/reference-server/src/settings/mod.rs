//! [`Settings`]: the settings of the server, one file for each concern, validated together.
//!
//! Each file has the struct of its concern, the rows of its variables, and its checks. All mistakes
//! are reported at once (CFG-01, CFG-02, CFG-05).

mod access;
mod alerting;
mod bug_projects;
mod bugs;
mod cache;
mod command_line;
mod database;
mod keys;
mod legacy;
mod limits;
mod listen;
mod mail;
mod notice_channels;
mod observing;
mod origins;
mod outgoing;
mod production;
mod profiles;
mod profiling;
mod retired;
mod row;
mod schedules;
mod schema;
mod secret_url;
mod shown_password;
mod telemetry;
mod values;

use sqal_core::Timestamp;
use sqal_http::door::Legacy;

pub use access::AccessSettings;
pub(crate) use access::tokens;
pub use alerting::AlertSettings;
pub use bug_projects::BugProject;
pub use bugs::BugSettings;
pub use cache::{CacheSettings, HitRateThreshold, InvalidHitRateThreshold};
pub use command_line::{Asked, SettingsError, read};
pub use database::DatabaseSettings;
pub use keys::KeySettings;
pub use limits::LimitSettings;
pub use listen::ListenSettings;
pub use mail::MailSettings;
pub use notice_channels::NoticeSettings;
pub use observing::ObservingSettings;
pub use origins::OriginSettings;
pub use outgoing::OutgoingSettings;
pub use profiles::ProfileSettings;
pub use profiling::ProfilingSettings;
pub use row::Setting;
pub use schedules::ScheduleSettings;
pub use secret_url::SecretUrl;
pub use shown_password::shows_password;
pub use telemetry::TelemetrySettings;
use values::Values;
pub use values::{Mistake, Source};

/// Every setting of the server, in the order in which they are shown.
pub const SETTINGS: &[Setting] = &[
    production::ENVIRONMENT,
    listen::ADDRESS,
    database::DATA_DIR,
    database::DATABASE_URL,
    cache::REDIS_URL,
    cache::HIT_RATE_THRESHOLD,
    keys::MASTER_KEY,
    profiles::CONFIG_PATH,
    access::TOKENS_FILE,
    origins::TRUSTED_PROXIES,
    origins::ALLOWED_HOSTS,
    origins::CORS_ORIGINS,
    legacy::ENABLED,
    legacy::SUNSET,
    limits::CALLS,
    limits::FRAMES,
    limits::IDLE,
    limits::CONNECTIONS,
    limits::CONNECTIONS_PER_ADDRESS,
    limits::SIGN_INS,
    schedules::TIME_ZONE,
    mail::HOST,
    mail::PORT,
    mail::SECURITY,
    mail::USER,
    mail::PASSWORD,
    mail::FROM,
    mail::FROM_NAME,
    mail::CA_FILE,
    outgoing::NETWORKS,
    notice_channels::CHANNELS_FILE,
    alerting::ALERTS,
    alerting::PLAN_FILE,
    alerting::SERVER_NAME,
    alerting::OBJECTIVES_FILE,
    bugs::BUGS,
    bugs::PROJECTS_FILE,
    bugs::ATTACHMENTS_DIR,
    bugs::OWN_FAULTS,
    profiling::ADMIN_LISTEN,
    profiling::DURATION,
    observing::DB_PROFILING,
    observing::DB_PROFILING_HEADERS,
    observing::LOG,
    observing::LOG_FORMAT,
    #[cfg(feature = "otlp")]
    telemetry::rows::SDK_DISABLED,
    #[cfg(feature = "otlp")]
    telemetry::rows::TRACES_EXPORTER,
    #[cfg(feature = "otlp")]
    telemetry::rows::ENDPOINT,
    #[cfg(feature = "otlp")]
    telemetry::rows::TRACES_ENDPOINT,
    #[cfg(feature = "otlp")]
    telemetry::rows::PROTOCOL,
    #[cfg(feature = "otlp")]
    telemetry::rows::HEADERS,
    #[cfg(feature = "otlp")]
    telemetry::rows::TIMEOUT,
    #[cfg(feature = "otlp")]
    telemetry::rows::NAME,
    #[cfg(feature = "otlp")]
    telemetry::rows::VERSION,
    #[cfg(feature = "otlp")]
    telemetry::rows::RESOURCE_ATTRIBUTES,
    #[cfg(feature = "otlp")]
    telemetry::rows::SAMPLER,
    #[cfg(feature = "otlp")]
    telemetry::rows::SAMPLER_ARG,
    #[cfg(feature = "otlp")]
    telemetry::rows::QUEUE_SIZE,
    #[cfg(feature = "otlp")]
    telemetry::rows::SCHEDULE_DELAY,
    #[cfg(feature = "otlp")]
    telemetry::rows::BATCH_SIZE,
    #[cfg(feature = "otlp")]
    telemetry::rows::EXPORT_TIMEOUT,
];

/// The settings of the server, by concern.
#[derive(Debug)]
pub struct Settings {
    /// Where the server listens.
    pub listen: ListenSettings,
    /// The roles and rights of the callers.
    pub access: AccessSettings,
    /// The product profiles.
    pub profiles: ProfileSettings,
    /// The keys of the server.
    pub keys: KeySettings,
    /// Where samples are kept.
    pub database: DatabaseSettings,
    /// The cache that servers share, and the share of hits that caches must reach.
    pub cache: CacheSettings,
    /// The proxies, host names and pages through which callers come.
    pub origins: OriginSettings,
    /// The treatment of deprecated paths.
    pub legacy: Legacy,
    /// The limits on calls and connections.
    pub limits: LimitSettings,
    /// The time zone by which scheduled work is due.
    pub schedules: ScheduleSettings,
    /// The SMTP server that takes the mail of this server.
    pub mail: MailSettings,
    /// The networks inside the plant that this server may call.
    pub outgoing: OutgoingSettings,
    /// The channels to which notices are posted.
    pub notices: NoticeSettings,
    /// The rules that this server evaluates, and who is told.
    pub alerts: AlertSettings,
    /// Whether bugs are kept here, and what may report faults.
    pub bugs: BugSettings,
    /// The profiles of the process.
    pub profiling: ProfilingSettings,
    /// What operators see of the running server.
    pub observing: ObservingSettings,
    /// Where the traces of the server go.
    pub telemetry: TelemetrySettings,
}

impl Settings {
    /// Reads and checks every concern, so that all mistakes are found at once.
    fn of(mut values: Values, now: Timestamp) -> Result<Self, Vec<Mistake>> {
        production::check(&mut values);
        let listen = ListenSettings::read(&mut values);
        let access = AccessSettings::read(&mut values, now);
        let profiles = ProfileSettings::read(&mut values);
        let keys = KeySettings::read(&mut values);
        let database = DatabaseSettings::read(&mut values);
        let cache = CacheSettings::read(&mut values);
        let origins = OriginSettings::read(&mut values);
        let legacy = legacy::read(&mut values);
        let limits = LimitSettings::read(&mut values);
        let schedules = ScheduleSettings::read(&mut values);
        let mail = MailSettings::read(&mut values);
        let outgoing = OutgoingSettings::read(&mut values);
        let notices = NoticeSettings::read(&mut values, &outgoing);
        let alerts = AlertSettings::read(&mut values, &notices);
        let bugs = BugSettings::read(&mut values);
        let profiling = ProfilingSettings::read(&mut values);
        let observing = ObservingSettings::read(&mut values);
        let telemetry = TelemetrySettings::read(&mut values);
        let whole = (|| {
            Some(Self {
                listen: listen?,
                access: access?,
                profiles: profiles?,
                keys,
                database: database?,
                cache: cache?,
                origins: origins?,
                legacy: legacy?,
                limits: limits?,
                schedules: schedules?,
                mail,
                outgoing,
                notices,
                alerts: alerts?,
                bugs: bugs?,
                profiling: profiling?,
                observing: observing?,
                telemetry,
            })
        })();
        whole.filter(|_| values.mistakes.is_empty()).ok_or(values.mistakes)
    }
}

#[cfg(test)]
mod tests;
