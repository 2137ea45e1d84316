//! What machines say on their consoles, for those who can't look into the cloud.
//!
//! In: a [`MachineDriver`], and a machine or the labels of machines. Out: the last lines in one. Absent: giving a machine up.

use std::time::Duration;

use api::machine::v1alpha1::{Machine, MachineClass, MachinePhase};
use apimachinery::duration::human;
use jiff::Timestamp;
use kube::{Api, Client, api::ListParams};

use super::{
    context::{WorkError, request_of},
    driver::{MachineDriver, MachineRequest},
    facts::{in_phase_for, is_active, name, phase},
};

/// How much of a console goes into a status.
const BYTES: usize = 2000;
const LINES: usize = 10;
/// How many silent machines are told of: most often all have the same trouble.
const MOST_MACHINES: usize = 2;

/// The last lines of a machine's console. One that cannot be read must not keep anybody from going on: it is empty.
pub(crate) async fn last_words(driver: &dyn MachineDriver, request: &MachineRequest) -> String {
    let console = driver.console(request, BYTES).await.unwrap_or_default();
    last_lines(&console)
}

/// Tells of the machines with these labels that were made at least `least` before `now` and have not joined since.
pub(crate) async fn silent_machines(
    seed: &Client,
    driver: &dyn MachineDriver,
    (namespace, labels): (&str, &str),
    (least, now): (Duration, Timestamp),
) -> Result<Vec<String>, WorkError> {
    let machines: Api<Machine> = Api::namespaced(seed.clone(), namespace);
    let classes: Api<MachineClass> = Api::namespaced(seed.clone(), namespace);
    let listed = machines.list(&ListParams::default().labels(labels)).await;
    let mut silent = listed.map_err(WorkError::seed("list Machines"))?.items;
    silent.retain(|machine| has_not_joined(machine) && in_phase_for(machine, now) >= least);
    silent.truncate(MOST_MACHINES);
    let mut told = Vec::new();
    for machine in &silent {
        let class = classes.get(&machine.spec.class.name).await;
        let class = class.map_err(WorkError::seed("read a MachineClass"))?;
        let request = request_of(seed, namespace, machine, &class).await?;
        let words = last_words(driver, &request).await;
        told.push(tell(machine, &words, now));
    }
    Ok(told)
}

fn has_not_joined(machine: &Machine) -> bool {
    let joined = matches!(phase(machine), MachinePhase::Running | MachinePhase::Unknown);
    is_active(machine) && !machine.spec.provider_id.is_empty() && !joined
}

fn tell(machine: &Machine, words: &str, now: Timestamp) -> String {
    let (name, waited) = (name(&machine.metadata), human(in_phase_for(machine, now)));
    let console = if words.is_empty() {
        "its console is empty".to_owned()
    } else {
        format!("last lines of its console: {words}")
    };
    format!("machine {name} has not joined the cluster for {waited}; {console}")
}

/// The last lines that say something, without control characters.
fn last_lines(console: &str) -> String {
    let clean = |line: &str| line.chars().filter(|letter| !letter.is_control()).collect::<String>();
    let lines: Vec<String> = console
        .lines()
        .map(|line| clean(line.trim()))
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(LINES)..].join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::testing;

    #[test]
    fn a_console_is_cut_to_its_last_lines() {
        assert_eq!(last_lines(""), "");
        assert_eq!(last_lines("a\r\n\n  b\u{1b}[0m\n"), "a | b[0m");
        let many: Vec<String> = (0..20).map(|number| number.to_string()).collect();
        assert_eq!(
            last_lines(&many.join("\n")),
            "10 | 11 | 12 | 13 | 14 | 15 | 16 | 17 | 18 | 19"
        );
    }

    #[test]
    fn only_machines_that_were_made_can_be_silent() {
        for (phase, made, expected) in [
            ("Pending", true, true),
            ("Pending", false, false),
            ("CrashLoopBackOff", false, false),
            ("Running", true, false),
            ("Unknown", true, false),
            ("Failed", true, false),
            ("deleting", true, false),
        ] {
            let mut machine = testing::machine("m", phase);
            if made {
                machine.spec.provider_id = "cloud:///m".to_owned();
            }
            assert_eq!(has_not_joined(&machine), expected, "{phase} {made}");
        }
    }
}
