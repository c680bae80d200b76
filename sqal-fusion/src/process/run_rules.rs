//! [`RunRules`]: patterns of points within the limits that show a change of the process.

use core::fmt;

/// The set of rules that is watched. The sets are separate, because each further rule adds false
/// alarms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum RuleSet {
    /// The eight tests of Nelson (Journal of Quality Technology 16, 1984).
    Nelson,
    /// The four rules of the Western Electric handbook (1956).
    WesternElectric,
}

/// One rule. A point signals when the window that ends with it shows the pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum RunRule {
    /// Nelson 1, Western Electric 1: one point beyond 3 σ.
    BeyondThreeSigma,
    /// Nelson 2: nine points in a row on one side of the centre.
    NineOnOneSide,
    /// Nelson 3: six points in a row, all rising or all falling.
    SixInATrend,
    /// Nelson 4: fourteen points in a row alternating up and down.
    FourteenAlternating,
    /// Nelson 5, Western Electric 2: two of three points beyond 2 σ on the same side.
    TwoOfThreeBeyondTwoSigma,
    /// Nelson 6, Western Electric 3: four of five points beyond 1 σ on the same side.
    FourOfFiveBeyondOneSigma,
    /// Nelson 7: fifteen points in a row within 1 σ of the centre.
    FifteenWithinOneSigma,
    /// Nelson 8: eight points in a row beyond 1 σ, on either side.
    EightBeyondOneSigma,
    /// Western Electric 4: eight points in a row on one side of the centre.
    EightOnOneSide,
}

impl RunRule {
    /// Every rule.
    pub const ALL: [Self; 9] = [
        Self::BeyondThreeSigma,
        Self::NineOnOneSide,
        Self::SixInATrend,
        Self::FourteenAlternating,
        Self::TwoOfThreeBeyondTwoSigma,
        Self::FourOfFiveBeyondOneSigma,
        Self::FifteenWithinOneSigma,
        Self::EightBeyondOneSigma,
        Self::EightOnOneSide,
    ];

    /// The number of the rule within a set of rules, from 1; `None` if the rule is not in that set.
    #[must_use]
    pub const fn number(self, set: RuleSet) -> Option<u8> {
        match (set, self) {
            (_, Self::BeyondThreeSigma) => Some(1),
            (RuleSet::Nelson, Self::NineOnOneSide) | (RuleSet::WesternElectric, Self::TwoOfThreeBeyondTwoSigma) => {
                Some(2)
            }
            (RuleSet::Nelson, Self::SixInATrend) | (RuleSet::WesternElectric, Self::FourOfFiveBeyondOneSigma) => {
                Some(3)
            }
            (RuleSet::Nelson, Self::FourteenAlternating) | (RuleSet::WesternElectric, Self::EightOnOneSide) => Some(4),
            (RuleSet::Nelson, Self::TwoOfThreeBeyondTwoSigma) => Some(5),
            (RuleSet::Nelson, Self::FourOfFiveBeyondOneSigma) => Some(6),
            (RuleSet::Nelson, Self::FifteenWithinOneSigma) => Some(7),
            (RuleSet::Nelson, Self::EightBeyondOneSigma) => Some(8),
            _ => None,
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// The rules that signal at a point.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Signals(u16);

/// The names of the rules, as in `{SixInATrend}`.
impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Signals {
    /// Whether no rule signals.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this rule signals.
    #[must_use]
    pub const fn contains(self, rule: RunRule) -> bool {
        self.0 & rule.bit() != 0
    }

    /// The rules that signal, one after the other.
    pub fn iter(self) -> impl Iterator<Item = RunRule> {
        RunRule::ALL.into_iter().filter(move |rule| self.contains(*rule))
    }
}

/// The state of the run rules of a chart: some run lengths, and two short histories of the last
/// points.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct RunRules {
    set: RuleSet,
    last: Option<f64>,
    /// Points in a row above the centre if positive, below it if negative.
    side: i8,
    /// Steps in a row, positive if upwards, negative if downwards.
    trend: i8,
    /// Steps in a row that each change the direction.
    turns: u8,
    within_one: u8,
    beyond_one: u8,
    /// Points beyond 1 σ, above and below; bit 0 is the last point.
    one: [u8; 2],
    /// Points beyond 2 σ, above and below; bit 0 is the last point.
    two: [u8; 2],
}

/// Extends a run of a sign by one. A run of the other sign, or a zero, begins again.
const fn in_a_row(row: i8, sign: i8) -> i8 {
    if sign == 0 {
        0
    } else if row.signum() == sign {
        row.saturating_add(sign)
    } else {
        sign
    }
}

/// The sign: 1, −1, or 0 for zero and NaN.
fn sign(x: f64) -> i8 {
    i8::from(x > 0.0) - i8::from(x < 0.0)
}

impl RunRules {
    /// The rules of a chart before its first point.
    #[must_use]
    pub const fn new(set: RuleSet) -> Self {
        Self { set, last: None, side: 0, trend: 0, turns: 0, within_one: 0, beyond_one: 0, one: [0; 2], two: [0; 2] }
    }

    /// The set of rules that is watched.
    #[must_use]
    pub const fn set(&self) -> RuleSet {
        self.set
    }

    /// Takes the next point, in standard deviations from the centre ([`super::chart::Limits::z`]),
    /// and returns the rules that signal at it.
    ///
    /// A point that is NaN ends every run and signals nothing.
    pub fn push(&mut self, z: f64) -> Signals {
        if z.is_nan() {
            *self = Self::new(self.set);
            return Signals::default();
        }
        self.side = in_a_row(self.side, sign(z));
        if let Some(last) = self.last {
            let step = sign(z - last);
            let turned = step != 0 && self.trend.signum() == -step;
            // The first step of a run has no earlier step to differ from.
            self.turns = if turned { self.turns.saturating_add(1) } else { u8::from(step != 0) };
            self.trend = in_a_row(self.trend, step);
        }
        self.last = Some(z);
        let row = |row: u8, goes_on: bool| if goes_on { row.saturating_add(1) } else { 0 };
        self.within_one = row(self.within_one, z.abs() < 1.0);
        self.beyond_one = row(self.beyond_one, z.abs() > 1.0);
        let shift = |history: [u8; 2], limit: f64| {
            [history[0] << 1 | u8::from(z > limit), history[1] << 1 | u8::from(z < -limit)]
        };
        self.one = shift(self.one, 1.0);
        self.two = shift(self.two, 2.0);
        self.signals(z)
    }

    fn signals(&self, z: f64) -> Signals {
        let of_last = |history: [u8; 2], points: u32, at_least: u32| {
            history.iter().any(|bits| (bits & ((1 << points) - 1)).count_ones() >= at_least)
        };
        let set = |rule: RunRule, shown: bool| if shown && rule.number(self.set).is_some() { rule.bit() } else { 0 };
        let side = self.side.unsigned_abs();
        Signals(
            set(RunRule::BeyondThreeSigma, z.abs() > 3.0)
                | set(RunRule::NineOnOneSide, side >= 9)
                | set(RunRule::EightOnOneSide, side >= 8)
                | set(RunRule::SixInATrend, self.trend.unsigned_abs() >= 5)
                | set(RunRule::FourteenAlternating, self.turns >= 13)
                | set(RunRule::TwoOfThreeBeyondTwoSigma, of_last(self.two, 3, 2))
                | set(RunRule::FourOfFiveBeyondOneSigma, of_last(self.one, 5, 4))
                | set(RunRule::FifteenWithinOneSigma, self.within_one >= 15)
                | set(RunRule::EightBeyondOneSigma, self.beyond_one >= 8),
        )
    }
}
