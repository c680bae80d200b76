//! The dashboard "Devices" (DSH-06): which stations send, what is wrong with them, and which
//! firmware they run.
//!
//! Each server reports the stations that it knows. A station is silent if every server says so, and
//! its age is the lowest of all, because a station sends to one server at a time.

use super::column::Column;
use super::dashboard::Dashboard;
use super::look::PanelLook::{Figure, Lines, Ranking, Rows, Shares, States};
use super::panel::Panel;
use super::scale::{PanelScale, PanelUnit, StateWord};
use super::variable::DashboardVariable;

/// Whether a station is silent, by the values of `station_silent`.
const SILENT: [StateWord; 2] = [StateWord::new("0", "sends", "green"), StateWord::new("1", "silent", "red")];

/// Whether a station has a fault, by the values of `station_fault`.
const FAULT: [StateWord; 2] = [StateWord::new("0", "sound", "green"), StateWord::new("1", "fault", "orange")];

/// The silence of each station that the reader has chosen.
const SILENCE: &str = "min by (device) (station_silent{$server,device=~\"$device\"})";

/// The stations that the reader can choose.
const DEVICE: DashboardVariable = DashboardVariable::Choice {
    name: "device",
    label: "Station",
    of: ("station_silent{job=~\"$job\"}", "device"),
    several: true,
};

/// The firmware of the newest sample of each station. The hours, of which there are few, name the
/// stations, and the index of a station's samples ends at its newest, so no other sample is read.
const FIRMWARE: &str = "SELECT coalesce(newest.firmware_version, 'unknown') AS \"Firmware\", \
    count(*)::float8 AS \"Stations\" FROM (SELECT DISTINCT device_id FROM sample_hour \
    WHERE hour BETWEEN date_trunc('hour', $__timeFrom()::timestamptz) AND $__timeTo()::timestamptz) AS station \
    CROSS JOIN LATERAL (SELECT graded_samples.firmware_version FROM graded_samples \
    WHERE graded_samples.device_id = station.device_id AND $__timeFilter(graded_samples.timestamp) \
    ORDER BY graded_samples.timestamp DESC LIMIT 1) AS newest GROUP BY 1 ORDER BY 2 DESC, 1";

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    Dashboard::new(
        "sqal-devices",
        "Devices",
        "The stations: which of them send, what is wrong with them, and which firmware they run.",
    )
    .showing("now-6h", "30s")
    .variables(&DashboardVariable::WITH_DATABASE)
    .variables(&[DEVICE])
    .panels(overview())
    .section("Stations", stations())
    .section("Faults", faults())
    .section("Connections", connections())
}

/// The figures of DSH-06 as they are now.
fn overview() -> Vec<Panel> {
    vec![
        Panel::new(Figure, "Active devices", "Stations that send as they usually do.")
            .promql("", &format!("count({SILENCE} == 0) or vector(0)")),
        Panel::new(Figure, "Offline devices", "Stations that are silent for longer than they usually are.")
            .promql("", &format!("count({SILENCE} == 1) or vector(0)"))
            .scale(PanelScale::below(1.0)),
        Panel::new(Figure, "Devices with a fault", "Stations with at least one fault that has not ended.")
            .promql("", "count(max by (device) (station_fault{$server,device=~\"$device\"}) == 1) or vector(0)")
            .scale(PanelScale::below(1.0)),
        Panel::new(Figure, "WebSocket connections", "Device connections that are open now, at all servers.")
            .promql("", "sum(websocket_connections_active{$server})"),
    ]
}

fn stations() -> Vec<Panel> {
    vec![
        Panel::new(Rows, "Stations now", "Each station, how long ago it sent, and how many faults it has.")
            .promql("", SILENCE)
            .promql("", "min by (device) (station_age_seconds{$server,device=~\"$device\"})")
            .promql("", "sum by (device) (max by (device, cause) (station_fault{$server,device=~\"$device\"}))")
            .columns(
                &[
                    Column::new("device", "Station"),
                    Column::new("Value #A", "State").words(&SILENT),
                    Column::new("Value #B", "Last sample").of(PanelUnit::Seconds, PanelScale::Neutral),
                    Column::new("Value #C", "Faults").of(PanelUnit::Plain, PanelScale::below(1.0)),
                ],
                &[],
            ),
        Panel::new(
            Shares,
            "Firmware versions",
            "Stations by the firmware that their newest sample within the span names. `unknown` names none.",
        )
        .sql(FIRMWARE),
        Panel::new(States, "Silence over time", "When each station was silent.")
            .promql("{{device}}", SILENCE)
            .words(&SILENT),
        Panel::new(
            Lines,
            "Time since the last sample",
            "The ten stations that have sent nothing for the longest time.",
        )
        .promql("{{device}}", "topk(10, min by (device) (station_age_seconds{$server,device=~\"$device\"}))")
        .unit(PanelUnit::Seconds),
    ]
}

fn faults() -> Vec<Panel> {
    vec![
        Panel::new(
            States,
            "Faults over time",
            "When each station had which fault. The runbook page of the alert has a section for each cause.",
        )
        .promql("{{device}}: {{cause}}", "max by (device, cause) (station_fault{$server,device=~\"$device\"}) == 1")
        .words(&FAULT)
        .size(16, 9),
        Panel::new(Ranking, "Stations by cause", "How many stations have which fault now.")
            .promql("{{cause}}", "sum by (cause) (max by (device, cause) (station_fault{$server,device=~\"$device\"}))")
            .scale(PanelScale::below(1.0))
            .size(8, 9),
    ]
}

fn connections() -> Vec<Panel> {
    vec![
        Panel::new(Lines, "Open connections by server", "Device connections that are open, by server.")
            .promql("{{instance}}", "websocket_connections_active{$server}")
            .size(8, 8),
        Panel::new(
            Lines,
            "Frames",
            "Frames that devices sent and answers that they got, a second, and refused frames.",
        )
        .promql("received", "sum(rate(websocket_messages_received_total{$server}[$__rate_interval]))")
        .promql("answered", "sum(rate(websocket_messages_sent_total{$server}[$__rate_interval]))")
        .promql("refused", "sum(rate(websocket_errors_total{$server}[$__rate_interval]))")
        .unit(PanelUnit::Rate)
        .size(8, 8),
        Panel::new(
            Lines,
            "Devices that disagree with the server",
            "Devices whose clock is ahead of the server's, and devices whose profile the server does not know. If most \
             devices disagree, the server is wrong.",
        )
        .promql("clock, {{instance}}", "devices_clock_disagrees{$server}")
        .promql("profile, {{instance}}", "devices_profile_unknown{$server}")
        .scale(PanelScale::below(1.0))
        .size(8, 8),
        Panel::new(
            Lines,
            "Refused frames that are kept",
            "Frames that were refused and can be replayed when their cause is gone.",
        )
        .promql("kept, {{instance}}", "dead_letters{$server}")
        .size(12, 8),
        Panel::new(
            Lines,
            "Refused frames that were not kept",
            "Frames a second that are larger than the share of their holder, or too many in a minute.",
        )
        .promql("{{instance}}", "sum by (instance) (rate(dead_letters_dropped_total{$server}[$__rate_interval]))")
        .unit(PanelUnit::Rate)
        .size(12, 8),
    ]
}
