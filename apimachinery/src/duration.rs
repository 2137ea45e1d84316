//! Durations: Go's texts (`5m0s`) for fields of the API, and Kubernetes' short texts for people (`3d2h`).
//!
//! In: text or nanoseconds. Out: [`Duration`], which is `metav1.Duration` in JSON and protobuf; [`human`].

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    openapi::{OpenApi, Schema},
    protobuf::{DecodeError, Protobuf, ProtobufValue, Reader, WireType, Writer},
};

const MICROSECOND: i64 = 1_000;
const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// `metav1.Duration`: a signed count of nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(i64);

/// The text is no duration of Go.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseDurationError {
    /// Neither number nor unit, or an overflow.
    #[error("time: invalid duration {0:?}")]
    Invalid(String),
    /// A number without a unit.
    #[error("time: missing unit in duration {0:?}")]
    MissingUnit(String),
    /// A unit that Go does not know.
    #[error("time: unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit {
        /// The unit.
        unit: String,
        /// The whole text.
        text: String,
    },
}

impl Duration {
    /// From nanoseconds.
    pub const fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self(nanoseconds)
    }

    /// From milliseconds; saturates.
    pub const fn from_milliseconds(milliseconds: i64) -> Self {
        Self(milliseconds.saturating_mul(MILLISECOND))
    }

    /// From seconds; saturates.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(SECOND))
    }

    /// From minutes; saturates.
    pub const fn from_minutes(minutes: i64) -> Self {
        Self(minutes.saturating_mul(MINUTE))
    }

    /// From hours; saturates.
    pub const fn from_hours(hours: i64) -> Self {
        Self(hours.saturating_mul(HOUR))
    }

    /// In nanoseconds.
    pub const fn nanoseconds(self) -> i64 {
        self.0
    }

    /// In whole seconds.
    pub const fn seconds(self) -> i64 {
        self.0 / SECOND
    }

    /// As a duration of the standard library; a negative one is zero.
    pub fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_nanos(u64::try_from(self.0).unwrap_or(0))
    }
}

