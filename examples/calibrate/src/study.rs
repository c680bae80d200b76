//! [`table`]: compares the verdicts of four rules on one line with the true grades.

use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

use fixtures::scene::Fault;
use sqal_core::{Grade, Measured, Score, verdict::Cap};
use sqal_fusion::calibration::reliability::{Binning, Reliability, clopper_pearson};
use sqal_fusion::calibration::{Calibration, Label};
use sqal_fusion::{
    Belief, BeliefRule, DecisionRule, FusedScore, FusionRule, Guard, InverseVariance, MostUnseen, Replicate,
};

use crate::line::{Judged, defects};
use crate::share::share;

/// The result of a rule for one tray.
#[derive(Clone, Copy, Debug)]
struct Opinion {
    grade: Grade,
    point: Grade,
    confidence: Score,
    alarm: bool,
}

/// The faults of instruments on the simulated line, with their names in the table.
const FAULTS: [(&str, Fault); 5] = [
    ("no fault", Fault::None),
    ("a third of the window dirty", Fault::DirtyWindow),
    ("spectral sensor saturated", Fault::Glare),
    ("stray light on the spectral sensor", Fault::StrayLight),
    ("spectral sensor silent", Fault::SpectralSilent),
];

/// The number of labels for a calibration, and the number of tries with other labels.
const LABELS: usize = 500;
const TRIES: usize = 40;

/// A rule of the study.
type Rule = fn(&Judged) -> Opinion;

