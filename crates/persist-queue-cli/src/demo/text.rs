//! A real text to send: the lists of files that this machine's packages installed, else the names
//! of the files that are there.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

const PACKAGE_LISTS: &str = "/var/lib/dpkg/info";
const TREES: [&str; 3] = ["/usr", "/opt", "/home"];

/// Writes exactly `lines` lines to `path`, and says where they are from.
pub(crate) fn gather(path: &Path, lines: u64) -> io::Result<String> {
    let mut text =
        Text { file: BufWriter::new(File::create_new(path)?), missing: lines, from: Vec::new() };
    text.add_package_lists()?;
    for tree in TREES {
        text.add_names(Path::new(tree))?;
    }
    text.add_numbers(lines)?;
    text.file.flush()?;
    Ok(text.from.join(", "))
}

/// Reads the lines with these numbers.
pub(crate) fn read(
    path: &Path,
    range: &Range<u64>,
) -> io::Result<impl Iterator<Item = io::Result<String>> + use<>> {
    let lines = BufReader::new(File::open(path)?).lines();
    Ok(lines.skip(range.start as usize).take((range.end - range.start) as usize))
}

#[derive(Debug)]
struct Text {
    file: BufWriter<File>,
    missing: u64,
    from: Vec<String>,
}

impl Text {
    fn add(&mut self, line: &str) -> io::Result<()> {
        // A file's name may hold anything; a line of text may not hold the end of one.
        if self.missing > 0 && !line.contains(['\n', '\r']) {
            writeln!(self.file, "{line}")?;
            self.missing -= 1;
        }
        Ok(())
    }

    fn add_package_lists(&mut self) -> io::Result<()> {
        let before = self.missing;
        let mut lists = entries(Path::new(PACKAGE_LISTS));
        lists.retain(|path| path.extension().is_some_and(|extension| extension == "list"));
        for list in lists {
            if self.missing == 0 {
                break;
            }
            for line in String::from_utf8_lossy(&fs::read(list)?).lines() {
                self.add(line)?;
            }
        }
        self.note(before, &format!("{PACKAGE_LISTS}/*.list"));
        Ok(())
    }

    fn add_names(&mut self, tree: &Path) -> io::Result<()> {
        let before = self.missing;
        let mut folders = vec![tree.to_owned()];
        while let Some(folder) = folders.pop() {
            if self.missing == 0 {
                break;
            }
            for path in entries(&folder) {
                self.add(&path.to_string_lossy())?;
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path);
                }
            }
        }
        self.note(before, &format!("the file names in {}", tree.display()));
        Ok(())
    }

    fn add_numbers(&mut self, lines: u64) -> io::Result<()> {
        let before = self.missing;
        while self.missing > 0 {
            let number = lines - self.missing;
            self.add(&format!("line {number}, for want of a longer text on this machine"))?;
        }
        self.note(before, "numbered lines");
        Ok(())
    }

    fn note(&mut self, before: u64, from: &str) {
        if self.missing < before {
            self.from.push(from.to_owned());
        }
    }
}

/// What is in a folder, in order; nothing where it cannot be read.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_as_many_lines_as_asked_for_and_they_are_found_by_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines.txt");
        gather(&path, 50).unwrap();
        let all: Vec<_> = read(&path, &(0..100)).unwrap().map(Result::unwrap).collect();
        assert_eq!(all.len(), 50);
        let some: Vec<_> = read(&path, &(7..9)).unwrap().map(Result::unwrap).collect();
        assert_eq!(some, all[7..9]);
    }

    #[test]
    fn a_machine_without_texts_gets_numbered_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines.txt");
        let file = BufWriter::new(File::create_new(&path).unwrap());
        let mut text = Text { file, missing: 3, from: Vec::new() };
        text.add("real").unwrap();
        text.add("no\nline").unwrap();
        text.add_numbers(3).unwrap();
        text.file.flush().unwrap();
        assert_eq!(text.from, ["numbered lines"]);
        let all: Vec<_> = read(&path, &(0..9)).unwrap().map(Result::unwrap).collect();
        assert_eq!(all[0], "real");
        assert!(all[2].starts_with("line 2,"), "{all:?}");
    }
}
