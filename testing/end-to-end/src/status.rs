//! What `status` says: of a landscape in which all is well, and of a shoot that waits for something.
//!
//! In: its JSON, as programs read it, and its lines, as people do. Absent: a landscape that does not run.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::walk::{Walk, eventually};

/// `up` does not wait for every condition, and some are looked at only every so often.
const SECONDS: u64 = 60;

/// What the landscape has after `up`: each part with the beginning of a name.
const EXPECTED: [(&str, &str); 5] = [
    ("machines", "seed"),
    ("machines", "shoot--dev--first-"),
    ("gardens", "local"),
    ("seeds", "local"),
    ("shoots", "garden-dev/first"),
];

pub(crate) fn steps(walk: &mut Walk) {
    walk.step(
        "status: garden, seed, shoot and its machine are there, and all is well",
        all_well,
    );
    walk.step("status: people read the same", in_words);
}

fn ask(walk: &Walk) -> Result<Value> {
    let output = walk.kubeception(&["status", "--output", "json"])?;
    serde_json::from_str(&output).context("it is not JSON")
}

fn all_well(walk: &Walk) -> Result<()> {
    eventually(SECONDS, "all to be well", || is_well(&ask(walk)?))
}

/// Everything that is expected is there, and nothing that is there waits for anything.
fn is_well(status: &Value) -> Result<()> {
    ensure!(status["running"] == true, "it does not run: {status}");
    let problems = &status["problems"];
    ensure!(problems.as_array().is_some_and(Vec::is_empty), "problems: {problems}");
    for (part, name) in EXPECTED {
        let mut lines = lines(status, part);
        ensure!(
            lines.any(|line| named(line).starts_with(name)),
            "{name} is not among the {part}: {status}"
        );
    }
    for line in EXPECTED.iter().flat_map(|(part, _)| lines(status, part)) {
        ensure!(
            line["ready"] == true && line["waitingFor"].is_null(),
            "it is not well: {line}"
        );
    }
    Ok(())
}

fn lines<'a>(status: &'a Value, part: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    status[part].as_array().into_iter().flatten()
}

fn named(line: &Value) -> &str {
    line["name"].as_str().unwrap_or_default()
}

fn in_words(walk: &Walk) -> Result<()> {
    eventually(SECONDS, "people to read that all is well", || {
        let text = walk.kubeception(&["status"])?;
        for (part, name) in EXPECTED {
            let well = format!("+ {name}");
            ensure!(
                has_below(&text, part, &well),
                "{well:?} is not among the {part}:\n{text}"
            );
        }
        Ok(())
    })
}

/// Whether a line that begins so stands below the title, before the empty line that ends its part.
fn has_below(text: &str, title: &str, beginning: &str) -> bool {
    let below = text.lines().skip_while(|line| *line != title).skip(1);
    below
        .take_while(|line| !line.is_empty())
        .any(|line| line.trim_start().starts_with(beginning))
}

/// Waits until it says of a shoot, `<namespace>/<name>`, that it is in this state and waits for this.
pub(crate) fn tells(walk: &Walk, shoot: &str, state: &str, waits_for: &str) -> Result<()> {
    eventually(SECONDS, "`status` to say what the shoot waits for", || {
        told(&ask(walk)?, shoot, state, waits_for)
    })
}

fn told(status: &Value, shoot: &str, state: &str, waits_for: &str) -> Result<()> {
    let line = lines(status, "shoots").find(|line| named(line) == shoot);
    let line = line.with_context(|| format!("{shoot} is not among the shoots: {status}"))?;
    let reasons = line["waitingFor"].as_array().into_iter().flatten();
    let mut reasons = reasons.filter_map(Value::as_str);
    ensure!(
        line["ready"] == false
            && line["state"].as_str().is_some_and(|text| text.starts_with(state))
            && reasons.any(|reason| reason.len() > waits_for.len() && reason.starts_with(waits_for)),
        "it says: {line}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn well() -> Value {
        let line = |name: &str| json!({"name": name, "state": "as wished", "ready": true});
        json!({
            "landscape": "e2e",
            "running": true,
            "machines": [line("seed"), line("shoot--dev--first-worker-z1-a-b")],
            "gardens": [line("local")],
            "seeds": [line("local")],
            "shoots": [line("garden-dev/first")],
            "problems": [],
        })
    }

    #[test]
    fn all_is_well_or_not() {
        assert!(is_well(&well()).is_ok());
        for (place, value) in [
            ("/running", json!(false)),
            ("/problems", json!(["garden: no answer"])),
            ("/machines/1/name", json!("shoot--dev--second-worker-z1-a-b")),
            ("/gardens", json!([])),
            ("/seeds/0/ready", json!(false)),
            (
                "/shoots/0",
                json!({"name": "garden-dev/first", "ready": true, "waitingFor": ["etcd"]}),
            ),
        ] {
            let mut status = well();
            *status.pointer_mut(place).unwrap() = value;
            assert!(is_well(&status).is_err(), "{place}");
        }
    }

    #[test]
    fn a_shoot_waits_for_something_that_is_said() {
        let status = |reasons: Value| {
            let state = "Create Processing 40%";
            json!({"shoots": [{"name": "garden-dev/new", "state": state, "ready": false, "waitingFor": reasons}]})
        };
        let says =
            |reasons, waits_for| told(&status(reasons), "garden-dev/new", "Create Processing", waits_for).is_ok();
        assert!(says(json!(["Waiting for etcd"]), ""));
        assert!(!says(json!([""]), ""));
        assert!(says(
            json!(["Waiting", "APIServerAvailable: why"]),
            "APIServerAvailable: "
        ));
        assert!(!says(json!(["APIServerAvailable: "]), "APIServerAvailable: "));
        assert!(told(&status(json!(["etcd"])), "garden-dev/old", "", "").is_err());
    }

    #[test]
    fn a_line_stands_below_its_title() {
        let text = "landscape e2e\n\ngardens\n  - local  Create Processing 40%\n\nseeds\n  + local  observed\n";
        assert!(has_below(text, "seeds", "+ local"));
        assert!(!has_below(text, "gardens", "+ local"));
    }
}