/// A row of the table: its name, and the function that fills a cell from a rule's figures.
type Row = (&'static str, fn(&Column) -> String);

/// The rules, with their names in the table.
const RULES: [(&str, Rule); 6] = [
    ("SQAL, strict", strict),
    ("SQAL, defaults", ours),
    ("SQAL, each guard alone", each_alone),
    ("plain average", average),
    ("inverse variance", inverse_variance),
    ("Dempster", dempster),
];

fn ours(judged: &Judged) -> Opinion {
    Opinion {
        grade: judged.verdict.grade,
        point: judged.point_grade,
        confidence: judged.confidence_raw,
        alarm: judged.alarm(),
    }
}

/// The SQAL rule in which each guard is required of its own grade only, as the measurement model
/// states it.
fn each_alone(judged: &Judged) -> Opinion {
    let mut rule = DecisionRule::default();
    rule.guard = rule.guard.each_alone();
    decided_by(judged, &rule)
}

/// The SQAL rule for a plant that must not sell a bad tray: C requires a margin of 5.6 standard
/// uncertainties, and unmeasured trays are held back.
fn strict(judged: &Judged) -> Opinion {
    let [a_plus, a, c] = [0.80, 0.50, 0.999_999_99].map(Score::nearest);
    let mut rule = DecisionRule::default();
    rule.guard = Guard::new(a_plus, a, a, c);
    rule.incomplete = Grade::Reject;
    rule.most_unseen = MostUnseen::nothing();
    decided_by(judged, &rule)
}

/// The grade that another decision gives to the fused score of the verdict.
fn decided_by(judged: &Judged, decision: &DecisionRule) -> Opinion {
    let grade = judged.verdict.score.map_or(Grade::Reject, |score| {
        let mut fused = FusedScore::new(score);
        fused.coverage = judged.coverage;
        let decided = decision.decide_with(&fused, defects(judged), judged.coverage);
        decision.held_to(decided, &judged.verdict.unseen).grade
    });
    Opinion { grade, ..ours(judged) }
}

/// Caps a grade by the defects and the coverage. They are equal for all rules, because the study
/// compares fusion and not the search for defects.
fn capped(judged: &Judged, grade: Grade) -> Grade {
    let gravest = defects(judged).iter().map(|defect| defect.severity).max();
    Cap::on(gravest, judged.coverage).map_or(grade, |(best, _)| grade.min(best))
}

fn present(judged: &Judged) -> Vec<Measured> {
    judged.said.iter().flatten().map(|said| said.score).collect()
}

/// The rule of the prototype: the mean of the available scores, which is also the confidence.
fn average(judged: &Judged) -> Opinion {
    let scores = present(judged);
    let count = f64::from(u32::try_from(scores.len()).unwrap_or(1).max(1));
    let mean = Score::nearest(scores.iter().map(|score| score.value()).sum::<f64>() / count);
    let point = DecisionRule::default().scale.grade_of(mean);
    Opinion { grade: capped(judged, point), point, confidence: mean, alarm: false }
}

/// The rule that takes shape and colour as two readings of one quantity.
fn inverse_variance(judged: &Judged) -> Opinion {
    let replicates: Vec<_> = present(judged).into_iter().filter_map(|score| Replicate::new(score).ok()).collect();
    let reject = Opinion { grade: Grade::Reject, point: Grade::Reject, confidence: Score::ZERO, alarm: true };
    let Ok(combined) = InverseVariance::Internal.fuse(&replicates) else { return reject };
    let decision = DecisionRule::default();
    let point = decision.scale.grade_of(Score::nearest(combined.value.value()));
    let confidence = Score::nearest(of(point, &decision.probabilities(combined.value)));
    Opinion { grade: capped(judged, point), point, confidence, alarm: combined.birge >= 3.0 }
}

/// The rule that takes shape and colour as two witnesses of one grade.
fn dempster(judged: &Judged) -> Opinion {
    let decision = DecisionRule::default();
    let belief = |said: &crate::line::Said| {
        let witness = Belief::from_probabilities(&decision.probabilities(said.score)).ok()?;
        // No sensor is always right. Without the discount, total conflict would be an error on some
        // trays.
        Some(witness.discounted(Score::nearest(0.95 * said.reliability.get())))
    };
    let beliefs: Vec<_> = judged.said.iter().flatten().filter_map(belief).collect();
    let reject = Opinion { grade: Grade::Reject, point: Grade::Reject, confidence: Score::ZERO, alarm: true };
    let Ok(agreed) = BeliefRule::Dempster.fuse(&beliefs) else { return reject };
    let pignistic = agreed.belief.pignistic();
    let best = Grade::ALL.into_iter().zip(pignistic).max_by(|a, b| a.1.total_cmp(&b.1));
    let (point, confidence) = best.unwrap_or((Grade::Reject, 0.0));
    Opinion {
        grade: capped(judged, point),
        point,
        confidence: Score::nearest(confidence),
        alarm: agreed.conflict.get() > 0.9,
    }
}

/// The probability of a grade.
fn of(grade: Grade, probabilities: &[f64; 5]) -> f64 {
    Grade::ALL.iter().zip(probabilities).find(|(one, _)| **one == grade).map_or(0.0, |(_, probability)| *probability)
}

/// The table as Markdown.
///
/// # Errors
///
/// If a cell cannot be written.
pub(crate) fn table(line: &[Judged], trays: u32, seed: u64) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "{trays} simulated trays, seed {seed}. True grades:{}.", grades(line))?;
    writeln!(text, "\n| | {} |", RULES.map(|(name, _)| name).join(" | "))?;
    writeln!(text, "|---|{}", "---:|".repeat(RULES.len()))?;
    let columns =
        RULES.map(|(_, rule)| Column::of(&line.iter().map(|judged| (judged, rule(judged))).collect::<Vec<_>>()));
    let rows: [Row; 13] = [
        ("accepted", |c| format!("{:.2} %", c.accepted * 100.0)),
        ("truly REJECT among accepted", |c| format!("{} ({:.4} %)", c.bad, c.bad_share * 100.0)),
        ("its upper bound (Clopper-Pearson, 95 % one-sided)", |c| format!("{:.4} %", c.bad_bound * 100.0)),
        ("graded too high", |c| format!("{:.2} %", c.over * 100.0)),
        ("graded too low", |c| format!("{:.2} %", c.under * 100.0)),
        ("graded right", |c| format!("{:.2} %", (1.0 - c.over - c.under) * 100.0)),
        ("point grade right", |c| format!("{:.2} %", c.point * 100.0)),
        ("ECE before calibration", |c| format!("{:.4}", c.ece)),
        ("ECE after, 500 labels: median of 40", |c| format!("{:.4}", c.calibrated.0)),
        ("ECE after, 500 labels: 90th percentile", |c| format!("{:.4}", c.calibrated.1)),
        ("faults found", |c| format!("{:.2} %", c.recall * 100.0)),
        ("alarms without a fault", |c| format!("{:.2} %", c.false_alarms * 100.0)),
        ("of these on trays that are truly A+ or A", |c| format!("{:.3} %", c.false_alarms_on_good * 100.0)),
    ];
    for (name, cell) in rows {
        writeln!(text, "| {name} | {} |", columns.each_ref().map(cell).join(" | "))?;
    }
    writeln!(text, "\n| trays with | trays | accepted, strict | truly REJECT | accepted, defaults | truly REJECT |")?;
    writeln!(text, "|---|---:|---:|---:|---:|---:|")?;
    for (name, fault) in FAULTS {
        let trays: Vec<_> = line.iter().filter(|judged| judged.fault == fault).collect();
        let sold = |rule: Rule| {
            let sold: Vec<_> = trays.iter().filter(|judged| rule(judged).grade != Grade::Reject).collect();
            let bad = sold.iter().filter(|judged| judged.true_grade == Grade::Reject).count();
            format!("{} | {bad}", sold.len())
        };
        writeln!(text, "| {name} | {} | {} | {} |", trays.len(), sold(strict), sold(ours))?;
    }
    Ok(text)
}

