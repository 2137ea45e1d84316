//! The host's package sources, reduced to those of its own distribution.
//!
//! In: the text of files below `/etc/apt`. Out: the text of files for mmdebstrap, without sources of third parties: those do not
//! belong in a machine, and their keys may not be readable where the image is built. Pure.

/// A file of package sources, as apt reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceFile {
    /// Decides the format: `.list` has a source per line, `.sources` has paragraphs.
    pub(crate) format: Format,
    pub(crate) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    List,
    Paragraphs,
}

impl Format {
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Paragraphs => "sources",
        }
    }
}

/// What of the file belongs to the distribution with this code name; nothing if nothing does.
pub(crate) fn select(file: &SourceFile, codename: &str) -> Option<SourceFile> {
    let text = match file.format {
        Format::List => select_lines(&file.text, codename),
        Format::Paragraphs => select_paragraphs(&file.text, codename),
    };
    (!text.is_empty()).then_some(SourceFile {
        format: file.format,
        text,
    })
}

/// `bookworm`, `bookworm-updates`, `bookworm-security`, and the old `bookworm/updates`; not backports, which apt does not prefer.
fn is_suite_of(suite: &str, codename: &str) -> bool {
    matches!(
        suite.strip_prefix(codename),
        Some("" | "-updates" | "-security" | "/updates")
    )
}

/// Third parties who use the distribution's code name as a suite call their component otherwise.
fn is_main<'text>(mut components: impl Iterator<Item = &'text str>) -> bool {
    components.any(|component| component == "main")
}

fn select_lines(text: &str, codename: &str) -> String {
    let mut selected = String::new();
    for line in text.lines() {
        let Some(rest) = line.trim().strip_prefix("deb ") else {
            continue;
        };
        let rest = match rest.trim_start().strip_prefix('[') {
            Some(options) => options.split_once(']').map_or("", |(_, rest)| rest),
            None => rest,
        };
        let mut words = rest.split('#').next().unwrap_or_default().split_whitespace().skip(1);
        if words.next().is_some_and(|suite| is_suite_of(suite, codename)) && is_main(words) {
            selected.push_str(line.trim());
            selected.push('\n');
        }
    }
    selected
}

fn select_paragraphs(text: &str, codename: &str) -> String {
    let mut selected = Vec::new();
    let mut paragraph = Vec::new();
    for line in text.lines().chain([""]) {
        if !line.trim().is_empty() {
            paragraph.push(line);
            continue;
        }
        if let Some(text) = select_paragraph(&paragraph, codename) {
            selected.push(text);
        }
        paragraph.clear();
    }
    selected.join("\n")
}

fn select_paragraph(lines: &[&str], codename: &str) -> Option<String> {
    let words = |name: &str| -> Vec<&str> {
        field(lines, name)
            .iter()
            .flat_map(|line| line.split_whitespace())
            .collect()
    };
    let suites: Vec<&str> = words("suites")
        .into_iter()
        .filter(|suite| is_suite_of(suite, codename))
        .collect();
    let enabled = !matches!(words("enabled").first(), Some(&("no" | "false" | "0")));
    let usable = enabled && words("types").contains(&"deb") && is_main(words("components").into_iter());
    if suites.is_empty() || !usable {
        return None;
    }
    let mut text = format!(
        "Types: deb\nURIs: {}\nSuites: {}\n",
        words("uris").join(" "),
        suites.join(" ")
    );
    text += &format!("Components: {}\n", words("components").join(" "));
    // A path, or a key with one line of armour per line.
    let signed_by = field(lines, "signed-by");
    if !signed_by.is_empty() {
        text += &format!("Signed-By: {}\n", signed_by.join("\n"));
    }
    Some(text)
}

/// The lines of a field's value: what follows its name, and the indented lines below, with their indentation.
fn field<'text>(lines: &[&'text str], name: &str) -> Vec<&'text str> {
    let mut value = Vec::new();
    let mut inside = false;
    for line in lines {
        if line.starts_with('#') {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            if inside {
                value.push(line.trim_end());
            }
            continue;
        }
        inside = false;
        if let Some((key, rest)) = line.split_once(':')
            && key.trim().eq_ignore_ascii_case(name)
        {
            inside = true;
            value.push(rest.trim());
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(format: Format, text: &str, expected: &str) {
        let selected = select(
            &SourceFile {
                format,
                text: text.into(),
            },
            "bookworm",
        );
        assert_eq!(selected.map(|file| file.text).unwrap_or_default(), expected);
    }

    #[test]
    fn lines_of_the_distribution_are_kept() {
        check(
            Format::List,
            "# comment\ndeb http://mirror.example/debian bookworm main contrib\ndeb-src http://mirror.example/debian bookworm main\n\
             deb [signed-by=/k.gpg arch=amd64] http://mirror.example/security bookworm-security main # why\n\
             deb http://other.example/apt cloud-sdk-bookworm main\ndeb http://other.example/docker bookworm stable\n",
            "deb http://mirror.example/debian bookworm main contrib\n\
             deb [signed-by=/k.gpg arch=amd64] http://mirror.example/security bookworm-security main # why\n",
        );
    }

    #[test]
    fn paragraphs_of_the_distribution_are_kept_and_keep_their_keys() {
        check(
            Format::Paragraphs,
            "# snapshot\nTypes: deb deb-src\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates bookworm-backports\n\
             Components: main\nSigned-By:\n -----BEGIN\n .\n abc\n\nTypes: deb\nURIs: http://other.example\nSuites: nodistro\n\
             Components: main\n\nEnabled: no\nTypes: deb\nURIs: http://mirror.example/x\nSuites: bookworm\nComponents: main\n",
            "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n\
             Signed-By: \n -----BEGIN\n .\n abc\n",
        );
    }

    #[test]
    fn a_file_of_third_parties_vanishes() {
        let file = SourceFile {
            format: Format::List,
            text: "deb http://other.example/apt stable main\n".into(),
        };
        assert_eq!(select(&file, "bookworm"), None);
    }
}
