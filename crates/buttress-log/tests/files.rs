//! Log files: rotation, retention, and files that others move, on a real file system.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod kit;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::Duration;

use buttress_log::{FileWriter, JsonLayer, Queue, RollingFile, WhenFull};
use kit::directory::{Directory, until};
use tracing::{Dispatch, info};
use tracing_subscriber::prelude::*;

fn write(file: &mut FileWriter, text: &str) {
    file.write_all(text.as_bytes()).unwrap();
}

/// The size is checked before the write: no file is longer than its limit, unless one line is.
#[test]
fn a_file_rotates_before_it_is_too_long() {
    let directory = Directory::new();
    let mut file = RollingFile::new(directory.log()).max_bytes(10).open().unwrap();
    for line in ["12345\n", "678\n", "next\n", "a line that is longer\n", "x\n"] {
        write(&mut file, line);
    }
    assert_eq!(directory.texts(), ["12345\n678\n", "next\n", "a line that is longer\n", "x\n"]);
}

/// Many lines in one write are split between files, and never within a line, nor between a line for people and its details.
#[test]
fn a_batch_is_split_at_lines() {
    let directory = Directory::new();
    let mut file = RollingFile::new(directory.log()).max_bytes(20).open().unwrap();
    write(&mut file, "one\ntwo\nerror\n    caused by: x\nthree\nfour\nfive\nsixth\n");
    assert_eq!(
        directory.texts(),
        ["one\ntwo\n", "error\n    caused by: x\n", "three\nfour\nfive\n", "sixth\n"]
    );
}

/// A line that comes in pieces stays in one file.
#[test]
fn a_line_in_pieces_stays_in_one_file() {
    let directory = Directory::new();
    let mut file = RollingFile::new(directory.log()).max_bytes(8).open().unwrap();
    for piece in ["begin ", "middle ", "end\n", "next\n"] {
        write(&mut file, piece);
    }
    assert_eq!(directory.texts(), ["begin middle end\n", "next\n"]);
}

/// Two rotations in one second have two names, and a file that is there is never overwritten.
#[test]
fn names_do_not_collide() {
    let directory = Directory::new();
    let mut file = RollingFile::new(directory.log()).max_bytes(1).open().unwrap();
    (0..50).for_each(|n| write(&mut file, &format!("{n:02}\n")));
    let all: String = directory.texts().concat();
    let mut lines: Vec<_> = all.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, (0..50).map(|n| format!("{n:02}")).collect::<Vec<_>>());
}

/// The oldest files are deleted, by number and by size; files with other names are not.
#[test]
fn old_files_are_deleted() {
    let directory = Directory::new();
    let foreign = [
        "app-2026.log",
        "app-server-2026-01-15T03-00-12.log",
        "app.log.bak",
        "app-2026-01-15T03-00-12.log.orig",
    ];
    for name in foreign {
        fs::write(directory.0.join(name), "mine").unwrap();
    }
    for (day, text) in [(1, "a"), (2, "b"), (3, "c"), (4, "d")] {
        fs::write(directory.0.join(format!("app-2020-01-0{day}T00-00-00.log")), text.repeat(10)).unwrap();
    }
    fs::write(directory.0.join("app-2020-01-02T00-00-00.log.gz.tmp"), "half").unwrap();
    let file = RollingFile::new(directory.log()).keep_files(3).keep_bytes(25).open().unwrap();
    until("old files are deleted", || directory.names().len() == foreign.len() + 3);
    let left = directory.names();
    assert!(left.contains(&"app-2020-01-03T00-00-00.log".to_owned()), "{left:?}");
    assert!(left.contains(&"app-2020-01-04T00-00-00.log".to_owned()), "{left:?}");
    assert!(foreign.iter().all(|name| left.contains(&(*name).to_owned())), "{left:?}");
    drop(file);
}

/// Rotated files are compressed, and what a crash has left half compressed is done again.
#[cfg(feature = "gzip")]
#[test]
fn old_files_are_compressed() {
    let directory = Directory::new();
    fs::write(directory.0.join("app-2020-01-01T00-00-00.log"), "old\n").unwrap();
    fs::write(directory.0.join("app-2020-01-01T00-00-00.log.gz.tmp"), "half").unwrap();
    let mut file = RollingFile::new(directory.log()).max_bytes(5).gzip().open().unwrap();
    write(&mut file, "first\n");
    write(&mut file, "next\n");
    until("two files are compressed", || {
        let names = directory.names();
        names.len() == 3 && names.iter().filter(|name| name.ends_with(".log.gz")).count() == 2
    });
    let mut texts = Vec::new();
    for name in directory.names().iter().filter(|name| name.ends_with(".gz")) {
        let file = fs::File::open(directory.0.join(name)).unwrap();
        texts.push(std::io::read_to_string(flate2::read::GzDecoder::new(file)).unwrap());
    }
    assert_eq!(texts, ["old\n", "first\n"]);
}