fn grades(line: &[Judged]) -> String {
    let one = |grade: Grade| {
        format!(" {grade} {:.1} %", 100.0 * share(line.iter().filter(|j| j.true_grade == grade).count(), line.len()))
    };
    Grade::ALL.map(one).join(",")
}

/// The figures of one rule.
#[derive(Debug)]
struct Column {
    accepted: f64,
    bad: usize,
    bad_share: f64,
    bad_bound: f64,
    over: f64,
    under: f64,
    point: f64,
    ece: f64,
    calibrated: (f64, f64),
    recall: f64,
    false_alarms: f64,
    false_alarms_on_good: f64,
}

impl Column {
    fn of(line: &[(&Judged, Opinion)]) -> Self {
        let all = line.len();
        let count =
            |f: &dyn Fn(&Judged, &Opinion) -> bool| line.iter().filter(|(judged, opinion)| f(judged, opinion)).count();
        let accepted = count(&|_, o| o.grade != Grade::Reject);
        let bad = count(&|j, o| o.grade != Grade::Reject && j.true_grade == Grade::Reject);
        let faults = count(&|j, _| j.fault != Fault::None);
        let labels: Vec<Label> = line
            .iter()
            .map(|(judged, opinion)| Label {
                confidence: opinion.confidence,
                correct: opinion.point == judged.true_grade,
            })
            .collect();
        // A two-sided interval of 90 % leaves 5 % above it.
        let bound = clopper_pearson(bad as u64, accepted as u64, Score::nearest(0.90)).1;
        Self {
            accepted: share(accepted, all),
            bad,
            bad_share: share(bad, accepted),
            bad_bound: bound,
            over: share(count(&|j, o| o.grade > j.true_grade), all),
            under: share(count(&|j, o| o.grade < j.true_grade), all),
            point: share(count(&|j, o| o.point == j.true_grade), all),
            ece: ece(&labels),
            calibrated: calibrated(&labels),
            recall: share(count(&|j, o| j.fault != Fault::None && o.alarm), faults),
            false_alarms: share(count(&|j, o| j.fault == Fault::None && o.alarm), all - faults),
            false_alarms_on_good: share(
                count(&|j, o| j.fault == Fault::None && o.alarm && j.true_grade >= Grade::A),
                count(&|j, _| j.fault == Fault::None && j.true_grade >= Grade::A),
            ),
        }
    }
}

fn ece(labels: &[Label]) -> f64 {
    Reliability::of(labels, Binning::EqualMass(10)).map_or(f64::NAN, |reliability| reliability.ece)
}

/// Median and 90th percentile of the ECE after calibration. The calibration is fitted to 500 labels
/// from all parts of the line, and judged on all other labels.
fn calibrated(labels: &[Label]) -> (f64, f64) {
    let step = (labels.len() / LABELS).max(1);
    let one = |start: usize| {
        let (known, new): (Vec<_>, Vec<_>) =
            labels.iter().enumerate().partition(|(k, _)| k % step == start % step && k / step < LABELS);
        let known: Vec<Label> = known.into_iter().map(|(_, label)| *label).collect();
        let calibration = Calibration::fit(&known, 1).ok()?;
        let new: Vec<Label> = new
            .into_iter()
            .map(|(_, label)| Label { confidence: calibration.calibrate(label.confidence), ..*label })
            .collect();
        Some(ece(&new))
    };
    let mut tries: Vec<f64> = (0..TRIES).filter_map(one).collect();
    tries.sort_by(f64::total_cmp);
    let at = |percent: usize| tries.get(tries.len() * percent / 100).copied().unwrap_or(f64::NAN);
    (at(50), at(90))
}

/// Replaces the text between the marks of a document by the table.
pub(crate) fn write_into(path: &Path, table: &str) -> io::Result<()> {
    const MARKS: [&str; 2] = ["<!-- study -->\n", "<!-- /study -->"];
    let text = fs::read_to_string(path)?;
    let between = text.split_once(MARKS[0]).and_then(|(before, rest)| Some((before, rest.split_once(MARKS[1])?.1)));
    let Some((before, after)) = between else {
        return Err(io::Error::other(format!("{}: there are no marks {MARKS:?}", path.display())));
    };
    fs::write(path, format!("{before}{}{table}{}{after}", MARKS[0], MARKS[1]))
}
