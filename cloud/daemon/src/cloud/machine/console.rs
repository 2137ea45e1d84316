//! What machines write to their consoles: kept in a file of bounded length that the machine appends to.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

use crate::{
    Error,
    cloud::{Cloud, not_found},
    store::MachineRecord,
};

/// The most that is handed out, and what is kept of a console that became too long.
pub(crate) const CONSOLE_SHOWN: u64 = 1024 * 1024;

/// A console longer than this is shortened to its end.
const LONGEST_CONSOLE: u64 = 8 * 1024 * 1024;

impl Cloud {
    /// The last bytes of what the machine wrote to its console.
    pub(crate) fn console(&self, name: &str, bytes: u64) -> Result<String, Error> {
        if self.store.get::<MachineRecord>(name).is_none() {
            return Err(not_found("machine", name));
        }
        let path = self.layout.machine(name).console();
        match File::open(&path).and_then(|file| end_of(file, bytes.min(CONSOLE_SHOWN))) {
            Ok(text) => Ok(String::from_utf8_lossy(&text).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(Error::file("read", &path)(error)),
        }
    }

    pub(crate) fn shorten_consoles(&self) {
        let machines: Vec<String> = self.store.read().machines.keys().cloned().collect();
        for machine in machines {
            let console = self.layout.machine(&machine).console();
            if let Err(error) = shorten(&console, LONGEST_CONSOLE, CONSOLE_SHOWN) {
                tracing::warn!(machine, %error, "failed to shorten its console");
            }
        }
    }
}

/// The last bytes of a file, from the beginning of a line if there is one among them.
fn end_of(mut file: File, bytes: u64) -> io::Result<Vec<u8>> {
    let start = file.metadata()?.len().saturating_sub(bytes);
    // One byte more, which tells whether the first line is whole.
    let before = start.min(1);
    file.seek(SeekFrom::Start(start - before))?;
    let mut text = Vec::new();
    file.take(bytes + before).read_to_end(&mut text)?;
    if before == 0 {
        return Ok(text);
    }
    let line = text.iter().position(|byte| *byte == b'\n').map_or(1, |end| end + 1);
    // A line that is longer than all that was asked for is better than nothing.
    let line = if line == text.len() { 1 } else { line };
    Ok(text.split_off(line.min(text.len())))
}

/// Keeps the end of a file that is too long. Its writers append: they go on behind it.
fn shorten(path: &Path, longest: u64, kept: u64) -> io::Result<()> {
    match path.metadata() {
        Ok(metadata) if metadata.len() > longest => {}
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    let mut file = OpenOptions::new().read(true).append(true).open(path)?;
    let end = end_of(file.try_clone()?, kept)?;
    file.set_len(0)?;
    file.write_all(&end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str, bytes: u64) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console");
        std::fs::write(&path, text).unwrap();
        String::from_utf8(end_of(File::open(&path).unwrap(), bytes).unwrap()).unwrap()
    }

    #[test]
    fn the_end_begins_with_a_line() {
        for (text, bytes, expected) in [
            ("", 5, ""),
            ("one\ntwo\n", 100, "one\ntwo\n"),
            ("one\ntwo\n", 8, "one\ntwo\n"),
            ("one\ntwo\n", 7, "two\n"),
            ("one\ntwo\n", 4, "two\n"),
            ("one\ntwo\n", 3, "wo\n"),
            ("one\ntwo\n", 0, ""),
            ("one\ntwo", 5, "two"),
            ("long line", 4, "line"),
        ] {
            assert_eq!(end(text, bytes), expected, "{text:?}, {bytes}");
        }
    }

    #[test]
    fn a_long_console_keeps_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console");
        let mut writer = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        for line in 0..100 {
            writeln!(writer, "line {line:02}").unwrap();
        }
        shorten(&path, 800, 20).unwrap();
        assert_eq!(path.metadata().unwrap().len(), 800, "not too long yet");
        shorten(&path, 799, 20).unwrap();
        writeln!(writer, "line 100").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "line 98\nline 99\nline 100\n");
    }
}