impl From<std::time::Duration> for Duration {
    fn from(duration: std::time::Duration) -> Self {
        Self(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl FromStr for Duration {
    type Err = ParseDurationError;

    fn from_str(text: &str) -> Result<Self, ParseDurationError> {
        let invalid = || ParseDurationError::Invalid(text.to_owned());
        let (negative, mut rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        if rest == "0" {
            return Ok(Self(0));
        }
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut total = 0i128;
        while !rest.is_empty() {
            let number_end = rest
                .find(|c: char| c != '.' && !c.is_ascii_digit())
                .unwrap_or(rest.len());
            let (number, after) = rest.split_at(number_end);
            let unit_end = after
                .find(|c: char| c == '.' || c.is_ascii_digit())
                .unwrap_or(after.len());
            let (unit, after) = after.split_at(unit_end);
            total += part(number, unit, text)?;
            if total > i128::from(i64::MAX) + i128::from(negative) {
                return Err(invalid());
            }
            rest = after;
        }
        i64::try_from(if negative { -total } else { total })
            .map(Self)
            .map_err(|_| invalid())
    }
}

/// One number and its unit, in nanoseconds; `text` is the whole, for errors.
fn part(number: &str, unit: &str, text: &str) -> Result<i128, ParseDurationError> {
    let invalid = || ParseDurationError::Invalid(text.to_owned());
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return Err(invalid());
    }
    let scale = match unit {
        "" => return Err(ParseDurationError::MissingUnit(text.to_owned())),
        "ns" => 1,
        "us" | "µs" | "μs" => MICROSECOND,
        "ms" => MILLISECOND,
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        _ => {
            return Err(ParseDurationError::UnknownUnit {
                unit: unit.to_owned(),
                text: text.to_owned(),
            });
        }
    };
    let scale = i128::from(scale);
    let whole: i128 = if whole.is_empty() {
        0
    } else {
        i128::from(whole.parse::<i64>().map_err(|_| invalid())?)
    };
    // More than 18 digits are below a nanosecond even of an hour: cut off, as Go does.
    let fraction = &fraction[..fraction.len().min(18)];
    let mut nanoseconds = whole.checked_mul(scale).ok_or_else(invalid)?;
    if !fraction.is_empty() {
        let digits: i128 = fraction.parse().map_err(|_| invalid())?;
        nanoseconds += digits * scale / 10i128.pow(fraction.len() as u32);
    }
    Ok(nanoseconds)
}

/// As Go prints it: `1h30m0s`, `1.5s`, `250ms`, `0s`.
impl fmt::Display for Duration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanoseconds = self.0.unsigned_abs();
        let second = SECOND.unsigned_abs();
        if nanoseconds == 0 {
            return formatter.write_str("0s");
        }
        if nanoseconds < second {
            let (scale, unit) = match nanoseconds {
                0..1_000 => (1, "ns"),
                1_000..1_000_000 => (MICROSECOND.unsigned_abs(), "µs"),
                _ => (MILLISECOND.unsigned_abs(), "ms"),
            };
            return write!(formatter, "{sign}{}{unit}", decimal(nanoseconds, scale));
        }
        let seconds = decimal(nanoseconds % MINUTE.unsigned_abs(), second);
        let (hours, minutes) = (
            nanoseconds / HOUR.unsigned_abs(),
            nanoseconds / MINUTE.unsigned_abs() % 60,
        );
        match (hours, minutes) {
            (0, 0) => write!(formatter, "{sign}{seconds}s"),
            (0, minutes) => write!(formatter, "{sign}{minutes}m{seconds}s"),
            (hours, minutes) => write!(formatter, "{sign}{hours}h{minutes}m{seconds}s"),
        }
    }
}

/// `value / scale` without trailing zeros.
fn decimal(value: u64, scale: u64) -> String {
    let (whole, fraction) = (value / scale, value % scale);
    if fraction == 0 {
        return whole.to_string();
    }
    let width = scale.ilog10() as usize;
    format!("{whole}.{}", format!("{fraction:0width$}").trim_end_matches('0'))
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl Protobuf for Duration {
    fn write_message(&self, writer: &mut Writer) {
        self.0.write(1, writer);
    }

    fn merge_field(&mut self, tag: u32, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        match tag {
            1 => self.0.merge(wire, reader),
            _ => reader.skip(wire),
        }
    }
}

crate::external::message_value!(Duration);

impl OpenApi for Duration {
    fn name() -> Option<String> {
        Some("io.k8s.apimachinery.pkg.apis.meta.v1.Duration".to_owned())
    }

    fn schema() -> Schema {
        Schema::string().describe("A duration such as 5m0s.")
    }
}

/// A duration for people, as kubectl shows ages: at most two units, the finer the shorter it is.
pub fn human(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let with_rest = |whole: u64, unit: &str, rest: u64, rest_unit: &str| {
        if rest == 0 {
            format!("{whole}{unit}")
        } else {
            format!("{whole}{unit}{rest}{rest_unit}")
        }
    };
    if seconds < 120 {
        format!("{seconds}s")
    } else if minutes < 10 {
        with_rest(minutes, "m", seconds % 60, "s")
    } else if minutes < 180 {
        format!("{minutes}m")
    } else if hours < 8 {
        with_rest(hours, "h", minutes % 60, "m")
    } else if hours < 48 {
        format!("{hours}h")
    } else if days < 8 {
        with_rest(days, "d", hours % 24, "h")
    } else if days < 2 * 365 {
        format!("{days}d")
    } else if days < 8 * 365 {
        with_rest(days / 365, "y", days % 365, "d")
    } else {
        format!("{}y", days / 365)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_and_parse_as_gos() {
        for (text, nanoseconds) in [
            ("0s", 0),
            ("1ns", 1),
            ("1.1µs", 1_100),
            ("2.2ms", 2_200_000),
            ("1.5s", 1_500_000_000),
            ("1m0s", MINUTE),
            ("5m0s", 5 * MINUTE),
            ("1h0m0s", HOUR),
            ("48h0m0s", 48 * HOUR),
            ("4m0.001s", 4 * MINUTE + MILLISECOND),
            ("-1m30s", -90 * SECOND),
            ("2562047h47m16.854775807s", i64::MAX),
            ("-2562047h47m16.854775808s", i64::MIN),
        ] {
            assert_eq!(Duration(nanoseconds).to_string(), text);
            assert_eq!(text.parse(), Ok(Duration(nanoseconds)), "{text}");
        }
    }

    #[test]
    fn other_texts_parse_too() {
        for (text, nanoseconds) in [
            ("48h", 48 * HOUR),
            ("+5s", 5 * SECOND),
            ("0", 0),
            ("1.h", HOUR),
            (".5m", 30 * SECOND),
            ("1us", 1_000),
        ] {
            assert_eq!(text.parse(), Ok(Duration(nanoseconds)), "{text}");
        }
    }

    #[test]
    fn errors_read_as_gos() {
        for (text, message) in [
            ("", r#"time: invalid duration """#),
            ("x", r#"time: invalid duration "x""#),
            ("1.2.3s", r#"time: invalid duration "1.2.3s""#),
            ("5", r#"time: missing unit in duration "5""#),
            ("5y", r#"time: unknown unit "y" in duration "5y""#),
            ("9999999h", r#"time: invalid duration "9999999h""#),
        ] {
            assert_eq!(text.parse::<Duration>().expect_err(text).to_string(), message);
        }
    }

    #[test]
    fn ages_read_as_kubectls() {
        for (seconds, text) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (150, "2m30s"),
            (600, "10m"),
            (3_600 * 3, "3h"),
            (3_600 * 3 + 60, "3h1m"),
            (3_600 * 8, "8h"),
            (86_400 * 2, "2d"),
            (86_400 * 3 + 7_200, "3d2h"),
            (86_400 * 8, "8d"),
            (86_400 * 730, "2y"),
            (86_400 * 731, "2y1d"),
            (86_400 * 365 * 8, "8y"),
        ] {
            assert_eq!(human(std::time::Duration::from_secs(seconds)), text);
        }
    }
}
