//! Cron expressions of hibernation, and maintenance windows.

use std::ops::RangeInclusive;

use apimachinery::field::{FieldError, FieldErrors, Path};

use crate::core::v1beta1::{HibernationSchedule, MaintenanceTimeWindow};

const MINUTES_PER_DAY: i32 = 24 * 60;
/// Shorter windows leave no time for an update.
const SHORTEST_WINDOW: i32 = 30;
const LONGEST_WINDOW: i32 = 6 * 60;

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Schedules of hibernation.
pub(super) fn hibernation(path: &Path, schedules: &[HibernationSchedule], errors: &mut FieldErrors) {
    for (index, schedule) in schedules.iter().enumerate() {
        let path = path.index(index);
        if schedule.start.is_none() && schedule.end.is_none() {
            errors.push(FieldError::required(&path, "must specify start or end, or both"));
        }
        if schedule.start.is_some() && schedule.start == schedule.end {
            errors.push(FieldError::invalid(
                &path.child("end"),
                schedule.end.as_deref(),
                "must not be the same as start",
            ));
        }
        for (name, expression) in [("start", &schedule.start), ("end", &schedule.end)] {
            if let Some(expression) = expression
                && !is_cron(expression)
            {
                errors.push(FieldError::invalid(
                    &path.child(name),
                    expression,
                    "must be a cron expression: minute, hour, day of month, month, day of week, such as \"0 20 * * 1-5\"",
                ));
            }
        }
        if let Some(location) = &schedule.location
            && !is_location(location)
        {
            errors.push(FieldError::invalid(
                &path.child("location"),
                location,
                "must be the name of a time zone, such as Europe/Berlin",
            ));
        }
    }
}

/// The daily window of maintenance.
pub(super) fn maintenance_window(path: &Path, window: &MaintenanceTimeWindow, errors: &mut FieldErrors) {
    let mut minute = |name: &str, text: &str| {
        let minute = minute_of_day(text);
        if minute.is_none() {
            errors.push(FieldError::invalid(
                &path.child(name),
                text,
                "must be a time of day with offset: HHMMSS+ZZZZ, such as 220000+0100",
            ));
        }
        minute
    };
    let (Some(begin), Some(end)) = (minute("begin", &window.begin), minute("end", &window.end)) else {
        return;
    };
    let length = (end - begin).rem_euclid(MINUTES_PER_DAY);
    if !(SHORTEST_WINDOW..=LONGEST_WINDOW).contains(&length) {
        let window = format!("{} - {}", window.begin, window.end);
        errors.push(FieldError::invalid(
            path,
            window,
            format!("must be between 30 minutes and 6 hours long, not {length} minutes"),
        ));
    }
}

/// `220000+0100` as minutes since midnight UTC.
fn minute_of_day(text: &str) -> Option<i32> {
    let (time, zone) = (text.get(..6)?, text.get(6..)?);
    let number = |text: &str, maximum: i32| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number| digits && *number <= maximum)
    };
    let hour: i32 = number(time.get(..2)?, 23)?;
    let minute: i32 = number(time.get(2..4)?, 59)?;
    number(time.get(4..)?, 59)?;
    let sign = match zone.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let offset = number(zone.get(1..3)?, 14)? * 60 + number(zone.get(3..)?, 59)?;
    Some((hour * 60 + minute - sign * offset).rem_euclid(MINUTES_PER_DAY))
}

/// Whether a text could name a time zone. Which zones there are is known to the machine, not to this crate.
fn is_location(text: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte);
    !text.is_empty() && text.bytes().all(valid) && text.split('/').all(|part| !part.is_empty())
}

/// Five fields: minute, hour, day of month, month, day of week.
fn is_cron(expression: &str) -> bool {
    let fields: Vec<&str> = expression.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields.as_slice() else {
        return false;
    };
    is_cron_field(minute, 0..=59, &[], 0)
        && is_cron_field(hour, 0..=23, &[], 0)
        && is_cron_field(day, 1..=31, &[], 0)
        && is_cron_field(month, 1..=12, &MONTHS, 1)
        && is_cron_field(weekday, 0..=6, &WEEKDAYS, 0)
}

/// A list of `*`, `a`, `a-b`, each with an optional `/step`; `names[i]` stands for `i + first_name`.
fn is_cron_field(field: &str, range: RangeInclusive<usize>, names: &[&str], first_name: usize) -> bool {
    let value = |text: &str| -> Option<usize> {
        let lower = text.to_ascii_lowercase();
        let named = names.iter().position(|name| *name == lower);
        named
            .map(|index| index + first_name)
            .or_else(|| text.parse().ok())
            .filter(|value| range.contains(value))
    };
    field.split(',').all(|part| {
        let (base, step) = part
            .split_once('/')
            .map_or((part, None), |(base, step)| (base, Some(step)));
        let step_fits = step.is_none_or(|step| step.parse::<usize>().is_ok_and(|step| step > 0));
        let base_fits = match (base, base.split_once('-')) {
            ("*" | "?", _) => true,
            (_, Some((from, to))) => {
                matches!((value(from), value(to)), (Some(from), Some(to)) if from <= to)
            }
            _ => value(base).is_some(),
        };
        step_fits && base_fits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cron_expressions_have_five_fields_in_range() {
        for (expression, expected) in [
            ("0 20 * * 1-5", true),
            ("*/15 0-6,22 1 jan,DEC sun", true),
            ("00 17 * * 1", true),
            ("? * * * ?", true),
            ("0 20 * *", false),
            ("60 20 * * *", false),
            ("0 20 * 13 *", false),
            ("0 20-8 * * *", false),
            ("*/0 * * * *", false),
            ("0 20 * * 7", false),
            ("@daily", false),
        ] {
            assert_eq!(is_cron(expression), expected, "{expression}");
        }
    }

    #[test]
    fn windows_are_minutes_of_the_day_in_utc() {
        for (text, expected) in [
            ("220000+0100", Some(21 * 60)),
            ("000000+0100", Some(23 * 60)),
            ("233000-0130", Some(60)),
            ("240000+0000", None),
            ("22:00+0100", None),
            ("220000", None),
            ("2200000100", None),
        ] {
            assert_eq!(minute_of_day(text), expected, "{text}");
        }
    }
}
