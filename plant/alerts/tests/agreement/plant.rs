//! What a simulated server says of its database, its machine, its stations and its jobs.

use crate::faults::Fault;
use crate::server::{Histogram, Server};

const CALLS: Histogram = Histogram {
    bucket: "db_query_duration_seconds_bucket",
    count: "db_query_duration_seconds_count",
    bounds: &[0.01, 0.05, 0.1, 0.5, 1.0, 2.5],
};

/// 1 for true, as gauges say it.
fn flag(is_true: bool) -> f64 {
    f64::from(u8::from(is_true))
}

impl Server {
    pub(crate) fn database(&mut self) {
        let is_away = self.has(Fault::DatabaseAway);
        for (query_type, per_second) in [("select", 5.0), ("insert", 3.0)] {
            let all = self.chance.count(self.either(per_second, 0.02) * self.load() * self.seconds);
            let slow = if is_away { (all * 0.3).round() } else { 0.0 };
            self.observe(CALLS, &[("query_type", query_type)], [(slow, 2.0), (all - slow, 0.02)]);
        }
        // The quiet server has SQLite, whose only connection is often in use.
        self.page.set("db_connection_pool_size", &[], self.either(10.0, 1.0));
        let free = (self.either(3.0, 0.0) + 2.0 * self.chance.unit()).floor();
        let is_exhausted = is_away || self.has(Fault::PoolEmpty);
        self.page.set("db_connection_pool_available", &[], if is_exhausted { 0.0 } else { free });
        // A breaker that is open (1) is half open (2) for each probe.
        let open = if self.chance.unit() < 0.3 { 2.0 } else { 1.0 };
        for name in ["database", "database_reads"] {
            self.page.set("circuit_breaker_state", &[("name", name)], if is_away { open } else { 0.0 });
        }
        if self.is_busy {
            let forced_open = 4.0 * flag(self.has(Fault::CacheAway));
            self.page.set("circuit_breaker_state", &[("name", "cache_dashboard")], forced_open);
        }
        self.waiting =
            if is_away { self.waiting + 10.0 * self.seconds } else { (self.waiting - 20.0 * self.seconds).max(0.0) };
        let is_full = self.has_in_quiet(Fault::SpoolFull);
        self.page.set("spool_samples_waiting", &[], if is_full { 1_700_000.0 } else { self.waiting });
        self.page.set("spool_samples_damaged", &[], 2.0 * flag(self.has(Fault::SpoolDamaged)));
    }

    pub(crate) fn machine(&mut self) {
        for (check, critical, fails) in [
            ("database", "true", self.has(Fault::DatabaseAway)),
            ("disk", "true", self.has_in_quiet(Fault::CheckFails)),
            ("redis", "false", self.has(Fault::CacheAway)),
        ] {
            self.page.set("health_check_ok", &[("check", check), ("critical", critical)], flag(!fails));
        }
        let usual = 3e8 * (1.0 + 0.1 * self.chance.unit());
        let memory = if self.has(Fault::MemoryHigh) { 2.5e9 } else { usual };
        self.page.set("process_resident_memory_bytes", &[], memory);
        self.page.add("server_clock_steps_total", &[], self.once(Fault::ClockStep));
        // The disk fills slowly, and for a moment its room is unknown.
        let minute = self.minute();
        let free = if (3.0..4.5).contains(&minute) {
            f64::NAN
        } else if (10.0..50.0).contains(&minute) {
            0.2 - 0.17 * (minute - 10.0) / 40.0
        } else {
            0.2
        };
        self.page.set("data_dir_free_ratio", &[], self.either(free, 0.6));
    }

    pub(crate) fn stations(&mut self) {
        // The stations of the quiet server have gone to the busy one.
        let devices: &[&str] = if self.is_busy {
            &["POSTE1", "POSTE2", "POSTE3", "POSTE4", "POSTE5", "POSTE6"]
        } else {
            &["POSTE1", "POSTE5"]
        };
        for &device in devices {
            let is_silent = !self.is_busy || (device == "POSTE2" && self.has(Fault::StationSilent));
            self.page.set("station_silent", &[("device", device)], flag(is_silent));
        }
        if self.is_busy {
            let many = self.has(Fault::ManyFaults);
            let fades = self.has(Fault::LampFades) || self.has(Fault::StationGone);
            for (device, cause, has_it) in [
                ("POSTE1", "window_dirty", many),
                ("POSTE2", "window_dirty", many),
                ("POSTE3", "sensor_blind", many),
                ("POSTE4", "lamp_fading", fades),
            ] {
                self.page.set("station_fault", &[("cause", cause), ("device", device)], flag(has_it));
            }
        }
        self.page.set("devices_clock_disagrees", &[], 2.0 * flag(self.has(Fault::ClockAhead)));
        for kind in ["connections", "messages"] {
            let is_storm = self.has(Fault::RefusalStorm);
            let refused = if is_storm { self.chance.count(2.0 * self.seconds) } else { 0.0 };
            self.page.add("budget_refused_total", &[("kind", kind)], refused);
        }
        if self.has(Fault::LettersRefused) {
            self.letters += self.chance.count(0.5 * self.seconds);
        }
        self.page.set("dead_letters", &[], self.letters);
        self.page.add("dead_letters_dropped_total", &[], self.once(Fault::LetterDropped));
    }

    pub(crate) fn work(&mut self) {
        let reports = (2.0 * self.chance.unit()).floor();
        for (kind, state, jobs) in [
            ("purge", "enqueued", 3.0),
            ("purge", "succeeded", 5.0),
            ("trial", "enqueued", 1.0),
            ("report", "enqueued", reports),
            ("outbox_mail", "enqueued", 2.0),
        ] {
            self.page.set("jobs", &[("kind", kind), ("state", state)], jobs);
        }
        self.page.set("job_runs_under_way", &[("kind", "trial")], self.either(1.0, 0.0));
        let ended = self.chance.count(self.seconds / 120.0);
        for (kind, runs) in [("report", ended), ("purge", 0.0)] {
            self.page.add("job_runs_total", &[("kind", kind), ("outcome", "succeeded")], runs);
        }
        for (channel, pending) in [("mail", 2.0), ("notice", 0.0), ("webhook", 1.0)] {
            self.page.set("outbox_pending", &[("channel", channel)], pending);
        }
        if self.is_busy {
            self.messages();
        }
    }

    /// Of the messages by webhook some are tried again, and all arrive; mail is refused for a
    /// while; one notice is given up.
    fn messages(&mut self) {
        let mail = if self.has(Fault::MailRefused) { self.chance.count(self.seconds / 90.0) } else { 0.0 };
        let retried = self.chance.count(self.seconds / 90.0);
        let delivered = self.chance.count(self.seconds / 60.0);
        for (channel, outcome, messages) in [
            ("mail", "retried", mail),
            ("mail", "delivered", self.once(Fault::MailArrives)),
            ("webhook", "retried", retried),
            ("webhook", "delivered", delivered),
            ("notice", "failed", self.once(Fault::NoticeLost)),
        ] {
            self.page.add("outbox_messages_total", &[("channel", channel), ("outcome", outcome)], messages);
        }
    }
}
