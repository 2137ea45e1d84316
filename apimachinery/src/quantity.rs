//! Quantities: `100m`, `1536Mi`, `12e6`.
//!
//! In: texts, or [`Quantity`] values of the API. Out: an [`Amount`] to compare and add, and the canonical text.
//!
//! Like Kubernetes, precision ends at nano (rounded away from zero) and a quantity keeps the notation it was written in.
//! Unlike Kubernetes, which counts without bound, amounts beyond 10^29 are an error.

use std::{cmp::Ordering, fmt, str::FromStr};

use crate::meta::Quantity;

/// Nano: the smallest unit.
const UNIT: i128 = 1_000_000_000;

/// Suffixes of powers of 1000, from nano.
const DECIMAL_SUFFIXES: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];

/// Suffixes of powers of 1024.
const BINARY_SUFFIXES: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// How an amount is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `12M`.
    #[default]
    Decimal,
    /// `12Mi`.
    Binary,
    /// `12e6`.
    Exponent,
}

/// A parsed quantity. Amounts are equal if they are as much, however they are written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Amount {
    nano: i128,
    format: Format,
}

/// The text is no quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseQuantityError {
    /// Not a number and a suffix.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// The number is none, or too large.
    #[error("unable to parse numeric part of quantity")]
    Number,
    /// The suffix is unknown.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

impl Amount {
    /// So many whole units.
    pub fn from_units(units: i64) -> Self {
        Self {
            nano: i128::from(units) * UNIT,
            format: Format::Decimal,
        }
    }

    /// So many bytes, written with binary suffixes.
    pub fn from_bytes(bytes: i64) -> Self {
        Self {
            format: Format::Binary,
            ..Self::from_units(bytes)
        }
    }

    /// So many thousandths, as for CPUs.
    pub fn from_milli(milli: i64) -> Self {
        Self {
            nano: i128::from(milli) * (UNIT / 1000),
            format: Format::Decimal,
        }
    }

    /// The quantity's amount; an empty quantity is zero.
    pub fn parse(quantity: &Quantity) -> Result<Self, ParseQuantityError> {
        if quantity.0.is_empty() {
            Ok(Self::default())
        } else {
            quantity.0.parse()
        }
    }

    /// As a value of the API, canonical.
    pub fn to_quantity(self) -> Quantity {
        Quantity(self.to_string())
    }

    /// Whole units, rounded up.
    pub fn units(self) -> i64 {
        self.scaled(UNIT)
    }

    /// Thousandths, rounded up.
    pub fn milli(self) -> i64 {
        self.scaled(UNIT / 1000)
    }

    fn scaled(self, unit: i128) -> i64 {
        // Kubernetes rounds away from zero: who asks for a little gets a little.
        let rounded = self.nano / unit + (self.nano % unit).signum();
        i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.nano == 0
    }

    /// Whether it is less than nothing.
    pub fn is_negative(self) -> bool {
        self.nano < 0
    }

    /// The sum, written as the first; `None` if it is too large.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let format = if self.is_zero() { other.format } else { self.format };
        Some(Self {
            nano: self.nano.checked_add(other.nano)?,
            format,
        })
    }

    /// The difference, written as the first; `None` if it is too large.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        let format = if self.is_zero() { other.format } else { self.format };
        Some(Self {
            nano: self.nano.checked_sub(other.nano)?,
            format,
        })
    }
}

impl PartialEq for Amount {
    fn eq(&self, other: &Self) -> bool {
        self.nano == other.nano
    }
}

impl Eq for Amount {}

impl PartialOrd for Amount {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Amount {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nano.cmp(&other.nano)
    }
}

impl FromStr for Amount {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Self, ParseQuantityError> {
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let end = unsigned
            .find(|c: char| c != '.' && !c.is_ascii_digit())
            .unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(ParseQuantityError::Format);
        }
        let (scale, format) = parse_suffix(suffix)?;
        let nano = scale_number(whole, fraction, scale).ok_or(ParseQuantityError::Number)?;
        let (nano, format) = match format {
            // Less than a unit has no binary notation.
            Format::Binary if nano < UNIT => (nano, Format::Decimal),
            Format::Binary => (nano.min(i128::from(i64::MAX) * UNIT), Format::Binary),
            format => (nano, format),
        };
        Ok(Self {
            nano: if negative { -nano } else { nano },
            format,
        })
    }
}

/// The quantity of a text, in canonical form.
pub fn canonical(text: &str) -> Result<Quantity, ParseQuantityError> {
    text.parse().map(Amount::to_quantity)
}

/// What a suffix multiplies by.
#[derive(Clone, Copy)]
enum Scale {
    /// A power of ten.
    Ten(i32),
    /// A power of two.
    Two(u32),
}

fn parse_suffix(suffix: &str) -> Result<(Scale, Format), ParseQuantityError> {
    if let Some(index) = DECIMAL_SUFFIXES.iter().position(|known| *known == suffix) {
        return Ok((Scale::Ten(index as i32 * 3 - 9), Format::Decimal));
    }
    if let Some(index) = BINARY_SUFFIXES.iter().position(|known| *known == suffix) {
        return Ok((Scale::Two(index as u32 * 10), Format::Binary));
    }
    let exponent = suffix.strip_prefix(['e', 'E']).ok_or(ParseQuantityError::Suffix)?;
    let exponent = exponent.parse().map_err(|_| ParseQuantityError::Suffix)?;
    Ok((Scale::Ten(exponent), Format::Exponent))
}

