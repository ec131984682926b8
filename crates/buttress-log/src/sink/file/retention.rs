//! `Retention`: which rotated files are deleted.

use std::cmp::Reverse;

use crate::sink::file::backup::Backup;

/// How many rotated files are kept, and how many bytes they may have together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Retention {
    pub(super) files: Option<usize>,
    pub(super) bytes: Option<u64>,
}

impl Retention {
    /// Returns the files to delete, oldest last: all from the first one on that exceeds a limit.
    pub(super) fn surplus(self, mut backups: Vec<Backup>) -> Vec<Backup> {
        // Of two in one second, the one with the longer stamp is newer: `_1000` comes after `_999`.
        let order = |backup: &Backup| (backup.second().to_owned(), backup.stamp.len(), backup.stamp.clone());
        backups.sort_by_cached_key(|backup| Reverse(order(backup)));
        let mut bytes = 0_u64;
        let kept = backups.iter().enumerate().take_while(|(index, backup)| {
            bytes = bytes.saturating_add(backup.bytes);
            self.files.is_none_or(|files| *index < files) && self.bytes.is_none_or(|max| bytes <= max)
        });
        let kept = kept.count();
        backups.split_off(kept)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn backup(stamp: &str, bytes: u64) -> Backup {
        Backup { path: stamp.into(), stamp: stamp.to_owned(), bytes, is_compressed: false }
    }

    fn surplus(retention: Retention) -> Vec<String> {
        let backups = vec![backup("2", 20), backup("4", 40), backup("1", 10), backup("3", 30)];
        retention.surplus(backups).into_iter().map(|backup| backup.stamp).collect()
    }

    #[test]
    fn the_oldest_are_deleted() {
        let none: [&str; 0] = [];
        assert_eq!(surplus(Retention::default()), none);
        assert_eq!(surplus(Retention { files: Some(3), bytes: None }), ["1"]);
        assert_eq!(surplus(Retention { files: Some(0), bytes: None }), ["4", "3", "2", "1"]);
        assert_eq!(surplus(Retention { files: None, bytes: Some(70) }), ["2", "1"]);
        assert_eq!(surplus(Retention { files: Some(1), bytes: Some(70) }), ["3", "2", "1"]);
        assert_eq!(surplus(Retention { files: None, bytes: Some(39) }), ["4", "3", "2", "1"]);
        let second = "2026-01-15T03-00-12";
        let stamps = ["_1000", "", "_999", "_001"].map(|number| format!("{second}{number}"));
        let next = backup("2026-01-15T03-00-13", 0);
        let backups = stamps.iter().map(|stamp| backup(stamp, 0)).chain([next]).collect();
        let deleted = Retention { files: Some(2), bytes: None }.surplus(backups);
        let deleted: Vec<_> = deleted.iter().map(|backup| &backup.stamp[second.len()..]).collect();
        assert_eq!(deleted, ["_999", "_001", ""]);
    }

    proptest! {
        /// What is kept is within both limits, and newer than what is deleted.
        #[test]
        fn the_limits_hold(sizes in prop::collection::vec(0_u64..100, 0..30), files in 0_usize..20, bytes in 0_u64..1_000) {
            let backups: Vec<_> = sizes.iter().enumerate().map(|(n, size)| backup(&format!("{n:03}"), *size)).collect();
            let deleted = Retention { files: Some(files), bytes: Some(bytes) }.surplus(backups.clone());
            let kept: Vec<_> = backups.iter().filter(|backup| !deleted.contains(backup)).collect();
            prop_assert!(kept.len() <= files);
            prop_assert!(kept.iter().map(|backup| backup.bytes).sum::<u64>() <= bytes);
            prop_assert!(kept.iter().all(|kept| deleted.iter().all(|deleted| deleted.stamp < kept.stamp)));
        }
    }
}
