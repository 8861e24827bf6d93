//! What a try of a bucket saw, and what helps: values. Whoever shows them has the words.

/// What was seen. A `why` is what the server said.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// The try failed.
    Failed {
        why: String,
    },
    /// The bucket answers.
    Answers,
    /// A put that must not replace.
    PutRefused,
    PutReplaced,
    /// Bytes with the checksum of others.
    ChecksumHeld,
    ChecksumIgnored,
    /// Reading back.
    ReadAtOnce,
    ReadDiffers,
    /// Listing.
    ListedAtOnce,
    NotListed,
    /// Large objects.
    PartsNeverReplace,
    PartsReplaceSame,
    /// Copies inside the bucket.
    Copies,
    CopyDiffers,
    /// Unfinished uploads.
    UnfinishedFound,
    UnfinishedHidden,
    /// Deletions.
    DeletedAtOnce,
    DeletedStays,
    /// Old versions.
    VersionsUnseen,
    NoVersions,
    VersionsHandled,
    VersionsStay,
    VersionsHidden {
        why: String,
    },
    /// Locks.
    LocksEverything,
    CanLock,
    LocksUnseen,
    NoLocks,
    /// A lock holds; the file it was tried with stays for so many seconds, if it does.
    LockHolds {
        stays_s: Option<u64>,
    },
    LockIgnored,
    LockFailed {
        why: String,
    },
}

/// What helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// A server that keeps the promise.
    OtherServer,
    /// What the server says, then another try.
    SeeServer,
    /// Address, region, bucket and key.
    CheckBucket,
    /// A lifecycle rule for unfinished uploads.
    DropUnfinished,
    /// None is needed.
    Nothing,
    /// Rights of the key.
    LetSeeVersions,
    LetDeleteVersions,
    LetListVersions,
    LetSeeLocks,
    LetLock,
    /// No default retention.
    NoDefaultRetention,
}