/// The number in nano, rounded up.
fn scale_number(whole: &str, fraction: &str, scale: Scale) -> Option<i128> {
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() {
        return Some(0);
    }
    // 38 digits fill an i128; a longer fraction is far below nano unless the exponent is absurd.
    let mantissa: i128 = digits.parse().ok()?;
    let places = i32::try_from(fraction.len()).ok()?;
    match scale {
        Scale::Ten(exponent) => shift_ten(mantissa, exponent.checked_add(9)?.checked_sub(places)?),
        Scale::Two(exponent) => shift_ten(mantissa.checked_mul(1 << exponent)?, 9 - places),
    }
}

/// `value × 10^exponent`, rounded up.
fn shift_ten(value: i128, exponent: i32) -> Option<i128> {
    let power = 10i128.checked_pow(exponent.unsigned_abs());
    if exponent >= 0 {
        return value.checked_mul(power?);
    }
    // Less than the smallest unit is still something.
    power.map_or(Some(1), |power| Some(value / power + (value % power).signum()))
}

/// The canonical text: no fraction, the largest suffix that keeps all digits.
impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nano == 0 {
            return formatter.write_str("0");
        }
        if self.format == Format::Binary && self.nano.abs() >= 1024 * UNIT && self.nano % UNIT == 0 {
            let (number, power) = reduce(self.nano / UNIT, 1024, BINARY_SUFFIXES.len() - 1);
            return write!(formatter, "{number}{}", BINARY_SUFFIXES[power]);
        }
        let (number, power) = reduce(self.nano, 1000, usize::MAX);
        let exponent = power as i64 * 3 - 9;
        match DECIMAL_SUFFIXES.get(power) {
            Some(suffix) if self.format != Format::Exponent => write!(formatter, "{number}{suffix}"),
            _ if exponent == 0 => write!(formatter, "{number}"),
            _ => write!(formatter, "{number}e{exponent}"),
        }
    }
}

/// Divides by `base` as often as nothing is lost.
fn reduce(mut number: i128, base: i128, maximum: usize) -> (i128, usize) {
    let mut power = 0;
    while power < maximum && number % base == 0 {
        number /= base;
        power += 1;
    }
    (number, power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_canonical() {
        for (text, canonical) in [
            ("0", "0"),
            ("0Ki", "0"),
            ("1", "1"),
            ("+1", "1"),
            ("-1.5", "-1500m"),
            ("1.5", "1500m"),
            ("0.5", "500m"),
            (".5", "500m"),
            ("1.", "1"),
            ("100m", "100m"),
            ("1000m", "1"),
            ("1000", "1k"),
            ("1500k", "1500k"),
            ("1e3", "1e3"),
            ("1E3", "1e3"),
            ("1E", "1E"),
            ("1000E", "1e21"),
            ("12e6", "12e6"),
            ("1.2e3", "1200"),
            ("1.5Gi", "1536Mi"),
            ("1024Ki", "1Mi"),
            ("1023Ki", "1023Ki"),
            ("512Mi", "512Mi"),
            ("0.5Ki", "512"),
            ("8Ei", "9223372036854775807"),
            ("0.9n", "1n"),
            ("1e-10", "1e-9"),
            ("1.2345", "1234500u"),
        ] {
            let amount: Amount = text.parse().expect(text);
            assert_eq!(amount.to_string(), canonical, "{text}");
            assert_eq!(canonical.parse(), Ok(amount), "{canonical}");
        }
    }

    #[test]
    fn wrong_texts_are_errors() {
        use ParseQuantityError::{Format, Number, Suffix};
        for (text, error) in [
            ("", Format),
            ("x", Format),
            ("-", Format),
            (".", Format),
            ("1.2.3", Format),
            ("1x", Suffix),
            ("1 Gi", Suffix),
            ("1e", Suffix),
            ("1mi", Suffix),
            ("1e99999999999", Suffix),
            ("1e100", Number),
            ("99999999999999999999999999999999999999999", Number),
        ] {
            assert_eq!(text.parse::<Amount>(), Err(error), "{text}");
        }
    }

    #[test]
    fn amounts_compare_and_add() {
        let amount = |text: &str| text.parse::<Amount>().expect(text);
        assert!(amount("1Gi") > amount("1G"));
        assert_eq!(amount("1024Mi"), amount("1Gi"));
        assert_eq!(
            amount("1Gi").checked_add(amount("512Mi")).map(|sum| sum.to_string()),
            Some("1536Mi".to_owned())
        );
        assert_eq!(
            amount("2").checked_sub(amount("500m")).map(|sum| sum.to_string()),
            Some("1500m".to_owned())
        );
        assert_eq!(
            (amount("100m").units(), amount("100m").milli(), amount("-1.1").units()),
            (1, 100, -2)
        );
        assert_eq!(Amount::from_milli(250).to_quantity(), Quantity("250m".to_owned()));
        assert_eq!(Amount::from_bytes(1 << 30).to_quantity(), Quantity("1Gi".to_owned()));
        assert_eq!(Amount::parse(&Quantity::default()), Ok(Amount::default()));
    }
}