/// A file that others have moved or deleted is opened again with the first line after a second, or at once on request.
#[cfg(unix)]
#[test]
fn a_moved_file_is_opened_again() {
    let directory = Directory::new();
    let settings = RollingFile::new(directory.log());
    let handle = settings.handle();
    let mut file = settings.open().unwrap();
    write(&mut file, "one\n");
    fs::rename(directory.log(), directory.0.join("moved")).unwrap();
    handle.reopen();
    write(&mut file, "two\n");
    assert_eq!(fs::read_to_string(directory.0.join("moved")).unwrap(), "one\n");
    assert_eq!(fs::read_to_string(directory.log()).unwrap(), "two\n");

    fs::remove_file(directory.log()).unwrap();
    until("the file is there again", || {
        write(&mut file, "three\n");
        directory.log().exists()
    });
    assert!(fs::read_to_string(directory.log()).unwrap().starts_with("three\n"));
    assert_eq!(handle.failed_rotations(), 0);
}

/// A symbolic link stays, and the file behind it rotates.
#[cfg(unix)]
#[test]
fn a_link_stays_a_link() {
    let directory = Directory::new();
    let link = directory.0.join("link.log");
    std::os::unix::fs::symlink(directory.log(), &link).unwrap();
    let mut file = RollingFile::new(&link).max_bytes(4).open().unwrap();
    write(&mut file, "one\n");
    write(&mut file, "two\n");
    assert_eq!(directory.texts(), ["one\n", "two\n"]);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&link).unwrap(), "two\n");
}

/// A rotation that fails loses nothing: the current file grows, the failure is counted, and it is not tried with every line.
#[cfg(unix)]
#[test]
fn a_failed_rotation_loses_nothing() {
    use std::os::unix::fs::PermissionsExt;

    let directory = Directory::new();
    let inner = directory.0.join("inner");
    fs::create_dir(&inner).unwrap();
    let settings = RollingFile::new(inner.join("app.log")).max_bytes(4);
    let handle = settings.handle();
    let mut file = settings.open().unwrap();
    write(&mut file, "one\n");
    fs::set_permissions(&inner, fs::Permissions::from_mode(0o500)).unwrap();
    let forbidden = fs::write(inner.join("probe"), "").is_err();
    (0..100).for_each(|_| write(&mut file, "two\n"));
    fs::set_permissions(&inner, fs::Permissions::from_mode(0o700)).unwrap();
    // Root may write everywhere; then there is nothing to see.
    if forbidden {
        assert!((1..5).contains(&handle.failed_rotations()), "{}", handle.failed_rotations());
        assert_eq!(
            fs::read_to_string(inner.join("app.log")).unwrap(),
            format!("one\n{}", "two\n".repeat(100))
        );
    }
    // Moved into place of the backup's directory, a rotation fails for anybody.
    fs::remove_dir_all(&inner).unwrap();
    (0..3).for_each(|_| write(&mut file, "three\n"));
}

/// A directory in the place of the file, and one in the place of its directory, are errors.
#[test]
fn a_bad_path_is_an_error() {
    let directory = Directory::new();
    fs::create_dir(directory.log()).unwrap();
    assert!(RollingFile::new(directory.log()).open().is_err());
    fs::write(directory.0.join("file"), "").unwrap();
    assert!(RollingFile::new(directory.0.join("file/app.log")).open().is_err());
}

/// [S37] Two threads at full speed, while the file rotates: no line is lost or split, and the order of each thread is kept.
#[test]
fn rotation_under_load_loses_nothing() {
    const LINES: usize = 5_000;
    let directory = Directory::new();
    let file = RollingFile::new(directory.log()).max_bytes(50_000).open().unwrap();
    let settings = Queue::new().when_full(WhenFull::Block { at_most: Duration::from_secs(60) });
    let (writer, guard) = settings.writer(file).unwrap();
    drop(buttress_log::test::capture());
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(JsonLayer::new(writer)));
    thread::scope(|scope| {
        for name in ["a", "b"] {
            let dispatch = dispatch.clone();
            scope.spawn(move || {
                tracing::dispatcher::with_default(&dispatch, || (0..LINES).for_each(|n| info!("{name} {n}")));
            });
        }
    });
    guard.flush(Duration::from_secs(60)).unwrap();
    let texts = directory.texts();
    assert!(texts.len() > 10, "{}", texts.len());
    assert!(texts.iter().all(|text| text.len() <= 50_000));
    let lines = kit::parse(texts.concat().as_bytes());
    for name in ["a ", "b "] {
        let messages = lines.iter().filter_map(|line| line["message"].as_str()?.strip_prefix(name));
        let numbers: Vec<usize> = messages.map(|number| number.parse().unwrap()).collect();
        assert_eq!(numbers, (0..LINES).collect::<Vec<_>>());
    }
}

