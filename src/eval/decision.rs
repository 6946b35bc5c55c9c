//! What the gate says.

/// What the gate says; its exit code is [`Decision::exit_code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Decision {
    Pass,
    Inconclusive,
    Fail,
}

impl Decision {
    /// 0, 101 or 100 (docs/guide/7-troubleshooting.md).
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Inconclusive => 101,
            Self::Fail => 100,
        }
    }

    /// Whether a model with this verdict may be promoted; `allow_inconclusive` is the role's `gate.on_inconclusive: promote`.
    pub fn promotes(self, allow_inconclusive: bool) -> bool {
        self == Self::Pass || (self == Self::Inconclusive && allow_inconclusive)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Fail => "FAIL",
        }
    }
}
