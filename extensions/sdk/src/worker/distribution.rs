//! Numbers of a pool split over its zones, the way Gardener does it. Pure.

use apimachinery::meta::IntOrString;

/// The zone's part of a number: the first zones get one more when it does not come out even.
pub(crate) fn part(number: i32, zone: usize, zones: usize) -> i32 {
    let (zone, zones) = (small(zone), small(zones.max(1)));
    number / zones + i32::from(zone < number % zones)
}

/// The zone's part of a number; of a share, the share: it is of the zone's own machines.
pub(crate) fn part_of(value: &IntOrString, zone: usize, zones: usize) -> IntOrString {
    match value {
        IntOrString::Int(number) => IntOrString::Int(part(*number, zone, zones)),
        IntOrString::String(_) => value.clone(),
    }
}

/// `maxSurge` and `maxUnavailable` of a zone. With neither nothing could ever be replaced: then one more is allowed.
pub(crate) fn bounds(
    surge: &IntOrString,
    unavailable: &IntOrString,
    zone: usize,
    zones: usize,
) -> (IntOrString, IntOrString) {
    let none = |value: &IntOrString| match value {
        IntOrString::Int(number) => *number <= 0,
        IntOrString::String(text) => text.trim_end_matches('%').parse().unwrap_or(0) <= 0,
    };
    let (surge, unavailable) = (part_of(surge, zone, zones), part_of(unavailable, zone, zones));
    if none(&surge) && none(&unavailable) {
        (IntOrString::Int(1), unavailable)
    } else {
        (surge, unavailable)
    }
}

fn small(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_even_and_add_up() {
        for number in 0..20 {
            for zones in 1..5 {
                let parts: Vec<i32> = (0..zones).map(|zone| part(number, zone, zones)).collect();
                assert_eq!(parts.iter().sum::<i32>(), number);
                assert!(
                    parts.iter().max().unwrap() - parts.iter().min().unwrap() <= 1,
                    "{parts:?}"
                );
            }
        }
        assert_eq!(part(5, 0, 0), 5);
    }

    #[test]
    fn every_zone_can_replace_its_machines() {
        let int = IntOrString::Int;
        assert_eq!(bounds(&int(1), &int(0), 0, 2), (int(1), int(0)));
        assert_eq!(bounds(&int(1), &int(0), 1, 2), (int(1), int(0)));
        assert_eq!(bounds(&int(0), &int(1), 0, 2), (int(0), int(1)));
        assert_eq!(bounds(&int(0), &int(1), 1, 2), (int(1), int(0)));
        let share = |text: &str| IntOrString::String(text.to_owned());
        assert_eq!(bounds(&share("25%"), &share("0%"), 1, 3), (share("25%"), share("0%")));
        assert_eq!(bounds(&share("0%"), &int(0), 1, 3), (int(1), int(0)));
    }
}