/// What an earlier process has written counts for the size.
#[test]
fn an_old_file_goes_on() {
    let directory = Directory::new();
    fs::write(directory.log(), "12345678\n").unwrap();
    let mut file = RollingFile::new(directory.log()).max_bytes(10).open().unwrap();
    write(&mut file, "new\n");
    assert_eq!(directory.texts(), ["12345678\n", "new\n"]);
    let relative: RollingFile = Path::new("app.log").into();
    assert!(format!("{relative:?}").contains("app.log"));
}

/// A torn line that an earlier process has left is ended, and the next one begins on a line of its own.
#[test]
fn a_torn_end_is_ended() {
    for (left, expected) in [("", "next\n"), ("whole\n", "whole\nnext\n"), ("ha", "ha\nnext\n")] {
        let directory = Directory::new();
        fs::write(directory.log(), left).unwrap();
        let mut file = RollingFile::new(directory.log()).open().unwrap();
        assert_eq!(fs::read_to_string(directory.log()).unwrap(), left, "opening writes nothing");
        write(&mut file, "next\n");
        write(&mut file, "last\n");
        assert_eq!(fs::read_to_string(directory.log()).unwrap(), format!("{expected}last\n"));
    }
}

/// A rotation that fails for everybody: the name of the rotated file would be too long for the file system.
#[cfg(unix)]
#[test]
fn a_name_that_is_too_long_loses_nothing() {
    let directory = Directory::new();
    let path = directory.0.join(format!("{}.log", "a".repeat(245)));
    let settings = RollingFile::new(&path).max_bytes(4);
    let handle = settings.handle();
    let mut file = settings.open().unwrap();
    (0..1_000).for_each(|_| write(&mut file, "one\n"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\n".repeat(1_000));
    // One try in a second.
    assert!((1..60).contains(&handle.failed_rotations()), "{}", handle.failed_rotations());
    assert_eq!(directory.names().len(), 1);
}

/// New files and compressed ones have the permissions of the file they replace: others cannot read what they could not before.
#[cfg(unix)]
#[test]
fn permissions_are_kept() {
    use std::os::unix::fs::PermissionsExt;

    let directory = Directory::new();
    let settings = RollingFile::new(directory.log()).max_bytes(4);
    #[cfg(feature = "gzip")]
    let settings = settings.gzip();
    let mut file = settings.open().unwrap();
    write(&mut file, "one\n");
    fs::set_permissions(directory.log(), fs::Permissions::from_mode(0o600)).unwrap();
    write(&mut file, "two\n");
    let ending = if cfg!(feature = "gzip") { ".log.gz" } else { ".log" };
    until("the file is rotated", || {
        let names = directory.names();
        names.len() == 2 && names.iter().all(|name| name == "app.log" || name.ends_with(ending))
    });
    for name in directory.names() {
        let mode = fs::metadata(directory.0.join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

/// A pipe with a name is not moved, although it was told to rotate.
#[cfg(unix)]
#[test]
fn a_device_never_rotates() {
    let directory = Directory::new();
    assert!(std::process::Command::new("mkfifo").arg(directory.log()).status().unwrap().success());
    let path = directory.log();
    let reader = thread::spawn(move || fs::read_to_string(path).unwrap());
    let mut file = RollingFile::new(directory.log()).max_bytes(4).hourly().open().unwrap();
    ["one\n", "two\n", "three\n"].into_iter().for_each(|line| write(&mut file, line));
    drop(file);
    assert_eq!(reader.join().unwrap(), "one\ntwo\nthree\n");
    assert_eq!(directory.names(), ["app.log"]);
}

/// The error of a path that cannot be opened names it, and the cause.
#[test]
fn the_error_names_path_and_cause() {
    let directory = Directory::new();
    fs::write(directory.0.join("file"), "").unwrap();
    let path = directory.0.join("file/app.log");
    let error = RollingFile::new(&path).open().unwrap_err();
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(error.to_string(), format!("cannot open log sink {}: {cause}", path.display()));
}
