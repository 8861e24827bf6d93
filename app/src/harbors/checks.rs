//! What the check-lists of harbors and buckets say was found.

pub use super::headings::{Advice, Heading};
use crate::sentence::{Sentence, en, sentences, zh};
use crate::text::Lang;
use crate::text::Lang::{En, ZhCn};
use crate::troubles::Trouble;
use crate::units::{Moment, bytes, count, listed, some};

sentences! {
    /// What is lacking without some rights.
    pub enum Lack {
        /// Backups.
        BackupsIncomplete => ("backups would be incomplete"), ("备份将不完整");
        /// Settings.
        SettingsStayOut => ("settings without the right stay out of the backup"), ("缺少权限的设置不会被备份");
        /// The preview.
        NoPreview => ("nobody could tell what a restore would do"), ("无法预知恢复的效果");
        /// Restores.
        NothingRestored => ("nothing can be restored"), ("无法恢复任何内容");
        /// Warnings.
        NoWarnings => ("the preview cannot warn of them"), ("预览无法就此提示");
    }

    /// Why large bodies were not tried.
    pub enum Untried {
        /// Read-only mode.
        ReadOnly => ("Harbor is in read-only mode"), ("Harbor 处于只读模式");
        /// No place.
        NoRepository => ("there is no repository to try it in"), ("没有可供测试的仓库");
        /// No right.
        MayNotPush => ("this login may not push there"), ("此登录无权推送到该处");
        /// No time.
        TooLong => ("sending took too long"), ("发送耗时过长");
        /// Trouble.
        Trouble {
            /// Which.
            why: Trouble,
        } => ("{}", en(why)), ("{}", zh(why));
    }

    /// Something about a login.
    pub enum LoginNote {
        /// It will be over.
        Ends {
            /// The login.
            login: String,
            /// Its end.
            at: Moment,
            /// In how many days.
            days: i64,
        } => ("{login} ends on {}, in {}; from then on Harbor takes its calls for nobody's", day(*at), some(*days, "day", "days")),
            ("{login} 将于 {}（{} 天后）到期；此后 Harbor 将其请求视为匿名", day(*at), count(*days));
        /// It is over.
        Ended {
            /// The login.
            login: String,
            /// Its end.
            at: Moment,
        } => ("{login} ended on {}", day(*at)), ("{login} 已于 {} 到期", day(*at));
        /// It may do more than is needed.
        Surplus {
            /// The login.
            login: String,
            /// Rights that nothing needs.
            rights: Vec<String>,
        } => ("{login} may do what nothing needs: {}", rights.join(", ")), ("{login} 拥有不需要的权限：{}", listed(ZhCn, rights));
    }

    /// What was found.
    pub enum Detail {
        /// It failed.
        Trouble {
            /// How.
            why: Trouble,
        } => ("{}", en(why)), ("{}", zh(why));
        /// With TLS.
        AnswersOverTls => ("answers over TLS"), ("通过 TLS 应答");
        /// Without.
        AnswersPlainly => ("answers, without encryption"), ("有应答，但未加密");
        /// Something else is there.
        NoHarborApi => ("there is no Harbor API v2.0 at this address"), ("此地址没有 Harbor API v2.0");
        /// A version that is not known.
        VersionUnsupported {
            /// It.
            version: String,
        } => ("{version} is not supported"), ("不支持 {version}");
        /// An old version.
        VersionOld {
            /// It.
            version: String,
        } => ("{version} is older than what is tested"), ("{version} 早于已测试的版本");
        /// A version.
        Version {
            /// It.
            version: String,
        } => ("{version}"), ("{version}");
        /// No version.
        VersionUntold => ("Harbor does not tell its version to this login"), ("Harbor 未向此登录提供版本");
        /// A robot.
        Accepted {
            /// The login.
            login: String,
        } => ("{login} is accepted"), ("{login} 已被接受");
        /// A user.
        AcceptedUser {
            /// The login.
            login: String,
        } => ("{login} is accepted; it seems to be a user, whose password costs Harbor about 0.1 s of CPU at each request"),
            ("{login} 已被接受；似乎是用户账号，其密码校验会使 Harbor 每次请求耗费约 0.1 秒处理器时间");
        /// Nothing to try with.
        NoSample => ("no image was found to try this with"), ("没有可供测试的镜像");
        /// A manifest was read.
        SampleRead {
            /// Of which repository.
            repository: String,
        } => ("a manifest of {repository} was read and its digest is right"), ("已读取 {repository} 的一个 manifest，摘要正确");
        /// Pulls are not counted.
        NotCounted => ("Harbor's pull counter did not move"), ("Harbor 的拉取计数未变化");
        /// Something was counted.
        CounterMoved => ("Harbor's pull counter moved meanwhile, perhaps by somebody else's pull"), ("期间 Harbor 的拉取计数有变化，可能由他人拉取引起");
        /// It is gone.
        RepositoryVanished => ("the repository vanished meanwhile"), ("该仓库在此期间消失");
        /// Referrers.
        CanBeRead => ("can be read"), ("可读取");
        /// No referrers.
        NoReferrers => ("this version has no referrers; signatures by tag are kept"), ("此版本不支持引用；以 Tag 保存的签名会备份");
        /// Read-only mode.
        ReadOnlyMode => ("Harbor is in read-only mode; restores wait until it ends"), ("Harbor 处于只读模式；恢复将等待其结束");
        /// No clock.
        ClockUntold => ("Harbor does not tell its time"), ("Harbor 未提供时间");
        /// Clocks agree.
        ClocksAgree => ("the clocks agree"), ("时钟一致");
        /// They do not.
        ClockOff {
            /// By how many seconds.
            seconds: i64,
            /// Whether Harbor's is ahead.
            ahead: bool,
        } => ("Harbor's clock is {} s {}", count(*seconds), if *ahead { "ahead" } else { "behind" }), ("Harbor 的时钟{} {} 秒", if *ahead { "快" } else { "慢" }, count(*seconds));
        /// A right is there.
        Allowed => ("allowed"), ("已允许");
        /// Rights are there.
        AllowedIn {
            /// Tried in this project.
            project: String,
        } => ("allowed, tried in {project}"), ("已允许（在 {project} 中测试）");
        /// Rights are missing.
        MissingIn {
            /// In this project.
            project: String,
            /// These.
            rights: Vec<String>,
            /// What is lacking without.
            without: Lack,
        } => ("missing in {project}: {}; {}", rights.join(", "), en(without)), ("{project} 中缺少：{}；{}", listed(ZhCn, rights), zh(without));
        /// Rights are missing, of staging.
        Missing {
            /// In this project.
            project: String,
            /// These.
            rights: Vec<String>,
        } => ("missing in {project}: {}", rights.join(", ")), ("{project} 中缺少：{}", listed(ZhCn, rights));
        /// No project is seen.
        NoProjects => ("this login sees no project, so its rights cannot be tried"), ("此登录看不到任何项目，无法测试其权限");
        /// Projects are seen.
        Projects {
            /// How many.
            projects: i64,
            /// Of them private.
            private: i64,
        } => ("{}, {} of them private", some(*projects, "project", "projects"), count(*private)), ("{} 个项目，其中 {} 个私有", count(*projects), count(*private));
        /// No version, no log.
        AuditVersionUnknown => ("the version is unknown; where update times of repositories do not tell what changed, every run lists every project"),
            ("版本未知；若仓库更新时间不反映变更，则每次运行都会列出所有项目");
        /// No row of the log.
        AuditNoRow => ("no row is shown: audit-log:list of the system is missing, or nothing is written to the log; where update times of repositories do not tell what changed, every run lists every project"),
            ("没有记录：缺少系统权限 audit-log:list，或日志未写入；若仓库更新时间不反映变更，则每次运行都会列出所有项目");
        /// Private projects are seen.
        PrivateSeen {
            /// How many.
            private: i64,
        } => ("{} seen; Harbor does not tell whether these are all", some(*private, "private project is", "private projects are")), ("可见 {} 个私有项目；Harbor 不提供是否为全部", count(*private));
        /// None is.
        NoPrivateSeen => ("no private project is seen; if there are any, this robot does not cover them"), ("看不到私有项目；若存在，则此机器人账号未覆盖");
        /// Only one's own are.
        SeesOwnOnly => ("missing in the system: project:list; only this user's and public projects are seen"), ("缺少系统权限 project:list；仅可见该用户的项目与公开项目");
        /// It cannot be tried.
        CreateUntried => ("cannot be tried while Harbor is in read-only mode"), ("Harbor 处于只读模式，无法测试");
        /// The right is missing.
        CreateMissing => ("missing in the system: project:create; somebody else must create a deleted project before it is restored"), ("缺少系统权限 project:create；恢复已删除的项目前须由他人创建");
        /// Layers come from Harbor.
        StorageItself => ("Harbor hands them out itself"), ("由 Harbor 自身提供");
        /// Layers come from elsewhere.
        StorageAnswers {
            /// Host.
            host: String,
        } => ("Harbor points to {host}, which answers"), ("Harbor 指向 {host}，可以访问");
        /// Not tried.
        BodiesUntried {
            /// Why.
            why: Untried,
        } => ("not tried: {}", en(why)), ("未测试：{}", zh(why));
        /// Bodies pass.
        BodiesPass {
            /// The largest tried, bytes.
            size_bytes: i64,
            /// Larger ones were left.
            cut: bool,
        } => ("bodies of {} reach Harbor{}", bytes(*size_bytes), if *cut { "; larger ones were not tried, since this took long" } else { "" }),
            ("{} 的请求体可到达 Harbor{}", bytes(*size_bytes), if *cut { "；因耗时较长，未测试更大的" } else { "" });
        /// None passes.
        BodiesRefused {
            /// The limit, bytes.
            limit_bytes: i64,
        } => ("something before Harbor refuses bodies of more than {}: nothing can be sent", bytes(*limit_bytes)), ("Harbor 前的设备拒绝超过 {} 的请求体：无法发送任何内容", bytes(*limit_bytes));
        /// Smaller ones pass.
        BodiesCapped {
            /// The limit, bytes.
            limit_bytes: i64,
        } => ("something before Harbor refuses bodies of more than {}: layers are sent in pieces of that size, and a larger manifest cannot be sent", bytes(*limit_bytes)),
            ("Harbor 前的设备拒绝超过 {} 的请求体：镜像层将按此大小分块发送，更大的 manifest 无法发送", bytes(*limit_bytes));
        /// Logins are well.
        LoginsWell => ("no login ends soon, and none may do what nothing needs"), ("没有登录即将到期，也没有多余的权限");
        /// Logins are not.
        LoginNotes {
            /// What is the matter.
            notes: Vec<LoginNote>,
        } => ("{}", all(En, notes)), ("{}", all(ZhCn, notes));
        /// Harbor does not tell.
        LoginsUntold {
            /// Of these.
            logins: Vec<String>,
        } => ("Harbor does not tell it of {}", logins.join(", ")), ("Harbor 未提供 {} 的信息", listed(ZhCn, logins));
        /// Rights of staging.
        StagingAllowed => ("copy into it, read and clear it"), ("可复制到其中、读取并清理");
        /// No quota.
        StagingUnlimited => ("no limit; a copy takes next to no space in the storage"), ("无限制；副本几乎不占用存储空间");
        /// A quota.
        StagingLimited {
            /// Its size, bytes.
            limit_bytes: i64,
        } => ("images above {} cannot be read through it, and stay gaps", bytes(*limit_bytes)), ("超过 {} 的镜像无法通过它读取，仍为缺口", bytes(*limit_bytes));
        /// No right to see it.
        StagingQuotaUnseen => ("this login may not see the project's quota"), ("此登录无权查看项目配额");
        /// Too many rights.
        MayTooMuch {
            /// In this project.
            project: String,
            /// These.
            rights: Vec<String>,
        } => ("in {project} it may: {}", rights.join(", ")), ("它在 {project} 中可以：{}", listed(ZhCn, rights));
        /// Right rights.
        ElsewhereReadOnly => ("it may look artifacts up there, and change nothing"), ("它仅可在该处查询制品，不能更改");
        /// A public project.
        StagingPublic {
            /// It.
            project: String,
        } => ("{project} is public: everybody could pull what is copied there"), ("{project} 是公开的：任何人都可拉取复制到其中的内容");
        /// A cache.
        StagingCache {
            /// It.
            project: String,
        } => ("{project} is a cache of another registry and takes no copies"), ("{project} 是另一镜像仓库的缓存，不接受副本");
        /// A good one.
        StagingPrivate {
            /// It.
            project: String,
        } => ("{project} is private and has no policy"), ("{project} 是私有的且没有策略");
        /// One with policies.
        StagingPolicies {
            /// It.
            project: String,
            /// Names of its policies.
            policies: Vec<String>,
        } => ("{project} has the policies {}, which block there too", policies.join(", ")), ("{project} 启用了策略 {}，同样会拦截", listed(ZhCn, policies));
        /// No policy replicates.
        NotReplicated => ("no replication policy takes what is copied there"), ("没有同步策略会同步其中的副本");
        /// Some do.
        Replicated {
            /// Their names.
            policies: Vec<String>,
        } => ("these policies also replicate each copy: {}", policies.join(", ")), ("这些策略也会同步每个副本：{}", listed(ZhCn, policies));
        /// They cannot be read.
        ReplicationUnread {
            /// Why.
            why: Trouble,
        } => ("replication policies cannot be read: {}", en(why)), ("无法读取同步策略：{}", zh(why));

        /// A bucket answers.
        BucketAnswers => ("the bucket answers, and the key may list it"), ("存储桶有应答，且密钥可列出其内容");
        /// A try of a bucket failed.
        StoreFailed {
            /// What its server said.
            why: String,
        } => ("{why}"), ("失败：{why}");
        /// Puts do not replace.
        PutRefused => ("a put that must not replace is refused when the name is taken"), ("名称已被占用时，不允许替换的写入会被拒绝");
        /// They do.
        PutReplaced => ("a put that must not replace replaced what was there"), ("不允许替换的写入替换了原有内容");
        /// Checksums hold.
        ChecksumHeld => ("bytes that differ from their checksum are refused"), ("与校验和不符的数据会被拒绝");
        /// They do not.
        ChecksumIgnored => ("bytes that differ from their checksum were stored"), ("与校验和不符的数据被存储了");
        /// Read back.
        ReadAtOnce => ("what is put is read back at once"), ("写入后立即可读回");
        /// Not.
        ReadDiffers => ("what was put is not what is read back"), ("读回的内容与写入的不同");
        /// Listed.
        ListedAtOnce => ("what is put is listed at once"), ("写入后立即可列出");
        /// Not.
        NotListed => ("what was put is not listed"), ("写入的内容未被列出");
        /// Parts.
        PartsNeverReplace => ("large objects go up in parts and never replace what is there"), ("大对象分块上传，且不会替换原有内容");
        /// Parts that replace the same bytes.
        PartsReplaceSame => ("of two uploads of one large object at the same time the later one replaces the earlier one with the same bytes"), ("同一大对象的两次同时上传，后者会以相同数据替换前者");
        /// Copies.
        Copies => ("objects can be copied inside the bucket"), ("可在存储桶内复制对象");
        /// Copies that differ.
        CopyDiffers => ("a copy inside the bucket differs from its source"), ("存储桶内的副本与来源不同");
        /// Uploads are found.
        UnfinishedFound => ("unfinished uploads can be found and dropped"), ("可找到并丢弃未完成的上传");
        /// Not.
        UnfinishedHidden => ("unfinished uploads cannot be listed, so they are not tidied up"), ("无法列出未完成的上传，因此不会清理");
        /// Gone.
        DeletedAtOnce => ("what is deleted is gone at once"), ("删除后立即消失");
        /// Not.
        DeletedStays => ("what was deleted is still there"), ("已删除的内容仍然存在");
        /// It is not seen.
        VersionsUnseen => ("the key may not see whether the bucket keeps old versions"), ("密钥无权查看存储桶是否保留旧版本");
        /// None.
        NoVersions => ("the bucket keeps no old versions: what a sweep deletes frees its room"), ("存储桶不保留旧版本：清理删除的内容会释放空间");
        /// Kept and told apart.
        VersionsHandled => ("the bucket keeps old versions: a sweep deletes those it means and frees their room, and what somebody else deletes or overwrites is healed from them"),
            ("存储桶保留旧版本：清理会删除其所指的版本并释放空间；他人删除或覆盖的内容可由旧版本修复");
        /// They stay.
        VersionsStay => ("the bucket keeps old versions, and the key may not delete them: what a sweep deletes goes on taking room"), ("存储桶保留旧版本，而密钥无权删除：清理删除的内容继续占用空间");
        /// They are hidden.
        VersionsHidden {
            /// What the server said.
            why: String,
        } => ("the bucket keeps old versions, and the key may not list them: {why}"), ("存储桶保留旧版本，而密钥无权列出：{why}");
        /// Everything is locked.
        LocksEverything => ("the bucket locks everything that is put: small files that are written again and again pile up as locked versions"), ("存储桶锁定所有写入内容：反复写入的小文件会累积为锁定的版本");
        /// It can lock.
        CanLock => ("the bucket can lock objects and does not by itself"), ("存储桶可锁定对象，默认不锁定");
        /// It is not seen.
        LocksUnseen => ("the key may not see whether the bucket locks objects"), ("密钥无权查看存储桶是否锁定对象");
        /// It does not.
        NoLocks => ("the bucket does not lock objects"), ("存储桶不锁定对象");
        /// Locks hold.
        LockHolds {
            /// For how long the file it was tried with stays; none = it is gone.
            stays_s: Option<i64>,
        } => ("what is locked cannot be deleted, and can be locked for longer{}", stays_s.map(|s| format!("; the file it was tried with stays for {} and is tidied up by a later sweep", some(s, "second", "seconds"))).unwrap_or_default()),
            ("锁定的内容无法删除，且可延长锁定{}", stays_s.map(|s| format!("；测试文件保留 {} 秒，由之后的清理删除", count(s))).unwrap_or_default());
        /// They do not.
        LockIgnored => ("what was locked was deleted all the same"), ("锁定的内容仍被删除");
        /// Nothing was locked.
        LockFailed {
            /// What the server said.
            why: String,
        } => ("nothing could be locked: {why}"), ("无法锁定：{why}");
    }
}

/// `2026-12-01`.
fn day(at: Moment) -> String {
    at.long().chars().take(10).collect()
}

fn all(lang: Lang, notes: &[LoginNote]) -> String {
    notes.iter().map(|note| note.say(lang)).collect::<Vec<_>>().join(lang.pick("; ", "；"))
}
